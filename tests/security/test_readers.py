"""Everything that is read from outside the process, fuzzed: records, keys, lists, tables, the provider, tokens, forms.

No exception but the reader's own leaves it, nothing raw reaches a terminal, no example takes long, and memory stays
bounded. `SEKISHO_FUZZ_SECONDS` says for how long in all; `make test-long` takes ten minutes, `make test` a few seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from redis import Redis

from gateway.commands.sessions import session_fields
from gateway.commands.terminal import say, say_json, say_text
from gateway.errors import ProviderRefusedError, ProviderUnavailableError, SignInInvalidError, StoreUnavailableError
from gateway.headers.assertion import AssertionKeys, AssertionKeysError, AssertionRefusedError, verify
from gateway.identity import Scope
from gateway.limits.redis_limits import RedisLimits, _read_entry, _read_key
from gateway.login.aiohttp_provider import LARGEST_ANSWER, AiohttpProvider
from gateway.login.aliases import AliasError, lines_naming, read_aliases
from gateway.login.claims import Expected, VerificationKey, read_id_token, read_userinfo, verified_claims
from gateway.login.doctor import clock_finding
from gateway.login.jwks import read_jwks
from gateway.login.keys import KeySet, KeySetError, read_key_set, signing_key
from gateway.login.login import oauth_error, read_token_answer
from gateway.login.logout import LogoutExpected, read_logout_form, read_logout_token
from gateway.login.profile import Metadata, lifetime, read_metadata
from gateway.observe.redact import allowed
from gateway.plain_text import OBEYED, printable_json
from gateway.policy.authoring.tables import read_table
from gateway.policy.losses import AdoptionsError, read_adoptions
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.switches import SwitchesError, read_switches
from gateway.portal.hosts import may_ask
from gateway.portal.language import preferred
from gateway.portal.operators import new_token, read_operators
from gateway.redis_client import RedisOptions, make_redis, number_of_reply, parse_redis_url
from gateway.request.kept_form import read_form
from gateway.request.media_type import media_type
from gateway.session.redis_sessions import open_sessions
from gateway.session.redis_store import _ended_at, _instant
from gateway.session.redis_tracking import TrackingConnection
from gateway.session.seal import Secrets, read_header, seal, unseal
from gateway.session.session import AllSessions, OneSession, Selector, SubjectSessions
from gateway.session.ticket import find_ticket, new_ticket, ticket_name
from gateway.settings.check import check_settings, read_settings
from gateway.settings.settings import ProviderSettings, SessionSettings
from gateway.settings.typed import Reading
from gateway.strict_json import NotJsonError, read_json_object, read_struct
from gateway.yaml.mistakes import Mistakes
from tests.builders import CLIENT, NOON, session
from tests.login.conftest import Calls
from tests.security.mutations import mutated

SHORT, LONG = 8.0, 600.0
"""Seconds for all readers together."""

SLOWEST = 4.0
"""Seconds of our processor that one example may take on a busy machine: what is quadratic takes far longer."""

MOST_GROWN = 96
"""MiB that reading may leave behind."""

TODAY = date(2026, 11, 23)
KEY = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"}, auto_kid=False)
KEYS = (VerificationKey("k1", "ES256", KEY),)
TICKET = new_ticket(bytes(range(32)))
SECRETS = Secrets.parse("a secret for tests, longer than 32 bytes")
ISSUER = "https://idp.test/realms/main"
EXPECTED = Expected(ISSUER, CLIENT, "nonce", "access", ("ES256",), NOON - 60, NOON, 10.0)
ALL = frozenset(Scope)
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Reader:
    """One reader of what comes from outside."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    own: tuple[type[Exception], ...] = ()
    """The exceptions that it may raise, with texts that are printed."""


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _members(data: bytes) -> dict[str, Any]:
    return read_json_object(data, LARGEST_ANSWER)


