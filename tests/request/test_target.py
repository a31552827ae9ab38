from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.target import DEFAULT_PATHS, Target, TargetCache, TargetFault, canonical
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


@pytest.mark.parametrize(
    ("raw", "inner"),
    [
        (b"/%41%7E", b"/A~"),
        (b"/%e3%81%82", b"/%E3%81%82"),
        (b"/a|b", b"/a%7Cb"),
        (b"/a%3fb?c", b"/a%3Fb?c"),
        (b"/%61/../b", b"/b"),
    ],
)
def test_the_application_receives_the_canonical_form(raw: bytes, inner: bytes) -> None:
    """And not the spelling that came."""
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
        (b"/a%2fb", "/a%2Fb", b"/a%2Fb"),
        (b"/a;jsessionid=1/b", "/a;jsessionid=1/b", b"/a;jsessionid=1/b"),
        (b"/%41%2FB", "/a%2Fb", b"/a%2Fb"),
        (b"///", "/", b"/"),
    ],
)
def test_what_an_old_application_needs_changes_policy_and_upstream_alike(raw: bytes, path: str, inner: bytes) -> None:
    """Still one form, only another."""
    target = canonical(raw, LENIENT)

    assert isinstance(target, Target)
    assert (target.path, target.raw_path) == (path, inner)


@pytest.mark.parametrize(
    "raw", [b"/a/..%2fb", b"/a%2f..%2fb", b"/a%2f%2fb", b"/..;/b", b"/.;x", b"/;a/b", b"/a%5cb", b"/a%252fb", b"/a%2f"]
)
def test_leniency_opens_no_way_around(raw: bytes) -> None:
    """What a server would resolve once it has cut parameters off, or decoded the slash, stays refused."""
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
    """What the application receives would be read by us as what policy saw: nothing decodes to something else."""
    target = canonical(b"/" + raw, paths)

    if isinstance(target, Target):
        assert canonical(target.raw, paths) == target
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
    assert len(cache._known) <= 2
