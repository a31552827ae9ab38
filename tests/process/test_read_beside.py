"""The process that reads a configuration: it names every mistake, and nothing that becomes of it ends the gateway."""

from __future__ import annotations

import asyncio
import errno
import os
import pickle
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gateway.login.jwcrypto_keys import new_key
from gateway.process.configuration import Configuration, read_configuration
from gateway.process.forker import ForkedWorker, Forker, _spawn
from gateway.process.packed import packing
from gateway.process.read_beside import FileReader
from gateway.process.reader import Outcome, Task, serve_one
from gateway.process.slices import at_once
from gateway.yaml.mistakes import Mistakes

POLICY = "policy: p\nrules: [{name: all, allow: everyone}]\n"


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    """A forker. The client's keys stand in the environment, which its readers have as we do."""
    file = tmp_path_factory.mktemp("keys") / "keys.jwks"
    new_key(file, "ES256")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLIENT_KEYS", file.read_text())
        made = Forker(_spawn(), None)
        yield made
        made.close()


@pytest.fixture
def files(forker: Forker) -> FileReader:
    """The reader of a gateway's files."""
    return FileReader(forker)


@pytest.fixture
def adopted(tmp_path: Path, forker: Forker) -> Configuration:
    """A configuration that is in force."""
    del forker
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "keys.jwks").write_text("{}")
    settings = tmp_path / "gateway.yaml"
    provider = "{environment: emulator, issuer: 'http://localhost:1/x', client_id: RP1, keys: {env: CLIENT_KEYS}}"
    app = "{name: a, url: 'http://localhost:1', upstream: 'http://127.0.0.1:1', policy: policy.yaml}"
    settings.write_text(
        f"listen: 127.0.0.1:9\nprovider: {provider}\nsessions: {{store: memory}}\napps: [{app}]\n", encoding="utf-8"
    )
    configuration = read_configuration(settings, Mistakes(), os.environ)
    assert configuration is not None
    return configuration


async def test_what_has_not_changed_is_the_very_same(adopted: Configuration, files: FileReader) -> None:
    """The policies of a reload without changes are those that judge already."""
    fresh = await files.whole(adopted)

    assert fresh is not None
    assert fresh.settings == adopted.settings
    assert fresh.client_keys.keys() == adopted.client_keys.keys()
    (file,) = adopted.policies
    assert fresh.policies[file] is adopted.policies[file]


async def test_every_mistake_is_named(adopted: Configuration, files: FileReader) -> None:
    """A reload with several mistakes is refused as a whole, and the log has each of them with its place."""
    _write(adopted.path, "apps: [", "nonsense: 1\napps: [")
    _write(next(iter(adopted.policies)), "everyone", "nobody_knows")

    with structlog.testing.capture_logs() as said:
        assert await files.whole(adopted) is None

    mistakes = [event["mistake"] for event in said if event["event"] == "reload_refused"]
    assert any("nonsense" in mistake for mistake in mistakes)
    assert any("policy.yaml:2:" in mistake for mistake in mistakes)


async def test_policies_alone_are_read_by_the_settings_in_force(adopted: Configuration, files: FileReader) -> None:
    """Settings that nobody has adopted yet do not come in with a policy."""
    _write(adopted.path, "name: a", "name: renamed")
    _write(next(iter(adopted.policies)), "name: all", "name: each")

    fresh = await files.policies(adopted)

    assert isinstance(fresh, Configuration)
    assert [app.name for app in fresh.settings.apps] == ["a"]
    assert [rule.name for policy in fresh.policies.values() for rule in policy.rules] == ["each"]


async def test_mistakes_of_policies_are_returned(adopted: Configuration, files: FileReader) -> None:
    """The worker says them where it says what became of policies."""
    _write(next(iter(adopted.policies)), "everyone", "nobody_knows")

    fresh = await files.policies(adopted)

    assert isinstance(fresh, tuple)
    assert "policy.yaml:2:" in fresh[0]


class _Dying:
    """Readers that the system ends when memory is short."""

    def __init__(self, forker: Forker) -> None:
        self._forker = forker

    def fork_reader(self) -> tuple[ForkedWorker, socket.socket]:
        """Return one that is gone."""
        process, line = self._forker.fork_reader()
        process.kill()
        return process, line


