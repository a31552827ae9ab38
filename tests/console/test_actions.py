"""The buttons of the console, over real sockets: each does what it says, once, with a reason, and is recorded."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import msgspec
import pytest
import structlog

from gateway.audit.entry import Action, Entry, Outcome, person_by_code
from gateway.console.limits import entry_token
from gateway.errors import StoresDifferError
from gateway.limits.limits import LimitUse
from gateway.observe.access_log import AccessLine
from gateway.policy.subject_code import show_code, subject_code
from gateway.policy.switches import LONGEST_MESSAGE
from gateway.policy.system_switches import load_switches
from gateway.session.session import AllSessions
from gateway.session.ticket import ticket_name
from tests import builders
from tests.builders import CLIENT, NOON
from tests.console.conftest import House

NAME = "髙橋　花子"
HANAKO = "a" * 32
CODE = subject_code(CLIENT, "hanako")


@pytest.fixture
async def open_house(house: House, tmp_path: Path) -> House:
    """Two sessions of Hanako's and one of Taro's, an entry of hers, and an operator who may act."""
    house.node.folder = tmp_path
    for ticket, subject, pseudonym in (("a", "hanako", HANAKO), ("b", "hanako", HANAKO), ("c", "taro", "b" * 32)):
        person = builders.identity(subject, name=NAME)
        await house.node.store.create(ticket * 43, builders.session(person, pseudonym=pseudonym))
    assert house.node.entries is not None
    use = LimitUse("facility-booking", "once", "FY2026", CODE)
    assert await house.node.entries.reserve(use, "request-1", NOON - 60)
    await house.sign_in("ito")
    house.trail.entries.clear()
    return house


async def left(house: House) -> int:
    return len([each async for each in house.node.store.sessions(AllSessions())])


@pytest.mark.parametrize(
    ("by", "value", "count"),
    [
        ("code", show_code(CODE), 2),
        ("code", CODE.lower(), 2),
        ("pseudonym", HANAKO, 2),
        ("client", CLIENT, 3),
        ("session", ticket_name("c" * 43), 1),
        ("pseudonym", "c" * 32, 0),
    ],
)
async def test_sessions_are_found_and_ended(open_house: House, by: str, value: str, count: int) -> None:
    """By the code that she reads out, too; the page says how many, and shows no claim."""
    page = await (await open_house.press("sessions_find", by=by, value=value)).text()
    with structlog.testing.capture_logs() as events:
        pressed = await open_house.press("sessions_revoke", by=by, value=value, reason="lost phone")
    said = await (await open_house.get("sessions")).text()
    again = await (await open_house.get("sessions")).text()

    assert f"Sessions found: {count}" in page
    assert NAME not in page
    assert ">hanako<" not in page
    assert "a" * 43 not in page
    assert pressed.status == 303
    assert await left(open_house) == 3 - count
    assert ("sessions ended" in said) == bool(count)
    assert "nothing has changed" in said or count
    assert 'role="status"' not in again
    (event,) = events
    assert (event["operator"], event["action"], event["reason"]) == ("ito", "sessions_revoked", "lost phone")
    assert (event["outcome"], event["count"]) == ("done" if count else "refused", count)


async def test_a_revocation_is_in_the_trail(open_house: House) -> None:
    """By a name that tells no code, and with its reason; the look before it as well."""
    await open_house.press("sessions_find", by="code", value=CODE)
    await open_house.press("sessions_revoke", by="code", value=CODE, reason="lost phone")

    person = person_by_code(CODE)
    assert open_house.trail.entries == [
        Entry(Action.SESSIONS_LISTED, NOON, operator="ito", object="code", pseudonym=person, count=2),
        Entry(
            Action.SESSIONS_REVOKED,
            NOON,
            operator="ito",
            object="code",
            pseudonym=person,
            reason="lost phone",
            count=2,
        ),
    ]
    assert CODE not in str(open_house.trail.entries)


async def test_a_required_trail_comes_first(open_house: House) -> None:
    """A disk that takes no entry keeps the sessions; one that does has the intention before the deed."""
    open_house.trail.required = open_house.trail.full = True
    refused = await open_house.press("sessions_revoke", by="client", value=CLIENT, reason="x")
    kept = await left(open_house)
    open_house.trail.full = False
    await open_house.press("sessions_revoke", by="client", value=CLIENT, reason="x")

    assert (refused.status, kept) == (503, 3)
    assert [entry.outcome for entry in open_house.trail.entries] == [Outcome.BEGUN, Outcome.DONE]


@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("code", CODE[:-1] + ("2" if CODE[-1] != "2" else "3")),
        ("code", ""),
        ("pseudonym", "A" * 32),
        ("session", "a"),
        ("client", "RP99999999"),
        ("all", "all"),
        ("", ""),
    ],
)
async def test_an_unclear_name_ends_nothing(open_house: House, by: str, value: str) -> None:
    """400 for the search and for the button; everybody's sessions are no choice on a page."""
    found = await open_house.press("sessions_find", by=by, value=value)
    ended = await open_house.press("sessions_revoke", by=by, value=value, reason="x")

    assert (found.status, ended.status, await left(open_house)) == (400, 400, 3)


