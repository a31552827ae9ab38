"""The trail's copies at a real rsyslog, over TLS with certificates on both sides."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.audit.syslog import Origin, Target, Transport
from gateway.audit.system_segments import TrailFiles, segments_in
from gateway.audit.thread_copies import TrailCopies
from gateway.audit.thread_syslog import SyslogSender, tls_to_server
from gateway.audit.thread_trail import ThreadTrail
from gateway.observe.lines import LineKind
from tests.audit.folders import mirrored, until, verified
from tests.audit.trails import entry, terms, verifier
from tests.conftest import free_port, program
from tests.redis_server import write_certificates

pytestmark = pytest.mark.long

SETTINGS = """\
global(
  workDirectory="{folder}"
  defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{certificate}"
  defaultNetstreamDriverKeyFile="{key}"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="text" type="string" string="%syslogfacility-text% %app-name% %msgid% %msg%\\n")
action(type="omfile" file="{kept}" template="text")
"""


@contextmanager
def rsyslog(folder: Path, ca: Path, certificate: Path, key: Path) -> Iterator[tuple[int, Path]]:
    """Run a server of this test's own; yield its port, and the file of what it has taken."""
    port, kept, settings = free_port(), folder / "kept.log", folder / "rsyslog.conf"
    settings.write_text(
        SETTINGS.format(folder=folder, ca=ca, certificate=certificate, key=key, port=port, kept=kept), encoding="utf-8"
    )
    told = (folder / "rsyslog.out").open("w")
    arguments = ("-n", "-f", str(settings), "-i", str(folder / "rsyslog.pid"))
    process = subprocess.Popen((program("rsyslogd"), *arguments), stdout=told, stderr=subprocess.STDOUT)
    try:
        yield port, kept
    finally:
        process.terminate()
        process.wait(30)
        told.close()


def taken(kept: Path) -> list[str]:
    return kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []


def test_a_tail_that_was_cut_off_is_seen_at_rsyslog(tmp_path: Path) -> None:
    """It verifies our certificate, keeps the checkpoints whole, and they locate the line that is missing here."""
    ca, certificate, key = write_certificates(tmp_path)
    ours = tmp_path / "ours.pem"
    ours.write_bytes(certificate.read_bytes() + key.read_bytes())
    folder, received = tmp_path / "audit", tmp_path / "received"
    with rsyslog(tmp_path, ca, certificate, key) as (port, kept):
        target, origin = Target(Transport.TLS, "localhost", port), Origin("gw1", 77)
        stranger = SyslogSender(target, origin, tls_to_server(ca, None))
        stranger.put(b"from nobody", 1, LineKind.AUDIT)
        sender = SyslogSender(target, origin, tls_to_server(ca, ours))
        copies = TrailCopies(None, sender, whole=False)
        files = TrailFiles(folder, "worker-1", terms(interval=60.0), verifier(), copies)
        trail = ThreadTrail(files, time.time, interval=60.0)
        for number in range(20):
            trail.record(entry(number, time.time()))
        trail.close(20)
        until(lambda: sum("signed" in line for line in taken(kept)) == 2)
        copies.close()
        stranger.close()
        lines = taken(kept)

    told = [line.partition(" audit ")[2].strip() for line in lines]
    assert not any("from nobody" in line for line in lines)
    assert all(line.split()[1] == "sekisho" for line in lines)
    assert [list(json.loads(line)) for line in told] == [["signed"], ["signed"]]
    received.write_text("\n".join(told) + "\n", encoding="utf-8")
    assert verified(folder, mirrored(received, verifier()), by=verifier(), now=time.time()).faults == ()

    (file,) = segments_in(folder)
    whole = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(whole[:-3]))
    (fault,) = verified(folder, mirrored(received, verifier()), by=verifier(), now=time.time()).faults
    assert (fault.file, fault.line) == (file.name, len(whole) - 3)
