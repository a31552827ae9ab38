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
from gateway.upstream import prometheus_upstreams
from gateway.upstream.answer_states import ANSWER
from gateway.upstream.connection_states import SENDING, UPSTREAM_CONNECTION
from gateway.wire.states import States

ROOT = Path(__file__).resolve().parent.parent
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
CONTRACT_PAGE = ROOT / "docs" / "contract.md"
OPERATIONS_PAGE = ROOT / "docs" / "operations.md"
REQUEST_PAGE = ROOT / "docs" / "request.md"
METRICS_PAGE = ROOT / "docs" / "metrics.md"
STATES_PAGE = ROOT / "docs" / "states.md"
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


def kind_in_words(kind: object) -> str:
    """Return what may stand at a key, as an operator would say it."""
    kind, optional = _without_none(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind == Seconds:
        words = "duration"
    elif kind == Bytes:
        words = "size"
    elif kind == Share:
        words = "share"
    elif origin in (tuple, frozenset):
        words = f"list of {kind_in_words(arguments[0])}"
    elif origin is typing.Literal:
        words = " \\| ".join(f"`{argument}`" for argument in arguments)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        words = "words by name"
    elif isinstance(kind, type) and dataclasses.is_dataclass(kind):
        words = f"[{sections()[kind]}](#{_anchor(kind)})"
    elif isinstance(kind, type) and issubclass(kind, StrEnum):
        words = " \\| ".join(f"`{member}`" for member in kind)
    else:
        words = {str: "text", int: "number", bool: "true \\| false", Path: "path", float: "number"}.get(
            typing.cast("type", kind), str(kind)
        )
    return f"{words}, or `none`" if optional else words


def default_in_words(field: dataclasses.Field[object], kind: object) -> str:
    """Return what an operator gets who leaves the key out."""
    plain, _ = _without_none(kind)
    value = field.default if field.default is not dataclasses.MISSING else None
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        words = "required"
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


def _anchor(cls: type) -> str:
    return re.sub(r"[^a-z_]+", "-", sections()[cls]).strip("-")


def settings_page() -> str:
    """Return the reference page of `gateway.yaml`."""
    words = field_words(Path(settings.__file__))
    lines = [
        "# Settings",
        "",
        "This page is for operators who write `gateway.yaml`.",
        "`make docs` writes it from `gateway/settings/settings.py`; change it there.",
        "",
        "Durations are written `250ms`, `30s`, `15m`, `8h`, `7d`; sizes `512B`, `64KiB`, `10MiB`, `2GiB`.",
        "`none` or `off` takes a limit away where the table says `or none`.",
        "Secrets are named by file or by environment variable, never written inline.",
        "`sekisho check -c gateway.yaml` names every mistake at once, each with its line.",
        "",
        "The column *taken up by* says when a changed setting takes effect.",
        "A `reload` is SIGHUP, a `replacement` of the workers is SIGUSR2, a `restart` starts the whole gateway again.",
        "With one worker there is nothing to replace, and a `replacement` is a restart.",
        "A section inside another one has rows of its own.",
        "A section's own row says how adding or removing it takes effect.",
    ]
    for cls, at in sections().items():
        title = (
            "The file itself"
            if cls is settings.Settings
            else f"`{at}`"
            if cls is not settings.SecretSource
            else "A secret"
        )
        lines += ["", f'<a id="{_anchor(cls)}"></a>', "", f"## {title}", "", _first_line(cls), ""]
        lines += ["| key | value | default | taken up by | meaning |", "|---|---|---|---|---|"]
        kinds = typing.get_type_hints(cls, include_extras=True)
        for field in dataclasses.fields(cls):
            when = taken_up(kinds[field.name])
            kind = without_mark(kinds[field.name])
            said = words.get(cls.__name__, {}).get(field.name, "")
            inner, _ = _without_none(kind)
            if not said and isinstance(inner, type) and (dataclasses.is_dataclass(inner) or issubclass(inner, StrEnum)):
                said = _first_line(inner)
            said = said.replace("|", "\\|")
            key = getattr(cls, "KEYS", {}).get(field.name, field.name)
            lines.append(f"| `{key}` | {kind_in_words(kind)} | {default_in_words(field, kind)} | {when} | {said} |")
    return "\n".join(lines) + "\n"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def all_errors(cls: type[errors.GatewayError] = errors.GatewayError) -> Iterator[type[errors.GatewayError]]:
    """Yield every error class of the error page, the base first."""
    yield cls
    for each in cls.__subclasses__():
        yield from all_errors(each)


def error_table() -> str:
    """Return the table of error codes."""
    rows = {f"| `{each.code}` | {int(each.status)} | {_first_line(each)} |" for each in all_errors()}
    return "\n".join(["| code | status | meaning |", "|---|---|---|", *sorted(rows)])


def event_table() -> str:
    """Return the table of events."""
    words = field_words(EVENTS_SOURCE).get("Event", {})
    rows = []
    for node in ast.walk(ast.parse(EVENTS_SOURCE.read_bytes())):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(event))):
                fields = ", ".join(f"`{field}`" for field in SHAPES[Event(event)].split())
                rows.append(f"| `{event}` | {words.get(name, '')} | {fields or '–'} |")
            case _:
                pass
    return "\n".join(["| event | meaning | fields |", "|---|---|---|", *sorted(rows)])


