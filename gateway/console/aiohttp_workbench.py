"""The pages of the workbench: open a policy, check it, question it, save it.

The same form works with and without scripts. A script of ours sends it at each edit and shows the answer in the open
page. Without one an author presses a button and gets the page anew.
"""

from __future__ import annotations

import asyncio
import errno
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

import msgspec
from aiohttp import web

from gateway.audit.entry import Action
from gateway.bounded_files import read_file
from gateway.console.aiohttp_render import see_other
from gateway.console.aiohttp_visitor import Visitor, refusal
from gateway.console.routes import Place
from gateway.console.screen import Screen
from gateway.console.workbench import (
    InForce,
    Opened,
    compared_with,
    edit_page,
    is_same_file,
    list_page,
    new_text,
    results_of,
    what_if_of,
)
from gateway.instant import Instant, tokyo_time
from gateway.workbench.draft import LONGEST_TEXT, Analysis, Draft, NotAnalysed
from gateway.workbench.file_names import NEW, as_written, is_policy_name, text_of
from gateway.workbench.system_folder import FileChangedError, Listed, NotThereError, PolicyFolder

NONCE_BYTES = 16
"""Random bytes of the word by which a page may add its sheet of styles."""


class DraftAnalyst(Protocol):
    """Analyses drafts: `workbench.asyncio_analyst` does it in a process of its own."""

    async def analyse(self, author: str, draft: Draft) -> Analysis | NotAnalysed:
        """Analyse a draft of an author."""

    def running(self, app: object) -> AsyncIterator[None]:
        """Live as long as an application."""


