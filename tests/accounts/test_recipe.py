"""A recipe at work: an application's form is filled in as a browser would, and its answers are judged."""

from __future__ import annotations

import gzip
import zlib
from urllib.parse import parse_qsl

import pytest

from gateway.accounts.recipe import (
    LARGEST_LOOK,
    LARGEST_PAGE,
    MOST_FIELDS,
    Form,
    Reply,
    asking_for_readable,
    filled,
    fits,
    has_ended,
    is_no_answer,
    leads_to,
    link_with,
    location_path,
    named_accounts,
    plain_body,
    plain_path,
    read_page,
    succeeded,
)
from gateway.accounts.set_cookie import Headers
from gateway.settings.settings import EndedSettings, SuccessSettings
from tests.builders import NOON

ORIGIN = "https://old.example.jp"
HTML = ((b"Content-Type", b"text/html; charset=utf-8"),)
LOGIN = """
<form action="/search"><input name="q" value="x"></form>
<form method="post" action="login.php">
  <input type="hidden" name="token" value="a&amp;b">
  <input name="id" value=""><input type="password" name="pw" maxlength="20">
  <input type="checkbox" name="keep" value="1"><input type="checkbox" name="seen" checked>
  <input type="radio" name="as" value="x"><input type="radio" name="as" value="y" checked>
  <input type="submit" name="go" value="Login"><input type="file" name="f"><input name="off" disabled value="1">
  <select name="lang"><option value="en">E<option value="ja" selected>J</select>
  <select name="first"><option value="1">1<option value="2">2</select>
  <textarea name="memo">two
lines</textarea><input value="no name">
</form>
<a href="/a">A</a> <a href="/logout?_wpnonce=7&amp;x=1">out</a> <a href="http://elsewhere.example/?_wpnonce=9">no</a>
"""


def test_the_form_with_both_fields_is_read_as_a_browser_sends_it() -> None:
    """Hidden fields, marked boxes and chosen options go along; buttons, files and disabled fields do not."""
    page = read_page(LOGIN.encode(), HTML)
    form = page.form_with(("id", "pw"))

    assert form is not None
    assert dict(form.fields) == {
        "token": "a&b",
        "id": "",
        "pw": "",
        "seen": "on",
        "as": "y",
        "lang": "ja",
        "first": "1",
        "memo": "two\nlines",
    }
    assert form.action_path("/sub/page.php?x=1", ORIGIN) == "/sub/login.php"
    assert [each.posts for each in page.forms] == [False, True]
    assert form.longest == {"pw": 20}
    assert page.form_with(("id", "other")) is None


def test_what_is_filled_in_stands_in_the_place_of_what_was_there() -> None:
    """The account and the password are sent once, in the charset of the page."""
    form = Form((("token", "t"), ("id", "old"), ("pw", "")))

    assert filled(form, {"id": "山田", "pw": "a&b"}, "cp932") == b"token=t&id=%8ER%93c&pw=a%26b"
    assert filled(form, {"id": "😀", "pw": ""}, "cp932") is None


@pytest.mark.parametrize(
    ("headers", "meta", "codec"),
    [
        (((b"Content-Type", b"text/html; charset=Shift_JIS"),), "", "cp932"),
        (((b"content-type", b'text/html; charset="EUC-JP"'),), "", "eucjp-ms"),
        ((), '<meta http-equiv="Content-Type" content="text/html; charset=x-sjis">', "cp932"),
        ((), '<meta charset="utf-8">', "utf-8"),
        ((), '<meta charset="no-such-thing">', "utf-8"),
        ((), "", "utf-8"),
    ],
)
def test_a_page_is_read_in_its_charset(headers: Headers, meta: str, codec: str) -> None:
    """The header counts before the page, and an unknown name is UTF-8."""
    assert read_page(meta.encode(), headers).codec == codec


@pytest.mark.parametrize(
    "label", ["idna", "punycode", "undefined", "utf-7", "utf-16", "UTF_32_BE", "utf-8-sig", "unicode_escape", "hex"]
)
def test_a_codec_that_no_browser_has_is_none(label: str) -> None:
    """Punycode took minutes over a page, and `idna` ended the reading with an error of its own."""
    page = read_page(LOGIN.encode(), ((b"Content-Type", b"text/html; charset=" + label.encode()),))

    assert page.codec == "utf-8"
    assert page.form_with(("id", "pw")) is not None


