"""Every change of a trail is found, and located; a crash is told from a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.chain import BEGINNING, LONGEST_LINE, Head, Place, make_line, read_line
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entry import Action, Entry
from gateway.audit.segment import (
    MOST_UNSIGNED,
    Beside,
    Removed,
    Writing,
    checkpoint,
    entered,
    opened,
    removed_line,
    signed_end,
)
from gateway.audit.verification import (
    Finding,
    Remark,
    Report,
    Segment,
    Wrong,
    compared,
    opening_of,
    read_segment,
    wanted_of,
)
from tests.audit.trails import NOON, entry, terms, verifier, whole

PLACE = Place("worker-1", 1)
DAY = 86_400.0


def lines(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)


def read(text: bytes, place: Place = PLACE, wanted: Mapping[int, str] | None = None) -> Segment:
    return read_segment(place, lines(text), verifier(), wanted)


def report(files: Mapping[Place, bytes], checkpoints: Iterable[Checkpoint] = (), now: float = NOON + DAY) -> Report:
    wanted = wanted_of(checkpoints)
    found = [read(text, place, wanted.get(place.file)) for place, text in files.items()]
    return compared(found, wanted, now)


def end_of(text: bytes) -> Head:
    return read_line(lines(text)[-1]).head


def kinds(report: Report) -> list[tuple[str, int, str]]:
    return [(each.file, each.line, each.what.value) for each in report.faults]


def test_what_a_writer_makes_is_whole() -> None:
    """No false alarm, over several files of several writers."""
    first, end = whole(9)
    second, _ = whole(3, Place("worker-1", 2), end.head, start=NOON + 20)
    other, _ = whole(
        4,
        Place("worker-2", 1),
        beside=[Beside(PLACE.file, read_line(lines(first)[0]).head.hash, *end.head, ended=True)],
    )

    found = report({PLACE: first, Place("worker-1", 2): second, Place("worker-2", 1): other})

    assert found.faults == ()
    assert found.remarks == ()
    assert found.files == 3
    assert found.lines == sum(text.count(b"\n") for text in (first, second, other))


@settings(max_examples=200)
@given(st.data())
def test_any_single_edit_is_found(data: st.DataObject) -> None:
    """A byte changed, a line removed, added, repeated or exchanged, the tail cut: the mirror's reader finds all."""
    text, state = whole(12, ends=False)
    said = signed_end(state, NOON + 60, terms())[0]
    all_lines = lines(text)
    edit = data.draw(st.sampled_from(["byte", "insert", "remove", "repeat", "swap", "cut", "cut in a line", "forge"]))
    at = data.draw(st.integers(0, len(all_lines) - 1))
    match edit:
        case "byte":
            place = data.draw(st.integers(0, len(text) - 1))
            changed = text[:place] + bytes([text[place] ^ data.draw(st.integers(1, 255))]) + text[place + 1 :]
        case "insert":
            place = data.draw(st.integers(0, len(text)))
            changed = text[:place] + data.draw(st.binary(min_size=1, max_size=9)) + text[place:]
        case "remove":
            changed = b"".join(all_lines[:at] + all_lines[at + 1 :])
        case "repeat":
            changed = b"".join([*all_lines[: at + 1], *all_lines[at:]])
        case "swap":
            with_next = all_lines.copy()
            other = (at + 1) % len(all_lines)
            with_next[at], with_next[other] = with_next[other], with_next[at]
            changed = b"".join(with_next)
        case "cut":
            changed = b"".join(all_lines[:at])
        case "cut in a line":
            changed = text[: data.draw(st.integers(0, len(text) - 1))]
        case _:
            # A line that agrees with itself, put in the place of one, by somebody without our key.
            line = read_line(all_lines[at])
            forged, _ = make_line(
                {**line.fields, "pseudonym": "somebody else"}, Head(line.head.sequence - 1, line.previous)
            )
            changed = b"".join([*all_lines[:at], forged, *all_lines[at + 1 :]])

    found = report({PLACE: changed}, [said])

    # A tail that is not a line of ours could come from a crash, as long as the signed part is there.
    appended = changed.startswith(text)
    assert found.faults or (appended and Remark.TORN in {each.what for each in found.remarks})


