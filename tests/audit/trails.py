"""Makes trails for the tests of the audit: keys, and whole files as writers leave them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from gateway.audit.chain import BEGINNING, Head, Place
from gateway.audit.checkpoint import Signer, Verifier
from gateway.audit.entry import Action, Entry
from gateway.audit.segment import Beside, Terms, Writing, checkpoint, entered, opened
from gateway.login.jwcrypto_keys import make_key
from gateway.login.keys import SigningKey

NOON = 1_795_402_800.0
"""2026-11-23, noon in Tokyo."""

FIRST = Place("worker-1", 1)


@cache
def key(number: int = 0) -> SigningKey:
    assert number >= 0
    return make_key("ES256")


def terms(**changes: object) -> Terms:
    values: dict[str, object] = {
        "node": "gw1",
        "signer": Signer(key()),
        "interval": 60.0,
        "rotate_size": 1_000_000,
        "rotate_every": 86_400.0,
        "keep": None,
    }
    return Terms(**(values | changes))  # type: ignore[arg-type]


def verifier() -> Verifier:
    return Verifier({key().kid: key().key})


def entry(number: int = 0, time: float | None = None, action: Action = Action.SIGN_IN) -> Entry:
    return Entry(action, NOON + number if time is None else time, pseudonym=f"p{number}", app="booking")


def whole(
    count: int = 5,
    place: Place = FIRST,
    before: Head = BEGINNING,
    *,
    ends: bool = True,
    beside: Iterable[Beside] = (),
    torn: bool = False,
    start: float = NOON,
    the: Terms | None = None,
) -> tuple[bytes, Writing]:
    """Return a whole file of a writer, with so many entries, and its state at the end."""
    the = the or terms()
    written = opened(place, before, start, the, beside, torn=torn)
    text = written.text
    added = entered(written.state, [entry(n, start + n) for n in range(count)], the)
    text += added.text
    last = checkpoint(added.state, start + count, the, ends=ends)
    return text + last.text, last.state


class KeptTrail:
    """A trail in memory; a full one takes nothing."""

    def __init__(self, *, required: bool = False, full: bool = False) -> None:
        self.required = required
        self.full = full
        self.entries: list[Entry] = []

    def record(self, entry: Entry) -> None:
        if not self.full:
            self.entries.append(entry)

    async def recorded(self, entry: Entry) -> bool:
        self.record(entry)
        return not (self.full and self.required)
