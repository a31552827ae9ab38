"""Records in the audit trail what an operator does on the command line.

The gateway's processes never hear of a command, so a command writes the trail itself. If the trail is required and
cannot be written, the command does nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from gateway.audit.entry import Action, Entry, Outcome
from gateway.audit.system_command import at_keyboard
from gateway.commands.terminal import EXIT_OURS, fail, language, say
from gateway.login.keys import KeySet
from gateway.process.audit_trail import command_trail
from gateway.process.configuration import read_audit_keys
from gateway.settings.check import read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes, Phrase, Where

Operator = Annotated[
    str,
    typer.Option(
        "--operator",
        envvar="SEKISHO_OPERATOR",
        help="Your name, for the audit trail, beside the user of the machine.",
        metavar="NAME",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="The reason; the audit trail records it.")]

_UNRECORDED = Phrase("the audit trail has no entry of this", "監査証跡に記録できませんでした")
_NO_TRAIL = Phrase(
    "note: your reason is kept nowhere, since there is no audit trail (`audit.directory` is not set)",
    "note: 監査証跡（`audit.directory`）がないため、理由はどこにも残りません",
)
_NOT_DONE = Phrase(
    "nothing was done: the audit trail is required and cannot be written",
    "何も行っていません。監査証跡が必須ですが、書き込めません",
)


class Deed:
    """An action under way: its entry, completed as the command goes on."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def tell(self, **changes: Any) -> None:
        """Complete the entry with fields of `Entry`."""
        self.entry = msgspec.structs.replace(self.entry, **changes)


@contextmanager
def recorded(
    config: Path,
    action: Action,
    *,
    operator: str = "",
    about: str = "",
    reason: str = "",
    settings: Settings | None = None,
) -> Iterator[Deed]:
    """Record the action of the block: as begun where the trail is required, and with its outcome at the end.

    A block that refuses what its operator wrote has done nothing that needs an entry. `settings` are those of `config`,
    if the command has read them; without that file there is no trail. The operator hears of a reason that no trail
    keeps.
    """
    who = at_keyboard(os.environ)
    deed = Deed(
        Entry(
            action, time.time(), operator=operator, user=who.user, sudo_user=who.sudo_user, object=about, reason=reason
        )
    )
    with ExitStack() as stack:
        trail = _opened(stack, config, settings)
        if trail.required:
            trail.write(msgspec.structs.replace(deed.entry, outcome=Outcome.BEGUN), refuses=True)
        try:
            yield deed
        except typer.Exit as ended:
            if ended.exit_code == EXIT_OURS:
                trail.write(msgspec.structs.replace(deed.entry, outcome=Outcome.FAILED))
            elif trail.required:
                trail.write(msgspec.structs.replace(deed.entry, outcome=Outcome.REFUSED))
            raise
        except BaseException:
            trail.write(msgspec.structs.replace(deed.entry, outcome=Outcome.FAILED))
            raise
        trail.write(deed.entry)
        trail.note_lost(deed.entry)


def record_done(config: Path, entries: Sequence[Entry]) -> None:
    """Record what has been done already, such as new keys, without which the trail itself could not be signed."""
    who = at_keyboard(os.environ)
    with ExitStack() as stack:
        trail = _opened(stack, config, None)
        for entry in entries:
            trail.write(msgspec.structs.replace(entry, user=who.user, sudo_user=who.sudo_user))
            trail.note_lost(entry)


class _Trail:
    def __init__(self, record: Callable[[Entry], None], *, required: bool, exists: bool = True) -> None:
        self._record = record
        self.required = required
        self._exists = exists

    def note_lost(self, entry: Entry) -> None:
        """Say that an operator's reason is lost where there is no trail."""
        if entry.reason and not self._exists:
            say(_NO_TRAIL.say(language()), error=True)

    def write(self, entry: Entry, *, refuses: bool = False) -> None:
        """Write an entry; if that fails, say so, and end the command where the trail is required."""
        try:
            self._record(entry)
        except OSError as error:
            raise_or_say(error, required=self.required, refuses=refuses)


def raise_or_say(error: OSError, *, required: bool, refuses: bool) -> None:
    """Say that the trail cannot be written; raise the command's exit where it is required."""
    what = _NOT_DONE if required and refuses else _UNRECORDED
    say(f"sekisho: {what.say(language())} ({error.strerror})", error=True)
    if required:
        raise typer.Exit(EXIT_OURS) from None


def _opened(stack: ExitStack, config: Path, settings: Settings | None) -> _Trail:
    """Open the trail of the gateway whose settings these are."""
    mistakes = Mistakes()
    reading = Reading(config.parent, mistakes, {"": Where(str(config))})
    if settings is None and config.exists():
        settings = read_settings(config, reading)
    if settings is None:
        if len(mistakes):
            say(f"sekisho: {_UNRECORDED.say(language())} ({config})", error=True)
        return _Trail(_nowhere, required=False, exists=bool(len(mistakes)))
    required = settings.audit.required
    keys: KeySet | None = read_audit_keys(settings, reading, os.environ)
    if len(mistakes):
        if required:
            raise fail(mistakes)
        say(f"sekisho: {_UNRECORDED.say(language())}", error=True)
        return _Trail(_nowhere, required=False)
    try:
        record = stack.enter_context(command_trail(settings, keys))
        return _Trail(record, required=required, exists=settings.audit.directory is not None)
    except OSError as error:
        raise_or_say(error, required=required, refuses=True)
        return _Trail(_nowhere, required=False)


def _nowhere(_entry: Entry) -> None:
    """Keep nothing: there is no trail, or it has been said that it cannot be written."""
