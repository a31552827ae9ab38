"""The greatest length of our fields in a head, so that `check` warns before a citizen with a long name is refused.

Servers and proxies bound heads: many a single field at 8,190 bytes, Envoy a whole head at 60 KiB. The lengths here are
upper bounds: no person's head is longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.headers.encode import ASSERTION, header_name
from gateway.policy.town import LONGEST_TOWN
from gateway.policy.verdict import Fact
from gateway.settings.settings import HeaderSettings

LONGEST_FIELD = 8_190
"""Bytes of one field that Apache httpd, gunicorn and others take, unless they are told otherwise."""

LONGEST_HEAD = 60 * 1024
"""Bytes of a head that every outer proxy takes with the configurations in `deploy/forward-auth`: Envoy's bound."""

USUAL_HEAD = 15 * 1024
"""Bytes of a head that HAProxy takes by itself (`tune.bufsize` without its reserve). nginx and Envoy, as the
configurations in `deploy` set them, take more."""

LONGEST_PREFECTURE = 4
LONGEST_MUNICIPALITY = 24
"""Characters: these come from our own table of places."""

_REST = 512
"""Bytes of an answer in forward-auth mode beside identity and cookies: status line, Date, request id and their like."""


_RETURN_REST = 3 * 1024
"""Bytes of the answer to a callback beside its `Location` and the application's cookies: our own cookies, which are set
and ended, and the fields that every page of ours has."""

_EXPIRED_COOKIE = 128
"""Bytes of a line that ends an application's cookie, beside its name and its path."""


class Most(NamedTuple):
    """Most characters of a provider's value: a longer one is not believed."""

    subject: int
    name: int
    address: int


class WorstCase(NamedTuple):
    """Bytes, at most."""

    field: int
    """The longest field of its own."""
    head: int
    """All identity fields of one request."""


_SIGNS = {"utf-8": 4, "cp932": 2, "euc-jp": 3}
"""Bytes of one character, at most."""

_FIXED = {
    Fact.BIRTHDATE: 10,
    Fact.GENDER: 6,
    Fact.MUNICIPALITY_CODE: 6,
    Fact.AGE: 3,
    Fact.SIGNED_IN_AT: 25,
}
_CONDITION = 3
"""`yes` or `no`."""


def worst_case(
    disclosed: Iterable[str], settings: HeaderSettings, most: Most, *, assertion: tuple[str, ...] | None
) -> WorstCase:
    """Return how long the identity fields of a rule that tells these facts and conditions can become.

    `assertion` are the texts of its registered claims and its header, such as issuer and rule; `None`: there is none.
    """
    names = tuple(disclosed)
    fields = [len(header_name(name, settings)) + 4 + _value(name, settings, most) for name in names]
    if assertion is not None:
        fields.append(len(header_name(ASSERTION, settings)) + 4 + _assertion(names, most, assertion))
    return WorstCase(max(fields, default=0), sum(fields))


def forward_auth_answer(case: WorstCase, every_name: Iterable[bytes], cookies: int) -> int:
    """Return how long the head of a yes can become, with the fields that are empty and cookies of so many bytes."""
    return case.head + sum(len(name) + 4 for name in every_name) + len(b"Cookie: ") + cookies + _REST


def return_answer(url: str, request_line: int, application_cookies: Iterable[str]) -> int:
    """Return how long the head can become that leads a person of an App back to a target as long as a request line.

    `url` is the App's. The answer ends each of its own cookies at three paths if the last person here was another.
    """
    ended = sum(3 * (len(name) + len(url) + _EXPIRED_COOKIE) for name in application_cookies)
    return len(b"Location: ") + len(url) + request_line + ended + _RETURN_REST


def _characters(name: str, most: Most) -> int | None:
    """Return the most characters of a fact that is text as a person has it; `None`: it is not."""
    match name:
        case Fact.NAME:
            return most.name
        case Fact.ADDRESS | Fact.TOWN:
            return most.address
        case Fact.TOWN_CANONICAL:
            return LONGEST_TOWN
        case Fact.PREFECTURE:
            return LONGEST_PREFECTURE
        case Fact.MUNICIPALITY:
            return LONGEST_MUNICIPALITY
        case _:
            return None


def _value(name: str, settings: HeaderSettings, most: Most) -> int:
    characters = _characters(name, most)
    if characters is not None:
        size = characters * _SIGNS[settings.charset]
        match settings.encoding:
            case "percent":
                size *= 3
            case "base64":
                size = (size + 2) // 3 * 4
            case "raw":
                pass
        return min(size, settings.longest)
    if name == Fact.SUBJECT:
        return min(most.subject, settings.longest)
    return _FIXED.get(Fact(name), _CONDITION) if name in tuple(Fact) else _CONDITION


def _in_json(name: str, most: Most) -> int:
    """Return the most bytes of a fact as the assertion says it: UTF-8, and a sign that JSON escapes twice."""
    characters = _characters(name, most)
    if characters is not None:
        return 4 * characters
    if name == Fact.SUBJECT:
        return 2 * most.subject
    return _FIXED.get(Fact(name), _CONDITION) if name in tuple(Fact) else _CONDITION


def _assertion(names: tuple[str, ...], most: Most, texts: tuple[str, ...]) -> int:
    # `"name":"value",` for each fact; the rest is the registered claims' names and numbers, and the JOSE header.
    facts = sum(len(name.encode()) + 6 + _in_json(name, most) for name in names)
    said = facts + sum(2 * len(text.encode()) for text in texts) + 320
    return (said + 2) // 3 * 4 + 128
