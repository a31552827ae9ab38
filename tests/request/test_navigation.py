"""The truth table of who is navigating."""

import pytest

from gateway.request.navigation import Navigation, is_surely_a_navigation, navigation
from tests.builders import inbound

NAVIGATE = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
FORM = ("Content-Type", "application/x-www-form-urlencoded")
PRELOAD = ("Service-Worker-Navigation-Preload", "true")
HTML = ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", (), Navigation.PAGE),
        ("HEAD", (), Navigation.PAGE),
        ("GET", (("Accept", "*/*"),), Navigation.PAGE),
        ("GET", (HTML,), Navigation.PAGE),
        ("GET", (*NAVIGATE, ("Accept", "image/png")), Navigation.PAGE),
        ("GET", (("Accept", "application/json"),), Navigation.BACKGROUND),
        ("GET", (("Accept", "text/event-stream"),), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "cors"), HTML), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "same-origin"),), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty")), Navigation.RELAYED),
        ("HEAD", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty")), Navigation.RELAYED),
        ("POST", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty")), Navigation.RELAYED),
        ("PUT", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty")), Navigation.BACKGROUND),
        ("GET", (*NAVIGATE, PRELOAD), Navigation.RELAYED),
        ("GET", (HTML, PRELOAD), Navigation.RELAYED),
        ("GET", (("Sec-Fetch-Mode", "cors"), PRELOAD), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Dest", "empty"), HTML), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "frame")), Navigation.BACKGROUND),
        ("GET", (*NAVIGATE, ("Sec-Purpose", "prefetch;prerender")), Navigation.BACKGROUND),
        ("GET", (*NAVIGATE, ("X-Moz", "prefetch")), Navigation.BACKGROUND),
        ("GET", (*NAVIGATE, ("X-Purpose", "preview")), Navigation.BACKGROUND),
        ("GET", (HTML, ("X-Requested-With", "XMLHttpRequest")), Navigation.BACKGROUND),
        ("POST", (*NAVIGATE, FORM), Navigation.FORM),
        ("POST", (HTML, FORM), Navigation.FORM),
        ("POST", (FORM,), Navigation.FORM),
        ("POST", (("Content-Type", "application/json"),), Navigation.BACKGROUND),
        ("POST", (("Sec-Fetch-Mode", "cors"), FORM), Navigation.BACKGROUND),
        ("PUT", (HTML,), Navigation.BACKGROUND),
        ("OPTIONS", (HTML,), Navigation.BACKGROUND),
    ],
)
def test_who_is_navigating(method: str, headers: tuple[tuple[str, str], ...], expected: Navigation) -> None:
    """Only what a person did by hand is answered with a page or a redirect."""
    assert navigation(inbound("/", *headers, method=method)) is expected


def test_a_websocket_is_never_a_navigation() -> None:
    """However its Accept reads."""
    assert navigation(inbound("/", HTML, websocket=True)) is Navigation.BACKGROUND


@pytest.mark.parametrize(
    ("headers", "sure"),
    [
        (NAVIGATE, True),
        ((*NAVIGATE, HTML), True),
        ((), False),
        ((HTML,), False),
        (NAVIGATE[:1], False),
        (NAVIGATE[1:], False),
        ((("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty")), False),
        ((*NAVIGATE, ("Sec-Fetch-Mode", "cors")), False),
        ((*NAVIGATE, ("Sec-Fetch-Dest", "document")), False),
        ((*NAVIGATE, ("Sec-Purpose", "prefetch;prerender")), False),
        ((*NAVIGATE, PRELOAD), False),
    ],
)
def test_only_the_browsers_own_word_is_sure(headers: tuple[tuple[str, str], ...], *, sure: bool) -> None:
    """A client that says nothing, or says it twice, may be a script."""
    assert is_surely_a_navigation(inbound("/", *headers)) is sure
