"""Which workers could stand in front of our pages, held against what a browser does with a scope."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.worker_scope import (
    allowed_may_cover,
    is_an_update,
    may_cover,
    names_a_covering_script,
    script_may_cover,
)
from tests.builders import inbound

PREFIX = "/.sekisho/"
OURS = ("/.sekisho/me", "/.sekisho/callback?code=c", "/.sekisho/login")


def covers_ours(scope: str) -> bool:
    """Service Workers, "Match Service Worker Registration": a URL is a worker's if it begins with its scope."""
    return any(url.startswith(scope) for url in OURS)


paths = st.lists(st.sampled_from(["", "a", ".", "..", ".sekisho", ".SEKISHO", "%2e", "public", "me"]), max_size=4).map(
    lambda segments: "/" + "/".join(segments)
)


@given(paths, paths)
def test_no_scope_below_a_harmless_one_covers_our_pages(widest: str, more: str) -> None:
    """This holds for every registered scope, as long as the browser limits it to the widest scope."""
    if not may_cover(widest, PREFIX):
        assert not covers_ours(widest + more.removeprefix("/"))
        assert not covers_ours(widest)


@given(st.one_of(paths, st.text(alphabet="/.%\\a:@s-?# \t", max_size=12)), paths)
def test_no_allowed_scope_that_passes_covers_our_pages(value: str, script: str) -> None:
    """Read as a browser does: a URL, relative to the script's."""
    if not allowed_may_cover(value.encode(), PREFIX):
        widest = urlsplit(urljoin(f"https://app.test{script}", value.strip())).path

        assert widest == value.strip(" \t")
        assert not covers_ours(widest)


@pytest.mark.parametrize(
    "value", ["/", "", "/.", "/.s", "/.sekisho", "/.sekisho/", "/.SEKISHO/me", "/./", "/a/..", "/a/../"]
)
def test_a_value_that_would_cover_our_pages_does_not_pass(value: str) -> None:
    """A value that a browser reads as another path does not pass either."""
    assert allowed_may_cover(value.encode(), PREFIX)


@pytest.mark.parametrize(
    "value", ["//evil.test/", "https://app.test/", "../", "./", "a/", "/%2e%2e/", "/a b/", "/\\", "/é/"]
)
def test_a_value_that_is_not_plain_does_not_pass(value: str) -> None:
    """Its meaning depends on its reader."""
    assert allowed_may_cover(value.encode(), PREFIX)


@pytest.mark.parametrize("value", ["/app/", "/app", "/booking/public/", "/a.b/c-d_~/", "/..a/", "/sekisho/"])
def test_a_scope_beside_our_pages_passes(value: str) -> None:
    """An application keeps its workers there."""
    assert not allowed_may_cover(value.encode(), PREFIX)
    assert not allowed_may_cover(f" {value}\t".encode(), PREFIX)


@pytest.mark.parametrize(
    ("script", "covers"),
    [
        ("/sw.js", True),
        ("/", True),
        ("/.sekishosw.js", True),
        ("/public/sw.js", False),
        ("/public/", False),
        ("/booking/app/sw.js", False),
    ],
)
def test_a_scripts_folder_says_which_scope_it_may_have(script: str, *, covers: bool) -> None:
    """`/sw.js` may have everything."""
    assert script_may_cover(inbound(script), PREFIX) is covers


def test_a_folder_is_read_as_the_browser_and_as_the_server_spell_it() -> None:
    """An App that merges slashes serves `//sw.js` from its root."""
    assert script_may_cover(inbound("/sw.js", received=b"//sw.js?v=/public/"), PREFIX)
    assert script_may_cover(inbound("/public/sw.js", received=b"/sw.js"), PREFIX)


@pytest.mark.parametrize("prefix", ["/auth/sekisho/", "/auth/"])
def test_another_prefix_is_covered_by_every_folder_above_it(prefix: str) -> None:
    """A setting decides the place of our pages."""
    assert script_may_cover(inbound("/auth/sw.js"), prefix)
    assert script_may_cover(inbound("/sw.js"), prefix)
    assert not script_may_cover(inbound("/authority/sw.js"), prefix)


def test_an_update_is_known_by_what_the_browser_says() -> None:
    """A condition, or the script itself as the page that asks."""
    itself = ("Referer", "https://app.gw.test/sw.js")
    page = ("Referer", "https://app.gw.test/")

    assert is_an_update(inbound("/sw.js", ("If-None-Match", '"v1"')))
    assert is_an_update(inbound("/sw.js", ("If-Modified-Since", "Wed, 01 Jan 2025 00:00:00 GMT")))
    assert is_an_update(inbound("/sw.js", itself))
    assert not is_an_update(inbound("/sw.js", page))
    assert not is_an_update(inbound("/sw.js"))


@pytest.mark.parametrize(
    "path",
    [
        "/sw.js",
        "/service-worker.js",
        "/serviceWorker.js",
        "/ngsw-worker.js",
        "/firebase-messaging-sw.js",
        "/sw.min.js",
        "/OneSignalSDKWorker.js",
        "/workbox-sw.mjs",
        "/sw-v2.js",
    ],
)
def test_the_usual_names_of_a_workers_script_are_known(path: str) -> None:
    """In the root they are told to the operator; in a folder of the application's own they are its affair."""
    assert names_a_covering_script(path, PREFIX)
    assert not names_a_covering_script(f"/app{path}", PREFIX)


@pytest.mark.parametrize("path", ["/", "/**", "/swim.js", "/answer.js", "/sw", "/static/**", "/sw.js/**"])
def test_other_names_are_not(path: str) -> None:
    """A remark about every script would be read by nobody."""
    assert not names_a_covering_script(path, PREFIX)
