"""Lines of the audit trail: each agrees with itself, and with the line before it."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.chain import BEGINNING, NOTHING, BadLineError, Head, Place, make_line, place_of, read_line

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


def test_a_line_says_what_was_put_in() -> None:
    """A reader gets the fields back, with the place in the chain."""
    line, head = make_line({"action": "sign_in", "時": "正午"}, BEGINNING)
    read = read_line(line)

    assert read.fields == {"action": "sign_in", "時": "正午"}
    assert read.previous == NOTHING
    assert read.head == head
    assert head.sequence == 1


def test_anybody_can_check_a_line_without_us() -> None:
    """The hash is SHA-256 of the line's JSON without the hash, names sorted, without a space."""
    _, first = make_line({"action": "x"}, BEGINNING)
    line, second = make_line({"b": "二", "a": 1}, first)
    fields = json.loads(line)
    digest = fields.pop("hash")
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    assert sha256(canonical).hexdigest() == digest == second.hash
    assert fields["previous"] == first.hash
    assert fields["sequence"] == 2


@given(st.dictionaries(TEXTS.filter(lambda name: name not in ("sequence", "previous", "hash")), TEXTS, max_size=5))
def test_every_text_survives(fields: dict[str, str]) -> None:
    """An operator may type anything as a reason: the line agrees with itself."""
    line, head = make_line(fields, Head(7, "a" * 64))

    assert line.count(b"\n") == 1
    assert read_line(line).fields == fields
    assert read_line(line).head == head


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    """Any one byte that becomes another, goes, or comes is found in the line itself."""
    line, _ = make_line({"action": "sign_in", "pseudonym": "p1", "names": ["一", "二"]}, Head(3, "b" * 64))
    at = data.draw(st.integers(0, len(line) - 1))
    byte = data.draw(st.binary(min_size=0, max_size=2).filter(lambda new: new != line[at : at + 1]))

    changed = line[:at] + byte + line[at + 1 :]

    if changed != line:
        with pytest.raises(BadLineError):
            read_line(changed)


@pytest.mark.parametrize(
    "body",
    [
        b'{"b":1,"a":2,"previous":"x","sequence":1}',
        b'{"a": 1,"previous":"x","sequence":1}',
        b'{"a":1,"a":1,"previous":"x","sequence":1}',
        b'{"a":1,"previous":"x","sequence":1.0}',
        b'{"a":1,"previous":"x","sequence":true}',
        b'{"a":1,"sequence":1}',
        b'["a"]',
        b'{"a":"\\u0041","previous":"x","sequence":1}',
        b"{",
    ],
)
def test_a_hash_alone_makes_no_line(body: bytes) -> None:
    """A hash can be computed by anybody; the same content has one form only."""
    line = body[:-1] + f',"hash":"{sha256(body).hexdigest()}"}}\n'.encode()

    with pytest.raises(BadLineError):
        read_line(line)


def test_a_file_is_named_after_its_writer() -> None:
    """The name leads to the writer and the number, and no other name does."""
    place = Place("worker-20261123t120000-77", 3)

    assert place.file == "worker-20261123t120000-77.000003.jsonl"
    assert place_of(place.file) == place
    assert place_of("command.1.jsonl") is None
    assert place_of(".command.lock") is None
    assert place_of("command.000001.jsonl.gz") is None
