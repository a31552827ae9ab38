r"""The document that a person signs: no two forms have the same one, and it never changes."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signing.document import canonical, hides
from gateway.signing.document import drawn as drawn_for_a_page

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.text(
    st.sampled_from("\r\n\\u{}A|[] 1:é髙\u202e"), max_size=12
)
HOSTILE = ("\r\n", "\n", "\r", "\\", "\\u{A}", "u{A}", "| ", "|", "[2] ", "Fields: 1", "\n\n", " ", "", "\t", "a", "髙")
"""Pieces of the format itself, of which a forger would make a form that looks like another."""


def read(document: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Read a document back, with nothing but the rules that applications are told."""
    assert document.endswith(b"\n")
    first, title, count, empty, *lines = document.decode().removesuffix("\n").split("\n")
    assert (first, empty) == ("Sekisho form 1", "")
    fields: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("| "):
            fields[-1][1].append(drawn(line.removeprefix("| ")))
        else:
            number, _, name = line.partition(" ")
            assert number == f"[{len(fields) + 1}]"
            fields.append((drawn(name), []))
    assert count == f"Fields: {len(fields)}"
    assert all(values for _, values in fields)
    return drawn(title.removeprefix("Title: ")), [(name, "\r\n".join(values)) for name, values in fields]


def drawn(text: str) -> str:
    return re.sub(r"\\u\{([0-9A-F]+)\}", lambda found: chr(int(found[1], 16)), text)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6), TEXTS)
def test_a_form_can_be_read_back_from_its_document(fields: list[tuple[str, str]], title: str) -> None:
    """A document that tells its form cannot be the document of another form."""
    assert read(canonical(fields, title)) == (title, fields)


def test_ten_thousand_forms_have_as_many_documents() -> None:
    """Forms made of the format's own pieces: a different form has different bytes, and the same form the same bytes."""
    chance = random.Random(16)

    def text() -> str:
        return "".join(chance.choices(HOSTILE, k=chance.randrange(4)))

    seen: dict[bytes, tuple[str, tuple[tuple[str, str], ...]]] = {}
    forms: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    while len(forms) < 10_000:
        form = (text(), tuple((text(), text()) for _ in range(chance.randrange(4))))
        forms.add(form)
        assert seen.setdefault(canonical(form[1], form[0]), form) == form
    assert len(seen) == len(forms)


def test_the_format_never_changes() -> None:
    """These very bytes were signed; an application makes them again years later."""
    fields = [
        ("氏名", "髙橋\u3000花子"),
        ("memo", "one\r\n\r\ntwo\nthree\tfour\\"),
        ("empty", ""),
        ("a\r\nb", "\u202e1000円\U000e0041"),
    ]

    assert (
        canonical(fields, "児童手当の\n申請")
        == (
            "Sekisho form 1\n"
            "Title: 児童手当の\\u{A}申請\n"
            "Fields: 4\n"
            "\n"
            "[1] 氏名\n"
            "| 髙橋\u3000花子\n"
            "[2] memo\n"
            "| one\n"
            "| \n"
            "| two\\u{A}three\\u{9}four\\u{5C}\n"
            "[3] empty\n"
            "| \n"
            "[4] a\\u{D}\\u{A}b\n"
            "| \\u{202E}1000円\\u{E0041}\n"
        ).encode()
    )


def test_a_form_without_fields_has_a_document() -> None:
    """Pressing a button can be all that a form says."""
    assert canonical([], "") == b"Sekisho form 1\nTitle: \nFields: 0\n\n"


@pytest.mark.parametrize(("fields", "title"), [([("a\ud800", "")], ""), ([("", "\udfff")], ""), ([], "\ud800")])
def test_half_characters_have_no_document(fields: list[tuple[str, str]], title: str) -> None:
    """UTF-8 has no bytes for them."""
    with pytest.raises(ValueError, match="surrogates"):
        canonical(fields, title)


@given(TEXTS)
def test_a_page_draws_whatever_a_form_has(text: str) -> None:
    """Tabs, line breaks and backslashes stay as they are; nothing moves, hides or turns what stands beside it."""
    shown = drawn_for_a_page(text)

    assert not hides(shown)
    assert shown == "".join(f"\\u{{{ord(each):X}}}" if hides(each) else each for each in text)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=3), TEXTS)
def test_a_document_has_no_control_but_its_line_ends(fields: list[tuple[str, str]], title: str) -> None:
    """Nothing in it moves a cursor, turns the direction of writing or hides the text beside it."""
    text = canonical(fields, title).decode()

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", text)


@pytest.mark.parametrize("page", ["signing.md", "signing.ja.md"])
def test_the_page_for_applications_shows_a_document(page: str) -> None:
    """The example that a developer compares hers with is one that the gateway makes."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    fields = [("name", "髙橋 花子"), ("remarks", "first line\r\nsecond line"), ("empty", "")]

    assert f"```text\n{canonical(fields, '児童手当の申請').decode()}```" in text
