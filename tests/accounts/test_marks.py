"""A person's mark: one for each App and key, and none that names her."""

from __future__ import annotations

from gateway.accounts.marks import is_mark, marks_of, marks_of_code
from gateway.policy.subject_code import subject_code
from gateway.session.seal import Secrets

OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4
KEYS = Secrets.parse(f"{NEW}\n{OLD}\n")


def test_the_code_that_she_reads_out_gives_the_same_marks() -> None:
    """The counter needs no subject."""
    assert marks_of(KEYS, "booking", "RP1", "anna") == marks_of_code(KEYS, "booking", subject_code("RP1", "anna"))


def test_each_person_app_and_key_has_its_own_mark() -> None:
    """A reader of the store cannot match the persons of two Apps."""
    marks = [
        mark
        for app in ("booking", "library")
        for client in ("RP1", "RP2")
        for subject in ("anna", "bert")
        for mark in marks_of(KEYS, app, client, subject).all
    ]

    assert len(set(marks)) == 16


def test_the_first_key_marks_and_all_are_read() -> None:
    """After a rotation the old mark is among the person's."""
    before = marks_of(Secrets.parse(OLD), "booking", "RP1", "anna")

    after = marks_of(KEYS, "booking", "RP1", "anna")

    assert after.all[1:] == before.all
    assert all(is_mark(KEYS, mark) for mark in after.all)
    assert not is_mark(Secrets.parse(OLD), after.first)
    assert not any(
        is_mark(KEYS, text) for text in ("", "key", f"{KEYS.first.id}-", f"{after.first}0", "x" + after.first)
    )
    assert after.first == after.all[0]


def test_a_mark_holds_neither_subject_nor_code() -> None:
    """Nobody computes the mark without the key."""
    code = subject_code("RP1", "anna-subject")
    (mark,) = marks_of_code(Secrets.parse(OLD), "booking", code).all

    assert "anna" not in mark
    assert code not in mark.upper()
    assert mark.partition("-")[2] != marks_of_code(Secrets.parse(NEW), "booking", code).first.partition("-")[2]
