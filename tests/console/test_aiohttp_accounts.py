"""The pages of linked accounts over real sockets: who may open them, what they change, and what the trail says."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse, FormData

from gateway.accounts.accounts import Account, Evidence, KeptPassword
from gateway.accounts.marks import marks_of_code
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.audit.entry import Action, Outcome, person_by_code
from gateway.console.node import AccountsAtHand
from gateway.console.routes import LONGEST_LIST, Place
from gateway.errors import StoreUnavailableError
from gateway.identity import AccountKind, Role
from gateway.policy.subject_code import show_code, subject_code
from gateway.session.seal import Secrets
from gateway.settings.settings import AppAccounts
from tests.builders import CLIENT, NOON
from tests.console.conftest import House

KEYS = Secrets.single(b"k" * 32)
CODE, OTHER = subject_code(CLIENT, "hanako"), subject_code(CLIENT, "taro")
HANAKO, TARO = (marks_of_code(KEYS, "booking", code) for code in (CODE, OTHER))


@pytest.fixture
async def desk(house: House) -> House:
    """Hanako has an account that Taro has proved, too; an operator with the one role is signed in."""
    store = MemoryAccounts()
    house.node.linked["booking"] = AccountsAtHand(store, KEYS, AppAccounts())
    await store.link(Account("booking", "tanaka"), HANAKO, Evidence.PROOF, NOON)
    await store.link(Account("booking", "tanaka"), TARO, Evidence.PROOF, NOON)
    await store.put(Account("booking", "club", AccountKind.GROUP, "卓球クラブ"))
    await house.sign_in("kato")
    house.trail.entries.clear()
    return house


def store_of(house: House) -> MemoryAccounts:
    store = house.node.linked["booking"].store
    assert isinstance(store, MemoryAccounts)
    return store


async def upload(house: House, data: bytes, **changes: Any) -> ClientResponse:
    """Send the office's list as a browser does."""
    form = FormData()
    fields = {"csrf": house.token_of(Place.ACCOUNTS_IMPORT), "app": "booking", "reason": "the list of 2009"} | changes
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("list", BytesIO(data), filename="list.csv", content_type="text/csv")
    return await house.client.post(
        "/console/accounts/import", data=form, headers=house.fields("POST"), allow_redirects=False
    )


async def test_the_pages_need_the_role_accounts(house: House) -> None:
    """Neither to look nor to act is enough: a name of an account says who has it."""
    house.node.linked["booking"] = AccountsAtHand(MemoryAccounts(), KEYS, AppAccounts())
    for name, status in (("ito", 403), ("mori", 403), ("kato", 200), ("ono", 200)):
        house.cookies.clear()
        await house.sign_in(name)
        assert (await house.get("accounts")).status == status
        found = await house.press("accounts_find", app="booking", by="all")
        assert found.status == status


async def test_an_account_is_shown_with_its_persons(desk: House) -> None:
    """By their marks; a second person who proved it is named as well, and a code stands nowhere."""
    page = await (await desk.press("accounts_find", app="booking", by="account", value="TANAKA")).text()

    assert HANAKO.first in page
    assert TARO.first in page
    assert "proved by the old password" in page
    assert CODE not in page
    assert [(e.action, e.object, e.app, e.count) for e in desk.trail.entries] == [
        (Action.ACCOUNTS_LISTED, "TANAKA", "booking", 1)
    ]


