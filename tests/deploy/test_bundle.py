"""The bundle for closed networks: it installs, checks and signs a person in where no route leads anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gateway import __version__
from tests.conftest import program
from tests.deploy.debian_root import make_root

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
JOURNEY = ("first_hour.sh", "first_sign_in.py", "application.py")


def build(out: Path) -> Path:
    """Build the bundle in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.bundle", "--out", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1_500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.splitlines()[-1])


def install(folder: Path, prefix: Path, language: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    """Run the bundle's script."""
    return subprocess.run(
        [folder / "install.sh", "--prefix", prefix, "--python", sys.executable],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": language},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def bundle(archive: Path, tmp_path: Path) -> Path:
    """The unpacked bundle."""
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.glob("sekisho-*")
    return folder


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_two_builds_are_the_same_bytes(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder, another mask and another locale change nothing."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    mask = os.umask(0o077)
    try:
        again = build(tmp_path / "again")
    finally:
        os.umask(mask)

    assert again.read_bytes() == archive.read_bytes()


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("language", ["C.UTF-8", "ja_JP.UTF-8"])
def test_a_changed_file_is_found_before_anything_is_installed(bundle: Path, tmp_path: Path, language: str) -> None:
    """A wheel with another byte, a file too many and a missing file end the installation, in the person's language."""
    prefix = tmp_path / "prefix"
    wheel = next(bundle.glob("wheels/sekisho-*.whl"))
    whole = wheel.read_bytes()

    wheel.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    changed = install(bundle, prefix, language)
    wheel.write_bytes(whole)
    (bundle / "wheels" / "other.whl").write_bytes(whole)
    added = install(bundle, prefix, language)
    (bundle / "wheels" / "other.whl").unlink()
    wheel.unlink()
    missing = install(bundle, prefix, language)

    for said in (changed, added, missing):
        assert said.returncode == 2
        assert ("何も入れていません" if language.startswith("ja") else "nothing was installed") in said.stderr
    assert not prefix.exists()


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_what_is_not_ours_is_not_replaced(bundle: Path, tmp_path: Path) -> None:
    """A folder that somebody uses is refused; an installation is renewed in its place."""
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").touch()
    prefix = tmp_path / "prefix"

    refused = install(bundle, used)
    first, second = install(bundle, prefix), install(bundle, prefix)

    assert refused.returncode == 2
    assert "not empty" in refused.stderr
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    said = subprocess.run([prefix / "bin" / "sekisho", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"sekisho {__version__}\n"


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_bare_debian_without_a_network_gets_to_its_first_sign_in(bundle: Path, tmp_path: Path) -> None:
    """No route, no resolver and only Debian's python3: the script installs, `check` passes, a test card signs in."""
    root = make_root(tmp_path, "python3")
    (root / "etc" / "resolv.conf").unlink()
    shutil.copytree(bundle, root / "root" / "bundle")
    for name in JOURNEY:
        shutil.copy(HERE / name, root / "root" / name)
    inside = "set -e; cd /root; ./bundle/install.sh; ./first_hour.sh /opt/sekisho/bin/sekisho /etc/sekisho"

    outside = f"ip link set lo up; mount -t proc proc {root}/proc; ip route; exec chroot {root} sh -c '{inside}'"

    said = subprocess.run(
        [program("unshare"), "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", outside],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1_500,
    )

    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("1. every file is what SHA256SUMS says"), "a route was there"
    assert "gateway.yaml: good" in said.stdout
    assert "200 http://localhost:8080/mypage" in said.stdout
    assert re.search(r"^subject: [0-9a-f-]{36}$", said.stdout, re.MULTILINE)
    seconds = int(re.findall(r"seconds to the first sign-in: (\d+)", said.stdout)[0])
    assert seconds < 600