@pytest.mark.parametrize("broken", ["<!--", "<a ", "<![", "</", "<!", "<?", "<![CDATA[", "<!DOCTYPE ["])
def test_a_page_that_is_never_whole_is_read_once(broken: str) -> None:
    """A tag without an end costs no look through all of the rest, as one look for each would take minutes."""
    whole = read_page(LOGIN.encode() + b"<![if x]>" + broken.encode() * 50_000, HTML)

    assert whole.form_with(("id", "pw")) is not None


def test_a_form_has_an_end() -> None:
    """An application cannot have us send a form without bounds."""
    page = read_page(("<form>" + "<input name=a value=1>" * (MOST_FIELDS + 9)).encode(), HTML)

    assert len(page.forms[0].fields) == MOST_FIELDS


def test_a_link_of_its_own_site_is_followed_and_no_other() -> None:
    """A link to another host is none of the application's."""
    page = read_page(LOGIN.encode(), HTML)

    assert link_with(page, "_wpnonce=", "/wp-login.php", ORIGIN) == "/logout?_wpnonce=7&x=1"
    assert link_with(page, "_wpnonce=9", "/wp-login.php", ORIGIN) is None


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"who_1=clerk%7C1%7Cx; Path=/", ("clerk",)),
        (b"who_1=%E5%B1%B1%E7%94%B0", ("山田",)),
        (b"who_1=+; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ()),
        (b"who_1=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/", ()),
        (b"who_1=%20; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ()),
        (b"who_1=; Max-Age=0", ()),
        (b"SID=clerk", ()),
    ],
)
def test_an_account_is_read_from_the_cookie_that_names_it(line: bytes, named: tuple[str, ...]) -> None:
    """A cookie that is emptied names nobody, and neither does one of another name."""
    assert named_accounts("who_*", ((b"set-cookie", line),), "/login", NOON) == named
    assert named_accounts("", ((b"set-cookie", line),), "/login", NOON) == ()


def test_the_account_is_of_the_cookie_that_stays() -> None:
    """An application may take the old cookie away before it sets the new one; a second path is a second account."""
    away, clerk = (b"Set-Cookie", b"who_1=deleted; Max-Age=0; Path=/"), (b"Set-Cookie", b"who_1=clerk; Path=/")
    other = (b"Set-Cookie", b"who_1=boss; Path=/admin")

    assert named_accounts("who_*", (away, clerk), "/login", NOON) == ("clerk",)
    assert named_accounts("who_*", (clerk, away), "/login", NOON) == ()
    assert named_accounts("who_*", (clerk, other), "/login", NOON) == ("clerk", "boss")


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/logout?a=1", "/logout?a=1"),
        ("logout?a=1", "/deep/logout?a=1"),
        ("?a=1", "/deep/page?a=1"),
        ("https://old.example.jp/logout?a=1", "/logout?a=1"),
        ("//old.example.jp/logout?a=1", "/logout?a=1"),
        ("https://old.example.jp:8443/logout?a=1", None),
        ("https://old.example.jp.evil.example/logout?a=1", None),
        ("https://old.example.jp@evil.example/logout?a=1", None),
        ("//evil.example/logout?a=1", None),
        ("javascript:a=1", None),
        ("https://[a=1", None),
    ],
)
def test_an_address_in_the_applications_own_origin_is_its_own(address: str, target: str | None) -> None:
    """Many applications write their links with the public origin; no other host is theirs."""
    page = read_page(f'<a href="{address}">x</a><form method=post action="{address}"></form>'.encode(), HTML)

    assert link_with(page, "a=1", "/deep/page", ORIGIN) == target
    assert page.forms[0].action_path("/deep/page", ORIGIN) == (None if target is None else target.partition("?")[0])


def location(value: str) -> Headers:
    return ((b"Location", value.encode()),)


def judged(success: SuccessSettings, status: int, headers: Headers = (), body: bytes = b"") -> bool:
    page = read_page(body, headers) if body else None
    return succeeded(success, Reply(status, headers, body), page, "/login.php", NOON)


