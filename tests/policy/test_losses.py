from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.losses import (
    Adopted,
    AdoptionsError,
    AsRead,
    Loss,
    as_read,
    losses,
    read_adoptions,
    unadopted,
    write_adoptions,
)
from gateway.policy.policy import REMEMBERED, Source
from gateway.policy.reading.parse import parse_policy
from gateway.policy.subject_code import show_code, subject_code
from gateway.yaml.mistakes import Mistakes


def entry(number: int) -> str:
    return f"- {{subject: {show_code(subject_code('client', str(number)))}}}\n"


def listed(count: int, text: bytes = b"x\n") -> dict[str, AsRead]:
    return {"list": AsRead(count, Source.of(text))}


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        (6, 3, True),
        (2, 1, True),
        (1, 0, True),
        (1_000, 500, True),
        (1_000, 899, True),
        (100, 90, True),
        (20, 18, True),
        (3, 2, False),
        (10, 9, False),
        (100, 91, False),
        (1_000, 950, False),
        (5, 5, False),
        (5, 500, False),
        (0, 0, False),
    ],
)
def test_a_list_that_lost_many_entries_is_held(before: int, after: int, held: bool) -> None:
    """Half of them or more, or two and more that are a tenth: one person who is taken out is not many."""
    found = losses(listed(before, b"before\n"), listed(after, b"after\n"))

    assert bool(found) is held
    if held:
        assert (found[0].before, found[0].after) == (before, after)


def test_a_list_that_ends_within_a_line_may_lose_nobody() -> None:
    """A line that was cut is one entry less, and surely half written."""
    assert losses(listed(100, b"before\n"), listed(99, b"after"))
    assert not losses(listed(99, b"before\n"), listed(100, b"after"))


@settings(deadline=None)
@given(st.permutations(list(range(24))), st.permutations(list(range(12, 36))), st.integers(0, 24))
def test_a_list_that_is_written_anew_in_another_order_is_held(old: list[int], new: list[int], written: int) -> None:
    """People are counted, not entries: in the midst of the writing nobody who was blocked passes by a tenth or more."""

    def standing(people: list[int]) -> dict[str, AsRead]:
        text = "".join(map(entry, people)).encode()
        return {"list": AsRead(len(people), Source.of(text), frozenset(map(entry, people)))}

    gone = len(set(old) - set(new[:written]))

    found = losses(standing(old), standing(new[:written]))

    assert bool(found) is (gone >= 3)
    assert [loss.before - loss.after for loss in found] == ([gone] if found else [])


@settings(deadline=None)
@given(st.integers(2, 60), st.data())
def test_no_list_is_read_when_half_of_it_is_written(count: int, data: st.DataObject) -> None:
    """Wherever a file is cut, what is read of it is a mistake, or held, or everything that it says."""
    text = "".join(entry(number) for number in range(count)).encode()
    cut = data.draw(st.integers(0, len(text)))
    policy = b"policy: p\nconditions: {blocked: {subject: {in: list.yaml}}}\nrules: [{name: r, require: [blocked]}]\n"

    def read(content: bytes, folder: Path) -> tuple[dict[str, AsRead], int]:
        (folder / "list.yaml").write_bytes(content)
        mistakes = Mistakes()
        parsed = parse_policy(policy, mistakes, folder=folder)
        return ({} if parsed is None else as_read([parsed])), len(mistakes)

    with TemporaryDirectory() as folder:
        then, _ = read(text, Path(folder))
        now, mistakes = read(text[:cut], Path(folder))

    assert mistakes or losses(then, now) or text[:cut].strip() == text.strip()


@pytest.mark.parametrize("cut", ["    - b\n", "  b: {age: {at_least: 18}}\n", "# the end\n"])
def test_a_file_that_is_the_beginning_of_what_it_was_is_held(cut: str) -> None:
    """A file of conditions has nothing at its end that would be missed by its reader."""
    text = f"conditions:\n  a:\n    residence: {{in: [a]}}\n{cut}".encode()
    then = {"use.yaml": AsRead(None, Source.of(text))}

    assert losses(then, {"use.yaml": AsRead(None, Source.of(text.removesuffix(cut.encode())))})
    assert not losses(then, {"use.yaml": AsRead(None, Source.of(text + b"\n"))})
    assert not losses(then, {"use.yaml": AsRead(None, Source.of(text.replace(b"age", b"ages")))})


def test_line_ends_at_the_end_are_not_missed() -> None:
    """An editor that takes an empty line out loses nothing."""
    then = {"use.yaml": AsRead(None, Source.of(b"a: b\n\n\n"))}

    assert not losses(then, {"use.yaml": AsRead(None, Source.of(b"a: b\n"))})


def test_a_file_nobody_knew_and_one_that_stayed_are_not_held() -> None:
    """There is nothing to compare with, or nothing changed."""
    assert not losses({}, listed(1))
    assert not losses(listed(1), listed(1))


def test_where_only_the_number_is_known_it_is_compared() -> None:
    """A worker that starts is told it by its supervisor."""
    assert losses({"list": AsRead(10)}, listed(5))
    assert not losses({"list": AsRead(10)}, listed(10))


def test_a_large_file_is_not_remembered_whole() -> None:
    """A thousand Apps may read one list of 16 MiB."""
    assert Source.of(b"x" * (REMEMBERED + 1)).text is None


def test_an_adoption_is_of_one_content() -> None:
    """The same file, as it was when the operator looked; the next loss is another question."""
    loss = Loss("list", "a" * 64, 6, 3)
    adopted = Adopted("a" * 64, 3, "sato", "moved away", 1.0)

    assert unadopted([loss], {}) == (loss,)
    assert unadopted([loss], {"list": adopted}) == ()
    assert unadopted([Loss("list", "b" * 64, 6, 3)], {"list": adopted}) != ()
    assert unadopted([loss], read_adoptions(write_adoptions({"list": adopted}))) == ()


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"a": 1}', b'{"a": {}, "a": {}}', b"[" * 9_999, b"\xff"])
def test_what_is_no_file_of_adoptions_adopts_nothing(text: bytes) -> None:
    """The mistake says what would be right."""
    with pytest.raises(AdoptionsError, match="sekisho policy adopt"):
        read_adoptions(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("count: 2\nentries:\n{}{}", ""),
        ("count: 2\nentries:\n{}", "the list states 2 entries and has 1"),
        ("count: 1\nentries:\n{}{}", "the list states 1 entries and has 2"),
        ("count: 0\nentries: []\n", ""),
        ("count: 2\n", "`entries` is missing"),
        ("count: x\nentries:\n{}", "`x` is not"),
    ],
)
def test_a_list_may_say_how_many_entries_it_has(text: str, said: str, tmp_path: Path) -> None:
    """Then half of it is a mistake, at a start too."""
    (tmp_path / "list.yaml").write_text(text.replace("{}", entry(1), 1).replace("{}", entry(2), 1), encoding="utf-8")
    mistakes = Mistakes()
    policy = "policy: p\nconditions: {blocked: {subject: {in: list.yaml}}}\nrules: [{name: r, require: [blocked]}]\n"

    parse_policy(policy, mistakes, folder=tmp_path)

    assert (said in mistakes.say()) if said else not len(mistakes), mistakes.say()
