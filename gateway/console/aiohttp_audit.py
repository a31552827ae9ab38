"""The page of the audit trail: finds entries of this machine's files, the newest first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.audit.chain import LONGEST_LINE
from gateway.audit.entry import Action
from gateway.audit.search import Query
from gateway.audit.system_segments import lines_of, segments_in
from gateway.console.aiohttp_visitor import Visitor, refusal
from gateway.console.audit import MOST_SHOWN, audit_page, search_of
from gateway.console.node import Node
from gateway.console.routes import Place
from gateway.console.structlog_record import Deed
from gateway.strict_json import NotJsonError, read_json_object


class AuditPages:
    """Searches the audit trail. It shows lines as they stand; `sekisho audit verify` proves them."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def show(self, visitor: Visitor) -> web.StreamResponse:
        """Show the form."""
        return visitor.page(audit_page(self._node.facts()), Place.AUDIT)

    async def find(self, visitor: Visitor) -> web.StreamResponse:
        """Show the entries that the form asks for."""
        search = search_of(visitor.form)
        if search is None:
            raise refusal("query", HTTPStatus.BAD_REQUEST)
        facts = self._node.facts()
        if facts.trail is None:
            return visitor.page(audit_page(facts), Place.AUDIT)
        try:
            found, more = await asyncio.to_thread(_search, facts.trail, search.query)
        except OSError:
            raise refusal("file", HTTPStatus.SERVICE_UNAVAILABLE) from None
        deed = Deed(
            operator=visitor.operator, action=Action.CONSOLE, about="audit search", pseudonym=search.query.pseudonym
        )
        visitor.record.looked(deed, len(found))
        return visitor.page(audit_page(facts, search, found, more=more), Place.AUDIT)


def _search(folder: Path, query: Query) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the newest entries that fit, and whether there were more.

    Raises:
        OSError: the trail cannot be read.

    """
    kept: deque[Mapping[str, Any]] = deque()
    more = False
    for path in segments_in(folder):
        for line in lines_of(path):
            try:
                fields = read_json_object(line, LONGEST_LINE)
            except NotJsonError:
                # Half a line of a crash; the verification tells of it.
                continue
            if query.fits(fields):
                kept.append(fields)
        # The files of several writers overlap in time.
        if len(kept) > MOST_SHOWN:
            more = True
            kept = deque(sorted(kept, key=lambda each: str(each.get("time")))[-MOST_SHOWN:])
    return sorted(kept, key=lambda each: str(each.get("time")), reverse=True), more
