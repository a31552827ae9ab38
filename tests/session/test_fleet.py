"""The records of a fleet, and nodes that tell each other of switches over a real Redis."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest
import structlog

from gateway.policy.switches import Switch, SwitchesError, merged, on_now
from gateway.policy.system_switches import change_switches, load_switches
from gateway.session.fleet import (
    SAID_EVERY,
    VERSION,
    Unread,
    WorkerView,
    open_switches,
    open_view,
    seal_switches,
    seal_view,
)
from gateway.session.redis_fleet import Member, RedisFleet, ask_fleet, ask_workers
from gateway.session.redis_sessions import Sessions
from gateway.session.redis_store import RedisStore
from gateway.session.seal import Secrets
from gateway.session.system_fleet import FleetFile
from tests.redis_server import RedisServer, wait_until
from tests.session.conftest import SECRETS, Open

NOW = 1_795_402_800.0
FLOOD = {"水害": Switch(NOW, NOW + 3_600, "tanaka", "台風", {"ja": "休止しています。"})}
VIEW = WorkerView("node-1", 2, NOW, "0.2.0", NOW - 1, ("水害",), {"settings": "0123456789ab"})
OTHER = Secrets.parse("another secret for tests, longer than 32 bytes")


def test_a_record_opens_for_those_who_have_the_secret() -> None:
    """The record opens for nobody else, and one kind of record is never taken for the other."""
    switches, view = seal_switches(FLOOD, SECRETS.first, bytes(12)), seal_view(VIEW, SECRETS.first, bytes(12))

    assert open_switches(switches, SECRETS.first) == FLOOD
    assert open_view(view, Secrets((*OTHER.all, *SECRETS.all))) == VIEW
    assert open_switches(switches, OTHER.first) is open_switches(view, SECRETS.first) is Unread.BROKEN
    assert open_view(view, OTHER) is open_view(switches, SECRETS) is Unread.BROKEN
    assert "水害".encode() not in switches
    assert b"node-1" not in view


@pytest.mark.parametrize("record", [b"", b"\0", b"\1", b"\1" + bytes(28), b"\1" + bytes(400)])
def test_a_record_that_nobody_of_ours_wrote_is_broken(record: bytes) -> None:
    """A record of an older form, which there never was, is broken as well."""
    assert open_switches(record, SECRETS.first) is Unread.BROKEN
    assert open_view(record, SECRETS) is Unread.BROKEN


def test_a_record_of_a_later_version_is_none_of_ours() -> None:
    """Its content does not matter, and it is told apart from a broken one."""
    record = bytes((VERSION + 1,)) + os.urandom(40)

    assert open_switches(record, SECRETS.first) is open_view(record, SECRETS) is Unread.NEWER


class Node:
    """One node with a worker: its files in a folder, and the store that it shares with others."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        assert isinstance(sessions.store, RedisStore)
        self.own, self.file = folder / "switches.json", FleetFile(folder / "fleet")
        self.store, self.now, self.adopted = sessions.store, 0.0, "a"
        self.fleet = RedisFleet(
            sessions.store,
            sessions.secrets,
            self.file,
            Member(folder.name.encode().hex(), lambda: load_switches(self.own), self._heard, self._view),
            clock=time.time,
            monotonic=lambda: self.now,
            random=os.urandom,
        )

    def _view(self, heard_at: float) -> WorkerView:
        return WorkerView(self.own.parent.name, 1, time.time(), "1", heard_at, (), {"lists": self.adopted})

    async def _heard(self) -> None:
        return

    def turn(self, name: str, *, on: bool, ago: float = 0.0) -> None:
        """Do as `sekisho switch` does on this node."""
        now = time.time() - ago
        entry = Switch(now, now + 600 if on else 0.0, "sato", "test")
        change_switches(self.own, lambda before: merged(before, {name: entry}))

    async def exchange(self) -> list[str]:
        """Exchange once, and return the switches that are on as this node knows them."""
        self.fleet.heard_at = 0.0
        (self.file.path.with_name(".fleet.heard")).unlink(missing_ok=True)
        await self.fleet.look()
        own = load_switches(self.own)
        return sorted(on_now(merged(self.fleet.switches, own), time.time()))


