"""The pages in two languages: the same structure, the same commands, the same names, and nothing that one alone has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import reference
from tools.reference_words import Words, digest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

FREE = {
    "accounts": ("names", "each page names what its readers look for"),
    "accounts-counter": ("names", "written for counters in Japan; the English page is for developers"),
    "applications": ("names", "its names of places in commands are Japanese"),
    "console": (
        "names blocks",
        "a command's answer is in the reader's language, and the English page is for developers too",
    ),
    "contract": ("names rows blocks", "its examples are for other frameworks, and its table of headers is in English"),
    "policy-guide": ("names blocks", "its examples have Japanese names and words"),
    "signing": ("names", "its names of places in commands are Japanese"),
}
"""The pages whose two versions differ in something, and the reason. All else is the same on both pages of each pair."""
PAIRS = sorted(japanese.name.removesuffix(".ja.md") for japanese in DOCS.glob("*.ja.md"))


def twins(of: str) -> list[str]:
    """Return the pages whose two versions have the same names, rows or blocks."""
    return [name for name in PAIRS if name not in FREE or of not in FREE[name][0].split()]


FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DRAWN = re.compile(r"[─│►]")
EMPTY = re.compile(r"\n\s*\n")
COMMENT = re.compile(r"(?:^|\s+)#.*$", re.MULTILINE)
NAMES_OF_THE_OTHER = re.compile(r"`(?:docs/[\w-]+(?:\.ja)?\.md|or none|tools/reference\.ja\.toml)`")


def page(name: str, language: str) -> str:
    return (DOCS / f"{name}{'.ja' if language == 'ja' else ''}.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[tuple[str, str]]:
    """Return each block of code with its language, without what is for readers: comments, and drawings with words."""
    return [
        (language, "" if language == "text" and DRAWN.search(body) else EMPTY.sub("\n", COMMENT.sub("", body)))
        for language, body in FENCE.findall(text)
    ]


def headings(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", FENCE.sub("", text), re.MULTILINE)]


def names(text: str) -> set[str]:
    """Return the names in backticks: settings, metrics, events, codes, commands, files."""
    return set(re.findall(r"`([^`\n]+)`", NAMES_OF_THE_OTHER.sub("", FENCE.sub("", text))))


def rows(text: str) -> list[int]:
    """Return the number of rows of each table."""
    return [table.count("\n") for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]


@pytest.mark.parametrize("name", PAIRS)
def test_both_pages_have_the_same_sections(name: str) -> None:
    """A section that was added to one page is missed in the other at once."""
    assert headings(page(name, "en")) == headings(page(name, "ja"))


@pytest.mark.parametrize("name", twins("blocks"))
def test_both_pages_have_the_same_blocks(name: str) -> None:
    """A reader copies the same commands and settings from either page."""
    assert blocks(page(name, "en")) == blocks(page(name, "ja"))


@pytest.mark.parametrize("name", twins("names"))
def test_both_pages_name_the_same_things(name: str) -> None:
    """Each setting, metric, event, code and command in backticks is on both pages."""
    english, japanese = names(page(name, "en")), names(page(name, "ja"))

    assert english - japanese == set()
    assert japanese - english == set()


@pytest.mark.parametrize("name", twins("rows"))
def test_both_pages_have_the_same_rows(name: str) -> None:
    """Each table has a row for a row."""
    assert rows(page(name, "en")) == rows(page(name, "ja"))


@pytest.mark.parametrize(("name", "of"), [(name, of) for name, (differs, _) in FREE.items() for of in differs.split()])
def test_a_difference_that_is_gone_is_no_exception(name: str, of: str) -> None:
    """A pair that has become alike is compared from then on."""
    compared = {"names": names, "rows": rows, "blocks": blocks}[of]

    assert compared(page(name, "en")) != compared(page(name, "ja"))


@pytest.mark.parametrize("name", PAIRS)
def test_each_page_leads_to_its_twin(name: str) -> None:
    """A reader of one language finds the other one."""
    assert f"]({name}.ja.md" in page(name, "en")
    assert f"]({name}.md" in page(name, "ja")


def test_a_japanese_page_leads_to_japanese_pages() -> None:
    """A Japanese reader is not sent to an English page that has a Japanese twin."""
    lost = set()
    for japanese in (*DOCS.glob("*.ja.md"), ROOT / "README.ja.md"):
        own = japanese.name.replace(".ja.md", ".md")
        for target, anchor in re.findall(r"\]\(([^)#\s:]+\.md)(#[^)]*)?\)", japanese.read_text(encoding="utf-8")):
            other = japanese.parent / target
            if other.name != own and not target.endswith(".ja.md") and other.with_suffix(".ja.md").exists():
                lost.add((japanese.name, target + anchor))

    assert not lost


def slug(heading: str) -> str:
    """Return the anchor of a heading, as the site and the usual viewers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("file", sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")]), ids=lambda file: file.name)
def test_each_anchor_leads_to_a_heading(file: Path) -> None:
    """A link to a section opens that section."""
    lost = set()
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", file.read_text(encoding="utf-8")):
        other = (file.parent / target).resolve() if target else file
        text = other.read_text(encoding="utf-8")
        places = {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        places |= set(re.findall(r'<a id="([^"]+)"', text))
        if anchor not in places:
            lost.add((target, anchor))

    assert not lost


def test_every_sentence_of_the_code_has_its_japanese() -> None:
    """Each setting, event, metric, field and code has a Japanese sentence for the English one that the code has now."""
    _, words = reference.japanese_pages()

    assert not words.missing, "write into tools/reference.ja.toml:\n" + "\n".join(
        f"{where.partition(' ')[0]}: {line}" for where, line in words.missing.items()
    )
    assert not words.stale(), "remove from tools/reference.ja.toml"


def test_the_japanese_reference_pages_are_current() -> None:
    """`make docs` writes them."""
    pages, _ = reference.japanese_pages()

    assert {path.name for path, text in pages.items() if path.read_text(encoding="utf-8") != text} == set()


def test_a_changed_sentence_is_not_taken_for_the_translated_one() -> None:
    """The page shows English until somebody has looked at the translation, and the catalogue's new line is told."""
    words = Words({"Settings": {"listen": {"en": digest("Old."), "ja": "古い"}, "gone": {"en": "0", "ja": "無い"}}})

    assert words.of("Settings", "listen", "Old.") == "古い"
    assert words.of("Settings", "listen", "New.") == "New."
    assert words.of("Settings", "other", "Other.") == "Other."
    assert list(words.missing) == ["[Settings] listen", "[Settings] other"]
    assert digest("New.") in words.missing["[Settings] listen"]
    assert words.stale() == ["[Settings] gone"]
