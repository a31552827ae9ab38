"""Sekisho as it is run for real: a session in Redis, a policy of twenty rules, metrics and access log on.

The session is made as any other, by a sign-in at the emulator, which runs on the load's core.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from jwcrypto import jwk

from benchmarks.browser import Browser
from benchmarks.certificates import certify
from benchmarks.peer import Running, SignIn
from benchmarks.peers.nginx_asking import asking
from benchmarks.programs import LOAD_CORE, PEER_CORE, BenchmarkError, Program, free_port, get, running
from benchmarks.surroundings import BODY, Surroundings

CLIENT = "RP00000001"

_WORKERS_SECONDS = 60.0
"""Seconds that a second worker may take to come up."""

_SETTINGS = """\
listen: 127.0.0.1:{port}
trusted_proxies: {trusted}
management: 127.0.0.1:{management}
workers: {workers}
provider:
  environment: emulator
  issuer: http://localhost:{emulator}/api/realms/main
  client_id: {client}
  keys: {{file: client-keys.jwks}}
  contracted: [name, address, birthdate]
sessions:
  store: {store}
traffic:
  connections_per_address: 20000
rates:
  # Everybody of the measurement comes from one address.
  sign_ins_per_address: 1000000
  sign_ins: 1000000
  callbacks_per_address: 1000000
  callbacks: 1000000
access_log: {folder}/access.log
apps:
"""

_APP = """\
  - name: {name}
    url: {url}
    {bytes_by}
    policy: policy.yaml
    operator: {{ja: 計測}}
    privacy_policy: {url}/privacy
    contact: {url}/contact
"""

_POLICY = """\
policy: measured
title: {ja: 計測, en: Measured}
purpose: {ja: 計測のため, en: To measure}
conditions:
  adult:
    age: {at_least: 18}
    if_not: {ja: 18歳以上の方が利用できます。}
  resident:
    residence: {in: [東京都渋谷区]}
