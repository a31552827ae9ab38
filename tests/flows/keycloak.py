"""A real Keycloak, as its project gives it away: unpacked once, started once, with realms of our own.

Its distribution comes from Maven Central by `mvn`. A test that cannot have it is not run, and the summary names it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import free_port, not_run

VERSION = "26.5.6"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
HERE = Path(__file__).parent / "keycloak"

ADMIN, PASSWORD = "admin", "admin"

STARTS_WITHIN = 300
"""Seconds; the first start of an unpacked distribution builds its server."""

_STAMP = "unpacked-by-the-tests"


def distribution() -> Path:
    """Return the folder of an unpacked Keycloak, fetched where it is not there yet."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            not_run(f"Keycloak {VERSION}: `{program}` is not installed")
    HERE.mkdir(exist_ok=True)
    home = HERE / f"keycloak-{VERSION}"
    # Two test runs may want it at the same time.
    with (HERE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / _STAMP).exists():
            _fetch(home)
    return home


def _fetch(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={HERE}"]
    fetched = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=600, check=False)
    archive = HERE / f"keycloak-quarkus-dist-{VERSION}.zip"
    if fetched.returncode or not archive.exists():
        said = [line for line in fetched.stdout.splitlines() if "ERROR" in line][:1]
        not_run(f"Keycloak {VERSION}: `mvn` does not get `{ARTIFACT}`: {' '.join(said) or 'it wrote no file'}")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(HERE)
    archive.unlink()
    (home / "bin" / "kc.sh").chmod(0o755)
    (home / _STAMP).touch()


@dataclass
class Realm:
    """One realm, with one client and one person in it."""

    keycloak: Keycloak
    name: str

    @property
    def issuer(self) -> str:
        """As its ID tokens say it."""
        return f"{self.keycloak.url}/realms/{self.name}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call the admin API of this realm."""
        return self.keycloak.ask(method, f"/admin/realms/{self.name}{path}", body)

    def person(self, username: str = "hanako") -> dict[str, Any]:
        """Return what the realm holds of a person."""
        (found,) = self.ask("GET", f"/users?exact=true&username={username}")
        return dict(found)

    def client(self) -> dict[str, Any]:
        """Return what the realm holds of our client."""
        (found,) = self.ask("GET", "/clients?clientId=RP00000001")
        return dict(found)

    def log_out(self, username: str = "hanako") -> None:
        """End a person's sessions, as an administrator does; logout tokens go out."""
        self.ask("POST", f"/users/{self.person(username)['id']}/logout")

    def set_enabled(self, *, enabled: bool, username: str = "hanako") -> None:
        """Disable a person's account, or enable it."""
        person = self.person(username)
        self.ask("PUT", f"/users/{person['id']}", {**person, "enabled": enabled})

    def rotate_keys(self, algorithm: str = "ES256") -> None:
        """Sign with a new key from now on; the old one stays published."""
        realm_id = self.ask("GET", "")["id"]
        generated = {"RS256": "rsa-generated", "ES256": "ecdsa-generated"}[algorithm]
        config = {"priority": [str(int(time.time()))], "enabled": ["true"], "active": ["true"]}
        if algorithm == "ES256":
            config["ecdsaEllipticCurveKey"] = ["P-256"]
        component = {
            "name": f"key-{time.monotonic_ns()}",
            "providerId": generated,
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm_id,
            "config": config,
        }
        self.ask("POST", "/components", component)


class Keycloak:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call the admin API, signed in anew: its tokens live for a minute."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": PASSWORD}
        signed_in = self._call(
            "POST",
            "/realms/master/protocol/openid-connect/token",
            urllib.parse.urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        headers = {"Authorization": f"Bearer {signed_in['access_token']}", "Content-Type": "application/json"}
        return self._call(method, path, None if body is None else json.dumps(body).encode(), headers)

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said = answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                raise AssertionError(f"{method} {path}: {refused.code} {refused.read()[:500]!r}") from None
        return json.loads(said) if said else None

    def make_realm(self, name: str, app: str, **client: Any) -> Realm:
        """Import a realm as it comes, with our client at an App's origin in it, and a person with a password."""
        self.ask("POST", "/admin/realms", realm_as_imported(name, app, **client))
        return Realm(self, name)


def realm_as_imported(name: str, app: str, **client: Any) -> dict[str, Any]:
    """Return a realm's import file: nothing in it but what `sekisho registration` says of our client, and a person."""
    attributes = {
        "token.endpoint.auth.signing.alg": "ES256",
        "use.jwks.url": "true",
        "jwks.url": f"{app}/.sekisho/keys/client",
        "pkce.code.challenge.method": "S256",
        "id.token.signed.response.alg": "ES256",
        "post.logout.redirect.uris": f"{app}/.sekisho/signed-out",
        "backchannel.logout.url": f"{app}/.sekisho/backchannel-logout",
        "backchannel.logout.session.required": "true",
        **client.pop("attributes", {}),
    }
    ours = {
        "clientId": "RP00000001",
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": False,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": False,
        "clientAuthenticatorType": "client-jwt",
        "redirectUris": [f"{app}/.sekisho/callback"],
        "attributes": attributes,
        **client,
    }
    hanako = {
        "username": "hanako",
        "enabled": True,
        "emailVerified": True,
        "firstName": "花子",
        "lastName": "佐藤",
        "email": "hanako@example.test",
        "credentials": [{"type": "password", "value": "himitsu", "temporary": False}],
    }
    return {"realm": name, "enabled": True, "clients": [ours], "users": [hanako]}


@contextmanager
def keycloak_server(folder: Path) -> Iterator[Keycloak]:
    """Run a Keycloak with an empty database in memory on a free port."""
    home = distribution()
    port = free_port()
    # Java asks the system for names, which does not know `app.localhost` everywhere.
    hosts = folder / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", "app.localhost", "other.localhost")))
    log = folder / "keycloak.log"
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "JAVA_OPTS_APPEND": f"-Djdk.net.hosts.file={hosts} -Djava.net.preferIPv4Stack=true",
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD,
    }
    command = [
        str(home / "bin" / "kc.sh"),
        "start-dev",
        "--db=dev-mem",
        "--http-host=127.0.0.1",
        f"--http-port={port}",
    ]
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, stdout=written, stderr=written, env=environment, cwd=folder, start_new_session=True
        )
    keycloak = Keycloak(port)
    try:
        _wait(keycloak, process, log)
        yield keycloak
    finally:
        # Its script may have started the server as a child.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait(keycloak: Keycloak, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        assert process.poll() is None, f"Keycloak ended: {log.read_text()[-2000:]}"
        try:
            keycloak.ask("GET", "/admin/realms/master")
        except (OSError, AssertionError):
            threading.Event().wait(0.5)
        else:
            return
    raise AssertionError(f"Keycloak does not start: {log.read_text()[-2000:]}")