def _signed(data: bytes) -> str:
    """Return a token with this payload, signed by the provider: only then is it read at all."""
    return jws.serialize_compact({"alg": "ES256", "kid": "k1"}, data, KEY)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _mistakes(mistakes: Mistakes) -> None:
    said = mistakes.say()
    assert not OBEYED.search(said.replace("\n", "")), said
    say_text(said)


def _policy(data: bytes) -> None:
    mistakes = Mistakes()
    parse_policy(data, mistakes, folder=Path("/nonexistent"))
    _mistakes(mistakes)


@cache
def _folder() -> Path:
    folder = Path(os.environ.get("PYTEST_TMP", "/tmp")) / f"sekisho-readers-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    return folder


def _list(data: bytes) -> None:
    (_folder() / "list.yaml").write_bytes(data)
    mistakes = Mistakes()
    rules = b"rules: [{name: r, require: [listed]}]\n"
    parse_policy(b"policy: p\nconditions: {listed: {subject: {in: list.yaml}}}\n" + rules, mistakes, folder=_folder())
    _mistakes(mistakes)


def _settings(data: bytes) -> None:
    file = _folder() / "gateway.yaml"
    file.write_bytes(data)
    mistakes = Mistakes()
    reading = Reading(_folder(), mistakes)
    settings = read_settings(file, reading)
    if settings is not None:
        check_settings(settings, reading)
    _mistakes(mistakes)


@cache
def _one_policy() -> Policy:
    policy = parse_policy("policy: p\nrules: [{name: r, allow: everyone}]\n", Mistakes())
    assert policy is not None
    return policy


def _table(data: bytes) -> None:
    mistakes = Mistakes()
    read_table(data, "table.csv", _one_policy(), mistakes)
    _mistakes(mistakes)


def _pushes(data: bytes) -> None:
    answered: list[object] = []
    connection = TrackingConnection(lambda _, keys: answered.append(keys), answered.append)
    for at in range(0, len(data), 997):
        connection.data_received(data[at : at + 997])


def _ended(data: bytes) -> None:
    halves = data.partition(b"|")
    _ended_at([halves[0], halves[2], b"all", data], CLIENT)
    _ended_at({halves[0]: halves[2], b"all": data}, CLIENT)


LIVING = session(created_at=time.time() - 1, expires_at=time.time() + 86_400)
RECORD = seal(LIVING, TICKET, SECRETS.first, bytes(12))
CLAIMS = {
    "iss": ISSUER,
    "sub": "hanako",
    "aud": CLIENT,
    "exp": NOON + 300,
    "iat": NOON,
    "nonce": "nonce",
    "acr": "aal3",
    "sid": "s1",
}
LOGOUT = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": NOON,
    "jti": "j",
    "sid": "s",
    "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
}
DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "jwks_uri": f"{ISSUER}/certs",
    "code_challenge_methods_supported": ["S256"],
}
PERSON = {"sub": "hanako", "name": "佐藤　花子", "address": "東京都渋谷区", "birthdate": "19860401", "gender": "2"}
TOKENS = {"access_token": "a", "id_token": "b", "token_type": "Bearer", "scope": "openid name", "session_state": "s"}
PUBLIC = {**KEY.as_dict(private=False), "kid": "k1", "use": "sig", "alg": "ES256"}
RSA = {"kty": "RSA", "n": "w" * 343, "e": "AQAB", "kid": "r1", "alg": "RS256"}
PRIVATE = {**KEY.as_dict(private=True), "kid": "k1", "use": "sig", "alg": "ES256"}
ALIAS = {"client_id": CLIENT, "new": "n", "old": "o", "reason": "r", "by": "b", "at": NOON}
SWITCH = {"typhoon": {"since": NOON, "until": NOON + 60, "by": "sato", "reason": "大雨"}}
ADOPTION = {"list.yaml": {"digest": "0" * 64, "entries": 3, "by": "sato", "reason": "r", "at": NOON}}
TOKEN, LINE = new_token("sato", bytes(32))
OPERATORS = read_operators(LINE)
PUSH = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$5\r\nhello\r\n+OK\r\n"
ASSERTIONS = AssertionKeys(json.dumps({"keys": [PRIVATE]}))
LOGOUT_EXPECTED = LogoutExpected(ISSUER, CLIENT, ("ES256",), NOON, 10.0)


