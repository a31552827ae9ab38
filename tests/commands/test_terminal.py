"""A terminal only draws the output of every command, even with hostile text in its files, its store and the network."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
import typer
from redis import Redis
from typer.testing import CliRunner

from gateway.audit.chain import BEGINNING, make_line
from gateway.cli import app
from gateway.commands.terminal import default_config, say, say_json, say_text, store_away
from gateway.errors import StoreFault, StoreUnavailableError
from gateway.identity import Identity, Scope
from gateway.limits.limits import LimitUse
from gateway.limits.redis_limits import RedisLimits
from gateway.login.jwcrypto_keys import new_key
from gateway.plain_text import OBEYED
from gateway.policy.subject_code import show_code, subject_code
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.request.support import support_number
from gateway.session.redis_sessions import open_sessions
from gateway.session.seal import Header, Secrets
from gateway.session.session import AllSessions, Session
from gateway.session.ticket import new_ticket
from gateway.settings.settings import SessionSettings
from tests.redis_server import redis_server

CLIENT = "RP00000001"
BAD = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eexe\u2028\u200b\x7f"
"""A window's title, a cleared screen, eight-bit colours, writing turned round, a separator, nothing, a rubout."""
YAML = '"\\e]0;owned\\a\\e[2J\\x9b31m\\u202eexe\\L\\u200b\\x7f"'
CODE = subject_code(CLIENT, "hanako")


@dataclass(frozen=True)
class Hostile:
    """A folder, a store and a network that belong to somebody else."""

    folder: Path
    session: str
    """The name of a session that is in order."""

    @property
    def config(self) -> str:
        return str(self.folder / "gateway.yaml")

    @property
    def broken(self) -> str:
        return str(self.folder / "broken.yaml")

    @property
    def policy(self) -> str:
        return str(self.folder / "policy.yaml")