@pytest.mark.parametrize(
    ("success", "status", "headers", "text", "good"),
    [
        (SuccessSettings(), 200, (), "", False),
        (SuccessSettings(status=302), 302, (), "", True),
        (SuccessSettings(status=302), 200, (), "", False),
        (SuccessSettings(not_location="/login.php"), 302, location("/"), "", True),
        (SuccessSettings(not_location="/login.php"), 302, location("login.php?error=1"), "", False),
        (SuccessSettings(not_location="/login.php"), 302, location("http://h/login.php"), "", False),
        (SuccessSettings(not_location="/login.php"), 200, (), "", False),
        (SuccessSettings(location="/my/*"), 302, location("/my/page?x"), "", True),
        (SuccessSettings(location="/my/*"), 302, location("/"), "", False),
        (SuccessSettings(cookie="in_*"), 200, ((b"Set-Cookie", b"in_7=x; Path=/"),), "", True),
        (SuccessSettings(cookie="in_*"), 200, ((b"Set-Cookie", b"out=x"),), "", False),
        (SuccessSettings(text_present="Welcome"), 200, (), "Welcome!", True),
        (SuccessSettings(text_present="Welcome"), 200, (), "wrong", False),
        (SuccessSettings(text_absent="wrong"), 200, (), "Welcome!", True),
        (SuccessSettings(text_absent="wrong"), 200, (), "wrong", False),
        (SuccessSettings(status=200, text_absent="wrong"), 302, (), "", False),
        (SuccessSettings(text_absent="wrong"), 302, (), "", True),
        (SuccessSettings(text_absent="wrong"), 200, (), "", False),
        (SuccessSettings(text_absent="wrong"), 200, (), " \n", False),
        (SuccessSettings(text_absent="wrong"), 503, (), "Maintenance", False),
        (SuccessSettings(text_absent="wrong"), 404, (), "No such page", False),
        (SuccessSettings(cookie="in_*"), 500, ((b"Set-Cookie", b"in_7=x; Path=/"),), "", False),
        (SuccessSettings(status=403, text_present="Welcome"), 403, (), "Welcome!", True),
        (SuccessSettings(cookie="in"), 200, ((b"Set-Cookie", b"in=; Path=/"),), "", False),
        (SuccessSettings(cookie="in"), 200, ((b"Set-Cookie", b"in=deleted; Max-Age=0"),), "", False),
        (
            SuccessSettings(cookie="in"),
            200,
            ((b"Set-Cookie", b"in=x; expires=Thu, 01-Jan-1970 00:00:01 GMT"),),
            "",
            False,
        ),
        (SuccessSettings(cookie="in"), 200, ((b"Set-Cookie", b"in=x"), (b"Set-Cookie", b"in=; Max-Age=0")), "", False),
    ],
)
def test_a_login_is_good_only_if_everything_holds(
    success: SuccessSettings, status: int, headers: Headers, text: str, good: bool
) -> None:
    """Nothing that is written may be missing, and a recipe that says nothing accepts nothing."""
    assert judged(success, status, headers, text.encode()) is good


@pytest.mark.parametrize(
    ("ended", "status", "headers", "over"),
    [
        (EndedSettings(), 302, location("/login.php"), False),
        (EndedSettings(location="/login.php"), 302, location("/login.php?from=%2F"), True),
        (EndedSettings(location="/login.php"), 302, location("/other"), False),
        (EndedSettings(location="/login.php"), 200, (), False),
        (EndedSettings(status=401), 401, (), True),
        (EndedSettings(status=401, location="/l"), 401, (), False),
    ],
)
def test_the_end_of_a_session_is_known_by_its_answer(
    ended: EndedSettings, status: int, headers: Headers, over: bool
) -> None:
    """A redirect to the login page is the end, with any query."""
    assert has_ended(ended, Reply(status, headers, b""), "/page") is over


UNSAID = ((b"Content-Type", b"text/html"),)
OVER = "<p>もう一度ログイン &lt;してください&gt;</p>"


