"""An application's own address is found in what it answers, however it is spelled, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.route.inner_origins import InnerOrigins, parts_of_refresh

INNER = InnerOrigins(["http://inner:8080/legacy", "https://secure.inner", "http://plain:80", "unix:/run/x"])


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (b"http://inner:8080/x", b"http://inner:8080"),
        (b"HTTP://Inner:8080", b"HTTP://Inner:8080"),
        (b"//inner:8080/x?y", b"//inner:8080"),
        (b"https://secure.inner/", b"https://secure.inner"),
        (b"https://secure.inner:443/", b"https://secure.inner:443"),
        (b"http://plain/x", b"http://plain"),
        (b"//plain:80#y", b"//plain:80"),
        (b"//plain/x", b"//plain"),
        (b"http://inner:8080\\x", b"http://inner:8080"),
    ],
)
def test_an_own_origin_is_found(url: bytes, origin: bytes) -> None:
    """Case and the scheme's default port are no difference."""
    assert url[: INNER.end(url)] == origin


@pytest.mark.parametrize(
    "url",
    [
        b"",
        b"/x",
        b"http://inner/x",
        b"https://inner:8080/x",
        b"http://secure.inner/",
        b"http://inner:8080.evil.test/",
        b"http://user@inner:8080/",
        b"ftp://inner:8080/",
        b"//evil.test",
        b"x http://inner:8080/",
    ],
)
def test_another_origin_is_left_alone(url: bytes) -> None:
    """A server beside the application is not the application."""
    assert INNER.end(url) == 0


def test_hosts_have_no_ports() -> None:
    """A cookie's Domain has none; what is no http URL has no host."""
    assert INNER.hosts == {b"inner", b"secure.inner", b"plain"}
    assert InnerOrigins([]).hosts == frozenset()


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (b"5; url=http://a/b", b"http://a/b"),
        (b"5;URL = http://a/b", b"http://a/b"),
        (b"0.5, /x", b"/x"),
        (b"5 /x", b"/x"),
        (b"5; url='/x y' z", b"/x y"),
        (b'5; url="/x', b"/x"),
        (b"5", b""),
        (b"; url=/x", b""),
        (b"5;", b""),
    ],
)
def test_a_refresh_has_a_url(value: bytes, url: bytes) -> None:
    """Browsers take a comma, a blank and quotes as well."""
    assert parts_of_refresh(value)[1] == url


@given(st.text(" \t0123456789.;,url=URL'\"/x", max_size=20))
def test_the_parts_of_a_refresh_are_the_whole(text: str) -> None:
    """Nothing of the field is lost when its URL is replaced."""
    assert b"".join(parts_of_refresh(text.encode())) == text.encode()
