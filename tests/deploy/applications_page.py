"""The recipes of docs/applications.md, taken out of the page: an App's entry, its policy, its own settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("applications.ja.md", "applications.md")

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """One application's section of the page."""

    name: str
    app: str
    """The entry of `gateway.yaml`, a list of one."""
    policy: str
    own: str
    """The lines of the application's own configuration, if there are any."""
    text: str
    """The whole section."""

    def entry(self, url: str, upstream: int) -> str:
        """Return the entry for another origin, another port and a policy beside `gateway.yaml`."""
        text = re.sub(r"(?m)^(\s+(?:- )?url:) .*$", rf"\1 {url}", self.app)
        text = re.sub(r"(?m)^(\s+upstream:) .*$", rf"\1 http://127.0.0.1:{upstream}", text)
        return re.sub(r"(?m)^(\s+policy:) .*$", r"\1 policy.yaml", text)


def sections(page: str) -> dict[str, str]:
    """Return the page's sections by their titles."""
    pieces = _SECTION.split((DOCS / page).read_text(encoding="utf-8"))
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def recipes(page: str) -> dict[str, Recipe]:
    """Return every recipe of the page by its application's name."""
    found = {}
    for title, text in sections(page).items():
        blocks: dict[str, str] = {}
        for language, kind, body in _BLOCK.findall(text):
            blocks[kind if language == "yaml" else "own"] = body
        if "app" in blocks:
            found[title] = Recipe(title, blocks["app"], blocks["policy"], blocks.get("own", ""), text)
    return found
