"""The samples that ask for signatures, each run as its owner would, against the API's own reading of requests."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from gateway.settings.settings import AppSigning
from gateway.signing.asked import admitted, described, idempotency_key, read_asked
from gateway.signing.signature import Progress, Result, Signature
from tests.deploy.samples import command_of

SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "signing"
TOKEN = "0123456789abcdef0123456789abcdef-app"
ID = "x" * 43
ASKED = {
    "title": "契約書",
    "media_type": "text/plain",
    "document": base64.b64encode("同意します。".encode()).decode(),
    "return_to": "/signed",
}


@contextmanager
def api() -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of an API that reads requests as the gateway does, and the steps that it saw."""
    steps: list[str] = []
    kept: dict[str, Signature] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Say nothing."""

        def answer(self, status: int, said: object = None) -> None:
            text = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def admitted(self) -> bool:
            fields = [value.encode() for value in self.headers.get_all("Authorization", [])]
            tokens = {"app": sha256(TOKEN.encode()).digest()}
            return bool(admitted(fields, "127.0.0.1", {"app": AppSigning(addresses=("127.0.0.1",))}, tokens))

        def do_POST(self) -> None:
            asked = read_asked(self.rfile.read(int(self.headers["Content-Length"])))
            key = idempotency_key(value.encode() for value in self.headers.get_all("Idempotency-Key", []))
            if not self.admitted() or not key:
                self.answer(401)
                return
            steps.append("ask")
            kept[ID] = Signature(
                id=ID,
                source=asked.source,
                app="app",
                host="app",
                client_id="c",
                title=dict(asked.title),
                hash=asked.hash,
                digest_info=asked.digest_info,
                created_at=0.0,
                ends_at=900.0,
                return_to=asked.return_to,
            )
            self.answer(201, described(kept[ID]) | {"url": "https://app.example/.sekisho/sign"})

        def do_GET(self) -> None:
            steps.append("read")
            result = Result(transaction="t", signature="c2ln", signed_at=1.0, certificate_jwe="a.b.c.d.e")
            signed = msgspec.structs.replace(
                kept[self.path.rpartition("/")[2]], progress=Progress.SIGNED, result=result
            )
            self.answer(200 if self.admitted() else 401, described(signed))

        def do_DELETE(self) -> None:
            steps.append("confirm")
            del kept[self.path.rpartition("/")[2]]
            self.answer(204 if self.admitted() else 401)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/.sekisho/signatures", steps
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("sample", ["signatures.py", "signatures.php", "Signatures.java"])
def test_an_application_asks_reads_and_confirms(sample: str, tmp_path: Path) -> None:
    """Each step with its token; a wrong token is refused."""
    run = command_of(SAMPLES / sample, tmp_path)

    def call(url: str, *arguments: str, token: str = TOKEN) -> tuple[int, str]:
        done = subprocess.run(
            [*run, url, token, *arguments],
            capture_output=True,
            timeout=120,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )
        return done.returncode, done.stdout.decode()

    with api() as (url, steps):
        refused, _ = call(url, "ask", "contract-1-abcdef", json.dumps(ASKED), token="another")
        _, asked = call(url, "ask", "contract-1-abcdef", json.dumps(ASKED, ensure_ascii=False))
        _, found = call(url, "read", json.loads(asked)["id"])
        confirmed, _ = call(url, "confirm", json.loads(asked)["id"])

    assert refused != 0
    assert json.loads(asked)["title"] == {"ja": "契約書"}
    assert json.loads(found)["state"] == "signed"
    assert json.loads(found)["certificate_jwe"] == "a.b.c.d.e"
    assert confirmed == 0
    assert steps == ["ask", "read", "confirm"]
