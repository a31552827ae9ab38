"""A bare Debian of its own for a test: made by debootstrap, booted with its own systemd by podman."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import program

SUITE = "bookworm"
PODMAN = ("podman", "--runtime", "runc")
_ENVIRONMENT = ("--env", "LC_ALL=C.UTF-8", "--env", "DEBIAN_FRONTEND=noninteractive")
_LIMITS = (
    *("--network=host", "--systemd=always", "--privileged"),
    *("--ulimit", "nofile=8192:8192", "--ulimit", "nproc=1024:1024"),
)
_OF_THE_HOST = ("/etc/resolv.conf", "/etc/hosts")


def make_root(folder: Path, *packages: str) -> Path:
    """Make a root with what Debian calls minimal, and some packages."""
    root = folder / "root"
    include = [f"--include={','.join(packages)}"] if packages else []
    done = subprocess.run(
        [program("debootstrap"), "--variant=minbase", *include, SUITE, root],
        capture_output=True,
        text=True,
        check=False,
        timeout=1_200,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
    for name in _OF_THE_HOST:
        shutil.copyfile(name, root / name[1:])
    return root


class Machine:
    """A booted root, in which commands run as root."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self, command: str, *, expect: int | None = 0, timeout: float = 300) -> str:
        """Run a line of the shell, and return what it says; another exit code is the failure."""
        done = subprocess.run(
            [*PODMAN, "exec", *_ENVIRONMENT, self._name, "sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        said = done.stdout + done.stderr
        assert expect is None or done.returncode == expect, f"{command}: {done.returncode}\n{said[-4_000:]}"
        return said

    def wait_for(self, command: str, word: str, *, patience: float = 120) -> str:
        """Run a command until it says a word; return what it says."""
        end = time.monotonic() + patience
        while word not in (said := self.run(command, expect=None)):
            assert time.monotonic() < end, f"{command} does not say {word!r}:\n{said[-4_000:]}"
        return said


@contextmanager
def booted(root: Path, name: str) -> Iterator[Machine]:
    """Boot a root with its own systemd, on the host's network; it ends with the block."""
    subprocess.run(
        [*PODMAN, "run", "--detach", "--name", name, *_LIMITS, "--rootfs", root, "/lib/systemd/systemd"],
        capture_output=True,
        check=True,
        timeout=120,
    )
    try:
        machine = Machine(name)
        machine.wait_for("systemctl is-system-running", "running")
        yield machine
    finally:
        subprocess.run([*PODMAN, "rm", "--force", "--time", "2", name], capture_output=True, check=True, timeout=120)
