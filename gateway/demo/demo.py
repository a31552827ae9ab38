"""`sekisho demo` starts the provider, the gateway and five old applications on this machine, for one evening.

Everything is made anew in a folder that goes with the process: client keys, secrets, the settings that
it shows, the applications' files. The gateway itself is started as `sekisho run` starts it, from those
settings; only the provider is not what it would be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TextIO

import aiohttp
from joserfc import jwk

from gateway.demo.allowance import Allowance
from gateway.demo.bank import Bank
from gateway.demo.booking import Booking
from gateway.demo.courts import ACCOUNTS, COOKIE, LOCKS_AFTER, Courts
from gateway.demo.currency import Currency
from gateway.demo.emulator import REALM, EmulatorClient, EmulatorSettings, make_emulator, serve_emulator
from gateway.demo.emulator_signing import SigningContract
from gateway.demo.legacy import serving
from gateway.observe.structlog_setup import line_style, logging_aside
from gateway.observe.thread_lines import LineWriter
from gateway.portal.operators import TOKEN_BYTES, Role, new_token
from gateway.process.configuration import Configuration, read_configuration, reread_policies
from gateway.process.single import EXIT_OURS, EXIT_USERS, serve
from gateway.process.sockets import bind
from gateway.process.worker import ListeningSockets
from gateway.setup.pack import POLICIES
from gateway.yaml.mistakes import Mistakes

_CLIENT_ID = "RP00000001"
_PREFIX = "/.sekisho/"
_COURTS_POLICY = """\
policy: tennis-courts
title: {ja: テニスコートの予約, en: Tennis courts}
rules:
  - name: look around
    match: {path: [/, /style.css], method: [GET, HEAD]}
    allow: everyone
  - name: the rest
    allow: signed_in
    accounts: required
examples:
  - title: nobody needs an account to look
    request: GET /
    expect: allow
  - title: a booking is made for an old account
    who: {account: tanaka}
    request: POST /book.cgi
    expect: allow
