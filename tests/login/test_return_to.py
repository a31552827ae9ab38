"""The page on which a person lands: on the App's own origin, or its root."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.login.return_to import LONGEST_RETURN, fragment_of, rebuild
from gateway.request.target import DEFAULT_PATHS, Target, canonical
from gateway.settings.settings import PathSettings

ORIGIN = "https://app.gw.test"
PREFIX = "/.sekisho/"


def landing(raw: str, paths: PathSettings = DEFAULT_PATHS) -> str | None:
    """Return what is rebuilt on the test's App."""
    return rebuild(raw, origin=ORIGIN, prefix=PREFIX, paths=paths)


@pytest.mark.parametrize(
    "raw",
    [
        "/",
        "/a%2Bb+c%2b%2C,",
        "/%41[1]|^",
        "/reserve/42?day=2026-11-24&to=//evil.example&x=https://a.example/%0d%0a",
        "/reserve/42?",
        "/a%20b",
        "/%E6%96%BD%E8%A8%AD/",
        "/a/b/",
        "/a:b@c",
        "/...",
        "/.well-known/x",
        "/.sekisho-docs/x",
        "/a?redirect=/.sekisho/logout",
        "/100%25",
        "/a//b",
        "/a///b/?x=//y",
        "/path;v=1/x",
    ],
)
def test_a_target_of_our_own_is_kept_byte_for_byte(raw: str) -> None:
    """A harmless target works, also with an odd spelling."""
    assert landing(raw) == raw


@pytest.mark.parametrize(
    ("raw", "rebuilt"),
    [
        ("https://app.gw.test/a?b=c", "/a?b=c"),
        ("https://app.gw.test", "/"),
        ("https://app.gw.test?a=b", "/?a=b"),
        ("/a#fragment", "/a"),
        ("/施設/予約?名=佐藤", "/%E6%96%BD%E8%A8%AD/%E4%BA%88%E7%B4%84?%E5%90%8D=%E4%BD%90%E8%97%A4"),
        ("/a?x=<\">'", "/a?x=%3C%22%3E%27"),
        ('/a"<>b', "/a%22%3C%3Eb"),
        ("/a/./b/../c", "/a/c"),
    ],
)
def test_a_target_is_written_anew(raw: str, rebuilt: str) -> None:
    """In ASCII, without origin and fragment, with nothing a page or a header could stumble on."""
    assert landing(raw) == rebuilt


