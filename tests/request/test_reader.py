"""A person is told from a program, and her language from her browser's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.language import Language
from gateway.request.reader import accepted_languages, language_of, reader_of

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("fields", "language"),
    [
        ({"Accept": CHROMIUM}, "ja"),
        ({"Accept": CHROMIUM, "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}, "ja"),
        ({"Accept": CHROMIUM, "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"}, "ja"),
        ({"Accept": CHROMIUM, "Accept-Language": "en-GB,en;q=0.9"}, "en"),
        ({"accept": "Text/HTML", "Cookie": "a=b; __Host-sekisho-language=ja-simple"}, "ja-simple"),
        ({"accept": "application/xhtml+xml", "Cookie": "sekisho-language=en"}, "en"),
        ({"accept": "text/html", "Cookie": "sekisho-language=en; sekisho-language=ja", "Accept-Language": "en"}, "en"),
        ({"accept": "text/html", "Cookie": "sekisho-language=tlh"}, "ja"),
        ({}, None),
        ({"Accept": "*/*"}, None),
        ({"Accept": "application/json"}, None),
        ({"Accept": "text/html;q=0, */*"}, None),
        ({"Accept": "application/json, text/htmlx"}, None),
        ({"Accept": CHROMIUM, "Sec-Fetch-Dest": "empty"}, None),
        ({"Accept": CHROMIUM, "Sec-Fetch-Dest": "image"}, None),
        ({"Accept": CHROMIUM, "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "cors"}, None),
        ({"Accept": "text/html, */*; q=0.01", "X-Requested-With": "XMLHttpRequest"}, None),
        ({"Accept": CHROMIUM, "Sec-Purpose": "prefetch;prerender"}, None),
    ],
)
def test_a_page_is_for_who_asks_for_html_by_navigating(fields: dict[str, str], language: str | None) -> None:
    """Everything else is a program's, and gets what a program can read."""
    assert reader_of([(name.encode(), value.encode()) for name, value in fields.items()]) == language


def test_fields_that_come_twice_are_one_list() -> None:
    """As RFC 9110 section 5.3 joins them."""
    twice = [(b"Accept", b"image/png"), (b"Accept", b"text/html"), (b"Accept-Language", b"en")]

    assert reader_of(twice) is Language.EN


@given(st.lists(st.tuples(st.sampled_from([b"Accept", b"Cookie", b"Accept-Language"]), st.binary(max_size=200))))
def test_no_field_breaks_it(fields: list[tuple[bytes, bytes]]) -> None:
    """The fields are the client's, of heads that may have been refused for them."""
    assert reader_of(fields) in (None, *Language)


def test_the_chosen_language_goes_before_the_browsers() -> None:
    """Without a choice the browser decides."""
    assert language_of(b"__Host-sekisho-language=en", b"ja") is Language.EN
    assert language_of(b"", b"en") is Language.EN
    assert language_of(b"xsekisho-language=en", b"ja") is Language.JA


def test_a_browsers_languages_may_come_in_several_fields() -> None:
    """RFC 9110 section 5.3: several fields of a list are one."""
    headers = ((b"Accept-Language", b"en"), (b"X", b"de"), (b"accept-language", b"ja;q=0.5"))

    assert accepted_languages(headers) == b"en,ja;q=0.5"
    assert accepted_languages(()) == b""
