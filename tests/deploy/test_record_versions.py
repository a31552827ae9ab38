"""Records of sessions and sign-ins, written by the version before and read by this one, and the other way round."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import not_run
from tests.deploy.test_two_nodes import previous
from tests.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import asyncio, json, os, sys, time
try:
    from gateway.settings.settings import SessionSettings
except ImportError:
    from gateway.config import SessionSettings
from gateway.identity import Birthdate, Identity, Scope
from gateway.login.pending import PendingLogin, UsedLogin
from gateway.login.redis_pending import RedisPendingStore
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.session.redis_sessions import open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import Session
from gateway.session.ticket import new_ticket

async def main(what, url, secret, given):
    keys, now = Secrets.parse(secret), time.time()
    settings = SessionSettings(store=url)
    sessions = await open_sessions(settings, keys, clock=time.time, random=os.urandom, background=False)
    redis = make_redis(parse_redis_url(url), RedisOptions())
    pending = RedisPendingStore(redis, keys, random=os.urandom, timeout=5.0)
    told = {}
    try:
        if what == "write":
            person = Identity("RP00000001", given["subject"], now, frozenset({Scope.OPENID, Scope.ADDRESS}), name=None,
                address="東京都渋谷区", birthdate=Birthdate(1990, 4, 1))
            ticket = new_ticket(os.urandom(32))
            pseudonym = keys.pseudonym("RP00000001", given["subject"])
            assert await sessions.store.create(ticket, Session(person, now, now + 3600, pseudonym))
            state = given["state"]
            login = PendingLogin("b" * 64, "app.localhost", "RP00000001", "n" * 43, "v" * 43, "/wanted", "p/rule",
                ("openid",), now)
            assert await pending.open(state, login, "192.0.2.1", now)
            told = {"ticket": ticket, "state": state}
        else:
            session = await sessions.store.find(given["ticket"])
            login = await pending.find(given["state"], now)
            told = {
                "subject": session and session.identity.subject,
                "address": session and session.identity.address,
                "birthdate": session and str(session.identity.birthdate),
                "wanted": isinstance(login, PendingLogin) and login.return_to,
                "used": isinstance(login, PendingLogin) and await pending.use(given["state"], login, now),
                "again": isinstance(login, PendingLogin) and await pending.use(given["state"], login, now),
                "ended": await sessions.store.delete(given["ticket"]),
                "after": await sessions.store.find(given["ticket"]) is None,
            }
    finally:
        await sessions.close()
        await redis.aclose()
    print(json.dumps(told))

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])))
"""


@pytest.fixture(name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def ran(program: Path, what: str, url: str, secret: str, given: dict[str, str]) -> dict[str, object]:
    """Run the program with the code that lies in a folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, what, url, secret, json.dumps(given)],
        cwd=program,
        env={**os.environ, "PYTHONPATH": str(program), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("writes", ["before", "now"])
def test_each_version_reads_the_records_of_the_other(tmp_path: Path, redis: RedisServer, writes: str) -> None:
    """In a rolling upgrade, and on the way back: the person stays herself, and a sign-in under way ends once."""
    old = previous(tmp_path)
    if old is None:
        not_run("the history does not have the version before")
    writer, reader = (old, ROOT) if writes == "before" else (ROOT, old)
    secret = secrets.token_hex(32)
    # The state has the shape of a ticket in both versions.
    state = secrets.token_urlsafe(32)
    kept = ran(writer, "write", redis.url, secret, {"subject": "hanako", "state": state})
    other = ran(writer, "write", redis.url, secret, {"subject": "taro", "state": secrets.token_urlsafe(32)})
    given = {"ticket": str(kept["ticket"]), "state": state}
    found = ran(reader, "read", redis.url, secret, given)
    theirs = ran(reader, "read", redis.url, secret, {"ticket": str(other["ticket"]), "state": str(other["state"])})

    assert (found["subject"], found["address"]) == ("hanako", "東京都渋谷区")
    assert "1990" in str(found["birthdate"])
    assert (found["wanted"], found["used"], found["again"]) == ("/wanted", True, False)
    assert (found["ended"], found["after"]) == (True, True)
    assert theirs["subject"] == "taro"
    # The writer, which may still run, knows that the session has ended.
    assert ran(writer, "read", redis.url, secret, given)["subject"] is None