_OPEN_REDIRECTS = {
    "OR-002 triple slash": "%2F%2F%2Fevil.example",
    "OR-006 double backslash": "%5C%5Cevil.example",
    "OR-018 dot segment": "%2F.%2F%2Fevil.example",
    "OR-020 dot and backslash": "%2F.%2F%5Cevil.example",
    "OR-024 scheme without slashes": "https%3Aevil.example",
    "OR-025 scheme with one": "https%3A%2Fevil.example",
    "OR-027 scheme with backslashes": "https%3A%5C%5Cevil.example",
    "OR-028 our host over http": "http%3A%2F%2Fapp.gw.test%2F",
    "OR-029 our host as a prefix label": "https%3A%2F%2Fapp.gw.test.evil.example%2F",
    "OR-037 another port": "https%3A%2F%2Fapp.gw.test%3A8443%2F",
    "OR-038 encoded slash in the host": "https%3A%2F%2Fevil.example%252f.app.gw.test%2F",
    "OR-046 hexadecimal address": "https%3A%2F%2F0xcb.0x0.0x71.0x9%2F",
    "OR-048 script": "JaVaScRiPt%3Aalert%281%29",
    "OR-049 tab in the scheme": "java%09script%3Aalert%281%29",
    "OR-050 control before it": "%01javascript%3Aalert%281%29",
    "OR-052 data": "data%3Atext%2Fhtml%3Bbase64%2CPHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg%3D%3D",
    "OR-058 userinfo by concatenation": "%3A443%40evil.example",
    "OR-059 still encoded": "%2F%252f%252fevil.example",
    "OR-060 encoded backslash": "%2F%255cevil.example",
    "OR-063 response splitting": "%2Fok%0D%0ASet-Cookie%3A%20pwn%3D1",
    "OR-070 logout": "%2F.sekisho%2Flogout",
    "OR-070 callback": "%2F.sekisho%2Fcallback%3Fcode%3Dc%26state%3Ds",
    "OR-070 logout by URL": "https%3A%2F%2Fapp.gw.test%2F.sekisho%2Flogout",
    "OR-070 logout in capitals": "%2F.SEKISHO%2FLogout",
    "OR-070 logout encoded": "%2F%252Esekisho%2Flogout",
    "OR-070 logout with parameters": "%2F.sekisho%3Bx%2Flogout",
    "OR-070 our root": "%2F.sekisho",
    "OR-071 twenty kilobytes": "%2F" + "a" * 20_000,
    "tab between the slashes": "%2F%09%2Fevil.example",
    "line end between the slashes": "%2F%0A%2Fevil.example",
    "slash and backslash": "%2F%5Cevil.example",
    "space first": "%20%2F%2Fevil.example",
    "userinfo": "https%3A%2F%2Fapp.gw.test%40evil.example%2F",
    "our host and a dot": "https%3A%2F%2Fapp.gw.test.%2F",
    "our host in capitals": "HTTPS%3A%2F%2FAPP.GW.TEST%2F",
    "encoded dots": "%2Fa%2F%252e%252e%2F%252e%252e%2F%2Fevil.example",
    "dots up": "%2F..%2F%2Fevil.example",
    "dots with a parameter": "%2Fa%2F..%3Bx%2Fb",
    "encoded slash": "%2Fa%252Fb",
    "empty segment and dots": "%2Fa%2F%2F..%2Fb",
    "logout behind an empty segment": "%2F.sekisho%2F%2Flogout",
    "encoded NUL": "%2Fa%2500",
    "encoded line end in a path": "%2Fa%250d%250a",
    "not UTF-8": "%2Fa%25ff",
    "half an escape": "%2Fa%252",
    "full-width slashes kept apart": "%EF%BC%8F%EF%BC%8Fevil.example",
    "right-to-left": "%2F%E2%80%AEmoc.live",
    "no slash": "evil.example",
    "question first": "%3Fa%3Db",
    "empty": "",
}


@pytest.mark.parametrize("encoded", _OPEN_REDIRECTS.values(), ids=_OPEN_REDIRECTS)
def test_what_is_not_plainly_ours_is_refused(encoded: str) -> None:
    """Whole, never mended: the caller falls back to the App's root."""
    raw = parse_qs(f"rd={encoded}", keep_blank_values=True)["rd"][0]

    assert landing(raw) is None


@pytest.mark.parametrize(
    ("paths", "raw", "rebuilt"),
    [
        (PathSettings(encoded_slash="keep"), "/a%2Fb", "/a%2Fb"),
        (PathSettings(encoded_slash="keep"), "/%252f%252fevil.example", None),
        (PathSettings(encoded_slash="keep"), "/a%5Cb", None),
        (PathSettings(parameters="keep"), "/path;v=1/x", "/path;v=1/x"),
        (PathSettings(parameters="keep"), "/.sekisho;x/logout", None),
        (PathSettings(merge_slashes=True), "/a//b", "/a/b"),
        (PathSettings(merge_slashes=True), "/.//evil.example", "/evil.example"),
        (PathSettings(ignore_case=True), "/A%2Bb", "/a%2bb"),
        (PathSettings(ignore_case=True), "/.SEKISHO/logout", None),
    ],
)
def test_an_app_may_return_to_what_its_door_admits(paths: PathSettings, raw: str, rebuilt: str | None) -> None:
    """The canonicaliser is the door's own, and what leads to no other origin is kept beside it."""
    assert landing(raw, paths) == rebuilt


@pytest.mark.parametrize(
    ("raw", "rebuilt"),
    [
        ("/d?q=" + "%E3%81%82" * 240, "/d?q=" + "%E3%81%82" * 240),
        ("/%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7", "/%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7"),
        ("/👩\u200d👧", "/%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7"),
        ("/%E2%80%AEmoc.live", "/%E2%80%AEmoc.live"),
        ("/d?q=a\\b", "/d?q=a%5Cb"),
        ("/d?q=渋谷 体育館", "/d?q=%E6%B8%8B%E8%B0%B7%20%E4%BD%93%E8%82%B2%E9%A4%A8"),
        ("/a b", "/a%20b"),
    ],
)
def test_a_deep_link_of_a_browsers_own_signs_is_kept(raw: str, rebuilt: str) -> None:
    """The link is kept also where an application has decoded it once too often."""
    assert landing(raw) == rebuilt


