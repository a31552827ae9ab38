from __future__ import annotations

import pytest

from gateway.request.same_site import Sender, other_site, sender
from tests import builders

ORIGIN = "https://app.gw.test"


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ([], Sender.UNSAID),
        ([("Sec-Fetch-Site", "same-origin")], Sender.OURS),
        ([("sec-fetch-site", "same-origin"), ("Origin", ORIGIN)], Sender.OURS),
        ([("Sec-Fetch-Site", "same-site")], Sender.FOREIGN),
        ([("Sec-Fetch-Site", "cross-site")], Sender.FOREIGN),
        ([("Sec-Fetch-Site", "none")], Sender.FOREIGN),
        ([("Sec-Fetch-Site", "cross-site"), ("Origin", ORIGIN)], Sender.FOREIGN),
        ([("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")], Sender.FOREIGN),
        ([("Origin", ORIGIN)], Sender.OURS),
        ([("Origin", "null")], Sender.FOREIGN),
        ([("Origin", "http://app.gw.test")], Sender.FOREIGN),
        ([("Origin", "https://app.gw.test:8443")], Sender.FOREIGN),
        ([("Origin", "https://app.gw.test.evil.example")], Sender.FOREIGN),
        ([("Origin", ORIGIN), ("Origin", ORIGIN)], Sender.FOREIGN),
        ([("Referer", f"{ORIGIN}/.sekisho/logout")], Sender.UNSAID),
    ],
)
def test_who_had_the_browser_send_it(headers: list[tuple[str, str]], who: Sender) -> None:
    """The browser's own field decides before everything else; two values count as none."""
    assert sender(builders.inbound("/", *headers), ORIGIN) is who


@pytest.mark.parametrize(
    ("headers", "site"),
    [
        ((("Sec-Fetch-Site", "cross-site"), ("Origin", "https://pay.example")), "https://pay.example"),
        ((("Sec-Fetch-Site", "cross-site"), ("Origin", "http://127.0.0.1:8080")), "http://127.0.0.1:8080"),
        ((("Sec-Fetch-Site", "cross-site"), ("Origin", "null")), ""),
        ((("Sec-Fetch-Site", "cross-site"),), ""),
        ((("Sec-Fetch-Site", "cross-site"), ("Origin", "https://a.example"), ("Origin", "https://b.example")), ""),
        ((("Sec-Fetch-Site", "cross-site"), ("Origin", "https://a.example/<b>")), ""),
        ((("Sec-Fetch-Site", "cross-site"), ("Origin", "https://" + "a" * 300)), ""),
        ((("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site"), ("Origin", "https://a.example")), ""),
        ((("Origin", "https://pay.example"),), "https://pay.example"),
        ((("Origin", ORIGIN), ("Origin", "https://pay.example")), ""),
        ((("Origin", ORIGIN),), None),
        ((("Sec-Fetch-Site", "same-origin"), ("Origin", "https://pay.example")), None),
        ((("Sec-Fetch-Site", "same-site"), ("Origin", "https://other.gw.test")), None),
        ((("Sec-Fetch-Site", "none"),), None),
        ((), None),
    ],
)
def test_the_site_that_sent_a_form_is_the_one_the_browser_names(
    headers: tuple[tuple[str, str], ...], site: str | None
) -> None:
    """Empty where it cannot be said which; none where the form is of this site, or of nobody's page."""
    assert other_site(builders.inbound("/pay", *headers, method="POST"), ORIGIN) == site
