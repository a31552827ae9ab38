"""The first bytes of an application's answer: where its head ends, and whether it can still become one.

`answer_reader` gathers them, and `answer_head` judges a head that is whole.
"""

from __future__ import annotations

import re

from gateway.upstream.tolerated_heads import END_OF_OLD_HEAD
from gateway.wire.pieces import Pieces

_HALF_A_LINE_END = re.compile(rb"(?<!\r)\n|\r[^\n]")
_BEGINNING = re.compile(rb"HTTP/1\.[01] [0-9]{3}[ \r\n]")
_A_BEGINNING = b"HTTP/1.1 200 "
"""Completes the first bytes of a status line, so that the pattern above can judge a part."""


class AnswerFaultError(Exception):
    """These bytes cannot be an answer. The reader makes an event of it."""

    def __init__(self, reason: str, *, begun: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.begun = begun
        """Whether the bytes have at least begun as an answer of HTTP."""


def check_begun(data: bytes) -> None:
    """Take bytes for the beginning of an answer.

    Raises:
        AnswerFaultError: they begin no answer of HTTP/1.1.

    """
    if not data.startswith(b"HTTP/") and not b"HTTP/".startswith(data):
        raise AnswerFaultError("the application's answer does not begin as one of HTTP/1.1", begun=False)


def behind_interim_answers(data: bytes) -> tuple[int, int]:
    """Return the beginning and the end of the final answer's head; the end is below 4 if it has not come yet."""
    start = 0
    while True:
        end = data.find(b"\r\n\r\n", start) + 4
        if end < 4:
            # Interim answers that came alone are complete in themselves.
            return (start, start) if start and start == len(data) else (start, -1)
        if data[start + 8 : start + 10] != b" 1" or data[start + 9 : start + 12] == b"101":
            return start, end
        start = end


def has_whole_head(begun: Pieces, longest: int, *, bare_lf: bool) -> bool:
    """Say whether the head that has begun is whole. `bare_lf`: its lines may end in a bare line feed.

    Raises:
        AnswerFaultError: it never will be.

    """
    if (begun.match_at(END_OF_OLD_HEAD, 3) if bare_lf else begun.end_at(b"\r\n\r\n")) >= 0:
        return True
    check_length(len(begun), longest)
    check_begun(bytes(begun[:5]))
    check_hopeful(begun, bare_lf=bare_lf)
    return False


def check_length(size: int, longest: int) -> None:
    """Take a head of that size.

    Raises:
        AnswerFaultError: it is too long.

    """
    if size > longest:
        raise AnswerFaultError("the answer's header section is too long")


def check_hopeful(begun: Pieces, *, bare_lf: bool) -> None:
    """Wait for the end of a head.

    Raises:
        AnswerFaultError: the end would never come, or would end no head of HTTP/1.1.

    """
    start = bytes(begun[: len(_A_BEGINNING)])
    if _BEGINNING.fullmatch(start + _A_BEGINNING[len(start) :]) is None or (
        not bare_lf and begun.match_at(_HALF_A_LINE_END, 2) >= 0
    ):
        raise AnswerFaultError("the answer's head cannot become one of HTTP/1.1")
