"""The gateway's own requests to an application, on one without a socket."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

import pytest

from gateway.accounts import asyncio_application
from gateway.accounts.asyncio_application import Application, Refused, SignedInThere
from gateway.accounts.recipe import LARGEST_PAGE, RecipeFault
from gateway.errors import UpstreamProtocolError, UpstreamTimeoutError, UpstreamUnreachableError
from gateway.settings.settings import LogoutSettings, RecipeSettings, SuccessSettings
from tests import builders
from tests.accounts.old_application import FORM, RECIPE, Clock, OldApplication

ROUTE = builders.route()
PERSON = builders.inbound(
    "/mine", ("User-Agent", "Browser 1"), ("Cookie", "OLDSID=stolen"), ("X-Evil", "x"), ("Accept-Language", "ja")
)


def of(old: OldApplication, recipe: RecipeSettings = RECIPE) -> Application:
    return Application(lambda: old, recipe, Clock())


async def test_a_good_login_takes_the_forms_hidden_fields_along() -> None:
    """The page's cookie and its marker come back with the form; the answer's cookies are a session for the person."""
    old = OldApplication()

    login = await of(old).sign_in(ROUTE, PERSON, "yamada", "old-Canary-1")

    assert isinstance(login, SignedInThere)
    page, form = old.asked
    assert (page.method, form.method, form.form) == (
        "GET",
        "POST",
        {"marker": "m1", "id": "yamada", "pw": "old-Canary-1"},
    )
    assert form.headers["origin"] == ROUTE.origin
    assert form.headers["referer"] == f"{ROUTE.origin}/login.php"
    assert login.set_cookies == (b"PRE=p1; Path=/", b"OLDSID=s1; Path=/")
    assert login.jar.field_for("/mine") in (b"PRE=p1; OLDSID=s1", b"OLDSID=s1; PRE=p1")


async def test_a_login_tells_the_application_of_the_browser_and_of_nothing_else() -> None:
    """Its name and languages, as some sessions are bound to them; no cookie of hers, and no other field."""
    old = OldApplication()

    await of(old).sign_in(ROUTE, PERSON, "yamada", "old-Canary-1")

    for asked in old.asked:
        assert asked.headers["user-agent"] == "Browser 1"
        assert asked.headers["accept-language"] == "ja"
        assert "x-evil" not in asked.headers
        assert "stolen" not in asked.headers.get("cookie", "")
        assert asked.headers["connection"] == "close"


@pytest.mark.parametrize(("name", "password"), [("yamada", "guess"), ("nobody", "old-Canary-1"), ("yamada", "漢字")])
async def test_a_login_that_the_application_refuses(name: str, password: str) -> None:
    """Neither a wrong name nor a wrong password opens anything."""
    assert await of(OldApplication()).sign_in(ROUTE, PERSON, name, password) == Refused()


async def test_a_password_that_the_page_cannot_write_is_wrong() -> None:
    """In its own charset; nothing is sent that would be another password."""
    old = OldApplication(page=(200, b'<meta charset="euc-jp">' + FORM))

    assert await of(old).sign_in(ROUTE, PERSON, "yamada", "\U0001f511") == Refused()
    assert old.logins() == 0


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ((404, b"gone"), RecipeFault.NO_PAGE),
        ((302, b""), RecipeFault.NO_PAGE),
        ((200, b"<form><input name=other></form>"), RecipeFault.NO_FORM),
    ],
)
async def test_a_page_that_is_not_as_the_recipe_says(page: tuple[int, bytes], fault: RecipeFault) -> None:
    """It is a fault of the settings and no wrong password; no password is sent."""
    old = OldApplication(page=page)

    assert await of(old).sign_in(ROUTE, PERSON, "yamada", "old-Canary-1") is fault
    assert old.logins() == 0


async def test_the_applications_own_name_of_the_account_counts() -> None:
    """A cookie begins with it; she may have typed her address."""
    recipe = replace(RECIPE, account_cookie="OLD*")

    login = await of(OldApplication(), recipe).sign_in(ROUTE, PERSON, "yamada", "old-Canary-1")

    assert isinstance(login, SignedInThere)
    assert login.account == "s1"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_application_that_fails_over_a_login_has_refused_nobody(status: int) -> None:
    """The password may be good: nobody has to prove an account again because a database was away."""
    old = OldApplication(refusal=(status, (), b"no database"))

    with pytest.raises(UpstreamProtocolError):
        await of(old).sign_in(ROUTE, PERSON, "yamada", "guess")


@pytest.mark.parametrize("coding", [b"gzip", b"br"])
async def test_a_wrong_password_is_not_hidden_by_a_coding_that_nobody_asked_for(coding: bytes) -> None:
    """The page is unpacked, or it is no answer; it never lacks a text because it is packed."""
    recipe = replace(RECIPE, success=SuccessSettings(text_absent="wrong"))
    old = OldApplication(refusal=(200, ((b"Content-Encoding", coding),), gzip.compress(b"wrong")))

    if coding == b"gzip":
        assert await of(old, recipe).sign_in(ROUTE, PERSON, "yamada", "guess") == Refused()
    else:
        with pytest.raises(UpstreamProtocolError, match="coding"):
            await of(old, recipe).sign_in(ROUTE, PERSON, "yamada", "guess")


async def test_an_application_that_is_away_is_an_error() -> None:
    """One for each way of being away; the place in the queue is given back."""
    unreachable, broken = OldApplication(fails_unheard=True), OldApplication(fails=UpstreamProtocolError("broken"))

    with pytest.raises(UpstreamUnreachableError):
        await of(unreachable).sign_in(ROUTE, PERSON, "yamada", "x")
    with pytest.raises(UpstreamProtocolError):
        await of(broken).sign_in(ROUTE, PERSON, "yamada", "x")


async def test_an_application_that_says_nothing_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request leaves the queue."""
    monkeypatch.setattr(asyncio_application, "ASK_SECONDS", 0.01)
    old = OldApplication(silent=True)

    with pytest.raises(UpstreamTimeoutError):
        await of(old).sign_in(ROUTE, PERSON, "yamada", "x")

    assert old.left == 1


async def test_an_endless_page_is_cut_off() -> None:
    """The client closes the connection as well."""
    old = OldApplication(page=(200, b"x" * (LARGEST_PAGE + 10)))

    with pytest.raises(UpstreamProtocolError, match="too long"):
        await of(old).sign_in(ROUTE, PERSON, "yamada", "x")


async def test_a_request_that_nobody_waits_for_any_more_is_given_up() -> None:
    """A shutdown in the middle leaves no place taken."""
    old = OldApplication(silent=True)
    task = asyncio.create_task(of(old).sign_in(ROUTE, PERSON, "yamada", "x"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert old.left == 1


async def test_a_sign_out_ends_the_session_of_these_cookies() -> None:
    """Without cookies, or without a page for it, nothing is asked."""
    old = OldApplication(sessions={"s7": "yamada", "s8": "club"})

    await of(old).sign_out(ROUTE, PERSON, b"OLDSID=s7")
    asked = len(old.asked)
    await of(old).sign_out(ROUTE, PERSON, b"")
    await of(old, replace(RECIPE, logout=LogoutSettings())).sign_out(ROUTE, PERSON, b"OLDSID=s8")

    assert old.sessions == {"s8": "club"}
    assert len(old.asked) == asked
