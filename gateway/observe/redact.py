"""The fields that a log line may have, and the values that it never has.

An event's fields are a closed list, each a code, an id, a count or a pseudonym. A field that is
not on the list is dropped and its name counted: forgetting to add one loses a number, not a
person's secret. Error texts are dropped whole: a library's may quote what it was given.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import PurePath

FIELDS: Mapping[str, str] = {
    "action": "the name of an operator's action, of a closed list",
    "after": "a count",
    "address": "a network address of ours or of a client",
    "app": "an App's name",
    "application": "a demo application's name",
    "apps": "a count",
    "attempt": "the number of the attempt, from 1",
    "before": "a count",
    "by": "the user of the machine who ran the command",
    "candidate": "whether a candidate policy gave the verdict",
    "changed": "names of changed files",
    "check": "the check that a sign-in failed, of a closed list",
    "client_id": "a client's identifier at the provider",
    "code": "an error code, or a person's code, which identifies her to nobody",
    "complete": "whether the command finished everything",
    "connections": "a count",
    "count": "a count",
    "cut": "the number of connections that were cut",
    "doubt": "a closed word",
    "dropped": "names of fields that were not allowed in this line",
    "endpoint": "the name of the provider's endpoint, not its URL",
    "ended": "the number of sessions that ended",
    "entries": "a count",
    "links": "a count",
    "environment": "the provider's environment",
    "error": "an error's code or class, never its text",
    "event": "the event's name",
    "family": "the family of header names: a closed word",
    "fault": "a closed word",
    "file": "a file of ours",
    "found": "the `acr` of an ID token that was not accepted: a word of the provider's",
    "header": "the name of a client's header field, never its value",
    "issuer": "the provider's issuer",
    "kid": "a key's identifier",
    "kind": "the line's kind: `access`, `event` or `audit`",
    "level": "the line's level",
    "line": "a line of a file of ours",
    "limit": "a limit's name",
    "listen": "an address we listen on",
    "logger": "the library that logged",
    "management": "an address we listen on",
    "mistake": "a mistake in a file of settings or policies, which hold no secret and no person",
    "mistakes": "a count",
    "name": "the name of a key, switch, list or limit of ours",
    "names": "names of policies, switches, lists or files of ours",
    "node": "the gateway's node, as `node` of the settings names it",
    "object": "the session, person (by pseudonym or code), entry, switch or file that an operator acted on",
    "operator": "the owner of the management token, or the user of the machine",
    "other_person": "whether another person signed in on the same browser",
    "outcome": "a closed word",
    "parameters": "names of parameters the emulator does not know",
    "path": "a file of ours",
    "period": "a day, month, year or fiscal year of a limit",
    "pid": "the process that wrote the line",
    "places": "a count",
    "policy": "a policy's name",
    "policy_version": "the content hash of a policy",
    "pseudonym": "a person, without her identity",
    "reason": "a closed word, or an operator's reason",
    "reasons": "closed words",
    "request_id": "the request",
    "retry_after": "seconds",
    "rule": "a rule's name",
    "seconds": "a duration",
    "selector": "a closed word",
    "session": "a session's pseudonym, or the name a listing shows",
    "sessions": "a count",
    "source": "the way in which a signature was asked for, of a closed list",
    "transaction": "the identifier that the provider gave a signing transaction",
    "sign": "a closed word",
    "signal": "a signal's name",
    "state": "a closed word",
    "status": "an HTTP status",
    "store": "a store's address without credentials",
    "time": "the moment, as RFC 3339 with its offset",
    "until": "the time at which something ends",
    "upstream": "an application's address",
    "verdict": "the verdict",
    "version": "a version or a content hash",
    "where": "file, line and function of an error of ours",
    "turned": "`on` or `off`",
    "why": "a closed word",
    "words": "the reason that an operator gave",
    "worker": "the worker that wrote the line, from 1; 0 for the supervisor and for a command",
}
"""Every field a log line may have, and what it holds."""

LONGEST = 300
"""Characters of a text in a log line; what is longer is cut."""

_LARGEST = 2**63
"""Whole numbers from here on are told as text: JSON's readers hold 64 bits."""

_PLACES = 8
"""Frames of a traceback that are told, the innermost last."""


def allowed(line: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Return the line with nothing in it but allowed fields of plain values."""
    dropped = sorted([name for name in line if name not in FIELDS])
    kept: dict[str, object] = {name: _plain(value) for name, value in line.items() if name in FIELDS}
    if dropped:
        kept["dropped"] = [name[:40] for name in dropped][:10]
    return kept


def where_it_failed(error: BaseException) -> str:
    """Return the path through our code to an error, without the error's text and without any value."""
    # Not by `traceback.extract_tb`: it opens each source file to quote a line of it, on the event loop.
    frames = list(traceback.walk_tb(error.__traceback__))[-_PLACES:]
    codes = ((frame.f_code, line) for frame, line in frames)
    return " > ".join(f"{PurePath(code.co_filename).name}:{line}:{code.co_name}" for code, line in codes)


def _plain(value: object) -> object:
    if type(value) is str and value.isascii():
        # Nearly every value.
        return value[:LONGEST]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -_LARGEST <= value < _LARGEST:
        return int(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in list(value)[:20]]
    # Half characters come from file names that are not UTF-8, and cannot be written.
    return str(value)[:LONGEST].encode("utf-8", "backslashreplace").decode()