@pytest.mark.parametrize("at", range(2, 9))
def test_the_first_wrong_line_is_named(at: int) -> None:
    """File, line and sequence, for each kind of change."""
    text, _ = whole(9)
    parts = lines(text)
    number = at + 1

    changed = [*parts[:at], parts[at].replace(b"booking", b"Booking").replace(b"gw1", b"gw2"), *parts[at + 1 :]]
    assert read(b"".join(changed)).fault == Finding(PLACE.file, number, number, Wrong.CHANGED)

    removed = parts[:at] + parts[at + 1 :]
    assert read(b"".join(removed)).fault == Finding(PLACE.file, number, number, Wrong.MISSING, 1)

    repeated = [*parts[: at + 1], *parts[at:]]
    assert read(b"".join(repeated)).fault == Finding(PLACE.file, number + 1, number + 1, Wrong.OUT_OF_PLACE)

    swapped = [*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]]
    assert read(b"".join(swapped)).fault == Finding(PLACE.file, number, number, Wrong.MISSING, 1)


def test_the_beginning_of_a_file_cannot_go() -> None:
    """A file begins with its opening."""
    text, _ = whole(5)

    assert read(b"".join(lines(text)[1:])).fault == Finding(PLACE.file, 1, 1, Wrong.MISSING)
    assert read(b"".join(lines(text)[2:])).fault == Finding(PLACE.file, 1, 1, Wrong.MISSING)


def test_an_end_that_was_recorded_is_held() -> None:
    """A tail that is cut is seen by the next file, by another writer's file, and by a checkpoint kept elsewhere."""
    text, end = whole(9)
    cut = b"".join(lines(text)[:-3])
    expected = [(PLACE.file, len(lines(cut)), Wrong.CUT.value)]

    second, _ = whole(1, Place("worker-1", 2), end.head, start=NOON + 9)
    assert kinds(report({PLACE: cut, Place("worker-1", 2): second})) == expected

    opening = read_line(lines(text)[0]).head.hash
    witness = Place("worker-2", 1)
    dead, _ = whole(1, witness, beside=[Beside(PLACE.file, opening, *end.head, ended=True)])
    assert kinds(report({PLACE: cut, witness: dead})) == expected
    alive, _ = whole(1, witness, beside=[Beside(PLACE.file, opening, *end.head)])
    assert kinds(report({PLACE: cut, witness: alive})) == expected

    assert kinds(report({PLACE: cut}, [signed_end(end, NOON, terms())[0]])) == expected
    fault = report({PLACE: cut}, [signed_end(end, NOON, terms())[0]]).faults[0]
    assert (fault.sequence, fault.count) == (len(lines(cut)) + 1, 3)


def test_a_tail_that_nobody_has_recorded_looks_like_a_crash() -> None:
    """That is why checkpoints go to another place: without one, only the missing end is remarked."""
    text, _ = whole(9)
    found = report({PLACE: b"".join(lines(text)[:-3])})

    assert found.faults == ()
    assert [each.what for each in found.remarks] == [Remark.OPEN]


def test_a_crash_in_the_midst_of_a_line_is_told_from_a_change() -> None:
    """Half a line at the end is remarked; the next file of the writer says so too."""
    text, state = whole(5, ends=False)
    torn = text + b'{"action":"sign_in","app":"boo'
    second, _ = whole(1, Place("worker-1", 2), state.head, torn=True, start=NOON + 9)

    found = report({PLACE: torn, Place("worker-1", 2): second})

    assert found.faults == ()
    assert Finding(PLACE.file, len(lines(text)) + 1, state.head.sequence + 1, Remark.TORN) in found.remarks


