"""Makes clients for Redis from a URL: standalone, TLS, Unix socket, Sentinel, Cluster. Turns its errors into ours.

Used by `session/`, by pending logins and by limits. A command here has one answer or one
`StoreUnavailableError`, within its time; the only hidden retry is that of a command whose pooled connection turned out
to be dead.

The URLs, a password never among them (it comes from a file or the environment):

    redis://[user@]host[:port][/db]              rediss:// for TLS
    unix:///path/to/socket[?db=0]                unix://user@/path for an ACL user
    redis+sentinel://[user@]host:port,host:port/service[/db]      rediss+sentinel://
    redis+cluster://[user@]host:port,host:port   rediss+cluster://
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, TypeGuard, assert_never
from urllib.parse import parse_qs, unquote, urlsplit

from redis import exceptions as theirs
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.maint_notifications import MaintNotificationsConfig

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.kept_files import kept
from gateway.observe.otel_spans import is_recorded, step
from gateway.observe.spans import SpanKind
from gateway.observe.system_waits import present_waits
from gateway.yaml.mistakes import Phrase, SaidError

AnyRedis = Redis | RedisCluster

DEFAULT_PORT = 6379
SENTINEL_PORT = 26379
LATE = 0.05
"""Seconds after which an event loop that comes to a time limit has stood still."""

SECOND_LOOK = 0.1
"""Seconds for the answers that have arrived meanwhile."""

BEYOND = 5.0
"""Seconds that the library waits longer than we do: our limit decides, which knows whether the loop stood still."""

POOL = 16
"""Connections a client opens at most; who finds none free waits, within its time."""


_DRIVER = DriverInfo()
"""The library's introduction to Redis, made once: the library would read a file for each connection."""


class Kind(Enum):
    """The kind of deployment of Redis."""

    STANDALONE = "standalone"
    UNIX = "unix"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES = {
    "redis": (Kind.STANDALONE, False),
    "rediss": (Kind.STANDALONE, True),
    "unix": (Kind.UNIX, False),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
}


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """The place of a Redis."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    tls: bool = False
    db: int = 0
    username: str | None = None
    path: str = ""
    """The path of a Unix socket."""
    service: str = ""
    """Sentinel's name for the primary."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Options of a connection that a URL must not or cannot say."""

    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    """The CA that signed Redis's certificate; the system's where not given."""
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    timeout: float = 1.0
    """Seconds for one command, its connection and its turn included."""


