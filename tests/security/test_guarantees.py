"""Every guarantee of the threat model, tried at the gateway itself and behind each outer proxy.

The table is on the page (`docs/threat-model.md`, "The same behind another proxy"): a cell says `held`, `not held`, or
`not ours`. The test observes each cell of the page's table, with the configurations in `deploy/forward-auth`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from urllib.parse import unquote

import pytest
import pytest_asyncio

from gateway.login.return_to import LONGEST_RETURN
from tests.security import places
from tests.security.fixture import APP, SESSION_COOKIE, TRUSTED, Fixture, started
from tests.security.places import Guest, Place, Probe
from tests.security.test_forward_auth_proxies import running
from tests.security.threat_model import CELLS, COLUMNS, table
from tests.security.whatwg import Url
from tests.security.wire import Connection

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long, pytest.mark.timeout(240)]

PROBES: dict[str, Probe] = {
    "The spelling that is forwarded": places.spellings,
    "A path that the application's server folds": places.foldings,
    "One message": places.one_message,
    "Bytes out of turn": places.out_of_turn,
    "A broken page": places.other_pages_stay,
    "A request's body never becomes a request": places.bodies,
    "A connection to an application serves one request": places.one_at_a_time,
    "Only Sekisho writes": places.nobody_else_speaks,
    "No header of a client": places.nothing_moves,
    "A method override": places.overrides,
    "A fact makes at most one header line": places.one_line_a_fact,
    "Only what a rule discloses": places.only_what_is_disclosed,
    "Empty, unknown and unreadable": places.unknown_is_no_yes,
    "A sign-in is believed only if": places.sign_in_is_checked,
    "A login begun in one browser": places.one_browser_once,
    "After signing in or out": places.stays_on_our_origin,
    "A clock that is set": places.clocks,
    "An ended session opens nothing": places.ended_sessions,
    "An ended session opens nothing: its open streams": places.open_streams,
    "A store that fails": places.store_away,
    "A sign-out takes effect for this browser": places.sign_out_unheard,
    "A dump of the store": places.dumps,
    "The next person at a browser": places.next_person,
    "After a sign-out": places.cleared,
    "An application can neither read": places.our_cookies,
    "An application can neither read: set nor clear": places.our_cookies_stay,
    "A script of the application": places.scripts,
    "No service worker": places.service_workers,
    "No shared cache": places.shared_caches,
    "An application gives no order": places.orders,
    "An application gives no order: reports about the whole origin": places.reports,
    "Another site opens no WebSocket": places.websockets,
    "Another site's form": places.other_sites_forms,
    "Forwarding headers": places.addresses,
    "A forward-auth question": places.questions,
    "An assertion of one App": places.assertions,
    "Floods": places.floods,
    "With sealed tickets": places.forged_tickets,
    "A session opens nothing but the host": places.one_host,
    "A cookie that a script puts beside ours": places.beside_ours,
    "No claim, ticket, token or query": places.logs,
}
"""How each row of the table is tried."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fixture() -> AsyncIterator[Fixture]:
    async with started() as everything:
        yield everything


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guest(fixture: Fixture) -> Guest:
    return Guest(
        await fixture.sign_in("adult", fixture.person("adult")), await fixture.sign_in("minor", fixture.person("minor"))
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=COLUMNS)
async def place(
    request: pytest.FixtureRequest, fixture: Fixture, guest: Guest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    del guest
    name = request.param
    if name == COLUMNS[0]:
        own = ((b"X-Forwarded-For", b"198.51.100.9"), (b"X-Forwarded-Proto", b"https"))

        async def direct() -> Connection:
            return await Connection.open(("127.0.0.1", fixture.proxy.port), TRUSTED)

        yield Place(name, fixture, direct, own)
        return
    async with running(name.lower(), fixture, tmp_path_factory.mktemp(name)) as proxy:
        port = proxy.port

        async def behind() -> Connection:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            streams = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=APP, limit=1 << 24)
            return Connection(*streams)

        yield Place(name, fixture, behind)


@pytest.mark.parametrize("row", PROBES)
async def test_what_the_page_says_of_a_guarantee_is_what_is_seen(place: Place, guest: Guest, row: str) -> None:
    """`held` holds, and what is said not to hold does not: a page that promises too little is wrong as well."""
    cell = table()[row][COLUMNS.index(place.name)]
    assert cell in CELLS
    if cell == "not ours":
        return

    place.fixture.upstream.answers = {}
    place.received()
    seen = await PROBES[row](place, guest)
    place.received()

    assert (seen == "") is (cell == "held"), seen


async def test_everything_we_put_into_a_head_fits(place: Place, fixture: Fixture) -> None:
    """The longest name, address and subject, all facts and their assertion, beside as many cookies as a browser has."""
    address = "東京都渋谷区神南一丁目" + "髙" * 389
    claims = {"sub": "s" * 255, "name": "𠮷" * 200, "address": address}
    browser = place.browser(fixture.person("longest", claims))
    begin = Url("https", APP, "", "/everything/x")
    await browser.follow(begin, await browser.go(begin))
    own, ticket = "appsid=" + "c" * 8_000, browser.jar[APP][SESSION_COOKIE]
    place.received()

    answer = await place.ask("/everything/x", ("Cookie", f"{own}; {SESSION_COOKIE}={ticket}"))

    assert answer is not None
    assert answer.status == 200
    (request,) = place.received()
    assert request.values("Cookie") == [own.encode()]
    assert request.values("X-Verified-Subject") == [b"s" * 255]
    assert unquote(request.values("X-Verified-Name")[0].decode()) == "𠮷" * 200
    assert unquote(request.values("X-Verified-Address")[0].decode()) == address
    assert len(request.values("X-Verified-Assertion")[0].split(b".")) == 3


@pytest.mark.parametrize("kana", [100, 700])
async def test_the_longest_target_is_come_back_to(place: Place, fixture: Fixture, kana: int) -> None:
    """A deep link of nearly as many bytes as a request line has, full of signs that must be escaped in a URL."""
    begin = Url("https", APP, "", "/app/" + "%E9%AB%99" * kana, "a=" + "%26&b" * 220 + "=%3D" * 100)
    browser = place.browser(fixture.person("adult"))
    assert 2_000 <= len(begin.target) <= LONGEST_RETURN - 64

    answer = await browser.follow(begin, await browser.go(begin))

    assert answer is not None
    assert answer.status == 200
    assert browser.url is not None
    assert browser.url.target == begin.target
    assert all(len(location) < 1_000 for location in browser.authorizations)
