"""The pages of the site in one language, made from the pages of the repository; texts in, texts out.

A page `X.md` may have a Japanese twin `X.ja.md`. The site has one tree for each language, with the same names in both,
so a reader can change the language on any page. `tools/build_site.py` reads and writes the files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "ja"]

OTHER: Mapping[Language, Language] = {"en": "ja", "ja": "en"}
REST: Mapping[Language, str] = {"en": "Decisions and more", "ja": "設計上の決定など"}
NAMES: Mapping[Language, str] = {"en": "English", "ja": "日本語"}
TITLES: Mapping[Language, str] = {"en": "Sekisho's handbook", "ja": "Sekisho の手引き"}
FIRST = "index"
ONLY_ENGLISH = "この文書は英語版だけです。"

_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
_IMAGE = re.compile(r"!\[[^\]\n]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
_ANCHOR = re.compile(r'^<a id="([^"]+)"></a>$', re.MULTILINE)
_PICTURE = (".png", ".svg")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the menu: its heading in each language, and its pages without their ending."""

    heading: Mapping[Language, str]
    pages: Sequence[str]


def twin(name: str, language: Language, pages: Iterable[str]) -> str:
    """Return the repository's page for a name of the site: the one in the language, or the English one."""
    japanese = f"{name}.ja.md"
    return japanese if language == "ja" and japanese in pages else f"{name}.md"


def name_of(page: str) -> str:
    """Return the name that a page and its twin share: `docs/audit` of `docs/audit.ja.md`."""
    return page.removesuffix(".md").removesuffix(".ja")


def place_of(name: str) -> str:
    """Return a page's place in the site's trees. The README is the first page."""
    return FIRST if name == "README" else name


def linked(page: str, text: str) -> frozenset[str]:
    """Return the paths inside the repository that a page links to or shows."""
    targets = [target for _, target, _ in _LINK.findall(text)]
    targets += [markdown or tag for markdown, tag in _IMAGE.findall(text)]
    return frozenset(_resolved(page, target) for target in targets if target and "://" not in target)


def staged(page: str, language: Language, pages: Mapping[str, str], folders: Iterable[str]) -> str:
    """Return a page's text for the site: its links lead to pages of the same language, and to lists of folders.

    Args:
        page: the page's path in the repository.
        language: the tree that the text is for.
        pages: every page of the repository by its path.
        folders: the paths of folders that pages link to; the site has a list of each.

    """
    here = posixpath.dirname(page)

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        if not target or "://" in target:
            return found[0]
        path = _resolved(page, target)
        if path in folders:
            return f"[{words}]({posixpath.relpath(f'{path}/index.md', here or '.')})"
        if path not in pages:
            return found[0]
        name = name_of(path)
        twins = f"{name}.ja.md" in pages
        if twins and (path.endswith(".ja.md") != (language == "ja")) and (name == name_of(page) or language == "en"):
            away = posixpath.relpath(f"../{OTHER[language]}/{place_of(name)}.html", here or ".")
            return f'<a href="{away}{anchor}">{words}</a>'
        # A page's anchors are its headings, which differ between the languages.
        kept = anchor if twin(name, language, pages) == path else ""
        return f"[{words}]({posixpath.relpath(f'{place_of(name)}.md', here or '.')}{kept})"

    text = _ANCHOR.sub(r"(\1)=", _outside_code(pages[page], link))
    if language == "ja" and not page.endswith(".ja.md"):
        head, _, rest = text.partition("\n")
        text = f"{head}\n\n*{ONLY_ENGLISH}*\n{rest}"
    return text


def _outside_code(text: str, link: Callable[[re.Match[str]], str]) -> str:
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        # Sphinx draws no diagrams without a script from elsewhere; the table of states stands below each one.
        part.replace("```mermaid", "```text", 1) if part.startswith("```") else _LINK.sub(link, part)
        for part in parts
    )


def _resolved(page: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def folder_page(folder: str, files: Iterable[str]) -> str:
    """Return a page that lists a folder's files, and shows its pictures."""
    lines = ["---", "orphan: true", "---", "", f"# `{folder}`", ""]
    for file in sorted(files):
        name = posixpath.basename(file)
        lines += [f"![{name}]({name})", "", name, ""] if name.endswith(_PICTURE) else [f"- [{name}]({name})"]
    return "\n".join(lines) + "\n"


def first_page(readme: str, parts: Sequence[Part], language: Language, others: Iterable[str]) -> str:
    """Return the first page: the README with the menu behind it, and the pages that no part has."""
    lines = [readme.rstrip(), ""]
    for part in parts:
        listed = [page for page in part.pages if place_of(page) != FIRST]
        lines += ["```{toctree}", ":hidden:", f":caption: {part.heading[language]}", "", *listed, "```", ""]
    lines += ["```{toctree}", ":hidden:", f":caption: {REST[language]}", "", *sorted(others), "```", ""]
    return "\n".join(lines)
