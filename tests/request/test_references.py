"""`Destination` and `If` name resources that the server acts on: each is read as a target is, or names nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.references import MOST_REFERENCES, Reference, references, renamed
from gateway.request.target import DEFAULT_PATHS

TOKEN = b"(<urn:uuid:1>)"


def named(*headers: tuple[bytes, bytes]) -> tuple[Reference, ...] | None:
    return references(headers, DEFAULT_PATHS)


@pytest.mark.parametrize(
    ("value", "scheme", "host", "path", "exact"),
    [
        (b"/a/b", "", "", "/a/b", True),
        (b"http://App.gw.test/a", "http", "app.gw.test", "/a", True),
        (b"HTTPS://app.gw.test:443/a", "https", "app.gw.test", "/a", True),
        (b"https://app.gw.test:8443/a?b", "https", "app.gw.test:8443", "/a", True),
        (b"https://app.gw.test", "https", "app.gw.test", "/", True),
        (b"/a/../b", "", "", "/b", False),
    ],
)
def test_a_destination_is_read_as_a_target(value: bytes, scheme: str, host: str, path: str, *, exact: bool) -> None:
    """By the same canonicaliser, so that policy judges what the server acts on."""
    found = named((b"Destination", value))

    assert found is not None
    (reference,) = found
    assert (reference.scheme, reference.host, reference.target.path, reference.exact) == (scheme, host, path, exact)
    assert (reference.start, reference.end) == (0, len(value))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"a",
        b"//evil.test/a",
        b"ftp://a/b",
        b"http:///a",
        b"http://u@h/a",
        b"/a b",
        b"/%2e%2e/a",
        b"http://[/a",
        b"\\a",
    ],
)
def test_a_destination_that_is_none_names_nothing(value: bytes) -> None:
    """It would be read in two ways."""
    assert named((b"destination", value)) is None


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (TOKEN, []),
        (b'(Not <urn:1> ["etag"])', []),
        (b"(<urn:1>) (<urn:2>)", []),
        (b"</a> " + TOKEN, ["/a"]),
        (b"</a> (<urn:1>) (<urn:2>) <http://app.gw.test/b> (<urn:3>)", ["/a", "/b"]),
    ],
)
def test_an_if_names_its_tags(value: bytes, paths: list[str]) -> None:
    """A list without a tag is about the request's own target."""
    found = named((b"If", value))

    assert found is not None
    assert [reference.target.path for reference in found] == paths
    for reference in found:
        assert value[reference.start - 1 : reference.start] == b"<"
        assert value[reference.end : reference.end + 1] == b">"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"</a>",
        b"</a> </b> " + TOKEN,
        TOKEN + b" </a> " + TOKEN,
        b"()",
        b"(<urn:1>",
        b"x",
        b"<//evil.test/> " + TOKEN,
        b" ".join([b"</a> " + TOKEN] * (MOST_REFERENCES + 1)),
    ],
)
def test_an_if_that_can_be_read_in_two_ways_names_nothing(value: bytes) -> None:
    """RFC 4918 section 10.4.2 has one grammar; servers forgive in different ways."""
    assert named((b"if", value)) is None


def test_a_field_that_is_there_twice_or_goes_away_names_nothing() -> None:
    """One server takes the first, another the last, and one that `Connection` takes away never arrives."""
    assert named((b"Destination", b"/a"), (b"destination", b"/b")) is None
    assert named((b"Connection", b"close, Destination"), (b"Destination", b"/a")) is None
    assert named((b"Connection", b"if"), (b"If", TOKEN)) is None
    assert named((b"Connection", b"close"), (b"Destination", b"/a")) is not None
    assert named((b"Accept", b"*/*")) == ()


def test_references_are_renamed_in_their_places() -> None:
    """Each URL is replaced, and nothing around it."""
    headers = ((b"If", b"</a> " + TOKEN + b" </b/c> " + TOKEN), (b"Destination", b"/d"), (b"Accept", b"*/*"))
    found = references(headers, DEFAULT_PATHS)
    assert found is not None

    assert renamed(headers, found, (b"/1", b"http://x/22", b"")) == (
        (b"If", b"</1> " + TOKEN + b" <http://x/22> " + TOKEN),
        (b"Destination", b""),
        (b"Accept", b"*/*"),
    )


@given(st.sampled_from([b"Destination", b"If"]), st.text('/ab<>()[]"% .:?#htps\\', max_size=24))
def test_no_field_makes_the_reader_stumble(name: bytes, value: str) -> None:
    """It names resources whose places are within the field, or nothing."""
    found = named((name, value.encode()))

    for reference in found or ():
        assert 0 <= reference.start < reference.end <= len(value)
