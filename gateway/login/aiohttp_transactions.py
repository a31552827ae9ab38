"""Asks a Prometheus how many transactions with the provider the Apps of a client made.

A sign-in counts as one when the browser is sent to the provider, and a signature when it has begun. Whether the
provider counts one that the person abandons is not known, so the figures are at least its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from gateway.strict_json import read_json

DAYS = 30
_SECONDS = 10.0
_MOST_BYTES = 1024 * 1024


class PrometheusError(Exception):
    """Prometheus did not answer with numbers; the text says how."""


@dataclass(frozen=True, slots=True)
class Transactions:
    """The transactions of the last thirty days, as far as Prometheus remembers."""

    sign_ins: int
    signatures: int


def questions(apps: Sequence[str]) -> tuple[str, str]:
    """Return what is asked: the sign-ins and the signatures of these Apps (PromQL)."""
    names = "|".join(re.escape(app).replace("\\", "\\\\") for app in apps)
    which = f'app=~"{names}"'
    return (
        f'sum(increase(sekisho_sign_in_steps_total{{step="sent", {which}}}[{DAYS}d]))',
        f'sum(increase(sekisho_signatures_total{{outcome="begun", {which}}}[{DAYS}d]))',
    )


async def ask_transactions(prometheus: str, apps: Sequence[str]) -> Transactions:
    """Ask a Prometheus at this URL (`http://127.0.0.1:9090`).

    Raises:
        PrometheusError: it is not there, or answers something else.

    """
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:
            sign_ins, signatures = [await _ask(session, prometheus, each) for each in questions(apps)]
    except TimeoutError:
        raise PrometheusError(f"no answer in {_SECONDS:.0f} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise PrometheusError(str(error) or type(error).__name__) from None
    return Transactions(sign_ins, signatures)


async def _ask(session: aiohttp.ClientSession, prometheus: str, question: str) -> int:
    url = f"{prometheus.rstrip('/')}/api/v1/query"
    async with session.get(url, params={"query": question}, allow_redirects=False) as answer:
        text = await answer.content.read(_MOST_BYTES)
        if answer.status != 200:
            raise PrometheusError(f"status {answer.status}")
    return _number(text)


def _number(text: bytes) -> int:
    """Return the only value of an answer, rounded; an answer without a series is none.

    Raises:
        PrometheusError: it has another shape.

    """
    try:
        read: Any = read_json(text, _MOST_BYTES)
        series = read["data"]["result"]
        return round(float(series[0]["value"][1])) if series else 0
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise PrometheusError("its answer is not that of a Prometheus") from None
