"""The page of evidence: each setting and each test that it names is there."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from tools import reference

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "docs" / "evidence.md", ROOT / "docs" / "evidence.ja.md"]
ROWS = "\n".join(line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines() if line[:1] == "|")


def test_each_named_test_exists() -> None:
    """A reviewer who opens the file finds the test."""
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ROWS))

    missing = {
        (file, name)
        for file, name in named
        if not re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert len(named) > 15
    assert not missing


def test_each_named_setting_exists() -> None:
    """A reviewer finds the setting on the page of settings."""
    known = {
        f"{at}.{field.name}" if at else field.name
        for cls, at in reference.sections().items()
        for field in dataclasses.fields(cls)
    }
    named = {name for name in re.findall(r"`([a-z_]+(?:\[\])?(?:\.[a-z_]+(?:\[\])?)*)`", ROWS) if "/" not in name}

    assert len(named) > 15
    assert not named - known


def test_the_page_never_calls_itself_official() -> None:
    """Its first words say what it is not."""
    english, japanese = (page.read_text(encoding="utf-8") for page in PAGES)

    assert "**This is no official document.**" in english.partition("##")[0]
    assert "**これは公式の文書ではありません。**" in japanese.partition("##")[0]