"""
_READY_SECONDS = 30.0
_REDIS_SECONDS = 10.0


async def run_demo(port: int) -> int:
    """Run until SIGINT or SIGTERM; return the exit code."""
    with logging_aside(level="warning", prints=True, style=line_style(worker=1, form=None)) as lines:
        return await _run(port, lines)


async def _run(port: int, lines: LineWriter) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        door = bind(f"127.0.0.1:{port}")
    except OSError as error:
        _say(f"{error.strerror}; choose another port: PORT={port + 1 if port < 65535 else 8080}", sys.stderr)
        return EXIT_USERS
    async with AsyncExitStack() as stack:
        stack.enter_context(door)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sekisho-demo-")))
        store = await stack.enter_async_context(_store(folder))
        booking = stack.enter_context(
            serving(
                Booking(
                    folder / "booking.db",
                    logout_url=f"{_PREFIX}logout",
                    courts_url=f"http://courts.localhost:{port}/",
                )
            )
        )
        currency = stack.enter_context(serving(Currency(folder / "currency.db", logout_url=f"{_PREFIX}logout")))
        allowance = stack.enter_context(serving(Allowance(folder / "allowance.db", logout_url=f"{_PREFIX}logout")))
        bank_token = secrets.token_urlsafe(32)
        signatures = f"http://127.0.0.1:{port}{_PREFIX}signatures"
        bank_app = Bank(folder / "bank.db", signatures=signatures, token=bank_token, host=f"bank.localhost:{port}")
        bank = stack.enter_context(serving(bank_app))
        courts = stack.enter_context(serving(Courts(folder / "courts.db")))
        management_socket = stack.enter_context(bind("127.0.0.1:0"))
        key = jwk.ECKey.generate_key("P-256", {"kid": secrets.token_urlsafe(8), "use": "sig", "alg": "ES256"})
        origins = (
            f"http://localhost:{port}",
            f"http://wallet.localhost:{port}",
            f"http://allowance.localhost:{port}",
            f"http://bank.localhost:{port}",
            f"http://courts.localhost:{port}",
        )
        issuer = await _provider(stack, origins, key)
        settings = folder / "gateway.yaml"
        token, line = new_token("demo", secrets.token_bytes(TOKEN_BYTES), Role)
        for name, text in (
            ("client-keys.jwks", json.dumps({"keys": [key.as_dict(private=True)]})),
            ("secret", secrets.token_hex(32)),
            ("bank-token", bank_token),
            ("accounts.key", secrets.token_hex(32)),
            ("operators", line),
        ):
            _write_secret(folder / name, text)
        (folder / "courts.yaml").write_text(_COURTS_POLICY, encoding="utf-8")
        management = f"127.0.0.1:{management_socket.getsockname()[1]}"
        settings.write_text(
            _settings(
                listen=f"127.0.0.1:{port}",
                access_log=folder / "access.log",
                management=management,
                issuer=issuer,
                store=store,
                origins=origins,
                upstreams=(booking, currency, allowance, bank, courts),
                accounts=folder / "accounts.db",
            ),
            encoding="utf-8",
        )
        mistakes = Mistakes()
        configuration = read_configuration(settings, mistakes, {})
        if configuration is None:
            _say(mistakes.say(), sys.stderr)
            return EXIT_OURS
        if stop.is_set():
            return 0
        failed = False

        async def announce() -> None:
            nonlocal failed
            try:
                await _wait_until_ready(origins, port)
            except TimeoutError:
                failed = True
                _say(f"the demo did not become ready within {_READY_SECONDS:g} s", sys.stderr)
                os.kill(os.getpid(), signal.SIGTERM)
                return
            _say(_what_to_try(origins, management, issuer, settings, store, token))
            _say(f"ready: {origins[0]}/")

        announcing: list[asyncio.Task[None]] = []
        await serve(
            configuration,
            ListeningSockets(door),
            management_socket,
            lines,
            reread=_terminal_closed,
            reread_policies=_policies,
            ready=lambda: announcing.append(asyncio.create_task(announce())),
        )
        for task in announcing:
            task.cancel()
        await asyncio.gather(*announcing, return_exceptions=True)
        return EXIT_OURS if failed else 0


async def _policies(adopted: Configuration) -> Configuration | tuple[str, ...]:
    """Read the policies in this process: the demo has a handful, and one visitor."""
    mistakes = Mistakes()
    fresh = await asyncio.to_thread(reread_policies, adopted, mistakes)
    return tuple(map(str, mistakes)) or fresh


async def _terminal_closed(_: Configuration) -> None:
    """End as any program of that terminal does: nobody who closes it means to reload."""
    os.kill(os.getpid(), signal.SIGTERM)


async def _provider(stack: AsyncExitStack, origins: tuple[str, ...], key: jwk.ECKey) -> str:
    """Start the emulator, with us registered, and return its issuer."""
    door = stack.enter_context(bind("127.0.0.1:0"))
    issuer = f"http://localhost:{door.getsockname()[1]}{REALM}"
    client = EmulatorClient(
        _CLIENT_ID,
        tuple(f"{origin}{_PREFIX}callback" for origin in origins),
        {"keys": [key.as_dict(private=False)]},
        name="実演用の共通サービス",
        signing=SigningContract(),
    )
    runner = await serve_emulator(make_emulator(EmulatorSettings(issuer, (client,))), door)
    stack.push_async_callback(runner.cleanup)
    return issuer


@asynccontextmanager
async def _store(folder: Path) -> AsyncIterator[str]:
    """Yield the session store's setting: a Redis of our own if one can be started, otherwise memory."""
    program = shutil.which("redis-server")
    if program is None:
        yield "memory"
        return
    path = folder / "redis.sock"
    arguments = [
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--unixsocketperm",
        "700",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    # In a session of its own: Ctrl-C goes to the whole foreground group, and the gateway must drain while its store
    # is still there. Should we be killed outright, the kernel ends it.
    guard = shutil.which("setpriv")
    command = [*([guard, "--pdeathsig", "TERM", "--"] if guard else []), program, *arguments]
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - a program of this machine, started once, before anything is served
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield f"unix://{path}" if await _is_up(process, path) else "memory"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _is_up(process: subprocess.Popen[bytes], path: Path) -> bool:
    """Wait until Redis answers; False where it ends, or takes too long, instead."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _REDIS_SECONDS
    while not await _answers(path):
        if process.poll() is not None or loop.time() > end:
            return False
        await asyncio.sleep(0.02)
    return True


async def _answers(path: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    finally:
        writer.close()


async def _wait_until_ready(origins: tuple[str, ...], port: int) -> None:
    """Return once a stranger is shown the rooms, and a wallet's visitor is sent to the provider.

    Raises:
        TimeoutError: it takes too long.

    """
    asked = ((origins[0], HTTPStatus.OK), (origins[1], HTTPStatus.SEE_OTHER))
    navigating = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as client:
        for origin, wanted in asked:
            headers = {"Host": origin.removeprefix("http://"), **navigating}
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    url = f"http://127.0.0.1:{port}/"
                    async with client.get(url, headers=headers, allow_redirects=False) as answer:
                        if answer.status == wanted:
                            break
                await asyncio.sleep(0.05)


def _settings(
    *,
    listen: str,
    access_log: Path,
    management: str,
    issuer: str,
    store: str,
    origins: tuple[str, ...],
    upstreams: tuple[int, ...],
    accounts: Path,
) -> str:
    """Return a `gateway.yaml`, as an operator would have written it."""
    apps = (
        (
            "booking",
            "facility-booking",
            "公共施設予約システム運営事務局（実演用）",
            "Facility booking office (demo)",
            "YOYAKU_SESSION",
            ("施設予約", "Facility booking", "#0a6b3d"),
        ),
        (
            "wallet",
            "currency",
            "まちポイント事務局（実演用）",
            "Community currency office (demo)",
            "SAIFU_SESSION",
            ("まちポイント", "Community currency", "#8a3b12"),
        ),
        (
            "allowance",
            "child-allowance",
            "子育て支援課（実演用）",
            "Child support section (demo)",
            "TEATE_SESSION",
            ("児童手当", "Child allowance", "#1d5b3a"),
        ),
        (
            "bank",
            "bank-consent",
            "関所銀行（実演用）",
            "Sekisho Bank (demo)",
            "GINKO_SESSION",
            ("関所銀行", "Sekisho Bank", "#123a6b"),
        ),
        (
            "courts",
            "",
            "スポーツ振興課（実演用）",
            "Sports division (demo)",
            COOKIE,
            ("テニスコート予約", "Tennis courts", "#28506e"),
        ),
    )
    more = {
        "wallet": ["    home: /about"],
        "bank": [
            "    signing:",
            "      token: {file: bank-token}",
            "      from: [127.0.0.1]",
            "      consents:",
            "        - name: newest",
            "          receiver: {ja: 関所銀行（実演用）, en: Sekisho Bank (demo)}",
            "          purpose: {ja: 住所変更などのお手続きを省くため, en: To spare you notices of changes}",
            "          items: [name, address, birthdate]",
            "          withdraw: https://bank.example/withdraw",
        ],
        "courts": [
            "    accounts:",
            f"      store: {json.dumps(f'sqlite:{accounts}')}",
            "      key: {file: accounts.key}",
            "      tell: form",
            "      passwords: kept",
            "      recipe:",
            "        page: /login.cgi",
            "        user: user",
            "        password: pass",
            "        success: {status: 302, not_location: /login.cgi}",
            "        ended: /login.cgi",
            "        logout: /logout.cgi",
            "        signs_out: /logout.cgi",
            "        closed: [/login.cgi, /passwd.cgi]",
            f"        locks_after: {LOCKS_AFTER}",
        ],
    }
    lines = [
        f"listen: {listen}",
        f"management: {management}",
        "operators: {file: operators}",
        "drain_timeout: 2s",
        f"access_log: {json.dumps(str(access_log))}",
        "provider:",
        "  environment: emulator",
        f"  issuer: {issuer}",
        f"  client_id: {_CLIENT_ID}",
        "  keys: {file: client-keys.jwks}",
        "  contracted: [name, address, birthdate]",
        "sessions:",
        f"  store: {json.dumps(store)}",
        "  secret: {file: secret}",
        "signing: {pf_operator: 実演用のPF事業者}",
        "apps:",
    ]
    for (name, policy, ja, en, cookie, plate), origin, upstream in zip(apps, origins, upstreams, strict=True):
        service_ja, service_en, colour = plate
        lines += [
            f"  - name: {name}",
            f"    url: {origin}",
            f"    upstream: http://127.0.0.1:{upstream}",
            f"    policy: {json.dumps(str(POLICIES / f'{policy}.yaml')) if policy else 'courts.yaml'}",
            f"    operator: {{ja: {ja}, en: {en}}}",
            f"    privacy_policy: {origins[0]}/static/help.html",
            "    contact:",
            f"      url: {origins[0]}/static/help.html",
            '      phone: "00-0000-0000"',
            "      hours: {ja: 平日 8時30分〜17時（実演用）, en: 8:30 to 17:00 on weekdays (demo)}",
            "      counter: {ja: 区役所5階（実演用）, en: 'City hall, 5th floor (demo)'}",
            f"    brand: {{service: {{ja: {service_ja}, en: {service_en}}}, colour: '{colour}'}}",
            "    without_card:",
            f"      url: {origins[0]}/static/help.html",
            "      text: {ja: 窓口での申込み, en: Apply at the counter}",
            f"    application_cookies: [{cookie}]",
            *more.get(name, []),
        ]
    return "\n".join(lines) + "\n"


def _what_to_try(origins: tuple[str, ...], management: str, issuer: str, settings: Path, store: str, token: str) -> str:
    kept = "memory (with redis-server installed they would be in Redis)" if store == "memory" else store
    return f"""
Sekisho demo. Everyone here is made up, and everything is gone after Ctrl-C.

  Book a room    {origins[0]}/
                 Look around, then /reserve. Test card 1 pays the resident's fee, card 5 lives elsewhere,
                 card 10 is 17 years old, cards 2 and 3 are not valid.
  Pay a shop     {origins[1]}/
                 Card 4 may open an account, card 1 lives in another city.
  Claim money    {origins[2]}/
                 The form is signed with the card: cards 1 and 4 can, card 28 has no signing certificate.
  Ask a bank     {origins[3]}/
                 It asks for the newest name and address; the consent is signed.
  Book a court   {origins[4]}/
                 Nobody ever taught it anything. Any card, and once one of the old logins:
                 {", ".join(f"{login} ({password})" for login, password, _ in ACCOUNTS)}
  Old logins     {origins[0]}/static/help.html
  Console        http://{management}/console/
                 Its token is {token}
  Metrics        http://{management}/metrics
  Provider       {issuer}
  Settings       {settings}
  Sessions       {kept}
"""


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")


def _say(text: str, out: TextIO | None = None) -> None:
    stream = out or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()
