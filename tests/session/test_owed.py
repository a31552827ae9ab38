"""Sign-outs that wait for the store: what is kept, how much of it, and that every one is heard in the end."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.session.asyncio_owed import PER_ADDRESS, OwedToStore
from gateway.session.memory_store import MemoryStore
from gateway.session.owed import LONGEST, MOST, MOST_UNSEALED, Owed, Owing, read_owed, room_for
from gateway.session.session import EndCause, ListedSession, ProviderSessions, Selector, Session, SubjectSessions
from gateway.session.system_owed import OwedFile
from gateway.session.ticket import new_ticket, ticket_name
from tests.builders import NOON, session

NOW = int(NOON)
names = st.sampled_from([32, 64]).flatmap(lambda size: st.text("0123456789abcdef", min_size=size, max_size=size))
entries = st.builds(Owed, st.sampled_from(Owing), names, st.integers(0, 10**11), st.integers(NOW + 1, 10**12 - 1))


def owed(number: int, **changes: object) -> Owed:
    """Return one of many sign-outs."""
    return replace(Owed(Owing.SESSION, f"{number:064x}", NOW, NOW + 3_600), **changes)  # type: ignore[arg-type]


@given(st.lists(entries, max_size=5, unique=True))
def test_what_was_kept_is_read_again(kept: list[Owed]) -> None:
    """Property: a file says what was written into it, each line within its bound."""
    text = "".join(each.line() for each in kept)

    assert read_owed(text, NOW) == tuple(kept)
    assert all(len(each.line()) <= LONGEST for each in kept)


@given(st.text(max_size=300))
def test_a_line_that_is_none_is_passed_over(noise: str) -> None:
    """Property: the lines around any damage, by a full disk or by another program, still count."""
    text = owed(1).line() + noise.replace("\n", " ") + "\n" + owed(2).line()

    assert {owed(1), owed(2)} <= set(read_owed(text, NOW))


@pytest.mark.parametrize(
    "line",
    [
        owed(1).line()[:-30],
        owed(1).line().replace("session", "everybody"),
        owed(1).line().replace("0" * 63, "A" * 63),
        f"session {'0' * 64} nan 99999999999",
        f"session {'0' * 64} {NOW} 1e30",
        f"session {'0' * 64} {NOW} -1",
        f"session {'0' * 64} {NOW} {NOW}",
        f"session {'*' * 64} {NOW} {NOW + 9}",
    ],
)
def test_only_a_whole_line_of_a_living_session_counts(line: str) -> None:
    """A clock that has ended a session needs no help, and no pattern ends many."""
    assert read_owed(line, NOW) == ()


def test_room_is_kept_for_tickets_that_we_issued() -> None:
    """Anybody can make up a plain ticket: those never fill more than half."""
    half = [owed(number) for number in range(MOST_UNSEALED)]

    assert not room_for(half, 1, sealed=False)
    assert room_for(half, 1, sealed=True)
    assert not room_for([owed(number) for number in range(MOST)], 1, sealed=True)


def test_the_file_is_ours_alone_and_goes_when_it_is_empty(tmp_path: Path) -> None:
    """Mode 0600, nothing left beside it, and no link is replaced by a file."""
    real, link = tmp_path / "state", tmp_path / "sign-outs"
    link.symlink_to(real)
    file = OwedFile(link)

    assert file.writable
    assert file.add((owed(1),), NOW, sealed=True)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"state", "sign-outs", ".state.lock"}
    file.remove(frozenset({owed(1)}), NOW)
    assert not real.exists()


def test_workers_add_and_remove_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    """Each has the file to itself while it changes it."""
    path = tmp_path / "sign-outs"
    OwedFile(path).add(tuple(owed(number) for number in range(100)), NOW, sealed=True)

    def work(number: int) -> None:
        file = OwedFile(path)
        if number % 2:
            assert file.add((owed(1_000 + number),), NOW, sealed=True)
        else:
            file.remove(frozenset({owed(number)}), NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(100)))

    expected = {owed(number) for number in range(100) if number % 2} | {owed(1_000 + n) for n in range(100) if n % 2}
    assert set(OwedFile(path).waiting(NOW)) == expected


def test_a_full_file_takes_no_more_and_loses_nothing(tmp_path: Path) -> None:
    """It stays bounded, and says so."""
    file = OwedFile(tmp_path / "sign-outs")
    assert file.add(tuple(owed(number) for number in range(MOST_UNSEALED)), NOW, sealed=False)

    assert not file.add((owed(MOST),), NOW, sealed=False)
    assert file.add((owed(1),), NOW, sealed=False), "it waits already"
    assert file.add((owed(MOST),), NOW, sealed=True)
    assert len(file.waiting(NOW)) == MOST_UNSEALED + 1
    assert (tmp_path / "sign-outs").stat().st_size <= MOST * LONGEST
    assert file.waiting(NOW + 3_600) == (), "a clock has ended them all"


class Weather(MemoryStore):
    """A store that is away now and then."""

    away = False

    async def end(self, name: str, cause: EndCause = EndCause.SIGNED_OUT) -> bool:
        """See `SessionStore`."""
        if self.away:
            raise StoreUnavailableError(StoreFault.UNREACHABLE)
        return await super().end(name, cause)


@pytest.fixture
async def store() -> AsyncIterator[Weather]:
    store = Weather(idle=1_800.0, clock=lambda: NOON, monotonic=lambda: 0.0)
    yield store
    await store.close()


async def sign_in(store: Weather, number: int, **changes: Any) -> str:
    """Keep a session, and return its name."""
    ticket = new_ticket(bytes([number]) * 32)
    kept: Session = session(**changes)
    assert await store.create(ticket, kept)
    return ticket_name(ticket)


async def living(store: Weather, selector: Selector) -> list[ListedSession]:
    return [listed async for listed in store.sessions(selector)]


async def test_a_sign_out_is_heard_when_the_store_is_back_also_by_another_worker(
    tmp_path: Path, store: Weather
) -> None:
    """The first worker that looks ends it: this one, another one, or one after a restart."""
    name = await sign_in(store, 1)
    mine, another = (OwedToStore(OwedFile(tmp_path / "owed"), store, lambda: NOON) for _ in range(2))
    store.away = True

    assert await mine.keep((Owed(Owing.SESSION, name, NOW, NOW + 60),), sealed=True, address="10.0.0.1")
    await another.settle()
    assert await store.idle_left(name) is not None
    store.away = False
    with capture_logs() as events:
        await another.settle()
        await mine.settle()

    assert await store.idle_left(name) is None
    assert [event["event"] for event in events] == ["sign_outs_caught_up"]
    assert (events[0]["ended"], events[0]["count"]) == (1, 0)
    assert not (tmp_path / "owed").exists()


async def test_the_running_worker_does_so_by_itself(tmp_path: Path, store: Weather) -> None:
    """The worker takes up what waited before it was started as well."""
    name = await sign_in(store, 1)
    OwedFile(tmp_path / "owed").add((Owed(Owing.SESSION, name, NOW, NOW + 60),), NOW, sealed=True)

    running = asyncio.create_task(OwedToStore(OwedFile(tmp_path / "owed"), store, lambda: NOON).run())
    async with asyncio.timeout(10):
        while await store.idle_left(name) is not None:
            await asyncio.sleep(0.001)
    running.cancel()


@pytest.mark.parametrize(
    ("owing", "name", "other_name", "field", "selector"),
    [
        (Owing.PROVIDER, "a" * 64, "b" * 64, "provider_session", ProviderSessions("a" * 64)),
        (Owing.SUBJECT, "a" * 32, "b" * 32, "pseudonym", SubjectSessions(("a" * 32,))),
    ],
)
async def test_of_what_the_provider_ended_only_what_began_before_the_sign_out_ends(
    tmp_path: Path, store: Weather, owing: Owing, name: str, other_name: str, field: str, selector: Selector
) -> None:
    """It does not sign out a person who has signed in again in the meantime."""
    await sign_in(store, 1, **{field: name}, created_at=NOON - 60)
    later = await sign_in(store, 2, **{field: name}, created_at=NOON + 60)
    other = await sign_in(store, 3, **{field: other_name})
    waits = OwedToStore(OwedFile(tmp_path / "owed"), store, lambda: NOON)
    await waits.keep((Owed(owing, name, NOW, NOW + 600),), sealed=True, address=None)

    await waits.settle()

    assert [listed.name for listed in await living(store, selector)] == [later]
    assert await store.idle_left(other) is not None


async def test_a_provider_may_sign_out_a_whole_town_at_once(tmp_path: Path, store: Weather) -> None:
    """No rate holds for tokens whose signature was checked; a browser's address has its rate beside them."""
    waits = OwedToStore(OwedFile(tmp_path / "owed"), store, lambda: NOON)

    kept = [await waits.keep((owed(number),), sealed=True, address=None) for number in range(2 * PER_ADDRESS)]

    assert all(kept)
    assert await waits.keep((owed(99_999),), sealed=True, address="10.0.0.1")


