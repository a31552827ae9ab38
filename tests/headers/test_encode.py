from __future__ import annotations

import base64
from collections.abc import Callable
from unicodedata import category
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.encode import assertion_line, every_header, header_name, identity_lines, sayable
from gateway.policy.verdict import Permit, RuleId
from gateway.settings.settings import HeaderSettings
from gateway.wire.eucjp_ms import NAME as EUCJP_MS

RULE = RuleId("booking", "reserve")


def permit(*disclosed: tuple[str, str]) -> Permit:
    return Permit(RULE, None, disclosed)


def test_facts_are_told_in_order_and_percent_encoded() -> None:
    """Text is UTF-8 in percent-encoding, all else visible ASCII as it is."""
    disclosed = permit(
        ("subject", "hanako"),
        ("name", "髙橋　花子"),
        ("signed_in_at", "2026-11-23T09:00:00+09:00"),
        ("may_drink", "yes"),
    )

    lines = identity_lines(disclosed, HeaderSettings())

    assert lines.lines == (
        b"X-Verified-Subject: hanako\r\n"
        b"X-Verified-Name: %E9%AB%99%E6%A9%8B%E3%80%80%E8%8A%B1%E5%AD%90\r\n"
        b"X-Verified-Signed-In-At: 2026-11-23T09:00:00+09:00\r\n"
        b"X-Verified-May-Drink: yes\r\n"
    )
    assert (lines.losses.replaced, lines.losses.left_out) == (0, 0)


@pytest.mark.parametrize("charset", ["utf-8", "cp932", "euc-jp"])
@pytest.mark.parametrize("encoding", ["percent", "base64", "raw"])
def test_each_encoding_can_be_undone(encoding: str, charset: str) -> None:
    """An application gets the bytes of its charset back."""
    settings = HeaderSettings(encoding=encoding, charset=charset)  # type: ignore[arg-type]

    lines = identity_lines(permit(("name", "髙橋　花子")), settings)

    sent = lines.lines.removeprefix(b"X-Verified-Name: ").removesuffix(b"\r\n")
    undoing: dict[str, Callable[[bytes], bytes]] = {
        "percent": unquote_to_bytes,
        "base64": base64.b64decode,
        "raw": bytes,
    }
    undone = undoing[encoding](sent)
    assert undone.decode(EUCJP_MS if charset == "euc-jp" else charset) == "髙橋　花子"
    assert lines.losses.replaced == 0


@pytest.mark.parametrize("charset", ["cp932", "euc-jp"])
def test_the_characters_of_names_survive(charset: str) -> None:
    """The card and every old system have these characters, although no standard's EUC-JP has them."""
    lines = identity_lines(permit(("address", "髙﨑德①㈱№彅濵")), HeaderSettings(charset=charset))  # type: ignore[arg-type]

    assert lines.losses.replaced == 0


@pytest.mark.parametrize("charset", ["cp932", "euc-jp"])
def test_what_a_charset_lacks_is_a_geta(charset: str) -> None:
    """The encoder counts each of them."""
    settings = HeaderSettings(charset=charset, encoding="raw")  # type: ignore[arg-type]

    lines = identity_lines(permit(("name", "𠮷田")), settings)

    assert lines.lines == b"X-Verified-Name: " + "〓田".encode(charset) + b"\r\n"
    assert lines.losses.replaced == 1


@pytest.mark.parametrize(("charset", "address"), [("cp932", "一丁目1−2〜3"), ("euc-jp", "一丁目1－2～3")])
def test_dashes_of_the_same_shape_are_not_lost(charset: str, address: str) -> None:
    """A minus sign or a wave that Unicode has twice is sent as the one its charset knows."""
    lines = identity_lines(permit(("address", address)), HeaderSettings(charset=charset))  # type: ignore[arg-type]

    assert lines.losses.replaced == 0


