"""Accounts in one SQLite file, which the workers of one machine share.

Records are sealed (`sealed`). An index says which marks a record names. Every change is a transaction that takes the
write lock first, is on the disk when it is answered for, and overwrites what it deletes. The file and its folder must
be closed to other users. A network's file system cannot hold it, because SQLite's shared memory is local.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from gateway.accounts.attempts import Scope
from gateway.accounts.changes import Change, Kept
from gateway.accounts.kept_accounts import KeptAccounts
from gateway.accounts.sealed import BOX_NONCE, is_of_first_key, open_or_refuse, seal_kept
from gateway.errors import StoreFault, StoreUnavailableError, UnfitAccountStoreError
from gateway.instant import Instant
from gateway.session.seal import Secrets
from gateway.whole_files import give_to_account

_APPLICATION = 0x53454B49
"""`SEKI`, SQLite's `application_id`: another program's database is not taken for ours."""
_SCHEMA = 2
"""SQLite's `user_version`."""

BUSY_SECONDS = 2.0
"""Seconds in which another worker's transaction has to end."""
_AGAIN_SECONDS = 0.02

_TABLES = (
    """CREATE TABLE accounts (
        app TEXT NOT NULL, folded TEXT NOT NULL, kept BLOB NOT NULL, PRIMARY KEY (app, folded)
    ) WITHOUT ROWID""",
    """CREATE TABLE named (
        app TEXT NOT NULL, mark TEXT NOT NULL, folded TEXT NOT NULL, PRIMARY KEY (app, mark, folded)
    ) WITHOUT ROWID""",
    "CREATE TABLE revisions (app TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE attempts (
        app TEXT NOT NULL, scope TEXT NOT NULL, id TEXT NOT NULL, ends_at REAL NOT NULL,
        open_until REAL, begun INTEGER NOT NULL DEFAULT 0, over INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (app, scope, id)
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_SCHEMA}",
)

_FROM_SCHEMA_1 = (
    "ALTER TABLE attempts ADD COLUMN open_until REAL",
    "ALTER TABLE attempts ADD COLUMN begun INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempts ADD COLUMN over INTEGER NOT NULL DEFAULT 0",
    "UPDATE attempts SET open_until = 0 WHERE scope LIKE 'account:%'",
    f"PRAGMA user_version = {_SCHEMA}",
)

# An attempt's place in the order of its scope. A new place is above all that are left.
_NEXT = "(SELECT 1 + coalesce(max(max(begun, over)), 0) FROM attempts WHERE app = :app AND scope = :scope)"

# Attempts without an order go one by one; the others of a scope go together, after the last one.
_FORGET_LATE = """DELETE FROM attempts WHERE app = :app AND ends_at <= :now AND (open_until IS NULL OR NOT EXISTS (
    SELECT 1 FROM attempts AS other WHERE other.app = :app AND other.scope = attempts.scope AND other.ends_at > :now
))"""

_NOTE_UNANSWERED = f"""UPDATE attempts SET over = {_NEXT}
    WHERE app = :app AND scope = :scope AND over = 0 AND open_until <= :now"""  # noqa: S608 - a constant

_BEGIN = f"""INSERT OR IGNORE INTO attempts (app, scope, id, ends_at, open_until, begun)
    VALUES (:app, :scope, :id, :ends_at, :open_until, iif(:open_until IS NULL, 0, {_NEXT}))"""  # noqa: S608

_SETTLE = f"""UPDATE attempts SET ends_at = :ends_at, over = iif(over > 0, over, {_NEXT})
    WHERE app = :app AND scope = :scope AND id = :id"""  # noqa: S608

_SUCCEED = """DELETE FROM attempts WHERE app = :app AND scope = :scope AND over > 0 AND over < (
    SELECT begun FROM attempts WHERE app = :app AND scope = :scope AND id = :id
)"""

_FAULTS = {
    sqlite3.SQLITE_BUSY: StoreFault.TIMEOUT,
    sqlite3.SQLITE_LOCKED: StoreFault.TIMEOUT,
    sqlite3.SQLITE_READONLY: StoreFault.READ_ONLY,
    sqlite3.SQLITE_FULL: StoreFault.OUT_OF_MEMORY,
    sqlite3.SQLITE_PERM: StoreFault.REFUSED,
    sqlite3.SQLITE_AUTH: StoreFault.REFUSED,
    sqlite3.SQLITE_CORRUPT: StoreFault.PROTOCOL,
    sqlite3.SQLITE_NOTADB: StoreFault.PROTOCOL,
}

_Outcome = TypeVar("_Outcome")


