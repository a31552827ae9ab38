"""Writes the reference parts of the documentation from the code: settings, events, errors, metrics.

The code is read and not imported where a docstring under a field is wanted, for Python drops those.
`make docs` runs it; a test runs it too and compares, so that no page tells what was true last year.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from gateway import errors
from gateway.headers.answer_fields import ANSWER_FIELDS
from gateway.listen.client_states import CLIENT_CONNECTION
from gateway.listen.stages import STAGES
from gateway.listen.upload import UPLOAD
from gateway.observe import (
    adopted_metrics,
    gateway_metrics,
    request_metrics,
    sign_in_metrics,
    store_metrics,
    supervision_metrics,
    worker_metrics,
)
from gateway.observe.access_log import AccessLine
from gateway.observe.causes import FAULTS, REASONS, Cause
from gateway.observe.events import SHAPES, Event
from gateway.observe.instruments import MOST_SERIES, MOST_SPREADS, OTHER, Declared, Kind
from gateway.observe.lines import LineKind
from gateway.observe.merge import Over
from gateway.observe.redact import FIELDS
from gateway.observe.structlog_setup import line_style
from gateway.session import prometheus_sessions
from gateway.settings import settings
from gateway.settings.typed import Bytes, Seconds, Share, taken_up, without_mark
from gateway.setup.upgrade_notes import notes_page
from gateway.upstream import prometheus_upstreams
from gateway.upstream.answer_states import ANSWER
from gateway.upstream.connection_states import SENDING, UPSTREAM_CONNECTION
from gateway.wire.states import States
from gateway.yaml.mistakes import Language
from tools.reference_words import CATALOGUE, Words, english, japanese

ROOT = Path(__file__).resolve().parent.parent
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
CONTRACT_PAGE = ROOT / "docs" / "contract.md"
OPERATIONS_PAGE = ROOT / "docs" / "operations.md"
SETTINGS_PAGE_JA = ROOT / "docs" / "settings.ja.md"
OPERATIONS_PAGE_JA = ROOT / "docs" / "operations.ja.md"
METRICS_PAGE_JA = ROOT / "docs" / "metrics.ja.md"
REQUEST_PAGE = ROOT / "docs" / "request.md"
METRICS_PAGE = ROOT / "docs" / "metrics.md"
STATES_PAGE = ROOT / "docs" / "states.md"
UPGRADE_PAGES = {Language.EN: ROOT / "docs" / "upgrade.md", Language.JA: ROOT / "docs" / "upgrade.ja.md"}
MACHINES: tuple[States[typing.Any, typing.Any], ...] = (
    CLIENT_CONNECTION,
    STAGES,
    UPLOAD,
    UPSTREAM_CONNECTION,
    SENDING,
    ANSWER,
)
"""The state machines of the states page, in the order of a request."""
STEPS = (
    "",
    "process",
    "listen",
    "request",
    "pipeline",
    "route",
    "session",
    "login",
    "signing",
    "policy",
    "policy.reading",
    "policy.authoring",
    "limits",
    "headers",
    "upstream",
    "portal",
    "audit",
    "settings",
    "yaml",
    "wire",
    "observe",
    "commands",
)
METRICS: dict[str, tuple[Declared, ...]] = {
    "Requests": request_metrics.DECLARED,
    "Sign-ins": sign_in_metrics.DECLARED,
    "Sessions and their store": prometheus_sessions.DECLARED,
    "Stores": store_metrics.DECLARED,
    "Servers of the Apps": prometheus_upstreams.DECLARED,
    "The gateway": gateway_metrics.DECLARED,
    "Workers and configuration": supervision_metrics.DECLARED,
    "Processes": worker_metrics.DECLARED,
    "In force": adopted_metrics.DECLARED,
}
"""The declared metrics by concern, in the order of the page of metrics."""
ACCESS_SOURCE = ROOT / "gateway" / "observe" / "access_log.py"
EVENTS_SOURCE = ROOT / "gateway" / "observe" / "events.py"
CAUSES_SOURCE = ROOT / "gateway" / "observe" / "causes.py"


def field_words(source: Path) -> dict[str, dict[str, str]]:
    """Return the docstrings under the fields and members of each class of a file: class, field, words."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(source.read_bytes()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        words = found.setdefault(node.name, {})
        for line, below in zip(node.body, node.body[1:], strict=False):
            match line, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    words[name] = " ".join(text.split())
                case _:
                    pass
    return found


