"""nginx, gunicorn and PHP's built-in server, each writing down what it was asked, in its own reading of it."""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import free_port, program
from tests.servers import serving

HERE = Path(__file__).resolve().parent
NAMES = ("nginx", "gunicorn", "php")

READ_BY_NGINX = (
    "host",
    "cookie",
    "transfer_encoding",
    "x_case",
    "x_request_id",
    "x_forwarded_for",
    "x_forwarded_host",
    "x_forwarded_proto",
    "x_real_ip",
    "forwarded",
    "x_original_url",
    "x_rewrite_url",
    "x_http_method_override",
    "remote_user",
    "x_verified_subject",
    "x_verified_name",
    "x_verified_adult",
    "x_verified_assertion",
    "sekisho_visit",
    "connection",
    "x_trip_0",
    "x_trip_1",
    "x_trip_2",
)
"""nginx names a header's variable by folding it: what comes in any spelling is written down here."""

NGINX = """\
daemon off;
{user}pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  log_format record escape=json
    '{{"method":"$request_method","target":"$request_uri","path":"$uri","length":"$http_content_length",'
    '"line":"$request","body":"$request_body","headers":{{{headers}}}}}';
  underscores_in_headers on;
  ignore_invalid_headers off;
  client_body_buffer_size 256k;
  client_max_body_size 0;
  keepalive_requests 1000000;
  keepalive_timeout 10s;
  access_log off;
  server {{
    listen 127.0.0.1:{port};
    access_log {records} record;
    location / {{ proxy_pass http://unix:{folder}/inner.sock; }}
  }}
  server {{
    listen unix:{folder}/inner.sock;
    location / {{ default_type text/plain; return 200 "ok"; }}
  }}
}}
"""


@dataclass(frozen=True)
class RealUpstream:
    """A server that runs, and the file it writes down what it was asked in."""

    name: str
    port: int
    file: Path

    def records(self) -> list[dict[str, Any]]:
        """Return what it was asked so far; texts are bytes read as Latin-1, but for the path."""
        # nginx leaves bytes beyond ASCII as they are, the others escape them: read as Latin-1 they are alike.
        lines = self.file.read_text(encoding="latin-1").splitlines() if self.file.exists() else []
        found: list[dict[str, Any]] = [json.loads(line, strict=False) for line in lines]
        for record in found:
            record["path"] = record["path"].encode("latin-1").decode("utf-8")
            record["headers"] = {name.upper(): value for name, value in record["headers"].items() if value}
        return found


def _command(name: str, folder: Path, port: int, records: Path) -> list[str]:
    if name == "nginx":
        headers = ",".join(f'"{header}":"$http_{header}"' for header in READ_BY_NGINX)
        # Started by root, its worker would be `nobody`, who may not enter this folder.
        user = f"user {pwd.getpwuid(0).pw_name};\n" if os.getuid() == 0 else ""
        settings = NGINX.format(user=user, folder=folder, port=port, records=records, headers=headers)
        (folder / "nginx.conf").write_text(settings)
        return [program("nginx"), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    if name == "gunicorn":
        # A header with `_` is merged into the one it folds onto, as old applications' servers still do.
        options = ["--header-map", "dangerous", "--worker-class", "gthread", "--threads", "8", "--keep-alive", "10"]
        address = ["--bind", f"127.0.0.1:{port}", "--worker-tmp-dir", str(folder), "--log-level", "warning"]
        return [
            sys.executable,
            "-m",
            "gunicorn",
            "--no-control-socket",
            *options,
            *address,
            "tests.flows.wsgi_recorder",
        ]
    return [program("php"), "-d", "enable_post_data_reading=0", "-S", f"127.0.0.1:{port}", str(HERE / "recorder.php")]


@contextmanager
def real_upstream(name: str, folder: Path) -> Iterator[RealUpstream]:
    """Run one of them, and end it and its children."""
    folder.mkdir()
    port, records = free_port(), folder / "records"
    environment = {"RECORDS": str(records), "PHP_CLI_SERVER_WORKERS": "4"}
    command = _command(name, folder, port, records)
    with serving(port, folder / "log", *command, environment=environment, folder=HERE.parents[1]):
        yield RealUpstream(name, port, records)