def parse_redis_url(text: str) -> RedisUrl:
    """Read a URL of Redis.

    Raises:
        SaidError: it is none of the forms above, or contradicts itself; says what would be right.

    """
    try:
        split = urlsplit(text)
        options = parse_qs(split.query, keep_blank_values=True, strict_parsing=True) if split.query else {}
    except ValueError:
        raise SaidError(
            Phrase(
                "the URL cannot be read: look at `[`, `]` and what follows `?`",
                "URL として読めません。`[`、`]` と、`?` の後を確かめてください",
            )
        ) from None
    if split.scheme not in _SCHEMES:
        known = [f"`{name}://`" for name in _SCHEMES]
        raise SaidError(
            Phrase(
                f"`{split.scheme}` is no scheme for Redis, use one of {', '.join(known)}",
                f"`{split.scheme}` は Redis の URL に使えません。{'、'.join(known)} のいずれかにしてください",
            )
        )
    kind, tls = _SCHEMES[split.scheme]
    user, at, places = split.netloc.rpartition("@")
    if ":" in user:
        raise SaidError(
            Phrase(
                "a password must not be in a URL, use `password: {file: …}`",
                "URL にパスワードは書けません。`password: {file: …}` を使ってください",
            )
        )
    username = unquote(user) if at and user else None
    if split.fragment:
        raise SaidError(
            Phrase(
                f"`#{split.fragment}` has no meaning in a URL of Redis",
                f"Redis の URL に `#{split.fragment}` は使えません",
            )
        )
    if kind is Kind.UNIX:
        if places or not split.path.startswith("/"):
            raise SaidError(
                Phrase(
                    "a Unix socket is `unix:///path`, with three slashes",
                    "Unix ソケットは `unix:///パス` と、`/` を三つ続けて書いてください",
                )
            )
        if set(options) - {"db"} or len(options.get("db", ["0"])) != 1:
            raise SaidError(
                Phrase(
                    f"`?{'&'.join(options)}` is not understood, only `?db=` is",
                    f"`?{'&'.join(options)}` は使えません。使えるのは `?db=` だけです",
                )
            )
        db = _number(options.get("db", ["0"])[0], "database")
        return RedisUrl(kind, username=username, path=unquote(split.path), db=db)
    if options:
        raise SaidError(
            Phrase(
                f"`?{'&'.join(options)}` is not understood: options have keys of their own",
                f"`?{'&'.join(options)}` は使えません。それぞれの項目で設定してください",
            )
        )
    default_port = SENTINEL_PORT if kind is Kind.SENTINEL else DEFAULT_PORT
    hosts = tuple(_place(place, default_port) for place in places.split(","))
    parts = [unquote(part) for part in split.path.split("/")[1:] if part]
    match kind:
        case Kind.STANDALONE:
            if len(hosts) != 1:
                raise SaidError(
                    Phrase(
                        "several hosts need `redis+sentinel://` or `redis+cluster://`",
                        "複数のホストを書けるのは `redis+sentinel://` か `redis+cluster://` です",
                    )
                )
            if len(parts) > 1:
                raise SaidError(
                    Phrase(
                        f"`{split.path}` is no database number", f"`{split.path}` はデータベースの番号ではありません"
                    )
                )
            return RedisUrl(kind, hosts, tls, _number(parts[0], "database") if parts else 0, username)
        case Kind.SENTINEL:
            if not 1 <= len(parts) <= 2:
                raise SaidError(
                    Phrase(
                        "Sentinel needs the service's name: `redis+sentinel://host:port/service`",
                        "Sentinel ではサービス名が必要です：`redis+sentinel://host:port/service`",
                    )
                )
            database = _number(parts[1], "database") if parts[1:] else 0
            return RedisUrl(kind, hosts, tls, database, username, service=parts[0])
        case Kind.CLUSTER:
            if parts and parts != ["0"]:
                raise SaidError(Phrase("a cluster has only database 0", "クラスターのデータベースは 0 だけです"))
            return RedisUrl(kind, hosts, tls, 0, username)
        case _:
            assert_never(kind)


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise SaidError(Phrase(f"`{text}` is no {what} number", f"`{text}` は番号ではありません（{what}）"))
    return int(text)


def _place(text: str, default_port: int) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise SaidError(Phrase(f"`{text}` is no address", f"`{text}` はアドレスとして読めません"))
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
    if not host:
        raise SaidError(Phrase("the URL names no host", "URL にホストがありません"))
    number = _number(port, "port") if port else default_port
    if not 0 < number < 65_536:
        raise SaidError(Phrase(f"`{port}` is no port number", f"`{port}` はポート番号ではありません"))
    return unquote(host), number


def check_options(url: RedisUrl, options: RedisOptions) -> None:
    """Refuse options that contradict the URL.

    Raises:
        SaidError: they do; says what would be right.

    """
    if options.ca is not None and not url.tls:
        raise SaidError(
            Phrase(
                "`ca` is given and the URL asks for no TLS: use `rediss://`, or leave `ca` out",
                "`ca` がありますが、URL は TLS を使いません。`rediss://` にするか、`ca` を外してください",
            )
        )
    if url.username is not None and options.password is None:
        raise SaidError(
            Phrase(
                f"the URL names the user `{url.username}` and no `password` is given",
                f"URL にユーザー `{url.username}` がありますが、`password` がありません",
            )
        )
    if (options.sentinel_username or options.sentinel_password) and url.kind is not Kind.SENTINEL:
        raise SaidError(
            Phrase(
                "a password for Sentinel is given and the URL is not `redis+sentinel://`",
                "Sentinel のパスワードがありますが、URL が `redis+sentinel://` ではありません",
            )
        )


def tls_context(options: RedisOptions) -> ssl.SSLContext:
    """Return how TLS to Redis is verified: always, by name, by the given CA alone where there is one.

    It is made once for a process: making it reads all the system's certificates, for 40 ms in which no request would be
    answered.
    """
    return _context(options.ca)


@cache
def _context(ca: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if ca is None else str(kept(ca)))


