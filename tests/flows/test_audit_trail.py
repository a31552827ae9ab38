"""The audit trail of a real gateway: all that it must have, nothing that it must not, and no answer without it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp

from gateway.audit.search import CHAIN
from gateway.audit.system_segments import segments_in
from gateway.login.jwcrypto_keys import load_keys, new_key
from gateway.process.audit_trail import verifier_of
from tests.audit.folders import mirrored, said, until, verified
from tests.builders import CLIENT
from tests.flows.gateway_process import GatewayProcess, application
from tests.flows.test_unhurried_disk import Browser
from tests.login.stand_in import PERSON, StandIn

POLICY = """\
policy: booking
purpose: {ja: 確認のため}
conditions:
  child: {age: {below: 13}}
  adult: {age: {at_least: 18}}
rules:
  - {name: shut, match: {path: /shut/**}, allow: nobody}
  - {name: open, match: {path: /open/**}, allow: everyone}
  - {name: watched, match: {path: /watched/**}, require: [adult], disclose: [subject, name, address], audit: true}
  - {name: children, match: {path: /children/**}, require: [child]}
  - {name: rest, allow: signed_in, disclose: [subject]}
"""


def entries(folder: Path) -> list[dict[str, Any]]:
    """Return what was done, without the lines about the trail itself."""
    return [each for each in said(folder) if each["action"] not in CHAIN]


async def test_a_required_trail(tmp_path: Path, redis_url: str) -> None:
    """Sign-in, permit and refusals are on the disk with the answer; without a disk there is no such answer."""
    folder, mirror = tmp_path / "audit", tmp_path / "mirror"
    with application() as upstream:
        more = "audit: {directory: audit, keys: {file: audit.jwks}, required: true, mirror: mirror, checkpoint: 1s}\n"
        gateway = GatewayProcess(tmp_path, upstream, redis_url, policy=POLICY, more=more)
        new_key(tmp_path / "audit.jwks", "ES256")
        keys = verifier_of(load_keys(tmp_path / "audit.jwks"))
        provider = StandIn(CLIENT, lambda: load_keys(tmp_path / "keys.jwks").public_jwks())
        await provider.start()
        text = gateway.settings.read_text(encoding="utf-8")
        text = text.replace("http://localhost:1/api/realms/main", provider.issuer)
        text = text.replace("client_id:", "contracted: [name, address, birthdate]\n  client_id:")
        gateway.settings.write_text(text, encoding="utf-8")
        await asyncio.to_thread(gateway.start)
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
                browser = Browser(gateway, provider, http)
                assert (await browser.go("/open/1"))[0] == 200
                assert (await browser.go("/shut/1"))[0] == 403
                # The entry is there with the answer: nobody waits for a thread here.
                assert entries(folder)[-1]["rule"] == "booking/shut"
                await browser.sign_in("/watched/1")
                assert [(each["action"], each["verdict"]) for each in entries(folder)[-2:]] == [
                    ("sign_in", "signed_in"),
                    ("decision", "permit"),
                ]
                permit = entries(folder)[-1]
                assert permit["conditions"] == {"adult": "yes"}
                assert permit["pseudonym"] == entries(folder)[-2]["pseudonym"]
                assert (await browser.go("/children/1"))[0] == 403
                assert entries(folder)[-1]["conditions"] == {"child": "no"}
                decisions = [each for each in entries(folder) if each["action"] == "decision"]
                assert [each["rule"] for each in decisions] == ["booking/shut", "booking/watched", "booking/children"]

                # Somebody moves the folder away, and nothing can be made in its place.
                folder.rename(tmp_path / "moved")
                folder.write_text("in the way")
                assert (await browser.go("/shut/1"))[0] == 503
                assert "記録を残すことができない" in browser.page
                assert (await browser.go("/watched/1"))[0] == 503
                assert (await browser.go("/open/1"))[0] == 200
                folder.unlink()
                (tmp_path / "moved").rename(folder)
                assert (await browser.go("/watched/1"))[0] == 200

                await browser.go("/.sekisho/logout")
                await browser.press()
            await asyncio.to_thread(until, lambda: entries(folder)[-1].get("verdict") == "signed_out")
            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(until, lambda: any(each["action"] == "reloaded" for each in entries(folder)))
            count = len(segments_in(folder))
            gateway.process.send_signal(signal.SIGUSR1)
            await asyncio.to_thread(until, lambda: len(segments_in(folder)) == count + 1)
        finally:
            await asyncio.to_thread(gateway.stop)
            await provider.stop()

    found = verified(folder, mirrored(mirror, keys), by=keys)
    assert found.faults == ()
    assert entries(folder)[-1]["action"] == "stopped"
    lost = [each["count"] for each in entries(folder) if each["action"] == "entries_lost"]
    assert lost == [2]
    written = "".join(path.read_text() for path in (*segments_in(folder), mirror))
    for told in (*PERSON.values(), provider.subject, *provider.codes, "1986-04-01"):
        assert len(told) < 3 or told not in written
    assert not any(cookie in written for cookie in browser.cookies.values() if len(cookie) > 20)

    # Root of this machine cuts the tail off: the mirror's reader sees it.
    last = segments_in(folder)[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join(lines[:-2]))
    (fault,) = verified(folder, mirrored(mirror, keys), by=keys).faults
    assert (fault.file, fault.line, fault.sequence) == (last.name, len(lines) - 2, json.loads(lines[-2])["sequence"])


def test_a_worker_that_dies_is_in_the_trail(tmp_path: Path, redis_url: str) -> None:
    """Its end with the cause, and the start of the one in its place."""
    folder = tmp_path / "audit"
    more = "audit: {directory: audit, keys: {file: audit.jwks}}\n"
    new_key(tmp_path / "audit.jwks", "ES256")
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis_url, 2, more=more)
        gateway.start()
        try:
            os.kill(gateway.workers()[0], signal.SIGKILL)
            assert gateway.next_notice() == "STATUS=a worker died and was started anew"
            until(lambda: any(each["action"] == "worker_started" for each in entries(folder)))
        finally:
            gateway.stop()

    told = [each for each in entries(folder) if each["action"].startswith("worker_")]
    died, started = told
    assert (died["action"], died["verdict"], died["count"], died["outcome"]) == ("worker_died", "signal", -9, "failed")
    assert (started["action"], started["object"], started["outcome"]) == ("worker_started", died["object"], "done")
