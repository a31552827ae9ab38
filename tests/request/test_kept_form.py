from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.inbound import Framing
from gateway.request.kept_form import LARGEST_KEPT, keepable, read_form
from tests import builders

ORIGIN = "https://app.gw.test"
OURS = ("Sec-Fetch-Site", "same-origin")
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("headers", "changes", "kept"),
    [
        ([OURS, FORM], {}, True),
        ([OURS, ("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=Shift_JIS")], {}, True),
        ([("Origin", ORIGIN), FORM], {}, True),
        ([FORM], {}, False),
        ([("Sec-Fetch-Site", "cross-site"), FORM], {}, False),
        ([OURS], {}, False),
        ([OURS, FORM, FORM], {}, False),
        ([OURS, ("Content-Type", "multipart/form-data; boundary=x")], {}, False),
        ([OURS, ("Content-Type", "application/x-www-form-urlencoded-not")], {}, False),
        ([OURS, FORM], {"length": LARGEST_KEPT + 1}, False),
        ([OURS, FORM], {"length": 0}, False),
        ([OURS, FORM], {"framing": Framing.CHUNKED}, False),
        ([OURS, FORM], {"method": "PUT"}, False),
    ],
)
def test_what_may_be_kept(headers: list[tuple[str, str]], changes: dict[str, Any], kept: bool) -> None:
    """A plain form of known, modest length that one of the App's own pages sent."""
    values: dict[str, Any] = {"method": "POST", "framing": Framing.COUNTED, "length": 10}

    assert keepable(builders.inbound("/reserve/42", *headers, **(values | changes)), ORIGIN) is kept


def test_an_old_applications_form_keeps_its_charset() -> None:
    """Its bytes are no UTF-8; the page says in which charset to send them again."""
    body = urlencode({"name": "髙橋 花子"}, encoding="cp932")

    form = read_form(body, "cp932")

    assert form is not None
    assert form.fields == (("name", "髙橋 花子"),)
    assert form.charset == "Shift_JIS"
    assert urlencode(form.fields, encoding="cp932") == body


@pytest.mark.parametrize(
    "body", ["", "a=%ff", "a=%00", "a=é", "=".join(["a"] * 70_000), "&".join(f"a{n}=1" for n in range(1_001))]
)
def test_what_would_not_come_back_the_same_is_not_kept(body: str) -> None:
    """Bytes in no charset we know, a NUL, too much of anything, nothing at all."""
    assert read_form(body, "utf-8") is None


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=20))
def test_a_form_says_what_was_sent(fields: list[tuple[str, str]]) -> None:
    """Every field, in order, repeated names and empty values too."""
    try:
        form = read_form(urlencode(fields), "utf-8")
    except UnicodeEncodeError:
        return

    assert form is None or form.fields == tuple(fields)
