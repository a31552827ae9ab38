"""Counts what the gateway refused of an application's requests, from the lines of an access log.

A refusal that an application's own pages run into is a setting that is missing. Each row names the setting, and one
example to look at. Requests of people who were not signed in have rows of their own: the style sheet of a guarded path
is refused to everybody who sees a public page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from gateway.instant import Instant
from gateway.wire.methods import REGISTERED
from gateway.yaml.mistakes import Phrase

MOST_ROWS = 10_000
"""Rows that are kept apart; the requests of further ones are counted together."""

REMEDIES: Mapping[str, Phrase] = {
    "method": Phrase("`methods: [METHOD]` of the App, if it needs the method", "必要なら App の `methods: [メソッド]`"),
    "unexpected_body": Phrase("`refuse_body: []` of the App", "App の `refuse_body: []`"),
    "body": Phrase("`traffic.body`, or `body` of the App", "`traffic.body`、または App の `body`"),
    "length_required": Phrase(
        "`upstream_options: {chunked_uploads: stream}`, or a larger `counted_upload`",
        "`upstream_options: {chunked_uploads: stream}`、または大きな `counted_upload`",
    ),
    "request_line": Phrase("`traffic.request_line`", "`traffic.request_line`"),
    "headers": Phrase("`traffic.headers`", "`traffic.headers`"),
    "header_count": Phrase("`traffic.header_count`", "`traffic.header_count`"),
    "target_empty_segment": Phrase(
        "`paths: {merge_slashes: true}` or `{empty_segments: keep}`",
        "`paths: {merge_slashes: true}` または `{empty_segments: keep}`",
    ),
    "target_parameter": Phrase("`paths: {parameters: keep}`", "`paths: {parameters: keep}`"),
    "target_encoded_slash": Phrase("`paths: {encoded_slash: keep}`", "`paths: {encoded_slash: keep}`"),
    "target_double_encoding": Phrase("`paths: {encoded_percent: keep}`", "`paths: {encoded_percent: keep}`"),
    "target_encoding": Phrase("`paths: {charset: cp932}` or `euc-jp`", "`paths: {charset: cp932}` または `euc-jp`"),
    "unknown_host": Phrase("`url` of an App: no App has this host", "App の `url`（このホストの App がありません）"),
    "unknown_path": Phrase("`url` of an App: none holds this path", "App の `url`（このパスの App がありません）"),
    "no_rule": Phrase("a rule of the policy for this path", "このパスについてのポリシーの規則"),
    "ambiguous_path": Phrase(
        "one rule of the policy for all readings of this path, see `sekisho policy explain`",
        "このパスのすべての読み方に当たる、ポリシーの一つの規則（`sekisho policy explain` を参照）",
    ),
    "method_override": Phrase("`method_override: both` of the App", "App の `method_override: both`"),
    "forbidden_origin": Phrase(
        "`allowed_origins` of the App, if that site may use it",
        "そのサイトに使わせてよいなら App の `allowed_origins`",
    ),
    "foreign_form": Phrase(
        "`returns_from` of the rule, if that site may send the form",
        "そのサイトからの送信を許してよいなら、規則の `returns_from`",
    ),
}
"""The setting that would admit what was refused for a reason."""

IN_THE_REQUEST = frozenset({"ambiguous_query", "reference", "service_worker_scope", "service_worker"})
"""Further reasons that lie in a request and not in the person; no setting admits such a request."""

BY_DESIGN = Phrase("none: it is refused by design", "ありません（仕様による拒否）")

_ANONYMOUS = Phrase("a rule that allows everyone, if it is public", "公開してよいなら、全員に許す規則")

_NOT_KNOWN = (HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)

_COLLECTED = frozenset({"challenge", "deny"})

_PART_OF_A_PAGE = re.compile(
    r"\.(?:css|m?js|map|json|webmanifest|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|eot|mp[34]|webm)", re.IGNORECASE
)
"""The suffix of what a page loads by itself: a challenge for a page is ordinary, one for its style sheet is not."""


class LoggedRequest(msgspec.Struct):
    """The part of an access line that a report needs. Earlier versions wrote fewer fields, and `time` as a number."""

    time: datetime | float
    method: str
    host: str
    path: str
    status: int
    client: str
    """Read for its name alone: no event has all of these fields."""
    app: str = ""
    verdict: str = ""
    reason: str = ""
    session: str = ""

    @property
    def moment(self) -> Instant:
        """The line's time in Unix seconds."""
        return self.time.timestamp() if isinstance(self.time, datetime) else self.time


