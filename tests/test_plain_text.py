import json
import sys
from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st

from gateway.plain_text import OBEYED, printable, printable_json

NOT_DRAWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def test_every_character_that_is_not_drawn_is_known() -> None:
    """The table holds at least what this Python's Unicode calls a control, a format, a surrogate or a separator."""
    everything = (chr(number) for number in range(sys.maxunicode + 1))

    assert [each for each in everything if category(each) in NOT_DRAWN and not OBEYED.match(each)] == []


@given(st.text(st.characters()))
def test_what_is_shown_is_only_drawn(text: str) -> None:
    """Nothing raw reaches a terminal, and everything that is drawn is shown as it is."""
    shown = printable(text)

    assert not any(category(each) in NOT_DRAWN for each in shown)
    assert printable(shown) == shown
    assert [each for each in text if not OBEYED.match(each)] == [each for each in text if each in shown]


def test_japanese_text_stays_as_it_is() -> None:
    """Ideographic spaces, variation selectors of names and private characters are drawn."""
    name = "渡󠄁邉　太郎 〓"

    assert printable(name) == name


def test_an_escape_sequence_is_shown() -> None:
    """In seven bits and in eight, and a mark that turns the direction of writing."""
    assert printable("a\x1b[2J\x9b31m\u202egpj.exe\r\n") == "a\\x1b[2J\\x9b31m\\u202egpj.exe\\x0d\\x0a"


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_escaped_json_means_the_same(value: dict[str, object]) -> None:
    """A log's reader gets the very same strings."""
    escaped = printable_json(json.dumps(value, ensure_ascii=False).encode())

    assert json.loads(escaped) == value
    assert not OBEYED.search(escaped.decode())


def test_a_documents_own_line_ends_stay_and_half_characters_are_shown() -> None:
    """Only between values can a line end stand in JSON; a lone surrogate is escaped, and never breaks the reader."""
    document = b'{\n\t"a":\r\n "\xc2\x9b",\n "b": "\xed\xa0\x80", "c": "\xf3\xa0\x81\x81"}'

    shown = printable_json(document)

    assert shown == b'{\n\t"a":\r\n "\\u009b",\n "b": "\\ud800", "c": "\\udb40\\udc41"}'
    assert json.loads(shown) == {"a": "\x9b", "b": "\ud800", "c": "\U000e0041"}
