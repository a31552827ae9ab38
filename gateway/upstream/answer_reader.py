"""An application's answers, read: bytes in, events out.

`AnswerReader` reads the answers of one connection, one after the other. It judges what the syntax leaves open: where an
answer ends, whether its connection can carry another one, and which bytes cannot become an answer any more.
`answer_states` has the moves that are legal, and `answer_events` the events. `httptools_connection` passes the bytes
and a parser of their syntax, and carries out the events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.settings.settings import Tolerated, TrafficSettings
from gateway.upstream.answer_beginning import (
    AnswerFaultError,
    behind_interim_answers,
    check_begun,
    check_hopeful,
    check_length,
    has_whole_head,
)
from gateway.upstream.answer_events import (
    AnswerBegins,
    AnswerEnds,
    AnswerEvent,
    AnswerFault,
    AnswerGoesOn,
    Ending,
    InterimAnswer,
    Switched,
)
from gateway.upstream.answer_head import judged, says_close
from gateway.upstream.answer_states import ANSWER, ReaderEvent, ReaderState
from gateway.upstream.head_cache import HeadCache
from gateway.upstream.tolerated_heads import tolerated_head
from gateway.upstream.upstream import AnswerFraming, AnswerHead, Headers
from gateway.wire.pieces import Pieces

_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")

_LINE_END_TOO_MANY = b"\r\n\r\n\r\n"
"""The end of the bytes of a body whose last chunk is followed by a line end."""

_S = ReaderState
_E = ReaderEvent

_AFTER_DATA = ANSWER.after(_E.DATA)
_AFTER_COUNT = ANSWER.after(_E.COUNT)
_AFTER_CHUNK = ANSWER.after(_E.CHUNK)
_AFTER_STREAM = ANSWER.after(_E.STREAM)
_AFTER_SWITCH = ANSWER.after(_E.SWITCH)
_AFTER_END = ANSWER.after(_E.END)
_AFTER_LAST = ANSWER.after(_E.LAST)
_AFTER_EXCEED = ANSWER.after(_E.EXCEED)
_AFTER_HANG_UP = ANSWER.after(_E.HANG_UP)
_AFTER_FAULT = ANSWER.after(_E.FAULT)

# By names of their own: a look-up in an enum costs more than the comparison it is for.
_BY_LENGTH, _BY_CHUNKS = AnswerFraming.COUNTED, AnswerFraming.CHUNKED
_HEAD, _COUNTED, _CHUNKED, _UNTIL_CLOSE = _S.HEAD, _S.COUNTED, _S.CHUNKED, _S.UNTIL_CLOSE


_REUSABLE = Ending.REUSABLE


_NOTHING: Final = Pieces()
"""The buffer of each reader that has kept no byte yet: most never do. Nothing is added to it."""


class AnswerParser(Protocol):
    """A parser of HTTP/1.1. It calls the `on_…` methods of its reader."""

    def feed_data(self, data: bytes) -> None:
        """Parse these bytes."""

    def get_status_code(self) -> int:
        """Return the status of the answer whose head was read last."""

    def should_keep_alive(self) -> bool:
        """Whether the answer leaves its connection open."""


class _Gone:
    """The parser of a connection that is lost. Nothing more is read on it."""

    def feed_data(self, data: bytes) -> None:
        """Read nothing."""
        del data
        raise AnswerFaultError("the connection is lost")

    def get_status_code(self) -> int:
        """Know of no answer."""
        return 0

    def should_keep_alive(self) -> bool:
        """Say that nothing can follow."""
        return False


_GONE: Final = _Gone()


@dataclass(frozen=True, slots=True)
class Syntax:
    """The syntax of HTTP/1.1, as a library knows it."""

    new_parser: Callable[[AnswerReader], AnswerParser]
    switched: type[Exception]
    """The parser raises it where another protocol begins; its argument is the place."""
    fault: type[Exception]
    """The parser raises it for bytes that are no answer."""


class ReadingRules(Protocol):
    """The rules that an upstream's answers are read by."""

    limits: TrafficSettings
    tolerate: tuple[Tolerated, ...]
    head_cache: HeadCache

    @property
    def is_doubted(self) -> bool:
        """Whether the App's servers have spoken out of turn before."""


