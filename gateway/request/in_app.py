"""Detects a browser window inside another app, to which the card's app cannot return.

Such a browser opens マイナアプリ, and マイナアプリ returns to the phone's default browser, which
did not begin the sign-in. A page warns the person beforehand; otherwise she would end at the page `other_browser`. The
list is a courtesy: nothing is decided on a User-Agent.
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


SOME_APP = "another app"
"""Stands for an app whose name the browser does not say."""


def in_app_browser(inbound: Inbound) -> str | None:
    """Return the name of the app this browser is part of, or `None` where it is a browser by itself.

    `SOME_APP` is a web view of an app that is not in the list.
    """
    for name, value in inbound.headers:
        if name.lower() == b"user-agent":
            agent = value.lower()
            for mark, app in _MARKS:
                # Inside a token (`CriOS-online/`) a mark says nothing: each stands behind a space or a bracket.
                at = agent.find(mark)
                if at >= 0 and (at == 0 or agent[at - 1 : at] in b" (;["):
                    return app
            return SOME_APP if _is_web_view(agent) else None
    return None


def _is_web_view(agent: bytes) -> bool:
    """Whether a browser's name, in lower case, is that of a system's web view.

    Android's says `wv` among its system's words. Apple's lacks the word `Safari` that every browser of the phone has.
    """
    if b"android" in agent:
        return b"; wv)" in agent or b"; wv;" in agent
    phone = any(mark in agent for mark in (b"(iphone;", b"(ipad;", b"(ipod touch;", b"(ipod;"))
    return phone and b"applewebkit/" in agent and b"mobile/" in agent and b"safari/" not in agent
