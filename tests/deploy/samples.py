"""Runs the samples that integrators copy, in each of their languages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import program


def command_of(sample: Path, folder: Path) -> list[str]:
    """Return the command that runs a sample; Java is compiled into the folder first."""
    match sample.suffix:
        case ".py":
            return [sys.executable, str(sample)]
        case ".php":
            return [program("php"), str(sample)]
        case _:
            compiler = [program("javac"), "-encoding", "UTF-8", "-Werror", "-Xlint:all", "-d", str(folder), str(sample)]
            subprocess.run(compiler, check=True, capture_output=True, timeout=120)
            options = ["-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", "-cp", str(folder)]
            return [program("java"), *options, sample.stem]