async def two(open_worker: Open, redis: RedisServer, folder: Path, **changes: Secrets) -> tuple[Node, Node]:
    one = Node(await open_worker(redis.url, tracked=False, background=False), folder / "one")
    return one, Node(await open_worker(redis.url, tracked=False, background=False, **changes), folder / "other")


async def test_a_switch_holds_on_every_node(own_redis: RedisServer, open_worker: Open, tmp_path: Path) -> None:
    """Turned on one, off on another one, and on again."""
    one, other = await two(open_worker, own_redis, tmp_path)
    one.turn("flood", on=True, ago=5)

    assert await one.exchange() == await other.exchange() == ["flood"]
    other.turn("flood", on=False, ago=3)
    assert await other.exchange() == await one.exchange() == []
    one.turn("flood", on=True)
    assert await one.exchange() == await other.exchange() == ["flood"]
    assert on_now(await ask_fleet(one.store, SECRETS, time.time()), time.time()).keys() == {"flood"}


async def test_switches_outlive_a_redis_that_lost_its_data(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path
) -> None:
    """The same holds for a Redis that went back to a dump with a switch on: the nodes write it again."""
    one, other = await two(open_worker, own_redis, tmp_path)
    one.turn("kept", on=True)
    one.turn("ended", on=True, ago=5)
    assert await one.exchange() == await other.exchange() == ["ended", "kept"]
    with own_redis.client() as behind:
        old = {key: behind.get(key) for key in behind.keys("sekisho:f:s:*")}
        assert len(old) == 1
        other.turn("ended", on=False)
        assert await other.exchange() == await one.exchange() == ["kept"]
        behind.flushall()
        assert await one.exchange() == ["kept"]
        for key, value in old.items():
            behind.set(key, value)

    third = Node(await open_worker(own_redis.url, tracked=False, background=False), tmp_path / "third")
    assert await third.exchange() == ["ended", "kept"], "the old record has it on, so this test can fail"
    assert await other.exchange() == await third.exchange() == ["kept"]


async def test_a_node_without_redis_keeps_what_it_knows(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path
) -> None:
    """Its operators turn switches all the same, it knows them after a restart, and the others hear of it later."""
    one, other = await two(open_worker, own_redis, tmp_path)
    one.turn("flood", on=True, ago=5)
    assert await one.exchange() == await other.exchange() == ["flood"]
    own_redis.kill()
    other.turn("storm", on=True)

    assert await other.exchange() == ["flood", "storm"]
    again = Node(await open_worker(own_redis.url, tracked=False, background=False), tmp_path / "other")
    assert await again.exchange() == ["flood", "storm"]
    assert again.fleet.knows
    fresh = Node(await open_worker(own_redis.url, tracked=False, background=False), tmp_path / "fresh")
    assert await fresh.exchange() == []
    assert not fresh.fleet.knows, "this node must close its Apps"

    own_redis.start()
    wait_until(own_redis.answers, "an answer")
    assert await again.exchange() == await one.exchange() == await fresh.exchange() == ["flood", "storm"]
    assert fresh.fleet.knows


async def test_a_record_of_a_later_version_stays_as_it_is(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path
) -> None:
    """In a rolling upgrade the newer nodes' record is theirs; this node goes on with its own, and says so once."""
    one, _ = await two(open_worker, own_redis, tmp_path)
    newer = bytes((VERSION + 1,)) + b"unknown"
    key = f"sekisho:f:s:{SECRETS.first.id}"
    one.turn("flood", on=True)
    with own_redis.client() as behind, structlog.testing.capture_logs() as events:
        behind.set(key, newer)
        assert await one.exchange() == ["flood"]
        assert await one.exchange() == ["flood"]
        assert behind.get(key) == newer

    assert [(event["event"], event["error"]) for event in events] == [("switches_unshared", "newer")]


