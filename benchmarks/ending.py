"""How a measurement ends before its time: by an order to stop, or as a case takes too long.

An exception interrupts an event loop and a wait for a program alike. Each block on the way out stops the programs that
it has started. The kernel ends the programs of a harness that is killed (`programs.start`).
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from benchmarks.programs import BenchmarkError


class _Interrupted(KeyboardInterrupt):
    """No ordinary exception: an event loop would tell of it and go on."""


class Stopped(_Interrupted):
    """An order to stop has come."""

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(number)
        self.code = 128 + number
        """The exit code that a shell expects."""


class _TooLong(_Interrupted):
    pass


def heed_orders() -> None:
    """Let the orders to stop that service managers, terminals and `timeout` give end the measurement as Ctrl-C does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Limit the time of a block.

    Raises:
        BenchmarkError: it took longer.

    """
    before = signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLong:
        raise BenchmarkError(f"stopped after {seconds:.0f} s, its longest time (`--longest`)") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


def _end(_: int, __: FrameType | None) -> None:
    raise _TooLong