rules:
"""


def policy(rules: int) -> str:
    """Return a policy of so many rules, of which the last fits."""
    early = [
        f"  - name: area {number}\n    match: {{path: /area-{number}/**, method: [GET, POST]}}\n    allow: signed_in\n"
        for number in range(rules - 1)
    ]
    last = "  - name: the rest\n    require: [adult]\n    disclose: [subject, name, resident]\n"
    return _POLICY + "".join(early) + last


class Sekisho:
    """The gateway itself."""

    name = "sekisho"

    def __init__(  # noqa: PLR0913 (each is a size or a shape of its own)
        self,
        *,
        rules: int = 20,
        apps: int = 1,
        workers: int = 1,
        memory: bool = False,
        asked: bool = False,
        own_policies: bool = False,
        tls: bool = False,
        apart: bool = False,
        name: str = "sekisho",
    ) -> None:
        """Take its size; `asked`: nginx has the bytes, and asks about each request (`auth_request`)."""
        self.rules, self.apps, self.workers, self.memory, self.asked = rules, apps, workers, memory, asked
        self.tls = tls
        self.apart = apart
        """Whether the last worker runs on the load's core, so that each has a core of its own."""
        self.own_policies = own_policies
        """Whether each App has a file of its own, `policy-NUMBER.yaml`, and the first one's is `policy.yaml`."""
        self.name = name
        self.what = f"session in {'memory' if memory else 'Redis'}, {rules} rules, metrics, access log"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it, and an emulator to sign in at, for the length of a block."""
        folder = around.folder / self.name
        folder.mkdir(exist_ok=True)
        port, emulator, management, front = free_port(), free_port(), free_port(), free_port()
        public = front if self.asked else port
        origin = f"{'https' if self.tls else 'http'}://localhost:{public}"
        bytes_by = "mode: forward_auth" if self.asked else f"upstream: http://127.0.0.1:{around.upstream}"
        key = jwk.JWK.generate(kty="EC", crv="P-256", kid="measured", alg="ES256", use="sig")
        (folder / "client-keys.jwks").write_text(json.dumps({"keys": [key.export_private(as_dict=True)]}))
        (folder / "client-keys.jwks").chmod(0o600)
        published = folder / "public.jwks"
        published.write_text(json.dumps({"keys": [key.export_public(as_dict=True)]}))
        (folder / "secret").write_text(secrets.token_urlsafe(48) + "\n")
        (folder / "secret").chmod(0o600)
        (folder / "policy.yaml").write_text(policy(self.rules))
        text = _SETTINGS.format(
            port=port,
            trusted="[127.0.0.1]" if self.asked else "[]",
            management=management,
            workers=self.workers,
            emulator=emulator,
            client=CLIENT,
            store="memory" if self.memory else f"redis://127.0.0.1:{around.redis}/0\n  secret: {{file: secret}}",
            folder=folder,
        )
        if self.tls:
            certificate, private = certify(around.folder)
            text = f"tls: {{certificate: {certificate}, key: {private}}}\n{text}"
        text += _APP.format(name="measured", url=origin, bytes_by=bytes_by)
        for number in range(self.apps - 1):
            url = f"http://app-{number}.localhost:{public}"
            app = _APP.format(name=f"app-{number}", url=url, bytes_by=bytes_by)
            if self.own_policies:
                app = app.replace("policy.yaml", f"policy-{number}.yaml")
                (folder / f"policy-{number}.yaml").write_text(policy(self.rules))
            text += app
        (folder / "gateway.yaml").write_text(text)
        environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        stand_in = [sys.executable, "-m", "benchmarks.peers.sekisho", str(emulator), str(published)]
        stand_in += [f"{origin}/.sekisho/callback"]
        gateway = [sys.executable, "-m", "gateway", "run", "-c", str(folder / "gateway.yaml")]
        with (
            running(
                f"{self.name}-emulator",
                stand_in,
                core=LOAD_CORE,
                folder=folder,
                ready=emulator,
                environment=environment,
            ),
            running(self.name, gateway, core=PEER_CORE, folder=folder, ready=port, environment=environment) as program,
            asking(around, front, port) if self.asked else contextlib.nullcontext() as nginx,
        ):
            sign_in = SignIn(f"{origin}/", {"response": "normal", "card": "1"})
            with contextlib.closing(Browser()) as browser:
                cookies = browser.walk(sign_in.url, BODY.encode(), sign_in.answers)
            if self.apart:
                _set_apart(program)
            headers = {
                "Host": f"localhost:{public}",
                "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items() if "login" not in name),
            }
            status, told = get(public, "/told", headers, tls=self.tls)
            if status != 200 or not told:
                raise BenchmarkError(f"the gateway forwards no subject (status {status})")
            if nginx is None:
                yield Running(program, port, headers, sign_in)
                return
            words = {
                "X-Forwarded-For": "127.0.0.1",
                "X-Original-Method": "GET",
                "X-Original-Scheme": "http",
                "X-Original-Host": headers["Host"],
                "X-Original-URI": "/",
            }
            whole = Running(nginx, front, headers)
            yield Running(program, port, headers | words, path="/.sekisho/auth/nginx", front=whole)


def _set_apart(program: Program) -> None:
    """Move the last worker, with its threads, to the load's core, as soon as both are there."""
    workers: list[int] = []
    until = time.monotonic() + _WORKERS_SECONDS
    while len(workers) < 2:
        if time.monotonic() > until:
            raise BenchmarkError("the gateway has no second worker")
        named = [(pid, Path(f"/proc/{pid}/comm")) for pid in program.pids()]
        workers = [pid for pid, name in named if name.exists() and name.read_text().startswith("sekisho-worker")]
    for thread in Path(f"/proc/{workers[-1]}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {LOAD_CORE})


def main() -> None:
    """Serve the emulator until terminated: port, public keys of the client, redirect URI."""
    from gateway.demo.emulator import EmulatorClient, run_emulator  # noqa: PLC0415 - only this process needs it

    port, keys, redirect = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    asyncio.run(run_emulator(port, (EmulatorClient(CLIENT, (redirect,), keys),)))


if __name__ == "__main__":
    main()