@pytest.mark.parametrize(
    ("headers", "body", "over"),
    [
        *((UNSAID, OVER.encode(codec), True) for codec in ("utf-8", "cp932", "eucjp-ms", "iso2022_jp")),
        ((), OVER.encode(), True),
        (((b"Content-Type", b"application/xhtml+xml; charset=Shift_JIS"),), OVER.encode("cp932"), True),
        ((*HTML, (b"Content-Encoding", b"gzip")), gzip.compress(OVER.encode(), mtime=0), True),
        ((*HTML, (b"Content-Encoding", b"gzip")), gzip.compress(b" " * 9_000_000 + OVER.encode(), mtime=0), False),
        ((*HTML, (b"Content-Encoding", b"gzip")), gzip.compress(OVER.encode() + b" " * 90_000, mtime=0)[:-9], True),
        ((*HTML, (b"Content-Encoding", b"br")), b"\x0b\x02", False),
        (((b"Content-Type", b"application/json"),), OVER.encode(), False),
        (HTML, b"<p>hello</p>", False),
        (HTML, b" " * LARGEST_LOOK + OVER.encode(), False),
        (HTML, b"", False),
    ],
)
def test_the_end_of_a_session_is_read_from_a_page(headers: Headers, body: bytes, over: bool) -> None:
    """By a text near its beginning, in any charset, behind entities, and packed as the gateway asks for it."""
    for text in ("もう一度ログイン", "<してください>"):
        assert has_ended(EndedSettings(text_present=text), Reply(200, headers, body), "/page") is over
    assert not has_ended(EndedSettings(text_present="ログイン", status=403), Reply(200, headers, body), "/page")
    both = EndedSettings(text_present="ログイン", location="/login.php")
    assert not has_ended(both, Reply(200, headers, body), "/page")
    assert has_ended(both, Reply(302, (*headers, *location("/login.php")), body), "/page") is over


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        (b"Accept-Encoding: gzip, deflate, br, zstd\r\n", b"Accept-Encoding: gzip\r\n"),
        (b"accept-encoding:br\r\n", b""),
        (b"Accept-Encoding: gzip;q=0\r\n", b""),
        (b"Accept-Encoding: br\r\nX: y\r\naccept-encoding: gzip\r\n", b"Accept-Encoding: gzip\r\nX: y\r\n"),
        (b"Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", b"Accept-Encoding: gzip\r\n"),
        (b"", b""),
    ],
)
def test_a_page_that_is_read_is_asked_for_in_a_coding_that_can_be_read(line: bytes, asked: bytes) -> None:
    """In none that the browser does not take."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\n%bCookie: b=c\r\n\r\n"

    assert asking_for_readable(head % line) == head % asked


@pytest.mark.parametrize(
    ("pattern", "text", "good"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("a*", "ab", True),
        ("*a", "ba", True),
        ("*a*", "bab", True),
        ("*a", "ab", False),
    ],
)
def test_a_star_stands_for_anything(pattern: str, text: str, good: bool) -> None:
    """At an end of a pattern."""
    assert fits(pattern, text) is good


SPELLED = [
    "/login.php;jsessionid=0A1B",
    "/login.php;jsessionid=0A1B?error=1",
    "/Login.PHP",
    "/%6Cogin.php",
    "//old.example.jp//login.php",
    "/a/../login.php",
    "/a/%2e%2e/login.php",
    "/./login.php/",
    "\\login.php",
    "login.php",
    "?error=1",
    "#error",
    "http://10.0.0.5:8080/login.php",
]


@pytest.mark.parametrize("spelled", SPELLED)
def test_no_spelling_of_the_login_page_is_a_good_login(spelled: str) -> None:
    """A redirect back to the login page is a refusal, and the end of a session, however the application writes it."""
    assert not judged(SuccessSettings(status=302, not_location="/login.php"), 302, location(spelled))
    assert has_ended(EndedSettings(location="/login.php"), Reply(302, location(spelled), b""), "/login.php")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("0;url=/login.php", "/login.php"),
        ("0; URL='login.php?x=1'", "/login.php"),
        ('3.5, "/Login.php"', "/login.php"),
        ("0 url=http://old.example.jp/login.php", "/login.php"),
        ("5; url=/login.php", "/login.php"),
        ("1800; url=/login.php", None),
        ("6; url=/login.php", None),
        (".5; url=/login.php", None),
        ("5", None),
        ("0;url=", None),
        ("", None),
    ],
)
def test_a_refresh_leads_on_as_a_location_does(value: str, path: str | None) -> None:
    """It ends a session, and is no good login; a `Location` counts before it."""
    headers = ((b"Refresh", value.encode()),)

    assert location_path(headers, "/page.php") == path
    assert has_ended(EndedSettings(location="/login.php"), Reply(200, headers, b""), "/page.php") is (path is not None)
    assert not (path and judged(SuccessSettings(not_location="/login.php"), 200, headers))
    assert location_path((*headers, *location("/other")), "/page.php") == "/other"


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/", "/"),
        ("", "/"),
        ("/a/b/", "/a/b/"),
        ("/..", "/"),
        ("/a/..", "/"),
        ("/a;x=1/b;y", "/a/b"),
        ("/%E3%83%AD", "/ロ"),
        ("/A//b/.", "/a/b/"),
    ],
)
def test_a_path_has_one_plain_spelling(path: str, plain: str) -> None:
    """The plain spelling of a plain path is the path itself."""
    assert plain_path(path) == plain
    assert plain_path(plain) == plain


@pytest.mark.parametrize(
    ("path", "pattern", "leads"),
    [
        ("/my/page", "/my/*", True),
        ("/my", "/my/*", False),
        ("/login.php", "/Login*", True),
        ("/login/", "/login", True),
        ("/login", "/login/", True),
        ("/login/x", "/login", False),
        ("/", "/", True),
        ("/x", "/", False),
    ],
)
def test_a_pattern_of_a_location_is_read_like_a_location(path: str, pattern: str, leads: bool) -> None:
    """In the same signs; a star stands for anything."""
    assert leads_to(plain_path(path), pattern) is leads


@pytest.mark.parametrize("codec", ["utf-8", "cp932", "eucjp-ms", "iso2022_jp"])
@pytest.mark.parametrize("stated", ["", "; charset=utf-8", "; charset=Shift_JIS", "; charset=iso-8859-1"])
def test_a_refusal_is_read_whatever_charset_the_page_claims(codec: str, stated: str) -> None:
    """A page of an error often states no charset, or another one than that of the login page."""
    headers = ((b"Content-Type", b"text/html" + stated.encode()),)
    said = "<p>パスワードが違います</p>".encode(codec)

    assert not judged(SuccessSettings(text_absent="パスワードが違います"), 200, headers, said)
    assert judged(SuccessSettings(text_absent="ロックされています"), 200, headers, said)


def test_a_refusal_is_read_behind_entities() -> None:
    """The recipe has the text as people see it."""
    assert not judged(
        SuccessSettings(text_absent="ID & パスワード"), 200, HTML, "<p>ID &amp; &#12497;スワード".encode()
    )


@pytest.mark.parametrize(("status", "no_answer"), [(200, False), (302, False), (401, False), (429, True), (503, True)])
def test_a_failure_of_the_application_says_nothing_of_a_password(status: int, no_answer: bool) -> None:
    """It may be good all the same."""
    assert is_no_answer(Reply(status, (), b"")) is no_answer


BODY = "パスワードが違います".encode() * 50
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
DEFLATED = RAW.compress(BODY) + RAW.flush()


def packed(content: bytes) -> bytes:
    """Return the content as gzip packs it, without the time: the cases of a test are named by it."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("coding", "coded", "plain"),
    [
        (b"", BODY, BODY),
        (b"identity", BODY, BODY),
        (b"gzip", packed(BODY), BODY),
        (b"X-GZIP", packed(BODY), BODY),
        (b"deflate", zlib.compress(BODY), BODY),
        (b"deflate", DEFLATED, BODY),
        (b"br", b"", b""),
        (b"br", BODY, None),
        (b"gzip, gzip", packed(packed(BODY)), None),
        (b"gzip", BODY, None),
        (b"gzip", packed(BODY)[:-9], None),
        (b"gzip", packed(b"x" * (LARGEST_PAGE + 1)), None),
    ],
)
def test_a_page_that_nobody_asked_to_be_packed_is_unpacked(coding: bytes, coded: bytes, plain: bytes | None) -> None:
    """A text that is not found because the page is packed would make a wrong password a good one."""
    headers = ((b"Content-Encoding", coding),) if coding else ()

    assert plain_body(Reply(200, headers, coded)) == plain