class AnswerReader:
    """Reads the answers of one connection."""

    __slots__ = (
        "_all_fields",
        "_bodies",
        "_buffer",
        "_complete",
        "_events",
        "_excess",
        "_fields",
        "_head_fields",
        "_keep_alive",
        "_left",
        "_parser",
        "_rules",
        "_status",
        "_syntax",
        "_was_mended",
        "is_event_stream",
        "is_head",
        "state",
    )

    def __init__(self, rules: ReadingRules, syntax: Syntax) -> None:
        self.state = _HEAD
        self.is_head = False
        """Whether the request was a HEAD. Such a request is the last one on its connection."""
        self.is_event_stream = False
        """Whether the answer that was begun last may be silent as long as a tunnel: events come when they come."""
        self._rules = rules
        self._syntax = syntax
        self._parser = syntax.new_parser(self)
        self._buffer = _NOTHING
        """The beginning of a head."""
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_fields = -1
        """The number of fields in the head; -1 while there is no head."""
        self._all_fields = 0
        """The number of fields in the answer's head; the rest are trailers."""
        self._bodies: list[bytes] = []
        self._events: list[AnswerEvent] = []
        """The events of the present bytes."""
        self._complete = False
        self._excess = False
        self._was_mended = False
        """Whether a head came in a wrong form: a server that is wrong about its head may be so about what follows."""
        self._keep_alive = False
        self._status = 0
        self._left = 0
        """Bytes that are missing of a counted body, or bytes of framing since the last piece of a chunked one."""

    def whole_answer(self, data: bytes) -> tuple[AnswerHead, bytes] | None:
        """Return the answer that these bytes are, and its body, or `None` where `feed` must read them.

        It is the short way of an answer whose head has come before, byte by byte, and whose body has come with it. The
        connection can carry another one. To be called for the first bytes of an answer.
        """
        if self.is_head or self.state is not _HEAD:
            return None
        cache = self._rules.head_cache
        last = cache.last
        if last is not None:
            length, raw, head = last
            if length == len(data) and data.startswith(raw):
                return head, data[len(raw) :]
        end = data.find(b"\r\n\r\n") + 4
        raw = data[:end]
        found = cache.get(raw)
        if found is None:
            found = cache.with_cookie(raw)
        if found is None or len(data) - end != found.length:
            return None
        if not found.cookie:
            cache.last = len(data), raw, found
        return found, data[end:]

    def feed(self, data: bytes) -> Sequence[AnswerEvent]:
        """Return the events of these bytes. One with an ending, and a fault, is the last."""
        state = self.state
        if state is _COUNTED:
            left = self._left - len(data)
            if left > 0:
                self._left = left
                return (AnswerGoesOn(data),)
            if left < 0:
                self._excess = True
                data = data[: self._left]
            # The parser has not seen this body, so it waits for it still.
            self._parser = self._syntax.new_parser(self)
            return (AnswerGoesOn(data), AnswerEnds((), self._end()))
        if state is _UNTIL_CLOSE:
            return (AnswerGoesOn(data),)
        try:
            if state is _CHUNKED:
                self._read_chunks(data)
            elif state is not _HEAD:
                # No other state has bytes to read, so this raises.
                self.state = _AFTER_DATA[state]
            elif self._buffer or self._rules.tolerate:
                self._gather_head(data)
            else:
                self._read_head(data)
        except AnswerFaultError as fault:
            self.state = _AFTER_FAULT[self.state]
            self._events.append(AnswerFault(fault.reason, fault.begun))
        events, self._events = self._events, []
        return events

    def hang_up(self) -> AnswerEnds:
        """Return the end of an answer that ends where the connection does."""
        self.state = _AFTER_HANG_UP[self.state]
        return AnswerEnds((), Ending.HUNG_UP)

    def part(self) -> None:
        """Let go of the parser, which refers to this reader in a circle: there will be no more bytes."""
        self._parser = _GONE

    # --- the parser's callbacks: they only take notes ---------------------------------------------

    def on_message_begin(self) -> None:
        """A message begins; behind a final answer there must be none."""
        if self._complete:
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field of a head or of a trailer."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Note values that only the parser has, and only now: the fields so far belong to the head."""
        if not self._excess:
            self._head_fields = len(self._fields)
            self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Note a piece of the body."""
        if not self._excess:
            self._bodies.append(body)

    def on_message_complete(self) -> None:
        """Note the end of the answer; of an interim one, only that another head follows."""
        if self._excess:
            return
        status = self._status
        if 100 <= status < 200 and status != 101:
            self._events.append(InterimAnswer(status, tuple(self._fields)))
            self._fields = []
            self._head_fields = -1
            return
        self._all_fields = len(self._fields)
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()

    # --- the head ---------------------------------------------------------------------------------

    def _gather_head(self, data: bytes) -> None:
        """Read a head when it is whole: pieces that are fed one by one, llhttp's binding joins in quadratic time."""
        rules = self._rules
        if self._buffer:
            self._buffer.add(data)
            if not has_whole_head(self._buffer, rules.limits.answer_headers, bare_lf="bare_lf" in rules.tolerate):
                return
            data = self._buffer.take()
        if rules.tolerate:
            mended = tolerated_head(data, rules.tolerate, is_head=self.is_head)
            self._was_mended = self._was_mended or mended != data
            data = mended
        if not self._was_mended and (whole := self.whole_answer(data)) is not None:
            # Nothing was parsed, so there is nothing to forget.
            self._events.append(AnswerBegins(*whole, _REUSABLE))
            return
        self._read_head(data)

    def _read_head(self, data: bytes) -> None:
        check_begun(data)
        end = data.find(b"\r\n\r\n") + 4
        start = 0
        if data[8:10] == b" 1":
            start, end = behind_interim_answers(data)
        rules = self._rules
        check_length(end if end >= 4 else len(data), rules.limits.answer_headers)
        if end < 4:
            if self._buffer is _NOTHING:
                self._buffer = Pieces()
            self._buffer.add(data[start:])
            check_hopeful(self._buffer, bare_lf="bare_lf" in rules.tolerate)
            if not start:
                return
            # Complete interim answers are passed on now, so that the next piece does not make us parse them again.
            data, end = data[:start], start
        try:
            # A parser cannot be told that the request was HEAD; it would wait for the body.
            self._parser.feed_data(data[:end] if self.is_head else data)
        except self._syntax.switched as switch:
            self._switch(data[switch.args[0] :])
            return
        except self._syntax.fault as error:
            if not self._complete:
                raise AnswerFaultError(f"the answer is not HTTP/1.1: {error}") from error
            # The answer was complete; bytes behind it belong to no request, and end the connection.
            self._excess = True
        if self._head_fields < 0:
            # An interim answer, and nothing behind it yet.
            return
        if self.is_head and len(data) > end:
            self._excess = True
        if data[start : start + 8] not in _VERSIONS:
            raise AnswerFaultError("the answer's version is not HTTP/1.1")
        self._begin(data[start:end], data[end:])

    def _switch(self, rest: bytes) -> None:
        if self._status != 101:
            raise AnswerFaultError("the application switched protocols without a request for it")
        self.state = _AFTER_SWITCH[self.state]
        self._events.append(Switched(tuple(self._fields), rest))

    def _begin(self, raw: bytes, rest: bytes) -> None:
        """Judge a head, and tell of it."""
        cache = self._rules.head_cache
        head = None if self.is_head else cache.get(raw) or cache.with_cookie(raw)
        new = head is None
        if head is None:
            head = self._judge()
        else:
            # No stream of events is remembered.
            self.is_event_stream = False
        body = self._take_body() if self._bodies else b""
        framing = head.framing
        if not self._complete:
            if framing is _BY_LENGTH and head.length is not None:
                self.state = _AFTER_COUNT[self.state]
                self._left = head.length - len(body)
                self._keep_alive = self._parser.should_keep_alive() and not says_close(head.headers)
            elif framing is _BY_CHUNKS:
                self.state = _AFTER_CHUNK[self.state]
            else:
                self.state = _AFTER_STREAM[self.state]
            self._events.append(AnswerBegins(head, body, None))
        else:
            # The parser passes over line ends between messages, and they are one sign as good as another.
            if rest.endswith(_LINE_END_TOO_MANY) if framing is _BY_CHUNKS else len(rest) != len(body):
                self._excess = True
            if self._all_fields != self._head_fields:
                self._events.append(AnswerBegins(head, body, None))
                trailers = self._trailers()
                self._events.append(AnswerEnds(trailers, self._end()))
            else:
                self._events.append(AnswerBegins(head, body, self._end()))
        if new and not (self._excess or self._was_mended or self.is_event_stream or self.is_head):
            self._remember(raw, head)

    def _remember(self, raw: bytes, head: AnswerHead) -> None:
        framing = head.framing
        # A counted answer whose head is remembered is not parsed, so its connection must be one that stays open.
        if (framing is _BY_LENGTH and self._keep_alive) or (framing is _BY_CHUNKS and head.length is None):
            self._rules.head_cache.remember(raw, head)

    def _judge(self) -> AnswerHead:
        """Judge a head by its fields."""
        headers = tuple(self._fields[: self._head_fields])
        head, self.is_event_stream, may_stay = judged(
            self._status, headers, is_head=self.is_head, is_doubted=self._rules.is_doubted
        )
        if self.is_head:
            self._all_fields = self._head_fields
            if not self._complete:
                # The parser waits for the body still, so it has not said this.
                self._complete = True
                self._keep_alive = self._parser.should_keep_alive() and not says_close(headers)
        elif not may_stay:
            self._keep_alive = False
        return head

    # --- the body ---------------------------------------------------------------------------------

    def _read_chunks(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except self._syntax.fault as error:
            if not self._complete:
                raise AnswerFaultError(f"the answer's body is not chunked: {error}") from error
            self._excess = True
        if self._complete and data.endswith(_LINE_END_TOO_MANY):
            self._excess = True
        if self._bodies:
            self._left = 0
            self._events.append(AnswerGoesOn(self._take_body()))
        else:
            # Size lines and trailers alone: bounded, as they are joined in quadratic time.
            self._left += len(data)
            if self._left > self._rules.limits.answer_headers:
                raise AnswerFaultError("the answer's trailer section is too long")
        if self._complete:
            trailers = self._trailers()
            self._events.append(AnswerEnds(trailers, self._end()))

    def _take_body(self) -> bytes:
        bodies = self._bodies
        self._bodies = []
        return bodies[0] if len(bodies) == 1 else b"".join(bodies)

    def _trailers(self) -> Headers:
        return tuple(self._fields[self._head_fields : self._all_fields])

    def _end(self) -> Ending:
        """Be ready for the next answer if there may be one, and return the use that the connection is of."""
        if self._excess:
            self.state = _AFTER_EXCEED[self.state]
            return Ending.EXCESS
        if not self._keep_alive or self._was_mended:
            self.state = _AFTER_LAST[self.state]
            return Ending.LAST
        self.state = _AFTER_END[self.state]
        self._fields = []
        self._head_fields = -1
        self._complete = False
        self._left = 0
        return _REUSABLE
