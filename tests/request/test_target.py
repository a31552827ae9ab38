from __future__ import annotations

import gc
import re
import sys
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.target import (
    DEFAULT_PATHS,
    MOST_QUERY_PARTS,
    MOST_SEGMENTS,
    Target,
    TargetCache,
    TargetFault,
    canonical,
    encoded,
)
from gateway.settings.settings import PathSettings

CANONICAL = {
    b"/": "/",
    b"/a": "/a",
    b"/a/": "/a/",
    b"/a/b?c=d": "/a/b",
    b"/./a": "/a",
    b"/a/.": "/a/",
    b"/a/..": "/",
    b"/a/../b": "/b",
    b"/a/b/../../c": "/c",
    b"/a/...": "/a/...",
    b"/..a/b..": "/..a/b..",
    b"/.well-known/x": "/.well-known/x",
    b"/%41%7e": "/A~",
    b"/%e3%81%82": "/あ",
    b"/a%20b": "/a b",
    b"/100%25": "/100%",
    b"/a|b": "/a|b",
    b"/admin%23": "/admin#",
    b"/a%3Fb": "/a?b",
}


@pytest.mark.parametrize("raw", CANONICAL)
def test_a_path_has_one_form(raw: bytes) -> None:
    """Decoded once, plain dot segments resolved."""
    target = canonical(raw, DEFAULT_PATHS)

    assert isinstance(target, Target)
    assert target.path == CANONICAL[raw]


SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
SENT = [
    *(f"/a%{ord(sign):02X}b".encode() for sign in SIGNS if sign not in "/;\\"),
    *(f"/a%{ord(sign):02x}b".encode() for sign in SIGNS if sign not in "/;\\"),
    *(f"/a{sign}b".encode() for sign in SIGNS if sign not in "#%;?\\/"),
    b"/%41%7E",
    b"/%e3%81%82/%E3%81%82",
    b"/a%3fb?c=%2B%2b+[]",
]


@pytest.mark.parametrize("raw", SENT)
def test_the_application_receives_the_spelling_that_was_sent(raw: bytes) -> None:
    """No escape is undone and none is made: a reserved sign and its escape need not mean the same to it."""
    target = canonical(raw, DEFAULT_PATHS)

    assert isinstance(target, Target)
    assert target.raw == raw


@pytest.mark.parametrize(
    ("raw", "inner"), [(b"/%61/../b%2B", b"/b%2B"), (b"/a%2b/./b?/./", b"/a%2b/b?/./"), (b"/a/..", b"/")]
)
def test_only_plain_dot_segments_are_resolved_on_the_way(raw: bytes, inner: bytes) -> None:
    """A browser resolves them before it sends anything."""
    target = canonical(raw, DEFAULT_PATHS)

    assert isinstance(target, Target)
    assert target.raw == inner


REFUSED = {
    b"/public/%2E%2E/admin/secret": TargetFault.DOT_SEGMENT,
    b"/public/.%2e/admin": TargetFault.DOT_SEGMENT,
    b"/public/%2e/admin": TargetFault.DOT_SEGMENT,
    b"/public/%252e%252e/admin/secret": TargetFault.DOUBLE_ENCODING,
    b"/a%2541": TargetFault.DOUBLE_ENCODING,
    b"/a%25u002e": TargetFault.DOUBLE_ENCODING,
    b"/public/..%2Fadmin/secret": TargetFault.ENCODED_SLASH,
    b"/public/..%255cadmin/secret": TargetFault.DOUBLE_ENCODING,
    b"/public/..%5cadmin": TargetFault.CHARACTER,
    b"/public/..\\admin": TargetFault.CHARACTER,
    b"/public/..;/admin/secret": TargetFault.PARAMETER,
    b"/public/..%3b/admin/secret": TargetFault.PARAMETER,
    b"/admin/secret;.css": TargetFault.PARAMETER,
    b"//admin/secret": TargetFault.EMPTY_SEGMENT,
    b"/admin//secret": TargetFault.EMPTY_SEGMENT,
    b"/admin//": TargetFault.EMPTY_SEGMENT,
    b"/admin%2fsecret": TargetFault.ENCODED_SLASH,
    b"/public/..%c0%afadmin": TargetFault.ENCODING,
    b"/%ff": TargetFault.ENCODING,
    b"/%ed%a0%80": TargetFault.ENCODING,
    b"/admin%00": TargetFault.CHARACTER,
    b"/admin%0d%0aX: y": TargetFault.CHARACTER,
    b"/admin%7f": TargetFault.CHARACTER,
    b"/admin%c2%85": TargetFault.CHARACTER,
    b"/admin#/public/": TargetFault.CHARACTER,
    b"/a?b#c": TargetFault.CHARACTER,
    b"/a b": TargetFault.CHARACTER,
    b"/a?\xe3": TargetFault.CHARACTER,
    b"/%": TargetFault.ESCAPE,
    b"/%4": TargetFault.ESCAPE,
    b"/%zz": TargetFault.ESCAPE,
    b"/..": TargetFault.DOT_SEGMENT,
    b"/a/../../b": TargetFault.DOT_SEGMENT,
    b"": TargetFault.NOT_ORIGIN_FORM,
    b"*": TargetFault.NOT_ORIGIN_FORM,
    b"a/b": TargetFault.NOT_ORIGIN_FORM,
    b"?a": TargetFault.NOT_ORIGIN_FORM,
}