class _Secured(SSLConnection):
    """A connection with TLS by the one context of the process; the library would make one for each connection."""

    def __init__(self, *, context: ssl.SSLContext, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.ssl_context.context = context


class _SecuredBySentinel(SentinelManagedConnection, _Secured):
    """The same, to wherever the sentinels say that the primary is."""


def _secure(connections: ConnectionPool | ClusterNode, context: ssl.SSLContext) -> None:
    """Have new connections be secured by this context."""
    connections.connection_class = _Secured
    connections.connection_kwargs["context"] = context


def make_redis(url: RedisUrl, options: RedisOptions) -> AnyRedis:
    """Return a client. It connects when first used, and decodes nothing.

    Raises:
        ValueError: the options contradict the URL.

    """
    check_options(url, options)
    common: dict[str, Any] = {
        "username": url.username,
        "password": options.password,
        "socket_timeout": options.timeout + BEYOND,
        "socket_connect_timeout": options.timeout,
        "protocol": 2,
        "legacy_responses": True,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        "client_name": "sekisho",
        "driver_info": _DRIVER,
    }
    context = tls_context(options) if url.tls else None
    # A pooled connection may have died unnoticed: one more try, on a fresh one. The client does not try a timed-out
    # command again, because the command may still be under way.
    retry = Retry(NoBackoff(), 1, supported_errors=(theirs.ConnectionError,))
    match url.kind:
        case Kind.STANDALONE | Kind.UNIX:
            kind: type[AbstractConnection]
            place: dict[str, Any]
            if url.kind is Kind.UNIX:
                kind, place = UnixDomainSocketConnection, {"path": url.path}
            else:
                kind = Connection if context is None else _Secured
                place = {"host": url.hosts[0][0], "port": url.hosts[0][1]}
                place |= {} if context is None else {"context": context}
            pool = BlockingConnectionPool(
                max_connections=POOL,
                timeout=options.timeout,
                connection_class=kind,
                db=url.db,
                retry=retry,
                **place,
                **common,
            )
            return Redis.from_pool(pool)
        case Kind.SENTINEL:
            sentinel = Sentinel(
                list(url.hosts),
                sentinel_kwargs={
                    "username": options.sentinel_username,
                    "password": options.sentinel_password,
                    "socket_timeout": options.timeout,
                    "socket_connect_timeout": options.timeout,
                    "driver_info": _DRIVER,
                    # The next sentinel is asked at once, without the pauses of the library's own retries.
                    "retry": Retry(NoBackoff(), 1, supported_errors=(theirs.ConnectionError,)),
                },
                db=url.db,
                retry=retry,
                max_connections=POOL,
                **({} if context is None else {"connection_class": _SecuredBySentinel, "context": context}),
                **common,
            )
            if context is not None:
                for asked in sentinel.sentinels:
                    _secure(asked.connection_pool, context)
            client: Redis = sentinel.master_for(url.service)
            return client
        case Kind.CLUSTER:
            cluster = RedisCluster(
                startup_nodes=[ClusterNode(host, port) for host, port in url.hosts],
                max_connections=POOL,
                ssl=url.tls,
                retry=Retry(NoBackoff(), 1),
                **common,
            )
            if context is not None:
                for node in cluster.startup_nodes:
                    _secure(node, context)
                # Nodes that the cluster tells of are made from these.
                cluster.connection_kwargs |= {"connection_class": _Secured, "context": context}
            return cluster
        case _:
            assert_never(url.kind)


async def close_redis(redis: AnyRedis) -> None:
    """Close a client's connections, including those to the sentinels."""
    await redis.aclose()
    if isinstance(redis, Redis) and isinstance(redis.connection_pool, SentinelConnectionPool):
        await redis.connection_pool.disconnect()
        for sentinel in redis.connection_pool.sentinel_manager.sentinels:
            await sentinel.aclose()


async def find_primary(redis: AnyRedis) -> tuple[str, int]:
    """Ask the sentinels where the primary is now; call it inside `asking`."""
    pool = redis.connection_pool if isinstance(redis, Redis) else None
    if not isinstance(pool, SentinelConnectionPool):
        raise TypeError("this client knows no sentinels")
    host, port = await pool.get_master_address()
    return str(host), int(port)


async def ask_sentinels(url: RedisUrl, options: RedisOptions) -> dict[str, str]:
    """Ask every sentinel of a URL whether a failover would find enough of them (`SENTINEL CKQUORUM`).

    Returns:
        By the sentinel's address `ok`, `noquorum`, `unknown` if it does not know the service, or a `StoreFault`.

    """
    redis = make_redis(url, options)
    pool = redis.connection_pool if isinstance(redis, Redis) else None
    if not isinstance(pool, SentinelConnectionPool):
        raise TypeError("this URL names no sentinels")
    sentinels = pool.sentinel_manager.sentinels
    try:
        answers = await asyncio.gather(*(_quorum(sentinel, url.service, options) for sentinel in sentinels))
    finally:
        await close_redis(redis)
    return {f"{host}:{port}": answer for (host, port), answer in zip(url.hosts, answers, strict=True)}


async def _quorum(sentinel: Redis, service: str, options: RedisOptions) -> str:
    try:
        async with asyncio.timeout(options.timeout):
            # As two words: the library takes a good answer to the one command of both for a bad one.
            await sentinel.execute_command("SENTINEL", "CKQUORUM", service)
    except theirs.ResponseError as error:
        words = str(error)
        if "NOQUORUM" in words:
            return "noquorum"
        return "unknown" if "No such master" in words else fault_of(error).value
    except (theirs.RedisError, OSError, TimeoutError) as error:
        return fault_of(error).value
    return "ok"


async def find_primaries(redis: AnyRedis) -> dict[tuple[str, int], int]:
    """Read a cluster's table anew: each primary's address and its first slot; call it inside `asking`."""
    if not isinstance(redis, RedisCluster):
        raise TypeError("this client knows no cluster")
    await redis.initialize()
    await redis.nodes_manager.initialize()
    firsts: dict[tuple[str, int], int] = {}
    for slot, nodes in sorted(redis.nodes_manager.slots_cache.items()):
        firsts.setdefault((str(nodes[0].host), int(nodes[0].port)), slot)
    return firsts


def bytes_of_reply(reply: object) -> bytes:
    """Return a reply that must be bytes.

    Raises:
        StoreUnavailableError: it is something else, so that no Redis of ours sent it.

    """
    if not isinstance(reply, bytes):
        raise StoreUnavailableError(StoreFault.PROTOCOL)
    return reply


def number_of_reply(reply: object) -> int:
    """Return a reply that must be a whole number.

    Raises:
        StoreUnavailableError: it is something else.

    """
    if not isinstance(reply, int):
        raise StoreUnavailableError(StoreFault.PROTOCOL)
    return reply


def fault_of(error: BaseException) -> StoreFault:
    """Say in one word what Redis did. Its own words may quote keys and values, and are not passed on."""
    for kind, fault in _FAULTS:
        if isinstance(error, kind):
            return fault
    return fault_of_words(str(error))


def fault_of_words(text: str) -> StoreFault:
    """Say in one word what an error reply means, by the word it begins with.

    A command that a script may not run is refused in Redis's sentence (7.0) or with its word inside (6.2).
    """
    if "NOPERM" in text or "can't run this command" in text:
        return StoreFault.REFUSED
    return _WORDS.get(text.partition(" ")[0], StoreFault.PROTOCOL)


_FAULTS: tuple[tuple[type[BaseException], StoreFault], ...] = (
    (theirs.BusyLoadingError, StoreFault.LOADING),
    (theirs.AuthenticationError, StoreFault.REFUSED),
    (theirs.AuthorizationError, StoreFault.REFUSED),
    (theirs.AuthenticationWrongNumberOfArgsError, StoreFault.REFUSED),
    (theirs.NoPermissionError, StoreFault.REFUSED),
    (theirs.ReadOnlyError, StoreFault.READ_ONLY),
    (theirs.OutOfMemoryError, StoreFault.OUT_OF_MEMORY),
    (theirs.MasterDownError, StoreFault.READ_ONLY),
    (theirs.ClusterError, StoreFault.MOVED),
    (theirs.AskError, StoreFault.MOVED),
    (theirs.TryAgainError, StoreFault.MOVED),
    (theirs.RedisClusterException, StoreFault.MOVED),
    (theirs.TimeoutError, StoreFault.TIMEOUT),
    (TimeoutError, StoreFault.TIMEOUT),
    (theirs.ConnectionError, StoreFault.UNREACHABLE),
    (OSError, StoreFault.UNREACHABLE),
)
_WORDS = {
    "WRONGTYPE": StoreFault.WRONG_TYPE,
    "NOREPLICAS": StoreFault.TOO_FEW_REPLICAS,
    "MOVED": StoreFault.MOVED,
    "CLUSTERDOWN": StoreFault.MOVED,
    "MASTERDOWN": StoreFault.READ_ONLY,
    "LOADING": StoreFault.LOADING,
    "READONLY": StoreFault.READ_ONLY,
    "OOM": StoreFault.OUT_OF_MEMORY,
    "MISCONF": StoreFault.READ_ONLY,
    "NOPERM": StoreFault.REFUSED,
    "NOAUTH": StoreFault.REFUSED,
    "WRONGPASS": StoreFault.REFUSED,
}


_CANCEL_AGAIN = 0.1
"""Seconds after which a task that has not ended is cancelled once more."""


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks that ask Redis until each has ended.

    The library takes a cancellation now and then for an answer. A task in a loop would go on, keep the event loop from
    closing, and the process from ending.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN)


