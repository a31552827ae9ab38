"""Draws the boards of `grafana/` from a Prometheus's data: `python -m tools.board_pictures URL [MINUTES]`.

The pictures in `docs/boards/` are made with it. Grafana draws more beautifully; these show an operator without Grafana
what each panel has, from real numbers.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tools.board_panels import BOARDS, Board
from tools.boards import file_of

FOLDER = Path(__file__).parents[1] / "docs" / "boards"
COLUMN, LINE = 50, 24
"""Pixels of a column and of a line of Grafana's grid."""
POINTS = 120
FONTS = "Noto Sans CJK JP, Noto Sans JP, sans-serif"
COLOURS = ("#0017c1", "#c74700", "#197a4b", "#8b1b98", "#b78f00", "#00687a", "#ec0000", "#626264")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, and its points as Unix time and value."""

    name: str
    points: tuple[tuple[float, float], ...]


def asked(prometheus: str, path: str, arguments: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what a Prometheus answers to a query.

    Raises:
        OSError: it is away, or refuses the query.

    """
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (the operator's own URL)
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


def for_everything(expr: str) -> str:
    """Put every node and every App in the place of the board's variables."""
    return expr.replace("$app", ".*").replace("$node", ".*")


def series_of(prometheus: str, target: Mapping[str, Any], minutes: float) -> list[Series]:
    """Return the lines of one query over the last minutes, or its last values if the panel is a table."""
    now, expr = time.time(), for_everything(target["expr"])
    if target.get("instant"):
        found = asked(prometheus, "query", {"query": expr, "time": str(now)})
        return [Series(_name(target, each["metric"]), (_point(each["value"]),)) for each in found]
    step = minutes * 60 / POINTS
    span = {"query": expr, "start": str(now - minutes * 60), "end": str(now), "step": str(step)}
    found = asked(prometheus, "query_range", span)
    return [Series(_name(target, each["metric"]), tuple(map(_point, each["values"]))) for each in found]


def _point(value: Sequence[Any]) -> tuple[float, float]:
    return float(value[0]), float(value[1])


def _name(target: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    name = str(target.get("legendFormat", ""))
    for label, value in labels.items():
        name = name.replace(f"{{{{{label}}}}}", value)
    name = re.sub(r" ?\{\{\w+\}\}", "", name)
    return name or ", ".join(f"{label}={value}" for label, value in labels.items() if label != "__name__")


def picture(prometheus: str, board: Board, minutes: float) -> str:
    """Return a board as SVG."""
    read = json.loads(file_of(board).read_text(encoding="utf-8"))
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in read["panels"])
    width, height = 24 * COLUMN + 20, bottom * LINE + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="{FONTS}" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#f1f1f4"/>',
        f'<text x="12" y="28" font-size="18" font-weight="bold">{escape(read["title"])}</text>',
    ]
    for panel in read["panels"]:
        place = panel["gridPos"]
        x, y = 10 + place["x"] * COLUMN, 45 + place["y"] * LINE
        wide, high = place["w"] * COLUMN - 6, place["h"] * LINE - 6
        if panel["type"] == "row":
            parts.append(f'<text x="{x}" y="{y + 16}" font-size="13" fill="#4d4d4f">{escape(panel["title"])}</text>')
            continue
        lines = [line for target in panel["targets"] for line in series_of(prometheus, target, minutes)]
        parts.append(f'<g transform="translate({x},{y})">')
        parts.append(f'<rect width="{wide}" height="{high}" rx="4" fill="#fff" stroke="#d8d8db"/>')
        parts.append(f'<text x="8" y="16" font-weight="bold">{escape(panel["title"])}</text>')
        unit = panel["fieldConfig"]["defaults"].get("unit", "short")
        drawn = _curves(lines, wide, high, unit) if panel["type"] == "timeseries" else _values(lines, high, unit)
        parts += drawn
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _curves(lines: Sequence[Series], wide: int, high: int, unit: str) -> Iterator[str]:
    values = [value for line in lines for _, value in line.points if math.isfinite(value)]
    if not values:
        yield f'<text x="8" y="{high // 2}" fill="#767678">データなし / no data</text>'
        return
    left, right, top, bottom = 56, wide - 8, 26, high - 30
    most, least = max(values) or 1, min(*values, 0)
    times = [moment for line in lines for moment, _ in line.points]
    first, span = min(times), max(max(times) - min(times), 1)
    for share in (0, 0.5, 1):
        at = bottom - (bottom - top) * share
        yield f'<line x1="{left}" y1="{at}" x2="{right}" y2="{at}" stroke="#e6e6e8"/>'
        yield f'<text x="4" y="{at + 4}" fill="#767678">{_shown(least + (most - least) * share, unit)}</text>'
    at = left
    for line, colour in zip(lines, COLOURS * len(lines), strict=False):
        points = " ".join(
            f"{left + (moment - first) / span * (right - left):.0f},"
            f"{bottom - (value - least) / (most - least) * (bottom - top):.1f}"
            for moment, value in line.points
            if math.isfinite(value)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        if at < wide - 60:
            yield f'<text x="{at}" y="{high - 8}" fill="{colour}">{escape(line.name)}</text>'
        at += 14 + sum(7 if character.isascii() else 12 for character in line.name)


def _values(lines: Sequence[Series], high: int, unit: str) -> Iterator[str]:
    if not lines:
        yield f'<text x="8" y="{high // 2}" fill="#767678">該当なし / nothing</text>'
    for number, line in enumerate(lines[: (high - 30) // 16]):
        y = 40 + number * 16
        yield f'<text x="8" y="{y}">{escape(line.name)}</text>'
        yield f'<text x="330" y="{y}" font-weight="bold">{_shown(line.points[-1][1], unit)}</text>'


def _shown(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "-"
    match unit:
        case "percentunit":
            return f"{value * 100:.4g} %"
        case "s":
            return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
        case "bytes":
            return f"{value / 2**20:.3g} MiB"
        case "reqps":
            return f"{value:.3g}/s"
        case "d":
            return f"{value:.3g} d"
        case _:
            return f"{value:.4g}"


def main() -> None:
    """Draw every board."""
    prometheus = sys.argv[1].rstrip("/")
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    FOLDER.mkdir(exist_ok=True)
    for board in BOARDS:
        file = FOLDER / f"{file_of(board).stem}.svg"
        file.write_text(picture(prometheus, board, minutes), encoding="utf-8")
        print(file)


if __name__ == "__main__":
    main()
