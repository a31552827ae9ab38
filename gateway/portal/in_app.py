"""Detects a browser window inside another app, to which the card's app cannot return.

Such a browser opens マイナアプリ, and マイナアプリ returns to the phone's default browser, which
did not begin the sign-in. The person is told beforehand; what happens otherwise is the page
`other_browser`. The list is a courtesy: nothing is decided on a User-Agent.
"""

from __future__ import annotations

from gateway.request.inbound import Inbound

_MARKS = (
    (b"line/", "LINE"),
    (b"fban/", "Facebook"),
    (b"fbav/", "Facebook"),
    (b"instagram", "Instagram"),
    (b"twitter for", "X"),
    (b"yjapp", "Yahoo! JAPAN"),
    (b"gsa/", "Google"),
    (b"bytedancewebview", "TikTok"),
    (b"musical_ly", "TikTok"),
    (b"micromessenger", "WeChat"),
    (b"kakaotalk", "KakaoTalk"),
    (b"snapchat", "Snapchat"),
)


def in_app_browser(inbound: Inbound) -> str | None:
    """Return the name of the app this browser is part of, or `None` where it is a browser by itself."""
    for name, value in inbound.headers:
        if name.lower() == b"user-agent":
            agent = value.lower()
            for mark, app in _MARKS:
                # Inside a token (`CriOS-online/`) a mark says nothing: each stands behind a space or a bracket.
                at = agent.find(mark)
                if at >= 0 and (at == 0 or agent[at - 1 : at] in b" (;["):
                    return app
    return None