async def test_a_forged_record_turns_no_switch(own_redis: RedisServer, open_worker: Open, tmp_path: Path) -> None:
    """Somebody who may write to Redis, but has no secret: the record is written anew."""
    one, other = await two(open_worker, own_redis, tmp_path)
    one.turn("flood", on=True)
    with own_redis.client() as behind:
        behind.set(f"sekisho:f:s:{SECRETS.first.id}", seal_switches({}, OTHER.first, bytes(12)))

    assert await one.exchange() == await other.exchange() == ["flood"]


async def test_switches_hold_while_the_secret_is_rotated(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path
) -> None:
    """One node has the new secret and the old one, the other has the old one alone."""
    both = Secrets((*OTHER.all, *SECRETS.all))
    one, other = await two(open_worker, own_redis, tmp_path, secrets=both)
    one.turn("flood", on=True)
    assert await one.exchange() == await other.exchange() == ["flood"]
    other.turn("storm", on=True)
    assert await other.exchange() == await one.exchange() == ["flood", "storm"]


async def test_a_file_that_cannot_be_kept_is_told_once(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path
) -> None:
    """The worker's memory has the switches all the same."""
    one, _ = await two(open_worker, own_redis, tmp_path)
    one.file.path.write_text("precious")
    one.turn("flood", on=True)

    with structlog.testing.capture_logs() as events:
        assert await one.exchange() == ["flood"]
        assert await one.exchange() == ["flood"]
    assert {event["error"] for event in events} == {"unreadable", "SwitchesError"}
    assert len(events) == 2
    assert one.file.path.read_text() == "precious"
    with pytest.raises(SwitchesError):
        one.file.known()


async def test_workers_say_what_they_run_with(own_redis: RedisServer, open_worker: Open, tmp_path: Path) -> None:
    """At once when it changes, otherwise now and then; a word that nobody here can read is counted."""
    one, other = await two(open_worker, own_redis, tmp_path, secrets=OTHER)
    await one.fleet.say()
    await other.fleet.say()
    first, unreadable = await ask_workers(one.store, SECRETS)
    await one.fleet.say()
    assert [each.view for each in (await ask_workers(one.store, SECRETS))[0]] == [each.view for each in first]
    one.now = SAID_EVERY
    await one.fleet.say()
    later = (await ask_workers(one.store, SECRETS))[0]
    one.adopted = "b"
    await one.fleet.say()

    assert unreadable == 1
    assert [each.view.node for each in first] == ["one"]
    assert later[0].view.at > first[0].view.at
    assert (await ask_workers(one.store, SECRETS))[0][0].view.adopted == {"lists": "b"}


@pytest.mark.parametrize("off", [-7200.0, 0.0, 7200.0])
async def test_a_clock_that_is_off_makes_no_worker_silent(
    own_redis: RedisServer, open_worker: Open, tmp_path: Path, off: float
) -> None:
    """Its age is that of its record in Redis, and the difference of the clocks is told."""
    node = Node(await open_worker(own_redis.url, tracked=False, background=False), tmp_path / "one")
    view = WorkerView("one", 1, time.time() + off, "1", 0.0)
    await node.store.say_of_worker("one", seal_view(view, SECRETS.first, os.urandom(12)))

    ((heard,), _) = await ask_workers(node.store, SECRETS)

    assert not heard.is_silent
    assert heard.ahead(time.time()) == pytest.approx(off, abs=20.0)


def test_a_view_of_a_later_version_with_more_fields_is_read() -> None:
    """A field that this version does not know is passed over."""
    more = msgspec.json.encode({**msgspec.to_builtins(VIEW), "more": 1})

    assert msgspec.json.decode(more, type=WorkerView) == VIEW