def sent(html: str, **values: str) -> list[tuple[str, str]]:
    """Return what is sent of the first form."""
    page = read_page(html.encode(), HTML)
    body = filled(page.forms[0], values, page.codec)
    assert body is not None
    return parse_qsl(body.decode(), keep_blank_values=True)


@pytest.mark.parametrize(
    ("inner", "fields"),
    [
        ("<select name=s><option>A<option selected>東  京\n</select>", [("s", "東 京")]),
        ("<select name=s><option value=1 selected><option value=2 selected></select>", [("s", "2")]),
        ("<select name=s><option value=1 disabled><option value=2></select>", [("s", "2")]),
        ("<select name=s><option value=1 disabled selected><option value=2></select>", []),
        ("<select name=s multiple><option value=1></select>", []),
        (
            "<select name=s multiple><option value=1 selected><option value=2 selected></select>",
            [("s", "1"), ("s", "2")],
        ),
        ("<select name=s><option value=1>", [("s", "1")]),
        ("<select name=s disabled><option value=1></select>", []),
        ("<input type=radio name=r value=1 checked><input type=radio name=r value=2 checked>", [("r", "2")]),
        ("<textarea name=t>\n\na\nb</textarea>", [("t", "\r\na\r\nb")]),
        ("<fieldset disabled><input name=a></fieldset><input name=b value=1>", [("b", "1")]),
        ("<form id=inner><input name=a value=1>", [("a", "1")]),
        ("<input name='o[]' value=1><input name='o[]' value=2>", [("o[]", "1"), ("o[]", "2")]),
        ("<input type=hidden name=_charset_ value=x>", [("_charset_", "UTF-8")]),
        ("<input name=a value=1 name=b value=2>", [("a", "1")]),
        ("<input form=other name=a value=1>", []),
        ("</form><input form=f name=a value=1><input form='' name=b><input name=c>", [("a", "1")]),
    ],
)
def test_a_form_is_sent_as_browsers_send_it(inner: str, fields: list[tuple[str, str]]) -> None:
    """Each case is the HTML standard's construction of the entry list."""
    assert sent(f"<form id=f method=post>{inner}</form>") == fields


