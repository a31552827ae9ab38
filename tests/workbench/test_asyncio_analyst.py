"""Drafts go to a real process, which is bounded in time and ends with its owner."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.workbench.asyncio_analyst import MOST_WAITING, Analyst
from gateway.workbench.draft import Analysis, Draft, NotAnalysed
from tests.builders import NOON

GOOD = "policy: p\nrules:\n  - {name: all, allow: signed_in}\n"


def draft(text: str = GOOD, folder: Path = Path("/nonexistent")) -> Draft:
    return Draft(text=text, file="p.yaml", folder=str(folder), language="en", now=NOON)


def processes() -> list[int | None]:
    """Return the analysts of this process that live."""
    return [each.pid for each in multiprocessing.active_children() if each.name == "sekisho-analyst"]


@pytest.fixture
async def analyst() -> AsyncIterator[Analyst]:
    made = Analyst()
    yield made
    await made.end()


async def test_drafts_are_analysed_and_an_authors_latest_edit_wins(analyst: Analyst) -> None:
    """Those that wait and are older are not analysed at all; other authors' are. One process serves all."""
    edits = [analyst.analyse("ono", draft(f"{GOOD}# {number}\n")) for number in range(5)]
    other = analyst.analyse("abe", draft("policy: [\n"))

    *found, others = await asyncio.gather(*edits, other)

    first, *between, last = found
    assert isinstance(first, Analysis)
    assert first.good
    assert between == [NotAnalysed("older")] * 3
    assert isinstance(last, Analysis)
    assert last.good
    assert isinstance(others, Analysis)
    assert others.findings[0].mistake
    assert len(processes()) == 1
    await analyst.end()
    assert not processes()


@pytest.mark.long
async def test_one_that_is_too_slow_is_ended_and_the_next_draft_gets_another(analyst: Analyst) -> None:
    """The first process is still starting when its time is over. No process is left behind."""
    hasty = Analyst(seconds=0.001, starts=0)

    assert await hasty.analyse("ono", draft()) == NotAnalysed("slow")

    assert not processes()
    assert isinstance(await analyst.analyse("ono", draft()), Analysis)


@pytest.mark.long
async def test_a_process_that_dies_breaks_one_analysis_and_no_other(analyst: Analyst) -> None:
    """As one that meets its bound of memory."""
    assert isinstance(await analyst.analyse("ono", draft()), Analysis)
    (process,) = (each for each in multiprocessing.active_children() if each.name == "sekisho-analyst")
    process.kill()
    process.join()

    assert await analyst.analyse("ono", draft()) == NotAnalysed("broken")
    assert isinstance(await analyst.analyse("ono", draft()), Analysis)


@pytest.mark.long
async def test_no_more_drafts_wait_than_the_listener_can_hold(analyst: Analyst) -> None:
    """A further one is told to come again."""
    many = [analyst.analyse(f"author {number}", draft()) for number in range(MOST_WAITING + 1)]

    found = await asyncio.gather(*many)

    assert found.count(NotAnalysed("busy")) == 1
    assert all(isinstance(each, Analysis) for each in found if each != NotAnalysed("busy"))
