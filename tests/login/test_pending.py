"""States, the binding cookie and the cap: the parts of a pending login that no store decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.login.pending import (
    BYTES_OF_A_LOGIN,
    MOST_TABS,
    Browser,
    Cap,
    PendingLogin,
    WaitingForm,
    bound_browser,
    bytes_of,
    bytes_of_form,
    find_browser,
    is_state,
    may_open,
    random_name,
    read_browser,
    same_browser,
    state_name,
    tab_cookie,
    tab_cookies,
)

SECRET = random_name(bytes(range(32)))


@given(st.binary(min_size=32, max_size=32))
def test_a_state_never_holds_what_a_provider_breaks_on(random: bytes) -> None:
    """43 characters of base64url: no `;`, no padding, nothing to encode."""
    state = random_name(random)

    assert is_state(state)
    assert ";" not in state
    assert state.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_state_is_made_of_32_random_bytes(size: int) -> None:
    """Fewer could be guessed."""
    with pytest.raises(ValueError, match="32 bytes"):
        random_name(b"x" * size)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{40,46}", fullmatch=True))
def test_only_a_states_shape_is_looked_up(value: str) -> None:
    """Nothing else reaches a store."""
    assert is_state(value) == (len(value) == 43 and all(c.isascii() and (c.isalnum() or c in "-_") for c in value))


@given(st.binary())
def test_no_cookie_makes_the_reader_stumble(cookie: bytes) -> None:
    """It is a browser of ours, which writes the same cookie, or none."""
    browser = read_browser(cookie)

    assert browser is None or browser.cookie.encode() == cookie


def test_a_browser_is_known_by_its_secret_alone() -> None:
    """The memory of who signed in last takes no part."""
    browser = Browser(SECRET)
    again = read_browser(f"{SECRET}.{browser.mark_of('c', 's')}".encode())

    assert same_browser(browser.name, again)
    assert not same_browser(browser.name, Browser(random_name(b"y" * 32)))
    assert not same_browser(browser.name, None)


@pytest.mark.parametrize(
    "cookie", [b"", b"short", SECRET.encode() + b".", SECRET.encode() + b".short", SECRET.encode() + b"\n", None]
)
def test_a_cookie_of_another_shape_is_no_browser(cookie: bytes | None) -> None:
    """It is given a new secret."""
    assert read_browser(cookie) is None


def test_who_signed_in_last_is_told_by_this_cookie_only() -> None:
    """Another browser's mark of the same person is another, and so is another client's."""
    mine, yours = Browser(SECRET), Browser(random_name(b"y" * 32))

    assert mine.mark_of("c", "s") == mine.mark_of("c", "s")
    assert len({mine.mark_of("c", "s"), yours.mark_of("c", "s"), mine.mark_of("d", "s"), mine.mark_of("c", "t")}) == 4


@given(st.integers(1, 100_000))
def test_a_browser_keeps_few_cookies_of_tabs(first: int) -> None:
    """As many logins in a row as there are names have one each, and none is named like the binding cookie."""
    name = b"__Host-sekisho-login"
    names = {tab_cookie(name, first + each) for each in range(100)}

    assert len(names) == MOST_TABS
    assert len({tab_cookie(name, first + each) for each in range(MOST_TABS)}) == MOST_TABS
    assert name not in names
    assert set(tab_cookies(b"; ".join(each + b"=x" for each in (*names, name, name + b"-x")), name)) == names


def test_names_open_nothing() -> None:
    """The store receives neither state nor secret."""
    assert SECRET not in state_name(SECRET)
    assert SECRET not in Browser(SECRET).name
    assert state_name(SECRET) != Browser(SECRET).name


def test_the_cap_grows_nobody_a_place_and_takes_nobody_one() -> None:
    """Below the cap all may; above it only who has less than her share; at twice the cap nobody."""
    assert may_open(99, 1, 99, 100)
    assert not may_open(100, 1, 100, 100)
    assert may_open(100, 2, 0, 100)
    assert not may_open(100, 2, 50, 100)
    assert may_open(199, 1_000, 0, 100)
    assert not may_open(199, 1_000, 1, 100)
    assert not may_open(200, 1_000, 0, 100)


NAME = b"__Host-sekisho-login"
OTHER = Browser(random_name(b"y" * 32))


def cookies(*pairs: tuple[bytes, Browser]) -> bytes:
    return b"; ".join(name + b"=" + browser.cookie.encode() for name, browser in pairs)


def login_of(browser: Browser, *, return_to: str = "/") -> PendingLogin:
    return PendingLogin(
        browser=browser.name,
        host="app.gw.test",
        client_id="c",
        nonce="n",
        verifier="v",
        return_to=return_to,
        rule="p/r",
        scopes=("openid",),
        begun_at=0.0,
    )


def test_of_two_binding_cookies_neither_is_believed() -> None:
    """One that another site planted must not finish this browser's sign-in; one without our shape is nothing."""
    mine = Browser(SECRET)

    assert find_browser(cookies((NAME, mine)), NAME) == mine
    assert find_browser(cookies((NAME, mine), (NAME, mine)), NAME) == mine
    assert find_browser(cookies((NAME, mine)) + b"; " + NAME + b"=planted", NAME) == mine
    assert find_browser(cookies((NAME, mine), (NAME, OTHER)), NAME) is None
    assert find_browser(cookies((NAME + b"-0", mine)), NAME) is None
    assert find_browser(b"; ".join([cookies((NAME, mine))] * 100), NAME) is None


@given(st.integers(0, MOST_TABS - 1), st.booleans())
def test_a_login_is_bound_to_the_browser_it_began_in(place: int, signed_in: bool) -> None:
    """By the binding cookie; by a tab's cookie only beside the binding cookie of a browser without a person yet."""
    mine, begun = Browser(SECRET, "a" * 22 if signed_in else ""), OTHER
    tab = tab_cookie(NAME, place)

    assert bound_browser(login_of(mine), cookies((NAME, mine)), NAME) == mine
    assert bound_browser(login_of(begun), cookies((NAME, mine)), NAME) is None
    assert bound_browser(login_of(begun), cookies((tab, begun)), NAME) is None
    assert bound_browser(login_of(begun), b"", NAME) is None
    by_tab = bound_browser(login_of(begun), cookies((NAME, mine), (tab, begun)), NAME)
    assert by_tab == (None if signed_in else mine)


@given(st.text(), st.text())
def test_a_login_counts_for_the_bytes_it_takes(return_to: str, form: str) -> None:
    """Bytes, not characters: Japanese takes three each."""
    assert bytes_of(login_of(OTHER, return_to=return_to)) == BYTES_OF_A_LOGIN + len(return_to.encode())
    form_of = WaitingForm(OTHER.name, "app.gw.test", return_to, form, 0.0)
    assert bytes_of_form(form_of) == BYTES_OF_A_LOGIN + len((return_to + form).encode())


@given(st.integers(0, 50), st.integers(0, 250), st.integers(1, 60))
def test_no_address_has_more_than_its_own_cap(of_address: int, others: int, more: int) -> None:
    """However much room all share, and never more than twice the total in all."""
    cap = Cap(total=100, per_address=40)
    live = of_address + others
    admitted = cap.admits(more, live=live, addresses=2, of_address=of_address)

    if of_address + more <= cap.per_address and live + more <= cap.total:
        assert admitted
    if admitted:
        assert of_address + more <= cap.per_address
        assert live + more <= 2 * cap.total
