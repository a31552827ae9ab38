"""The Debian package, on a bare Debian with its own systemd: installed, run, upgraded, removed, purged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__
from tests.conftest import free_port, program
from tests.deploy.debian_root import Machine, booted, make_root

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.11"
"""The version of Python in the Debian that the test boots."""

ANSWERS = (
    "--yes --city 東京都渋谷区 --section スポーツ振興課 --service 施設予約 --run systemd --phone 03-0000-0000 "
    "--contact https://www.city.example.lg.jp/contact --privacy https://www.city.example.lg.jp/privacy"
)
ASK = (
    "/usr/lib/sekisho/bin/python -c 'import sys, urllib.error, urllib.request as u\n"
    "try: print(u.urlopen(sys.argv[1], timeout=20).status)\n"
    "except urllib.error.HTTPError as e: print(e.code)' "
)


def build(out: Path) -> Path:
    """Build the package in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.deb", "--out", out, "--python", PYTHON],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(done.stdout.splitlines()[-1])


def newer(deb: Path, folder: Path, version: str) -> Path:
    """Make the same package under another version."""
    subprocess.run(["dpkg-deb", "--raw-extract", deb, folder / version], check=True, timeout=120)
    control = folder / version / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    made = folder / f"sekisho_{version}.deb"
    subprocess.run(["dpkg-deb", "-Zgzip", "--build", folder / version, made], check=True, timeout=300)
    return made


