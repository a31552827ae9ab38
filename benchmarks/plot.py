"""A plot without a plotting library: bars, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_ROW = 26
_LEFT = 200
_WIDTH = 520
_OURS = "#2f6f4f"
_THEIRS = "#b8b8b8"


def bars(title: str, numbers: Mapping[str, float]) -> str:
    """Return horizontal bars, the longest first; ours stand out."""
    rows = sorted(numbers.items(), key=lambda item: -item[1])
    most = max(numbers.values(), default=1.0) or 1.0
    height = 50 + _ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 100}" height="{height}">',
        '<g font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="24" font-size="16">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(rows):
        top = 40 + number * _ROW
        width = value / most * _WIDTH
        colour = _OURS if name.startswith("sekisho") else _THEIRS
        parts += [
            f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_ROW - 6}" fill="{colour}"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{top + 15}">{value:,.0f}</text>',
        ]
    return "\n".join([*parts, "</g>", "</svg>", ""])
