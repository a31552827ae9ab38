"""The process that reads a configuration: it names every mistake, and nothing that becomes of it ends the gateway."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import structlog

from gateway.process import read_beside
from gateway.process.configuration import Configuration, read_configuration
from gateway.process.read_beside import read_policies, read_whole
from gateway.yaml.mistakes import Mistakes
from tests.redis_server import wait_until

POLICY = "policy: p\nrules: [{name: all, allow: everyone}]\n"


@pytest.fixture
def adopted(tmp_path: Path) -> Configuration:
    """A configuration that is in force."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "keys.jwks").write_text("{}")
    settings = tmp_path / "gateway.yaml"
    provider = "{environment: emulator, issuer: 'http://localhost:1/x', client_id: RP1, keys: {env: CLIENT_KEYS}}"
    app = "{name: a, url: 'http://localhost:1', upstream: 'http://127.0.0.1:1', policy: policy.yaml}"
    settings.write_text(
        f"listen: 127.0.0.1:1\nprovider: {provider}\nsessions: {{store: memory}}\napps: [{app}]\n", encoding="utf-8"
    )
    configuration = read_configuration(settings, Mistakes(), os.environ)
    assert configuration is not None
    return configuration


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The client's keys stand in the environment, which the reading process has as we do."""
    from gateway.login.jwcrypto_keys import new_key  # noqa: PLC0415

    file = tmp_path_factory.mktemp("keys") / "keys.jwks"
    new_key(file, "ES256")
    monkeypatch.setenv("CLIENT_KEYS", file.read_text())


async def test_what_has_not_changed_is_the_very_same(adopted: Configuration) -> None:
    """The policies of a reload without changes are those that judge already."""
    fresh = await read_whole(adopted)

    assert fresh is not None
    assert fresh.settings == adopted.settings
    assert fresh.client_keys.keys() == adopted.client_keys.keys()
    (file,) = adopted.policies
    assert fresh.policies[file] is adopted.policies[file]


async def test_every_mistake_is_named(adopted: Configuration) -> None:
    """A reload with several mistakes is refused as a whole, and the log has each of them with its place."""
    _write(adopted.path, "apps: [", "nonsense: 1\napps: [")
    _write(next(iter(adopted.policies)), "everyone", "nobody_knows")

    with structlog.testing.capture_logs() as said:
        assert await read_whole(adopted) is None

    mistakes = [event["mistake"] for event in said if event["event"] == "reload_refused"]
    assert any("nonsense" in mistake for mistake in mistakes)
    assert any("policy.yaml:2:" in mistake for mistake in mistakes)


async def test_policies_alone_are_read_by_the_settings_in_force(adopted: Configuration) -> None:
    """Settings that nobody has adopted yet do not come in with a policy."""
    _write(adopted.path, "name: a", "name: renamed")
    _write(next(iter(adopted.policies)), "name: all", "name: each")

    fresh = await read_policies(adopted)

    assert isinstance(fresh, Configuration)
    assert [app.name for app in fresh.settings.apps] == ["a"]
    assert [rule.name for policy in fresh.policies.values() for rule in policy.rules] == ["each"]


async def test_mistakes_of_policies_are_returned(adopted: Configuration) -> None:
    """The worker says them where it says what became of policies."""
    _write(next(iter(adopted.policies)), "everyone", "nobody_knows")

    fresh = await read_policies(adopted)

    assert isinstance(fresh, tuple)
    assert "policy.yaml:2:" in fresh[0]


@pytest.mark.parametrize("program", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit(3)"])
async def test_a_reading_process_that_ends_early_is_a_refusal(
    adopted: Configuration, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may end it when memory is short."""
    monkeypatch.setattr(read_beside, "_PROGRAM", program)

    with structlog.testing.capture_logs() as said:
        assert await read_whole(adopted) is None

    assert [event["event"] for event in said] == ["reload_refused"]


async def test_a_reading_process_that_cannot_be_started_is_a_refusal(
    adopted: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has no process left goes on serving."""
    monkeypatch.setattr("gateway.process.read_beside.sys.executable", str(adopted.path))

    assert await read_whole(adopted) is None


async def test_a_reading_process_ends_with_the_task_that_waits_for_it(
    adopted: Configuration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stop does not wait for it, and leaves nothing behind."""
    told = tmp_path / "pid"
    program = f"import os, signal; open({str(told)!r}, 'w').write(f'{{os.getpid()}}.'); signal.pause()"
    monkeypatch.setattr(read_beside, "_PROGRAM", program)
    reading = asyncio.create_task(read_whole(adopted))
    await asyncio.to_thread(
        wait_until, lambda: told.exists() and told.read_text().endswith("."), "a word of the process"
    )
    pid = int(told.read_text()[:-1])

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _write(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
