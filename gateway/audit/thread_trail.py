"""Writes the audit trail of a process that serves, from a thread of its own: no request waits for a disk.

`record` puts an entry into a bounded queue; without room the entry is lost and counted. `recorded` waits, where
`audit.required` is set, until the thread has the entry on the disk. All entries that wait at the same time share one
write and one flush, so a busy gateway pays for the disk once for many requests.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

import structlog

from gateway.audit.entry import Action, Entry
from gateway.audit.repeats import Repeats
from gateway.audit.segment import Removed
from gateway.audit.system_segments import TrailFiles
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.observe.lines import LineKind

_log = structlog.get_logger()

ROOM: Final = 16_384
"""Entries that may wait: some 16 MiB."""

BATCH: Final = 256
"""Entries of one write."""

PAUSE: Final = 0.1
"""Seconds between two looks at the queue, for entries that nobody waits for."""

PATIENCE: Final = 2.0
"""Seconds that a request waits for its entry where the trail is required."""

BREATH: Final = 0.01
"""Seconds of rest in the verification of old files, after each few lines."""

FLUSH: Final = 2.0
"""Seconds the thread has at the end for what still waits."""


class _Waiting(NamedTuple):
    entry: Entry
    done: Callable[[bool], None] | None
    """Told whether the entry is on the disk."""


class ThreadTrail:
    """The queue and its thread: an `AuditTrail`. `record` may be called from any thread, and returns at once."""

    def __init__(
        self, files: TrailFiles, clock: Callable[[], Instant], *, interval: float, required: bool = False
    ) -> None:
        """Write to `files`, and sign every `interval` seconds."""
        self.required = required
        self._files = files
        self._clock = clock
        self._interval = interval
        self._queue: deque[_Waiting] = deque()
        self._counting = threading.Lock()
        self._repeats = Repeats(clock())
        self._lost = 0
        self._told_lost = 0
        """How many of the lost entries the trail itself has recorded."""
        self._cut = 0
        self._writable = True
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._rotate = threading.Event()
        self._signed_at = 0.0
        self._begun = 0
        self._old: deque[list[Removed]] = deque()
        """Files that are too old, as another thread has found."""
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> dict[LineKind, int]:
        """The number of entries that were lost since the start: the queue was full, or they could not be written."""
        return {LineKind.AUDIT: self._lost}

    @property
    def writable(self) -> bool:
        """Whether the last write succeeded."""
        return self._writable

    def record(self, entry: Entry) -> None:
        """Have an entry written soon, or count it as lost; refusals of strangers beyond many are told together."""
        if not self._stands_alone(entry):
            return
        if len(self._queue) >= ROOM:
            self._lose(1)
            return
        self._queue.append(_Waiting(entry, None))

    async def recorded(self, entry: Entry) -> bool:
        """Have an entry written; where the trail is required, say whether it is on the disk."""
        if not self.required:
            self.record(entry)
            return True
        # The others of its kind are on the disk, and the number of this one follows within a minute.
        if not self._stands_alone(entry):
            return self._writable
        if len(self._queue) >= ROOM:
            self._lose(1)
            return False
        loop = asyncio.get_running_loop()
        written: asyncio.Future[bool] = loop.create_future()

        def tell(good: bool) -> None:  # noqa: FBT001 - a callback with one answer
            loop.call_soon_threadsafe(_resolve, written, good)

        self._queue.append(_Waiting(entry, tell))
        self._wake.set()
        try:
            async with asyncio.timeout(PATIENCE):
                return await written
        except TimeoutError:
            return False

    def rotate(self) -> None:
        """End the file and begin another (on SIGUSR1): the old one can be kept elsewhere."""
        self._rotate.set()
        self._wake.set()

    def close(self, patience: float = FLUSH) -> None:
        """Write what waits, end the file and stop, within `patience` seconds."""
        self._closing.set()
        self._wake.set()
        self._thread.join(patience)

    def _stands_alone(self, entry: Entry) -> bool:
        with self._counting:
            return self._repeats.stands_alone(entry)

    def _tell_repeats(self, *, all_of_them: bool = False) -> None:
        with self._counting:
            counted = self._repeats.take(self._clock(), all_of_them=all_of_them)
        self._queue.extend(_Waiting(entry, None) for entry in counted)

    def _lose(self, count: int) -> None:
        with self._counting:
            self._lost += count

    def _run(self) -> None:
        self._attempt(lambda: self._files.sign(self._clock()))
        self._signed_at = self._clock()
        while not self._closing.is_set():
            self._wake.wait(PAUSE)
            self._wake.clear()
            self._tell_repeats()
            self._write_all()
            if self._rotate.is_set():
                self._rotate.clear()
                self._attempt(lambda: self._files.end(self._clock()))
                self._attempt(lambda: self._files.sign(self._clock()))
            self._remove_old()
            # A clock that was set back must not stop the signatures.
            if not 0 <= self._clock() - self._signed_at < self._interval:
                self._attempt(lambda: self._files.sign(self._clock()))
                self._signed_at = self._clock()
        self._tell_repeats(all_of_them=True)
        self._write_all()
        self._attempt(lambda: self._files.end(self._clock()))

    def _remove_old(self) -> None:
        """With each new file, have old ones looked for; remove those that were found."""
        if self._files.begun != self._begun and self._files.removes:
            self._begun = self._files.begun
            threading.Thread(target=self._look_for_old, name="audit-keeper", daemon=True).start()
        while self._old:
            self._attempt(partial(self._files.remove, self._old.popleft(), self._clock()))

    def _look_for_old(self) -> None:
        # An unreadable file stays, and the next look may read it.
        with suppress(OSError):
            old = self._files.removable(self._clock(), partial(self._closing.wait, BREATH))
            if old:
                self._old.append(old)

    def _write_all(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            waited_for = any(each.done is not None for each in batch)
            now = self._clock()
            entries = [each.entry for each in batch]
            unsaid = self._lost - self._told_lost
            if unsaid:
                entries.insert(0, Entry(Action.ENTRIES_LOST, now, count=unsaid))
            good = self._attempt(partial(self._files.write, entries, now, sync=waited_for))
            if good:
                self._told_lost += unsaid
            else:
                self._lose(len(batch))
            for each in batch:
                if each.done is not None:
                    each.done(good)

    def _attempt(self, act: Callable[[], None]) -> bool:
        """Do something with the files; say once why it cannot be done, and once that it can again."""
        try:
            act()
        except OSError as error:
            if self._writable:
                self._writable = False
                _log.error(Event.AUDIT_UNWRITABLE, error=type(error).__name__)
            return False
        # The thread must outlive a mistake of ours: without it, every entry would be lost without a word.
        except Exception:  # noqa: BLE001
            self._writable = False
            _log.exception(Event.AUDIT_UNWRITABLE)
            return False
        if not self._writable:
            self._writable = True
            _log.warning(Event.AUDIT_WRITABLE, count=self._lost)
        if self._files.cut != self._cut:
            self._cut = self._files.cut
            _log.error(Event.AUDIT_TAMPERED, count=self._cut)
        return True


def _resolve(future: asyncio.Future[bool], good: bool) -> None:  # noqa: FBT001 - a callback with one answer
    if not future.done():
        future.set_result(good)
