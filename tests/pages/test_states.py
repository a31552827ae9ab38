"""A walk through every state of our own pages, in every language, without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser

import pytest

from gateway.language import Language
from gateway.portal import pages
from gateway.portal.aiohttp_pages import Pages
from gateway.portal.messages import message
from gateway.portal.sign_in_offer import ITEMS
from tests.pages.states import PREFIX, ROUTE, RULE, State, missing, states

STATES = states()
LARGEST = 30_000
"""Bytes of a page with its sheet and its mark."""
_VOID = frozenset({"meta", "link", "input", "br", "img", "path", "rect", "circle"})


class Reader(HTMLParser):
    """The texts that a person reads, each with its language, and all elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.found: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, str]] = [("", "")]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.found.append((tag, named))
        if tag not in _VOID:
            self._open.append((tag, named.get("lang") or self._open[-1][1]))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            opened, _ = self._open.pop()
            assert opened == tag, f"<{opened}> ends with </{tag}>"

    def handle_data(self, data: str) -> None:
        tag, language = self._open[-1]
        if data.strip() and tag not in ("style", "code"):
            self.texts.append((language, data.strip()))


def read(state: State, language: Language) -> Reader:
    return Reader(state.html(language))


def test_every_state_of_the_code_is_walked() -> None:
    """A new failure, trouble, reason, occasion or template is not added without its state, and its picture."""
    assert missing() == set()
    assert len({state.name for state in STATES}) == len(STATES)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_is_whole_in_every_language(state: State) -> None:
    """Its language, one heading, its landmarks, a skip link where there is something to skip, and no script."""
    for language in Language if state.name != "last-resort" else [Language.JA]:
        html = state.html(language)
        read = Reader(html)
        tags = [tag for tag, _ in read.found]
        assert read.found[0] == ("html", {"lang": language.value})
        assert (tags.count("h1"), tags.count("main"), tags.count("title")) == (1, 1, 1)
        assert "script" not in tags
        assert not [named for _, named in read.found if {"style", "onclick"} & named.keys()]
        sheet = sum(len(Pages(PREFIX).assets[name].content) for name in ("sekisho.css", "mark.svg"))
        assert len(html.encode()) + sheet < LARGEST
        ids = [named["id"] for _, named in read.found if "id" in named]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_text_is_in_the_language_that_it_is_marked_with(state: State) -> None:
    """A Japanese sentence inside an English page says so, by `lang`; kana and Han letters stand in no English text."""
    for tag_language, text in read(state, Language.EN).texts:
        if tag_language == "en":
            plain = text.replace("マイナアプリ", "").replace("/ 言語", "")
            assert not re.search("[\u3040-\u30ff\u4e00-\u9fff]", plain), text


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_person_can_change_the_language_or_has_no_reason_to(state: State) -> None:
    """The switch is a link and needs no script; the small pages and a page inside a frame have none."""
    if state.template in ("", "framed.html"):
        return
    links = [named["href"] for tag, named in read(state, Language.JA).found if tag == "a"]

    assert sum(link.startswith(f"{PREFIX}language/") for link in links) == len(Language) - 1


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_no_state_counts_seconds_or_speaks_to_programs(state: State) -> None:
    """No number of seconds above a minute; no identifier of ours; and in Japanese no word of the code's at all."""
    for language in Language:
        for tag_language, text in read(state, language).texts:
            for seconds in re.findall("([0-9][0-9,]*)[ ]*(?:秒|seconds?\\b)", text):
                assert int(seconds.replace(",", "")) <= 60, text
            assert not re.search("[a-z]+_[a-z_]+", text), text
            if tag_language.startswith("ja"):
                assert not re.search("[A-Za-z]{4,}", _ALLOWED.sub("", text)), text


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_ending_has_a_way_onward(state: State) -> None:
    """One button of full weight at most, and one way onward at least, where any place is known to go to."""
    main = state.html(Language.JA).partition("<main")[2].partition("</main>")[0]
    weight = len(re.findall('class="button"', main))
    ways = weight + len(re.findall('class="button line"|class="b"', main))

    assert weight <= 1 + (state.name == "notice-in-app"), "the real browser first, and then the sign-in"
    assert ways >= 1 or state.name in ("small-no-app", "last-resort")


@pytest.mark.parametrize("language", Language)
def test_no_state_tells_a_fact_as_told_that_is_not(language: Language) -> None:
    """Wherever a page lists what is told, it lists the facts of `disclose`, each of them and no other.

    A fact that is read and not told stands in the list of those, with what is told that follows from it.
    """
    told = [each.name.text for each in pages.told(ROUTE, ROUTE.policy.told_by(RULE), language)]
    everything = {each.name.text for each in pages.told(ROUTE, ROUTE.policy.disclosed, language)}
    facts = {message(language, f"fact.{item}") for item in ITEMS}
    listing = 0
    for state in STATES:
        html = state.html(language)
        for kind, lines in sections(html, language):
            match kind:
                case "told":
                    assert lines == told, state.name
                case "may be told":
                    assert set(lines) == everything, state.name
                case _:
                    assert set(lines) <= facts, state.name
                    assert not set(lines) & everything, state.name
            listing += bool(lines)

    assert listing > 50


def sections(html: str, language: Language) -> Iterator[tuple[str, list[str]]]:
    """Yield each list of a page about what is told, with the names on it."""
    operator = re.escape("{operator}")
    kinds = {"notice.told": "told", "me.told": "may be told", "notice.untold": "untold"}
    for key, kind in kinds.items():
        heading = re.escape(message(language, key)).replace(operator, "[^<]*")
        for found in re.finditer(f"<h2>{heading}</h2>(.*?)(?=<h2>|<form|</main>)", html, re.DOTALL):
            part = found[1].partition("</ul>")[0]
            yield kind, [unescape(re.sub("<[^>]+>", "", each)) for each in re.findall("<li><b>(.*?)</b>", part)]


_ALLOWED = re.compile(
    "Safari|Chrome|Cookie|Language|English|LINE|https://pay\\.example|[0-9A-Z]{4}(?:-[0-9A-Z]{4})+|0123456789abcdef"
)
"""Names that are written in Latin letters in Japanese too, and the numbers of the examples."""