def test_a_form_is_sent_in_the_charset_that_it_asks_for() -> None:
    """`accept-charset` stands before that of the page; the sign that it does not have goes as a number."""
    page = read_page(
        '<meta charset="shift_jis"><form accept-charset="x-none UTF-8"><input name="u"></form><form>'
        '<input type="hidden" name="mark" value="&#x2713;ア"><input type="hidden" name="_charset_">'.encode("cp932"),
        (),
    )

    assert filled(page.forms[0], {"u": "山"}, page.codec) == b"u=%E5%B1%B1"
    assert filled(page.forms[1], {}, page.codec) == b"mark=%26%2310003%3B%83A&_charset_=Shift_JIS"


def test_addresses_are_read_from_the_base_of_the_page() -> None:
    """A form without an address goes to its own page all the same."""
    page = read_page(
        b'<base href="/app/"><base href="/other/"><a href="out.php?k=1">o</a><form action="out.php"></form><form>', HTML
    )

    assert link_with(page, "k=1", "/deep/page", ORIGIN) == "/app/out.php?k=1"
    assert [form.action_path("/deep/page", ORIGIN) for form in page.forms] == ["/app/out.php", "/deep/page"]
    away = read_page(b'<base href="http://evil.example/"><a href="out.php?k=1">o</a>', HTML)
    assert link_with(away, "k=1", "/deep/page", ORIGIN) is None


@pytest.mark.parametrize("codec", ["utf-8", "cp932", "eucjp-ms", "iso2022_jp"])
def test_a_page_that_states_no_charset_is_read_as_browsers_guess_it(codec: str) -> None:
    """Japanese pages of old often state none."""
    page = read_page("<p>ログインしてください。利用者番号と暗証番号を入力します</p>".encode(codec), ())

    assert page.codec == codec
    assert read_page(b"\xef\xbb\xbfabc", ((b"Content-Type", b"text/html; charset=Shift_JIS"),)).codec == "utf-8"
    assert read_page(b"\xff\xff\xff", ()).codec == "utf-8"


def test_a_location_that_no_browser_reads_leads_nowhere() -> None:
    """A broken address is no path."""
    assert location_path(location("http://[::1"), "/") is None