_PATH_SIGNS = st.sampled_from([*"abcXYZ019/-._~!$&'()*+,=:@|[]^", "%E3%81%82", "%2B", "%20", "%41", "%E2%80%8D"])
_QUERY_SIGNS = st.sampled_from([*"abcXYZ019/-._~!$&()*+,;=:@|[]^`{}?", "%E3%81%82", "%2B", "%00", "%5C", "%", "%zz"])


@given(st.lists(_PATH_SIGNS), st.none() | st.lists(_QUERY_SIGNS))
def test_whatever_the_door_admits_is_come_back_to_byte_for_byte(path: list[str], query: list[str] | None) -> None:
    """A browser that asked for a page is sent back to that very page."""
    raw = "/" + "".join(path) + ("" if query is None else "?" + "".join(query))
    found = canonical(raw.encode(), DEFAULT_PATHS)

    if isinstance(found, Target) and "//" not in raw:
        assert landing(found.raw.decode()) == found.raw.decode()


@pytest.mark.parametrize(
    ("raw", "fragment"),
    [
        ("/a#top", "#top"),
        ("/a?b#施設 <1>", "#%E6%96%BD%E8%A8%AD%20%3C1%3E"),
        ("/a#/route?x=1&y=%20#more", "#/route?x=1&y=%20%23more"),
        ("/a#", "#"),
        ("/a", ""),
        ("/a#\nSet-Cookie: x=1", ""),
        ("/a#\u202e", ""),
    ],
)
def test_a_fragment_that_is_said_is_kept(raw: str, fragment: str) -> None:
    """In ASCII, with nothing a header could stumble on."""
    assert fragment_of(raw) == fragment


@given(st.text())
def test_no_fragment_is_more_than_a_fragment(raw: str) -> None:
    """Any text gives visible ASCII behind one `#`, or nothing."""
    assert re.fullmatch(r"(?:#[!\"$-~]*)?", fragment_of(raw))


def test_length_is_counted_of_what_goes_out() -> None:
    """A target that grows past the limit in ASCII is refused like a long one."""
    assert landing("/" + "a" * (LONGEST_RETURN - 1)) is not None
    assert landing("/" + "a" * LONGEST_RETURN) is None
    assert landing("/" + "あ" * (LONGEST_RETURN // 4)) is None


def as_a_browser_goes(location: str) -> str:
    """Return the origin that the WHATWG URL standard resolves a `Location` to, on our page."""
    cleaned = re.sub(r"[\t\n\r]", "", location).strip("".join(map(chr, range(0x21))))
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", cleaned)
    if scheme:
        return f"{scheme[0]}…"
    slashes = re.match(r"[/\\]{2,}", cleaned)
    return f"https://{cleaned[2:]}" if slashes else ORIGIN


_NASTY = st.text(alphabet="/\\.:;?#%@ \t\r\n\x00abe25fFcC0Ss-_＠／\u202e") | st.text()


@given(_NASTY | _NASTY.map(lambda text: "/" + text) | _NASTY.map(lambda text: ORIGIN + text))
@example("/%2e%2e//evil.example")
@example("/\t/evil.example")
def test_whatever_comes_in_a_browser_stays_with_us(raw: str) -> None:
    """No input at all leads a browser, or a header, anywhere else; and what was rebuilt once stays as it is."""
    rebuilt = landing(raw)

    if rebuilt is None:
        return
    assert as_a_browser_goes(rebuilt) == ORIGIN
    assert re.fullmatch(r"/(?:[!-~]*)", rebuilt)
    assert not rebuilt.startswith(("//", "/\\"))
    assert "\\" not in rebuilt
    assert not {".", ".."} & {unquote(segment) for segment in urlsplit(rebuilt).path.split("/")}
    assert landing(rebuilt) == rebuilt
    assert unquote(urlsplit(rebuilt).path).casefold().split("/")[1] != ".sekisho"