@pytest.mark.parametrize("raw", REFUSED)
def test_what_two_servers_could_read_differently_is_refused(raw: bytes) -> None:
    """Each with its reason."""
    assert canonical(raw, DEFAULT_PATHS) is REFUSED[raw]


LENIENT = PathSettings(ignore_case=True, parameters="keep", encoded_slash="keep", merge_slashes=True)


@pytest.mark.parametrize(
    ("raw", "path", "inner"),
    [
        (b"//Admin///Secret", "/admin/secret", b"/admin/secret"),
        (b"/A%2Bb%C3%A9", "/a+bé", b"/a%2bb%c3%a9"),
        (b"/a%2Bb%C3%A9", "/a+bé", b"/a%2Bb%C3%A9"),
        (b"/%4a%4A%5A%5B", "/jjz[", b"/jjz%5b"),
        (b"/a%2fb", "/a%2Fb", b"/a%2fb"),
        (b"/a;jsessionid=1/b", "/a;jsessionid=1/b", b"/a;jsessionid=1/b"),
        (b"/%41%2FB", "/a%2Fb", b"/a%2fb"),
        (b"///", "/", b"/"),
    ],
)
def test_what_an_old_application_needs_is_judged_in_one_form(raw: bytes, path: str, inner: bytes) -> None:
    """Still one form, only another, and policy and application see the same."""
    target = canonical(raw, LENIENT)

    assert isinstance(target, Target)
    assert (target.path, target.raw_path) == (path, inner)


@pytest.mark.parametrize(
    "raw",
    [
        b"/a/..%2fb",
        b"/a%2f..%2fb",
        b"/a%2f%2fb",
        b"/a%2f/b",
        b"/a/%2fb",
        b"/..;/b",
        b"/.;x",
        b"/;a/b",
        b"/a%5cb",
        b"/a%252fb",
        b"/a%2f",
    ],
)
def test_leniency_opens_no_way_around(raw: bytes) -> None:
    """A path stays refused if a server resolves it after it cuts parameters off or decodes the slash."""
    assert isinstance(canonical(raw, LENIENT), TargetFault)


def test_case_is_that_of_ascii() -> None:
    """Unicode's own rules would turn the Kelvin sign into a `k`."""
    target = canonical("/\N{KELVIN SIGN}A".encode().replace(b"\xe2\x84\xaa", b"%E2%84%AA"), LENIENT)

    assert isinstance(target, Target)
    assert target.path == "/\N{KELVIN SIGN}a"


ALPHABET = st.sampled_from(
    [b"/", b".", b"..", b"a", b"%2e", b"%2f", b"%5c", b"%25", b"%41", b";", b"\\", b"%e3%81%82", b"?"]
)
SETTINGS = st.sampled_from([DEFAULT_PATHS, LENIENT])


@given(st.lists(ALPHABET, max_size=12).map(b"".join), SETTINGS)
def test_the_canonical_form_is_its_own(raw: bytes, paths: PathSettings) -> None:
    """The application's target is, read again, the target that the policy judged: nothing decodes to something else."""
    target = canonical(b"/" + raw, paths)

    if isinstance(target, Target):
        assert canonical(target.raw, paths) == target
        assert canonical(encoded(target.path), paths) == msgspec.structs.replace(
            target, raw_path=encoded(target.path), query=None
        )
        assert b"//" not in target.raw_path
        assert not re.search(r"(?:^|/)\.{1,2}(?:/|$)", target.path)
        assert re.fullmatch(rb"/[!-~]*", target.raw_path)


