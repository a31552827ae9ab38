"""The switches' file: read whole, written whole or not at all, by one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.bounded_files import read_file
from gateway.policy.switches import LONGEST_FILE, Switch, SwitchesError, merged, read_switches, write_switches
from gateway.policy.system_whole_file import change_file
from gateway.yaml.mistakes import Phrase


def load_switches(path: Path) -> dict[str, Switch]:
    """Return the switches of a file; a file that is not there has none.

    Raises:
        SwitchesError: it cannot be read, or does not hold switches.

    """
    try:
        return read_switches(read_file(path, LONGEST_FILE))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SwitchesError(
            Phrase(f"`{path}` cannot be read: {error.strerror}", f"`{path}` を読めません（{error.strerror}）")
        ) from error


def change_switches(
    path: Path, change: Callable[[dict[str, Switch]], dict[str, Switch]], beside: Mapping[str, Switch] | None = None
) -> dict[str, Switch]:
    """Change the file under a lock, so that no change of two operators is lost; return the new content.

    `beside` has the switches that the other nodes told of.

    Raises:
        SwitchesError: what it holds or what is wanted cannot be meant; then it stays as it is.
        OSError: it cannot be written; then it stays as it is.

    """
    changed: dict[str, Switch] = {}

    def changing() -> bytes:
        changed.update(change(merged(load_switches(path), beside or {})))
        return write_switches(changed)

    change_file(path, changing)
    return changed