def duration(seconds: float) -> str:
    """Return a length of time as people write it in the file: `30m`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def size(count: int) -> str:
    """Return a number of bytes as people write it in the file: `64KiB`."""
    for unit, bytes_in in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count and count % bytes_in == 0:
            return f"{count // bytes_in}{unit}"
    return f"{count}B"


def _without_none(kind: object) -> tuple[object, bool]:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        arguments = typing.get_args(kind)
        rest = [argument for argument in arguments if argument is not types.NoneType]
        return rest[0], len(rest) < len(arguments)
    return kind, False


def kind_in_words(kind: object, words: Words) -> str:
    """Return what may stand at a key, as an operator would say it."""
    kind, optional = _without_none(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind == Seconds:
        said = words.say("duration", "時間")
    elif kind == Bytes:
        said = words.say("size", "大きさ")
    elif kind == Share:
        said = words.say("share", "割合")
    elif origin in (tuple, frozenset):
        said = words.say(f"list of {kind_in_words(arguments[0], words)}", f"{kind_in_words(arguments[0], words)}の一覧")
    elif origin is typing.Literal:
        said = " \\| ".join(f"`{argument}`" for argument in arguments)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        said = words.say("words by name", "名前と語の組")
    elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
        said = f"[{_section(kind, words)}](#{_anchor(kind)})"
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        said = " \\| ".join(f"`{member}`" for member in kind)
    else:
        said = {
            str: words.say("text", "文字列"),
            int: words.say("number", "数"),
            bool: "true \\| false",
            Path: words.say("path", "パス"),
            float: words.say("number", "数"),
        }.get(typing.cast("type", kind), str(kind))
    return words.say(f"{said}, or `none`", f"{said}、または `none`") if optional else said


def default_in_words(field: dataclasses.Field[object], kind: object, say: Words) -> str:
    """Return what an operator gets who leaves the key out."""
    plain, _ = _without_none(kind)
    value = field.default if field.default is not dataclasses.MISSING else None
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        words = say.say("required", "必須")
    elif value in (None, "", (), frozenset(), Path()) or dataclasses.is_dataclass(value):
        words = ""
    elif plain == Seconds:
        words = f"`{duration(typing.cast('float', value))}`"
    elif plain == Bytes:
        words = f"`{size(typing.cast('int', value))}`"
    elif isinstance(value, bool):
        words = f"`{str(value).lower()}`"
    elif isinstance(value, tuple | frozenset):
        words = ", ".join(f"`{each}`" for each in value)
    else:
        words = f"`{value}`"
    return words


@functools.cache
def sections() -> dict[type, str]:
    """Return each settings class with the key it stands under, in the order a reader meets them."""
    found: dict[type, str] = {}

    def walk(cls: type, at: str) -> None:
        if cls in found:
            return
        found[cls] = at
        for name, kind in typing.get_type_hints(cls).items():
            inner, _ = _without_none(kind)
            listed = typing.get_origin(inner) in (tuple, frozenset)
            for candidate in (inner, *typing.get_args(inner)):
                if isinstance(candidate, type) and dataclasses.is_dataclass(candidate):
                    walk(candidate, f"{at}{'.' if at else ''}{name}{'[]' if listed else ''}")

    walk(settings.Settings, "")
    return found | {settings.SecretSource: "a secret"}


def _section(cls: type, words: Words) -> str:
    return words.say("a secret", "秘密") if cls is settings.SecretSource else sections()[cls]


def _anchor(cls: type) -> str:
    return re.sub(r"[^a-z_]+", "-", sections()[cls]).strip("-")


def settings_page(language: Words | None = None) -> str:
    """Return the reference page of `gateway.yaml`."""
    say = language or english()
    words = field_words(Path(settings.__file__))
    lines = say.say(_SETTINGS_HEAD, _SETTINGS_HEAD_JA).splitlines()
    for cls, at in sections().items():
        title = (
            say.say("The file itself", "ファイル全体")
            if cls is settings.Settings
            else f"`{at}`"
            if cls is not settings.SecretSource
            else say.say("A secret", "秘密")
        )
        first = say.of("class", cls.__name__, _first_line(cls))
        lines += ["", f'<a id="{_anchor(cls)}"></a>', "", f"## {title}", "", first, ""]
        lines += [
            say.say("| key | value | default | taken up by | meaning |", "| キー | 値 | 既定値 | 反映 | 意味 |"),
            "|---|---|---|---|---|",
        ]
        kinds = typing.get_type_hints(cls, include_extras=True)
        for field in dataclasses.fields(cls):
            when = taken_up(kinds[field.name])
            kind = without_mark(kinds[field.name])
            said = say.of(cls.__name__, field.name, words.get(cls.__name__, {}).get(field.name, ""))
            inner, _ = _without_none(kind)
            if not said and isinstance(inner, type) and (dataclasses.is_dataclass(inner) or issubclass(inner, StrEnum)):
                said = say.of("class", inner.__name__, _first_line(inner))
            said = said.replace("|", "\\|")
            key = getattr(cls, "KEYS", {}).get(field.name, field.name)
            value, default = kind_in_words(kind, say), default_in_words(field, kind, say)
            lines.append(f"| `{key}` | {value} | {default} | {say.say(when, _TAKEN_UP_JA[when])} | {said} |")
    return "\n".join(lines) + "\n"


_TAKEN_UP_JA: Mapping[str, str] = {"reload": "再読み込み", "replacement": "入れ替え", "restart": "再起動"}
_SETTINGS_HEAD = """\
# Settings