async def _write_ahead(database: aiosqlite.Connection) -> None:
    """Switch to a log beside the file. SQLite waits for nobody if another connection does the same, so we do.

    Raises:
        sqlite3.Error: the file is busy for longer than a command may wait, or cannot be used.

    """
    for left in range(int(BUSY_SECONDS / _AGAIN_SECONDS), -1, -1):
        try:
            await database.execute_fetchall("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return


class SqliteAccounts(KeptAccounts):
    """An `AccountStore` in a file. It opens the file when first asked, in the process that asks."""

    def __init__(self, file: Path, keys: Secrets) -> None:
        """Take the file's place; the file is made if it is not there."""
        self._file = file
        self._keys = keys
        self._database: aiosqlite.Connection | None = None
        # Transactions of one connection follow each other.
        self._turn = asyncio.Lock()

    async def read(self, app: str, names: Sequence[str]) -> Mapping[str, Kept]:
        """See `KeptAccounts`."""
        found: dict[str, Kept] = {}
        async with self._asking(write=False) as database:
            for name in names:
                kept = open_or_refuse(self._keys, app, name, await self._box(database, app, name))
                if kept is not None:
                    found[name] = kept
        return found

    async def alter(
        self, app: str, folded: str, change: Callable[[Kept | None], Change[_Outcome]]
    ) -> tuple[_Outcome, bool]:
        """See `KeptAccounts`."""
        async with self._asking(write=True) as database:
            box = await self._box(database, app, folded)
            before = open_or_refuse(self._keys, app, folded, box)
            done = change(before)
            if done.kept == before and (box is None or is_of_first_key(self._keys, box)):
                return done.outcome, False
            if done.kept is None:
                await database.execute("DELETE FROM accounts WHERE app = ? AND folded = ?", (app, folded))
            else:
                new = seal_kept(self._keys, app, folded, done.kept, os.urandom(BOX_NONCE))
                await database.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", (app, folded, new))
            old_marks = frozenset[str]() if before is None else before.marks
            new_marks = frozenset[str]() if done.kept is None else done.kept.marks
            for mark in old_marks - new_marks:
                await database.execute(
                    "DELETE FROM named WHERE app = ? AND mark = ? AND folded = ?", (app, mark, folded)
                )
            for mark in new_marks - old_marks:
                await database.execute("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", (app, mark, folded))
            await database.execute(
                "INSERT INTO revisions VALUES (?, 1) ON CONFLICT (app) DO UPDATE SET number = number + 1", (app,)
            )
        if old_marks - new_marks or (before is not None and done.kept is not None and before.passwords.current):
            await self._overwrite()
        return done.outcome, True

    async def named(self, app: str, marks: Sequence[str]) -> Sequence[str]:
        """See `KeptAccounts`."""
        found: set[str] = set()
        async with self._asking(write=False) as database:
            for mark in marks:
                rows = await _rows(database, "SELECT folded FROM named WHERE app = ? AND mark = ?", app, mark)
                found.update(str(folded) for (folded,) in rows)
        return sorted(found)

    async def page(self, app: str, after: str, most: int) -> Sequence[str]:
        """See `KeptAccounts`."""
        statement = "SELECT folded FROM accounts WHERE app = ? AND folded > ? ORDER BY folded LIMIT ?"
        async with self._asking(write=False) as database:
            return [str(folded) for (folded,) in await _rows(database, statement, app, after, most)]

    async def revision(self, app: str) -> int:
        """See `AccountStore`."""
        async with self._asking(write=False) as database:
            rows = await _rows(database, "SELECT number FROM revisions WHERE app = ?", app)
        return int(rows[0][0]) if rows else 0

    async def take(self, app: str, attempt: str, scopes: Sequence[Scope], now: Instant) -> bool:
        """See `KeptAccounts`."""
        async with self._asking(write=True) as database:
            await database.execute(_FORGET_LATE, {"app": app, "now": now})
            for scope in scopes:
                await database.execute(_NOTE_UNANSWERED, {"app": app, "scope": scope.name, "now": now})
                rows = await _rows(database, "SELECT id FROM attempts WHERE app = ? AND scope = ?", app, scope.name)
                if (attempt,) not in rows and len(rows) >= scope.most:
                    return False
            for scope in scopes:
                ends = {"ends_at": scope.ends_at, "open_until": scope.open_until}
                await database.execute(_BEGIN, {"app": app, "scope": scope.name, "id": attempt, **ends})
        return True

    async def settle(self, app: str, scope: str, attempt: str, ends_at: Instant) -> None:
        """See `KeptAccounts`."""
        async with self._asking(write=True) as database:
            await database.execute(_SETTLE, {"app": app, "scope": scope, "id": attempt, "ends_at": ends_at})

    async def succeed(self, app: str, scope: str, attempt: str) -> None:
        """See `KeptAccounts`."""
        async with self._asking(write=True) as database:
            await database.execute(_SUCCEED, {"app": app, "scope": scope, "id": attempt})
            await database.execute("DELETE FROM attempts WHERE app = ? AND scope = ? AND id = ?", (app, scope, attempt))

    async def clear_over(self, app: str, scope: str, now: Instant) -> None:
        """See `KeptAccounts`."""
        statement = "DELETE FROM attempts WHERE app = ? AND scope = ? AND (over > 0 OR open_until <= ?)"
        async with self._asking(write=True) as database:
            await database.execute(statement, (app, scope, now))

    async def give_back(self, app: str, scopes: Sequence[str], attempt: str) -> None:
        """See `KeptAccounts`."""
        async with self._asking(write=True) as database:
            for scope in scopes:
                await database.execute(
                    "DELETE FROM attempts WHERE app = ? AND scope = ? AND id = ?", (app, scope, attempt)
                )

    async def clear(self, app: str, scopes: Sequence[str]) -> None:
        """See `KeptAccounts`."""
        async with self._asking(write=True) as database:
            for scope in scopes:
                await database.execute("DELETE FROM attempts WHERE app = ? AND scope = ?", (app, scope))

    async def check(self) -> None:
        """See `AccountStore`."""
        async with self._asking_of_any(write=True):
            await asyncio.to_thread(self._check_modes)

    async def close(self) -> None:
        """See `AccountStore`."""
        async with self._turn:
            database, self._database = self._database, None
            if database is not None:
                await database.close()

    @asynccontextmanager
    async def _asking(self, *, write: bool) -> AsyncIterator[aiosqlite.Connection]:
        """Have one transaction in a fit file; it is rolled back if its block raises."""
        try:
            async with self._asking_of_any(write=write) as database:
                yield database
        except UnfitAccountStoreError as unfit:
            raise StoreUnavailableError(StoreFault.REFUSED) from unfit

    @asynccontextmanager
    async def _asking_of_any(self, *, write: bool) -> AsyncIterator[aiosqlite.Connection]:
        try:
            async with self._turn:
                database = await self._opened_database()
                try:
                    # A writer takes its lock first: two that read and then write would each wait for the other.
                    await database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                    yield database
                    await database.commit()
                except BaseException:
                    # The connection's thread does this after what it is doing, whether or not we may wait for it.
                    await asyncio.shield(asyncio.ensure_future(database.rollback()))
                    raise
        except (sqlite3.Error, OSError) as error:
            # `from None`: SQLite's words may quote a value.
            raise StoreUnavailableError(_fault_of(error)) from None

    async def _opened_database(self) -> aiosqlite.Connection:
        if self._database is not None:
            return self._database
        await asyncio.to_thread(self._make_file)
        database = await aiosqlite.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            await self._prepare(database)
        except BaseException:
            await database.close()
            raise
        self._database = database
        return database

    def _make_file(self) -> None:
        """Make the file for us alone; SQLite gives its other files the same mode."""
        with_mode = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # An office's list that root imports before the gateway's first start is the gateway's.
            if not os.fstat(with_mode).st_size:
                give_to_account(with_mode, self._file.resolve().parent)
        finally:
            os.close(with_mode)
        self._check_modes()

    def _check_modes(self) -> None:
        about = self._file.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UnfitAccountStoreError(f"`{self._file}` is no file", "name a file of its own")
        if about.st_mode & 0o077:
            mode = stat.S_IMODE(about.st_mode)
            raise UnfitAccountStoreError(f"others may use `{self._file}` (mode {mode:04o})", f"chmod 600 {self._file}")
        folder = self._file.resolve().parent
        mode = folder.stat().st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            raise UnfitAccountStoreError(f"others may replace files in `{folder}`", f"chmod go-w {folder}")

    async def _prepare(self, database: aiosqlite.Connection) -> None:
        """Make the tables, or see that they are ours."""
        await _write_ahead(database)
        for pragma in ("synchronous = FULL", "secure_delete = ON", "trusted_schema = OFF"):
            await database.execute_fetchall(f"PRAGMA {pragma}")
        await database.execute("BEGIN IMMEDIATE")
        ((application,),) = await _rows(database, "PRAGMA application_id")
        ((version,),) = await _rows(database, "PRAGMA user_version")
        ((tables,),) = await _rows(database, "SELECT count(*) FROM sqlite_master")
        if not application and not version and not tables:
            for statement in _TABLES:
                await database.execute(statement)
        elif application != _APPLICATION:
            raise UnfitAccountStoreError(f"`{self._file}` is another program's database", "name a file of its own")
        elif version == 1:
            for statement in _FROM_SCHEMA_1:
                await database.execute(statement)
        elif version != _SCHEMA:
            raise UnfitAccountStoreError(
                f"`{self._file}` has the form {version}, and this version reads {_SCHEMA}",
                "run the version of the gateway that wrote it",
            )
        await database.commit()

    async def _overwrite(self) -> None:
        """Have what was deleted leave the log beside the file, too; a reader may delay it until the next change."""
        try:
            async with self._turn:
                database = await self._opened_database()
                await database.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(_fault_of(error)) from None

    async def _box(self, database: aiosqlite.Connection, app: str, folded: str) -> bytes | None:
        rows = await _rows(database, "SELECT kept FROM accounts WHERE app = ? AND folded = ?", app, folded)
        return bytes(rows[0][0]) if rows else None


def _fault_of(error: Exception) -> StoreFault:
    """Say in one word what SQLite or the file system did."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, PermissionError):
        return StoreFault.REFUSED
    # The lowest byte is the kind of an extended code.
    return StoreFault.UNREACHABLE if code is None else _FAULTS.get(code & 0xFF, StoreFault.UNREACHABLE)


async def _rows(database: aiosqlite.Connection, statement: str, *values: str | float) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.execute_fetchall(statement, values)]
