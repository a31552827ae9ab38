"""The security-case format: what a case may say. An unknown key, placeholder or predicate is an error, never a pass.

The head of `cases.yaml` is the format's own description; this reads it strictly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.security.tokens import TOKENS, as_written_before
from tests.security.upstream import faults as upstream_faults

CASE_KEYS = frozenset(
    {
        "id", "class", "source", "title", "request", "expect", "assert", "peer", "session", "browser", "idp", "store",
        "upstream", "clock", "repeat", "files",
    }
)  # fmt: skip
REQUEST_KEYS = frozenset({"method", "target", "headers", "raw", "body", "trailers", "protocol"})
PEERS = frozenset({"untrusted", "trusted", "trusted-outer"})
BROWSERS = frozenset({"pending", "complete-login", "confirm-logout"})

HALF_A_LIST = "half a list"

PLACEHOLDER = re.compile(r"\{([A-Z][A-Z_]*)((?::[^{}|]*)*)((?:\|[a-z_]+)*)\}")


class FormatError(ValueError):
    """A file or case that does not say what the format allows."""


@dataclass(frozen=True)
class Request:
    """The request that is sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    raw: str | None = None
    body: str | None = None
    trailers: tuple[tuple[str, str], ...] = ()
    protocol: str = "http/1.1"

    def texts(self) -> Iterator[str]:
        """Every text in which a placeholder may stand."""
        yield self.target
        for name, value in (*self.headers, *self.trailers):
            yield name
            yield value
        yield self.raw or ""
        yield self.body or ""


@dataclass(frozen=True)
class Case:
    """One entry of a case file."""

    id: str
    kind: str
    request: Request
    predicates: tuple[str, ...]
    title: str = ""
    expect: str = ""
    peer: str = "untrusted"
    session: str = "none"
    browser: str | None = None
    idp: dict[str, Any] = field(default_factory=dict)
    store: str | None = None
    upstream: dict[str, Any] = field(default_factory=dict)
    clock: str | None = None
    repeat: int = 1
    files: str | None = None
    """The change of a file of the policy: `half a list`."""

    def wants(self, *names: str) -> bool:
        """Whether one of these predicates is asked for."""
        return any(predicate.partition(":")[0] in names for predicate in self.predicates)

    def mentions(self, placeholder: str) -> bool:
        """Whether the request has that placeholder, with any argument."""
        return any(found[1] == placeholder for text in self.request.texts() for found in PLACEHOLDER.finditer(text))


def _pairs(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise FormatError(f"{where}: expected a list of pairs")
    return tuple((str(name), str(text)) for name, text in value)


def _known(entry: dict[str, Any], allowed: frozenset[str], where: str) -> None:
    unknown = sorted(map(str, set(entry) - allowed))
    if unknown:
        raise FormatError(f"{where}: unknown key `{'`, `'.join(unknown)}`")


def read_case(entry: Any) -> Case:
    """Return one case.

    Raises:
        FormatError: a key is missing, unknown or of another kind.

    """
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise FormatError("a case without `id`")
    where = entry["id"]
    _known(entry, CASE_KEYS, where)
    missing = sorted({"class", "request", "assert"} - set(entry))
    if missing:
        raise FormatError(f"{where}: lacks `{'`, `'.join(missing)}`")
    asked = entry["request"]
    if not isinstance(asked, dict):
        raise FormatError(f"{where}: `request` is not a mapping")
    _known(asked, REQUEST_KEYS, f"{where}: request")
    body = asked.get("body")
    request = Request(
        method=str(asked["method"]),
        target=str(asked["target"]),
        headers=_pairs(asked.get("headers", []), where),
        raw=asked.get("raw"),
        body=None if body is None else str(body),
        trailers=_pairs(asked.get("trailers", []), where),
        protocol=str(asked.get("protocol", "http/1.1")),
    )
    if request.protocol not in ("http/1.1", "h2"):
        raise FormatError(f"{where}: unknown protocol `{request.protocol}`")
    predicates = entry["assert"]
    if not isinstance(predicates, list) or not predicates or not all(isinstance(text, str) for text in predicates):
        raise FormatError(f"{where}: `assert` is not a list of predicates")
    case = Case(
        id=where,
        kind=str(entry["class"]),
        request=request,
        predicates=tuple(predicates),
        title=str(entry.get("title") or ""),
        expect=str(entry.get("expect") or ""),
        peer=str(entry.get("peer", "untrusted")),
        session=str(entry.get("session", "none")),
        browser=entry.get("browser"),
        idp=dict(entry.get("idp") or {}),
        store=entry.get("store"),
        upstream=dict(entry.get("upstream") or {}),
        clock=entry.get("clock"),
        repeat=int(entry.get("repeat", 1)),
        files=entry.get("files"),
    )
    for fault in upstream_faults(case.upstream):
        raise FormatError(f"{where}: upstream: {fault}")
    if case.peer not in PEERS:
        raise FormatError(f"{where}: unknown peer `{case.peer}`")
    if case.browser is not None and case.browser not in BROWSERS:
        raise FormatError(f"{where}: unknown browser `{case.browser}`")
    if case.files not in (None, HALF_A_LIST):
        raise FormatError(f"{where}: unknown `files` `{case.files}`")
    if case.repeat < 1:
        raise FormatError(f"{where}: `repeat` is less than 1")
    return case


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a file.

    Raises:
        FormatError: one of them is not in the format, or two have the same `id`.

    """
    text = path.read_text(encoding="utf-8")
    entries = YAML(typ="safe").load(text)
    if not isinstance(entries, list):
        raise FormatError(f"{path}: expected a list of cases")
    cases = [read_case(entry) for entry in entries]
    if _says_plain_claims(text):
        cases = [_with_claims_moved(case) for case in cases]
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise FormatError(f"{case.id}: two cases have this `id`")
        seen.add(case.id)
    return cases


def _says_plain_claims(text: str) -> bool:
    """Say whether a file's head describes the older format, in which claims stand beside the directives.

    The head of a file is its format's own description; without one the format is today's.
    """
    head = " ".join(line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), text.splitlines()))
    return "values under id_token and logout_token replace the correct ones" in head


def _with_claims_moved(case: Case) -> Case:
    tokens = {name: as_written_before(case.idp[name]) for name in TOKENS if isinstance(case.idp.get(name), dict)}
    return replace(case, idp={**case.idp, **tokens}) if tokens else case


def read_not_applicable(path: Path) -> dict[str, str]:
    """Return the reviewed table: class to the reason it cannot apply."""
    table = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    if not isinstance(table, dict) or not all(isinstance(reason, str) and reason for reason in table.values()):
        raise FormatError(f"{path}: expected `class: reason`")
    return {str(kind): str(reason) for kind, reason in table.items()}