@pytest.mark.parametrize("fault", ["unwritable", "too_many", "full"])
async def test_a_sign_out_that_cannot_wait_is_said_to_be_lost(tmp_path: Path, store: Weather, fault: str) -> None:
    """To the operator by an event, to the person by her page."""
    path = tmp_path / "owed"
    if fault == "unwritable":
        (tmp_path / "a file").write_text("")
        path = tmp_path / "a file" / "owed"
    if fault == "full":
        OwedFile(path).add(tuple(owed(number) for number in range(MOST_UNSEALED)), NOW, sealed=False)
    waits = OwedToStore(OwedFile(path), store, lambda: NOON)
    if fault == "too_many":
        for number in range(PER_ADDRESS):
            assert await waits.keep((owed(number),), sealed=False, address="10.0.0.1")

    with capture_logs() as events:
        assert not await waits.keep((owed(99_999),), sealed=False, address="10.0.0.1")

    assert [(event["event"], event["fault"]) for event in events] == [("sign_out_not_kept", fault)]


async def test_a_file_that_cannot_be_used_is_said_once(tmp_path: Path, store: Weather) -> None:
    """At the start, and not every two seconds."""
    (tmp_path / "a file").write_text("")
    waits = OwedToStore(OwedFile(tmp_path / "a file" / "owed"), store, lambda: NOON)
    looked = asyncio.Event()

    async def look() -> None:
        looked.set()
        raise NotADirectoryError

    waits.settle = look  # type: ignore[method-assign]
    with capture_logs() as events:
        running = asyncio.create_task(waits.run())
        await asyncio.wait_for(looked.wait(), 10)
        running.cancel()

    assert [event["event"] for event in events] == ["sign_outs_file_unusable"]
