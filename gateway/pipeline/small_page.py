"""The page that a person gets where no page of the portal can be made: it is whole in itself, and loads nothing.

The listener has it for heads that it refuses, for paths and hosts that are no App's, and for its own faults. The outer
proxy of forward-auth shows it in place. It is the last resort where our own pages do not answer. A program gets
problem+json instead (`request/reader.py`). Nothing of it is made until a request is refused.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from html import escape
from http import HTTPStatus

import msgspec

from gateway.language import Language
from gateway.pipeline.outcome import Answer, Headers
from gateway.pipeline.problem import FIELDS
from gateway.request.inbound import Inbound
from gateway.request.reader import accepted_languages, language_of, reader_of
from gateway.request.support import support_number
from gateway.route.route import Route


class Small(StrEnum):
    """The occasions of such a page."""

    ADDRESS = "address"
    LONG_ADDRESS = "long_address"
    NOT_FOUND = "not_found"
    ELSEWHERE = "elsewhere"
    METHOD = "method"
    LARGE = "large"
    COOKIES = "cookies"
    SLOW = "slow"
    BUSY = "busy"
    DENIED = "denied"
    NOT_SENT = "not_sent"
    FOREIGN = "foreign"
    AWAY = "away"


_OF_STATUS: Mapping[int, Small] = {
    HTTPStatus.FORBIDDEN: Small.DENIED,
    HTTPStatus.UNAUTHORIZED: Small.DENIED,
    HTTPStatus.NOT_FOUND: Small.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: Small.METHOD,
    HTTPStatus.NOT_IMPLEMENTED: Small.METHOD,
    HTTPStatus.REQUEST_TIMEOUT: Small.SLOW,
    HTTPStatus.LENGTH_REQUIRED: Small.LARGE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Small.LARGE,
    HTTPStatus.REQUEST_URI_TOO_LONG: Small.LONG_ADDRESS,
    HTTPStatus.MISDIRECTED_REQUEST: Small.ELSEWHERE,
    HTTPStatus.TOO_MANY_REQUESTS: Small.BUSY,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: Small.COOKIES,
}


def occasion(status: int) -> Small:
    """Return the occasion of a status: the address is at fault for any other 4xx, and we are for any other 5xx."""
    return _OF_STATUS.get(status) or (Small.AWAY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Small.ADDRESS)


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of one language. An occasion has a title, what happened, and what to do."""

    home: str
    sign_in: str
    onward: str
    whole_window: str
    help: str
    phone: str
    counter: str
    page: str
    contact: str
    number: str
    hint: str
    record: str
    not_the_agency: str
    occasions: Mapping[Small, tuple[str, str, str]]


