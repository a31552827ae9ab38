"""The head of an application's answer, judged by its fields: where the body ends, and whether the connection may stay.

`answer_beginning` has the bytes before a head is whole. `answer_reader` reads the body by this judgement.
"""

from __future__ import annotations

from gateway.upstream.answer_beginning import AnswerFaultError
from gateway.upstream.upstream import AnswerFraming, AnswerHead, Headers

# By names of their own: a look-up in an enum costs more than the comparison it is for.
_NO_BODY, _BY_LENGTH = AnswerFraming.NONE, AnswerFraming.COUNTED
_BY_CHUNKS, _BY_CLOSE = AnswerFraming.CHUNKED, AnswerFraming.CLOSE


def says_close(headers: Headers) -> bool:
    """Say whether the application ends the connection behind this answer."""
    return any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)


def judged(status: int, headers: Headers, *, is_head: bool, is_doubted: bool) -> tuple[AnswerHead, bool, bool]:
    """Return the head, whether it begins a stream of events, and whether its connection may stay open.

    `is_head`: the request was a HEAD. `is_doubted`: the App's servers have spoken out of turn before.

    Raises:
        AnswerFaultError: no answer has such a head.

    """
    length: int | None = None
    coding: bytes | None = None
    is_event_stream = False
    for name, value in headers:
        size = len(name)
        if size == 14:
            if name.lower() == b"content-length":
                length = int(value)
        elif size == 12:
            if value.startswith(b"text/event-stream") and name.lower() == b"content-type":
                is_event_stream = True
        elif size == 17 and name.lower() == b"transfer-encoding":
            coding = value if coding is None else b"%b,%b" % (coding, value)
    if coding is not None and coding.strip().lower() != b"chunked":
        raise AnswerFaultError("the answer has a transfer coding other than chunked")
    if not 200 <= status <= 599:
        raise AnswerFaultError(f"the answer's status is `{status}`")
    may_stay = True
    if is_head:
        framing = _NO_BODY
    elif status in (204, 304):
        framing = _NO_BODY
        # There is no such body; a server that thinks so may send it. With a 304 the length is that of another answer
        # (RFC 9110 section 8.6), as far as this server can be believed.
        may_stay = not ((length or coding is not None) and (status == 204 or is_doubted))
    elif coding is not None:
        framing = _BY_CHUNKS
    elif length is not None:
        framing = _BY_LENGTH
    else:
        framing = _BY_CLOSE
    return AnswerHead(status, headers, framing, length), is_event_stream, may_stay
