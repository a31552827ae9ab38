"""The file in which operators adopt changed files of policies: `sekisho policy adopt` writes it."""

from __future__ import annotations

from pathlib import Path

from gateway.bounded_files import read_file
from gateway.policy.losses import (
    LONGEST_FILE,
    Adoptions,
    AdoptionsError,
    Loss,
    read_adoptions,
    unadopted,
    write_adoptions,
)
from gateway.policy.system_whole_file import change_file
from gateway.yaml.mistakes import Phrase


def load_adoptions(path: Path) -> Adoptions:
    """Return the adoptions of a file; a file that is not there has none.

    Raises:
        AdoptionsError: it cannot be read, or does not hold adoptions.

    """
    try:
        return read_adoptions(read_file(path, LONGEST_FILE))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AdoptionsError(
            Phrase(f"it cannot be read: {error.strerror}", f"読めません（{error.strerror}）")
        ) from error


def held(lost: tuple[Loss, ...], path: Path) -> tuple[Loss, ...]:
    """Return the losses that no operator has adopted; all of them if the file of adoptions cannot be read."""
    if not lost:
        return ()
    try:
        return unadopted(lost, load_adoptions(path))
    except AdoptionsError:
        return lost


def adopt(path: Path, adoptions: Adoptions) -> None:
    """Add adoptions to a file.

    Raises:
        AdoptionsError: what it holds is no such file; then it stays as it is.
        OSError: it cannot be written; then it stays as it is.

    """
    change_file(path, lambda: write_adoptions({**load_adoptions(path), **adoptions}))