@pytest.fixture(scope="module")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("deb"))


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_two_builds_are_the_same_bytes(deb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder, another mask and another locale change nothing."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    mask = os.umask(0o077)
    try:
        again = build(tmp_path / "again")
    finally:
        os.umask(mask)

    assert again.read_bytes() == deb.read_bytes()


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_lintian_finds_no_error(deb: Path) -> None:
    """Debian's own judge of packages; each override says its reason."""
    said = subprocess.run(
        [program("lintian"), "--allow-root", "--fail-on", "error", deb],
        capture_output=True,
        text=True,
        check=False,
        timeout=1_500,
    )

    assert said.returncode == 0, said.stdout
    assert not re.findall(r"(?m)^E: .*$", said.stdout)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_an_operator_installs_runs_upgrades_and_removes_it(deb: Path, tmp_path: Path) -> None:
    """Nothing starts without settings, and no step loses a file of the operator's or the gateway's."""
    root = make_root(tmp_path, "systemd", "logrotate")
    shutil.copyfile(deb, root / "root" / "sekisho.deb")
    with booted(root, f"sekisho-deb-{os.getpid()}") as machine:
        installs_and_starts_nothing(machine)
        port = runs_as_a_service(machine)
        reads_what_root_wrote(machine)
        upgrades(machine, newer(deb, tmp_path, "999"), root, port)
        keeps_running_if_the_new_version_refuses(machine, newer(deb, tmp_path, "1000"), root, port)
        leaves_what_is_the_operators(machine, root)


def installs_and_starts_nothing(machine: Machine) -> None:
    machine.run("apt-get update -q", timeout=600)
    machine.run("apt-get install -y -q --no-install-recommends /root/sekisho.deb", timeout=1_200)

    assert machine.run("sekisho --version") == f"sekisho {__version__}\n"
    assert machine.run("grep -rlE 'BEGIN (RSA |EC )?PRIVATE KEY' /usr/lib/sekisho", expect=1) == ""
    assert machine.run("find /usr/lib/sekisho -perm /6000") == ""
    assert machine.run("systemctl is-active sekisho", expect=3) == "inactive\n"
    machine.run("systemctl start sekisho")
    assert machine.run("systemctl is-active sekisho", expect=3) == "inactive\n"
    assert "ConditionPathExists=/etc/sekisho/gateway.yaml" in machine.run("journalctl -u sekisho")
    units = "/usr/lib/systemd/system/sekisho.service /usr/lib/systemd/system/sekisho.socket"
    assert machine.run(f"systemd-analyze verify --man=no --recursive-errors=no {units}") == ""
    machine.run("systemd-analyze security --offline=yes --threshold=12 /usr/lib/systemd/system/sekisho.service")


def runs_as_a_service(machine: Machine) -> int:
    port, management = free_port(), free_port()
    machine.run(f"sekisho init /etc/sekisho {ANSWERS} --url http://localhost:{port}")
    settings = "/etc/sekisho/gateway.yaml"
    log = "/var/log/sekisho/access.log"
    machine.run(f"sed -i 's,^access_log: .*,access_log: {log},; s/:9464/:{management}/' {settings}")
    machine.run("systemd-tmpfiles --create sekisho.conf")
    assert "good" in machine.run(f"sekisho check -c {settings}")

    machine.run("systemctl enable --now sekisho")

    assert machine.run(f"{ASK} http://localhost:{port}/reserve/1") == "401\n"
    machine.wait_for(f"cat {log}", "/reserve/1")
    assert machine.run("stat -c %U:%a /etc/sekisho/secret") == "sekisho:400\n"
    # The reader of a reload lowers its priority, which the unit's filter of system calls must permit.
    machine.run(f"echo '# changed' >> {settings}; systemctl reload sekisho")
    machine.wait_for("journalctl -u sekisho", '"event":"reloaded"')
    machine.run("logrotate --force /etc/logrotate.d/sekisho")
    machine.run(f"{ASK} http://localhost:{port}/reserve/2")
    machine.wait_for(f"cat {log}", "/reserve/2")
    return port


def reads_what_root_wrote(machine: Machine) -> None:
    policy, new = "/etc/sekisho/policies/facility-booking.yaml", "/etc/sekisho/audit-keys.jwks"
    before = machine.run(f"stat -c %U:%G:%a {policy}")
    machine.run(f"printf '\\n\\n' >> {policy}")
    for command in (
        f"policy fmt {policy}",
        "keys new /etc/sekisho/client-keys.jwks",
        "keys rotate /etc/sekisho/client-keys.jwks",
        f"keys new {new}",
    ):
        machine.run(f"sekisho {command}")

    assert machine.run(f"stat -c %U:%G:%a {policy}") == before == "root:sekisho:640\n"
    for file in (policy, new, "/etc/sekisho/client-keys.jwks"):
        machine.run(f"runuser -u sekisho -- cat {file}")
    assert machine.run(f"stat -c %a {new}") == "600\n"


def main_pid(machine: Machine) -> str:
    return machine.run("systemctl show -p MainPID --value sekisho").strip()


def upgrades(machine: Machine, deb: Path, root: Path, port: int) -> None:
    shutil.copyfile(deb, root / "root" / "newer.deb")
    before, kept = main_pid(machine), machine.run("sha256sum /etc/sekisho/*.* /etc/sekisho/policies/*")

    machine.run("apt-get install -y -q /root/newer.deb", timeout=600)

    assert main_pid(machine) not in (before, "0")
    assert machine.run("sha256sum /etc/sekisho/*.* /etc/sekisho/policies/*") == kept
    assert machine.run(f"{ASK} http://localhost:{port}/reserve/1") == "401\n"


def keeps_running_if_the_new_version_refuses(machine: Machine, deb: Path, root: Path, port: int) -> None:
    shutil.copyfile(deb, root / "root" / "newer.deb")
    before = main_pid(machine)
    machine.run("cp -p /etc/sekisho/gateway.yaml /root/good.yaml; echo 'no_such_key: 1' >> /etc/sekisho/gateway.yaml")

    said = machine.run("apt-get install -y -q /root/newer.deb", timeout=600)

    assert "no_such_key" in said
    assert "the version before goes on running" in said
    assert main_pid(machine) == before
    assert machine.run(f"{ASK} http://localhost:{port}/reserve/1") == "401\n"
    machine.run("cp -p /root/good.yaml /etc/sekisho/gateway.yaml; systemctl restart sekisho")


def leaves_what_is_the_operators(machine: Machine, root: Path) -> None:
    machine.run("touch /var/lib/sekisho/trail")

    machine.run("apt-get remove -y -q sekisho", timeout=300)

    assert machine.run("systemctl is-active sekisho", expect=None).strip() in ("inactive", "failed")
    assert not (root / "usr/lib/sekisho").exists()
    assert (root / "etc/default/sekisho").exists()
    assert (root / "etc/sekisho/secret").exists()

    said = machine.run("apt-get purge -y -q sekisho", timeout=300)

    assert "/etc/sekisho is not empty and stays" in said
    assert not (root / "etc/default/sekisho").exists()
    assert not (root / "etc/logrotate.d/sekisho").exists()
    assert not list((root / "etc/systemd/system").rglob("sekisho.*"))
    assert (root / "etc/sekisho/secret").exists()
    assert (root / "var/lib/sekisho/trail").exists()