class _Asked(msgspec.Struct):
    session: str | None = None
    all: bool = False


def _asked(data: bytes) -> object:
    return read_struct(data, _Asked, 64 * 1024)


def _logged(data: bytes) -> None:
    line = allowed({"event": "sign_in", "outcome": _text(data), "count": int.from_bytes(data[:12])})
    written = printable_json(msgspec.json.encode(line)).decode()
    assert not OBEYED.search(written)
    say_json(written)


READERS: dict[str, Reader] = {
    # A store.
    "session record": Reader(lambda data: unseal(data, TICKET, SECRETS), (RECORD,)),
    "session header": Reader(read_header, (RECORD,)),
    "revocation": Reader(_instant, (b"1795402800.5", b"0")),
    "revocations": Reader(_ended, (b"all|1795402800.5",)),
    "limit key": Reader(lambda data: _read_key(data, 0.0), (b"sekisho:l:{p:l:ever:ABCD}",)),
    "limit entry": Reader(lambda data: _read_entry(data, NOON), (b"counted 1795402800.000 0", b"reserved 1 2")),
    "redis info": Reader(number_of_reply, (b"1",), (StoreUnavailableError,)),
    "redis pushes": Reader(_pushes, (PUSH, PUSH * 3)),
    # Files.
    "client keys": Reader(read_key_set, (_json({"keys": [PRIVATE]}),), (KeySetError,)),
    "assertion keys": Reader(
        lambda data: AssertionKeys(data.decode()),
        (_json({"keys": [PRIVATE]}),),
        (AssertionKeysError, UnicodeDecodeError),
    ),
    "secrets": Reader(
        lambda data: Secrets.parse(_text(data)), (b"0123456789abcdef0123456789abcdef\n# x\n",), (ValueError,)
    ),
    "operators": Reader(lambda data: read_operators(_text(data)), (LINE.encode() + b"\n# x\n",), (ValueError,)),
    "aliases": Reader(lambda data: read_aliases(data.splitlines()), (_json(ALIAS) + b"\n",), (AliasError,)),
    "alias lines": Reader(lambda data: lines_naming([data], CLIENT, ["n"]), (_json(ALIAS),), (NotJsonError,)),
    "switches": Reader(read_switches, (_json(SWITCH), b"{}"), (SwitchesError,)),
    "adoptions": Reader(read_adoptions, (_json(ADOPTION), b"{}"), (AdoptionsError,)),
    "policy": Reader(_policy, tuple(path.read_bytes() for path in sorted((ROOT / "policies").glob("*.yaml")))),
    "subject list": Reader(
        _list, (b"- {subject: 2345-6789-ABCD-EFGH, until: 2026-11-30}\n", b"count: 1\nentries:\n- {subject: 2345}\n")
    ),
    "settings": Reader(_settings, ((ROOT / "deploy" / "gateway.yaml").read_bytes(),)),
    "table": Reader(
        _table, ("題,誰,生年月日,リクエスト,期待\nt,x,1986/4/1,GET /,allow\n".encode(), b'title,at\n"a ""b",2026\n')
    ),
    # The provider.
    "json": Reader(_members, (_json(DISCOVERY), _json(PERSON)), (NotJsonError,)),
    "discovery": Reader(
        lambda data: read_metadata(_members(data), ISSUER),
        (_json(DISCOVERY),),
        (NotJsonError, ProviderUnavailableError),
    ),
    "jwks": Reader(lambda data: read_jwks(data, LARGEST_ANSWER), (_json({"keys": [PUBLIC, RSA]}),), (NotJsonError,)),
    "token answer": Reader(
        lambda data: read_token_answer(_members(data), ALL), (_json(TOKENS),), (NotJsonError, SignInInvalidError)
    ),
    "userinfo": Reader(
        lambda data: read_userinfo(_members(data), "hanako", ALL, TODAY),
        (_json(PERSON),),
        (NotJsonError, SignInInvalidError),
    ),
    "oauth error": Reader(lambda data: oauth_error(_text(data)), (b"access_denied",)),
    "id token": Reader(
        lambda data: read_id_token(data.decode("latin-1"), KEYS, EXPECTED),
        (_signed(_json(CLAIMS)).encode(),),
        (SignInInvalidError,),
    ),
    "id token payload": Reader(
        lambda data: read_id_token(_signed(data[:8_000]), KEYS, EXPECTED), (_json(CLAIMS),), (SignInInvalidError,)
    ),
    "token header": Reader(
        lambda data: verified_claims(data.decode("latin-1"), KEYS, ("ES256",)),
        (_signed(b"{}").encode(),),
        (SignInInvalidError,),
    ),
    "logout token payload": Reader(
        lambda data: read_logout_token(_signed(data[:8_000]), KEYS, LOGOUT_EXPECTED),
        (_json(LOGOUT),),
        (SignInInvalidError,),
    ),
    "logout form": Reader(read_logout_form, (b"logout_token=a.b.c", b"a=b&logout_token=x"), (SignInInvalidError,)),
    "lifetime": Reader(lambda data: lifetime(_text(data), _text(data)), (b"max-age=60, public", b"no-store")),
    "date": Reader(lambda data: clock_finding("x", _text(data), NOON, NOON, 1.0), (b"Mon, 23 Nov 2026 03:00:00 GMT",)),
    "media type": Reader(lambda data: media_type(_text(data)), (b"application/json; charset=utf-8",)),
    # Browsers and operators.
    "operator's token": Reader(lambda data: OPERATORS.who(_text(data)), (TOKEN.encode(),)),
    "management body": Reader(_asked, (_json({"session": "a", "all": False}),), (NotJsonError,)),
    "management host": Reader(lambda data: may_ask(_text(data), {"a"}), (b"localhost:9464", b"[::1]:1")),
    "form": Reader(lambda data: read_form(_text(data), "cp932"), (b"a=b&c=%93%fa", b"x=%E6%97%A5")),
    "cookies": Reader(lambda data: find_ticket(data, b"sekisho"), (f"a=b; sekisho={TICKET}".encode(),)),
    "language": Reader(lambda data: preferred(_text(data)), (b"ja,en;q=0.8",)),
    "assertion": Reader(
        lambda data: verify(_text(data), ASSERTIONS.published.decode(), audience="a", issuer="i", now=NOON),
        (ASSERTIONS.sign({"aud": "a", "iss": "i", "iat": int(NOON), "exp": int(NOON) + 60}),),
        (AssertionRefusedError,),
    ),
    "assertion's keys": Reader(
        lambda data: verify("a.b.c", _text(data), audience="a", issuer="i", now=NOON),
        (ASSERTIONS.published,),
        (AssertionRefusedError,),
    ),
    # The parts of all of them that are printed and logged.
    "printed": Reader(lambda data: say(_text(data), data), (b"a\tb", "名前".encode())),
    "logged": Reader(_logged, (b"abc", "名前".encode())),
}


