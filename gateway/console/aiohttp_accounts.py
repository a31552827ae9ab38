"""The pages of linked accounts: the counter finds, links, unlinks, imports and exports them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from itertools import islice

from aiohttp import hdrs, web

from gateway.accounts.accounts import Account, Evidence, Record
from gateway.accounts.counter import Hindrance, dismiss_claim, hindrance_of, import_row
from gateway.accounts.marks import Marks, is_mark, marks_of_code
from gateway.accounts.sheet import Row, read_accounts, write_accounts
from gateway.accounts.survey import asked, survey
from gateway.audit.entry import Action, person_by_code
from gateway.console.accounts import MOST_SHOWN, By, Doubt, Outcome, Sought, accounts_page, outcome_of, row_of, sought
from gateway.console.aiohttp_visitor import Visitor, refusal
from gateway.console.node import AccountsAtHand, Node
from gateway.console.routes import Place
from gateway.console.structlog_record import Deed
from gateway.identity import Role
from gateway.instant import Instant
from gateway.portal.language import Language
from gateway.yaml.mistakes import Language as PhraseLanguage
from gateway.yaml.mistakes import Mistakes

_LIST = "list.csv"
"""The name by which mistakes call the file of a form."""


class AccountsPages:
    """Shows and changes who has an account. Log lines name no account; the trail does."""

    def __init__(self, node: Node, clock: Callable[[], Instant]) -> None:
        self._node = node
        self._clock = clock

    async def show(self, visitor: Visitor) -> web.StreamResponse:
        """Show the forms."""
        linked = await self._node.accounts()
        asks = any(map(_asks, linked.values()))
        return visitor.page(accounts_page(tuple(linked), asks=asks), Place.ACCOUNTS)

    async def find(self, visitor: Visitor) -> web.StreamResponse:
        """List the accounts that the form names, or one account with its persons."""
        app, at_hand = await self._at_hand(visitor)
        wanted = sought(visitor.asked("by"), visitor.asked("value"))
        if wanted is None:
            raise refusal("sought", HTTPStatus.BAD_REQUEST)
        apps, asks = await self._apps(), _asks(at_hand)
        if wanted.by is By.ACCOUNT:
            record = await at_hand.store.record(app, wanted.value)
            count = int(record is not None)
            screen = accounts_page(apps, app, wanted, record=record, asks=asks)
        elif wanted.by is By.CODE:
            held = await at_hand.store.find(app, marks_of_code(at_hand.keys, app, wanted.value))
            count = len(held)
            screen = accounts_page(apps, app, wanted, held=held, asks=asks)
        else:
            found = [each async for each in _records(at_hand, app, wanted)]
            count = min(len(found), MOST_SHOWN)
            screen = accounts_page(apps, app, wanted, rows=[row_of(each) for each in found], asks=asks)
        looked = Deed(
            operator=visitor.operator,
            action=Action.ACCOUNTS_LISTED,
            about=wanted.value if wanted.by is By.ACCOUNT else wanted.by.value,
            pseudonym=person_by_code(wanted.value) if wanted.by is By.CODE else "",
            app=app,
        )
        visitor.record.looked(looked, count)
        return visitor.page(screen, Place.ACCOUNTS)

    async def link(self, visitor: Visitor) -> web.StreamResponse:
        """Link a person to an account without its password: the counter has seen her. Nobody loses it by this.

        The page asks back if the account is new here, and a known one has nearly its name.
        """
        app, at_hand = await self._at_hand(visitor)
        account, person = sought(By.ACCOUNT, visitor.asked("account")), sought(By.CODE, visitor.asked("code"))
        if account is None or person is None:
            raise refusal("sought", HTTPStatus.BAD_REQUEST)
        role = Role.REPRESENTATIVE if visitor.asked("role") == Role.REPRESENTATIVE else None
        marks = marks_of_code(at_hand.keys, app, person.value)
        before = await survey(at_hand.store, app, (account.value,))
        near = before.near(account.value)
        if near and visitor.asked("new") != "yes":
            doubt = Doubt(account.value, person.shown, role, near, visitor.reason)
            screen = accounts_page(await self._apps(), app, outcome=doubt, asks=_asks(at_hand))
            return visitor.page(screen, Place.ACCOUNTS)
        hindered: Hindrance | None = None

        async def work() -> int:
            nonlocal hindered
            wanted = Account(app, account.value)
            hindered = hindrance_of(await at_hand.store.link(wanted, marks, Evidence.COUNTER, self._clock(), role))
            return int(hindered is None)

        deed = _changed(visitor, app, account.value, "linked", person_by_code(person.value))
        response = await visitor.carry_out(Place.ACCOUNTS_LINK, deed, work, then=Place.ACCOUNTS)
        if visitor.sign_in is not None:
            waits = _asks(at_hand) and before.lacks_password(account.value)
            linked = "accounts_link" + "_new" * (near is not None) + "_asked" * waits
            visitor.sign_in.done = (linked if hindered is None else f"accounts_{hindered}", 0)
        return response

    async def unlink(self, visitor: Visitor) -> web.StreamResponse:
        """End one link, or dismiss one claim, which the form names by the person's mark."""
        app, at_hand = await self._at_hand(visitor)
        account, mark = sought(By.ACCOUNT, visitor.asked("account")), visitor.asked("mark")
        if account is None or not is_mark(at_hand.keys, mark):
            raise refusal("sought", HTTPStatus.BAD_REQUEST)

        person, claim = Marks((mark,)), visitor.asked("claim") == "yes"

        async def work() -> int:
            if claim:
                return int(await dismiss_claim(at_hand.store, app, account.value, person))
            return int(await at_hand.store.unlink(app, account.value, person) is not None)

        deed = _changed(visitor, app, account.value, "dismissed" if claim else "unlinked")
        response = await visitor.carry_out(Place.ACCOUNTS_UNLINK, deed, work, then=Place.ACCOUNTS)
        if claim and visitor.sign_in is not None and visitor.sign_in.done == (Place.ACCOUNTS_UNLINK, 1):
            visitor.sign_in.done = ("accounts_dismiss", 1)
        return response

    async def bring_in(self, visitor: Visitor) -> web.StreamResponse:
        """Link persons by the office's list. One with a mistake changes nothing."""
        app, at_hand = await self._at_hand(visitor)
        if not visitor.file:
            raise refusal("form", HTTPStatus.BAD_REQUEST)
        mistakes = Mistakes()
        # A long list takes a while to read, and this loop may serve requests.
        rows = await asyncio.to_thread(read_accounts, visitor.file, _LIST, app, at_hand.keys, mistakes)
        if len(mistakes):
            words = PhraseLanguage.JA if visitor.language is Language.JA else PhraseLanguage.EN
            said = tuple(each.say(words) for each in islice(mistakes, MOST_SHOWN))
            screen = accounts_page(await self._apps(), app, outcome=Outcome(mistakes=said), asks=_asks(at_hand))
            return visitor.page(screen, Place.ACCOUNTS)
        found: list[tuple[Row, Hindrance]] = []
        before = await survey(at_hand.store, app, (row.account.name for row in rows))

        async def work() -> int:
            for row in rows:
                why = await import_row(at_hand.store, row, self._clock())
                if why is not None:
                    found.append((row, why))
            return len(rows) - len(found)

        deed = Deed(
            operator=visitor.operator,
            action=Action.ACCOUNTS_IMPORTED,
            about=_LIST,
            reason=visitor.reason,
            app=app,
        )
        await visitor.record.act(deed, work)
        outcome = outcome_of(rows, found, before, at_hand.settings)
        screen = accounts_page(await self._apps(), app, outcome=outcome, asks=_asks(at_hand))
        return visitor.page(screen, Place.ACCOUNTS)

    async def export(self, visitor: Visitor) -> web.StreamResponse:
        """Send accounts and links as a file: by marks, without codes, subjects and passwords."""
        app, at_hand = await self._at_hand(visitor)
        records: list[Record] = []

        async def work() -> int:
            records.extend([each async for each in at_hand.store.records(app)])
            return len(records)

        deed = Deed(
            operator=visitor.operator, action=Action.ACCOUNTS_EXPORTED, about=app, reason=visitor.reason, app=app
        )
        await visitor.record.act(deed, work)
        # With the mark by which spreadsheets know UTF-8.
        body = "\ufeff" + "".join(write_accounts(records))
        response = web.Response(text=body, content_type="text/csv", charset="utf-8")
        response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="accounts-{app}.csv"'
        return response

    async def _apps(self) -> tuple[str, ...]:
        return tuple(await self._node.accounts())

    async def _at_hand(self, visitor: Visitor) -> tuple[str, AccountsAtHand]:
        """Return the App that a form names, with its accounts.

        Raises:
            RefusedError: it has none within reach.

        """
        app = visitor.asked("app")
        at_hand = (await self._node.accounts()).get(app)
        if at_hand is None:
            raise refusal("sought", HTTPStatus.BAD_REQUEST)
        return app, at_hand


def _asks(at_hand: AccountsAtHand) -> bool:
    """Say whether people are asked for a password of the application where none is kept."""
    return asked(at_hand.settings, has_password=False) is not None


def _changed(visitor: Visitor, app: str, account: str, done: str, pseudonym: str = "") -> Deed:
    """Return the change of an account; its name is for the trail alone."""
    return Deed(
        operator=visitor.operator,
        action=Action.ACCOUNT_CHANGED,
        about=account,
        reason=visitor.reason,
        pseudonym=pseudonym,
        event_about=app,
        app=app,
        verdict=done,
    )


async def _records(at_hand: AccountsAtHand, app: str, wanted: Sought) -> AsyncIterator[Record]:
    """Yield the accounts that a page lists, and one more than it shows."""
    count = 0
    async for record in at_hand.store.records(app):
        if record.claims or wanted.by is By.ALL:
            yield record
            count += 1
            if count > MOST_SHOWN:
                return