def test_the_cache_keeps_settings_apart() -> None:
    """The same bytes mean another path for another host; and what is full forgets, and what is long is not kept."""
    cache = TargetCache(limit=2, longest=10)

    for _ in range(2):
        assert cache.canonical(b"/A", DEFAULT_PATHS) == Target("/A", b"/A", None)
        assert cache.canonical(b"/A", LENIENT) == Target("/a", b"/a", None)
        assert cache.canonical(b"/b", DEFAULT_PATHS) == Target("/b", b"/b", None)
        assert cache.canonical(b"/" + b"c" * 20, DEFAULT_PATHS) == Target("/" + "c" * 20, b"/" + b"c" * 20, None)
        assert cache.canonical(b"/..", DEFAULT_PATHS) is TargetFault.DOT_SEGMENT
    assert len(cache._target_cache) <= 2


def test_segments_are_bounded() -> None:
    """A path of eight kilobytes has 4,000 of them, and each is a step in the tree of patterns."""
    assert isinstance(canonical(b"/a" * MOST_SEGMENTS, DEFAULT_PATHS), Target)
    for segment in (b"/a", b"/a%20", b"/.", b"/a/..", b"//"):
        assert canonical(segment * (MOST_SEGMENTS + 1), LENIENT) is TargetFault.SEGMENTS


@pytest.mark.parametrize("mark", [b"&", b";"])
def test_parameters_are_bounded(mark: bytes) -> None:
    """Some applications read 1,000 parameters and cut the rest off; nobody can say which ones they read."""
    assert isinstance(canonical(b"/?" + mark.join([b"a"] * MOST_QUERY_PARTS), DEFAULT_PATHS), Target)
    assert canonical(b"/?" + mark.join([b"a"] * (MOST_QUERY_PARTS + 1)), DEFAULT_PATHS) is TargetFault.QUERY_PARTS


def calls_of(raw: bytes) -> int:
    """Count the calls that one reading makes, of Python's functions and of C's."""
    made = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    gc.disable()  # a collection calls finalizers
    sys.setprofile(count)
    try:
        canonical(raw, DEFAULT_PATHS)
    finally:
        sys.setprofile(None)
        gc.enable()
    return made


