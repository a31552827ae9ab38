from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.observe.events import Event
from gateway.observe.structlog_setup import set_up_logging


@pytest.fixture(name="stream")
def stream_fixture() -> Iterator[io.StringIO]:
    """Where log lines go, with everything put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    set_up_logging(stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line(stream: io.StringIO) -> None:
    """Name, level, time and the allowed fields; line ends in a value stay inside the line."""
    structlog.get_logger().info(Event.SIGN_IN, app="booking", outcome="a\nb", name="x", birthdate="2004-02-29")

    (line,) = lines(stream)
    assert line["event"] == "sign_in"
    assert line["level"] == "info"
    assert isinstance(line["time"], float)
    assert line["outcome"] == "a\nb"
    assert line["dropped"] == ["birthdate"]


@pytest.mark.usefixtures("stream")
def test_a_line_and_its_end_are_one_write() -> None:
    """Several workers write to one standard error, and nothing of another's may come between."""
    writes: list[str] = []

    class Unbuffered(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    set_up_logging(Unbuffered())

    structlog.get_logger().info(Event.STARTED, count=1)

    assert len(writes) == 1
    assert writes[0].endswith("}\n")


def test_free_text_is_no_event(stream: io.StringIO) -> None:
    """A sentence with a secret in it does not get out."""
    structlog.get_logger().warning("token abc123 refused")

    (line,) = lines(stream)
    assert line["event"] == "unnamed"
    assert "abc123" not in stream.getvalue()


def test_an_exception_tells_its_place_and_not_its_words(stream: io.StringIO) -> None:
    """`log.exception` is as discreet as everything else."""
    try:
        int("code=SECRETCODE")
    except ValueError:
        structlog.get_logger().exception(Event.PORTAL_FAILED, request_id="r1")

    (line,) = lines(stream)
    assert line["error"] == "ValueError"
    assert "test_structlog_setup.py" in str(line["where"])
    assert "dropped" not in line
    assert "SECRETCODE" not in stream.getvalue()


def test_a_librarys_words_stay_inside(stream: io.StringIO) -> None:
    """Who complained, of what kind and where is told; the message and the error's text are not."""
    try:
        int("code=SECRETCODE")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", "198.51.100.7")

    (line,) = lines(stream)
    assert line["event"] == "library"
    assert line["logger"] == "aiohttp.server"
    assert line["error"] == "ValueError"
    assert line["level"] == "error"
    assert "SECRETCODE" not in stream.getvalue()


def test_a_librarys_chatter_is_not_heard(stream: io.StringIO) -> None:
    """Only what is a warning or worse."""
    logging.getLogger("asyncio").info("Using selector")

    assert stream.getvalue() == ""


def test_an_unknown_level_is_a_mistake() -> None:
    """Nobody's logs fall silent by a slip of the pen."""
    with pytest.raises(KeyError):
        set_up_logging(level="loud")
