"""A recipe at work: an application's form is filled in as a browser would, and its answers are judged."""

from __future__ import annotations

import pytest

from gateway.accounts.recipe import (
    MOST_FIELDS,
    Form,
    Headers,
    filled,
    fits,
    has_ended,
    link_with,
    location_path,
    named_accounts,
    read_page,
    succeeded,
)
from gateway.settings.settings import EndedSettings, SuccessSettings

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
        (b"who_1=+; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ("+",)),
        (b"who_1=%20; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ()),
        (b"who_1=; Max-Age=0", ()),
        (b"SID=clerk", ()),
    ],
)
def test_an_account_is_read_from_the_cookie_that_names_it(line: bytes, named: tuple[str, ...]) -> None:
    """A cookie that is emptied names nobody, and neither does one of another name."""
    assert named_accounts("who_*", ((b"set-cookie", line),)) == named
    assert named_accounts("", ((b"set-cookie", line),)) == ()


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
    ],
)
def test_a_login_is_good_only_if_everything_holds(
    success: SuccessSettings, status: int, headers: Headers, text: str, good: bool
) -> None:
    """Nothing that is written may be missing, and a recipe that says nothing accepts nothing."""
    assert succeeded(success, status, headers, text, "/login.php") is good


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
    assert has_ended(ended, status, headers, "/page") is over


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


def test_a_location_that_no_browser_reads_leads_nowhere() -> None:
    """A broken address is no path."""
    assert location_path(location("http://[::1"), "/") is None
