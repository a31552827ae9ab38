"""Builds the documentation as a site in both languages: `make site` writes `build/site/`.

The site needs no server and no network: it is read from a disk, and searched there. A warning ends the build, and so
does a link that leads nowhere.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.search import SearchLanguage, languages
from sphinx.util.docutils import docutils_namespace, patch_docutils

from gateway import __version__
from tools.handbook_pages import (
    FIRST,
    NAMES,
    OTHER,
    TITLES,
    Language,
    Part,
    first_page,
    folder_page,
    linked,
    name_of,
    place_of,
    staged,
    twin,
)
from tools.handbook_search import QUERY_SPLITTER, indexed

ROOT = Path(__file__).resolve().parent.parent
PARTS = ROOT / "tools" / "site" / "contents.toml"
STATIC = ROOT / "tools" / "site" / "static"
TEMPLATES = ROOT / "tools" / "site" / "templates"
NOT_ON_THE_SITE = ("tests/", "benchmarks/", "gateway/", "tools/", "deploy/")
"""Folders whose pages are on the site if another page links to them, and not otherwise."""


class Pairs(SearchLanguage):
    """Japanese in pairs of characters."""

    lang = "ja"
    js_splitter_code = QUERY_SPLITTER

    def split(self, input: str) -> list[str]:  # noqa: A002 (Sphinx's name)
        """Return the words of a text."""
        return indexed(input)


def files() -> list[str]:
    """Return the files of the repository, and those about to be added."""
    listed = subprocess.run(  # noqa: S603 - a fixed command
        [shutil.which("git") or "git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [file for file in listed.stdout.splitlines() if (ROOT / file).is_file()]


def stage(into: Path, language: Language, known: list[str]) -> None:
    """Write one language's tree of pages, and copy the files that they name."""
    texts_of = {file: (ROOT / file).read_text(encoding="utf-8") for file in known if file.endswith(".md")}
    pages = {file: text for file, text in texts_of.items() if not file.startswith(NOT_ON_THE_SITE)}
    while more := {
        path for page, text in pages.items() for path in linked(page, text) if path in texts_of and path not in pages
    }:
        pages |= {path: texts_of[path] for path in more}
    parts = [
        Part({"en": part["en"], "ja": part["ja"]}, part["pages"])
        for part in tomllib.loads(PARTS.read_text(encoding="utf-8"))["part"]
    ]
    names = {name_of(page) for page in pages}
    shown = {name: twin(name, language, pages) for name in names}
    named = frozenset().union(*(linked(page, pages[page]) for page in shown.values()))
    folders = {path for path in named if (ROOT / path).is_dir()}
    texts = {place_of(name): staged(page, language, pages, folders) for name, page in shown.items()}
    others = names - {page for part in parts for page in part.pages}
    texts[FIRST] = first_page(texts[FIRST], parts, language, others)
    for place, text in texts.items():
        _write(into / f"{place}.md", text)
    for folder in folders:
        inside = [file for file in known if Path(file).parent == Path(folder)]
        _write(into / folder / "index.md", folder_page(folder, inside))
        named |= frozenset(inside)
    for path in named - pages.keys() - folders:
        if (ROOT / path).is_file():
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, into / path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def settings(language: Language) -> Mapping[str, Any]:
    """Return Sphinx's configuration of one language."""
    other = OTHER[language]
    return {
        "project": "Sekisho",
        "release": __version__,
        "language": language,
        "extensions": ["myst_parser"],
        "templates_path": [str(TEMPLATES)],
        "myst_enable_extensions": ["html_image"],
        "myst_heading_anchors": 5,
        "highlight_language": "text",
        "nitpicky": True,
        "html_theme": "furo",
        "html_title": TITLES[language],
        "html_copy_source": False,
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "html_static_path": [str(STATIC)],
        # The search would fetch each page for its summary, and a browser fetches nothing from a disk.
        "html_show_search_summary": False,
        "html_sidebars": {
            "**": [
                "sidebar/brand.html", "sidebar/language.html", "sidebar/search.html", "sidebar/scroll-start.html",
                "sidebar/navigation.html", "sidebar/scroll-end.html",
            ],
        },
        "html_context": {"other_language": other, "other_language_name": NAMES[other]},
        "html_last_updated_fmt": None,
        "smartquotes": False,
    }  # fmt: skip


def build(out: Path) -> int:
    """Build both trees and the page that leads to them; return Sphinx's status."""
    languages["ja"] = Pairs
    work = out.with_name(f"{out.name}-pages")
    for folder in (work, out):
        shutil.rmtree(folder, ignore_errors=True)
    known = files()
    status = 0
    for language in NAMES:
        stage(work / language, language, known)
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                srcdir=work / language,
                confdir=None,
                outdir=out / language,
                doctreedir=work / f"{language}.doctrees",
                buildername="html",
                confoverrides=dict(settings(language)),
                status=None,
                warning=sys.stderr,
                warningiserror=True,
            )
            app.build()
        status = status or app.statuscode
    links = "".join(f'<p><a href="{each}/index.html" lang="{each}">{TITLES[each]}</a></p>\n' for each in ("ja", "en"))
    _write(
        out / "index.html",
        f'<!doctype html>\n<html lang="ja">\n<meta charset="utf-8">\n<title>Sekisho</title>\n{links}</html>\n',
    )
    return status


def main() -> int:
    """Build the site where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    arguments = parser.parse_args()
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    status = build(arguments.out.resolve())
    if not status:
        print(f"wrote {arguments.out}/index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
