"""The services of `deploy/compose/compose.yaml`, each in a network namespace with the addresses that the file gives it.

The namespaces are this test's own, so nothing else on the machine sees them. Each service has its own name and state,
and its files at the places at which compose.yaml mounts them. The gateways run in containers of the image; nginx,
Redis and its sentinels are this machine's programs, because no image registry is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ruamel.yaml import YAML

from gateway.login.jwcrypto_keys import load_keys, new_key
from tests.conftest import program
from tests.deploy import images
from tests.redis_server import wait_until

ROOT = images.ROOT
FOLDER = ROOT / "deploy" / "compose"
HOST = "yoyaku.city.example.lg.jp"
ISSUER = "https://provider.example:8443/api/realms/main"
PROVIDER, CLIENT = "10.77.1.201", "10.77.1.200"
WATCHER = "10.77.4.200"
GATEWAYS = ("gateway-a", "gateway-b")
REDIS = ("redis-1", "redis-2", "redis-3")
SENTINELS = ("sentinel-1", "sentinel-2", "sentinel-3")
USER = 10_001
PATIENCE = 300.0
"""Seconds for a condition on a machine that is busy with other tests."""


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command, and return what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert not check or done.returncode == 0, f"{command}: {done.stderr}"
    return done


@dataclass
class Stand:
    """All services, and the folder with their files."""

    folder: Path
    image: str
    prefix: str = field(default_factory=lambda: f"sk{secrets.token_hex(2)}")
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    containers: set[str] = field(default_factory=set)
    previous: set[str] = field(default_factory=set)
    """The gateways that run the previous version."""

    def __post_init__(self) -> None:
        self.compose = self.folder / "compose"
        shutil.copytree(FOLDER, self.compose, ignore=shutil.ignore_patterns("secrets"))
        self.secrets = self.compose / "secrets"
        self.secrets.mkdir()
        keys = self.secrets / "client-keys.jwks"
        new_key(keys, "ES256")
        (self.folder / "public.jwks").write_bytes(load_keys(keys).public_jwks())
        done = subprocess.run(["sh", "./prepare", HOST], cwd=self.compose, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        os.chown(keys, USER, USER)
        self.file: dict[str, Any] = YAML(typ="safe").load((self.compose / "compose.yaml").read_text())
        self.services: dict[str, dict[str, Any]] = self.file["services"]
        # The agency's sandbox cannot be reached from here: the emulator stands in its place, on another machine.
        settings = self.compose / "gateway.yaml"
        text = settings.read_text()
        theirs = "  environment: sandbox          # then: production\n"
        assert theirs in text
        ours = f"  issuer: {ISSUER}\n  ca: /run/secrets/ca\n  acr_values: aal3 crl\n"
        settings.write_text(text.replace(theirs, ours))
        shutil.copytree(ROOT / "policies", self.folder / "policies")
        self.certify("provider.example", self.folder / "provider")

    # --- places --------------------------------------------------------------------------

    def namespace(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def build(self) -> None:
        """Make the networks, and a place for each service, the provider and the browsers."""
        switch = self.namespace("switch")
        run("ip", "netns", "add", switch)
        for number, network in enumerate(("front", "inside", "store", "watch")):
            run("ip", "-n", switch, "link", "add", f"br{number}", "type", "bridge")
            run("ip", "-n", switch, "link", "set", f"br{number}", "up")
            for service, address in self.addresses(network).items():
                place = self.namespace(service)
                if run("ip", "netns", "list").stdout.find(f"{place}\n") < 0 and not Path("/run/netns", place).exists():
                    run("ip", "netns", "add", place)
                    run("ip", "-n", place, "link", "set", "lo", "up")
                here, there = f"{network[:2]}{number}", f"v{secrets.token_hex(4)}"
                run("ip", "-n", switch, "link", "add", there, "type", "veth", "peer", "name", here, "netns", place)
                run("ip", "-n", switch, "link", "set", there, "master", f"br{number}", "up")
                run("ip", "-n", place, "address", "add", f"{address}/24", "dev", here)
                run("ip", "-n", place, "link", "set", here, "up")

    def addresses(self, network: str) -> dict[str, str]:
        """Return the addresses of a network by service."""
        found = {
            name: service["networks"][network]["ipv4_address"]
            for name, service in self.services.items()
            if network in service["networks"] and name not in {"prometheus", "grafana"}
        }
        found |= {"provider": PROVIDER, "browsers": CLIENT} if network == "front" else {}
        return found | ({"browsers": WATCHER} if network == "watch" else {})

    def remove(self) -> None:
        """End every service, and take the places away."""
        for name in list(self.containers):
            images.podman("rm", "--force", "--time", "0", "--volumes", self.namespace(name), check=False)
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for each in Path("/run/netns").glob(f"{self.prefix}-*"):
            run("ip", "netns", "delete", each.name, check=False)

    # --- services ------------------------------------------------------------------------

    def mounts(self, name: str) -> dict[str, Path]:
        """Return the files and folders of a service by their place in it, as compose.yaml mounts them."""
        service = self.services[name]
        found: dict[str, Path] = {}
        for each in service.get("volumes", []):
            here, there, *_ = each.split(":")
            if here in self.file["volumes"]:
                state = self.folder / "state" / here
                if not state.exists():
                    state.mkdir(parents=True)
                    if name in GATEWAYS:
                        os.chown(state, USER, USER)
                found[there] = state
            elif here == "../../policies":
                found[there] = self.folder / "policies"
            else:
                found[there] = self.compose / here
        for secret in service.get("secrets", []):
            found[f"/run/secrets/{secret}"] = self.compose / self.file["secrets"][secret]["file"]
        return found

    def hosts(self, name: str) -> str:
        known = [each.split(":") for each in self.services[name].get("extra_hosts", [])]
        known.append(["provider.example", PROVIDER])
        lines = [f"{address} {host}" for host, address in known]
        return "\n".join(["127.0.0.1 localhost", *lines]) + "\n"

    def start(self, name: str, *command: str) -> None:
        """Start a service of this machine's programs, with a root of its own over the machine's."""
        hosts = self.folder / f"hosts-{name}"
        hosts.write_text(self.hosts(name))
        root = self.folder / f"root-{name}"
        root.mkdir(exist_ok=True)
        steps = [
            "set -eu",
            "mount --make-rprivate /",
            f"hostname {name}",
            f"mount -t tmpfs tmpfs {root}",
            f"mkdir {root}/upper {root}/work {root}/all",
            f"mount -t overlay overlay -o lowerdir=/,upperdir={root}/upper,workdir={root}/work {root}/all",
            f"for each in proc dev sys; do mount --rbind /$each {root}/all/$each; done",
            f"mount -t tmpfs tmpfs {root}/all/run",
            f"cp {hosts} {root}/all/etc/hosts",
            # The user of nginx's own image.
            f"echo 'nginx:x:101:101::/nonexistent:/usr/sbin/nologin' >> {root}/all/etc/passwd",
            f"echo 'nginx:x:101:' >> {root}/all/etc/group",
        ]
        for there, here in self.mounts(name).items():
            inside = shlex.quote(f"{root}/all{there}")
            if here.is_dir():
                steps.append(f"mkdir -p {inside}")
            else:
                steps.append(f"mkdir -p {shlex.quote(str(Path(f'{root}/all{there}').parent))} && touch {inside}")
            steps.append(f"mount --bind {shlex.quote(str(here))} {inside}")
        steps.append(f"exec chroot {root}/all {shlex.join(command)}")
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                [
                    "ip",
                    "netns",
                    "exec",
                    self.namespace(name),
                    "unshare",
                    "--mount",
                    "--uts",
                    "sh",
                    "-c",
                    "\n".join(steps),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_redis(self, name: str) -> None:
        """Start a Redis or a sentinel as compose.yaml does."""
        self.start(name, *self.services[name]["entrypoint"], *self.services[name]["command"])

    def start_gateway(self, name: str, *, old: Path | None = None) -> None:
        """Start a gateway's container; `old` is a folder with another version, its settings and its policies."""
        mounts = self.mounts(name)
        if old is not None:
            mounts["/etc/sekisho/gateway.yaml"] = old / "gateway.yaml"
            mounts["/etc/sekisho/policies"] = old / "policies"
            mounts["/old"] = old
        arguments = ["--network", f"ns:/run/netns/{self.namespace(name)}", "--hostname", name, *images.RUN[1:]]
        arguments += ["--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"]
        for line in self.hosts(name).splitlines()[1:]:
            address, host = line.split()
            arguments += ["--add-host", f"{host}:{address}"]
        for there, here in mounts.items():
            arguments += ["--volume", f"{here}:{there}{':ro' if there != '/var/lib/sekisho' else ''}"]
        command = [self.image]
        if old is not None:
            arguments += ["--env", "PYTHONPATH=/old", "--entrypoint", "/opt/sekisho/bin/python"]
            command += ["-m", "gateway", "run", "-c", "/etc/sekisho/gateway.yaml"]
        images.podman("run", "--detach", "--name", self.namespace(name), *arguments, *command)
        self.containers.add(name)
        (self.previous.discard if old is None else self.previous.add)(name)

    def stop_gateway(self, name: str, number: str = "TERM") -> None:
        """End a gateway by a signal, wait for its end, and keep its log."""
        container = self.namespace(name)
        images.podman("kill", "--signal", number, container)
        images.podman("wait", container)
        told = images.podman("logs", container)
        with (self.folder / f"{name}.log").open("a") as log:
            log.write(told.stdout + told.stderr)
        images.podman("rm", container)
        self.containers.discard(name)

    def wait_for_gateway(self, name: str) -> None:
        """Return once a gateway says by its health path, and by its readiness, that it serves."""
        wait_until(lambda: self.healthy(name), f"`{name}` that is healthy", PATIENCE)

    def healthy(self, name: str) -> bool:
        container = self.namespace(name)
        if images.podman("inspect", container, "--format", "{{.State.Running}}").stdout.strip() == "false":
            # compose.yaml says `restart: unless-stopped`. A busy machine may end a start, which takes too long for it.
            images.podman("start", container)
        front = f"http://{self.addresses('front')[name]}:8080"
        # The previous version has no path for balancers yet.
        path = "/" if name in self.previous else "/.sekisho/health"
        ready = f"http://{self.addresses('watch')[name]}:9464/readyz"
        return all(self.ask(url).returncode == 0 for url in (ready, front + path))

    def ask(self, url: str) -> subprocess.CompletedProcess[str]:
        """Ask a URL from where the browsers are, by the public name where it is a public one."""
        host = ["-H", f"Host: {HOST}"] if ":8080" in url else []
        place = ("ip", "netns", "exec", self.namespace("browsers"))
        return run(*place, "curl", "-fsS", "-m", "5", *host, url, check=False)

    def kill(self, name: str) -> None:
        """End a process at once, as a power cut would."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def redis(self, name: str, *command: str) -> str:
        """Ask a Redis or a sentinel with the rights of an operator."""
        port, user, secret = (
            ("26379", [], "sentinel-password") if name in SENTINELS else ("6379", ["--user", "sentinel"], ".sentinel")
        )
        address = self.addresses("store")[name]
        arguments = [
            "redis-cli",
            "-h",
            address,
            "-p",
            port,
            "--tls",
            "--cacert",
            str(self.secrets / "ca.pem"),
            "--sni",
            name,
        ]
        password = (self.secrets / secret).read_text().strip()
        return run(
            "ip",
            "netns",
            "exec",
            self.namespace("gateway-a"),
            "env",
            f"REDISCLI_AUTH={password}",
            *arguments,
            *user,
            *command,
            check=False,
        ).stdout

    def primary(self, asked: str = "sentinel-2") -> str:
        """Return the name of the Redis that a sentinel calls primary."""
        said = self.redis(asked, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "sekisho").split()
        return said[0] if said else ""

    def start_stores(self) -> None:
        """Start the three Redis and their sentinels, and return once they know each other."""
        for name in REDIS:
            self.start_redis(name)
        wait_until(lambda: self.redis("redis-1", "ROLE").count("redis-") == 2, "two replicas", PATIENCE)
        for name in SENTINELS:
            self.start_redis(name)

        def known() -> bool:
            said = self.redis("sentinel-1", "SENTINEL", "MASTER", "sekisho").split("\n")
            told = dict(zip(said[::2], said[1::2], strict=False))
            return (told.get("num-slaves"), told.get("num-other-sentinels")) == ("2", "2")

        wait_until(known, "sentinels that know each other", PATIENCE)

    def start_provider(self) -> None:
        """Start the emulator in a place of its own."""
        redirect = f"https://{HOST}/.sekisho/callback"
        files = [str(self.folder / "public.jwks"), str(self.folder / "provider.pem"), str(self.folder / "provider.key")]
        self.start_here("provider", sys.executable, "-m", "tests.deploy.provider", ISSUER, *files, redirect)

    def start_here(self, name: str, *command: str) -> None:
        """Start a program of the test in a place, with this machine's root."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace(name), *command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_application(self) -> None:
        """Start the demo's application, at the address that compose.yaml gives it."""
        state = self.folder / "state" / "application"
        state.mkdir(parents=True, exist_ok=True)
        service = self.services["application"]
        command = [sys.executable, *service["entrypoint"][1:], *service["command"]]
        command[command.index("/var/lib/sekisho")] = str(state)
        self.start_here("application", *command)

    def certify(self, name: str, path: Path) -> None:
        """Make a certificate that the CA of `prepare` signs, with a serial number of its own."""
        ca = x509.load_pem_x509_certificate((self.secrets / "ca.pem").read_bytes())
        ca_key = serialization.load_pem_private_key((self.secrets / "ca.key").read_bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        path.with_suffix(".pem").write_bytes(certificate.public_bytes(pem))
        plain = serialization.NoEncryption()
        path.with_suffix(".key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


@dataclass
class Browsers:
    """The process with all browsers."""

    process: subprocess.Popen[str]

    def phase(self, name: str) -> dict[str, Any]:
        """Begin a phase, and return what came of the one before."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browsers have ended"
        told: dict[str, Any] = json.loads(line)
        return told


@contextlib.contextmanager
def browsers(stand: Stand) -> Iterator[Browsers]:
    """Run the browsers until the end of the block."""
    watched = stand.addresses("watch")
    facts = {
        "origin": f"https://{HOST}",
        "ca": str(stand.secrets / "ca.pem"),
        "addresses": {HOST: stand.addresses("front")["nginx"], "provider.example": PROVIDER},
        "management": {name: f"http://{watched[name]}:9464/metrics" for name in GATEWAYS},
    }
    path = stand.folder / "facts.json"
    path.write_text(json.dumps(facts))
    log = (stand.folder / "browsers.log").open("wb")
    process = subprocess.Popen(
        ["ip", "netns", "exec", stand.namespace("browsers"), sys.executable, "-m", "tests.deploy.traffic", str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        yield Browsers(process)
    finally:
        process.kill()
        process.communicate()
        log.close()


@contextlib.contextmanager
def stand(image: str, ready: Callable[[Stand], None]) -> Iterator[Stand]:
    """Build the stand, have `ready` start it, and take it away at the end of the block."""
    program("podman")
    with tempfile.TemporaryDirectory(prefix="sekisho-stand-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        here = Stand(folder, image)
        try:
            here.build()
            ready(here)
            yield here
        finally:
            here.remove()