def _resident() -> int:
    """Return how many MiB of memory this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") // 1024**2


def _seconds(share: float) -> float:
    return float(os.environ.get("SEKISHO_FUZZ_SECONDS", share)) / len(READERS)


def fuzz(reader: Reader, seconds: float, capsys: pytest.CaptureFixture[str]) -> None:
    """Read seeds, and what can be made of them, for so long."""
    seed = time.time_ns()
    random = Random(seed)
    ends = time.monotonic() + seconds
    examples = 0
    before = 0
    while time.monotonic() < ends or examples < 50:
        data = reader.seeds[examples] if examples < len(reader.seeds) else mutated(reader.seeds, random)
        examples += 1
        began = time.process_time()
        try:
            reader.read(data)
        except reader.own as error:
            say_text(str(error))
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} left its reader (seed {seed}, {data[:400]!r})") from error
        took = time.process_time() - began
        assert took < SLOWEST, f"{took:.1f} s for {data[:400]!r} (seed {seed})"
        if examples % 200 == 0:
            printed = capsys.readouterr()
            raw = OBEYED.search((printed.out + printed.err).replace("\n", "").replace("\t", ""))
            assert raw is None, f"{raw} reached a terminal (seed {seed})"
        if examples == 400:
            before = _resident()
    if before:
        grown = _resident() - before
        assert grown < MOST_GROWN, f"{grown} MiB were left behind by {examples} examples (seed {seed})"


@pytest.mark.parametrize("name", READERS)
def test_nothing_but_its_own_error_leaves_a_reader(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For a moment each."""
    fuzz(READERS[name], _seconds(SHORT), capsys)


