"""Each URL of ours has one kind, and one that is not in the table gets the strictest."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pipeline.urls import (
    AUTH_PAGES,
    BACK,
    CLEARED,
    LOGIN,
    ME,
    SIGNATURES,
    URLS,
    Kind,
    kind_of,
    own_url,
    sign_in_url,
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (LOGIN, Kind.PAGE),
        (ME, Kind.PAGE),
        ("logout", Kind.PAGE),
        (CLEARED, Kind.ASSET),
        ("static/style.css", Kind.ASSET),
        ("static/", Kind.ASSET),
        ("backchannel-logout", Kind.MACHINE),
        (f"{AUTH_PAGES}nginx", Kind.QUESTION),
        (f"{AUTH_PAGES}a/b", Kind.QUESTION),
    ],
)
def test_a_url_has_its_kind(name: str, kind: Kind) -> None:
    """A name that ends in `/` stands for all below it."""
    assert kind_of(name) is kind


@pytest.mark.parametrize("name", ["", "nowhere", "static", "auth", "me/", "me/more", "LOGIN", "login/", "/static/x"])
def test_an_unknown_url_is_a_page(name: str) -> None:
    """A script, a frame and a prefetch get no page, so a forgotten line in the table opens nothing."""
    assert own_url(name) is None
    assert kind_of(name) is Kind.PAGE


def test_a_get_with_an_effect_has_no_head() -> None:
    """A link checker must not begin a sign-in nor use up a callback."""
    effects = {name for name, url in URLS.items() if "GET" in url.methods and "HEAD" not in url.methods}

    assert effects == {LOGIN, "callback", CLEARED, f"{SIGNATURES}/"}


def test_no_machine_is_asked_by_a_form_of_a_browser() -> None:
    """A machine's URL that takes a POST reads nothing, and one that is read takes no POST."""
    for name, url in URLS.items():
        if url.kind is Kind.MACHINE:
            assert ("POST" in url.methods) != ("GET" in url.methods), name


_TARGETS = st.lists(st.sampled_from(["/a", "?", "&b=", "%E3%81%82", "%26", "'()[]{}|^`~", "back=", "rd="])).map("".join)


@given(_TARGETS.map(lambda text: f"/{text}"), st.integers(0, 900))
def test_the_url_of_a_sign_in_leads_back_to_any_target(text: str, times: int) -> None:
    """It grows no longer than its own name where the target is long, and fits a request line or leads to the root."""
    target = (text + "?q=" + "%E3%81%82" * times).encode()
    url = sign_in_url("https://app.gw.test", "/.sekisho/", target, 8_192)
    page, _, query = url.partition(b"?")

    assert page == b"https://app.gw.test/.sekisho/login"
    assert len(url) - len("https://app.gw.test") + len("GET  HTTP/1.1") <= 8_192
    if query.startswith(BACK):
        assert query.removeprefix(BACK) == target
        assert len(query) - len(target) == len(BACK)
    elif len(target) < 8_192 - 64:
        assert unquote_to_bytes(query.removeprefix(b"rd=")) == target
    else:
        assert query == b"rd=%2F"
