"""The header lines that tell an old application of an account, beside the facts: one way for each App.

A name of visible ASCII goes as it is, as old applications read it. Any other goes in the App's encoding. A `%` is
encoded as well, so that no two accounts are told alike.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable

from gateway.headers.encode import encoded_text
from gateway.identity import Acting
from gateway.settings.settings import AppAccounts, HeaderSettings

_PLAIN = re.compile(r"[!-$&-~](?:[ -$&-~]*[!-$&-~])?")


ACCOUNT_FIELD = b"Sekisho-Account"
"""Tells the way to the application, within this process, for which account a request is. No application gets it."""

_ACCOUNT = re.compile(rb"\r\n" + ACCOUNT_FIELD + rb": ([0-9a-f]+)(?=\r\n)")


def read_account(head: bytes) -> tuple[str | None, bytes]:
    """Return the account that a head of ours is for, `None` for none, and the head without the field."""
    found = _ACCOUNT.search(head)
    if found is None:
        return None, head
    return bytes.fromhex(found[1].decode("ascii")).decode(), head[: found.start()] + head[found.end() :]


def can_tell(accounts: AppAccounts, headers: HeaderSettings, account: str) -> bool:
    """Whether the application can be told of this account without doubt."""
    match accounts.tell:
        case "header":
            return _header_value(headers, account) is not None
        case "basic":
            # RFC 7617 section 2: the first colon ends the name.
            return ":" not in account and account.isprintable()
        case "form":
            return True


def telling(accounts: AppAccounts, headers: HeaderSettings, secret: str) -> Callable[[Acting], bytes]:
    """Return what makes the lines of an account; `secret` stands behind each in `Authorization: Basic`.

    An account that cannot be told has none: `can_tell` is asked before.
    """

    def by_header(acting: Acting) -> bytes:
        value = _header_value(headers, acting.account)
        return b"" if value is None else accounts.header.encode("ascii") + b": " + value + b"\r\n"

    def by_basic(acting: Acting) -> bytes:
        return b"Authorization: Basic " + b64encode(f"{acting.account}:{secret}".encode()) + b"\r\n"

    def by_form(acting: Acting) -> bytes:
        return ACCOUNT_FIELD + b": " + acting.account.encode().hex().encode() + b"\r\n"

    return {"header": by_header, "basic": by_basic, "form": by_form}[accounts.tell]


def _header_value(headers: HeaderSettings, account: str) -> bytes | None:
    if _PLAIN.fullmatch(account) and headers.encoding != "base64":
        return account.encode("ascii") if len(account) <= headers.longest else None
    return encoded_text(account, headers)
