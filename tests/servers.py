"""Runs servers of other projects for a test: each in a process group of its own, so that its children end with it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.conftest import program
from tests.redis_server import wait_until

TOMCAT = Path("/usr/share/tomcat10")


def listens(port: int) -> bool:
    """Say whether a server takes connections on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(
    port: int,
    log: Path,
    *command: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    ready: Callable[[], bool] | None = None,
) -> Iterator[None]:
    """Run a server from when it is ready until the test is over; by default it is ready once it listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            return listens(port) if ready is None else ready()

        try:
            wait_until(is_ready, f"`{command[0]}` on {port}", 60)
            yield
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a server and its children: PHP's workers outlive the process that started them."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def lay_out_tomcat(folder: Path, server_xml: str, heap: str = "128m") -> list[str]:
    """Lay out what a Tomcat of Debian's needs beside its applications; return the command that starts it."""
    for name in ("conf", "logs", "temp", "work"):
        (folder / name).mkdir()
    (folder / "conf" / "server.xml").write_text(server_xml)
    shutil.copy("/etc/tomcat10/web.xml", folder / "conf")
    shutil.copy("/etc/tomcat10/catalina.properties", folder / "conf")
    jars = ":".join(str(TOMCAT / "bin" / jar) for jar in ("bootstrap.jar", "tomcat-juli.jar"))
    places = (f"-Dcatalina.home={TOMCAT}", f"-Dcatalina.base={folder}", f"-Djava.io.tmpdir={folder}/temp")
    return [program("java"), f"-Xmx{heap}", *places, "-cp", jars, "org.apache.catalina.startup.Bootstrap", "start"]