def test_half_a_line_that_was_not_there_is_a_change() -> None:
    """After the end, and where the next file says that the last line was whole."""
    text, state = whole(5)
    assert read(text + b"{").fault == Finding(
        PLACE.file, len(lines(text)) + 1, state.head.sequence + 1, Wrong.AFTER_END
    )

    text, state = whole(5, ends=False)
    second, _ = whole(1, Place("worker-1", 2), state.head, start=NOON + 9)
    assert kinds(report({PLACE: text + b"{", Place("worker-1", 2): second})) == [
        (PLACE.file, len(lines(text)) + 1, Wrong.AFTER_END.value)
    ]


def test_a_line_behind_the_end_is_found() -> None:
    """Nobody needs a key to make one, and no file goes on behind its end."""
    text, state = whole(5)
    line, _ = make_line({"action": "sign_in", "writer": "worker-1", "segment": 1, "time": "x"}, state.head)

    assert read(text + line).fault == Finding(
        PLACE.file, len(lines(text)) + 1, state.head.sequence + 1, Wrong.AFTER_END
    )


def test_a_missing_file_is_named() -> None:
    """By the next file of its writer, by another writer's file, and by a checkpoint."""
    _, end = whole(5)
    second, _ = whole(1, Place("worker-1", 2), end.head)
    expected = [(PLACE.file, 0, Wrong.FILE_MISSING.value)]

    assert kinds(report({Place("worker-1", 2): second})) == expected
    other, _ = whole(1, Place("worker-2", 1), beside=[Beside(PLACE.file, "a" * 64)])
    assert kinds(report({Place("worker-2", 1): other})) == expected
    assert (
        kinds(report({Place("worker-2", 1): whole(1, Place("worker-2", 1))[0]}, [signed_end(end, NOON, terms())[0]]))
        == expected
    )
    assert kinds(report({}, [signed_end(end, NOON, terms())[0]])) == expected


def test_a_file_under_another_name_is_found() -> None:
    """The file of another writer, or another file of the same one."""
    text, end = whole(5)
    assert read(text, Place("worker-2", 1)).fault == Finding("worker-2.000001.jsonl", 1, 1, Wrong.FOREIGN)

    second, _ = whole(1, Place("worker-1", 2), end.head)
    assert read(second, PLACE).fault == Finding(PLACE.file, 1, 1, Wrong.FOREIGN)


def test_a_file_that_was_made_anew_is_found() -> None:
    """Another chain under the same name, even with the key, is not the one that others have named."""
    text, _ = whole(5)
    anew, end = whole(5, start=NOON + 1)
    opening = read_line(lines(text)[0]).head.hash
    other, _ = whole(1, Place("worker-2", 1), beside=[Beside(PLACE.file, opening)])

    assert (PLACE.file, 1, Wrong.REWRITTEN.value) in kinds(report({PLACE: anew, Place("worker-2", 1): other}))
    mirrored = signed_end(whole(5)[1], NOON, terms())[0]
    assert end.head.hash != mirrored.hash
    assert kinds(report({PLACE: anew}, [mirrored]))[0][2] == Wrong.REWRITTEN.value


def test_a_tail_that_was_made_anew_is_found() -> None:
    """Somebody with the key and without the mirror: the signatures are good, and the recorded hash is another."""
    text, state = whole(5, ends=False)
    head = lines(text)[:3]
    third = read_line(head[-1])
    start = Writing(PLACE, NOON, third.head, third.head, NOON)
    forged = entered(start, [entry(7)], terms())
    changed = b"".join(head) + forged.text + checkpoint(forged.state, NOON, terms()).text
    opening = read_line(head[0]).head.hash
    witness, _ = whole(1, Place("command", 1), beside=[Beside(PLACE.file, opening, 5, "f" * 64)])

    assert kinds(report({PLACE: changed, Place("command", 1): witness})) == [(PLACE.file, 5, Wrong.REWRITTEN.value)]
    assert state.head.sequence > 5