class Refusal(NamedTuple):
    """The requests that one row counts together."""

    app: str
    host: str
    method: str
    place: str
    """The path up to its last segment, then `*` and its suffix: `/css/*.css`."""
    reason: str
    anonymous: bool
    """Whether the person was not signed in, and a policy refused the request or asked for a sign-in."""


@dataclass(slots=True)
class Refusals:
    """Takes access lines, and returns the rows of a report."""

    since: Instant
    """Lines from before this moment are passed over; in Unix seconds."""
    lines: int = 0
    """Access lines that were read."""
    unread: int = 0
    """Lines that are no access lines: events, or text that was cut off."""
    left_out: int = 0
    """Refused requests that no row of their own counts."""
    _counts: Counter[Refusal] = field(default_factory=Counter)
    _examples: dict[Refusal, str] = field(default_factory=dict)

    def take(self, text: bytes) -> None:
        """Read one line of a log."""
        try:
            line = _DECODER.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unread += 1
            return
        if line.moment < self.since:
            return
        self.lines += 1
        refusal = _refusal(line)
        if refusal is None:
            return
        if refusal not in self._counts and len(self._counts) >= MOST_ROWS:
            self.left_out += 1
            return
        self._counts[refusal] += 1
        self._examples.setdefault(refusal, line.path)

    def rows(self) -> Iterator[tuple[Refusal, int, str]]:
        """Yield each refusal with its count and the path of one request, by App, the most frequent first."""
        for refusal, count in sorted(self._counts.items(), key=lambda row: (row[0].app, -row[1], row[0])):
            yield refusal, count, self._examples[refusal]


_DECODER = msgspec.json.Decoder(LoggedRequest)


def remedy(refusal: Refusal) -> Phrase:
    """Return the setting that would admit the requests of a row."""
    if refusal.anonymous:
        return _ANONYMOUS
    if refusal.reason == "method" and refusal.method.encode() not in REGISTERED:
        # No setting admits a method that the registry does not have, nor CONNECT, TRACE and PRI.
        return BY_DESIGN
    return REMEDIES.get(_first_word(refusal.reason), BY_DESIGN)


def _first_word(reason: str) -> str:
    """Return the first of the reasons of an access line, without the name of its condition."""
    return reason.partition(",")[0].partition(":")[0]


def _refusal(line: LoggedRequest) -> Refusal | None:
    """Return the row of a request, if the gateway refused it for what it is; trouble and maintenance are not meant."""
    suffix = line.path[line.path.rfind(".") :] if "." in line.path.rpartition("/")[2] else ""
    word = _first_word(line.reason)
    decided = line.verdict in _COLLECTED
    by_its_form = line.verdict == "error" and (400 <= line.status < 500 or line.status in _NOT_KNOWN)
    by_its_form |= decided and (word in REMEDIES or word in IN_THE_REQUEST)
    anonymous = decided and not by_its_form and not line.session and bool(_PART_OF_A_PAGE.fullmatch(suffix))
    if not (by_its_form or anonymous):
        return None
    return Refusal(line.app, line.host, line.method, _place(line.path), line.reason, anonymous)


def _place(path: str) -> str:
    head, slash, last = path.rpartition("/")
    if not last:
        return path
    _, dot, suffix = last.rpartition(".")
    return f"{head}{slash}*{dot}{suffix}" if dot else f"{head}{slash}*"
