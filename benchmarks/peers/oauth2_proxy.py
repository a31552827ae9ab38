"""oauth2-proxy with its session in Redis: as a proxy that signs people in, and asked with `/oauth2/auth`.

No distribution has it. The harness builds it once from the Go module proxy, if Go is installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.browser import Browser
from benchmarks.peer import Running, SignIn
from benchmarks.programs import PEER_CORE, BenchmarkError, free_port, running
from benchmarks.provider import CLIENT, SECRET, provider
from benchmarks.surroundings import BODY, Surroundings

VERSION = "v7.15.6"
_MODULE = f"github.com/oauth2-proxy/oauth2-proxy/v7@{VERSION}"
_BUILD_SECONDS = 1_800


def is_there() -> bool:
    """Return whether it is installed, or can be built here."""
    return shutil.which("oauth2-proxy") is not None or _built().exists() or shutil.which("go") is not None


def _built() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "sekisho-benchmarks" / VERSION / "oauth2-proxy"


def program() -> str:
    """Return its path; the first call builds it, which takes minutes.

    Raises:
        BenchmarkError: it is not installed, and Go is missing or could not build it.

    """
    found = shutil.which("oauth2-proxy")
    if found is not None:
        return found
    built = _built()
    if not built.exists():
        go = shutil.which("go")
        if go is None:
            raise BenchmarkError("`oauth2-proxy` is not installed, and there is no Go to build it with")
        print(f"building {_MODULE}, once …", file=sys.stderr, flush=True)
        built.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(built.parent)}
        done = subprocess.run(
            [go, "install", _MODULE],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
        )
        if done.returncode:
            raise BenchmarkError(f"`go install {_MODULE}` failed:\n{done.stderr[-2000:]}")
    return str(built)


class OAuth2Proxy:
    """The proxy that most put in front of an application for a login alone."""

    name = "oauth2-proxy"
    what = "session in Redis"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it, and a provider to sign in at, for the length of a block."""
        port = free_port()
        with provider(around, f"http://localhost:{port}/oauth2/callback") as (issuer, _):
            command = [
                program(),
                f"--http-address=127.0.0.1:{port}",
                "--provider=oidc",
                f"--oidc-issuer-url={issuer}",
                f"--client-id={CLIENT}",
                f"--client-secret={SECRET}",
                f"--redirect-url=http://localhost:{port}/oauth2/callback",
                "--cookie-secret=0123456789abcdef0123456789abcdef",
                "--cookie-secure=false",
                "--code-challenge-method=S256",
                "--scope=openid",
                "--email-domain=*",
                "--oidc-email-claim=sub",
                "--user-id-claim=sub",
                "--insecure-oidc-allow-unverified-email=true",
                "--skip-provider-button=true",
                "--session-store-type=redis",
                f"--redis-connection-url=redis://127.0.0.1:{around.redis}/1",
                f"--upstream=http://127.0.0.1:{around.upstream}/",
                "--request-logging=false",
                "--auth-logging=false",
                "--standard-logging=false",
                "--silence-ping-logging=true",
            ]
            with running(
                self.name,
                command,
                core=PEER_CORE,
                folder=around.folder,
                ready=port,
                environment={"GOMAXPROCS": "1"},
            ) as measured:
                sign_in = SignIn(f"http://localhost:{port}/")
                with contextlib.closing(Browser()) as browser:
                    cookies = browser.walk(sign_in.url, BODY.encode(), sign_in.answers)
                cookie = "; ".join(f"{name}={value}" for name, value in cookies.items() if "csrf" not in name)
                yield Running(measured, port, {"Host": f"localhost:{port}", "Cookie": cookie}, sign_in)
