"""Reads one question to a policy: a request, a person and a moment, each typed as an example would have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.policy.example import Example
from gateway.policy.policy import Policy
from gateway.policy.reading.parse_examples import example_reader
from gateway.yaml.mistakes import Mistakes, Where
from gateway.yaml.tree import Entry, Items, Scalar, Table


def read_question(
    policy: Policy,
    mistakes: Mistakes,
    *,
    place: str,
    asked: Mapping[str, str],
    who: Mapping[str, str] | None,
    switches: Iterable[str] = (),
) -> Example | None:
    """Return the question as an example whose expectation means nothing; `None` where there is a mistake.

    `asked` has `request`, `at`, `signed_in`, `from` and `entries`; an empty text is a key that is not written. `who`
    has a person's facts, or is `None` for nobody. `place` is the word by which mistakes name where they are.
    """
    start = Where(place)
    written = {"title": place, "expect": "allow", **asked}
    entries = [_entry(key, text, start) for key, text in written.items() if text]
    if names := tuple(Scalar(name, start) for name in switches):
        entries.append(Entry("switch", start, Items(names, start)))
    if who is not None:
        facts = tuple(_entry(key, text, start) for key, text in who.items())
        entries.append(Entry("who", start, Table(facts, start)))
    found = example_reader(policy, mistakes).examples(Items((Table(tuple(entries), start),), start))
    return found[0] if found and not len(mistakes) else None


def _entry(key: str, text: str, place: Where) -> Entry:
    return Entry(key, place, Scalar(text, place, plain=False))