_JA = _Words(
    "トップページへ",
    "本人確認をはじめる",
    "このページを開く",
    "画面全体で開く",
    "こまったときは",
    "電話",
    "窓口",
    "案内",
    "お問い合わせ",
    "番号",
    "電話や窓口では、この番号をお伝えください。",
    "記録番号",
    "{name}の画面です。デジタル庁の画面ではありません。",
    {
        Small.ADDRESS: (
            "このアドレスでは開けません",
            "アドレスの書き方が正しくありません。古いメールやほかのサイトのリンクから開いたときに起こることがあります。",
            "トップページから、ご覧になりたいページをお探しください。",
        ),
        Small.LONG_ADDRESS: (
            "アドレスが長すぎます",
            "アドレスが長すぎるため、ページを開けません。",
            "トップページから、ご覧になりたいページをお探しください。",
        ),
        Small.NOT_FOUND: (
            "ページが見つかりません",
            "お探しのページは、移動したか、なくなった可能性があります。",
            "アドレスをお確かめになるか、トップページからお探しください。",
        ),
        Small.ELSEWHERE: (
            "このアドレスのサービスはありません",
            "このサーバーには、お探しのアドレスのサービスがありません。",
            "アドレスをお確かめください。",
        ),
        Small.METHOD: (
            "この操作はできません",
            "このページでは、その操作を受け付けていません。",
            "トップページから、もう一度お進みください。",
        ),
        Small.LARGE: (
            "送信できません",
            "送信された内容が大きすぎるか、長さがわからないため、受け付けませんでした。",
            "ファイルを小さくするか、分けてから、もう一度お試しください。",
        ),
        Small.COOKIES: (
            "ページを開けません",
            "お使いのブラウザに保存されたこのサイトのデータ（Cookie）が多すぎるため、ページを開けません。",
            "ブラウザの設定でこのサイトの Cookie を削除してから、もう一度お試しください。",
        ),
        Small.SLOW: (
            "時間内に届きませんでした",
            "通信に時間がかかったため、受け付けられませんでした。",
            "電波や回線の状態をお確かめのうえ、もう一度お試しください。",
        ),
        Small.BUSY: (
            "混み合っています",
            "お使いの回線からのアクセスが多いため、受け付けられません。",
            "少し待ってから、もう一度お試しください。",
        ),
        Small.DENIED: ("ご利用いただけません", "このページは、ご利用いただけません。", ""),
        Small.NOT_SENT: (
            "まだ送信されていません",
            "入力した内容は送信されていません。送信するには、本人確認が必要です。",
            "本人確認をしてから、もう一度送信してください。",
        ),
        Small.FOREIGN: (
            "送信されていません",
            "別のサイトから送られた内容は、送信されていません。",
            "このサービスのページを開いて、もう一度はじめてください。",
        ),
        Small.AWAY: (
            "ただいまご利用になれません",
            "サービスを一時的に利用できません。あなたの操作のまちがいではありません。",
            "少し待ってから、もう一度お試しください。",
        ),
    },
)

_EASY = _Words(
    "はじめのページへ",
    "本人だと たしかめる",
    "このページを開く",
    "画面ぜんぶで開く",
    "こまったとき",
    "電話",
    "窓口",
    "説明",
    "質問や相談のページ",
    "番号",
    "電話や窓口で、この番号を言ってください。",
    "記録の番号",
    "{name}のページです。デジタル庁のページではありません。",
    {
        Small.ADDRESS: (
            "このアドレスでは開けません",
            "アドレスの書き方がまちがっています。古いメールのリンクで、おきることがあります。",
            "はじめのページから、さがしてください。",
        ),
        Small.LONG_ADDRESS: (
            "アドレスが長すぎます",
            "アドレスが長すぎて、ページを開けません。",
            "はじめのページから、さがしてください。",
        ),
        Small.NOT_FOUND: (
            "ページがありません",
            "さがしているページは、ありません。",
            "アドレスを見るか、はじめのページから、さがしてください。",
        ),
        Small.ELSEWHERE: (
            "このアドレスのサービスはありません",
            "ここには、そのアドレスのサービスがありません。",
            "アドレスが正しいか、見てください。",
        ),
        Small.METHOD: (
            "これはできません",
            "このページでは、そのやり方はできません。",
            "はじめのページから、もう一度やってください。",
        ),
        Small.LARGE: (
            "送れません",
            "送ったものが大きすぎるか、大きさがわからないので、うけつけませんでした。",
            "ファイルを小さくして、もう一度やってください。",
        ),
        Small.COOKIES: (
            "ページを開けません",
            "ブラウザに、このサイトのデータ（Cookie）がたくさんあるので、開けません。",
            "ブラウザの設定で、このサイトの Cookie を消して、もう一度やってください。",
        ),
        Small.SLOW: (
            "時間がかかりすぎました",
            "時間がかかったので、うけつけられませんでした。",
            "もう一度やってください。",
        ),
        Small.BUSY: (
            "こんでいます",
            "あなたのネットワークから、たくさんのアクセスがあります。",
            "すこし待って、もう一度やってください。",
        ),
        Small.DENIED: ("使えません", "このページは、使えません。", ""),
        Small.NOT_SENT: (
            "まだ送っていません",
            "あなたが書いたものは、まだ送っていません。",
            "本人だとたしかめてから、もう一度送ってください。",
        ),
        Small.FOREIGN: (
            "送っていません",
            "ほかのサイトから来たものは、送っていません。",
            "このサービスのページを開いて、もう一度はじめてください。",
        ),
        Small.AWAY: (
            "いま、使えません",
            "いま、サービスを使えません。あなたのまちがいではありません。",
            "すこし待って、もう一度やってください。",
        ),
    },
)

