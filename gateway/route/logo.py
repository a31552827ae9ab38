"""The mark of an App on our pages: a picture of the city's that its settings name, checked before anybody sees it.

Our pages show it as a picture from our own origin, and a picture runs nothing. A person can also open its address,
and there a browser would run the script of an SVG. So an SVG is taken only if it draws and does nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from xml.etree import ElementTree as ET

from gateway.yaml.mistakes import Phrase

LONGEST_LOGO = 20 * 1024
"""Bytes of a logo: a page with its sheet and its logo stays small on a telephone."""
MOST_PIXELS = 1_024
"""The most pixels of a PNG's side; a page shows 144 at most."""

PNG = "image/png"
SVG = "image/svg+xml"

_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
_SVG_NAMESPACE = "http://www.w3.org/2000/svg"
_DRAWN = frozenset(
    (
        *("svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title"),
        *("desc", "defs", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern", "symbol", "use"),
        *("style", "metadata"),
    )
)
"""The elements that draw. No script, no foreign document, no animation, no link, no outer picture."""
_ACTIVE = re.compile(r"(?i)javascript:|data:|@import|expression\(|image-set\(|src\(|url\(\s*+['\"]?+(?!#)")
"""The texts by which a style or an attribute reaches beyond the file."""
_INERT = frozenset(
    f"http://{each}"
    for each in (
        "www.w3.org/1999/02/22-rdf-syntax-ns#",
        "creativecommons.org/ns#",
        "purl.org/dc/elements/1.1/",
        "sodipodi.sourceforge.net/DTD/sodipodi-0.dtd",
        "www.inkscape.org/namespaces/inkscape",
    )
)
"""The namespaces of drawing programs' own notes, which no browser knows."""


class LogoError(ValueError):
    """The file is no logo that our pages show."""

    def __init__(self, what: Phrase, remedy: Phrase) -> None:
        super().__init__(what.en)
        self.what, self.remedy = what, remedy


@dataclass(frozen=True, slots=True)
class Logo:
    """A checked picture, under a name that changes with its content."""

    content: bytes = field(repr=False)
    type: str
    name: str


def read_logo(content: bytes) -> Logo:
    """Return the logo that a file holds.

    Raises:
        LogoError: it is too long, no PNG and no SVG, or an SVG that may do more than draw.

    """
    if len(content) > LONGEST_LOGO:
        raise LogoError(
            Phrase(f"it has {len(content):,} bytes", f"{len(content):,} バイトあります"),
            Phrase(f"make it smaller than {LONGEST_LOGO:,} bytes", f"{LONGEST_LOGO:,} バイト以下にしてください"),
        )
    if content.startswith(_PNG_BEGINS):
        _check_png(content)
        return Logo(content, PNG, f"logo-{_digest(content)}.png")
    _check_svg(content)
    return Logo(content, SVG, f"logo-{_digest(content)}.svg")


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


def _check_png(content: bytes) -> None:
    sides = [int.from_bytes(content[at : at + 4], "big") for at in (16, 20)]
    if content[12:16] != b"IHDR" or not all(0 < side <= MOST_PIXELS for side in sides):
        raise LogoError(
            Phrase(
                f"it is no PNG of at most {MOST_PIXELS} by {MOST_PIXELS} pixels",
                f"縦横 {MOST_PIXELS} ピクセル以下の PNG ではありません",
            ),
            Phrase("a square of 144 pixels is enough", "144 ピクセル四方で十分です"),
        )


def _check_svg(content: bytes) -> None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _no_picture() from None
    # No entity is declared without one, and so none can grow.
    if "<!DOCTYPE" in text.upper():
        raise _refused("a DOCTYPE", "DOCTYPE")
    declared = re.match(r"\s*<\?xml\s[^>]*?encoding\s*=\s*['\"]([^'\"]*)", text)
    if declared is not None and declared[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        # A browser would read the very bytes as other signs.
        raise _no_picture()
    if re.search(r"<\?(?!xml\s)", text):
        raise _refused("a processing instruction", "処理命令")
    try:
        root = ET.fromstring(text)  # noqa: S314 - no DOCTYPE, and 20 KiB at most
    except ET.ParseError:
        raise _no_picture() from None
    if root.tag != f"{{{_SVG_NAMESPACE}}}svg":
        raise _no_picture()
    if "viewBox" not in root.attrib and not {"width", "height"} <= root.attrib.keys():
        raise LogoError(
            Phrase("its `<svg>` has no `viewBox`", "`<svg>` に `viewBox` がありません"),
            Phrase("write the picture's size there: viewBox='0 0 48 48'", "viewBox='0 0 48 48' のように書いてください"),
        )
    for element in root.iter():
        _check_element(element)


def _check_element(element: ET.Element) -> None:
    namespace, _, name = str(element.tag).rpartition("}")
    namespace = namespace.removeprefix("{")
    if namespace in _INERT:
        return
    if namespace != _SVG_NAMESPACE or name not in _DRAWN:
        raise _refused(f"`<{name[:40]}>`", f"`<{name[:40]}>`")
    for key, value in element.attrib.items():
        attribute = key.rpartition("}")[2]
        if attribute.lower().startswith("on"):
            raise _refused(f"`{attribute[:40]}`", f"`{attribute[:40]}`")
        if attribute.lower() in ("href", "src", "base") and not value.startswith("#"):
            raise _refused("a link out of the file", "ファイルの外へのリンク")
        if _ACTIVE.search(_plain(value)):
            raise _refused(f"`{attribute[:40]}` that leads out of the file", f"ファイルの外を指す `{attribute[:40]}`")
    if name == "style" and _ACTIVE.search(_plain("".join(element.itertext()))):
        raise _refused("a style that leads out of the file", "ファイルの外を指すスタイル")


def _plain(text: str) -> str:
    """Return a style without comments, escapes and control characters, by which a word in it can be hidden."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda found: chr(min(int(found[1], 16), 0x10FFFF)), text)
    return re.sub(r"[\x00-\x1f\\]", "", text)


def _refused(en: str, ja: str) -> LogoError:
    return LogoError(
        Phrase(f"the SVG has {en}, and a logo only draws", f"SVG に{ja}があります。ロゴは描画だけを行います"),
        Phrase(
            "save it as a plain or optimised SVG, without scripts, links and outer pictures, or as PNG",
            "スクリプト、リンク、外部の画像を含まないプレーン SVG か PNG で保存してください",
        ),
    )


def _no_picture() -> LogoError:
    return LogoError(
        Phrase("it is neither a PNG nor an SVG in UTF-8", "PNG でも UTF-8 の SVG でもありません"),
        Phrase("save the logo as SVG or PNG", "ロゴを SVG か PNG で保存してください"),
    )
