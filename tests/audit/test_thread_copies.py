"""The mirror and the syslog server get what they should, once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.audit.syslog import Origin, Target, Transport
from gateway.audit.thread_copies import TrailCopies
from gateway.audit.thread_syslog import SyslogSender
from gateway.observe.lines import LineKind
from tests.audit.folders import until


@pytest.mark.parametrize("whole", [True, False])
def test_a_server_gets_the_trail_or_its_signatures(tmp_path: Path, *, whole: bool) -> None:
    """A signature that went with its line does not go again."""
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(20)
        sender = SyslogSender(Target(Transport.UNIX, path=path), Origin("gw1", 1))
        copies = TrailCopies(tmp_path / "mirror", sender, whole=whole)
        copies.lines(b'{"action":"sign_in"}\n{"action":"checkpoint","signed":"eyJ.a.b"}\n')
        copies.signature("eyJ.a.b")
        copies.signature("eyJ.c.d")
        until(lambda: (tmp_path / "mirror").read_text().count("\n") == 2)
        copies.reopen()
        copies.close()
        server.setblocking(False)  # noqa: FBT003 - its name says it
        got = []
        while True:
            try:
                got.append(server.recv(999).rpartition(b" - ")[2].decode())
            except BlockingIOError:
                break

    mirror = ['{"signed":"eyJ.a.b"}', '{"signed":"eyJ.c.d"}']
    lines = ['{"action":"sign_in"}', '{"action":"checkpoint","signed":"eyJ.a.b"}', '{"signed":"eyJ.c.d"}']
    assert got == (lines if whole else mirror)
    assert (tmp_path / "mirror").read_text().splitlines() == mirror
    assert copies.lost[LineKind.COPY] == 0