async def test_a_reader_that_ends_early_is_a_refusal(adopted: Configuration, forker: Forker) -> None:
    """The gateway goes on by what it has, and the log says why."""
    with structlog.testing.capture_logs() as said:
        assert await FileReader(_Dying(forker)).whole(adopted) is None

    assert [event["event"] for event in said] == ["reload_refused"]


class _Lingering:
    """Readers that end long after their last word, as on a busy machine."""

    def __init__(self, forker: Forker) -> None:
        self._forker = forker

    def fork_reader(self) -> tuple[_Lingering, socket.socket]:
        self.process, line = self._forker.fork_reader()
        return self, line

    def kill(self) -> None:
        self.process.kill()

    def join(self) -> None:
        """Return without an exit code."""


async def test_a_reader_may_end_long_after_its_answer(adopted: Configuration, forker: Forker) -> None:
    """Its answer is whole: a busy machine refuses no reload."""
    lingering = _Lingering(forker)

    assert await FileReader(lingering).whole(adopted) is not None

    await asyncio.to_thread(lingering.process.join)
    assert lingering.process.exitcode == 0


class _Cut:
    """Readers that are ended in the middle of their answer."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def fork_reader(self) -> tuple[_Cut, socket.socket]:
        ours, self.theirs = socket.socketpair()
        self.theirs.sendall(self._said)
        self.theirs.shutdown(socket.SHUT_WR)
        return self, ours

    def kill(self) -> None:
        raise AssertionError("it has ended already")

    def join(self) -> None:
        self.theirs.close()


@pytest.mark.parametrize("missing", [1, 2, 10, 1_000])
async def test_half_an_answer_is_a_refusal(adopted: Configuration, missing: int) -> None:
    """However little of it is missing."""
    whole = pickle.dumps(Outcome(at_once(packing(adopted))))
    assert len(whole) > missing

    with structlog.testing.capture_logs() as said:
        assert await FileReader(_Cut(whole[:-missing])).whole(adopted) is None

    assert "was ended" in said[0]["mistake"]


class _Exhausted:
    """A system that has no process left."""

    def fork_reader(self) -> tuple[ForkedWorker, socket.socket]:
        """Say so."""
        raise BlockingIOError(11, "Resource temporarily unavailable")


async def test_a_reader_that_cannot_be_forked_is_a_refusal(adopted: Configuration) -> None:
    """A machine that has no process left goes on serving."""
    assert await FileReader(_Exhausted()).whole(adopted) is None
    assert isinstance(await FileReader(_Exhausted()).policies(adopted), tuple)


class _Slow:
    """Readers that never hear of their task."""

    def __init__(self, forker: Forker) -> None:
        self._forker = forker
        self.forked = threading.Event()

    def fork_reader(self) -> tuple[ForkedWorker, socket.socket]:
        """Return one whose line leads elsewhere."""
        self.process, self.line = self._forker.fork_reader()
        ours, self.theirs = socket.socketpair()
        self.forked.set()
        return self.process, ours


async def test_a_reader_ends_with_the_task_that_waits_for_it(adopted: Configuration, forker: Forker) -> None:
    """A stop does not wait for it, and leaves nothing behind."""
    slow = _Slow(forker)
    reading = asyncio.create_task(FileReader(slow).whole(adopted))
    await asyncio.to_thread(slow.forked.wait)
    # A task can be cancelled once it waits for the answer: the thread that forks cannot be.
    await asyncio.to_thread(slow.theirs.recv, 1)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert slow.process.exitcode == -signal.SIGKILL
    slow.line.close()
    slow.theirs.close()


def _write(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_a_reader_that_may_not_lower_its_priority_reads_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter of system calls may forbid it, as the shipped unit did. A reload then reads with the usual priority."""

    def forbidden(_: int) -> int:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "nice", forbidden)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(pickle.dumps(Task(tmp_path / "gateway.yaml", ())))
        ours.shutdown(socket.SHUT_WR)
        serve_one(theirs)
        theirs.close()
        with ours.makefile("rb") as said:
            outcome: Outcome = pickle.load(said)  # noqa: S301 - this test wrote it

    assert [mistake.file for mistake in outcome.mistakes] == [str(tmp_path / "gateway.yaml")]
