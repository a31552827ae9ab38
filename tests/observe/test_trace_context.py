from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.trace_context import LONGEST_STATE, MOST_MEMBERS, NO_TRACE, TraceContext, read_trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()


@pytest.mark.parametrize(
    ("parent", "sampled"),
    [
        (PARENT, True),
        (PARENT[:-2] + b"00", False),
        (PARENT[:-2] + b"03", True),
        (PARENT[:-2] + b"fe", False),
        (b"cc" + PARENT[2:], True),
        (b"cc" + PARENT[2:] + b"-what the future says", True),
    ],
)
def test_a_parent_of_its_form_is_read(parent: bytes, *, sampled: bool) -> None:
    """Flags beside `sampled` have no meaning yet, and a later version may say more behind."""
    assert read_trace((parent,), ()) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        PARENT.upper(),
        PARENT + b"-",
        PARENT + b"-00",
        PARENT + b" ",
        b" " + PARENT,
        PARENT + b"\n",
        PARENT[:-1],
        PARENT + b"1",
        b"ff" + PARENT[2:],
        b"cc" + PARENT[2:] + b".more",
        b"0" + PARENT,
        PARENT.replace(b"-", b"_"),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE[:-1]}g-{SPAN}-01".encode(),
        PARENT + b"," + PARENT,
    ],
)
def test_any_other_parent_is_none(parent: bytes) -> None:
    """Section 2.2.2: a receiver takes a faulty field for an absent one, and never repairs it."""
    assert read_trace((parent,), (b"a=1",)) is NO_TRACE


def test_two_parents_are_none() -> None:
    """Two servers behind could each believe another one, even if both are the same."""
    assert read_trace((PARENT, PARENT), ()) is NO_TRACE
    assert read_trace((), (b"a=1",)) is NO_TRACE


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ((b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",), "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ((b"a=1", b" b=2\t"), "a=1,b=2"),
        ((b"a=1,,\t ,b=2",), "a=1,b=2"),
        ((b"0tenant@system=x y",), "0tenant@system=x y"),
        ((b"a=1,a=2",), ""),
        ((b"A=1",), ""),
        ((b"0a=1",), ""),
        ((b"a=",), ""),
        ((b"a=b=c",), ""),
        ((b"a=\x7f",), ""),
        ((b"a=\xe3\x81\x82",), ""),
        ((b"a@b@c=1",), ""),
        ((b"a=" + b"x" * 256,), "a=" + "x" * 256),
        ((b"a=" + b"x" * 257,), ""),
        (
            (b",".join(b"k%d=1" % number for number in range(MOST_MEMBERS)),),
            ",".join(f"k{number}=1" for number in range(MOST_MEMBERS)),
        ),
        ((b",".join(b"k%d=1" % number for number in range(MOST_MEMBERS + 1)),), ""),
        ((b",".join(b"k%d=" % number + b"x" * 200 for number in range(6)),), ""),
    ],
)
def test_a_state_is_whole_or_left_out(fields: tuple[bytes, ...], state: str) -> None:
    """One faulty member, a key that comes twice, too many or too long members: the trace stays, without them."""
    assert read_trace((PARENT,), fields) == TraceContext(TRACE, SPAN, sampled=True, state=state)


def test_no_trace_has_no_lines() -> None:
    """A head without a trace is the head that it was."""
    assert NO_TRACE.lines == b""


@given(
    st.tuples(
        st.one_of(st.binary(max_size=80), st.from_regex(rb"\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z"))
    ),
    st.lists(st.one_of(st.binary(max_size=60), st.from_regex(rb"\A([a-z]{1,3}=[!-+]{1,9},?){1,3}\Z")), max_size=3),
)
def test_the_next_server_reads_what_was_read_here(parents: tuple[bytes, ...], states: list[bytes]) -> None:
    """The lines are two whole fields at most, without a byte that ends a line, and they read as the same trace."""
    read = read_trace(parents, tuple(states))

    fields = [line.split(b": ", 1) for line in read.lines.split(b"\r\n")[1:]]
    again = dict(fields)
    assert len(fields) == len(again) <= 2
    if read is NO_TRACE:
        assert not fields
        return
    assert len(read.state) <= LONGEST_STATE
    assert read_trace((again[b"traceparent"],), (again.get(b"tracestate", b""),)) == read
