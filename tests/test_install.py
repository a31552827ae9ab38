"""The set-up of `make`: a stranger sees in a few lines what is installed, and the cause if it fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = [f"package{number}" for number in range(12)]

PIP = """\
#!/bin/sh
for name in {names}; do
    echo "Collecting $name==1.0 (from -r a.lock (line 1))"
    echo "  Downloading $name-1.0-py3-none-any.whl (12 kB)"
done
{ends}
"""


def install(folder: Path, ends: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a program in the interpreter's place that speaks as pip does."""
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(PIP.format(names=" ".join(NAMES), ends=ends))
    python.chmod(0o755)
    lock = folder / "a.lock"
    lock.write_text("# made by make lock\n" + "".join(f"{name}==1.0 \\\n    --hash=sha256:00\n" for name in NAMES))
    return subprocess.run(
        [ROOT / "tools" / "install", python, lock], capture_output=True, text=True, timeout=60, check=False
    )


def test_it_says_in_a_few_lines_what_it_does(tmp_path: Path) -> None:
    """The number of packages, how far it is, and the end; pip's own words are in a file."""
    done = install(tmp_path, "echo 'Installing collected packages: many'")

    assert done.returncode == 0
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("installing 12 Python packages")
    assert lines[-1].startswith("installed 12 Python packages")
    assert len(lines) == 4
    assert "Downloading package7" in (tmp_path / "install.log").read_text()


def test_a_failure_shows_its_cause_and_its_status(tmp_path: Path) -> None:
    """The last words of pip, the file with all of them, and no line that says that it went well."""
    done = install(tmp_path, "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES'; exit 3")

    assert done.returncode == 3
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert str(tmp_path / "install.log") in done.stderr
    assert "installed 12" not in done.stderr