_EN = _Words(
    "Go to the top page",
    "Confirm your identity",
    "Open the page",
    "Open in the whole window",
    "If you need help",
    "Phone",
    "Counter",
    "Web page",
    "Contact",
    "Number",
    "Please read this number out when you call or come to a counter.",
    "Record",
    "This is a page of {name}. It is not a page of the Digital Agency.",
    {
        Small.ADDRESS: (
            "This address cannot be opened",
            "The address is not written correctly. That can happen with a link in an old e-mail or on another site.",
            "Please look for your page from the top page.",
        ),
        Small.LONG_ADDRESS: (
            "The address is too long",
            "The page cannot be opened, because its address is too long.",
            "Please look for your page from the top page.",
        ),
        Small.NOT_FOUND: (
            "Page not found",
            "The page you are looking for may have moved, or is gone.",
            "Please check the address, or look for your page from the top page.",
        ),
        Small.ELSEWHERE: (
            "There is no such service here",
            "This server has no service at the address that you opened.",
            "Please check the address.",
        ),
        Small.METHOD: (
            "This cannot be done here",
            "This page does not accept that operation.",
            "Please go on from the top page.",
        ),
        Small.LARGE: (
            "This cannot be sent",
            "Your input is too large, or its length is not known, so it was not accepted.",
            "Please make the file smaller or divide it, and try again.",
        ),
        Small.COOKIES: (
            "The page cannot be opened",
            "Your browser holds too much data (cookies) of this site.",
            "Please delete the cookies of this site in your browser's settings, and try again.",
        ),
        Small.SLOW: (
            "It did not arrive in time",
            "Your request took too long, so it was not accepted.",
            "Please check your connection and try again.",
        ),
        Small.BUSY: (
            "The service is busy",
            "Too many requests come from your network.",
            "Please wait a little and try again.",
        ),
        Small.DENIED: ("Not permitted", "You cannot use this page.", ""),
        Small.NOT_SENT: (
            "Not sent yet",
            "Your input has not been sent. To send it, you need to confirm your identity.",
            "Please confirm your identity, then send it again.",
        ),
        Small.FOREIGN: (
            "Not sent",
            "A form of another site has not been sent.",
            "Please open this service's own page and begin again.",
        ),
        Small.AWAY: (
            "Not available now",
            "The service is not available at the moment. You did nothing wrong.",
            "Please wait a little and try again.",
        ),
    },
)

WORDS: Mapping[Language, _Words] = {Language.JA: _JA, Language.EASY: _EASY, Language.EN: _EN}

