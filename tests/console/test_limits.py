from __future__ import annotations

from dataclasses import replace

from gateway.console.limits import entry_token, limits_page
from gateway.limits.limits import Entry, EntryState, LimitUse
from gateway.policy.subject_code import show_code, subject_code
from tests.builders import NOON

CODE = subject_code("c", "hanako")
ENTRY = Entry(LimitUse("p", "l", "FY2026", CODE), "request-1", EntryState.UNKNOWN, NOON)


def test_an_entry_has_a_name_of_its_own() -> None:
    """Of another person, limit, period or request it is another; its state does not matter."""
    use = ENTRY.use
    uses = (replace(use, policy="x"), replace(use, limit="x"), replace(use, period="x"), replace(use, code="x"))
    others = [replace(ENTRY, id="request-2"), *(replace(ENTRY, use=each) for each in uses)]

    assert len({entry_token(each) for each in (ENTRY, *others)}) == 6
    assert entry_token(replace(ENTRY, state=EntryState.COUNTED)) == entry_token(ENTRY)


def test_a_page_shows_entries() -> None:
    """With the code as people read it; an entry without a time has none."""
    screen = limits_page(CODE, [ENTRY, replace(ENTRY, since=0.0)], there=True)

    rows = [(row.limit, row.state, row.since is None) for row in screen.values["rows"]]  # type: ignore[attr-defined]
    assert rows == [("l", "unknown", False), ("l", "unknown", True)]
    assert screen.values["code"] == show_code(CODE)