async def test_stores_that_differ_are_said_to_be(open_house: House) -> None:
    """A page with 503, and never one that says that nobody is signed in."""

    async def differing() -> object:
        raise StoresDifferError

    open_house.node.sessions = differing  # type: ignore[assignment,method-assign]
    answer = await open_house.press("sessions_revoke", by="client", value=CLIENT, reason="x")

    assert answer.status == 503
    assert "SIGUSR2" in await answer.text()


async def test_an_entry_of_a_limit_is_given_back_once(open_house: House) -> None:
    """By its own name: a second press, or another person's code, gives nothing back."""
    store = open_house.node.entries
    assert store is not None
    (entry,) = await store.show(CODE, NOON)
    page = await (await open_house.press("limits_find", code=show_code(CODE))).text()
    other = subject_code(CLIENT, "taro")
    foreign = await open_house.press("limits_give_back", code=other, entry=entry_token(entry), reason="x")
    kept = len(await store.show(CODE, NOON))
    first = await open_house.press("limits_give_back", code=CODE, entry=entry_token(entry), reason="rain")
    again = await open_house.press("limits_give_back", code=CODE, entry=entry_token(entry), reason="rain")

    assert "facility-booking" in page
    assert (foreign.status, first.status, again.status, kept) == (303, 303, 303, 1)
    assert await store.show(CODE, NOON) == []
    deeds = [entry for entry in open_house.trail.entries if entry.action is Action.LIMIT_GIVEN_BACK]
    assert [(each.outcome, each.count) for each in deeds] == [
        (Outcome.REFUSED, 0),
        (Outcome.DONE, 1),
        (Outcome.REFUSED, 0),
    ]
    assert (deeds[1].object, deeds[1].pseudonym) == ("facility-booking/once FY2026", person_by_code(CODE))


async def test_a_gateway_without_limits_says_so(open_house: House) -> None:
    """The page has no form."""
    open_house.node.entries = None

    assert "no store of limits" in await (await open_house.get("limits")).text()


async def test_a_switch_is_turned_on_and_off(open_house: House) -> None:
    """In the file that every worker watches, with who and why."""
    on = await open_house.press("switch_on", name="maintenance-booking", reason="storm", **{"for": "30m"})
    file = open_house.node.folder / "switches.json"
    switches = load_switches(file)
    page = unescape(await (await open_house.get("switches")).text())
    off = await open_house.press("switch_off", name="maintenance-booking", reason="over")
    again = await open_house.press("switch_off", name="maintenance-booking", reason="over")

    assert (on.status, off.status, again.status) == (303, 303, 409)
    switch = switches["maintenance-booking"]
    assert (switch.since, switch.until, switch.by, switch.reason) == (NOON, NOON + 1_800, "ito", "storm")
    assert "storm" in page
    assert "closes the App booking" in page
    turned_off = load_switches(file)["maintenance-booking"]
    assert (turned_off.is_off, turned_off.by, turned_off.reason) == (True, "ito", "over")
    assert [(each.action, each.outcome) for each in open_house.trail.entries] == [
        (Action.SWITCH_ON, Outcome.DONE),
        (Action.SWITCH_OFF, Outcome.DONE),
        (Action.SWITCH_OFF, Outcome.FAILED),
    ]


