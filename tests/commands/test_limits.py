"""`sekisho limits …`, as somebody at a counter types it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.limits.limits import LimitUse, Settlement
from gateway.limits.redis_limits import RedisLimits
from gateway.policy.subject_code import show_code, subject_code
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from tests.redis_server import redis_server

ANNA = subject_code("client", "anna")
USE = LimitUse("lottery", "抽選 2026", "ever", ANNA)
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction") as server:
        yield server.url


@pytest.fixture
def settings(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings that name the store, with one counted entry in it."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    async def enter() -> None:
        store = RedisLimits(make_redis(parse_redis_url(url), RedisOptions(timeout=5.0)), timeout=5.0)
        for entry in await store.show(ANNA, NOW):
            await store.give_back(entry)
        await store.reserve(USE, "a", NOW)
        await store.settle(USE, "a", Settlement.COUNT, NOW)
        await store.close()

    asyncio.run(enter())
    file = tmp_path / "gateway.yaml"
    file.write_text(
        f"listen: 127.0.0.1:1\nprovider: {{}}\nsessions: {{}}\napps: []\nlimits: {{store: {url}}}\n", encoding="utf-8"
    )
    return file


def limits(settings: Path, *arguments: str) -> Result:
    """Run `sekisho limits`."""
    return CliRunner().invoke(app, ["limits", *arguments, "-c", str(settings)])


def test_a_persons_entries_are_listed_and_given_back(settings: Path) -> None:
    """By her code as she reads it; once; with who did it and why in the log."""
    code = show_code(ANNA).lower()

    listed = limits(settings, "show", code)
    given = limits(settings, "give-back", code, "1", "--reason", "応募画面が途中で止まったため")
    again = limits(settings, "give-back", code, "1", "--reason", "もう一度")

    assert listed.stdout == "1\tlottery\t抽選 2026\tever\t2027-01-15 17:00 JST\tcounted\n"
    assert given.exit_code == 0
    assert '"event":"limit_given_back"' in given.stderr
    assert "応募画面が途中で止まったため" in given.stderr
    assert again.exit_code == 2
    assert limits(settings, "show", code).stdout == ""


def test_a_code_heard_wrong_gives_nothing_back(settings: Path) -> None:
    """A wrong sign, a number that is not there, no reason: exit 2, and the entry stays."""
    wrong = ("3" if ANNA[0] == "2" else "2") + ANNA[1:]

    assert "one character is wrong" in limits(settings, "show", wrong).stderr
    assert limits(settings, "give-back", ANNA, "2", "--reason", "r").exit_code == 2
    assert limits(settings, "give-back", ANNA, "1", "--reason", " ").exit_code == 2
    assert limits(settings, "show", ANNA).stdout != ""


def test_without_a_store_there_is_nothing_to_show(settings: Path) -> None:
    """Said plainly, not as an empty list."""
    settings.write_text("listen: 127.0.0.1:1\nprovider: {}\nsessions: {}\napps: []\n", encoding="utf-8")

    result = limits(settings, "show", ANNA)

    assert result.exit_code == 2
    assert "`limits.store` names no Redis" in result.stderr


def test_a_store_that_is_away_is_our_failure(settings: Path, free_port: int) -> None:
    """Exit 1, with the reason in one word."""
    settings.write_text(
        f"listen: 127.0.0.1:1\nprovider: {{}}\nsessions: {{}}\napps: []\nlimits: {{store: 'redis://127.0.0.1:{free_port}'}}\n",
        encoding="utf-8",
    )

    result = limits(settings, "show", ANNA)

    assert result.exit_code == 1
    assert "unreachable" in result.stderr