This page is for operators who write `gateway.yaml`.
The Japanese version is [settings.ja.md](settings.ja.md).
`make docs` writes it from `gateway/settings/settings.py`; change it there.

Durations are written `250ms`, `30s`, `15m`, `8h`, `7d`; sizes `512B`, `64KiB`, `10MiB`, `2GiB`.
`none` or `off` takes a limit away where the table says `or none`.
Secrets are named by file or by environment variable, never written inline.
`sekisho check -c gateway.yaml` names every mistake at once, each with its line.

The column *taken up by* says when a changed setting takes effect.
A `reload` is SIGHUP, a `replacement` of the workers is SIGUSR2, a `restart` starts the whole gateway again.
With one worker there is nothing to replace, and a `replacement` is a restart.
A section inside another one has rows of its own.
A section's own row says how adding or removing it takes effect."""
_SETTINGS_HEAD_JA = """\
# 設定

このページは、`gateway.yaml` を書く運用担当者のためのものです。
英語版は [settings.md](settings.md) です。
`make docs` が、`gateway/settings/settings.py` と `tools/reference.ja.toml` から書き出します。
内容を変えるときは、これらのファイルを変えてください。

時間は `250ms`、`30s`、`15m`、`8h`、`7d`、大きさは `512B`、`64KiB`、`10MiB`、`2GiB` のように書きます。
表に「または `none`」とあるところでは、`none` か `off` で上限をなくせます。
秘密は、ファイルか環境変数の名前で示します。設定の中に直接は書きません。
`sekisho check -c gateway.yaml` は、すべての誤りを、行番号とともに一度に示します。

「反映」の列は、変更した設定がいつ有効になるかを示します。
再読み込み（`reload`）は SIGHUP、ワーカーの入れ替え（`replacement`）は SIGUSR2 で行います。
再起動（`restart`）は、ゲートウェイ全体を起動し直すことです。
ワーカーが一つのときは入れ替えるものがないので、入れ替えは再起動になります。
節の中の節には、それ自身の表があります。
節そのものの行は、その節を加えたり外したりしたときに、いつ有効になるかを示します。"""


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def all_errors(cls: type[errors.GatewayError] = errors.GatewayError) -> Iterator[type[errors.GatewayError]]:
    """Yield every error class of the error page, the base first."""
    yield cls
    for each in cls.__subclasses__():
        yield from all_errors(each)


