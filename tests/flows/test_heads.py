"""The application receives the target that the policy judged, byte for byte, for every kind of head."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS

from gateway.identity import Birthdate, Identity, Scope
from gateway.login.jwcrypto_keys import new_key
from tests.builders import CLIENT
from tests.flows.gateway_process import PATIENCE, GatewayProcess
from tests.flows.heads import APPS, SPOOFED, Case, HeadMaker
from tests.flows.real_upstreams import RealUpstream, real_upstream

POLICY = """\
policy: heads
title: {ja: 試験, en: Test}
purpose: {ja: 試験のため, en: For a test}
conditions:
  adult: {age: {at_least: 18}, if_not: {ja: 18歳以上の方が利用できます。}}
rules:
  - {name: secret, match: {path: /secret/**}, allow: nobody}
  - {name: mine, match: {path: /mine/**}, allow: signed_in, disclose: [subject, name, adult]}
  - {name: open, match: {path: /open/**}, allow: everyone, disclose: [subject]}
"""
OPTIONS = {
    "nginx": "",
    "gunicorn": "    paths: {parameters: keep, merge_slashes: true}\n    headers: {odd_names: keep}\n",
    "php": "    paths: {ignore_case: true}\n    headers: {odd_names: keep}\n",
}
LANES = 6
"""Connections at once to each App."""
ASSERTION = "X_VERIFIED_ASSERTION"
TOLD = ("X_VERIFIED_SUBJECT", "X_VERIFIED_NAME", "X_VERIFIED_ADULT")


def identity(subject: str, name: str, year: int) -> Identity:
    asked = frozenset({Scope.OPENID, Scope.NAME, Scope.BIRTHDATE})
    return Identity(CLIENT, subject, time.time() - 60, asked, name=name, birthdate=Birthdate(year, 4, 1))


PEOPLE = (identity("hanako-0001", "髙橋　花子", 1986), identity("taro-0002", "山田　太郎", 2015))
NAMES = {"hanako-0001": "髙橋　花子", "taro-0002": "山田　太郎"}
ADULT = {"hanako-0001": "yes", "taro-0002": "no"}


@dataclass
class Place:
    """A gateway before the three servers, and who is signed in."""

    gateway: GatewayProcess
    upstreams: dict[str, RealUpstream]
    people: list[tuple[Identity, str]]

    def access_lines(self, count: int) -> dict[str, dict[str, Any]]:
        """Return the access lines by request id, once so many are there: a thread writes them now and then."""
        deadline = time.monotonic() + PATIENCE
        lines: list[str] = []
        while time.monotonic() < deadline:
            lines = (self.gateway.folder / "access.log").read_text().splitlines()
            if len(lines) >= count:
                return {line["request_id"]: line for line in map(json.loads, lines)}
            time.sleep(0.05)  # noqa: TID251 - a log file tells nobody that it has grown
        raise AssertionError(f"{len(lines)} access lines of {count}")


@pytest.fixture
async def place(tmp_path: Path, redis_url: str) -> AsyncIterator[Place]:
    with ExitStack() as running:
        upstreams = {name: running.enter_context(real_upstream(name, tmp_path / name)) for name in APPS}
        gateway = GatewayProcess(tmp_path, 1, redis_url, policy=POLICY)
        new_key(tmp_path / "assertion.jwks", "ES256")
        before, _, _ = gateway.settings.read_text().partition("apps:\n")
        before = before.replace(
            "  keys: {file: keys.jwks}\n", "  keys: {file: keys.jwks}\n  contracted: [name, birthdate]\n"
        )
        apps = "".join(
            f"  - name: {name}\n    url: http://{name}.localhost:{gateway.port}\n"
            f"    upstream: http://127.0.0.1:{upstreams[name].port}\n    policy: policy.yaml\n"
            "    operator: {ja: 試験市}\n    privacy_policy: http://localhost/privacy\n"
            f"    contact: http://localhost/contact\n{OPTIONS[name]}"
            for name in APPS
        )
        more = "access_log: access.log\nassertion: {keys: {file: assertion.jwks}}\n"
        gateway.settings.write_text(f"{before}apps:\n{apps}{more}", encoding="utf-8")
        try:
            await asyncio.to_thread(gateway.start)
            people = [(person, await gateway.sign_in(person)) for person in PEOPLE]
            yield Place(gateway, upstreams, people)
        finally:
            await asyncio.to_thread(gateway.stop)


async def answers(port: int, cases: list[Case], statuses: dict[str, int]) -> None:
    """Send cases over kept connections, some at once with those before them, and note each status."""
    waiting = list(reversed(cases))
    while waiting:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            open_ = True
            while open_ and waiting:
                batch = [waiting.pop()]
                # Pipelined, now and then; behind one that ends the connection nothing would be read.
                while waiting and not batch[-1].closes and len(batch) < 1 + int(batch[0].number[-1]) // 3:
                    batch.append(waiting.pop())
                writer.write(b"".join(case.data for case in batch))
                for position, case in enumerate(batch):
                    statuses[case.number], open_ = await _answer(reader, case)
                    if not open_:
                        waiting += reversed(batch[position + 1 :])
                        break
        finally:
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, case: Case) -> tuple[int, bool]:
    """Read one whole answer; return its status and whether the connection may be used on."""
    try:
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            while head.startswith(b"HTTP/1.1 100 "):
                head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            status = int(head[9:12])
            if case.refused:
                # Whether it has a body depends on what was understood of the head; the connection ends in any case.
                return status, False
            bodiless = case.method == "HEAD"
            if b"chunked" in fields.get(b"transfer-encoding", b"") and not bodiless:
                while await reader.readuntil(b"\r\n") != b"0\r\n":
                    await reader.readuntil(b"\r\n")
                await reader.readuntil(b"\r\n")
            elif b"content-length" in fields and not bodiless:
                await reader.readexactly(int(fields[b"content-length"]))
            elif not bodiless and status not in (204, 304):
                await reader.read()
                return status, False
    except asyncio.IncompleteReadError as cut:
        raise AssertionError(f"cut short after {cut.partial!r}: {case}") from cut
    return status, fields.get(b"connection") != b"close"


async def storm_of_heads(place: Place, count: int, seed: int) -> None:
    """Send so many heads, and hold what arrived against what was meant and what policy saw."""
    maker = HeadMaker(Random(seed), place.gateway.port, place.people)
    cases = [maker.case(APPS[number % len(APPS)]) for number in range(count)]
    statuses: dict[str, int] = {}
    lanes = [cases[lane :: LANES * len(APPS)] for lane in range(LANES * len(APPS))]

    await asyncio.gather(*(answers(place.gateway.port, lane, statuses) for lane in lanes))

    lines = await asyncio.to_thread(place.access_lines, count)
    keys = JWKSet.from_json((place.gateway.folder / "assertion.jwks").read_text())
    verified: dict[str, dict[str, Any]] = {}
    faults: list[str] = []
    arrived: Counter[str] = Counter()
    known = {case.number: case for case in cases}
    for upstream in place.upstreams.values():
        for record in upstream.records():
            number = record["headers"].get("X_CASE", "none")
            arrived[number] += 1
            case = known.get(number)
            if case is None or not case.arrives:
                faults.append(f"never to arrive: {record} of {case}")
                continue
            line = lines.get(record["headers"].get("X_REQUEST_ID", ""))
            if line is None:
                faults.append(f"no access line: {record} of {case}")
                continue
            faults += [f"{fault}: {record} of {case}, {line}" for fault in differences(upstream, record, case, line)]
            token = record["headers"].get(ASSERTION, "")
            claims = verified.get(token) or verified.setdefault(token, _claims(token, keys))
            if claims.get("sub") != (None if case.who is None else case.who.subject) or claims["rule"] != line["rule"]:
                faults.append(f"asserted {claims}: {case}")
    for case in cases:
        faults += wrong_status(case, statuses[case.number])
        if arrived[case.number] != case.arrives:
            faults.append(f"arrived {arrived[case.number]} times: {case}")
    assert not faults, f"{len(faults)} of {count}, seed {seed}:\n" + "\n".join(fault[:3000] for fault in faults[:5])
    assert sum(arrived.values()) > count / 3
    assert verified


def _claims(token: str, keys: JWKSet) -> dict[str, Any]:
    signed = JWS()
    signed.deserialize(token)
    signed.verify(next(iter(keys["keys"])))
    claims: dict[str, Any] = json.loads(signed.payload)
    return claims


def wrong_status(case: Case, status: int) -> list[str]:
    """Say what is wrong with the status that a case got."""
    if case.refused:
        right = 400 <= status < 600 and status not in (401, 403, 404, 502, 503, 504)
    elif case.rule == "mine" and case.who is None:
        right = status == 401
    else:
        right = status == (200 if case.arrives else 403)
    return [] if right else [f"status {status}: {case}"]


def differences(upstream: RealUpstream, record: dict[str, Any], case: Case, line: dict[str, Any]) -> list[str]:
    """Return in what the application's reading of a request differs from what was meant, and what policy saw."""
    headers: dict[str, str] = record["headers"]
    path, mark, query = record["target"].partition("?")
    found: dict[str, tuple[object, object]] = {
        "method": (record["method"], case.method),
        "policy's method": (line["method"], case.method),
        "policy's path": (line["path"], case.path),
        "target's path": (unquote(path, errors="strict"), case.path),
        "the server's own path": (record["path"], case.path),
        "query": (query if mark else None, case.query),
        "rule": (line["rule"], f"heads/{case.rule}"),
        "verdict": (line["verdict"], "permit"),
        "body": (record["body"], case.body.decode("latin-1")),
        "bytes": (line.get("bytes_in", 0), len(case.body)),
        "coding": (headers.get("TRANSFER_ENCODING", ""), ""),
        "cookies": (headers.get("COOKIE", ""), case.cookies),
        "client": (headers.get("X_FORWARDED_FOR"), "127.0.0.1"),
        "host": (headers.get("X_FORWARDED_HOST"), line["host"]),
        "Host": (headers.get("HOST"), line["host"]),
        "scheme": (headers.get("X_FORWARDED_PROTO"), "http"),
        "session": (line["session"] != "", case.who is not None),
    }
    # A body in chunks is counted first, because some servers know no chunks.
    lengths = ("", "0") if case.framing == "empty" else (str(len(case.body)),)
    if record["length"] not in lengths:
        found["length"] = (record["length"], lengths)
    answered: dict[str, str | None] = dict.fromkeys(TOLD)
    if case.who is not None:
        subject = case.who.subject
        answered["X_VERIFIED_SUBJECT"] = subject
        if case.rule == "mine":
            answered |= {"X_VERIFIED_NAME": NAMES[subject], "X_VERIFIED_ADULT": ADULT[subject]}
    for name in TOLD:
        value = headers.get(name)
        found[name] = (value if value is None else unquote(value), answered[name])
    # `_` and its like may be folded onto `-`; what is told, is told once and under this name alone.
    expected = {name for name, value in answered.items() if value is not None}
    found["names"] = ({name for name in headers if "VERIFIED" in name}, expected | {ASSERTION})
    for name in ("X_TRIP_0", "X_TRIP_1", "X_TRIP_2"):
        found[name] = (headers.get(name), case.trips.get(name))
    found["spoofed"] = (SPOOFED in json.dumps({**record, "body": ""}), False)
    return [f"{upstream.name}: {what} `{got}`, not `{meant}`" for what, (got, meant) in found.items() if got != meant]


@pytest.mark.timeout(180)
async def test_what_policy_saw_is_what_the_application_received(place: Place) -> None:
    """2,000 heads, honest and odd, through to nginx, gunicorn and PHP."""
    await storm_of_heads(place, 2_000, seed=20261123)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_hundred_thousand_heads(place: Place) -> None:
    """The same at length."""
    await storm_of_heads(place, 100_000, seed=86_400)