def field_table() -> str:
    """Return the table of the fields of log lines: those of every line, of requests, and of events."""
    words = field_words(ACCESS_SOURCE)["AccessLine"]
    head = tuple(line_style("node").head(0.0, LineKind.ACCESS))
    of_events = {"level", "event", "dropped", *(field for shape in SHAPES.values() for field in shape.split())}
    rows = [(field, "every line", FIELDS[field]) for field in head]
    rows += [(field, "`access`", words[field]) for field in AccessLine.__struct_fields__ if field not in head]
    rows += [(field, "`event`, `audit`", FIELDS[field]) for field in sorted(of_events)]
    shown = (
        f"| `{field}` | {kinds} | {meaning[:1].upper()}{meaning[1:].removesuffix('.')}. |"
        for field, kinds, meaning in rows
    )
    return "\n".join(["| field | lines | meaning |", "|---|---|---|", *shown])


def samples(declared: Declared) -> frozenset[str]:
    """Return the names of a metric's samples, as queries write them."""
    if declared.kind is Kind.HISTOGRAM:
        return frozenset({f"{declared.name}_bucket", f"{declared.name}_count", f"{declared.name}_sum"})
    return frozenset({declared.sample})


def cause_table() -> str:
    """Return the table of causes."""
    words = field_words(CAUSES_SOURCE).get("Cause", {})
    rows = [f"| `{cause}` | {words[cause.name]} | {'yes' if cause in FAULTS else 'no'} |" for cause in Cause]
    return "\n".join(["| cause | who decided | a 5xx counts against availability |", "|---|---|---|", *rows])


def reason_table() -> str:
    """Return the table of the reasons that decide a cause."""
    rows = [f"| `{reason}` | `{cause}` | {words} |" for reason, (cause, words) in sorted(REASONS.items())]
    return "\n".join(["| reason | cause | meaning |", "|---|---|---|", *rows])


def metrics_page() -> str:
    """Return the page of metrics."""
    words = field_words(ROOT / "gateway" / "observe" / "merge.py")["Over"]
    lines = [
        "# Metrics",
        "",
        "This page is for operators who write queries, boards and alerts.",
        "`make docs` writes it from the declarations in the code; change them there.",
        "`docs/operations.md` explains where the numbers are served and how many series there are.",
        "",
        "The column *over workers* says how the numbers of several workers become the gateway's:",
        "",
        *(f"- `{over}`: {words[over.name]}" for over in Over),
        "",
        "A label with its values in parentheses is closed: no other value comes.",
        "A counter or histogram whose labels are all closed, but for `app`, starts each series at 0.",
        f"A counter with more than {MOST_SERIES:,} combinations of labels counts the rest under `{OTHER}`.",
        f"So does a histogram with more than {MOST_SPREADS:,}.",
    ]
    for title, declared in METRICS.items():
        lines += ["", f"## {title}", "", "| metric | kind | unit | labels | over workers | meaning |"]
        lines.append("|---|---|---|---|---|---|")
        for each in sorted(declared, key=lambda each: each.sample):
            labels = ", ".join(_label(each, label) for label in each.labels)
            lines.append(f"| `{each.sample}` | {each.kind} | {each.unit} | {labels} | `{each.over}` | {each.meaning} |")
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


def operations_page(page: str) -> str:
    """Return the operations page with its tables written anew."""
    return with_tables(
        page,
        {
            "fields": field_table(),
            "events": event_table(),
            "errors": error_table(),
            "causes": cause_table(),
            "reasons": reason_table(),
        },
    )


def request_page(page: str) -> str:
    """Return the page about the way of a request with its map of files written anew."""
    return with_tables(page, {"files": file_table()})


def contract_page(page: str) -> str:
    """Return the contract with its table of an answer's fields written anew."""
    return with_tables(page, {"answer fields": answer_table()})


def main() -> int:
    """Write the pages."""
    CONTRACT_PAGE.write_text(contract_page(CONTRACT_PAGE.read_text()))
    SETTINGS_PAGE.write_text(settings_page())
    METRICS_PAGE.write_text(metrics_page())
    OPERATIONS_PAGE.write_text(operations_page(OPERATIONS_PAGE.read_text()))
    REQUEST_PAGE.write_text(request_page(REQUEST_PAGE.read_text()))
    STATES_PAGE.write_text(states_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