def error_table(language: Words | None = None) -> str:
    """Return the table of error codes."""
    say = language or english()
    head = say.say("| code | status | meaning |", "| コード | ステータス | 意味 |")
    rows = {
        f"| `{each.code}` | {int(each.status)} | {say.of('error', each.code, _first_line(each))} |"
        for each in all_errors()
    }
    return "\n".join([head, "|---|---|---|", *sorted(rows)])


def event_table(language: Words | None = None) -> str:
    """Return the table of events."""
    say = language or english()
    words = field_words(EVENTS_SOURCE).get("Event", {})
    rows = []
    for node in ast.walk(ast.parse(EVENTS_SOURCE.read_bytes())):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(event))):
                fields = ", ".join(f"`{field}`" for field in SHAPES[Event(event)].split())
                rows.append(f"| `{event}` | {say.of('event', name, words.get(name, ''))} | {fields or '–'} |")
            case _:
                pass
    head = say.say("| event | meaning | fields |", "| イベント | 意味 | 項目 |")
    return "\n".join([head, "|---|---|---|", *sorted(rows)])


def field_table(language: Words | None = None) -> str:
    """Return the table of the fields of log lines: those of every line, of requests, and of events."""
    say = language or english()
    words = field_words(ACCESS_SOURCE)["AccessLine"]
    head = tuple(line_style("node").head(0.0, LineKind.ACCESS))
    of_events = {"level", "event", "dropped", *(field for shape in SHAPES.values() for field in shape.split())}
    rows = [(field, say.say("every line", "すべての行"), _field(say, "line", field, FIELDS[field])) for field in head]
    rows += [
        (field, "`access`", _field(say, "access", field, words[field]))
        for field in AccessLine.__struct_fields__
        if field not in head
    ]
    both = say.say("`event`, `audit`", "`event`、`audit`")
    rows += [(field, both, _field(say, "line", field, FIELDS[field])) for field in sorted(of_events)]
    shown = (f"| `{field}` | {kinds} | {meaning} |" for field, kinds, meaning in rows)
    title = say.say("| field | lines | meaning |", "| 項目 | 行 | 意味 |")
    return "\n".join([title, "|---|---|---|", *shown])


def _field(say: Words, group: str, field: str, meaning: str) -> str:
    said = f"{meaning[:1].upper()}{meaning[1:].removesuffix('.')}."
    return say.of(group, field, said)


def samples(declared: Declared) -> frozenset[str]:
    """Return the names of a metric's samples, as queries write them."""
    if declared.kind is Kind.HISTOGRAM:
        return frozenset({f"{declared.name}_bucket", f"{declared.name}_count", f"{declared.name}_sum"})
    return frozenset({declared.sample})


def cause_table(language: Words | None = None) -> str:
    """Return the table of causes."""
    say = language or english()
    words = field_words(CAUSES_SOURCE).get("Cause", {})
    rows = []
    for cause in Cause:
        counts = say.say("yes", "はい") if cause in FAULTS else say.say("no", "いいえ")
        rows.append(f"| `{cause}` | {say.of('cause', cause.name, words[cause.name])} | {counts} |")
    head = say.say(
        "| cause | who decided | a 5xx counts against availability |",
        "| 原因 | 決めたもの | 5xx を可用性に数えるか |",
    )
    return "\n".join([head, "|---|---|---|", *rows])


def reason_table(language: Words | None = None) -> str:
    """Return the table of the reasons that decide a cause."""
    say = language or english()
    rows = [
        f"| `{reason}` | `{cause}` | {say.of('reason', str(reason), words)} |"
        for reason, (cause, words) in sorted(REASONS.items())
    ]
    return "\n".join([say.say("| reason | cause | meaning |", "| 理由 | 原因 | 意味 |"), "|---|---|---|", *rows])


