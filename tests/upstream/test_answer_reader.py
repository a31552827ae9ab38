"""Answers are the same however their bytes are cut, and the reader's states are those of a model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.settings import Tolerated, TrafficSettings
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
from gateway.upstream.answer_reader import AnswerReader, Syntax
from gateway.upstream.answer_states import ReaderState
from gateway.upstream.head_cache import HeadCache
from gateway.upstream.upstream import Headers
from gateway.wire.states import IllegalEventError

LLHTTP = Syntax(httptools.HttpResponseParser, httptools.HttpParserUpgrade, httptools.HttpParserError)


@dataclass
class Rules:
    """The rules of an upstream that has done nothing wrong."""

    limits: TrafficSettings = field(default_factory=TrafficSettings)
    tolerate: tuple[Tolerated, ...] = ()
    head_cache: HeadCache = field(default_factory=HeadCache)
    is_doubted: bool = False


def reader(rules: Rules | None = None, *, is_head: bool = False) -> AnswerReader:
    each = AnswerReader(rules or Rules(), LLHTTP)
    each.is_head = is_head
    return each


@dataclass
class Told:
    """The answer that events tell of, with its pieces put together."""

    interim: list[int] = field(default_factory=list)
    status: int = 0
    body: bytes = b""
    trailers: Headers = ()
    ending: Ending | None = None
    fault: bool = False
    switched: bytes | None = None


def told(events: Sequence[AnswerEvent], into: Told | None = None) -> Told:
    tale = into or Told()
    for event in events:
        assert tale.ending is None, "an event behind the end"
        assert not tale.fault, "an event behind a fault"
        match event:
            case InterimAnswer(status, _):
                tale.interim.append(status)
            case AnswerBegins(head, body, ending):
                assert not tale.status
                tale.status, tale.body, tale.ending = head.status, body, ending
            case AnswerGoesOn(body):
                assert tale.status
                tale.body += body
            case AnswerEnds(trailers, ending):
                tale.trailers, tale.ending = trailers, ending
            case Switched(_, rest):
                tale.switched = rest
            case AnswerFault():
                tale.fault = True
    return tale


def feed(each: AnswerReader, data: bytes) -> Sequence[AnswerEvent]:
    """Feed as a connection does: the short way first, where the bytes are an answer's first."""
    whole = each.whole_answer(data)
    return each.feed(data) if whole is None else (AnswerBegins(*whole, Ending.REUSABLE),)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE: dict[str, tuple[bytes, Told]] = {
    "counted": (HEAD + b"Content-Length: 5\r\n\r\nhello", Told([], 200, b"hello", (), Ending.REUSABLE)),
    "empty": (HEAD + b"Content-Length: 0\r\n\r\n", Told([], 200, b"", (), Ending.REUSABLE)),
    "chunked": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        Told([], 200, b"hello", (), Ending.REUSABLE),
    ),
    "with trailers": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: t\r\n\r\n",
        Told([], 200, b"hello", ((b"X-T", b"t"),), Ending.REUSABLE),
    ),
    "without a body": (b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", Told([], 304, b"", (), Ending.REUSABLE)),
    "of a server that is wrong": (b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", Told([], 204, b"", (), Ending.LAST)),
    "the last": (
        HEAD + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
        Told([], 200, b"hello", (), Ending.LAST),
    ),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Told([], 200, b"hello", (), Ending.LAST)),
    "behind interim answers": (
        b"HTTP/1.1 103 X\r\nLink: a\r\n\r\nHTTP/1.1 100 X\r\n\r\n" + HEAD + b"Content-Length: 5\r\n\r\nhello",
        Told([103, 100], 200, b"hello", (), Ending.REUSABLE),
    ),
}


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_an_answer_is_the_same_however_it_is_cut(name: str, places: list[int], again: bool) -> None:
    """Body, trailers, interim answers and the use of the connection; the same where the head has come before."""
    data, wanted = WHOLE[name]
    rules = Rules()
    if again:
        told(feed(reader(rules), data))
    each, tale = reader(rules), Told()
    for piece in cut(data, places):
        told(feed(each, piece), tale)

    assert tale == wanted
    assert each.state is (ReaderState.HEAD if wanted.ending is Ending.REUSABLE else ReaderState.SPENT)


