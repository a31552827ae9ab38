"""The commands of the page on backups, as it has them: no secret lies in the archive of the settings."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.test_docs import ROOT

FILES = {
    "gateway.yaml": 0o640,
    "policies/booking.yaml": 0o640,
    "policies/invited.yaml": 0o640,
    "switches.json": 0o644,
    "secret": 0o400,
    "client-keys.jwks": 0o600,
    "tls.key": 0o400,
    "redis-password": 0o400,
    "accounts-key": 0o600,
}
"""Files of /etc/sekisho, with the modes that the package and the pages give them."""


@pytest.mark.parametrize("page", ["backup.md", "backup.ja.md"])
def test_an_archive_of_the_settings_has_no_secret(tmp_path: Path, page: str) -> None:
    """The second command lists the rest, so that no file is in neither."""
    folder = tmp_path / "etc" / "sekisho"
    for name, mode in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        (folder / name).chmod(mode)
    lines = [line for line in (ROOT / "docs" / page).read_text("utf-8").splitlines() if line.startswith("find ")]

    done = [
        subprocess.run(
            ["bash", "-c", line.replace("/etc/sekisho", str(folder))],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        for line in lines
    ]

    with tarfile.open(tmp_path / "sekisho-settings.tgz") as archive:
        kept = {Path("/", name).relative_to(folder).as_posix() for name in archive.getnames()}
    listed = {Path(line).relative_to(folder).as_posix() for line in done[1].stdout.splitlines()}
    assert kept == {name for name, mode in FILES.items() if mode & 0o040}
    assert kept | listed == set(FILES)
    assert not kept & listed