def test_signatures_cannot_be_left_out() -> None:
    """A chain made anew without the key has none, and a writer signs by number and by time."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    late, _ = make_line(
        {"action": "sign_in", "time": "2026-11-23T04:00:00Z", "writer": "worker-1", "segment": 1}, begun.state.head
    )
    assert read(begun.text + late).fault == Finding(PLACE.file, 3, 3, Wrong.UNSIGNED)

    text, head = begun.text, begun.state.head
    for _ in range(MOST_UNSIGNED + 2):
        line, head = make_line(
            {"action": "sign_in", "time": "2026-11-23T03:00:00Z", "writer": "worker-1", "segment": 1}, head
        )
        text += line
    fault = read(text).fault
    assert fault is not None
    assert fault.what is Wrong.UNSIGNED


@pytest.mark.parametrize(
    "changes", [{"signed": "x"}, {"signed": None}, {"time": "2026-11-23T03:00:09Z"}, {"node": "gw2"}]
)
def test_a_checkpoint_says_what_its_signature_says(changes: dict[str, object]) -> None:
    """A line around a good signature cannot say anything else."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    line = read_line(checkpoint(begun.state, NOON, terms()).text)
    forged, _ = make_line({**line.fields, **changes}, begun.state.head)

    assert read(begun.text + forged).fault == Finding(PLACE.file, 3, 3, Wrong.SIGNATURE)


def test_a_signature_belongs_to_its_place() -> None:
    """One of an earlier line signs nothing here."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    early = read_line(lines(begun.text)[1])
    forged, _ = make_line(early.fields, begun.state.head)

    assert read(begun.text + forged).fault == Finding(PLACE.file, 3, 3, Wrong.SIGNATURE)


@pytest.mark.parametrize("fields", [{"time": "x"}, {"interval": "x"}, {"beside": [{}]}])
def test_an_opening_is_read_strictly(fields: dict[str, object]) -> None:
    """Nobody can make the verifier fall over."""
    first = read_line(lines(whole(1)[0])[0])
    text, _ = make_line({**first.fields, **fields}, BEGINNING)

    assert read(text).fault == Finding(PLACE.file, 1, 1, Wrong.CHANGED)


def test_an_entry_without_a_time_is_none() -> None:
    """Each line has one."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    line, _ = make_line({"action": "sign_in", "writer": "worker-1", "segment": 1}, begun.state.head)

    assert read(begun.text + line).fault == Finding(PLACE.file, 3, 3, Wrong.CHANGED)


def test_a_first_file_begins_a_chain() -> None:
    """It cannot follow anything."""
    text, _ = whole(1, before=Head(4, "a" * 64))

    assert read(text).fault == Finding(PLACE.file, 1, 1, Wrong.FOREIGN)


def test_an_empty_file_is_no_fault_of_its_own() -> None:
    """A crash can leave one; whether it was longer, others know."""
    text, end = whole(3)

    assert report({PLACE: b""}).faults == ()
    assert kinds(report({PLACE: b""}, [signed_end(end, NOON, terms())[0]])) == [(PLACE.file, 0, Wrong.CUT.value)]
    assert kinds(report({PLACE: b"", Place("worker-1", 2): whole(1, Place("worker-1", 2), end.head)[0]})) == [
        (PLACE.file, 0, Wrong.CUT.value)
    ]
    witness, _ = whole(1, Place("worker-2", 1), beside=[Beside(PLACE.file, read_line(lines(text)[0]).head.hash)])
    assert kinds(report({PLACE: b"", Place("worker-2", 1): witness})) == [(PLACE.file, 0, Wrong.CUT.value)]