@given(st.lists(st.sampled_from(sorted(WHOLE)), min_size=1, max_size=4), st.lists(st.integers(0, 900), max_size=8))
def test_answers_that_follow_each_other_do_not_touch(names: list[str], places: list[int]) -> None:
    """A reader is as new behind each answer that another may follow; behind the last one it reads nothing."""
    each = reader()
    for name in names:
        data, wanted = WHOLE[name]
        if each.state is ReaderState.SPENT:
            with pytest.raises(IllegalEventError):
                each.feed(data)
            return
        tale = Told()
        for piece in cut(data, places):
            told(feed(each, piece), tale)
        assert tale == wanted


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "without a body"])
@pytest.mark.parametrize("behind", [b"!", b"\r\n", HEAD + b"Content-Length: 0\r\n\r\n"])
def test_bytes_behind_an_answer_are_seen(name: str, behind: bytes) -> None:
    """They belong to nobody: the answer is told as it is, and the connection is of no use."""
    data, wanted = WHOLE[name]
    each = reader()

    tale = told(feed(each, data + behind))

    assert (tale.status, tale.body, tale.trailers) == (wanted.status, wanted.body, wanted.trailers)
    assert tale.ending is Ending.EXCESS
    assert each.state is ReaderState.SPENT


def test_an_answer_to_head_has_no_body() -> None:
    """Its length is another answer's; a body that comes with it is excess."""
    data = HEAD + b"Content-Length: 5\r\n\r\n"

    assert told(reader(is_head=True).feed(data)) == Told([], 200, b"", (), Ending.REUSABLE)
    assert told(reader(is_head=True).feed(b"HTTP/1.0" + data[8:])) == Told([], 200, b"", (), Ending.LAST)
    assert told(reader(is_head=True).feed(data + b"hello")).ending is Ending.EXCESS


def test_the_short_way_is_of_whole_answers_alone() -> None:
    """A head that came before leads nowhere if its body is missing, too long, or the request was a HEAD."""
    data, _ = WHOLE["counted"]
    rules = Rules()
    reader(rules).feed(data)

    assert reader(rules).whole_answer(data) is not None
    assert reader(rules).whole_answer(data[:-1]) is None
    assert reader(rules).whole_answer(data + b"!") is None
    assert reader(rules, is_head=True).whole_answer(data) is None
    assert reader().whole_answer(data) is None


