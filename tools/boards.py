"""Writes the boards in `grafana/` from their panels: `python -m tools.boards`, also a part of `make docs`."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import assert_never

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from tools.board_panels import BOARDS, Board, Panel, Query, Shape

FOLDER = Path(__file__).parents[1] / "grafana"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT = 8

ANNOTATIONS = (
    (
        "再読み込み / Reloads",
        'changes(sekisho_reload_last_success_timestamp_seconds{instance=~"$node"}[1m]) > 0',
        "blue",
    ),
    (
        "入れ替え / Replacements",
        'sum by (instance) (increase(sekisho_replacements_total{instance=~"$node"}[1m])) > 0',
        "purple",
    ),
    ("スイッチ / Switches", "max by (switch) (sekisho_switch_on) == 1", "orange"),
)
"""The events that every board marks: name, query and colour."""

_Panel = timeseries.Panel | stat.Panel | table.Panel


def file_of(board: Board) -> Path:
    """Return the file of a board."""
    return FOLDER / f"{board.uid.removeprefix('sekisho-').replace('-', '_')}.json"


def written(board: Board) -> str:
    """Return a board as Grafana reads it."""
    built = (
        dashboard.Dashboard(f"Sekisho {board.ja} / {board.en}")
        .uid(board.uid)
        .description(f"{board.about_ja} {board.about_en}")
        .tags(["sekisho"])
        .timezone("Asia/Tokyo")
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
        .with_variable(_variable("node", "ノード / Node", "label_values(sekisho_build_info, instance)"))
        .with_variable(_variable("app", "アプリ / App", "label_values(sekisho_requests_total, app)"))
    )
    for name, expr, colour in ANNOTATIONS:
        built.annotation(dashboard.AnnotationQuery().name(name).datasource(SOURCE).expr(expr).icon_color(colour))
    numbers = count(1)
    for title, panels in board.rows:
        built.with_row(dashboard.Row(title).id(next(numbers)))
        for panel in panels:
            built.with_panel(_panel(panel).id(next(numbers)))
    found = json.loads(JSONEncoder().encode(built.build()))
    # Grafana 11 and later know neither of the first two, and older ones need neither.
    found.pop("style")
    for panel in found["panels"]:
        if "options" in panel and panel["options"] is None:
            panel.pop("options")
    for variable in found["templating"]["list"]:
        variable.pop("id")
    return json.dumps(found, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)  # noqa: FBT003 (the library's own interface)
        .include_all(True)  # noqa: FBT003
        .all_value(".*")
        .current(VariableOption(text="All", value="$__all", selected=True))
    )


def _panel(panel: Panel) -> _Panel:
    """Return a panel without its place, which the board gives it."""
    built: _Panel
    match panel.shape:
        case Shape.LINES:
            built = timeseries.Panel().legend(_legend())
        case Shape.STACK:
            stacked = common.StackingConfig().mode(StackingMode.NORMAL)
            built = timeseries.Panel().legend(_legend()).stacking(stacked).fill_opacity(40)
        case Shape.NUMBER:
            built = stat.Panel()
        case Shape.TABLE:
            built = table.Panel()
        case _:
            assert_never(panel.shape)
    steps = [Threshold(value, colour) for value, colour in panel.steps]
    built = (
        built.title(f"{panel.ja} / {panel.en}")
        .description(f"赤のとき：{panel.if_red_ja}\n\nIf red: {panel.if_red_en}")
        .datasource(SOURCE)
        .unit(panel.unit)
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .span(panel.width)
        .height(HEIGHT)
    )
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        built.with_target(_target(letter, query, panel.shape))
    return built


def _legend() -> common.VizLegendOptions:
    return common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)


def _target(letter: str, query: Query, shape: Shape) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend)
    if shape is Shape.TABLE:
        return target.instant().format(PromQueryFormat.TABLE)
    return target.range()


def main() -> None:
    """Write every board."""
    for board in BOARDS:
        file_of(board).write_text(written(board), encoding="utf-8")


if __name__ == "__main__":
    main()
