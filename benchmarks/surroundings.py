"""The surroundings of every peer: one upstream, one Redis, one provider, all on the load's core.

The upstream is nginx, answering from memory; behind it, for uploads and WebSockets, a sink. It
shares its core with the load, which costs every peer the same; where that makes the load the limit
and not the peer, the `busy` column says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.programs import LOAD_CORE, BenchmarkError, find, free_port, get, running

BODY = "k" * 200
"""The small answer: 200 bytes."""

_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/{name}.pid;
error_log stderr warn;
events {{ worker_connections 32768; }}
http {{
    access_log off;
    client_body_temp_path {folder}/{name}-body;
    proxy_temp_path {folder}/{name}-proxy;
    fastcgi_temp_path {folder}/{name}-fastcgi;
    uwsgi_temp_path {folder}/{name}-uwsgi;
    scgi_temp_path {folder}/{name}-scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_max_body_size 0;
{http}
}}
"""


def nginx_settings(folder: Path, name: str, http: str) -> str:
    """Return the settings of an nginx with one worker, no log and everything of its own in the folder."""
    return _NGINX.format(folder=folder, name=name, http=http)


_UPSTREAM = """
    map $http_upgrade $hop {{ default upgrade; '' ''; }}
    upstream sink {{ server 127.0.0.1:{sink}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/plain;
        location / {{ return 200 "{body}"; }}
        location = /told {{ return 200 "$http_x_verified_subject"; }}
        location /files/ {{ alias {folder}/files/; sendfile on; tcp_nopush on; }}
        location /sink/ {{
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_read_timeout 300s;
            proxy_set_header Connection $hop;
            proxy_set_header Upgrade $http_upgrade;
            proxy_pass http://sink;
        }}
    }}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Surroundings:
    """The addresses of everything while peers are measured."""

    folder: Path
    upstream: int
    """Port of the upstream."""
    redis: int
    """Port of a Redis that keeps nothing on disk."""


@contextlib.contextmanager
def surroundings(folder: Path) -> Iterator[Surroundings]:
    """Start upstream and Redis for the length of a block."""
    folder.chmod(0o755)
    (folder / "files").mkdir()
    upstream, redis, sink = free_port(), free_port(), free_port()
    config = folder / "upstream.conf"
    http = _UPSTREAM.format(folder=folder, port=upstream, sink=sink, body=BODY)
    config.write_text(nginx_settings(folder, "upstream", http))
    redis_command = [
        find("redis-server"),
        "--bind",
        "127.0.0.1",
        "--port",
        str(redis),
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    sink_command = [sys.executable, "-m", "benchmarks.sink", str(sink)]
    with (
        running("sink", sink_command, core=LOAD_CORE, folder=folder, ready=sink, environment=environment),
        running("upstream", [find("nginx"), "-c", str(config)], core=LOAD_CORE, folder=folder, ready=upstream),
        running("redis", redis_command, core=LOAD_CORE, folder=folder, ready=redis),
    ):
        status, body = get(upstream, "/", {})
        if (status, body) != (200, BODY.encode()):
            raise BenchmarkError(f"the upstream answers {status}")
        yield Surroundings(folder, upstream, redis)
