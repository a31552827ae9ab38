"""Finds out whether a worker could sign somebody in, and which of its parts are away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from gateway.errors import GatewayError, ProviderUnavailableError, StoreUnavailableError
from gateway.observe.events import Event
from gateway.portal.readiness import Readiness

PATIENCE = 1.0
"""Seconds a question waits for checks that have just begun. The answer names the last result of a slower one."""

REHEARSED = 5.0
"""Seconds for which a check that passed is not made again: an operator's probe must not load the stores."""

SIGN_IN = "sign_in"
"""The check of the stores by which a sign-in goes (`rehearsal`)."""

SLOW = "slow"
"""The reason of a check that has never ended yet."""

Check = Callable[[], Awaitable[None]]

_log = structlog.get_logger()


class Checks:
    """Runs the checks of a worker, each at most once at a time, and remembers how it ended last."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` returns seconds of a clock that never steps."""
        self._monotonic = monotonic
        self._running: dict[str, asyncio.Task[str]] = {}
        self._last: dict[str, tuple[float, str]] = {}

    async def ask(self, checks: Mapping[str, Check]) -> dict[str, str]:
        """Return the checks that failed, each with the reason in a word; `slow` is one that has never ended."""
        now = self._monotonic()
        for name, check in checks.items():
            last = self._last.get(name)
            if name not in self._running and (last is None or last[1] or now - last[0] >= REHEARSED):
                self._running[name] = asyncio.create_task(self._run(name, check))
        waiting = [self._running[name] for name in checks if name in self._running]
        if waiting:
            await asyncio.wait(waiting, timeout=PATIENCE)
        results = {name: self._last[name][1] if name in self._last else SLOW for name in checks}
        return {name: why for name, why in results.items() if why}

    async def close(self) -> None:
        """End the checks under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, name: str, check: Check) -> str:
        try:
            why = await _fault(name, check)
            self._last[name] = (self._monotonic(), why)
            return why
        finally:
            del self._running[name]


async def _fault(name: str, check: Check) -> str:
    """Return why a check failed, in a word; nothing where it passed."""
    try:
        await check()
    except StoreUnavailableError as error:
        why = error.fault.value
    except ProviderUnavailableError as error:
        why = error.endpoint
    except GatewayError as error:
        why = error.code
    # A check that breaks in a way nobody thought of is not a yes.
    except Exception as error:  # noqa: BLE001
        why = type(error).__name__
    else:
        return ""
    _log.warning(Event.NOT_READY, name=name, error=why)
    return why


def sorted_out(failures: Mapping[str, str], *, providers: frozenset[str], away: Mapping[str, str]) -> Readiness:
    """Say which failures mean that nobody can sign in: that of the stores, or those of all providers.

    `away` are other parts that do not work. A check that has never ended yet is no failure.
    """
    surely = {name: why for name, why in failures.items() if why != SLOW}
    failed = {name: why for name, why in surely.items() if name == SIGN_IN}
    if providers and providers <= surely.keys():
        failed |= {name: surely[name] for name in providers}
    degraded = {name: why for name, why in failures.items() if name not in failed}
    return Readiness(failed, degraded | dict(away))