_STYLE = (
    ":root{color-scheme:light dark;--t:#1a1a1a;--q:#4d4d4d;--g:#fff;--s:#f2f2f2;--l:#767676;--k:#0017c1}"
    "@media screen and (prefers-color-scheme:dark){"
    ":root{--t:#f2f2f2;--q:#ccc;--g:#1a1a1a;--s:#262626;--l:#999;--k:#9db7f9}}"
    "*{box-sizing:border-box}"
    'html{font:100%/1.7 "Noto Sans JP","Noto Sans CJK JP","Hiragino Sans",sans-serif;-webkit-text-size-adjust:100%}'
    "body{margin:0;background:var(--g);color:var(--t);overflow-wrap:anywhere}"
    "header,main,footer{padding:1rem max(1rem,50vw - 22.5rem)}"
    "header{border-top:4px solid var(--k);border-bottom:1px solid var(--l)}header p,footer p{margin:0}"
    "footer{background:var(--s);font-size:.875rem}h1{margin:.5rem 0 1rem;font-size:1.75rem;line-height:1.5;"
    "text-wrap:balance;word-break:auto-phrase}"
    "h2{margin:0 0 .5rem;font-size:1.125rem}a{color:var(--k)}.b{margin:1rem 0}"
    ".b a{display:flex;align-items:center;justify-content:center;"
    "max-width:28rem;min-height:3.5rem;padding:.75rem 1rem;border:2px solid var(--k);border-radius:.5rem;"
    "font-weight:700;text-align:center}a:focus-visible{outline:4px solid var(--t);outline-offset:2px}"
    ".c{margin-top:2rem;padding:1rem;border:1px solid var(--l);border-radius:.75rem}.c p{margin:0 0 .5rem}"
    ".c a{display:inline-flex;align-items:center;min-height:2.75rem}.q{color:var(--q);font-size:.9375rem}"
    ".n{font:700 1.25rem monospace;letter-spacing:.08em}@media print{:root{color-scheme:light}.b{display:none}}"
)
_POLICY = (
    "default-src 'none'; style-src 'sha256-" + b64encode(sha256(_STYLE.encode()).digest()).decode() + "'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors "
)


@dataclass(frozen=True, slots=True)
class Link:
    """The one way onward of a small page."""

    text: str
    url: str
    top: bool = False
    """It leaves the frame that the page is in."""


@dataclass(frozen=True, slots=True)
class About:
    """The content of a small page, beyond what its status says."""

    small: Small | None = None
    """The occasion, where the status alone does not tell it."""
    sentences: Mapping[str, str] | None = None
    """The words of what happened, by language, in place of ours."""
    links: tuple[Link, ...] = ()
    """The ways onward, in place of the App's front page."""
    framed: bool = False
    """Any page may show it in a frame; it has nothing about the person."""
    in_english_too: bool = False
    """Nothing tells the person's language."""


def small_page(
    status: int,
    request_id: str,
    language: Language,
    route: Route | None = None,
    about: About = About(),
    headers: Headers = (),
) -> Answer:
    """Return the page as an answer; `headers` go beside its own."""
    chosen = _offered(language, route)
    words = WORDS[chosen]
    small = about.small or occasion(status)
    title, what, do = words.occasions[small]
    own = _said(about.sentences, chosen) if about.sentences else escape(what)
    english = ""
    if about.in_english_too:
        english_title, *sentences = WORDS[Language.EN].occasions[small]
        english = f'<section lang="en"><h2>{english_title}</h2><p>{" ".join(sentences)}</p></section>'
    call = "" if about.framed else _call(words, route, chosen, request_id)
    body = (
        f'<!DOCTYPE html>\n<html lang="{chosen}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>{_plate(route, chosen)}"
        f"<main><h1>{escape(title)}</h1><p>{own}</p>"
        + (f"<p>{escape(do)}</p>" if do else "")
        + english
        + "".join(_link(each) for each in about.links or _home(words, route))
        + f"{call}</main>{_foot(words, route, chosen)}</body></html>\n"
    )
    fields = (
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Content-Language", chosen.encode()),
        (b"Cache-Control", b"no-store"),
        (b"Vary", b"Accept, Accept-Language, Cookie"),
        (b"Content-Security-Policy", (_POLICY + ("*" if about.framed else "'none'")).encode()),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Referrer-Policy", b"no-referrer"),
        *(() if about.framed else ((b"X-Frame-Options", b"DENY"),)),
        *headers,
    )
    return Answer(status, fields, body.encode("utf-8", "xmlcharrefreplace"))


