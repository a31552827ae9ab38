"""The page of the audit trail: finds entries of this machine's files, the newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from heapq import heappush, heappushpop
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
        self._reads = asyncio.Lock()
        """One search reads files at a time: it takes the processor from what this process serves."""

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
            async with self._reads:
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
    # A file has hundreds of thousands of entries: no more are in memory than the page shows.
    kept: list[tuple[str, int, Mapping[str, Any]]] = []
    number = 0
    for path in segments_in(folder):
        for line in lines_of(path):
            try:
                fields = read_json_object(line, LONGEST_LINE)
            except NotJsonError:
                # Half a line of a crash; the verification tells of it.
                continue
            if not query.fits(fields):
                continue
            number += 1
            # The files of several writers overlap in time.
            found = (str(fields.get("time")), number, fields)
            if number <= MOST_SHOWN:
                heappush(kept, found)
            else:
                heappushpop(kept, found)
    return [fields for *_, fields in sorted(kept, reverse=True)], number > MOST_SHOWN