SHAPES: tuple[Any, ...] = (None, True, 0, -1.5, "", "kty", [], [[]], ["kty"], {}, {"kty": "EC"}, [{}])


def _shapes(value: Any) -> Iterator[Any]:
    """Yield a document with each of its members replaced by a value of each other kind, or left out."""
    yield from SHAPES
    match value:
        case dict():
            for name, member in value.items():
                yield {key: each for key, each in value.items() if key != name}
                yield from (value | {name: other} for other in _shapes(member))
        case list():
            for place, member in enumerate(value):
                yield from ([*value[:place], other, *value[place + 1 :]] for other in _shapes(member))
        case _:
            pass


def test_no_shape_of_a_document_surprises_its_reader() -> None:
    """A member of each kind in the place of each other: JSON that is well-formed and says something else."""
    tried = 0
    for name, reader in READERS.items():
        for seed in reader.seeds:
            try:
                document = json.loads(seed)
            except ValueError:
                continue
            for other in _shapes(document):
                tried += 1
                try:
                    reader.read(_json(other))
                except reader.own:
                    continue
                except Exception as error:
                    raise AssertionError(f"{type(error).__name__} left the reader of {name}: {other}") from error
    assert tried > 1_000


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", READERS)
def test_nothing_but_its_own_error_leaves_a_reader_in_ten_minutes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """For ten minutes in all."""
    fuzz(READERS[name], _seconds(LONG), capsys)


