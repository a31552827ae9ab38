"""An application's fields for the browser and for a server in front: one row for each, as it is applied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.answer import SHORTEST_HSTS, app_answer_headers
from gateway.headers.answer_fields import ANSWER_FIELDS, Action, AnswerField, action_of
from gateway.route.route import Route
from tests.builders import app, route


def answered(name: str, value: str = "x", *, private: bool = False, says_hsts: bool = False) -> list[str]:
    """Return the values that are left of a field."""
    booking = route(app=app(), says_hsts=says_hsts)
    lines = app_answer_headers(((name.encode(), value.encode()),), booking, private=private)
    pairs = [line.partition(": ") for line in lines.decode().split("\r\n")[:-1]]
    return [value for left, _, value in pairs if left == name]


def example(row: AnswerField) -> str:
    """Return a name of a row."""
    return row.name.replace("*", "something")


@pytest.mark.parametrize("row", ANSWER_FIELDS, ids=lambda row: row.name)
def test_each_row_says_what_becomes_of_its_names(row: AnswerField) -> None:
    """A row that another one hides would be a promise that nobody keeps."""
    assert action_of(example(row).encode()) is row.action
    assert action_of(example(row).title().encode()) is row.action


def test_each_fate_has_a_row_and_each_row_a_reason() -> None:
    """No name has two rows."""
    names = [row.name for row in ANSWER_FIELDS]

    assert {row.action for row in ANSWER_FIELDS} == set(Action)
    assert len(names) == len(set(names))
    assert [row.name for row in ANSWER_FIELDS if not row.reason.endswith(".") or row.name != row.name.lower()] == []


REMOVED = [row for row in ANSWER_FIELDS if row.action in (Action.DROP, Action.ORDER)]


@given(st.sampled_from(REMOVED), st.data())
def test_what_is_removed_is_so_under_every_spelling(row: AnswerField, data: st.DataObject) -> None:
    """A server that takes `X_Accel_Redirect` for the field takes it from nobody."""
    letters = [
        data.draw(
            st.sampled_from(
                [letter, letter.upper()] if letter.isalpha() else ["-", "_", "."] if letter == "-" else [letter]
            )
        )
        for letter in example(row)
    ]

    assert answered("".join(letters)) == []
    assert answered("".join(letters), private=True) == []


@pytest.mark.parametrize(
    "row", [row for row in ANSWER_FIELDS if row.action is Action.AS_IT_IS], ids=lambda row: row.name
)
def test_what_passes_is_not_changed(row: AnswerField) -> None:
    """For everybody and for one person alike."""
    assert answered(example(row), "a, b;c") == ["a, b;c"]
    assert answered(example(row), "a, b;c", private=True) == ["a, b;c"]


@pytest.mark.parametrize(
    "name", ["X-Anything", "Content-Type", "ETag", "Server-Timing", "X-Accelerated", "X-Sendfiles", "Nelson"]
)
def test_a_field_that_is_no_order_passes(name: str) -> None:
    """The table is of exceptions."""
    assert answered(name) == ["x"]


def test_an_order_to_a_server_in_front_is_told() -> None:
    """The operator of an application that relies on it learns why a file does not come."""
    heard: list[tuple[str, bytes]] = []

    def disclosed(of: Route, name: bytes) -> None:
        heard.append((of.name, name))

    fields = ((b"X-Accel-Redirect", b"/files/1"), (b"X-SENDFILE", b"/srv/1"), (b"NEL", b"{}"), (b"X-A", b"1"))
    lines = app_answer_headers(fields, route(app=app()), private=False, report=disclosed)

    assert lines == b"X-A: 1\r\n"
    assert heard == [("booking", b"X-Accel-Redirect"), ("booking", b"X-SENDFILE")]


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ("max-age=31536000", True),
        ("max-age=31536000; includeSubDomains; preload", True),
        ('includeSubDomains; max-age="31536000"', True),
        (f"max-age={SHORTEST_HSTS}", True),
        (f"max-age={SHORTEST_HSTS - 1}", False),
        ("max-age=0", False),
        ("max-age=00000", False),
        ("Max-Age = 0 ; includeSubDomains", False),
        ("max-age=31536000; max-age=0", False),
        ("max-age=x; max-age=31536000", False),
        ("includeSubDomains", False),
        ("x-max-age=31536000", False),
        ("max-age=31536000x", False),
        ("max-age=-1", False),
        ("", False),
    ],
)
def test_an_application_does_not_take_https_away(value: str, *, passes: bool) -> None:
    """A promise of a day and more passes; one of less ends an earlier one, of the outer proxy say."""
    assert (answered("Strict-Transport-Security", value) != []) is passes


def test_where_the_gateway_says_hsts_the_application_does_not() -> None:
    """A browser heeds the first of two fields (RFC 6797 section 8.1)."""
    assert answered("Strict-Transport-Security", "max-age=31536000", says_hsts=True) == []


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ('"cache"', ['"cache"']),
        ('"storage", "cookies"', ['"storage"']),
        ('"COOKIES"', []),
        ('"*"', ['"cache", "storage"']),
        ('"executionContexts","clientHints"', ['"executionContexts", "clientHints"']),
        ('"something-new"', []),
        ("cookies", []),
        ('"cook\\ies"', []),
        ('"cookies";a', []),
        ("*", []),
    ],
)
def test_nothing_that_may_clear_our_cookies_passes(value: str, left: list[str]) -> None:
    """Words are passed that are known, not all but those that are known."""
    assert answered("Clear-Site-Data", value) == left


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("same-origin", ["same-origin"]),
        ('same-origin; report-to="x"', ["same-origin"]),
        (' same-origin-allow-popups ;report-to="x";b', ["same-origin-allow-popups"]),
        ("", []),
    ],
)
def test_no_report_names_the_page_before_and_after(value: str, left: list[str]) -> None:
    """Which may be ours, with the callback's code in its address (HTML, section 7.1.4.3)."""
    assert answered("Cross-Origin-Opener-Policy", value) == left


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("Surrogate-Control", "max-age=60", True),
        ("Surrogate-Control", 'content="ESI/1.0"', False),
        ("Surrogate-Control", "max-age=60, content = ESI/1.0", False),
        ("Edge-Control", "cache-maxage=1h", True),
        ("Edge-Control", "cache-maxage=1h, dca=esi", False),
        ("CDN-Cache-Control", "max-age=60", True),
    ],
)
def test_no_cache_in_front_puts_pages_together(name: str, value: str, *, passes: bool) -> None:
    """It would ask for the pages that a body names in the person's name. Of a private page it is told nothing."""
    assert (answered(name, value) != []) is passes
    assert answered(name, value, private=True) == []


def test_a_cookie_of_our_name_is_not_set_in_the_old_way_either() -> None:
    """The gateway removes every `Set-Cookie2`."""
    assert answered("Set-Cookie2", "a=1") == []
