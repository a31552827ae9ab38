import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.strict_json import DEEPEST, NotJsonError, read_items, read_json, read_json_object, read_struct

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
    """The one error says nothing of what stood there."""
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


@pytest.mark.parametrize("piece", [b"[", b"{", b'"', b'\\"', b"[],", b'{"a":', b"1", b"\\u", b"1e", b"-", b'"a":1,'])
def test_no_document_takes_long(piece: bytes) -> None:
    """A quarter of a megabyte of anything, and no time that grows with its square."""
    document = b"[" + piece * (256 * 1024 // len(piece))

    began = time.process_time()
    with pytest.raises(NotJsonError):
        read_json(document, 512 * 1024)
    with pytest.raises(NotJsonError):
        read_items(b'{"keys":' + document, 512 * 1024, "keys")

    assert time.process_time() - began < 6


@given(st.lists(VALUES, max_size=5), st.dictionaries(st.text().filter("keys".__ne__), VALUES, max_size=3))
def test_the_items_of_a_list_are_read_one_by_one(items: list[Any], others: dict[str, Any]) -> None:
    """Property: of a good document they are what its whole says, with other members before and behind the list."""
    before = dict(list(others.items())[:1])
    document = json.dumps({**before, "keys": items, **others}, indent=1).encode()

    assert read_items(document, 1_000_000, "keys") == read_json_object(document, 1_000_000)["keys"]


@pytest.mark.parametrize(
    "bad",
    ['{"a": 1, "a": 2}', "NaN", "1e999", '"\\ud800"', "[" * 40 + "]" * 40, "nonsense", '{"a"}', "", "1 2", "\\"],
)
def test_an_item_that_nobody_can_read_costs_none_of_the_others(bad: str) -> None:
    """Its reason stands in its place, and quotes nothing of it."""
    document = f'{{"keys": [{{"kid": "a,]}}"}}, {bad}, "b"], "x": 1}}'

    first, reason, last = read_items(document.encode(), 1_000, "keys")

    assert (first, last) == ({"kid": "a,]}"}, "b")
    assert isinstance(reason, NotJsonError)
    assert "nonsense" not in str(reason)


def test_an_item_in_another_charset_costs_none_of_the_others() -> None:
    """A byte that is no UTF-8 belongs to its own item."""
    first, second = read_items(b'{"keys": [{"a": "\xff"}, {"b": 1}]}', 100, "keys")

    assert isinstance(first, NotJsonError)
    assert second == {"b": 1}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        b'{"keys": "[1]"}',
        b'{"other": {"keys": [1]}}',
        b'{"keys": [1], "keys": [2]}',
        b'{"keys": [1], "\\u006beys": [2]}',
        b'{"\\u006beys": [1]}',
        b'{"keys": [1]',
        b'{"keys": [1',
        b'{"keys": ["1]}',
        b'{"keys" [1]}',
        b'{"a": "keys": [1]}',
        b'{"keys": [1]} {}',
        b'{"keys": [{]}',
        b'{"keys": [[}], 1]}',
        b'{"x": "\xff", "keys": [1]}',
        b'{"x": NaN, "keys": [1]}',
        b'{"keys": [1]}' + b" " * 1_000,
    ],
    ids=lambda document: document[:24].decode("latin-1").replace("\\", "/"),
)
def test_a_document_without_such_a_list_has_no_items(document: bytes) -> None:
    """It says so, and never that there are none: an empty list of keys is another thing than a broken one."""
    with pytest.raises(NotJsonError):
        read_items(document, 1_000, "keys")


def test_an_empty_list_has_no_items() -> None:
    """With and without a blank in it."""
    assert read_items(b'{"keys": []}', 100, "keys") == read_items(b'{"keys" : [ \n ] }', 100, "keys") == []


@given(st.binary() | st.text().map(str.encode))
def test_the_items_of_no_input_raise_anything_else(inner: bytes) -> None:
    """This holds for every input, within the list and around it."""
    for document in (inner, b'{"keys": [' + inner + b"]}"):
        try:
            read_items(document, 1_000, "keys")
        except NotJsonError:
            continue


class Person(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    age: int = 0


def test_a_value_is_read_as_its_type() -> None:
    """The reason names the place, and quotes nothing of the document."""
    assert read_struct(b'{"name": "hanako", "age": 40}', Person, 100) == Person("hanako", 40)
    for document in (b'{"name": 1}', b'{"age": 1}', b'{"name": "hanako", "secret": 1}', b"[]", b'{"name": "hanako"'):
        with pytest.raises(NotJsonError) as caught:
            read_struct(document, Person, 100)
        assert "hanako" not in str(caught.value)
    with pytest.raises(NotJsonError, match=r"more than 100 bytes"):
        read_struct(b" " * 101, Person, 100)
