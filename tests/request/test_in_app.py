from __future__ import annotations

import pytest

from gateway.request.in_app import SOME_APP, in_app_browser
from tests import builders

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "app"),
    [
        (f"{IPHONE} Mobile/15E148 Safari Line/15.1.0", "LINE"),
        (f"{ANDROID} Chrome/130.0 Mobile Safari/537.36 Line/14.0.0/IAB", "LINE"),
        (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/480.0]", "Facebook"),
        (f"{IPHONE} Mobile/15E148 Instagram 350.0.0", "Instagram"),
        (f"{IPHONE} Mobile/15E148 Twitter for iPhone/10.6", "X"),
        (f"{IPHONE} Mobile/15E148 YJApp-IOS jp.co.yahoo.ipn.appli/4.1", "Yahoo! JAPAN"),
        (f"{IPHONE} GSA/340.0 Mobile/15E148 Safari/604.1", "Google"),
        (f"{IPHONE} Version/18.1 Mobile/15E148 Safari/604.1", None),
        (f"{ANDROID} Chrome/130.0.0.0 Mobile Safari/537.36", None),
        (f"{ANDROID} Underline/1.0", None),
        (
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36"
            ),
            SOME_APP,
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 15; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
                "Chrome/130.0.0.0 Mobile Safari/537.36 Line/14.0.0/IAB"
            ),
            "LINE",
        ),
        (f"{IPHONE} Mobile/15E148", SOME_APP),
        (f"{IPHONE} Mobile/15E148 Bank/3.2", SOME_APP),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            SOME_APP,
        ),
        (f"{IPHONE} CriOS/130.0 Mobile/15E148 Safari/604.1", None),
        (f"{IPHONE} FxiOS/131.0 Mobile/15E148 Safari/605.1.15", None),
        ("Mozilla/5.0 (Android 15; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0", None),
        ("Mozilla/5.0 (Linux; U; Android 4.0; SC-02) AppleWebKit/534.30 Version/4.0 Mobile Safari/534.30", None),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)", None),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; wv) AppleWebKit/537.36", None),
        ("", None),
    ],
)
def test_browsers_inside_apps_are_known(agent: str, app: str | None) -> None:
    """By the mark the app adds, and not by a word that merely ends like it."""
    assert in_app_browser(builders.inbound("/", ("User-Agent", agent))) == app


def test_nobody_has_to_say_who_they_are() -> None:
    """No User-Agent, no warning."""
    assert in_app_browser(builders.inbound("/")) is None
