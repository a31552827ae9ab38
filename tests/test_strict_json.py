import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.strict_json import DEEPEST, NotJsonError, read_json, read_json_object

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_every_reader_reads_alike_is_read(value: Any) -> None:
    """Plain JSON comes back as it was."""
    assert read_json(json.dumps(value).encode(), 1_000_000) == value


@pytest.mark.parametrize(
    "document",
    [
        b'{"sub": "a", "sub": "b"}',
        b'{"a": {"sub": 1, "sub": 1}}',
        b'[{"a": 1, "\\u0061": 2}]',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b'{"exp": 1e999}',
        b'{"exp": 9223372036854775808}',
        b'{"exp": -9223372036854775809}',
        b"9" * 5_000,
        b"1" * 400 + b".5e400",
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b'[["\\ud83d"]]',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b"[" * 900 + b"]" * 900,
        b"\xff\xfe[\x00]\x00",
        b"\xef\xbb\xbf{}",
        b"{",
        b"",
        b"{} {}",
        b"{'a': 1}",
        b"\xff",
        b'"' + b"x" * 1_000_000 + b'"',
    ],
    ids=lambda document: document[:24].decode("latin-1"),
)
def test_what_readers_read_in_different_ways_is_not_read(document: bytes) -> None:
    """And the one error says nothing of what stood there."""
    with pytest.raises(NotJsonError) as caught:
        read_json(document, 1_000_000)

    assert caught.value.__cause__ is None
    assert not any(word in str(caught.value) for word in ("sub", "ud800", "xxx"))


@pytest.mark.parametrize("document", [b"[]", b'"a"', b"null", b"1"])
def test_what_is_no_object_is_none(document: bytes) -> None:
    """A reader that needs members refuses every other value."""
    with pytest.raises(NotJsonError):
        read_json_object(document, 100)


@given(st.binary() | st.text().map(str.encode))
def test_nothing_but_its_own_error_leaves_it(document: bytes) -> None:
    """This holds for every input."""
    try:
        read_json(document, 1_000)
    except NotJsonError:
        return


@pytest.mark.parametrize("piece", [b"[", b"{", b'"', b"[],", b'{"a":', b"1", b"\\u", b"1e", b"-", b'"a":1,'])
def test_no_document_takes_long(piece: bytes) -> None:
    """A quarter of a megabyte of anything, and no time that grows with its square."""
    document = b"[" + piece * (256 * 1024 // len(piece))

    began = time.process_time()
    with pytest.raises(NotJsonError):
        read_json(document, 512 * 1024)

    assert time.process_time() - began < 2
