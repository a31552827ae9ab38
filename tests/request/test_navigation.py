"""The truth table of who is navigating."""

import pytest

from gateway.request.navigation import Navigation, begins_unasked, is_surely_a_navigation, navigation
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
        ("GET", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")), Navigation.FRAME),
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
        ("GET", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "frame")), Navigation.FRAME),
        ("HEAD", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "embed")), Navigation.FRAME),
        ("POST", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"), FORM), Navigation.FRAME),
        ("PUT", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")), Navigation.BACKGROUND),
        ("GET", (("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "embed")), Navigation.BACKGROUND),
        (
            "GET",
            (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"), ("Sec-Purpose", "prefetch")),
            Navigation.BACKGROUND,
        ),
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
        ((("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")), False),
        ((*NAVIGATE, ("Sec-Fetch-Mode", "cors")), False),
        ((*NAVIGATE, ("Sec-Fetch-Dest", "document")), False),
        ((*NAVIGATE, ("Sec-Purpose", "prefetch;prerender")), False),
        ((*NAVIGATE, PRELOAD), False),
    ],
)
def test_only_the_browsers_own_word_is_sure(headers: tuple[tuple[str, str], ...], *, sure: bool) -> None:
    """A client that says nothing, or says it twice, may be a script."""
    assert is_surely_a_navigation(inbound("/", *headers)) is sure


FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0"
OLD_EDGE = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C)"
OLD_SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.0 "
    "Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize("agent", ["", FIREFOX, OLD_EDGE, OLD_SAFARI])
@pytest.mark.parametrize("told", [(), NAVIGATE])
def test_a_browser_begins_a_sign_in_by_following_a_link(agent: str, told: tuple[tuple[str, str], ...]) -> None:
    """One that is too old to say that a person navigates as well."""
    named = (("User-Agent", agent),) if agent else ()

    assert begins_unasked(inbound("/", HTML, *named, *told))


@pytest.mark.parametrize(
    "agent",
    [
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1;line-poker/1.0",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Twitterbot/1.0",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "TelegramBot (like TwitterBot)",
        "WhatsApp/2.23.20.0",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0",
        "Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)",
        "Mattermost-Bot/1.1",
        "python-requests/2.31.0",
        "Go-http-client/1.1",
        "curl/8.4.0",
    ],
)
def test_a_preview_of_a_link_begins_no_sign_in_by_itself(agent: str) -> None:
    """A crawler and any other program begin none either: each would leave a login behind. A press begins one."""
    named = ("User-Agent", agent)

    assert not begins_unasked(inbound("/", HTML, named))
    assert begins_unasked(inbound("/", HTML, named, method="POST"))


def test_asking_for_the_head_alone_begins_no_sign_in() -> None:
    """This holds for everybody."""
    assert not begins_unasked(inbound("/", *NAVIGATE, HTML, ("User-Agent", FIREFOX), method="HEAD"))