class _Provider(BaseHTTPRequestHandler):
    """Answers everything with what a terminal would obey, in the body and in its head."""

    def do_GET(self) -> None:
        body = json.dumps({"issuer": BAD, "keys": [{"kid": BAD}], "error": BAD}).encode()
        self.send_response(200, "\x1b[2J")
        self.send_header("Content-Type", "application/json")
        self.send_header("Date", "\x1b[2J\x9b31m")
        self.send_header("Location", "\x1b]0;owned\x07")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 (the server's name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="network", scope="module")
def network_fixture() -> Iterator[int]:
    """A provider and an application at once."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="url", scope="module")
def url_fixture() -> Iterator[str]:
    """A Redis."""
    with redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction") as server:
        yield server.url


@pytest.fixture(name="hostile", scope="module")
def hostile_fixture(tmp_path_factory: pytest.TempPathFactory, network: int, url: str) -> Hostile:
    """Files, records and entries with everything in them that a terminal obeys, and one session that is in order."""
    folder = tmp_path_factory.mktemp("files") / "\x1b[2J\u202e\x9b31m"
    folder.mkdir()
    (folder / "secret").write_text(secrets.token_hex(32))
    new_key(folder / "keys.jwks", "ES256")
    (folder / "odd.jwks").write_text(json.dumps({"keys": [{"kid": BAD, "alg": BAD, "kty": BAD}, {"kid": BAD}, BAD]}))
    (folder / "invited.yaml").write_text(f"- {{subject: {show_code(CODE)}, note: {YAML}}}\n", encoding="utf-8")
    (folder / "policy.yaml").write_text(
        "policy: p\npurpose: {ja: 確認}\nconditions: {invited: {subject: {in: invited.yaml}}}\n"
        "rules: [{name: all, require: [invited]}]\n"
        "examples: [{title: t, who: {subject: x}, request: GET /, expect: allow}]\n",
        encoding="utf-8",
    )
    (folder / "odd.yaml").write_text(
        f"policy: {YAML}\ntitle: {{ja: {YAML}}}\npurpose: {{ja: {YAML}}}\nconditions: {{{YAML}: {{age: {YAML}}}}}\n"
        f"rules: [{{name: {YAML}, match: {{path: {YAML}}}, {YAML}: {YAML}, say: {{ja: {YAML}}}}}]\n"
        f"examples: [{{title: {YAML}, who: {YAML}, request: {YAML}, expect: {YAML}}}]\n",
        encoding="utf-8",
    )
    (folder / "table.csv").write_text(f"{BAD},題,誰\n{BAD},{BAD},{BAD}\n", encoding="utf-8")
    refused = {"time": time.time(), "request_id": BAD, "client": BAD, "method": BAD, "host": BAD, "path": f"/{BAD}"}
    refused |= {"app": BAD, "status": 400, "verdict": "error", "reason": BAD}
    found = (
        f"{BAD} request_id=hostile {BAD}\n{json.dumps({'request_id': 'hostile', 'path': BAD}, ensure_ascii=False)}\n"
    )
    (folder / "access.log").write_text(f"{json.dumps(refused)}\n{BAD}\n{found}", encoding="utf-8")
    (folder / "trail").mkdir()
    told = {"action": BAD, "time": BAD, "operator": BAD, "reason": BAD, "names": [BAD], "conditions": {BAD: BAD}}
    line, _ = make_line(told, BEGINNING)
    (folder / "trail" / "worker-1.000001.jsonl").write_bytes(line + json.dumps({BAD: BAD}).encode())
    (folder / "operators").write_text(f"ito {0:064x} look # {BAD}\n", encoding="utf-8")
    settings = f"""\
listen: 127.0.0.1:8080
provider:
  {{environment: emulator, issuer: 'http://localhost:{network}', client_id: {CLIENT}, keys: {{file: keys.jwks}}}}
sessions: {{store: '{url}', secret: {{file: secret}}}}
limits: {{store: '{url}'}}
switches: switches.json
aliases: aliases
operators: {{file: operators}}
apps: [{{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:{network}', policy: policy.yaml}}]
"""
    (folder / "gateway.yaml").write_text(settings, encoding="utf-8")
    broken = settings.replace("127.0.0.1:8080", YAML).replace("name: a", f"name: {YAML}, {YAML}: {YAML}")
    (folder / "broken.yaml").write_text(broken, encoding="utf-8")
    now = time.time()
    switch = {"since": now, "until": now + 3_600, "by": BAD, "reason": BAD}
    (folder / "switches.json").write_text(json.dumps({"typhoon": switch}))
    return Hostile(folder, asyncio.run(_fill(folder, url, now)))


async def _fill(folder: Path, url: str, now: float) -> str:
    redis = make_redis(parse_redis_url(url), RedisOptions(timeout=5.0))
    limits = RedisLimits(redis, timeout=5.0)
    secret = Secrets.parse((folder / "secret").read_text())
    sessions = await open_sessions(
        SessionSettings(store=url), secret, clock=time.time, random=secrets.token_bytes, background=False
    )
    person = Identity(CLIENT, "hanako", now, frozenset({Scope.OPENID}))
    pseudonym = secret.pseudonym(CLIENT, "hanako")
    await sessions.store.create(new_ticket(secrets.token_bytes(32)), Session(person, now, now + 3_600, pseudonym))
    await limits.reserve(LimitUse(BAD, BAD, BAD, CODE), BAD, now)
    name = (await anext(aiter(sessions.store.sessions(AllSessions())))).name
    await sessions.close()
    await limits.close()
    behind = Redis.from_url(url)
    packed = msgspec.msgpack.encode(Header(BAD, BAD, now, now, now + 3_600, BAD))
    record = b"\x01" + len(packed).to_bytes(2) + packed + bytes(64)
    for key in ("a" * 64, BAD):
        behind.set(f"sekisho:t:{{{key}}}", record)
        behind.set(f"sekisho:i:{{{key}}}", b"1", px=3_600_000)
        behind.zadd(f"sekisho:u:{pseudonym}", {key: now + 3_600})
    behind.close()
    return name


COMMANDS: dict[str, list[list[str]]] = {
    "init": [["{folder}", "--yes"], ["{folder}/new", "--city", BAD, "--service", BAD, "--yes"]],
    "check": [["-c", "{config}"], ["-c", "{broken}"]],
    "fleet": [["-c", "{config}"], ["-c", "{broken}"]],
    "doctor": [["-c", "{config}"], ["-c", "{config}", "--json"], ["-c", "{broken}"]],
    "support": [
        ["K7QM-2XHD", "{folder}/access.log", "{folder}/no.log"],
        [BAD, "-c", "{config}"],
        ["K7QM-2XHD", "-c", "{broken}"],
        ["{number}", "{folder}/access.log"],
    ],
    "registration": [["-c", "{config}"], ["-c", "{config}", "--json"], ["-c", "{broken}"]],
    "verify": [
        [BAD, "--keys", "{folder}/keys.jwks", "--audience", BAD],
        ["x.y.z", "--keys", "{folder}/no", "--audience", "a"],
    ],
    "workbench": [[BAD], ["{folder}", "--config", "{broken}"]],
    "upgrade-check": [["-c", "{config}"], ["-c", "{broken}"], ["-c", BAD]],
    "completion": [["bash"], ["zsh"], ["fish"], [BAD]],
    "policy test": [["{policy}", "{folder}/odd.yaml", "-v"], ["{policy}", "--table", "{folder}/table.csv"]],
    "policy check": [["{policy}"], ["{folder}/odd.yaml"], ["{folder}"], ["{policy}", "--day", YAML]],
    "policy words": [["{policy}"], ["{policy}", "--data-map"], ["{folder}/odd.yaml"]],
    "policy explain": [["{policy}", f"GET /{BAD}"], ["{policy}", "GET /a", "--json"], ["{folder}/odd.yaml", "GET /"]],
    "contract diff": [["{folder}/odd.yaml", "-c", "{config}"], ["{folder}/none", "-c", "{broken}"]],
    "contract calendar": [["2027-01-15"], [BAD]],
    "policy diff": [["{policy}", "{policy}"], ["{folder}/odd.yaml", "{policy}"], ["{policy}", "{policy}", "--at", BAD]],
    "policy replay": [
        ["{policy}", "{config}"],
        ["{folder}/odd.yaml"],
        ["{policy}", "--in-force", "{policy}", "{config}"],
    ],
    "policy candidate": [["{config}"], ["{config}", "--app", BAD, "--json"]],
    "policy fmt": [["--check", "{folder}/odd.yaml", BAD], [BAD]],
    "policy schema": [[]],
    "policy adopt": [["--all", "--reason", BAD, "-c", "{config}"], [BAD, "--reason", "r", "-c", "{config}"]],
    "keys list": [["{folder}/keys.jwks"], ["{folder}/odd.jwks"], ["{folder}/none.jwks"]],
    "keys jwks": [["{folder}/keys.jwks"], ["{folder}/odd.jwks"]],
    "keys new": [["{folder}/more.jwks"], ["{folder}/odd.jwks"]],
    "keys rotate": [["{folder}/keys.jwks"], ["{folder}/odd.jwks"]],
    "keys retire": [["{folder}/keys.jwks", BAD], ["{folder}/odd.jwks", BAD]],
    "sessions list": [["--all", "-c", "{config}"], ["--client", CLIENT, "--subject", "hanako", "-c", "{config}"]],
    "sessions show": [["{session}", "-c", "{config}"], [BAD, "-c", "{config}"]],
    "sessions revoke": [["--session", BAD, "--reason", BAD, "-c", "{config}"]],
    "sessions secrets": [["-c", "{config}"]],
    "operators list": [["-c", "{config}"], ["-c", "{broken}"]],
    "operators add": [[BAD, "--role", BAD, "-c", "{config}"], ["sato", "--role", "look", "-c", "{config}"]],
    "operators remove": [[BAD, "-c", "{config}"], ["ito", "-c", "{config}"]],
    "audit verify": [["--directory", "{folder}/trail", "--keys", "{folder}/keys.jwks"], ["-c", "{broken}"]],
    "audit search": [["--directory", "{folder}/trail"], ["--action", BAD, "--since", BAD]],
    "audit export": [["--directory", "{folder}/trail"], ["--directory", "{folder}/trail", "--format", "csv"]],
    "subjects list show": [["{folder}/invited.yaml"], ["{folder}/odd.yaml"], [BAD]],
    "subjects list add": [["{folder}/invited.yaml", "--until", BAD], ["{folder}/odd.yaml"], [BAD, "--from", BAD]],
    "subjects list remove": [["{folder}/invited.yaml"], ["{folder}/odd.yaml", "--from", BAD], [BAD]],
    "subjects show": [[CLIENT, "hanako", "-c", "{config}"], [BAD, "hanako", "-c", "{config}"]],
    "subjects erase": [[BAD, "hanako", "--reason", BAD, "-c", "{config}"]],
    "accounts list": [["-c", "{config}"], ["--app", BAD, "-c", "{config}"], ["-c", BAD]],
    "accounts show": [[BAD, "-c", "{config}"]],
    "accounts find": [[BAD, "-c", "{config}"]],
    "accounts link": [[BAD, BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts unlink": [[BAD, BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts dismiss": [[BAD, BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts hand-over": [[BAD, BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts role": [[BAD, BAD, BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts ask-again": [[BAD, BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts put": [[BAD, "group", "--title", BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts unlock": [[BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts remove": [[BAD, "--reason", BAD, "-c", "{config}"]],
    "accounts import": [["{folder}/odd.yaml", "--reason", BAD, "-c", "{config}"]],
    "accounts export": [["--reason", BAD, "-c", "{config}"]],
    "accounts reseal": [["-c", "{config}"]],
    "subjects seal-aliases": [["-c", "{config}"], ["-c", BAD]],
    "subjects alias": [[BAD, BAD, "--reason", BAD, "-c", "{config}"]],
    "signature document": [
        ["{folder}/odd.yaml", "--title", BAD],
        ["{folder}/no", "--title", BAD, "--write", "digest-info"],
    ],
    "signature verify": [
        [
            "{folder}/odd.yaml",
            "--signature",
            "{folder}/odd.yaml",
            "--certificate",
            "{folder}/odd.yaml",
            "-c",
            "{config}",
        ],
        ["{folder}/no", "--signature", "{folder}/no", "--certificate", "{folder}/no", "-c", "{broken}"],
    ],
    "signature export": [
        ["--id", "i" * 43, "--reason", BAD, "-c", "{config}"],
        ["--client", BAD, "--subject", BAD, "--reason", BAD, "-c", "{config}"],
    ],
    "signature erase": [
        ["--client", CLIENT, "--subject", "hanako", "--reason", BAD, "-c", "{config}"],
        ["--pseudonym", BAD, "--reason", BAD, "-c", "{config}"],
    ],
    "apps report": [["{folder}/access.log"], ["{folder}/no.log"], ["-c", "{config}"]],
    "limits show": [[CODE, "-c", "{config}"], [BAD, "-c", "{config}"]],
    "limits give-back": [[CODE, "9", "--reason", BAD, "-c", "{config}"]],
    "switch on": [
        ["storm", "--for", "1h", "--reason", BAD, "-c", "{config}", "--force"],
        [BAD, "--for", BAD, "--reason", "r", "-c", "{config}"],
    ],
    "switch off": [["storm", "-c", "{config}"], [BAD, "-c", "{config}"]],
    "switch list": [["-c", "{config}"], ["-c", "{broken}"]],
}
"""How each command is called with what is not its operator's own."""

LASTING = frozenset({"run", "demo", "emulator"})
"""Commands that run until they are told to stop: what they say goes through the log's writer, or `say`."""


def _commands(group: typer.Typer, before: str = "") -> Iterator[str]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield before + (command.name or command.callback.__name__.replace("_", "-"))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from _commands(inner.typer_instance, f"{before}{inner.typer_instance.info.name} ")


def test_every_command_is_in_the_table() -> None:
    """A new command needs a row here, with arguments that come from somebody other than its operator."""
    assert set(_commands(app)) == COMMANDS.keys() | LASTING


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        pytest.param(command, arguments, id=f"{command} {number}")
        for command, calls in COMMANDS.items()
        for number, arguments in enumerate(calls)
    ],
)
@pytest.mark.parametrize("locale", ["C.UTF-8", "ja_JP.UTF-8"])
def test_a_terminal_draws_whatever_a_command_prints(
    command: str, arguments: list[str], locale: str, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, records, entries and answers of others bring no character that it would obey, and no traceback."""
    monkeypatch.setenv("LC_ALL", locale)
    places = {
        "{config}": hostile.config,
        "{broken}": hostile.broken,
        "{policy}": hostile.policy,
        "{session}": hostile.session,
        "{number}": support_number("hostile"),
    }
    filled = [places.get(word, word.replace("{folder}", str(hostile.folder))) for word in arguments]

    result = CliRunner().invoke(app, [*command.split(" "), *filled])

    printed = result.stdout + result.stderr
    assert OBEYED.findall(printed.replace("\n", "").replace("\t", "")) == [], printed
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    # `audit verify` ends with 3 where it finds a change.
    assert result.exit_code in (0, 2, 3), printed
    assert printed


def test_a_field_is_one_field(capsys: pytest.CaptureFixture[str]) -> None:
    """A tab and a line end in it pass for no other field and no other line."""
    say("a\tb\nc", 7)
    say_text("one\ttwo\nthree \x1b[2J")
    say_json(json.dumps({"a": BAD}, ensure_ascii=False, indent=2))

    out = capsys.readouterr().out
    field, text, more, *document = out.splitlines()
    assert field == "a\\x09b\\x0ac\t7"
    assert (text, more) == ("one\ttwo", "three \\x1b[2J")
    assert json.loads("\n".join(document)) == {"a": BAD}
    assert OBEYED.findall(out.replace("\n", "").replace("\t", "")) == []


@pytest.mark.parametrize(
    ("there", "taken"),
    [((), "here"), (("here",), "here"), (("installed",), "installed"), (("here", "installed"), "here")],
)
def test_a_command_that_names_no_settings_takes_those_of_the_service(
    tmp_path: Path, there: tuple[str, ...], taken: str
) -> None:
    """The folder's own come first; without either, the mistake names the folder's."""
    for name in there:
        (tmp_path / name).touch()

    assert default_config(tmp_path / "here", tmp_path / "installed") == tmp_path / taken


@pytest.mark.parametrize(("language", "words"), [("C", "try again"), ("ja_JP.UTF-8", "もう一度実行してください")])
def test_an_operator_reads_in_her_language_that_a_store_is_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    """With the fault in a word, and the exit code that asks for another try."""
    monkeypatch.setenv("LC_ALL", language)

    ended = store_away("limits", StoreUnavailableError(StoreFault.TIMEOUT))

    said = capsys.readouterr().err
    assert said.startswith("sekisho limits: ")
    assert "`timeout`" in said
    assert words in said
    assert ended.exit_code == 1
