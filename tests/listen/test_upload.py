"""A body on its way in: its bytes are the same however they are cut, and its states are those of a model."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.listen.upload import (
    COMPLETE,
    DRAINABLE,
    HELD,
    WANTED,
    BadUploadError,
    CountedBytes,
    Upload,
    UploadState,
    body_lines,
)
from gateway.request.inbound import Framing
from gateway.wire.states import IllegalEventError
from tests.builders import inbound

TRAILERS = ((b"X-Sum", b"1"),)


def no_trailers(_: object) -> bytes:
    return b""


def upload(framing: Framing = Framing.CHUNKED, length: int = 0) -> Upload:
    return Upload(inbound("POST", framing=framing, length=length), 1024)


def complete(body: Upload) -> bool:
    return body.state in COMPLETE


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


def feed(body: Upload, data: bytes, longest: int | None = None) -> tuple[bytes, bytes]:
    return body.feed(data, longest, no_trailers)


def unchunked(framed: bytes) -> bytes:
    body = b""
    while True:
        size, _, framed = framed.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert framed == b"\r\n"
            return body
        body, framed = body + framed[:length], framed[length + 2 :]


@given(st.binary(min_size=1, max_size=64), st.lists(st.integers(0, 200)), st.booleans(), st.integers(0, 5))
def test_a_body_is_the_same_however_it_is_cut(body: bytes, places: list[int], chunked: bool, taken_at: int) -> None:
    """Pieces, framing and the moment at which somebody takes it change nothing of it, nor of what comes behind."""
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    each = upload() if chunked else upload(Framing.COUNTED, len(body))
    out, behind = b"", b""
    pieces = cut(sent + b"NEXT", places)
    for number, piece in enumerate(pieces):
        if number == taken_at and not complete(each):
            out += each.take()
        if complete(each):
            behind += piece
            continue
        framed, rest = feed(each, piece)
        out += framed
        behind += rest
    if each.state in WANTED:
        out += each.take()

    assert (unchunked(out) if chunked else out) == body
    assert behind == b"NEXT"
    assert each.state is UploadState.DONE
    assert each.received == len(body)


def test_the_trailers_that_go_on_are_those_that_may() -> None:
    """The caller says which; the rest of the section is framing."""
    each = upload()
    each.take()
    seen: list[Any] = []

    def kept(trailers: Any) -> bytes:
        seen.append(trailers)
        return b"X-Sum: 1\r\n"

    assert each.feed(b"0\r\nX-Sum: 1\r\n\r\n", None, kept) == (b"0\r\nX-Sum: 1\r\n\r\n", b"")
    assert seen == [TRAILERS]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [(b"x\r\n", 400, "chunks"), (b"0\r\n" + b"x" * 2000, 431, "headers"), (b"9\r\n123456789\r\n", 413, "body")],
)
def test_a_bad_body_is_fed_no_further(data: bytes, status: int, code: str) -> None:
    """Nothing behind it can be trusted, so feeding it again is a bug of ours."""
    each = upload()

    with pytest.raises(BadUploadError) as raised:
        feed(each, data, 8)

    assert (raised.value.status, raised.value.code) == (status, code)
    with pytest.raises(IllegalEventError):
        feed(each, b"0\r\n\r\n")
    assert not complete(each)


def test_a_chunked_body_without_a_byte_is_known_by_its_end() -> None:
    """Until then it is unknown whether there is a body; a counted one is always known."""
    each = upload()
    before = each.is_unknown, complete(each)
    feed(each, b"0\r\n\r\n")

    assert before == (True, False)
    assert (each.is_unknown, complete(each)) == (True, True)
    assert not upload(Framing.COUNTED, 3).is_unknown


def test_what_is_held_is_bounded_and_then_handed_over() -> None:
    """Nobody takes it: over so many bytes the caller is to pause. A body that is whole needs no pause."""
    each, whole = upload(Framing.COUNTED, 2 * HELD), upload(Framing.COUNTED, HELD)

    full = []
    for piece in (b"x" * (HELD - 1), b"x"):
        assert feed(each, piece) == (b"", b"")
        full.append(each.is_full)
    taken = each.take()
    feed(whole, b"x" * HELD)

    assert [*full, each.is_full, whole.is_full] == [False, True, False, False]
    assert taken == b"x" * HELD


def test_only_the_short_rest_of_a_counted_unwanted_body_is_worth_reading_away() -> None:
    """The end of a chunked one is anybody's guess; a wanted one goes to its application."""
    short, long, chunked, wanted = (
        upload(Framing.COUNTED, DRAINABLE),
        upload(Framing.COUNTED, DRAINABLE + 1),
        upload(),
        upload(Framing.COUNTED, 1),
    )
    for each in (short, long, chunked):
        each.discard()

    assert short.can_be_read_away
    assert not any(each.can_be_read_away for each in (long, chunked, wanted))


