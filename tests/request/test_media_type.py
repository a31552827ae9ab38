import time

import pytest

from gateway.request.media_type import content_type, media_type


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        (" text/html\t;a=b", "text/html"),
        ("application/jwt;application/json", "application/jwt"),
        ("application/json, text/html", "application/json, text/html"),
        ("", ""),
        (";", ""),
    ],
)
def test_the_type_is_what_stands_before_the_parameters(field: str, kind: str) -> None:
    """In lower case, and only where it is one."""
    assert media_type(field) == kind


@pytest.mark.parametrize("piece", [";", "; a=", ';a="', "x*0=a;", '"', "\\", " ", "application/json,"])
def test_no_field_takes_long(piece: str) -> None:
    """A library took more than a second for 9 KB of `;`."""
    field = "application/json" + piece * (64 * 1024 // len(piece))

    began = time.process_time()
    media_type(field)

    assert time.process_time() - began < 0.05


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ((), b""),
        (((b"Content-Type", b"text/plain"),), b"text/plain"),
        (((b"X", b"1"), (b"content-TYPE", b"a/b; c=d")), b"a/b; c=d"),
        (((b"Content-Type", b"a/b"), (b"content-type", b"a/b")), b""),
    ],
)
def test_a_head_has_one_type_or_none(headers: tuple[tuple[bytes, bytes], ...], said: bytes) -> None:
    """Two fields count as none, equal or not: one server reads the first, and another the last."""
    assert content_type(headers) == said