def test_a_variant_is_sent_as_its_character() -> None:
    """An ideographic variation has no place in an old charset; the character itself has, and the loss is counted."""
    lines = identity_lines(permit(("name", "葛\U000e0100城")), HeaderSettings(encoding="raw", charset="cp932"))

    assert lines.lines == b"X-Verified-Name: " + "葛城".encode("cp932") + b"\r\n"
    assert lines.losses.replaced == 1


@pytest.mark.parametrize(
    "name", ["a\r\nX-Admin: 1", "a\rb", "a\nb", "a\x00b", "a\x7fb", "a\x85b", "a\u2028b", "\ud800", ""]
)
@pytest.mark.parametrize("encoding", ["percent", "base64", "raw"])
def test_control_characters_leave_a_fact_out(name: str, encoding: str) -> None:
    """Never cut and never encoded: an application decodes before it prints."""
    lines = identity_lines(permit(("name", name), ("age", "38")), HeaderSettings(encoding=encoding))  # type: ignore[arg-type]

    assert lines.lines == b"X-Verified-Age: 38\r\n"
    assert lines.losses.left_out == 1


def test_no_control_character_of_unicode_is_said() -> None:
    """Of all characters: control characters, halves of pairs, and separators of lines and paragraphs."""
    unsaid = {sign for sign in map(chr, range(0x110000)) if not sayable("name", f"a{sign}")}

    assert unsaid == {sign for sign in map(chr, range(0x110000)) if category(sign) in ("Cc", "Cs", "Zl", "Zp")}


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60))
def test_a_text_is_quoted_as_a_url_is(text: str) -> None:
    """Property: every byte but letters, digits and four marks is told by two capital digits."""
    lines = identity_lines(permit(("name", text)), HeaderSettings(longest=10_000))

    assert lines.lines == b"X-Verified-Name: %b\r\n" % quote_from_bytes(text.encode(), safe="").encode()


@given(
    st.text(max_size=60),
    st.sampled_from(["percent", "base64", "raw"]),
    st.sampled_from(["utf-8", "cp932", "euc-jp"]),
    st.sampled_from(["name", "address", "subject", "age", "birthdate"]),
)
def test_no_fact_ever_makes_a_second_line(text: str, encoding: str, charset: str, fact: str) -> None:
    """Property: every claim of the provider makes at most one header line, in ASCII unless `raw`."""
    lines = identity_lines(permit((fact, text)), HeaderSettings(encoding=encoding, charset=charset)).lines  # type: ignore[arg-type]

    assert lines.count(b"\n") == lines.count(b"\r") == (1 if lines else 0)
    assert not lines or lines.endswith(b"\r\n")
    assert encoding == "raw" or all(byte < 0x7F for byte in lines)


def test_a_value_that_is_too_long_is_left_out_whole() -> None:
    """Half a value is another value."""
    lines = identity_lines(permit(("address", "東" * 100)), HeaderSettings(longest=899))

    assert lines.lines == b""
    assert lines.losses.left_out == 1


def test_a_birthdate_may_be_compact() -> None:
    """`basic` is what COBOL's descendants read."""
    lines = identity_lines(permit(("birthdate", "2004-02-29")), HeaderSettings(birthdate="basic"))

    assert lines.lines == b"X-Verified-Birthdate: 20040229\r\n"


def test_names_can_be_the_applications_own() -> None:
    """A fact, a condition or the assertion is told under the name it is given."""
    settings = HeaderSettings(names={"subject": "X-Citizen", "assertion": "X-Proof"})

    assert identity_lines(permit(("subject", "h")), settings).lines == b"X-Citizen: h\r\n"
    assert assertion_line(b"a.b.c", settings) == b"X-Proof: a.b.c\r\n"
    assert header_name("municipality_code", settings) == b"X-Verified-Municipality-Code"


def test_every_header_is_named_once() -> None:
    """Facts, conditions and the assertion; a condition the policy also calls a fact is one header."""
    names = every_header(("may_drink", "subject"), HeaderSettings())

    assert len(names) == len(set(names)) == 14
    assert {b"X-Verified-Assertion", b"X-Verified-May-Drink", b"X-Verified-Town"} <= set(names)