def test_an_event_stream_is_known_by_its_type() -> None:
    """It may be silent as long as a tunnel; the next answer on the connection may not."""
    each = reader()

    each.feed(HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    before = each.is_event_stream
    each.feed(b"0\r\n\r\n")
    each.feed(HEAD + b"Content-Type: text/plain; x=text/event-stream\r\nContent-Length: 1\r\n\r\n")

    assert before
    assert not each.is_event_stream


def test_a_trailer_section_is_bounded() -> None:
    """Size lines and trailers are joined by the parser, so their length is limited as a head's is."""
    each = reader()
    each.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")

    events: list[AnswerEvent] = []
    while not events:
        events += each.feed(b"X-Trailer: %b\r\n" % (b"t" * 1000))

    assert told(events, Told(status=200)).fault


PIECES: dict[str, bytes] = {
    "counted": HEAD + b"Content-Length: 4\r\n\r\n",
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    "stream": HEAD + b"\r\n",
    "whole": HEAD + b"Content-Length: 0\r\n\r\n",
    "last": HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
    "switch": b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "half": b"1\r\nx\r\n",
    "end": b"0\r\n\r\n",
    "junk": b"!\r\n\r\n",
}
"""The bytes of a model's events. `half` is 6 bytes, a chunk; `end` is 5, the last chunk; `junk` begins no answer."""


@given(st.lists(st.sampled_from([*PIECES, "hang up"]), max_size=12))
def test_the_states_are_those_of_a_model(names: list[str]) -> None:
    """The model counts bytes and knows a chunk. An event that it does not allow raises, and changes nothing."""
    each = reader()
    model: str | int = "head"
    for name in names:
        before = each.state
        legal = model == "stream" if name == "hang up" else model not in ("spent", "switched", "broken")
        try:
            events = [each.hang_up()] if name == "hang up" else feed(each, PIECES[name])
        except IllegalEventError:
            assert not legal, (name, model)
            assert each.state is before
            continue
        assert legal, (name, model)
        model = after(model, name)
        expected = {
            "head": ReaderState.HEAD,
            "chunks": ReaderState.CHUNKED,
            "stream": ReaderState.UNTIL_CLOSE,
            "spent": ReaderState.SPENT,
            "switched": ReaderState.SWITCHED,
            "broken": ReaderState.BROKEN,
        }.get(str(model), ReaderState.COUNTED)
        assert each.state is expected, (name, model)
        assert (model == "broken") == any(isinstance(event, AnswerFault) for event in events)
        assert (model == "switched") == any(isinstance(event, Switched) for event in events)


def after(model: str | int, name: str) -> str | int:
    """Return the model's next state; a number is that of the bytes that a counted body still misses."""
    if isinstance(model, int):
        left = model - len(PIECES[name])
        return left if left > 0 else "spent" if left < 0 else "head"
    if model == "stream":
        return "spent" if name == "hang up" else model
    if model == "chunks":
        return {"half": "chunks", "end": "head"}.get(name, "broken")
    heads: dict[str, str | int] = {
        "counted": 4,
        "chunked": "chunks",
        "stream": "stream",
        "whole": "head",
        "last": "spent",
        "switch": "switched",
    }
    return heads.get(name, "broken")


NO_ANSWERS: dict[str, tuple[bytes, bool]] = {
    "a banner": (b"220 mail.example ESMTP\r\n\r\n", False),
    "the beginning of one": (b"220", False),
    "a bare line feed": (HEAD + b"X: a\nContent-Length: 5\r\n", True),
    "another version": (b"HTTP/2.0 200 OK\r\n\r\n", True),
    "a status that is none": (b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n", True),
    "another coding": (HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", True),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", True),
    "a head without an end": (HEAD + b"X: " + b"x" * 70_000, True),
    "a head that is too long": (HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n", True),
    "chunks that are none": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nhello", True),
}


@pytest.mark.parametrize("pieces", [1, 1000], ids=["whole", "in pieces"])
@pytest.mark.parametrize("name", NO_ANSWERS)
def test_bytes_that_cannot_be_an_answer_are_a_fault(name: str, pieces: int) -> None:
    """It comes with the first byte that shows it, tells whether they began well, and nothing is read behind it."""
    data, begun = NO_ANSWERS[name]
    each = reader()
    size = -(-len(data) // pieces)
    events: list[AnswerEvent] = []
    for at in range(0, len(data), size):
        events += feed(each, data[at : at + size])
        if each.state is ReaderState.BROKEN:
            break

    fault = events[-1]
    assert isinstance(fault, AnswerFault)
    assert fault.begun == begun
    with pytest.raises(IllegalEventError):
        each.feed(data)


def test_a_server_that_is_doubted_has_its_lengths_taken_at_their_word() -> None:
    """A 304 may say another answer's length. Of a server that spoke out of turn, a body may follow."""
    data, _ = WHOLE["without a body"]

    assert told(reader(Rules(is_doubted=True)).feed(data)).ending is Ending.LAST
    assert told(reader(Rules(is_doubted=True)).feed(b"HTTP/1.1 304 X\r\n\r\n")).ending is Ending.REUSABLE


@given(st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_an_old_form_is_read_where_the_app_may_use_it(places: list[int], again: bool) -> None:
    """The head is read however it is cut, and its connection carries no further answer."""
    data = b"HTTP/1.1 200 OK\nX-A: a\n b\nContent-Length: 2\n\nok"
    rules = Rules(tolerate=("bare_lf", "obs_fold"))
    if again:
        reader(rules).feed(data)
    each, tale = reader(rules), Told()
    for piece in cut(data, places):
        told(feed(each, piece), tale)

    assert tale == Told([], 200, b"ok", (), Ending.LAST)
    assert told(reader().feed(data), Told()).fault


def test_another_protocol_is_switched_to_by_101_alone() -> None:
    """The bytes behind it are the other protocol's."""
    each = reader()

    tale = told(each.feed(PIECES["switch"] + b"frame"))

    assert tale.switched == b"frame"
    assert each.state is ReaderState.SWITCHED


_LINES = st.sampled_from(
    [
        b"Content-Length: 2",
        b"content-length: 2",
        b"Content-Length: 3",
        b"Connection: close",
        b"Connection: Set-Cookie",
        b"X-Set-Cookie: a=1",
        b"Set-Cookie: a=1",
        b"Set-Cookie: b=2; Domain=app.test",
        b"set-cookie: a=1",
        b"SET-COOKIE: a=1",
        b"Set-Cookie: sekisho=1",
        b"Set-Cookie:a=1",
        b"Set-Cookie: ",
        b"Set-Cookie: a=1 ",
        b"Set-Cookie: a=\xe8\x8a\xb1",
        b"Set-Cookie: a\r\n folded",
        b"Set-Cookie: a\rb",
        b" folded",
        b"Transfer-Encoding: chunked",
        b"Content-Type: text/event-stream",
    ]
)
_ANSWERS = st.lists(
    st.tuples(st.sampled_from([b"200 OK", b"404 No"]), st.lists(_LINES, max_size=4), st.sampled_from([b"ok", b"okk"])),
    min_size=2,
    max_size=12,
)


@given(_ANSWERS)
def test_a_remembered_head_means_what_it_would_mean_anew(answers: list[tuple[bytes, list[bytes], bytes]]) -> None:
    """The events are the same behind any heads before, and the fields are those of this very head."""
    together = Rules()
    for status, lines, body in answers:
        data = b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, b"".join(line + b"\r\n" for line in lines), body)
        for _ in range(2):
            known, anew = ([*feed(reader(rules), data)] for rules in (together, Rules()))

            assert told(known) == told(anew)
            heads = [[event.head for event in each if isinstance(event, AnswerBegins)] for each in (known, anew)]
            assert [
                [(head.status, head.headers, head.framing, head.length) for head in each] for each in heads[:1]
            ] == [[(head.status, head.headers, head.framing, head.length) for head in each] for each in heads[1:]]
