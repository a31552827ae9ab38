from __future__ import annotations

import pytest

from gateway.request.same_site import Sender, sender
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
