from __future__ import annotations

import pytest

from gateway.console.sessions import By, Sought, sessions_page, sought
from gateway.policy.subject_code import show_code, subject_code
from gateway.session.session import ListedSession
from tests.builders import CLIENT, NOON

CODE = subject_code(CLIENT, "hanako")


@pytest.mark.parametrize(
    ("by", "value", "found"),
    [
        ("code", show_code(CODE), Sought(By.CODE, CODE)),
        ("code", CODE[:-1], None),
        ("pseudonym", "a" * 32, Sought(By.PSEUDONYM, "a" * 32)),
        ("pseudonym", "a" * 31, None),
        ("session", "a" * 64, Sought(By.SESSION, "a" * 64)),
        ("session", "../t", None),
        ("client", CLIENT, Sought(By.CLIENT, CLIENT)),
        ("client", "", None),
        ("all", "", None),
    ],
)
def test_a_form_names_sessions_in_one_way_or_none(by: str, value: str, found: Sought | None) -> None:
    """Nothing on a page can mean everybody."""
    assert sought(by, value, (CLIENT,)) == found


def test_a_page_lists_the_newest_first() -> None:
    """With the minutes until silence ends each, and the code as people read it."""
    listed = [
        ListedSession(f"n{number}", CLIENT, "p", NOON + number, NOON, NOON + 3_600, idle_left)
        for number, idle_left in ((1, 90), (2, -5))
    ]

    screen = sessions_page((CLIENT,), Sought(By.CODE, CODE), listed)

    assert [(row.name, row.idle_minutes) for row in screen.values["rows"]] == [("n2", 0), ("n1", 2)]  # type: ignore[attr-defined]
    assert screen.values["wanted"].shown == show_code(CODE)  # type: ignore[attr-defined]
