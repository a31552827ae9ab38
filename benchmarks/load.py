"""Load: wrk for throughput at a fixed number of connections, as fast as the server answers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.programs import LOAD_CORE, BenchmarkError, Program, find

CONNECTIONS = 32

_REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n@@{"requests":%d,"seconds":%.6f,"failed":%d,"p50":%.1f,"p99":%.1f,"p999":%.1f}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """The result of one round of load."""

    rate: float
    """Requests a second."""
    cpu: float
    """CPU microseconds of the server a request."""
    busy: float
    """Share of its core the server used; well under 1, the load or the upstream was the limit."""
    p50: float
    """Microseconds."""
    p99: float
    """Microseconds."""


def run(  # noqa: PLR0913 (each is a part of wrk's command line)
    server: Program,
    port: int,
    path: str,
    headers: Mapping[str, str],
    *,
    seconds: int,
    folder: Path,
    connections: int = CONNECTIONS,
    requests: str = "",
    tls: bool = False,
    beside: Program | None = None,
) -> Round:
    """Load a server for some seconds over keep-alive connections, and say what that took.

    `requests` is Lua for wrk that makes other requests than a GET. The CPU time of the program `beside` counts, too.

    Raises:
        BenchmarkError: any request failed; a server that answers errors quickly is not fast.

    """
    script = folder / "report.lua"
    script.write_text(requests + _REPORT)
    command = [find("taskset"), "-c", str(LOAD_CORE), find("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["-s", str(script)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    programs = [server] if beside is None else [server, beside]
    before = sum(program.cpu_seconds() for program in programs)
    done = subprocess.run(
        [*command, f"{'https' if tls else 'http'}://127.0.0.1:{port}{path}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    used = sum(program.cpu_seconds() for program in programs) - before
    seen = json.loads(done.stdout.partition("@@")[2])
    if seen["failed"] or not seen["requests"]:
        raise BenchmarkError(
            f"`{server.name}` failed {seen['failed']} of {seen['requests']} requests:\n{server.tail()}"
        )
    return Round(
        rate=seen["requests"] / seen["seconds"],
        cpu=used / seen["requests"] * 1e6,
        busy=used / seen["seconds"],
        p50=seen["p50"],
        p99=seen["p99"],
    )
