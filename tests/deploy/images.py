"""The image of `deploy/container`, built as `make image` builds it, on a base that debootstrap makes.

No image registry is asked: the base is a Debian of this machine's own mirror. Both images are kept by what they were
made from, so that a second run builds nothing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from tests.conftest import program

ROOT = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
BASE = f"localhost/sekisho-test-base:{SUITE}"
PODMAN = ("--runtime", "runc")
RUN = ("--network=host", "--ulimit", "nofile=8192:8192", "--ulimit", "nproc=1024:1024")
"""The options that a machine without its own container network needs."""


def podman(*arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run podman, and return what it said."""
    command = [program("podman"), *PODMAN, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    assert not check or done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
    return done


def made_from() -> str:
    """Return a name for the sources of the image."""
    sum_ = hashlib.sha256()
    tracked = ["gateway", "policies", "deploy/container", "deploy/systemd", "pyproject.toml", "README.md", "LICENSE"]
    tracked += ["requirements.lock", "requirements-build.lock", ".containerignore"]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *tracked],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(filter(None, listed.stdout.split(b"\0"))):
        path = ROOT / os.fsdecode(name)
        if path.is_file() and not path.is_symlink():
            sum_.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return sum_.hexdigest()[:16]


def _mirror() -> str:
    """Return the mirror that this machine's apt uses for its own Debian."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SUITE) $(SITE)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = [line.split() for line in listed.stdout.splitlines()]
    return next(site for suite, site in pairs if suite in {SUITE, "stable", "oldstable"})


def _exists(image: str) -> bool:
    return podman("image", "exists", image, check=False).returncode == 0


def _base() -> None:
    if _exists(BASE):
        return
    with tempfile.TemporaryDirectory(prefix="sekisho-base-") as folder:
        root, archive = Path(folder, "root"), Path(folder, "base.tar")
        _run(program("debootstrap"), "--variant=minbase", SUITE, str(root), _mirror())
        _run("tar", "-C", str(root), "-cf", str(archive), ".")
        podman("import", str(archive), BASE, seconds=600)


def _run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        ["nice", "-n", "5", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=2_400,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def image() -> str:
    """Return the name of the image of this tree; build it if it is not there.

    `SEKISHO_TEST_IMAGE` names another one, such as that of a release.
    """
    given = os.environ.get("SEKISHO_TEST_IMAGE")
    if given:
        return given
    name = f"localhost/sekisho-test:{made_from()}"
    if _exists(name):
        return name
    _base()
    with tempfile.TemporaryDirectory(prefix="sekisho-pip-") as folder:
        # One time for all commits, so that layers that did not change are used again.
        arguments = ["--isolation", "chroot", "--network", "host", "--layers", "--timestamp", "0"]
        # A build machine may reach its package index through an authority of its own.
        authority = os.environ.get("PIP_CERT")
        if authority:
            settings = Path(folder, "pip.conf")
            settings.write_text("[global]\ncert = /run/authority.pem\n")
            arguments += ["--volume", f"{authority}:/run/authority.pem:ro", "--volume", f"{settings}:/etc/pip.conf:ro"]
        _run("make", "image", f"BASE={BASE}", f"IMAGE={name}", f"ARGS={' '.join(arguments)}")
    return name