# --- over sockets ------------------------------------------------------------------------------

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\n%s\r\n\r\n"
BODIES = tuple(map(_json, (DISCOVERY, PERSON, TOKENS, {"keys": [PUBLIC, RSA]}, {"error": "invalid_grant"})))
ANSWERS = (
    *((ANSWER % (b"Content-Length: %d" % len(body))) + body for body in BODIES),
    (ANSWER % b"Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: https://x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 400 Bad\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
)


async def fuzz_provider(seconds: float) -> None:
    """Have every call to the provider answered by what can be made of answers."""
    seed = time.time_ns()
    random = Random(seed)
    answer = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = ProviderSettings(issuer=issuer, client_id=CLIENT, timeout=1.0)
    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends:
            provider = AiohttpProvider(
                settings,
                KeySet((signing_key(KEY, "k1", "ES256"),)),
                clock=time.time,
                monotonic=time.monotonic,
                random=secrets.token_bytes,
                meter=Calls(),
            )
            endpoints = Metadata(issuer, issuer, issuer, issuer, issuer)
            redeem = partial(provider.redeem, code="c", verifier="v", redirect_uri="https://x", asked=ALL)
            calls: tuple[Callable[[], Awaitable[object]], ...] = (
                provider.metadata,
                provider.signing_keys,
                redeem,
                partial(provider.userinfo, "token"),
                provider.date,
                partial(provider.look, issuer),
            )
            for call in calls:
                answer = mutated(ANSWERS, random)
                began = time.process_time()
                try:
                    if call is not provider.metadata:
                        provider._metadata._value, provider._metadata._good_until = endpoints, float("inf")
                    await call()
                except (ProviderUnavailableError, ProviderRefusedError, SignInInvalidError) as error:
                    say_text(str(error))
                except Exception as error:
                    raise AssertionError(
                        f"{type(error).__name__} left its reader (seed {seed}, {answer[:400]!r})"
                    ) from error
                assert time.process_time() - began < SLOWEST, f"{answer[:400]!r} (seed {seed})"
            await provider.close()
    finally:
        server.close()
        await server.wait_closed()


async def test_whatever_a_provider_answers_is_an_answer_or_none() -> None:
    """For a moment."""
    await fuzz_provider(_seconds(SHORT) * 8)


@pytest.mark.long
@pytest.mark.timeout(3_600)
async def test_whatever_a_provider_answers_is_an_answer_or_none_for_a_minute() -> None:
    """For as long as four readers have."""
    await fuzz_provider(_seconds(LONG) * 4)


async def fuzz_store(url: str, seconds: float) -> None:
    """Put anything into the keys of ours in a real Redis, and ask for sessions, revocations and entries."""
    seed = time.time_ns()
    random = Random(seed)
    behind = Redis.from_url(url)
    sessions = await open_sessions(
        SessionSettings(store=url), SECRETS, clock=time.time, random=secrets.token_bytes, background=False
    )
    limits = RedisLimits(make_redis(parse_redis_url(url), RedisOptions(timeout=5.0)), timeout=5.0)
    store, name, hers = sessions.store, ticket_name(TICKET), LIVING.pseudonym
    code = "2345678923456789"
    keys = [
        f"sekisho:t:{{{name}}}",
        f"sekisho:i:{{{name}}}",
        f"sekisho:n:{{{name}}}",
        f"sekisho:u:{hers}",
        f"sekisho:r:u:{hers}",
        "sekisho:t:ended",
        f"sekisho:l:{{p:l:ever:{code}}}",
    ]
    seeds = (RECORD, b"1", b"1795402800.5", name.encode(), b"counted 1 0", b"all", f"c:{CLIENT}".encode())

    async def listed(selector: Selector) -> None:
        async for found in store.sessions(selector):
            say(*session_fields(found))

    asks: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: store.find(TICKET),
        lambda: store.idle_left(name),
        lambda: store.follower(name),
        lambda: listed(AllSessions()),
        lambda: listed(SubjectSessions((hers,))),
        lambda: listed(OneSession(name)),
        lambda: store.replace(TICKET, new_ticket(secrets.token_bytes(32)), LIVING),
        lambda: store.revoke(SubjectSessions((hers,))),
        lambda: limits.show(code, time.time()),
    )
    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends:
            behind.flushdb()
            for key in random.sample(keys, random.randint(1, len(keys))):
                values = [mutated(seeds, random)[:70_000] for _ in range(random.randint(1, 4))]
                _put(behind, key, values, random)
            for ask in asks:
                try:
                    await ask()
                except StoreUnavailableError as error:
                    say_text(str(error))
                except Exception as error:
                    raise AssertionError(f"{type(error).__name__} left its reader (seed {seed})") from error
    finally:
        behind.close()
        await sessions.close()
        await limits.close()


def _put(behind: Redis, key: str, values: list[bytes], random: Random) -> None:
    """Keep values under a key, as one of the types that Redis has."""
    match random.randrange(6):
        case 0 | 1:
            behind.set(key, values[0], px=60_000)
        case 2:
            behind.hset(key, mapping={b"all": values[0], values[-1]: values[-1]})
        case 3:
            behind.rpush(key, *values)
        case 4:
            behind.zadd(key, {value: random.choice((0.0, 5e9, float("inf"))) for value in values})
        case _:
            behind.sadd(key, *values)


async def test_whatever_a_store_holds_is_a_record_or_none(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For a moment."""
    await fuzz_store(redis_url, _seconds(SHORT) * 8)
    assert not OBEYED.search(capsys.readouterr().out.replace("\n", "").replace("\t", ""))


@pytest.mark.long
@pytest.mark.timeout(3_600)
async def test_whatever_a_store_holds_is_a_record_or_none_for_a_minute(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """For as long as four readers have."""
    await fuzz_store(redis_url, _seconds(LONG) * 4)
    assert not OBEYED.search(capsys.readouterr().out.replace("\n", "").replace("\t", ""))