@given(st.lists(st.sampled_from(["data", "end", "fault", "take", "discard"]), max_size=8))
def test_the_states_are_those_of_a_model(events: list[str]) -> None:
    """The model knows three things: whether bytes may come, whether all have, and who gets them."""
    each = upload(Framing.CHUNKED)
    coming, all_here, to = True, False, "nobody"
    for event in events:
        legal = coming if event in ("data", "end", "fault") else to == "nobody" and (coming or all_here)
        legal = legal or event == "discard"
        before = each.state
        try:
            match event:
                case "data":
                    feed(each, b"1\r\nx\r\n")
                case "end":
                    feed(each, b"0\r\n\r\n")
                case "fault":
                    feed(each, b"!\r\n")
                case "take":
                    each.take()
                case _:
                    each.discard()
        except IllegalEventError:
            assert not legal, (event, before)
            assert each.state is before
            continue
        except BadUploadError:
            assert event == "fault"
            coming = False
        assert legal, (event, before)
        if event == "end":
            coming, all_here = False, True
        elif event == "take":
            to = "upstream"
        elif event == "discard":
            to = "air"

        assert complete(each) == all_here
        assert (each.state in WANTED) == (to == "nobody" and (coming or all_here))


@given(
    st.binary(min_size=1, max_size=64),
    st.lists(st.integers(0, 200)),
    st.integers(1, 64),
    st.integers(1, 64),
    st.integers(0, 5),
    st.booleans(),
)
def test_a_body_that_is_counted_first_comes_whole_or_not_at_all(
    body: bytes, places: list[int], longest: int, most: int, begun_at: int, taken: bool
) -> None:
    """Its bytes come without chunks, one that is too long or finds no room ends with 411, and no room stays taken.

    The counting may begin when a part has come already: the App is known only behind the head.
    """
    room = CountedBytes(most)
    each = upload()
    pieces = cut(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), places)

    def come() -> None:
        for number, piece in enumerate(pieces):
            if number == min(begun_at, len(pieces) - 1):
                each.count_first(longest, room)
            assert feed(each, piece) == (b"", b"")
            assert not each.is_full

    refused = len(body) > min(longest, most)
    if refused:
        with pytest.raises(BadUploadError) as raised:
            come()
        assert (raised.value.status, raised.value.code) == (411, "length_required")
        assert each.state is UploadState.BROKEN
    else:
        come()
        assert each.is_counted_first
        assert not room.take(most - len(body) + 1)
        if taken:
            assert each.take() == body
        else:
            each.discard()
    each.let_go()
    assert room.take(most)
    assert not room.take(1)


def test_bodies_that_are_counted_share_their_room() -> None:
    """A second body finds no room while the first is kept, and finds it once the first has been taken."""
    room = CountedBytes(6)
    first, second, third = upload(), upload(), upload()
    for each in (first, second, third):
        each.count_first(6, room)
    feed(first, b"4\r\nabcd\r\n0\r\n\r\n")

    with pytest.raises(BadUploadError, match="length_required"):
        feed(second, b"4\r\nabcd\r\n")
    assert first.take() == b"abcd"
    assert feed(third, b"4\r\nabcd\r\n0\r\n\r\n") == (b"", b"")
    assert third.take() == b"abcd"


@pytest.mark.parametrize(
    ("framing", "again", "lines"),
    [
        (Framing.CHUNKED, True, b"Transfer-Encoding: chunked\r\n\r\n"),
        (Framing.CHUNKED, False, b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (Framing.COUNTED, True, b"Content-Length: 5\r\n\r\n"),
        (Framing.COUNTED, False, b"Connection: close\r\nContent-Length: 5\r\n\r\n"),
    ],
)
def test_a_head_ends_with_one_framing_of_its_body(framing: Framing, again: bool, lines: bytes) -> None:
    """A server that leaves a body unread takes it for the next request, unless the connection ends with this one."""
    assert body_lines(inbound("/", framing=framing, length=5), again=again) == lines


@given(st.binary(min_size=1, max_size=64), st.booleans())
def test_a_body_that_comes_whole_is_the_one_that_comes_in_pieces(data: bytes, wanted: bool) -> None:
    """Kept with its head or fed byte by byte, it is passed on or thrown away alike."""
    whole = upload(Framing.COUNTED, len(data))
    pieces = upload(Framing.COUNTED, len(data))

    whole.hold_whole(data)
    for number in range(len(data)):
        feed(pieces, data[number : number + 1])

    assert (whole.state, whole.received) == (pieces.state, pieces.received) == (UploadState.HELD, len(data))
    if wanted:
        assert whole.take() == pieces.take() == data
    else:
        whole.discard()
        pieces.discard()
    assert whole.state is pieces.state is UploadState.DONE
    with pytest.raises(IllegalEventError):
        whole.hold_whole(data)
