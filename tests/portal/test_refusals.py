from __future__ import annotations

import pytest
import structlog
from pytest_aiohttp.plugin import AiohttpClient

from gateway.audit.entry import Action, Entry, Outcome
from gateway.observe.merge import Families
from gateway.portal.aiohttp_management import make_management
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.readiness import Readiness
from gateway.portal.refusals import MOST_KINDS, RefusalCounts, RefusalReason, Refusals
from tests.audit.trails import KeptTrail


@pytest.mark.parametrize("flood", [1, 2, 100_000])
def test_a_flood_of_refusals_is_two_lines_a_minute(flood: int) -> None:
    """The first is told at once and the rest with its number, so none is forgotten."""
    counts = RefusalCounts()

    told = sum(counts.is_first(RefusalReason.NO_KNOWN_TOKEN, "") for _ in range(flood))
    rest, again = counts.take(), counts.take()

    assert told == 1
    assert rest == ((Refusals(RefusalReason.NO_KNOWN_TOKEN, "", flood - 1),) if flood > 1 else ())
    assert again == ()
    assert counts.is_first(RefusalReason.NO_KNOWN_TOKEN, "")


def test_kinds_and_operators_are_counted_apart() -> None:
    """A flood by strangers hides no refusal of an operator."""
    counts = RefusalCounts()

    first = [
        counts.is_first(RefusalReason.ROLE, "sato"),
        counts.is_first(RefusalReason.ROLE, "mori"),
        counts.is_first(RefusalReason.CSRF, "sato"),
        counts.is_first(RefusalReason.ROLE, "sato"),
    ]

    assert first == [True, True, True, False]
    assert counts.take() == (Refusals(RefusalReason.ROLE, "sato", 1),)


def test_names_without_end_are_counted_together() -> None:
    """The office's provider may vouch for ever more names."""
    counts = RefusalCounts()

    told = sum(counts.is_first(RefusalReason.ROLE, f"o{number}") for number in range(3 * MOST_KINDS))

    assert told == MOST_KINDS + 1
    assert counts.take() == (Refusals(RefusalReason.ROLE, "", 2 * MOST_KINDS - 1),)


async def nothing() -> Families:
    return ()


async def well() -> Readiness:
    return Readiness()


async def test_what_was_counted_is_told_before_the_end(aiohttp_client: AiohttpClient) -> None:
    """In the log and in the trail, with the number; the address stands in the first line alone."""
    trail, reasons = KeptTrail(), list[str]()
    record = RefusalRecord(trail, lambda: 5.0, reasons.append)
    client = await aiohttp_client(make_management(metrics=nothing, readiness=well, refusals=record))

    with structlog.testing.capture_logs() as events:
        for _ in range(30):
            record.refused(RefusalReason.NO_KNOWN_TOKEN, "10.0.0.9")
        await client.close()

    refused = (Action.MANAGEMENT_REFUSED, 5.0, Outcome.REFUSED)
    assert trail.entries == [Entry(*refused, reasons=("no_known_token",), count=number) for number in (1, 29)]
    assert [(event["address"], event["count"]) for event in events] == [("10.0.0.9", 1), (None, 29)]
    assert reasons == ["no_known_token"] * 30