@pytest.mark.parametrize("piece", [b"%20", b"a%20", b"%e3%81%82", b"%41", b"a", b"a%2Bb|"])
def test_no_escape_costs_a_call(piece: bytes) -> None:
    """A path of eight kilobytes makes as few of them as one of two: all the work is done in C, in a few passes."""
    assert calls_of(b"/" + piece * (8_000 // len(piece))) == calls_of(b"/" + piece * (2_000 // len(piece)))


def test_segments_cost_calls_only_where_one_is_a_dot_or_empty() -> None:
    """Each is looked at once then, and there are few."""
    assert calls_of(b"/a%20" * MOST_SEGMENTS) == calls_of(b"/a%20" * 200)
    assert calls_of(b"/.a%20" * MOST_SEGMENTS) <= calls_of(b"/.a%20") + 2 * MOST_SEGMENTS


OLD = {
    ("cp932", b"/%8E%91%97%BF.txt"): "/資料.txt",
    ("cp932", b"/%95%5C/%8f%5C"): "/表/十",
    ("cp932", b"/%83A/a"): "/ア/a",
    ("euc-jp", b"/%BB%F1%CE%C1.txt"): "/資料.txt",
    ("euc-jp", b"/%FC%E2%FA%B1"): None,
    ("cp932", b"/%81"): None,
    ("cp932", b"/%5C"): None,
    ("euc-jp", b"/%8F%F4%FB"): "/髙",
}


@pytest.mark.parametrize(("charset", "raw"), OLD)
def test_an_address_is_read_in_the_apps_charset(charset: str, raw: bytes) -> None:
    """The address is forwarded as it came. An App that ignores case takes the second byte of a sign for no letter."""
    path = OLD[charset, raw]
    if raw == b"/%FC%E2%FA%B1":
        path = "/" + b"\xfc\xe2\xfa\xb1".decode("eucjp-ms")

    for ignore_case in (False, True):
        target = canonical(raw, PathSettings(charset=charset, ignore_case=ignore_case))  # type: ignore[arg-type]
        assert isinstance(target, Target) is (path is not None)
        if isinstance(target, Target):
            assert (target.path, target.raw) == (path, raw)
    assert canonical(b"/%8E%91%97%BF.txt", DEFAULT_PATHS) is TargetFault.ENCODING


@pytest.mark.parametrize(
    ("paths", "raw", "path"),
    [
        (PathSettings(empty_segments="keep"), b"/proxy/http://x/y", "/proxy/http://x/y"),
        (PathSettings(empty_segments="keep"), b"/a//", "/a//"),
        (PathSettings(empty_segments="keep"), b"//a/b", TargetFault.EMPTY_SEGMENT),
        (PathSettings(empty_segments="keep"), b"/a//../b", TargetFault.DOT_SEGMENT),
        (PathSettings(encoded_percent="keep"), b"/100%2525.txt", "/100%25.txt"),
        (PathSettings(encoded_percent="keep"), b"/wiki/50%2525_off", "/wiki/50%25_off"),
        (PathSettings(encoded_percent="keep"), b"/a%2F", TargetFault.ENCODED_SLASH),
        (DEFAULT_PATHS, b"/100%2525.txt", TargetFault.DOUBLE_ENCODING),
    ],
)
def test_old_addresses_are_judged_and_forwarded_as_they_are(
    paths: PathSettings, raw: bytes, path: str | TargetFault
) -> None:
    """Each where the App asks for it."""
    target = canonical(raw, paths)

    assert (target if isinstance(target, TargetFault) else target.path) == path
    if isinstance(target, Target):
        assert target.raw == raw


def test_a_path_is_written_anew_with_its_kept_slash() -> None:
    """A kept `%2F` stays an escape, signs that a path may have stay as they are, and others are escaped."""
    assert encoded("/a%2Fb/~c;d=1,2!$&'()*+:@/ü") == b"/a%2Fb/~c;d=1,2!$&'()*+:@/%C3%BC"
    assert encoded("/%2F%2f") == b"/%2F%252f"


def test_case_is_ignored_in_the_path_alone() -> None:
    """The query is the application's, in the letters it was sent in."""
    target = canonical(b"/Reserve/%4A?Day=A", PathSettings(ignore_case=True))

    assert isinstance(target, Target)
    assert (target.path, target.query) == ("/reserve/j", b"Day=A")


@pytest.mark.parametrize("path", ["/a", "/%41", "/a/../a", "/A", "/a%20b", "/あ"])
@pytest.mark.parametrize("query", [None, b"", b"x=1", b"A=%41&..=/../", b"?"])
@pytest.mark.parametrize("paths", [PathSettings(), PathSettings(ignore_case=True)])
def test_a_query_goes_on_as_it_was_sent(path: str, query: bytes | None, paths: PathSettings) -> None:
    """However its path is spelled and read; an empty one is told apart from none."""
    raw = quote(path, safe="/%.").encode() + (b"" if query is None else b"?" + query)

    target = canonical(raw, paths)

    assert isinstance(target, Target)
    assert target.query == query


def test_a_letter_that_is_half_a_sign_keeps_its_case() -> None:
    """`%83A` is ア in Shift_JIS, and `%83a` is another sign: the application gets the bytes that were sent."""
    paths = PathSettings(ignore_case=True, charset="cp932")

    target = canonical(b"/%83A/Booking", paths)

    assert isinstance(target, Target)
    assert (target.path, target.raw_path) == ("/ア/booking", b"/%83A/Booking")


def test_a_target_is_read_once() -> None:
    """Asked for again, it is the very same object: under the usual settings, and under an App's own."""
    cache = TargetCache()
    own = PathSettings(ignore_case=True)

    for paths in (DEFAULT_PATHS, own):
        first = cache.canonical(b"/a?b", paths)
        assert isinstance(first, Target)
        assert cache.canonical(b"/a?b", paths) is first
        assert first == canonical(b"/a?b", paths)


def test_what_strangers_send_fills_no_memory() -> None:
    """A long target is read each time, and a full cache is emptied."""
    cache = TargetCache(limit=2, longest=4)

    def is_kept(raw: bytes) -> bool:
        return cache.canonical(raw, DEFAULT_PATHS) is cache.canonical(raw, DEFAULT_PATHS)

    assert is_kept(b"/abc")
    assert not is_kept(b"/abcd")
    kept = cache.canonical(b"/abc", DEFAULT_PATHS)
    assert is_kept(b"/d")
    assert cache.canonical(b"/abc", DEFAULT_PATHS) is kept
    assert is_kept(b"/e")
    assert cache.canonical(b"/abc", DEFAULT_PATHS) is not kept
    assert cache.canonical(b"bad", DEFAULT_PATHS) is TargetFault.NOT_ORIGIN_FORM
