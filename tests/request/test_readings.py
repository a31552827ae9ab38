"""Each way in which a known server reads a path otherwise is one of its readings, and few honest paths have any."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.request.readings import LONGEST, Folding, Kind, Reading, Readings, also_served, plain_text
from gateway.settings.settings import Stack


def readings(path: str, stacks: Iterable[Stack] = (), names: Iterable[str] = (), raw: bytes = b"") -> dict[str, Kind]:
    found = Readings(stacks, names).of(path, raw)
    assert found is not None
    return {reading.folded: reading.kind for reading in found}


@pytest.mark.parametrize("path", ["/", "/reserve", "/reserve/1", "/a-b/c_d/", "/予約/一覧", "/Reserve"])
def test_an_honest_path_has_one_reading(path: str) -> None:
    """Nothing in it is read otherwise by any server that is known."""
    found = Readings().of(path)

    assert found is not None
    assert [reading.kind for reading in found] == [Kind.SAME]
    assert found[0].path == path
    assert found[0].touched == frozenset()


@pytest.mark.parametrize(
    ("path", "folded", "kind"),
    [
        # Windows: ends, short names' signs, streams.
        ("/reserve./1", "/reserve/1", Kind.ALIAS),
        ("/reserve ./1", "/reserve/1", Kind.ALIAS),
        ("/ reserve/1", "/reserve/1", Kind.ALIAS),
        ("/reserve::$DATA", "/reserve", Kind.ALIAS),
        ("/reserve:$I30:$INDEX_ALLOCATION/1", "/reserve/1", Kind.ALIAS),
        # Dots that hide, and structure that the rewriting brings.
        ("/open/. ./reserve", "/reserve", Kind.ALIAS),
        ("/open/x/.../reserve", "/reserve", Kind.ALIAS),
        ("/open/．．/reserve", "/reserve", Kind.ALIAS),
        ("/open//reserve", "/open/reserve", Kind.ALIAS),
        # Signs that are taken for another.
        ("/open/..∕reserve", "/reserve", Kind.ALIAS),
        ("/open/..¥reserve", "/reserve", Kind.ALIAS),
        ("/open+air", "/open air", Kind.ALIAS),
        ("/reserve；x", "/reserve", Kind.ALIAS),
        ("/res\u200berve", "/reserve", Kind.ALIAS),
        # Decoded once more.
        ("/%2e%2e/reserve", "/reserve", Kind.ALIAS),
        ("/%u0072eserve", "/reserve", Kind.ALIAS),
        ("/reserve%00.png", "/reserve", Kind.ALIAS),
        ("/reserve%3Fa", "/reserve", Kind.ALIAS),
        # Tokens and parameters.
        ("/(S(x))/reserve", "/reserve", Kind.ALIAS),
        ("/res/(S(x))erve", "/reserve", Kind.ALIAS),
        ("/reserve/(S(x))", "/reserve", Kind.ALIAS),
        ("/reserve;jsessionid=1/2", "/reserve/2", Kind.ALIAS),
        ("/reserve;jsessionid=1/2", "/reserve", Kind.ALIAS),
        ("/sap(bD1qYQ==)/x", "/sap/x", Kind.ALIAS),
        # Programs that are told the rest of a path.
        ("/index.php/reserve", "/reserve", Kind.ALIAS),
        ("/index.php/reserve", "/index.php", Kind.SCRIPT),
        ("/reserve.php/1", "/reserve/1", Kind.HANDLER),
        ("/index/reserve", "/reserve", Kind.HANDLER),
        ("/cgi-bin/tool/reserve", "/cgi-bin/tool", Kind.HANDLER),
        ("/public/index.php/reserve", "/reserve", Kind.ALIAS),
        ("/other/index.php/reserve", "/reserve", Kind.HANDLER),
        # Handlers, indexes and Zope's hosts.
        ("/reserve.json", "/reserve", Kind.HANDLER),
        ("/reserve/index.html", "/reserve", Kind.HANDLER),
        ("/VirtualHostBase/http/x/VirtualHostRoot/_vh_y/reserve", "/reserve", Kind.ALIAS),
        ("/VirtualHostRoot", "/", Kind.ALIAS),
    ],
)
def test_a_server_that_reads_a_path_otherwise_is_known(path: str, folded: str, kind: Kind) -> None:
    """The reading is there, with how the server comes to it."""
    assert readings(path).get(folded) is kind, readings(path)


@pytest.mark.parametrize(
    ("stack", "path", "folded"),
    [
        (Stack.IIS, "/reserve:x", "/reserve"),
        (Stack.ASPNET, "/reserve:x", "/reserve"),
        (Stack.DOMINO, "/reserve!OpenView", "/reserve"),
        (Stack.PHP, "/reserve.html/x.php", "/reserve.html"),
        (Stack.ZOPE, "/open/reserve", "/reserve"),
        (Stack.WORDPRESS, "/reserve/feed", "/reserve"),
        (Stack.WORDPRESS, "/reserve/page/2/", "/reserve"),
    ],
)
def test_some_stacks_read_more(stack: Stack, path: str, folded: str) -> None:
    """An operator names the stack; without its name the path stays what it is."""
    assert folded in readings(path, [stack])
    assert folded not in readings(path)


def test_a_short_name_of_windows_stands_for_the_names_it_can_mean() -> None:
    """`RESERV~1` begins with `reserv`; where many do, Windows writes two letters and four signs of a hash."""
    names = ["reserve", "reports", "other"]

    assert "/reserve/1" in readings("/RESERV~1/1", names=names)
    assert "/reserve" in readings("/re12af~1", names=names)
    assert "/reports" in readings("/re12af~1", names=names)
    assert "/other" not in readings("/re12af~1", names=names)


def test_a_path_in_another_charset_has_the_readings_of_each() -> None:
    """The bytes may be Shift_JIS to the application and Latin-1 to its server; an overlong dot is a dot."""
    sent = "/予約".encode("cp932")

    found = readings("/x", raw=b"".join(b"%%%02X" % byte if byte != 0x2F else b"/" for byte in sent))

    assert "/予約" in found
    assert "/reserve" in readings("/x/y/reserve", raw=b"/open/%C0%AE%C0%AE/reserve")


def test_too_many_readings_are_none() -> None:
    """A path that would cost too much is refused, and one that is too long is not looked at."""
    assert Readings().of("/" + "a" * LONGEST + ".") is None
    assert Readings().of("/" + "/".join(["a.;x(S(y)) "] * 200)) is None


PIECES = (
    "",
    "a",
    "index",
    "index.html",
    "cgi-bin",
    "a.b",
    "a.php",
    "b1_",
    "-",
    "a b",
    ".",
    "A",
    "feed",
    "scripts",
    "x.y.z",
)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(lambda pieces: "/" + "/".join(pieces)))
@example("/index/")
@example("/cgi-bin/")
def test_the_short_way_says_what_the_long_way_says(path: str) -> None:
    """Most paths are plain and are told so by one look; a look that misses a reading is a way around a rule."""
    readings = Readings()

    assert readings.of(path) == readings._all(path, b"")


def test_what_was_read_otherwise_is_told_by_its_segments() -> None:
    """Only the rules that look at those segments can be meant."""
    found = Readings().of("/open/reserve./1")
    assert found is not None

    (alias,) = [reading for reading in found if reading.kind is Kind.ALIAS]
    assert alias == Reading("/open/reserve/1", "/open/reserve/1", Kind.ALIAS, frozenset({1}))


@given(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=20))
@example("*\x1f")
@example("\x7f*.")
@example("*\x00")
def test_folding_twice_is_folding_once(text: str) -> None:
    """A path could otherwise fold onto a pattern that its own fold does not match."""
    folding = Folding()
    folded = folding.segment(text)

    assert folding.segment(folded) == folded
    assert "/" not in folded


@pytest.mark.parametrize(
    ("stacks", "one", "other", "same"),
    [
        ((), "/Réserve", "/reserve", True),
        ((), "/ｒｅｓｅｒｖｅ/", "/reserve", True),
        ((), "/αdult", "/adult", True),
        ((), "/は", "/ば", False),
        ((Stack.WORDPRESS,), "/は", "/バ", True),
        ((Stack.MEDIAWIKI,), "/a__b", "/a b", True),
        ((), "/a_b", "/a b", False),
    ],
)
def test_signs_fold_as_the_stack_folds_them(stacks: tuple[Stack, ...], one: str, other: str, *, same: bool) -> None:
    """A database that takes one sign for another does so in paths and in patterns."""
    folding = Folding(stacks)

    assert (folding.path(one) == folding.path(other)) is same
    assert (folding.pattern(one) == folding.pattern(other)) is same


def test_a_pattern_keeps_its_wildcards_and_a_path_has_none() -> None:
    """A `*` that a browser sends is a sign, and matches no wildcard's place."""
    folding = Folding()

    assert folding.pattern("/Shop/*/ITEM/**") == "/shop/*/item/**"
    assert folding.path("/*") != folding.pattern("/*")


def test_letters_may_be_written_as_two() -> None:
    """WordPress makes `mueller` of `Müller`, others `muller`: both are readings."""
    found = readings("/Müller")

    assert {"/muller", "/mueller"} <= set(found)


def test_plain_text_folds_signs_and_nothing_else() -> None:
    """Case, width, accents and unseen signs; a slash stays a slash."""
    assert plain_text("/Ａ\u200b/é") == "/a/e"
    assert plain_text("/A\x01/b") == "/a/b"


@pytest.mark.parametrize(
    ("pattern", "stacks", "others"),
    [
        ("/reserve", (), ()),
        ("/reserve.php", (), ("/reserve",)),
        ("/reserve.aspx", (Stack.ASPNET,), ("/reserve", "/reserve/**")),
        ("/a.php/**", (), ("/a/**",)),
        ("/shop/index.html", (), ("/shop/index", "/shop")),
        ("/shop/index.html/**", (), ("/shop/index/**", "/shop")),
    ],
)
def test_a_page_answers_to_other_paths_too(pattern: str, stacks: tuple[Stack, ...], others: tuple[str, ...]) -> None:
    """A rule that names the file is meant for what the server calls the page."""
    assert also_served(pattern, stacks) == others
