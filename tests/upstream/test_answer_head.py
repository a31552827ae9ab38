"""A head is judged by its fields: the end of its body, and the use of its connection."""

import pytest

from gateway.upstream.answer_beginning import AnswerFaultError
from gateway.upstream.answer_head import judged, says_close
from gateway.upstream.upstream import AnswerFraming, Headers

CODED: Headers = ((b"Transfer-Encoding", b"Chunked"),)
COUNTED: Headers = ((b"content-LENGTH", b"5"), (b"Content-Script", b"5"))


@pytest.mark.parametrize(
    ("status", "headers", "framing", "length"),
    [
        (200, COUNTED, AnswerFraming.COUNTED, 5),
        (200, ((b"Content-Length", b"0"),), AnswerFraming.COUNTED, 0),
        (200, CODED, AnswerFraming.CHUNKED, None),
        (200, (*COUNTED, *CODED), AnswerFraming.CHUNKED, 5),
        (200, (), AnswerFraming.CLOSE, None),
        (204, (), AnswerFraming.NONE, None),
        (304, COUNTED, AnswerFraming.NONE, 5),
        (599, COUNTED, AnswerFraming.COUNTED, 5),
    ],
)
def test_the_end_of_the_body(status: int, headers: Headers, framing: AnswerFraming, length: int | None) -> None:
    """The coding before the length, the length before the end of the connection (RFC 9112 section 6.3)."""
    head, is_event_stream, may_stay = judged(status, headers, is_head=False, is_doubted=False)

    assert (head.status, head.headers, head.framing, head.length) == (status, headers, framing, length)
    assert may_stay
    assert not is_event_stream
    behind_head = judged(status, headers, is_head=True, is_doubted=True)
    assert (behind_head[0].framing, behind_head[0].length, behind_head[2]) == (AnswerFraming.NONE, length, True)


@pytest.mark.parametrize(
    ("status", "headers", "of_a_good_server", "of_a_doubted_one"),
    [
        (204, COUNTED, False, False),
        (204, CODED, False, False),
        (204, ((b"Content-Length", b"0"),), True, True),
        (304, COUNTED, True, False),
        (304, CODED, True, False),
        (304, (), True, True),
    ],
)
def test_a_body_that_cannot_be_ends_its_connection(
    status: int, headers: Headers, of_a_good_server: bool, of_a_doubted_one: bool
) -> None:
    """A server that announces one may send it, and it would be the next answer."""
    assert judged(status, headers, is_head=False, is_doubted=False)[2] is of_a_good_server
    assert judged(status, headers, is_head=False, is_doubted=True)[2] is of_a_doubted_one


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (199, COUNTED),
        (600, COUNTED),
        (200, ((b"Transfer-Encoding", b"gzip"),)),
        (200, ((b"Transfer-Encoding", b"gzip"), *CODED)),
        (200, (*CODED, *CODED)),
    ],
)
@pytest.mark.parametrize("is_head", [False, True])
def test_other_heads_are_no_answer(status: int, headers: Headers, is_head: bool) -> None:
    """Another coding hides the end of the body; another status says nothing."""
    with pytest.raises(AnswerFaultError) as fault:
        judged(status, headers, is_head=is_head, is_doubted=False)
    assert fault.value.begun


def test_an_event_stream_is_known_by_its_type_alone() -> None:
    """Its name in another field of the same length means nothing."""
    kind = b"text/event-stream; charset=utf-8"

    assert judged(200, ((b"content-Type", kind),), is_head=False, is_doubted=False)[1]
    assert not judged(200, ((b"X-Other-Type", kind),), is_head=False, is_doubted=False)[1]
    assert not judged(200, ((b"Content-Type", b"text/html"),), is_head=False, is_doubted=False)[1]


@pytest.mark.parametrize(
    ("headers", "closes"),
    [
        (((b"Connection", b"close"),), True),
        (((b"A", b"b"), (b"CONNECTION", b"x, Close")), True),
        (((b"Connection", b"keep-alive"),), False),
        (((b"Proxy-Connection", b"close"),), False),
        ((), False),
    ],
)
def test_an_application_says_that_it_closes(headers: Headers, closes: bool) -> None:
    """It says so in `Connection`, in any case of letters and beside other words."""
    assert says_close(headers) is closes