async def test_people_read_the_words_of_a_switch(open_house: House) -> None:
    """As `sekisho switch on --message` writes them; the page of switches shows them to the next operator."""
    words = {"message-ja": "館内の<工事>です。", "message-en": " Works in the hall. ", "message-ja-simple": ""}
    on = await open_house.press("switch_on", name="maintenance-booking", reason="works", **words, **{"for": "30m"})
    page = unescape(await (await open_house.get("switches")).text())
    switch = load_switches(open_house.node.folder / "switches.json")["maintenance-booking"]

    assert on.status == 303
    assert switch.message == {"ja": "館内の<工事>です。", "en": "Works in the hall."}
    assert '<q lang="en">Works in the hall.</q>' in page


async def test_words_that_are_too_long_turn_nothing_on(open_house: House) -> None:
    """A whole document in the field is said to be too long, rather than cut off in the middle of a sentence."""
    words = {"message-en": "x" * (LONGEST_MESSAGE + 1)}
    answer = await open_house.press("switch_on", name="maintenance-booking", reason="x", **words, **{"for": "30m"})

    assert answer.status == 400
    assert "too long" in await answer.text()
    assert not (open_house.node.folder / "switches.json").exists()


@pytest.mark.parametrize(
    ("name", "length"), [("maintenance-bookng", "30m"), ("", "30m"), ("rain", "90d"), ("rain", "0m"), ("rain", "")]
)
async def test_a_switch_that_nobody_looks_at_stays_off(open_house: House, name: str, length: str) -> None:
    """400, for a name and for a time that the page does not offer."""
    answer = await open_house.press("switch_on", name=name, reason="x", **{"for": length})

    assert answer.status == 400
    assert not (open_house.node.folder / "switches.json").exists()


async def test_a_broken_file_of_switches_is_said_to_be(open_house: House) -> None:
    """The page still opens, and a button changes nothing."""
    (open_house.node.folder / "switches.json").write_text("no switches")
    page = await open_house.get("switches")
    pressed = await open_house.press("switch_on", name="rain", reason="x", **{"for": "30m"})

    assert page.status == 200
    assert "cannot be read" in await page.text()
    assert pressed.status == 409


async def test_the_page_of_applications_counts_refused_requests(open_house: House) -> None:
    """From the file of access lines, with the setting that would admit them."""
    log = open_house.node.folder / "access.log"
    line = AccessLine(
        NOON - 60, "r", "", "PROPFIND", "yoyaku", "/dav/x", 405, app="booking", verdict="error", reason="method"
    )
    log.write_bytes(msgspec.json.encode(line) + b"\n" + b"torn\n")
    open_house.node.access_log = log
    page = unescape(await (await open_house.get("applications")).text())

    assert "PROPFIND" in page
    assert "methods: [METHOD]" in page


async def test_the_trail_is_searched(open_house: House) -> None:
    """The newest first; the search itself is recorded."""
    folder = open_house.node.folder / "trail"
    folder.mkdir()
    lines = [
        b'{"action":"switch_on","operator":"ito","object":"rain","time":"2026-11-23T02:00:00.000000Z","node":"n"}\n',
        b'{"action":"decision","app":"booking","pseudonym":"p1","time":"2026-11-23T03:00:00.000000Z","node":"n"}\n',
        b'{"action":"checkpoint","time":"2026-11-23T03:30:00.000000Z"}\n',
        b'{"torn',
    ]
    (folder / "gateway-1.000001.jsonl").write_bytes(b"".join(lines))
    open_house.node.trail = folder
    await open_house.sign_in("mori")
    every = await (await open_house.press("audit_find")).text()
    one = await (await open_house.press("audit_find", action="switch_on", since="2026-11-23")).text()
    none = await (await open_house.press("audit_find", until="2026-11-22")).text()
    wrong = await open_house.press("audit_find", since="23/11/2026")

    assert "Entries found: 2" in every
    assert every.index(">p1<") < every.index(">ito<")
    assert "Entries found: 1" in one
    assert "Entries found: 0" in none
    assert wrong.status == 400
    assert [entry.object for entry in open_house.trail.entries if entry.operator == "mori"][-3:] == ["audit search"] * 3
