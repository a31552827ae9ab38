"""Real Redis servers for tests, on free loopback ports, always stopped.

Everything they write stays in a directory of their own. A server can be killed, stopped
with SIGSTOP and started again on the same port, as a test about weather needs.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tests.conftest import free_port, program

START_SECONDS = 15.0


def wait_until(holds: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Return as soon as `holds` does; looks every hundredth of a second.

    Raises:
        TimeoutError: it did not within the time.

    """
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        pause.wait(0.01)


@dataclass
class RedisServer:
    """One redis-server process."""

    directory: Path
    port: int
    arguments: tuple[str, ...] = ()
    tls: bool = False
    password: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL, as `gateway.yaml` writes it."""
        return f"{'rediss' if self.tls else 'redis'}://127.0.0.1:{self.port}/0"

    @property
    def socket_path(self) -> Path:
        """Its Unix socket."""
        return self.directory / "redis.sock"

    def client(self) -> Redis:
        """Return a plain client for looking behind the scenes; the caller closes it."""
        return Redis(unix_socket_path=str(self.socket_path), password=self.password, protocol=2, socket_timeout=10)

    def start(self) -> None:
        """Start it and wait until it answers."""
        address = ("--port", "0", "--tls-port", str(self.port)) if self.tls else ("--port", str(self.port))
        self.process = subprocess.Popen(
            [
                program("redis-server"),
                *(("--dir", str(self.directory), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")),
                *(("--unixsocket", str(self.socket_path), "--logfile", str(self.directory / "redis.log"))),
                *address,
                *self.arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        wait_until(self.answers, "an answer of redis-server")

    def answers(self) -> bool:
        """Whether it can be spoken to; one that has ended says why.

        Raises:
            RuntimeError: it has ended, with the end of its log.

        """
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"redis-server has ended: {self._last_words()}")
        with contextlib.closing(self.client()) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False

    def _last_words(self) -> str:
        output = "" if self.process is None or self.process.stdout is None else self.process.stdout.read().decode()
        log = self.directory / "redis.log"
        return output[-500:] + (log.read_text()[-500:] if log.exists() else "")

    def signal(self, number: int) -> None:
        """Send it a signal: `SIGSTOP`, `SIGCONT`."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None


@contextmanager
def redis_server(
    *arguments: str, tls: bool = False, password: str | None = None, port: int = 0
) -> Iterator[RedisServer]:
    """Run a redis-server; more arguments are its own (`--maxmemory`, `1mb`)."""
    # A short path: a Unix socket's may have no more than 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="sekisho-redis-"))
    server = RedisServer(directory, port or free_port(), arguments, tls, password)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


def write_certificates(directory: Path) -> tuple[Path, Path, Path]:
    """Make a CA and a certificate for 127.0.0.1 and localhost; return the paths of CA, certificate and key."""

    def save(name: str, content: bytes) -> Path:
        path = directory / name
        path.write_bytes(content)
        return path

    pem = serialization.Encoding.PEM
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sekisho test CA")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    common = (now - timedelta(hours=1), now + timedelta(days=1))
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        x509.CertificateBuilder(ca_name, ca_name, ca_key.public_key(), x509.random_serial_number(), *common)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(ca_id, critical=False)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False),  # noqa: FBT003
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(ca_name, name, key.public_key(), x509.random_serial_number(), *common)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (
        save("ca.pem", ca.public_bytes(pem)),
        save("redis.pem", certificate.public_bytes(pem)),
        save("redis.key", secret),
    )


@contextmanager
def tls_redis(*arguments: str) -> Iterator[tuple[RedisServer, Path]]:
    """Run a redis-server that speaks TLS; yields it and its CA's path."""
    certificates = Path(tempfile.mkdtemp(prefix="sekisho-tls-"))
    try:
        ca, certificate, key = write_certificates(certificates)
        files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(ca))
        with redis_server(*files, "--tls-auth-clients", "no", *arguments, tls=True) as server:
            yield server, ca
    finally:
        shutil.rmtree(certificates, ignore_errors=True)


@dataclass
class SentinelSet:
    """A primary, a replica, and sentinels that agree."""

    servers: list[RedisServer]
    sentinels: list[RedisServer]
    service: str = "sekisho"

    @property
    def url(self) -> str:
        """The URL, as `gateway.yaml` writes it."""
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{self.service}/0"

    def primary(self) -> RedisServer:
        """Return the server that the sentinels call the primary now."""
        with contextlib.closing(self.sentinels[0].client()) as client:
            reply = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)
        assert isinstance(reply, (list, tuple))
        port = int(reply[1])
        return next(server for server in self.servers if server.port == port)

    def fail_over(self) -> None:
        """Have the sentinels promote the replica, and wait until they say so."""
        before = self.primary()
        with contextlib.closing(self.sentinels[0].client()) as client:

            def accepted() -> bool:
                # A sentinel that has not seen the replica's latest state yet calls it unsuitable.
                with contextlib.suppress(ResponseError):
                    client.execute_command("SENTINEL", "FAILOVER", self.service)
                    return True
                return False

            wait_until(accepted, "a sentinel that begins a failover", 30)
        wait_until(lambda: self.primary() is not before, "a failover", 30)


