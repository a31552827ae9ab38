from __future__ import annotations

import pytest

from gateway.workbench.file_names import as_written, digest_of, is_policy_name, text_of


@pytest.mark.parametrize(
    "name",
    [
        "a.yaml",
        "施設予約.yaml",
        "2026/facility-booking.yaml",
        "a b/c.d/e.yaml",
        "【案】夜間（体育館・校庭）　第1号.yaml",
        "か\u3099.yaml",
    ],
)
def test_a_policy_file_within_the_folder_has_a_name(name: str) -> None:
    """In any script, and in a folder of the folder."""
    assert is_policy_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".yaml",
        "../a.yaml",
        "a/../b.yaml",
        "/etc/a.yaml",
        "a//b.yaml",
        "./a.yaml",
        ".hidden/a.yaml",
        "a/.b.yaml",
        "a.yml",
        "a.csv",
        "gateway.yaml\0",
        "a\n.yaml",
        "a\\..\\b.yaml",
        "-a.yaml",
        "a /b.yaml",
        "a./b.yaml",
        "a/b/c/d.yaml",
        "x" * 130 + ".yaml",
        "a\u202eb.yaml",
        "a\u3000/b.yaml",
        "\u3099.yaml",
    ],
)
def test_no_name_leads_elsewhere(name: str) -> None:
    """Up, to the root, to a hidden file, to another kind of file, or to a name that reads as another."""
    assert not is_policy_name(name)


def test_a_file_keeps_its_line_ends_and_its_mark() -> None:
    """A browser sends CRLF, and Windows editors write a mark: neither makes every line of a comparison differ."""
    assert as_written("a\r\nb\r\n", None) == b"a\nb\n"
    assert as_written("a\r\nb", b"x\n") == b"a\nb\n"
    assert as_written("a\nb\n", b"\xef\xbb\xbfx\r\ny\r\n") == b"\xef\xbb\xbfa\r\nb\r\n"
    assert as_written("a\nb\n", b"x\r\ny\n") == b"a\nb\n"
    assert as_written("", None) == b""


def test_a_digest_tells_two_files_apart() -> None:
    """The digest of the same file is the same."""
    assert digest_of(b"a") == digest_of(b"a") != digest_of(b"b")


def test_a_text_is_read_in_the_charset_in_which_it_was_written() -> None:
    """UTF-8 with or without a mark, CP932 and UTF-16 of Japanese editors; anything else is no text."""
    text = "title: 抽選\n"
    for charset, other in (("utf-8", False), ("utf-8-sig", False), ("cp932", True), ("utf-16", True)):
        assert text_of(text.replace("\n", "\r\n").encode(charset)) == (text, other)
    # CP932 reads the last as ･隍茹ｯ.
    for data in (b"\x81\xff", b"\xff\xfea", "よやく".encode("euc_jp")):
        with pytest.raises(UnicodeError):
            text_of(data)