@pytest.mark.parametrize(
    ("by", "value", "shown", "hidden"),
    [
        ("all", "", ("tanaka", "卓球クラブ"), ()),
        ("claimed", "", ("tanaka",), ("卓球クラブ",)),
        ("code", show_code(CODE), ("tanaka",), ("卓球クラブ",)),
        ("code", show_code(OTHER), ("Links: 0",), ("<td>tanaka",)),
        ("account", "nobody", ("Accounts found: 0",), ()),
    ],
)
async def test_accounts_are_found(
    desk: House, by: str, value: str, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    """Everything, those that two persons want, those of one person, or none; each look is in the trail."""
    page = await (await desk.press("accounts_find", app="booking", by=by, value=value)).text()

    assert all(each in page for each in shown)
    assert not [each for each in hidden if each in page.partition("</form>")[2]]
    (entry,) = desk.trail.entries
    assert entry.pseudonym == (person_by_code(CODE if value == show_code(CODE) else OTHER) if by == "code" else "")
    assert CODE not in str(entry)


async def test_a_person_is_linked_by_the_code_that_she_reads_out(desk: House) -> None:
    """With a reason; the trail has the account, the log line has the App alone."""
    with structlog.testing.capture_logs() as events:
        pressed = await desk.press(
            "accounts_link", app="booking", account="club", code=show_code(CODE), role="representative", reason="seen"
        )
    said = await (await desk.get("accounts")).text()

    assert pressed.status == 303
    assert "The person is linked." in said
    record = await store_of(desk).record("booking", "club")
    assert record is not None
    assert [(each.mark, each.role, each.evidence) for each in record.links] == [
        (HANAKO.first, Role.REPRESENTATIVE, Evidence.COUNTER)
    ]
    (entry,) = desk.trail.entries
    assert (entry.action, entry.object, entry.verdict, entry.reason) == (
        Action.ACCOUNT_CHANGED,
        "club",
        "linked",
        "seen",
    )
    assert (entry.pseudonym, entry.app) == (person_by_code(CODE), "booking")
    assert [each["object"] for each in events] == ["booking"]
    assert "club" not in str(events)


async def test_the_counter_is_asked_back_about_a_name_that_is_nearly_a_known_one(desk: House) -> None:
    """Nothing has changed until the box is ticked; what was written stands in the form again."""
    form = {"app": "booking", "account": "tanka", "code": show_code(CODE), "role": "member", "reason": "seen"}

    asked_back = unescape(await (await desk.press("accounts_link", **form)).text())
    nothing = await store_of(desk).record("booking", "tanka")
    await desk.press("accounts_link", **form, new="yes")
    said = unescape(await (await desk.get("accounts")).text())

    assert nothing is None
    assert "nearly the same as tanaka" in asked_back
    for written in ('value="tanka"', f'value="{show_code(CODE)}"', 'value="seen"', 'name="new"'):
        assert written in asked_back
    assert "The account is new here" in said
    assert await store_of(desk).record("booking", "tanka") is not None
    assert [each.verdict for each in desk.trail.entries] == ["linked"]


async def test_the_counter_hears_who_is_asked_for_a_password(desk: House) -> None:
    """Before a link, after it, beside the account, and after a list."""
    store = store_of(desk)
    desk.node.linked["booking"] = AccountsAtHand(store, KEYS, AppAccounts(tell="form", passwords="kept"))

    before = unescape(await (await desk.get("accounts")).text())
    await desk.press("accounts_link", app="booking", account="club", code=show_code(CODE), role="", reason="x")
    after = unescape(await (await desk.get("accounts")).text())
    shown = unescape(await (await desk.press("accounts_find", app="booking", by="account", value="club")).text())
    sheet = f"account,code\r\nclub,{show_code(OTHER)}\r\ntanka,{show_code(OTHER)}\r\nsato,\r\n"
    listed = unescape(await (await upload(desk, sheet.replace("club,", "sendai,").encode())).text())

    assert "a page asks the person for the application's own" in before
    assert "a page asks her for the application's own" in after
    assert "none: a page asks for it at the next visit" in shown
    assert "Links without a kept password: 2." in listed
    assert "Accounts that are new here: 3." in listed
    assert "Line 3: tanka, nearly the same as tanaka" in listed
    await store.keep_password("booking", "club", KeptPassword(b"x", own=False))
    await desk.press("accounts_link", app="booking", account="club", code=show_code(OTHER), role="", reason="x")
    assert "Every worker follows" in await (await desk.get("accounts")).text()


async def test_nobody_loses_an_account_by_a_link(desk: House) -> None:
    """The page says that another person has it, and the trail that it was refused."""
    await desk.press("accounts_link", app="booking", account="tanaka", code=show_code(OTHER), role="", reason="x")
    said = unescape(await (await desk.get("accounts")).text())

    assert "Another person has this account" in said
    (entry,) = desk.trail.entries
    assert (entry.outcome, entry.verdict) == (Outcome.REFUSED, "")


async def test_a_link_is_ended_by_the_button_beside_it(desk: House) -> None:
    """Of one person, and with a reason; a second press says that nothing has changed."""
    page = await (await desk.press("accounts_find", app="booking", by="account", value="tanaka")).text()
    forms = re.findall(r'action="/console/accounts/unlink">(.*?)</form>', page, re.DOTALL)
    (form,) = (each for each in forms if 'name="claim"' not in each)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    desk.trail.entries.clear()

    without = await desk.post("accounts/unlink", fields)
    await desk.post("accounts/unlink", fields | {"reason": "moved away"})
    said = await (await desk.get("accounts")).text()
    await desk.post("accounts/unlink", fields | {"reason": "again"})
    again = await (await desk.get("accounts")).text()

    assert without.status == 400
    assert "The link has ended." in said
    assert "nothing has changed" in again
    assert await store_of(desk).find("booking", HANAKO) == ()
    assert [(e.verdict, e.outcome, e.reason) for e in desk.trail.entries] == [
        ("unlinked", Outcome.DONE, "moved away"),
        ("", Outcome.REFUSED, "again"),
    ]


async def test_a_claim_is_dismissed_by_the_button_beside_it(desk: House) -> None:
    """The person who has the account keeps it, and the trail has the reason."""
    page = await (await desk.press("accounts_find", app="booking", by="account", value="tanaka")).text()
    (form,) = [each for each in re.findall(r"<form.*?</form>", page, re.DOTALL) if 'name="claim"' in each]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    desk.trail.entries.clear()

    await desk.post("accounts/unlink", fields | {"reason": "mixed up"})
    said = await (await desk.get("accounts")).text()

    assert "The claim is dismissed." in said
    record = await store_of(desk).record("booking", "tanaka")
    assert record is not None
    assert ([link.mark for link in record.links], record.claims) == ([HANAKO.first], ())
    assert [(e.verdict, e.outcome, e.reason) for e in desk.trail.entries] == [("dismissed", Outcome.DONE, "mixed up")]


@pytest.mark.parametrize(
    ("place", "form"),
    [
        ("accounts_find", {"app": "booking", "by": "code", "value": "7K2M"}),
        ("accounts_find", {"app": "other", "by": "all"}),
        ("accounts_link", {"app": "booking", "account": "tanaka", "code": "x", "reason": "x"}),
        ("accounts_link", {"app": "booking", "account": "", "code": show_code(CODE), "reason": "x"}),
        ("accounts_unlink", {"app": "booking", "account": "tanaka", "mark": "hanako", "reason": "x"}),
        ("accounts_export", {"app": "other", "reason": "x"}),
    ],
)
async def test_a_form_that_names_nobody_changes_nothing(desk: House, place: str, form: dict[str, str]) -> None:
    """A code with a slip, an App without accounts, a mark that no key made."""
    before = await store_of(desk).revision("booking")

    answer = await desk.press(place, **form)

    assert answer.status == 400
    assert await store_of(desk).revision("booking") == before


@pytest.mark.parametrize("charset", ["utf-8", "cp932"])
async def test_the_offices_list_is_imported(desk: House, charset: str) -> None:
    """As spreadsheets of Japan save it; a row that would take an account is named by its line."""
    text = (
        "アカウント,コード,種別,名義,役割\r\n"
        f"club,{show_code(CODE)},団体,卓球クラブ,代表者\r\n"
        f"tanaka,{show_code(OTHER)},個人,,\r\n"
    )
    page = unescape(await (await upload(desk, text.encode(charset))).text())

    assert "1 rows imported." in page
    assert "Line 3 (tanaka): another person has the account." in page
    assert [each.account.name for each in await store_of(desk).find("booking", HANAKO)] == ["club", "tanaka"]
    (entry,) = desk.trail.entries
    assert (entry.action, entry.object, entry.count, entry.reason, entry.app) == (
        Action.ACCOUNTS_IMPORTED,
        "list.csv",
        1,
        "the list of 2009",
        "booking",
    )


async def test_a_list_with_a_mistake_changes_nothing(desk: House) -> None:
    """Each mistake is named by its line, in the operator's language."""
    desk.language = "ja"
    before = await store_of(desk).revision("booking")

    page = unescape(await (await upload(desk, "アカウント,コード\r\nclub,7K2M-9QRS-T3VW-XY4A\r\n".encode())).text())

    assert "list.csv:2" in page
    assert "一文字違っています" in page
    assert await store_of(desk).revision("booking") == before
    assert desk.trail.entries == []


async def test_an_upload_is_a_form_of_ours_with_a_reason_and_of_a_size(desk: House) -> None:
    """Without a token, a reason, or below the limit, nothing is imported; nor from a form without a file."""
    data = "アカウント\r\nnew\r\n".encode()
    assert (await upload(desk, data, csrf="0" * 64)).status == 403
    assert (await upload(desk, data, reason=" ")).status == 400
    assert (await upload(desk, b"x" * LONGEST_LIST)).status == 413
    plain = await desk.press("accounts_import", app="booking", reason="x")
    assert plain.status == 400
    assert await store_of(desk).record("booking", "new") is None


async def test_an_export_is_a_file_of_marks(desk: House) -> None:
    """Without codes and passwords, with a reason, and it can be imported again."""
    assert (await desk.press("accounts_export", app="booking")).status == 400
    answer = await desk.press("accounts_export", app="booking", reason="backup")
    data = await answer.read()

    assert answer.headers["Content-Disposition"] == 'attachment; filename="accounts-booking.csv"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert HANAKO.first.encode() in data
    assert CODE.encode() not in data
    (entry,) = desk.trail.entries
    assert (entry.action, entry.count, entry.reason) == (Action.ACCOUNTS_EXPORTED, 2, "backup")
    imported = await upload(desk, data)
    assert "2 rows imported." in await imported.text()


async def test_a_store_that_is_away_is_said_to_be(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that there is no such account."""

    async def away(*_: object) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(store_of(desk), "record", away)
    answer = await desk.press("accounts_find", app="booking", by="account", value="tanaka")

    assert answer.status == 503


async def test_a_page_without_accounts_says_why(house: House, tmp_path: Path) -> None:
    """It has no form then."""
    del tmp_path
    await house.sign_in("kato")

    page = await (await house.get("accounts")).text()

    assert "no linked accounts within reach" in page
    assert "/console/accounts/" not in page
