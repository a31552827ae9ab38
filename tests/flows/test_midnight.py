"""Midnight in Asia/Tokyo, under load: somebody comes of age between two requests."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import uvloop

from gateway.identity import Birthdate
from gateway.instant import start_of, tokyo_day
from tests.flows.in_process import signed_in_browser


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


async def test_the_verdict_changes_with_the_first_request_of_the_day(tmp_path: Path, redis_url: str) -> None:
    """In spite of remembered verdicts, all are refused on the eve, and all pass from the birthday's first second."""
    midnight = start_of(tokyo_day(time.time()) + timedelta(days=1))
    birthday = tokyo_day(midnight)
    # 18 on the day that begins at that midnight; for 29 February the law takes the day after.
    born = Birthdate(birthday.year - 18, birthday.month, min(birthday.day, 28))
    moment = midnight - 0.5 if birthday.day <= 28 else None
    now = [time.time() if moment is None else moment]

    async with signed_in_browser(tmp_path, redis_url, born, clock=lambda: now[0]) as browser:
        before = [await browser.status() for _ in range(200)]
        now[0] = midnight
        after = [await browser.status() for _ in range(200)]

    if moment is not None:
        assert set(before) == {403}
    assert set(after) == {200}
