from __future__ import annotations

import re
from pathlib import Path

import pytest

import gateway.portal

PORTAL = Path(gateway.portal.__file__).parent
SHEET = (PORTAL / "static" / "sekisho.css").read_text()
TEMPLATES = sorted((PORTAL / "templates").glob("*.html"))


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT = colours(SHEET.partition("@media")[0])
DARK = LIGHT | colours(
    SHEET.partition("@media screen and (prefers-color-scheme: dark)")[2].partition("*, *::before")[0]
)


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((text, ground) for text in ("text", "quiet", "link", "visited") for ground in ("ground", "soft", "tint")),
        *(("text", ground) for ground in ("error-ground", "warn-ground", "ok-ground")),
        *(("quiet", ground) for ground in ("error-ground", "warn-ground")),
        *(("key-text", ground) for ground in ("key", "key-hover", "key-active")),
    ],
)
def test_text_can_be_read(scheme: dict[str, str], text: str, ground: str) -> None:
    """At least 4.5:1 (WCAG 2.2, 1.4.3), by day and by night."""
    assert contrast(scheme[text], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("edge", "ground"),
    [
        *((edge, "ground") for edge in ("edge", "key", "error", "warn", "ok", "info", "focus")),
        *((kind, f"{kind}-ground") for kind in ("error", "warn", "ok")),
        ("info", "tint"),
        ("edge", "soft"),
    ],
)
def test_controls_can_be_seen(scheme: dict[str, str], edge: str, ground: str) -> None:
    """At least 3:1 against what lies around them (WCAG 2.2, 1.4.11)."""
    assert contrast(scheme[edge], scheme[ground]) >= 3


def test_the_button_is_the_blue_people_know() -> None:
    """The colour that services with this sign-in use."""
    assert LIGHT["key"] == "#0017c1"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_turns_escaping_off_or_brings_its_own_script(template: Path) -> None:
    """Escaping holds everywhere; the content security policy would forbid the rest anyway."""
    text = template.read_text()

    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text
    assert "<script" not in text
    assert "<style" not in text
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_attribute_is_quoted(template: Path) -> None:
    """Escaping guards quoted values only."""
    assert not re.search(r"\s[A-Za-z-]+\s*=\s*\{\{", template.read_text())