def last_resort(status: int, request_id: str) -> Answer:
    """Return the page where nothing at all is known of who asks."""
    return small_page(status, request_id, Language.JA, about=About(in_english_too=True))


def without_portal(inbound: Inbound, route: Route | None) -> Answer:
    """Return the page in place of one of ours that was not made: the request was for a page."""
    return small_page(HTTPStatus.BAD_GATEWAY, inbound.request_id, inbound_language(inbound), route)


def inbound_language(inbound: Inbound) -> Language:
    """Return the language for a client that may be a person."""
    return language_of(inbound.cookie, accepted_languages(inbound.headers))


def for_person(answer: Answer, inbound: Inbound, route: Route | None) -> Answer:
    """Return problem+json as a page, if a person waits for it; every other answer as it is."""
    if answer.headers[:1] != FIELDS[:1]:
        return answer
    language = reader_of(inbound.headers)
    if language is None:
        return answer
    kept = tuple(each for each in answer.headers if each[0] in (b"Retry-After", b"Allow"))
    framed = any(name.lower() == b"sec-fetch-dest" and value != b"document" for name, value in inbound.headers)
    page = small_page(answer.status, inbound.request_id, language, route, About(framed=framed), kept)
    return msgspec.structs.replace(answer, headers=page.headers, body=page.body)


def _offered(language: Language, route: Route | None) -> Language:
    languages = () if route is None else route.app.languages
    if languages and language not in languages:
        language = languages[0]
    return language if language in WORDS else Language.JA


def _said(texts: Mapping[str, str], language: Language) -> str:
    """Return the words in the page's language, or else in Japanese, or else in any, which then say so."""
    for key in (language.value, Language.JA.value, *texts):
        if texts.get(key):
            text = escape(texts[key])
            return text if key == language else f'<span lang="{escape(key)}">{text}</span>'
    return ""


def _name(route: Route, language: Language) -> str:
    return _said(route.app.brand.name, language) or _said(route.app.operator, language) or escape(route.host)


def _plate(route: Route | None, language: Language) -> str:
    if route is None:
        return ""
    service = _said(route.app.brand.service, language)
    return f"<header><p><b>{_name(route, language)}</b>{f'<br>{service}' if service else ''}</p></header>\n"


def _home(words: _Words, route: Route | None) -> tuple[Link, ...]:
    if route is None:
        return ()
    return (Link(words.home, "/" if route.prefix == "/" else f"{route.prefix}/"),)


def _link(link: Link) -> str:
    top = ' target="_top"' if link.top else ""
    return f'<p class="b"><a href="{escape(link.url)}"{top}>{escape(link.text)}</a></p>'


def _call(words: _Words, route: Route | None, language: Language, request_id: str) -> str:
    lines = []
    if route is not None:
        contact = route.app.contact
        if contact.phone:
            hours = _said(contact.hours, language)
            link = f'<a href="tel:{contact.dialled}">{escape(contact.phone)}</a>'
            lines.append(f"{words.phone}: {link}{f' {hours}' if hours else ''}")
        if counter := _said(contact.counter, language):
            lines.append(f"{words.counter}: {counter}")
        if contact.url:
            lines.append(f'{words.page}: <a href="{escape(contact.url)}">{words.contact}</a>')
    lines.append(f'{words.number}: <span class="n">{support_number(request_id)}</span><br>{words.hint}')
    record = f'<p class="q">{words.record}: {escape(request_id)}</p>'
    shown = "".join(f"<p>{line}</p>" for line in lines)
    return f'<section class="c" aria-labelledby="c"><h2 id="c">{words.help}</h2>{shown}{record}</section>'


def _foot(words: _Words, route: Route | None, language: Language) -> str:
    if route is None:
        return ""
    before, _, behind = words.not_the_agency.partition("{name}")
    return f"<footer><p>{before}{_name(route, language)}{behind}</p></footer>"
