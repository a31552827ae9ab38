"""Reads back a line of the access log, as far as a policy looks at it: the request, and the decision about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from gateway.instant import Instant

LONGEST_LINE = 64 * 1024
"""Bytes of a line that is read: the longest line of ours is far shorter."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One finished request and what was decided about it. The log has no facts of the person and no query."""

    time: Instant
    method: str
    path: str
    client: str
    app: str
    verdict: str
    """`permit`, `challenge`, `deny`, or a word for what no policy has decided."""
    rule: str
    """`policy/rule`; empty if no rule fitted."""
    reason: str
    signed_in: bool
    candidate: str
    """The verdict of the App's candidate policy, if it was another one."""

    @property
    def policy(self) -> str:
        """The name of the policy whose rule it was."""
        return self.rule.partition("/")[0]

    @property
    def rule_name(self) -> str:
        """The rule's name in its policy."""
        return self.rule.partition("/")[2]


class _Line(msgspec.Struct):
    time: str
    method: str
    path: str
    verdict: str
    client: str = ""
    app: str = ""
    rule: str = ""
    reason: str = ""
    session: str = ""
    candidate: str = ""


_decoder = msgspec.json.Decoder(_Line)


def read_line(line: bytes) -> Logged | None:
    """Return the request that a line tells of; `None` if it is no access line of ours in JSON."""
    try:
        said = _decoder.decode(line)
        at = datetime.fromisoformat(said.time)
        time = at.timestamp()
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        # The machine that reads a log may be in another zone than the one that wrote it.
        return None
    return Logged(
        time,
        said.method,
        said.path,
        said.client,
        said.app,
        said.verdict,
        said.rule,
        said.reason,
        bool(said.session),
        said.candidate,
    )
