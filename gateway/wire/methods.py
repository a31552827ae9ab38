"""The methods of HTTP: those that every App gets, and those of the IANA registry that an App can ask for.

The registry's words are "safe" (the client asks for no change, RFC 9110 section 9.2.1) and "idempotent". The gateway
takes a method for a write unless the registry says that it is safe. CONNECT, TRACE and PRI are of the registry too, and
no App gets them: one opens a tunnel, one repeats cookies to a script, one begins another version of HTTP.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Common = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""The methods that every App gets."""

Registered = Literal[
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
]
"""The other methods of the registry, which an App gets where it asks for them."""

Method = Literal[Common, Registered]
"""Every method that an App can get."""

METHODS: Final = {name.encode(): name for name in get_args(Common)}
"""The methods that every App gets, by their bytes."""

REGISTERED: Final = {name.encode(): name for name in get_args(Registered)}
"""The methods that an App gets where it asks for them, by their bytes."""

NEVER: Final = (b"CONNECT", b"TRACE", b"PRI")
"""The methods of the registry that no App gets."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "QUERY", "REPORT", "SEARCH"})
"""The methods that ask for no change. Each of them is idempotent as well, so a request may be sent again."""

BODYLESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE", "COPY", "MOVE", "UNLOCK"})
"""The methods for which no specification gives a body a meaning (RFC 9110 section 9.3, RFC 4918 section 9)."""

WHOLE_TREE: Final = frozenset({"PROPFIND", "REPORT", "SEARCH", "COPY", "MOVE", "LOCK", "DELETE"})
"""The methods that reach what lies below their target as well, by themselves or with `Depth: infinity`."""

NAMED_IN_BODY: Final = frozenset(
    {
        "BASELINE-CONTROL",
        "BIND",
        "CHECKOUT",
        "MERGE",
        "MKREDIRECTREF",
        "REBIND",
        "REPORT",
        "SEARCH",
        "UPDATE",
        "VERSION-CONTROL",
    }
)
"""The methods whose bodies, which the gateway does not read, name further resources (RFC 3253, 4437, 4791, 5323, 5842).
"""

SECOND_TARGET: Final = frozenset({"COPY", "MOVE"})
"""The methods whose `Destination` names the resource that they write (RFC 4918 sections 9.8 and 9.9)."""
