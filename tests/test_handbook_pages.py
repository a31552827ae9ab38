"""The site's pages: each in the reader's language, with links that lead to the same place in the same language."""

from __future__ import annotations

import pytest

from tools.handbook_pages import Language, Part, first_page, folder_page, linked, staged, twin

PAGES = {
    "README.md": "# Us\n\n[日本語](README.ja.md) [guide](docs/guide.md#keys)\n",
    "README.ja.md": "# 私たち\n\n[English](README.md) [手引き](docs/guide.md)\n",
    "docs/guide.md": "# Guide\n\n[h](../README.md) [日](guide.ja.md) [more](more.md#a-b) [al](../policies)\n",
    "docs/guide.ja.md": "# 手引き\n\n[English](guide.md) [詳しく](more.md#a-b) [図](../deploy/a.yaml)\n",
    "docs/more.md": "# More\n\nText of it.\n",
}
FOLDERS = {"policies"}


@pytest.mark.parametrize(
    ("name", "language", "page"),
    [
        ("docs/guide", "en", "docs/guide.md"),
        ("docs/guide", "ja", "docs/guide.ja.md"),
        ("docs/more", "ja", "docs/more.md"),
    ],
)
def test_a_page_is_in_the_readers_language_where_there_is_one(name: str, language: Language, page: str) -> None:
    """A page without a twin is shown in English."""
    assert twin(name, language, PAGES) == page


@pytest.mark.parametrize(
    ("page", "language", "expected"),
    [
        ("README.md", "en", '<a href="../ja/index.html">日本語</a> [guide](docs/guide.md#keys)'),
        ("README.ja.md", "ja", '<a href="../en/index.html">English</a> [手引き](docs/guide.md)'),
        (
            "docs/guide.md",
            "en",
            '[h](../index.md) <a href="../../ja/docs/guide.html">日</a> [more](more.md#a-b) [al](../policies/index.md)',
        ),
        (
            "docs/guide.ja.md",
            "ja",
            '<a href="../../en/docs/guide.html">English</a> [詳しく](more.md#a-b) [図](../deploy/a.yaml)',
        ),
    ],
)
def test_a_link_stays_in_its_language_or_changes_it_on_purpose(page: str, language: Language, expected: str) -> None:
    """A link to the page's own twin is the switch; every other link keeps the reader's language."""
    assert staged(page, language, PAGES, FOLDERS).splitlines()[2] == expected


def test_a_page_that_is_only_english_says_so_to_a_japanese_reader() -> None:
    """The reader does not search for a switch that is not there."""
    text = staged("docs/more.md", "ja", PAGES, FOLDERS)

    assert text.splitlines()[:3] == ["# More", "", "*この文書は英語版だけです。*"]


def test_a_code_block_is_left_as_it_is() -> None:
    """A block may show the form of a link as text."""
    block = "```yaml\nx: [a](guide.md)\n```\n"

    assert staged("docs/x.md", "en", PAGES | {"docs/x.md": f"# X\n\n{block}"}, FOLDERS).endswith(block)


def test_an_anchor_written_as_html_can_be_linked_to() -> None:
    """The anchors of the reference pages work on the site."""
    text = staged("docs/x.md", "en", PAGES | {"docs/x.md": '# X\n\n<a id="audit"></a>\n\n## `audit`\n'}, FOLDERS)

    assert "\n(audit)=\n" in text


def test_the_files_that_a_page_names_are_known() -> None:
    """Links and pictures, in either form; addresses elsewhere are left out."""
    text = '[a](../deploy/x.yaml) ![b](boards/b.svg) <img alt="c" src="pages/c.png"> [d](https://example.jp/)'

    assert linked("docs/x.md", text) == {"deploy/x.yaml", "docs/boards/b.svg", "docs/pages/c.png"}


def test_a_folder_is_a_list_with_its_pictures() -> None:
    """A link to a folder leads to what is in it."""
    page = folder_page("docs/boards", ["docs/boards/b.svg", "docs/boards/a.txt"])

    assert "- [a.txt](a.txt)" in page
    assert "![b.svg](b.svg)" in page


def test_the_first_page_is_the_readme_with_the_menu() -> None:
    """The menu has each part's heading in the reader's language, and the pages that no part has."""
    page = first_page(
        "# Us\n", [Part({"en": "Start", "ja": "はじめる"}, ["README", "docs/guide"])], "ja", ["docs/more"]
    )

    assert page.startswith("# Us\n")
    assert ":caption: はじめる\n\ndocs/guide\n" in page
    assert page.index("docs/guide") < page.index("docs/more")
    assert "\nREADME\n" not in page
