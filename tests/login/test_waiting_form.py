from __future__ import annotations

from gateway.login.sign_in import AlreadySignedIn, Begun, Failed, SignedIn
from tests.login.conftest import House, challenge

FORM = "room=42&note=a%20b"


async def begun_with_form(house: House) -> str:
    """Begin a sign-in for which a form waits, and return where the browser is sent."""
    outcome = await house.service.begin(*house.browser.visit("/reserve/42"), challenge(), "/reserve/42", FORM)
    assert isinstance(outcome, Begun)
    house.browser.take(outcome)
    return outcome.location


async def test_a_form_comes_back_with_the_sign_in_it_waited_for_and_once(house: House) -> None:
    """The first callback has it; one that comes again leads to the page, without the form."""
    query = house.stand_in.authorize(await begun_with_form(house))

    first = await house.finish(query)
    again = await house.finish(query)

    assert isinstance(first, SignedIn)
    assert (first.form, first.return_to) == (FORM, "/reserve/42")
    assert again == AlreadySignedIn("/reserve/42")


async def test_a_sign_in_without_a_form_brings_none(house: House) -> None:
    """Nothing of another sign-in's."""
    await begun_with_form(house)

    outcome = await house.sign_in()

    assert isinstance(outcome, SignedIn)
    assert outcome.form == ""


async def test_who_took_the_state_gets_no_form(house: House) -> None:
    """In another browser the callback is refused, and the form stays where it is."""
    query = house.stand_in.authorize(await begun_with_form(house))
    own = dict(house.browser.cookies)
    house.browser.cookies.clear()

    stranger = await house.finish(query)
    house.browser.cookies.update(own)
    outcome = await house.finish(query)

    assert isinstance(stranger, Failed)
    assert isinstance(outcome, SignedIn)
    assert outcome.form == FORM


async def test_a_form_goes_on_waiting_when_its_sign_in_fails(house: House) -> None:
    """The person stopped it in the app: the fresh start takes the form along, and only the first answer has it."""
    query = house.stand_in.authorize(await begun_with_form(house)).replace(b"code=", b"error=access_denied&c=")

    first = await house.finish(query)
    again = await house.finish(query)

    assert isinstance(first, Failed)
    assert isinstance(again, Failed)
    assert (first.form, again.form) == (FORM, "")
    assert FORM not in repr(first)