_METRICS_HEAD = f"""\
# Metrics

This page is for operators who write queries, boards and alerts.
The Japanese version is [metrics.ja.md](metrics.ja.md).
`make docs` writes it from the declarations in the code; change them there.
`docs/operations.md` explains where the numbers are served and how many series there are.

The column *over workers* says how the numbers of several workers become the gateway's:

OVER

A label with its values in parentheses is closed: no other value comes.
A counter or histogram whose labels are all closed, but for `app`, starts each series at 0.
A counter with more than {MOST_SERIES:,} combinations of labels counts the rest under `{OTHER}`.
So does a histogram with more than {MOST_SPREADS:,}."""
_METRICS_HEAD_JA = f"""\
# メトリクス

このページは、クエリー、ボード、アラートを書く運用担当者のためのものです。
英語版は [metrics.md](metrics.md) です。
`make docs` が、コードの宣言と `tools/reference.ja.toml` から書き出します。
内容を変えるときは、これらを変えてください。
どこで値を返すか、系列がいくつあるかは、[運用](operations.ja.md#メトリクス)で説明します。

「ワーカー間」の列は、複数のワーカーの値がどのようにゲートウェイの値になるかを示します。

OVER

値を括弧に示したラベルでは、ほかの値は出ません。
`app` を除くすべてのラベルの値が決まっているカウンターとヒストグラムは、どの系列も 0 から始まります。
ラベルの組合せが {MOST_SERIES:,} を超えるカウンターは、残りを `{OTHER}` で数えます。
{MOST_SPREADS:,} を超えるヒストグラムも同じです。"""


def metrics_page(language: Words | None = None) -> str:
    """Return the page of metrics."""
    say = language or english()
    words = field_words(ROOT / "gateway" / "observe" / "merge.py")["Over"]
    colon = say.say(": ", "：")
    over = "\n".join(f"- `{over}`{colon}{say.of('over', over.name, words[over.name])}" for over in Over)
    lines = say.say(_METRICS_HEAD, _METRICS_HEAD_JA).replace("OVER", over).splitlines()
    head = say.say(
        "| metric | kind | unit | labels | over workers | meaning |",
        "| メトリクス | 種類 | 単位 | ラベル | ワーカー間 | 意味 |",
    )
    for title, declared in METRICS.items():
        lines += ["", f"## {say.of('concern', title, title)}", "", head, "|---|---|---|---|---|---|"]
        for each in sorted(declared, key=lambda each: each.sample):
            labels = ", ".join(_label(each, label) for label in each.labels)
            meaning = say.of("metric", each.name, each.meaning)
            lines.append(f"| `{each.sample}` | {each.kind} | {each.unit} | {labels} | `{each.over}` | {meaning} |")
    return "\n".join(lines) + "\n"


def _label(declared: Declared, label: str) -> str:
    values = declared.closed.get(label)
    return f"`{label}`" if values is None else f"`{label}` ({', '.join(f'`{value}`' for value in values)})"


def file_table() -> str:
    """Return the map of files: each with the first sentence of its docstring, in the order of a request."""
    lines = ["| file | what it is about |", "|---|---|"]
    for step in STEPS:
        folder = ROOT / "gateway" / step.replace(".", "/")
        for path in sorted(folder.glob("*.py"), key=lambda path: (path.stem != step, path.name)):
            says = ast.get_docstring(ast.parse(path.read_bytes())) or ""
            if path.name not in ("__init__.py", "__main__.py"):
                first = " ".join(says.partition("\n\n")[0].split()).replace("|", "\\|")
                lines.append(f"| `{path.relative_to(ROOT)}` | {first} |")
    return "\n".join(lines)


def answer_table() -> str:
    """Return the table of an answer's fields; names with the same fate for the same reason share a row."""
    rows = ["| field | what becomes of it | why |", "|---|---|---|"]
    for (action, reason), group in itertools.groupby(ANSWER_FIELDS, lambda row: (row.action, row.reason)):
        names = ", ".join(f"`{row.name}`" for row in group)
        rows.append(f"| {names} | {action.value} | {reason} |")
    return "\n".join(rows)


