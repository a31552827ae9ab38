from __future__ import annotations

import os

import pytest

from gateway.login.pending import FORM_LIVES, PENDING_SECONDS, SentForm, WaitingForm
from gateway.login.sign_in import AlreadySignedIn, Begun, Failed, LoginFailure, SignedIn
from gateway.login.waiting import Kept, WaitingForms, named_in
from tests.login.conftest import House, challenge

FORM = "room=42&note=a%20b"
HANAKO, TARO = "p-hanako", "p-taro"


def forms_of(house: House) -> WaitingForms:
    return WaitingForms(house.pending, "/.sekisho/", clock=house.clock, random=os.urandom)


async def begun_with_form(house: House) -> str:
    """Begin a sign-in for which a form waits, and return where the browser is sent."""
    outcome = await house.service.begin(*house.browser.visit("/reserve/42"), challenge(), "/reserve/42", FORM)
    assert isinstance(outcome, Begun)
    house.browser.take(outcome)
    return outcome.location


async def found(house: House, page: str, person: str = "") -> WaitingForm | SentForm | None:
    forms = forms_of(house)
    return await forms.find(*house.browser.visit(page.partition("?")[0]), forms.name_in(page), person)


async def test_a_sign_in_with_a_form_leads_to_the_forms_page_each_time(house: House) -> None:
    """The second callback leads there as well: the form is on its page, and not in the answer."""
    query = house.stand_in.authorize(await begun_with_form(house))

    first = await house.finish(query)
    assert isinstance(first, SignedIn)
    house.browser.take(first)

    assert await house.finish(query) == AlreadySignedIn(first.return_to)
    form = await found(house, first.return_to, HANAKO)
    assert isinstance(form, WaitingForm)
    assert (form.target, form.body) == ("/reserve/42", FORM)


async def test_a_form_survives_the_end_of_its_sign_in(house: House) -> None:
    """Cancelled, cancelled and loaded again, or too late: each failure knows the form's page."""
    location = await begun_with_form(house)
    cancelled = house.stand_in.authorize(location).replace(b"code=", b"error=access_denied&c=")

    first, again = await house.finish(cancelled), await house.finish(cancelled)
    house.clock.ahead = PENDING_SECONDS + 1
    late = await house.finish(cancelled)

    assert isinstance(first, Failed)
    assert isinstance(again, Failed)
    assert isinstance(late, Failed)
    assert (first.failure, again.failure, late.failure) == (
        LoginFailure.CANCELLED,
        LoginFailure.CANCELLED,
        LoginFailure.EXPIRED,
    )
    assert first.return_to == again.return_to == late.return_to
    assert isinstance(await found(house, str(late.return_to)), WaitingForm)
    assert FORM not in repr(first)


async def test_a_form_is_gone_after_its_time(house: House) -> None:
    """It is personal data, and does not stay."""
    first = await house.finish(house.stand_in.authorize(await begun_with_form(house)))
    assert isinstance(first, SignedIn)
    house.clock.ahead = PENDING_SECONDS * FORM_LIVES + 1

    assert await found(house, first.return_to) is None


async def test_another_browser_sees_no_form(house: House) -> None:
    """Its address alone opens nothing."""
    first = await house.finish(house.stand_in.authorize(await begun_with_form(house)))
    assert isinstance(first, SignedIn)
    house.browser.cookies.clear()

    assert await found(house, first.return_to) is None


async def test_the_next_person_does_not_see_the_last_ones_form(house: House) -> None:
    """Once somebody has signed in for it, it is hers, until she hands it over."""
    first = await house.finish(house.stand_in.authorize(await begun_with_form(house)))
    assert isinstance(first, SignedIn)
    house.browser.take(first)
    forms = forms_of(house)
    name = forms.name_in(first.return_to)
    form = await found(house, first.return_to, HANAKO)
    assert isinstance(form, WaitingForm)

    await forms.hand_over(name, form, HANAKO)
    hers = await found(house, first.return_to, HANAKO)
    assert isinstance(hers, WaitingForm)
    assert await found(house, first.return_to, TARO) is None

    await forms.hand_over(name, hers, "")
    assert isinstance(await found(house, first.return_to, TARO), WaitingForm)


async def test_a_form_is_sent_once(house: House) -> None:
    """The second press finds that it was sent, and where; its body is gone."""
    first = await house.finish(house.stand_in.authorize(await begun_with_form(house)))
    assert isinstance(first, SignedIn)
    house.browser.take(first)
    forms = forms_of(house)
    form = await found(house, first.return_to, HANAKO)
    assert isinstance(form, WaitingForm)

    sent = [await forms.send(forms.name_in(first.return_to), form) for _ in range(2)]

    assert sent == [True, False]
    gone = await found(house, first.return_to, HANAKO)
    assert isinstance(gone, SentForm)
    assert gone.target == "/reserve/42"
    assert FORM not in repr(gone)


@pytest.mark.parametrize(
    "page", ["/form?id=" + "a" * 43, "/.sekisho/form", "/.sekisho/form?id=x", "/.sekisho/me?id=" + "a" * 43]
)
def test_only_a_forms_page_names_a_form(house: House, page: str) -> None:
    """Any other address is that of an ordinary page."""
    assert forms_of(house).name_in(page) == ""
    assert forms_of(house).name_in("/.sekisho/form?id=" + "a" * 43) == "a" * 43


async def test_a_form_is_kept_for_a_browser_without_a_cookie(house: House) -> None:
    """The browser gets the binding cookie, and the next form waits under the same one; without it, no form is found."""
    forms = forms_of(house)

    first = await forms.keep_here(*house.browser.visit(), "/reserve/42", FORM)
    assert isinstance(first, Kept)
    assert first.cookie
    assert await found(house, first.page) is None
    house.browser.cookies["__Host-sekisho-login"] = first.cookie

    second = await forms.keep_here(*house.browser.visit(), "/reserve/43", FORM)
    assert isinstance(second, Kept)
    assert second.cookie is None
    for page, target in ((first.page, "/reserve/42"), (second.page, "/reserve/43")):
        form = await found(house, page)
        assert isinstance(form, WaitingForm)
        assert (form.target, form.body) == (target, FORM)


async def test_too_large_forms_leave_nothing_behind(house: House) -> None:
    """One sender has only so many bytes, and a form for which there is no room has no page."""
    forms = forms_of(house)
    kept = [await forms.keep_here(*house.browser.visit(), "/reserve", "x" * 1_000_000) for _ in range(40)]

    assert isinstance(kept[0], Kept)
    assert kept[-1] is None


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (None, ""),
        (b"", ""),
        (b"id=abc", "abc"),
        (b"a=b&id=abc", "abc"),
        (b"id=abc&id=def", ""),
        (b"id=abc&id=abc", ""),
        (b"ID=abc", ""),
        (b"id=\xe9", ""),
    ],
)
def test_a_query_names_one_form_or_none(query: bytes | None, name: str) -> None:
    """Two names are none: nobody can say which one was meant."""
    assert named_in(query) == name
