from __future__ import annotations

from gateway.upstream.tunnel import OpenStreams


class Stream:
    def __init__(self, streams: OpenStreams | None = None) -> None:
        self.cuts = 0
        self._streams = streams

    def cut(self) -> None:
        self.cuts += 1
        if self._streams is not None:
            self._streams.remove(self)


def test_a_ticket_cuts_its_own_streams() -> None:
    """And nobody else's."""
    streams = OpenStreams()
    mine, also_mine, other = Stream(streams), Stream(streams), Stream(streams)
    streams.add("a", mine)
    streams.add("a", also_mine)
    streams.add("b", other)

    assert streams.cut("a") == 2
    assert (mine.cuts, also_mine.cuts, other.cuts) == (1, 1, 0)
    assert streams.tickets() == ("b",)


def test_all_can_be_cut() -> None:
    """When what is known of sessions is no longer known."""
    streams = OpenStreams()
    both = Stream(), Stream()
    streams.add("a", both[0])
    streams.add("b", both[1])

    assert streams.cut_all() == 2
    assert [stream.cuts for stream in both] == [1, 1]
    assert len(streams) == 0


def test_streams_can_be_carried_to_another_ticket() -> None:
    """And are forgotten under it, too."""
    streams = OpenStreams()
    stream, ended = Stream(), Stream()
    streams.add("a", stream)
    streams.add("a", ended)

    streams.carry("a", "b")
    streams.remove(ended)

    assert streams.cut("a") == 0
    assert streams.cut("b") == 1


def test_a_stream_never_added_can_be_removed() -> None:
    """It is no matter."""
    streams = OpenStreams()

    streams.remove(Stream())

    assert len(streams) == 0