def diagram(machine: States[typing.Any, typing.Any]) -> str:
    """Return a machine's table as a mermaid diagram; events between the same two states share an arrow."""
    lines = ["```mermaid", "stateDiagram-v2", *(f"    [*] --> {state}" for state in machine.starts)]
    for state, row in machine.moves.items():
        arrows: dict[str, list[str]] = {}
        for event, after in row.items():
            arrows.setdefault(after, []).append(event)
        lines += [f"    {state} --> {after}: {', '.join(events)}" for after, events in arrows.items()]
        if not row:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])


def states_page() -> str:
    """Return the page of the state machines."""
    lines = [
        "# States",
        "",
        "For developers: what waits for events, the states it may be in, and the events that move it.",
        "`make docs` writes them from the tables that the code obeys; change them there.",
        "",
        "An event that a state does not have raises `IllegalEventError`, as it is a bug of ours.",
        "A harmless event may come and changes nothing.",
    ]
    for machine in MACHINES:
        states, events = type(machine.starts[0]), type(next(event for row in machine.moves.values() for event in row))
        source = Path(inspect.getfile(states))
        words = field_words(source)
        lines += ["", f"## {machine.name[:1].upper()}{machine.name[1:]}", ""]
        lines += [f"The table is in `{source.relative_to(ROOT)}`.", "", diagram(machine), ""]
        lines += ["| state | meaning | harmless events |", "|---|---|---|"]
        for state in states:
            harmless = ", ".join(f"`{event}`" for event in events if event in machine.harmless.get(state, ()))
            lines.append(f"| `{state}` | {words[states.__name__].get(state.name, '')} | {harmless} |")
        lines += ["", "| event | meaning |", "|---|---|"]
        lines += [f"| `{event}` | {words[events.__name__].get(event.name, '')} |" for event in events]
    return "\n".join(lines) + "\n"


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """Return a page with its tables written anew between their markers.

    Raises:
        ValueError: the page has no place for one of them.

    """
    for name, table in tables.items():
        begin, end = f"<!-- {name}: written by `make docs` -->", f"<!-- end of {name} -->"
        before, found, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            raise ValueError(f"the page has no place for `{name}`")
        page = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return page


def operations_page(page: str, language: Words | None = None) -> str:
    """Return the operations page with its tables written anew."""
    return with_tables(
        page,
        {
            "fields": field_table(language),
            "events": event_table(language),
            "errors": error_table(language),
            "causes": cause_table(language),
            "reasons": reason_table(language),
        },
    )


def japanese_pages() -> tuple[dict[Path, str], Words]:
    """Return the Japanese reference pages, and the words that they were made with."""
    words = japanese()
    pages = {
        SETTINGS_PAGE_JA: settings_page(words),
        METRICS_PAGE_JA: metrics_page(words),
        OPERATIONS_PAGE_JA: operations_page(OPERATIONS_PAGE_JA.read_text(encoding="utf-8"), words),
    }
    return pages, words


def request_page(page: str) -> str:
    """Return the page about the way of a request with its map of files written anew."""
    return with_tables(page, {"files": file_table()})


def contract_page(page: str) -> str:
    """Return the contract with its table of an answer's fields written anew."""
    return with_tables(page, {"answer fields": answer_table()})


def upgrade_page(page: str, language: Language) -> str:
    """Return the page of upgrades in a language with its notes written anew."""
    return with_tables(page, {"notes": notes_page(language)})


def main() -> int:
    """Write the pages."""
    for language, file in UPGRADE_PAGES.items():
        file.write_text(upgrade_page(file.read_text(), language))
    CONTRACT_PAGE.write_text(contract_page(CONTRACT_PAGE.read_text()))
    SETTINGS_PAGE.write_text(settings_page())
    METRICS_PAGE.write_text(metrics_page())
    OPERATIONS_PAGE.write_text(operations_page(OPERATIONS_PAGE.read_text()))
    REQUEST_PAGE.write_text(request_page(REQUEST_PAGE.read_text()))
    STATES_PAGE.write_text(states_page())
    pages, words = japanese_pages()
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")
    for where, line in words.missing.items():
        print(f"{CATALOGUE.relative_to(ROOT)} needs, in {where.partition(' ')[0]}: {line}")
    for entry in words.stale():
        print(f"{CATALOGUE.relative_to(ROOT)} has an entry that nothing uses: {entry}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
