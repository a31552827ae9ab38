"""The page of last resort, and of all that the listener refuses by itself."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus

import pytest

from gateway.language import Language
from gateway.pipeline.outcome import Answer
from gateway.pipeline.problem import problem
from gateway.pipeline.small_page import (
    WORDS,
    About,
    Link,
    Small,
    for_person,
    inbound_language,
    last_resort,
    occasion,
    small_page,
    without_portal,
)
from gateway.request.support import support_number
from gateway.settings.settings import BrandSettings, ContactSettings
from tests.builders import app, inbound, route

ID = "0123456789abcdef"
HTML = ("Accept", "text/html,*/*;q=0.8")
NAMED = route(
    app=app(
        brand=BrandSettings({"ja": "渋谷<区>"}, {"ja": "施設予約", "en": "Rooms"}),
        contact=ContactSettings("https://city.test/?a=1&b=2", "03-0000-0000", {"ja": "平日"}, {"ja": "5階"}),
    )
)


def text_of(answer: Answer) -> str:
    return answer.body.decode()


@pytest.mark.parametrize("language", Language)
def test_every_occasion_has_its_words_in_every_language(language: Language) -> None:
    """A title and what happened, whole; no seconds, no code and, in Japanese, no identifier."""
    occasions = WORDS[language].occasions

    assert set(occasions) == set(Small)
    assert all(title and what for title, what, _ in occasions.values())
    texts = [text for three in occasions.values() for text in three]
    assert not [text for text in texts if re.search(r"[0-9]|[a-z]+_[a-z]+", text)]
    if language is not Language.EN:
        assert not [text for text in texts if re.search("[A-Za-z]", text.replace("Cookie", ""))]


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 408, 411, 413, 414, 417, 421, 429, 431, 500, 501, 502, 503, 504, 505]
)
@pytest.mark.parametrize("language", Language)
def test_a_person_gets_a_page_that_is_whole_in_itself(status: int, language: Language) -> None:
    """Its language, its number, its contact; it loads nothing, and its policy allows its own style alone."""
    answer = small_page(status, ID, language, NAMED)
    fields, text = dict(answer.headers), text_of(answer)

    assert answer.status == status
    assert fields[b"Content-Type"] == b"text/html; charset=utf-8"
    assert fields[b"Content-Language"].decode() == language
    assert f'<html lang="{language}">' in text
    assert support_number(ID) in text
    assert ID in text
    assert 'href="tel:0300000000"' in text
    assert "https://city.test/?a=1&amp;b=2" in text
    assert "渋谷&lt;区&gt;" in text
    assert ("デジタル庁" in text) or ("Digital Agency" in text)
    assert not re.search(r"<(?:script|link|img)|src=|url\(| style=", text)
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in fields[b"Content-Security-Policy"].decode()
    assert b"frame-ancestors 'none'" in fields[b"Content-Security-Policy"]
    assert len(answer.body) < 8_000


def test_words_in_another_language_say_so() -> None:
    """A Japanese name inside an English page."""
    text = text_of(small_page(404, ID, Language.EN, NAMED))

    assert '<span lang="ja">渋谷&lt;区&gt;</span>' in text
    assert "Rooms" in text
    assert 'This is a page of <span lang="ja">' in text


def test_an_app_decides_which_languages_its_pages_have() -> None:
    """Another language than those falls back to the first of them."""
    english = route(app=app(languages=(Language.EN,)))

    assert 'lang="en"' in text_of(small_page(404, ID, Language.EASY, english))


def test_without_an_app_the_page_names_nobody() -> None:
    """A host that is no App's has no name plate, no telephone and no way onward."""
    text = text_of(small_page(421, ID, Language.JA))

    assert not re.search("<header|<footer|<a ", text)
    assert support_number(ID) in text


def test_a_problem_becomes_a_page_for_a_person_alone() -> None:
    """The status, the reason and the fields about coming back stay; a program's answer is not touched."""
    answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, "word", ID, retry_after=7)

    page = for_person(answer, inbound("/", HTML, ("Accept-Language", "en")), NAMED)

    assert (page.status, page.reason, dict(page.headers)[b"Retry-After"]) == (503, "word", b"7")
    assert "Not available now" in text_of(page)
    assert for_person(answer, inbound("/", ("Accept", "*/*")), NAMED) is answer
    elsewhere = Answer(404, ((b"Content-Type", b"text/plain"),), b"x")
    assert for_person(elsewhere, inbound("/", HTML), NAMED) is elsewhere


def test_in_a_frame_the_page_can_be_seen() -> None:
    """It has nothing about the person, so any page may hold it."""
    framing = inbound("/", HTML, ("Sec-Fetch-Dest", "iframe"), ("Sec-Fetch-Mode", "navigate"))

    fields = dict(for_person(problem(HTTPStatus.NOT_FOUND, "word", ID), framing, NAMED).headers)

    assert b"frame-ancestors *" in fields[b"Content-Security-Policy"]
    assert b"X-Frame-Options" not in fields


def test_the_last_resort_is_a_page_in_both_languages() -> None:
    """Nothing is known of who asks: the person reads the number by which the operator finds the line."""
    text = text_of(last_resort(503, ID))

    assert "ただいまご利用になれません" in text
    assert '<section lang="en"><h2>Not available now</h2>' in text
    assert support_number(ID) in text


def test_a_page_of_ours_that_was_not_made_is_said_as_a_page() -> None:
    """The rule holds also for a client that does not say that it is a person."""
    maybe = without_portal(inbound("/", ("Accept", "*/*"), ("Accept-Language", "en")), NAMED)

    assert (maybe.status, dict(maybe.headers)[b"Content-Type"]) == (502, b"text/html; charset=utf-8")
    assert "Not available now" in text_of(maybe)


def test_what_a_page_is_about_can_be_said_by_others() -> None:
    """A condition's own sentence and a link of the caller's stand in place of ours."""
    about = About(Small.DENIED, {"ja": "<満員>"}, (Link("次へ", "/a?b&c", top=True),))

    text = text_of(small_page(403, ID, Language.JA, NAMED, about))

    assert "<p>&lt;満員&gt;</p>" in text
    assert '<a href="/a?b&amp;c" target="_top">次へ</a>' in text


@pytest.mark.parametrize(("status", "small"), [(404, Small.NOT_FOUND), (418, Small.ADDRESS), (599, Small.AWAY)])
def test_every_status_has_an_occasion(status: int, small: Small) -> None:
    """An unknown one is the address's fault below 500, and ours above."""
    assert occasion(status) is small


def test_the_language_of_a_client_that_may_be_a_person() -> None:
    """Its cookie goes before its browser's preference."""
    english = inbound("/", ("Accept-Language", "en"), ("Cookie", "__Host-sekisho-language=ja-simple"))

    assert inbound_language(english) is Language.EASY