Timed = Callable[[str, float], None]
"""Is told of commands: what Redis did in place of an answer, or nothing, and the seconds that it took."""


def untimed(fault: str, seconds: float) -> None:
    """Count nothing: a command line has no metrics."""


def is_cluster(redis: AnyRedis) -> TypeGuard[RedisCluster]:
    """Whether a client is one of a cluster.

    The library's clients are protocols, and `isinstance` of one takes as long as a tenth of a look-up in Redis.
    """
    return RedisCluster in type(redis).__mro__


def connections_of(redis: AnyRedis) -> tuple[int, int]:
    """Return how many connections of a client are busy, and how many are idle."""
    if isinstance(redis, RedisCluster):
        nodes = redis.get_nodes()
        every, idle = sum(len(node._connections) for node in nodes), sum(len(node._free) for node in nodes)  # noqa: SLF001
        return every - idle, idle
    pool = redis.connection_pool
    return len(pool._in_use_connections), len(pool._available_connections)  # noqa: SLF001 (the library tells nobody)


class asking:  # noqa: N801 (it is used as a function is: `async with asking(seconds):`)
    """Limit the commands inside to this time, turn every failure of Redis into our error, and tell how long it took.

    An event loop that comes late to the end of the time reads once more what has arrived. While it stands still,
    answers wait unread. If the limit then cut the commands off, the loop's own pause would be taken for a store that is
    away, and its circuit would open.

    A class, and not a generator, with a limit of its own, and not `asyncio.timeout`: a sign-in asks six times, and
    each generator would cost as much as the command.

    Raises:
        StoreUnavailableError: with the reason in one word; Redis's own words are not kept.

    """

    __slots__ = (
        "_before",
        "_began",
        "_due",
        "_expired",
        "_loop",
        "_seconds",
        "_step",
        "_task",
        "_timed",
        "_timer",
        "_waits",
    )

    def __init__(self, seconds: float, timed: Timed = untimed) -> None:
        self._seconds = seconds
        self._timed = timed

    async def __aenter__(self) -> None:
        """Begin."""
        self._began = time.perf_counter()
        self._waits = present_waits()
        self._step = step("redis", SpanKind.CLIENT, db__system__name="redis") if is_recorded() else None
        if self._step is not None:
            self._step.__enter__()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a limit needs a task that it can end")
        self._task = task
        self._before = task.cancelling()
        self._expired = False
        loop = self._loop = task.get_loop()
        self._due = loop.time() + self._seconds
        self._timer: asyncio.Handle = loop.call_at(self._due, self._look)

    def _look(self) -> None:
        if self._loop.time() - self._due < LATE:
            self._end()
        else:
            self._timer = self._loop.call_later(SECOND_LOOK, self._end)

    def _end(self) -> None:
        # In the next turn: an answer that has come in this one counts.
        self._timer = self._loop.call_soon(self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        """Tell the outcome."""
        seconds = time.perf_counter() - self._began
        if self._waits is not None:
            self._waits.seconds += seconds
        self._timer.cancel()
        # As `asyncio.timeout`: a cancellation that is not ours alone is the task's own end.
        if self._expired and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            kind, error = TimeoutError, TimeoutError()
        if self._step is not None:
            self._step.__exit__(kind, error, place)
        if error is None:
            self._timed("", seconds)
        elif isinstance(error, theirs.RedisError | theirs.RedisClusterException | OSError):
            fault = fault_of(error)
            self._timed(fault.value, seconds)
            # `from None`: a failed pipeline's text quotes the command, and with it a record.
            raise StoreUnavailableError(fault) from None