class WorkbenchPages:
    """Shows drafts, has them analysed, and writes them into the one folder."""

    def __init__(
        self,
        *,
        folder: Callable[[], Path | None],
        in_force: Callable[[], Sequence[InForce]],
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
        analyst: DraftAnalyst,
        wants_reason: bool = True,
    ) -> None:
        """`folder` returns where files may be written, `in_force` the policies by which the gateway judges."""
        self._folder = folder
        self._in_force = in_force
        self._clock = clock
        self._random = random
        self._wants_reason = wants_reason
        self._analyst = analyst

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """End the analysing process with the application."""
        async for _ in self._analyst.running(app):
            yield

    async def show(self, visitor: Visitor) -> web.StreamResponse:
        """Show the policies of the folder and those in force."""
        folder = self._folder()
        listed: Listed | None = Listed(())
        if folder is not None:
            try:
                listed = await asyncio.to_thread(PolicyFolder(folder).names)
            except OSError:
                listed = None
        names, others = (None, ()) if listed is None else (listed.names, listed.others)
        return visitor.page(list_page(names, others, self._in_force(), folder), Place.WORKBENCH)

    async def edit(self, visitor: Visitor) -> web.StreamResponse:
        """Open a file of the folder, a new one, or the policy of an App."""
        query = visitor.request.query
        opened = await self._opened(query.get("file", "").strip(), query.get("app", ""))
        return await self._answer(visitor, opened)

    async def work(self, visitor: Visitor) -> web.StreamResponse:
        """Tell everything about the draft in a form."""
        opened = self._sent(visitor)
        if not visitor.wants_json:
            return await self._answer(visitor, opened)
        found, values = await self._analysed(visitor, opened)
        if isinstance(found, NotAnalysed):
            return _json({"why": found.why})
        return _json(
            {
                "html": visitor.fragment(Screen("workbench_results", "workbench.title", values)),
                "findings": found.findings,
                "examples": found.examples,
                "conditions": found.names,
                "switches": found.switches,
            }
        )

    async def save(self, visitor: Visitor) -> web.StreamResponse:
        """Write the draft of a form into its file, if nobody has changed that file meanwhile."""
        folder, opened = self._folder(), self._sent(visitor)
        if folder is None or not is_policy_name(opened.file):
            return await self._answer(visitor, opened, "name", HTTPStatus.BAD_REQUEST)
        if await asyncio.to_thread(self._is_in_force, folder, opened.file):
            found, _ = await self._analysed(visitor, opened)
            # The gateway would go on with the old one, and nobody would know why.
            if not (isinstance(found, Analysis) and found.good):
                return await self._answer(visitor, opened, "in_force", HTTPStatus.CONFLICT)

        async def work() -> int:
            await asyncio.to_thread(PolicyFolder(folder).save, opened.file, opened.text, opened.digest)
            return 1

        try:
            await visitor.act(
                Place.WORKBENCH_SAVE, Action.POLICY_SAVED, work, about=opened.file, then=Place.WORKBENCH_EDIT
            )
        except FileChangedError:
            return await self._answer(visitor, opened, "changed", HTTPStatus.CONFLICT)
        except NotThereError:
            return await self._answer(visitor, opened, "name", HTTPStatus.BAD_REQUEST)
        except OSError as error:
            kind = "long" if error.errno == errno.EFBIG else "file"
            return await self._answer(visitor, opened, kind, HTTPStatus.SERVICE_UNAVAILABLE)
        return see_other(Place.WORKBENCH_EDIT, {"file": opened.file} | ({"app": opened.app} if opened.app else {}))

    def _is_in_force(self, folder: Path, name: str) -> bool:
        """Say whether the gateway judges by a file of the folder; its settings may name it through links."""
        own = str(folder / name)
        return any(
            is_same_file(each.file, own) or PolicyFolder(folder).is_file(name, Path(each.file))
            for each in self._in_force()
        )

    async def _opened(self, file: str, app: str) -> Opened:
        folder = self._folder()
        held = next((each for each in self._in_force() if each.app == app), None)
        try:
            if file and folder is not None:
                found = await asyncio.to_thread(PolicyFolder(folder).read, file)
                return Opened(found.text, file, app, found.digest, found.other_charset)
            if held is not None:
                data = await asyncio.to_thread(read_file, Path(held.file), LONGEST_TEXT)
                return Opened(text_of(data)[0], "", app, NEW)
        except NotThereError:
            if is_policy_name(file):
                return Opened(new_text(file), file, app, NEW)
            raise refusal("draft", HTTPStatus.NOT_FOUND) from None
        except UnicodeError:
            raise refusal("no_text", HTTPStatus.UNPROCESSABLE_ENTITY) from None
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise refusal("long_file", HTTPStatus.REQUEST_ENTITY_TOO_LARGE) from None
            raise refusal("file", HTTPStatus.SERVICE_UNAVAILABLE) from None
        raise refusal("draft", HTTPStatus.NOT_FOUND)

    def _sent(self, visitor: Visitor) -> Opened:
        text = visitor.text("text")
        if len(text.encode("utf-8", "replace")) > LONGEST_TEXT:
            raise refusal("long_draft", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return Opened(text, visitor.asked("file"), visitor.asked("app"), visitor.asked("opened") or NEW)

    async def _analysed(self, visitor: Visitor, opened: Opened) -> tuple[Analysis | NotAnalysed, dict[str, object]]:
        folder, now = self._folder(), self._clock()
        # A form may bring any name. Only the file that the folder itself found is compared with.
        saved = None if folder is None else await asyncio.to_thread(_saved_in, folder, opened.file)
        app, in_force = compared_with(opened, self._in_force(), None if saved is None else folder)
        in_folder = folder is not None and bool(opened.file)
        home = str(folder) if in_folder else str(Path(in_force).parent)
        what_if = what_if_of(visitor.form)
        draft = Draft(
            text=as_written(opened.text, saved).decode("utf-8"),
            file=(opened.file if is_policy_name(opened.file) else "") or Path(in_force).name or "policy.yaml",
            folder=home,
            language=visitor.language.value,
            now=now,
            in_folder=in_folder,
            in_force=in_force,
            what_if=what_if,
        )
        author = "" if visitor.sign_in is None else visitor.sign_in.csrf.hex()
        found = await self._analyst.analyse(author, draft)
        return found, results_of(found, opened, app, what_if, f"{tokyo_time(now):%Y-%m-%d}")

    async def _answer(
        self, visitor: Visitor, opened: Opened, fault: str = "", status: HTTPStatus = HTTPStatus.OK
    ) -> web.StreamResponse:
        _, values = await self._analysed(visitor, opened)
        form: Mapping[str, str] = visitor.form
        screen = edit_page(
            values,
            form,
            can_save=self._folder() is not None,
            wants_reason=self._wants_reason,
            now=f"{tokyo_time(self._clock()):%Y-%m-%d %H:%M}",
            nonce=urlsafe_b64encode(self._random(NONCE_BYTES)).rstrip(b"=").decode(),
            fault=fault,
            status=int(status),
        )
        return visitor.page(screen, Place.WORKBENCH)


def _saved_in(folder: Path, name: str) -> bytes | None:
    """Return the bytes of a file as it is saved; `None` if the folder has none of that name, or it is no text."""
    try:
        return PolicyFolder(folder).read(name).data
    except (NotThereError, OSError, UnicodeError):
        return None


def _json(values: Mapping[str, object]) -> web.Response:
    return web.Response(body=msgspec.json.encode(values), content_type="application/json")