@contextmanager
def sentinel_redis(*arguments: str, sentinels: int = 1) -> Iterator[SentinelSet]:
    """Run a primary and a replica under sentinels."""
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(redis_server("--repl-diskless-sync-delay", "0", *arguments))
        replica = stack.enter_context(
            redis_server("--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", str(primary.port), *arguments)
        )
        wait_until(lambda: _replicates(replica), "replication", 20)
        watchers: list[RedisServer] = []
        for _ in range(sentinels):
            directory = Path(tempfile.mkdtemp(prefix="sekisho-sentinel-"))
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            quorum = sentinels // 2 + 1
            configuration = directory / "sentinel.conf"
            configuration.write_text(
                f"sentinel monitor sekisho 127.0.0.1 {primary.port} {quorum}\n"
                "sentinel down-after-milliseconds sekisho 1000\n"
                "sentinel failover-timeout sekisho 4000\n"
            )
            watcher = RedisServer(directory, free_port())
            watcher.process = subprocess.Popen(
                [
                    program("redis-server"),
                    str(configuration),
                    *("--sentinel", "--port", str(watcher.port), "--bind", "127.0.0.1"),
                    *("--unixsocket", str(watcher.socket_path), "--logfile", str(directory / "sentinel.log")),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(watcher.kill)
            wait_until(watcher.answers, "an answer of a sentinel")
            watchers.append(watcher)
        group = SentinelSet([primary, replica], watchers)
        wait_until(lambda: _knows_replica(group), "sentinels that know the replica", 30)
        yield group


def _replicates(replica: RedisServer) -> bool:
    with contextlib.closing(replica.client()) as client:
        info = client.info("replication")
    assert isinstance(info, dict)
    return bool(info["master_link_status"] == "up")


def _knows_replica(group: SentinelSet) -> bool:
    for sentinel in group.sentinels:
        with contextlib.closing(sentinel.client()) as client:
            info = client.execute_command("SENTINEL", "MASTER", group.service)
        assert isinstance(info, list)
        known = dict(zip(map(_text, info[::2]), map(_text, info[1::2]), strict=True))
        if int(known["num-slaves"]) < 1 or int(known["num-other-sentinels"]) < len(group.sentinels) - 1:
            return False
    return True


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclass
class ClusterSet:
    """Primaries of a cluster, with their slots."""

    servers: list[RedisServer]
    join: Callable[[], RedisServer]
    """Starts one more server, which has no slots yet."""

    @property
    def url(self) -> str:
        """The URL, as `gateway.yaml` writes it."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)


@contextmanager
def cluster_redis(*arguments: str, primaries: int = 3) -> Iterator[ClusterSet]:
    """Run a cluster of primaries without replicas."""
    with contextlib.ExitStack() as stack:
        whole = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        servers = [
            stack.enter_context(redis_server(*whole, *arguments, port=_port_with_bus())) for _ in range(primaries)
        ]
        clients = [stack.enter_context(contextlib.closing(server.client())) for server in servers]
        share = 16_384 // primaries
        for number, client in enumerate(clients):
            last = 16_383 if number == primaries - 1 else (number + 1) * share - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in servers[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
        wait_until(lambda: all(_is_whole(client, primaries) for client in clients), "a whole cluster", 30)

        def join() -> RedisServer:
            server = stack.enter_context(redis_server(*whole, *arguments, port=_port_with_bus()))
            clients.append(stack.enter_context(contextlib.closing(server.client())))
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port)
            wait_until(lambda: all(_is_whole(client, len(clients)) for client in clients), "a whole cluster", 30)
            return server

        yield ClusterSet(servers, join)


def move_slot(slot: int, source: RedisServer, target: RedisServer, others: list[RedisServer]) -> None:
    """Move a slot with its keys from one primary to another, as an operator's resharding does."""
    with contextlib.ExitStack() as stack:
        here, there, *rest = [
            stack.enter_context(contextlib.closing(server.client())) for server in (source, target, *others)
        ]
        here_id, there_id = (_text(client.execute_command("CLUSTER", "MYID")) for client in (here, there))
        there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", here_id)
        here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", there_id)
        while keys := here.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            here.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *keys)
        for client in (there, here, *rest):
            client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", there_id)


def _port_with_bus() -> int:
    """Return a free port whose port 10,000 above, which the cluster speaks on among itself, is free too."""
    for port in random.SystemRandom().sample(range(12_000, 22_000), 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for number in (port, port + 10_000):
                probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                probe.bind(("127.0.0.1", number))
            return port
    raise RuntimeError("no free pair of ports")


def _is_whole(client: Redis, primaries: int) -> bool:
    info = client.execute_command("CLUSTER", "INFO")
    known = dict(line.split(":", 1) for line in _text(info).splitlines())
    return known.get("cluster_state") == "ok" and known.get("cluster_known_nodes") == str(primaries)
