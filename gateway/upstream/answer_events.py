"""The events of an application's answer, as `answer_reader` finds them in the bytes."""

from __future__ import annotations

from enum import StrEnum
from typing import final

import msgspec

from gateway.upstream.upstream import AnswerHead, Headers


class Ending(StrEnum):
    """The use that a connection is of behind an answer that is whole."""

    REUSABLE = "reusable"
    """It can carry another answer."""
    LAST = "last"
    """One of the two sides has said that this is the last answer on it, or its end is doubtful."""
    EXCESS = "excess"
    """More bytes came than the answer has, and they belong to nobody."""
    HUNG_UP = "hung_up"
    """The application has ended the answer by closing."""


@final
class InterimAnswer(msgspec.Struct, frozen=True, gc=False):
    """A 1xx that is not 101."""

    status: int
    headers: Headers


@final
class AnswerBegins(msgspec.Struct, frozen=True, gc=False):
    """The head, and the part of the body that came with it."""

    head: AnswerHead
    body: bytes
    ending: Ending | None
    """`None` where the answer goes on. Any other value ends it here, without trailers."""


@final
class AnswerGoesOn(msgspec.Struct, frozen=True, gc=False):
    """More of the body."""

    body: bytes


@final
class AnswerEnds(msgspec.Struct, frozen=True, gc=False):
    """The end of an answer that had begun."""

    trailers: Headers
    ending: Ending


@final
class Switched(msgspec.Struct, frozen=True, gc=False):
    """A 101, and the bytes of the other protocol that came with it."""

    headers: Headers
    rest: bytes


@final
class AnswerFault(msgspec.Struct, frozen=True, gc=False):
    """These bytes are no answer."""

    reason: str
    begun: bool
    """Whether they have at least begun as one of HTTP."""


AnswerEvent = InterimAnswer | AnswerBegins | AnswerGoesOn | AnswerEnds | Switched | AnswerFault