def test_a_recorded_removal_is_no_fault() -> None:
    """Neither for the files that name the removed one, nor for checkpoints; but only if the record fits."""
    text, end = whole(5)
    opening = read_line(lines(text)[0]).head.hash
    second_place = Place("worker-1", 2)
    begun = opened(second_place, end.head, NOON + 9, terms())

    def with_removal(last: int, digest: str) -> bytes:
        written = removed_line(begun.state, [Removed(PLACE.file, opening, 1, last, digest)], NOON + 9, terms())
        return begun.text + written.text + checkpoint(written.state, NOON + 9, terms(), ends=True).text

    mirrored = [signed_end(end, NOON, terms())[0]]
    good = report({second_place: with_removal(*end.head)}, mirrored)
    assert good.faults == ()
    assert good.remarks == (Finding(PLACE.file, 0, 1, Remark.REMOVED, end.head.sequence),)

    bad = report({second_place: with_removal(end.head.sequence - 1, "a" * 64)}, mirrored)
    assert kinds(bad) == [(second_place.file, 1, Wrong.OUT_OF_PLACE.value)]


def test_a_record_that_nobody_has_signed_stands_for_nothing() -> None:
    """Anybody can add a line to the file of a crashed writer: it excuses no missing file, and accuses none."""
    _, end = whole(5)
    place = Place("worker-2", 1)
    begun = opened(place, BEGINNING, NOON, terms())
    removal = removed_line(begun.state, [Removed(PLACE.file, "a" * 64, 1, *end.head)], NOON, terms()).text

    found = report({place: begun.text + removal}, [signed_end(end, NOON, terms())[0]])
    assert kinds(found) == [(PLACE.file, 0, Wrong.FILE_MISSING.value)]

    opening = lines(opened(place, BEGINNING, NOON, terms(), [Beside(PLACE.file, "a" * 64)]).text)[0]
    assert report({place: opening}).faults == ()


def test_a_file_that_nobody_has_signed_is_none() -> None:
    """A file made without the key: its second line had to be a signature."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    first = read_line(lines(begun.text)[0])
    forged, _ = make_line({**entry_fields(), "writer": "worker-1", "segment": 1}, first.head)

    assert read(lines(begun.text)[0] + forged).fault == Finding(PLACE.file, 2, 2, Wrong.UNSIGNED)


def entry_fields() -> dict[str, object]:
    return {"action": "decision", "time": "2026-11-23T03:00:00.000000Z", "verdict": "permit"}


def test_a_record_of_removal_is_read_strictly() -> None:
    """Nobody can make the verifier fall over."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    fields = {**entry_fields(), "action": "segments_removed", "removed": [{"file": 1}], "writer": "worker-1"}
    line, _ = make_line({**fields, "segment": 1}, begun.state.head)

    assert read(begun.text + line).fault == Finding(PLACE.file, 3, 3, Wrong.CHANGED)


def test_a_file_older_than_the_retention_may_be_gone_with_the_record_of_its_removal() -> None:
    """The record is removed in its time as well."""
    old, _ = whole(1, Place("worker-2", 1), beside=[Beside(PLACE.file, "a" * 64)])
    young, _ = whole(1, Place("worker-3", 1), start=NOON + 40 * DAY, the=terms(keep=30 * DAY))
    files = {Place("worker-2", 1): old, Place("worker-3", 1): young}

    assert [each.what for each in report(files, now=NOON + 40 * DAY).remarks] == [Remark.TOO_OLD]
    assert kinds(report(files, now=NOON + 20 * DAY)) == [(PLACE.file, 0, Wrong.FILE_MISSING.value)]


