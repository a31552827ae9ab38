"""The facts for the application, which only the gateway can tell it."""

from gateway.headers.answer import app_answer_headers, portal_answer_headers
from gateway.headers.encode import (
    NO_LOSSES,
    EncodingLosses,
    IdentityLines,
    assertion_line,
    every_header,
    identity_lines,
)
from gateway.headers.strip import outbound_head, trailer_lines

__all__ = [
    "NO_LOSSES",
    "EncodingLosses",
    "IdentityLines",
    "app_answer_headers",
    "assertion_line",
    "every_header",
    "identity_lines",
    "outbound_head",
    "portal_answer_headers",
    "trailer_lines",
]