def test_lost_entries_are_told() -> None:
    """A writer that had no room says how many it lost."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    written = entered(begun.state, [Entry(Action.ENTRIES_LOST, NOON, count=7), entry(1)], terms())
    text = begun.text + written.text + checkpoint(written.state, NOON, terms(), ends=True).text

    assert report({PLACE: text}).remarks == (Finding(PLACE.file, 3, 3, Remark.LOST, 7),)


def test_the_opening_of_a_file_names_others() -> None:
    """A writer reads it from the first line, and believes it if the second one is its signature."""
    beside = [Beside("command.000001.jsonl", "a" * 64)]
    text, _ = whole(1, beside=beside)

    first, behind, *_ = lines(text)
    opening = read_line(first).head.hash
    assert opening_of(first, behind, verifier()) == (opening, beside)
    assert opening_of(first[:-9], behind, verifier()) is None
    assert opening_of(b"", b"", verifier()) is None
    other, _ = whole(1, Place("worker-2", 1), beside=beside)
    for forged in (b"", first, lines(other)[1], lines(text)[2]):
        assert opening_of(first, forged, verifier()) == (opening, [])


@pytest.mark.parametrize(
    "changes", [{"keep": -10, "rotate_every": 0}, {"keep": 0, "rotate_every": 0}, {"keep": 1, "rotate_every": -1e9}]
)
def test_an_opening_that_nobody_has_signed_ends_no_retention(changes: dict[str, object]) -> None:
    """Anybody can write a first line with a short `keep`: it makes no file that is gone too old."""
    first, end = whole(3, the=terms(keep=400 * DAY))
    second, _ = whole(3, Place("worker-1", 2), end.head, the=terms(keep=400 * DAY))
    forger = Place("worker-9", 1)
    opening = read_line(lines(opened(forger, BEGINNING, NOON + DAY, terms()).text)[0])
    forged, _ = make_line({**opening.fields, **changes}, BEGINNING)
    files = {Place("worker-1", 2): second, forger: forged}

    assert (PLACE.file, 0, Wrong.FILE_MISSING.value) in kinds(report(files, now=NOON + 2 * DAY))
    assert report({PLACE: first, **files}).faults == ()


def test_an_opening_that_nobody_has_signed_is_of_no_age() -> None:
    """An end that was cut off up to its first line, which says another time, excuses no file before it."""
    _, end = whole(3, the=terms(keep=DAY))
    second = Place("worker-1", 2)
    forged = lines(opened(second, end.head, NOON - 900 * DAY, terms()).text)[0]
    other, _ = whole(1, Place("worker-2", 1), the=terms(keep=DAY))

    found = report({second: forged, Place("worker-2", 1): other})
    assert kinds(found) == [(PLACE.file, 0, Wrong.FILE_MISSING.value)]


@pytest.mark.parametrize("at", [2, 4, 6])
def test_a_line_longer_than_any_is_a_change(at: int) -> None:
    """It comes in pieces. A piece is no half line of a crash, and the lines behind it do not count as lost in one."""
    text, _ = whole(5)
    changed = lines(text)
    changed[at : at + 1] = [b"x" * LONGEST_LINE, b"x\n"]

    found = read_segment(PLACE, changed, verifier())
    assert found.fault == Finding(PLACE.file, at + 1, at + 1, Wrong.CHANGED)
    assert not found.torn


@pytest.mark.parametrize("name", ["action", "time", "count", "removed", "outcome", "signed", "writer"])
@pytest.mark.parametrize(
    "value", [None, True, 1, 1e308, "x", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", [], [1], {}, {"x": [1]}]
)
@pytest.mark.parametrize("action", ["entries_lost", "segments_removed", "checkpoint", "decision"])
def test_no_line_makes_the_verifier_fall_over(action: str, name: str, value: object) -> None:
    """Anybody can add a line that agrees with its hash to an open file. Every such line gives a report."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    fields = {**entry_fields(), "action": action, "writer": "worker-1", "segment": 1, name: value}
    line, _ = make_line(fields, begun.state.head)

    found = report({PLACE: begun.text + line})
    assert {each.file for each in (*found.faults, *found.remarks)} == {PLACE.file}
    assert all(isinstance(each.count, int) for each in found.remarks)
