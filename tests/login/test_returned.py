from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import urlencode

import msgspec
import pytest

from gateway.login.pending import SPENT_SECONDS
from gateway.login.returned import (
    LONGEST_REFERER,
    RETURNED_SECONDS,
    ReturnedForms,
    Sealed,
    SignedForm,
    is_of_our_page,
    unpressed,
)
from gateway.request.inbound import Framing, Inbound
from gateway.request.kept_form import LARGEST_KEPT, read_form
from gateway.request.returned_form import LARGEST_PRESS, LARGEST_RETURNED
from gateway.request.target import Target
from gateway.session.seal import Secrets
from tests import builders

PAY = "https://pay.example"
NOW = builders.NOON
BODY = b"result=ok&order=42"
URLENCODED = ("Content-Type", "application/x-www-form-urlencoded")
CAME = (("Origin", PAY), ("Sec-Fetch-Site", "cross-site"), ("Referer", f"{PAY}/done"), URLENCODED)
PREFIX = b"__Host-"


def forms(random: Callable[[int], bytes] = os.urandom) -> ReturnedForms:
    return ReturnedForms(Secrets.single(b"s" * 16 + b"ecret-of-a-test!"), random)


def came(*headers: tuple[str, str], **changes: object) -> Inbound:
    values: dict[str, object] = {"method": "POST", "framing": Framing.COUNTED, "length": len(BODY)}
    return builders.inbound("/pay/return", *(headers or CAME), **(values | changes))


def press_of(sealed: Sealed, **changes: object) -> Inbound:
    cookie = f"a=1; __Host-{sealed.cookie}={sealed.secret}; b=2".encode()
    own = (("Origin", "https://app.gw.test"), ("Sec-Fetch-Site", "same-origin"), ("Referer", "https://app.gw.test/"))
    return came(*own, URLENCODED, ("Accept-Language", "ja"), **({"cookie": cookie} | changes))


def body_of(sealed: Sealed) -> bytes:
    return urlencode({"sekisho-return": sealed.text}).encode()


def test_a_form_is_opened_as_it_was_sent() -> None:
    """Its sender, its kind and its bytes; the browser's other fields are those of the press."""
    kept = forms()
    sealed = kept.seal(came(), PAY, BODY, NOW)
    press = press_of(sealed)

    opened = kept.open(press, PREFIX, body_of(sealed), NOW + 1)

    assert opened is not None
    assert (opened.site, opened.body) == (PAY, BODY)
    assert dict(opened.inbound.headers) == {
        b"Accept-Language": b"ja",
        b"Content-Type": URLENCODED[1].encode(),
        b"Origin": PAY.encode(),
        b"Sec-Fetch-Site": b"cross-site",
        b"Referer": f"{PAY}/done".encode(),
    }
    assert opened.inbound.length == len(BODY)
    assert opened.inbound.target == press.target
    assert opened.inbound.cookie == b"a=1; b=2"


def test_a_form_opens_for_its_browser_its_url_and_its_time_alone() -> None:
    """Another cookie, none, two, another host or URL, another secret of ours, too early or too late: nothing opens."""
    kept = forms()
    sealed, other = kept.seal(came(), PAY, BODY, NOW), kept.seal(came(), PAY, BODY, NOW)
    press, body = press_of(sealed), body_of(sealed)
    name = f"__Host-{sealed.cookie}"

    assert kept.open(press, PREFIX, body, NOW) is not None
    for cookie in ("", f"{name}={other.secret}", f"{name}=x", f"{name}={sealed.secret}; {name}={other.secret}"):
        assert kept.open(press_of(sealed, cookie=cookie.encode()), PREFIX, body, NOW) is None
    assert kept.open(press, b"", body, NOW) is None
    assert kept.open(press_of(sealed, host="other.gw.test"), PREFIX, body, NOW) is None
    for path, query in (("/pay/returns", None), ("/pay/return", b""), ("/pay/return", b"a=1"), ("/PAY/return", None)):
        target = Target(path, path.encode(), query)
        assert kept.open(press_of(sealed, target=target), PREFIX, body, NOW) is None
    assert ReturnedForms(Secrets.single(os.urandom(32)), os.urandom).open(press, PREFIX, body, NOW) is None
    assert kept.open(press, PREFIX, body, NOW + RETURNED_SECONDS) is None
    assert kept.open(press, PREFIX, body, NOW - 100) is None


def test_a_spent_name_is_remembered_for_longer_than_a_form_opens() -> None:
    """A form could otherwise be sent once more when its name is forgotten."""
    assert SPENT_SECONDS > RETURNED_SECONDS + 60


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"sekisho-return=",
        b"sekisho-return=x",
        b"a=1",
        b"sekisho-return=\xff",
        b"sekisho-return=" + b"A" * 48_000,
        b"sekisho-return=0" + b"A" * 22 + b"." + b"0" * 8 + b"A" * 41,
        b"sekisho-return=0" + b"A" * 22 + b"." + b"0" * 8 + b"A" * 40,
    ],
)
def test_what_is_none_of_ours_opens_nothing(body: bytes) -> None:
    """The answer is a page and never an error."""
    kept = forms()
    sealed = kept.seal(came(), PAY, BODY, NOW)
    secret = Secrets.single(b"s" * 16 + b"ecret-of-a-test!").first.id.encode()

    assert kept.open(press_of(sealed), PREFIX, body.replace(b"0" * 8, secret), NOW) is None
    assert kept.open(press_of(sealed), PREFIX, body_of(sealed) + b"&" + body, NOW) is None


def test_the_largest_form_fits_the_press_and_the_sign_in_before_it() -> None:
    """With everything beside it at its longest; a longer one is refused."""
    kept = forms()
    longest = (("Referer", "r" * LONGEST_REFERER), ("Content-Type", "multipart/form-data; boundary=" + "b" * 220))
    site = "https://" + "h" * 250 + ":65535"
    sealed = kept.seal(came(*longest), site, b"\xff" * LARGEST_RETURNED, NOW)
    body = body_of(sealed)

    opened = kept.open(press_of(sealed), PREFIX, body, NOW)

    assert opened is not None
    assert len(opened.body) == LARGEST_RETURNED
    assert len(body) <= LARGEST_PRESS < LARGEST_KEPT
    assert read_form(body.decode(), "utf-8") is not None
    with pytest.raises(ValueError, match="does not come back"):
        kept.seal(came(), PAY, b"x" * (LARGEST_RETURNED + 1), NOW)


def test_a_browser_without_fetch_metadata_is_said_to_come_from_elsewhere() -> None:
    """The application must not take its form for one of a page of its own; a referer too long for us is left out."""
    kept = forms()
    old = came(("Origin", PAY), ("Referer", "r" * (LONGEST_REFERER + 1)), URLENCODED)
    sealed = kept.seal(old, PAY, BODY, NOW)

    opened = kept.open(press_of(sealed), PREFIX, body_of(sealed), NOW)

    assert opened is not None
    said = dict(opened.inbound.headers)
    assert said[b"Sec-Fetch-Site"] == b"cross-site"
    assert b"Referer" not in said


def test_what_is_sealed_shows_nothing_and_no_two_are_alike() -> None:
    """Somebody may look over the person's shoulder; the length is rounded up."""
    kept = forms()
    first, second = kept.seal(came(), PAY, BODY, NOW), kept.seal(came(), PAY, BODY, NOW)

    assert first.text != second.text
    assert "order" not in first.text
    assert len(first.text) == len(kept.seal(came(), PAY, BODY + b"&a=1", NOW).text)


def test_a_press_without_its_cookies_is_a_request_like_any_other() -> None:
    """The application may have a form of its own at the same place."""
    press = came(cookie=b"a=1; __Host-sekisho-return-3=x; sekisho-return-4=y;b=2; __Host-sekisho=t")

    assert unpressed(press).cookie == b"a=1;b=2; __Host-sekisho=t"
    assert unpressed(press).section_cache is None
    assert is_of_our_page(b"sekisho-return=x")
    assert not is_of_our_page(b"a=1&sekisho-return=x")
    assert msgspec.structs.replace(unpressed(press), cookie=press.cookie) == press


def test_a_signed_form_is_sent_once_however_often_its_page_is_made() -> None:
    """Each page of one signature has the same one-time name, and the press brings what is known of the signature."""
    kept = forms()
    signature = SignedForm("hanako", (("signature_id", "a1"),))
    pages = [kept.seal(came(), PAY, BODY, NOW, signature=signature, name=b"n" * 17) for _ in range(2)]

    opened = [kept.open(press_of(sealed), PREFIX, body_of(sealed), NOW + 1) for sealed in pages]

    assert opened[0] is not None
    assert opened[1] is not None
    assert opened[0].name == opened[1].name
    assert opened[0].signature == signature
    other = kept.seal(came(), PAY, BODY, NOW, signature=signature, name=b"m" * 17)
    found = kept.open(press_of(other), PREFIX, body_of(other), NOW + 1)
    assert found is not None
    assert found.name != opened[0].name


def test_pages_of_one_name_open_with_one_cookie() -> None:
    """A second tab's page sets the same cookie as the first one's, so both buttons work; another name has another."""
    kept = forms()
    first, second = (kept.seal(came(), PAY, BODY, NOW, name=b"n" * 17) for _ in range(2))
    other = kept.seal(came(), PAY, BODY, NOW, name=b"m" * 17)

    assert (first.cookie, first.secret) == (second.cookie, second.secret)
    for sealed in (first, second):
        opened = kept.open(press_of(second), PREFIX, body_of(sealed), NOW + 1)
        assert opened is not None
        assert opened.body == BODY
    assert other.secret != first.secret
    assert kept.open(press_of(other), PREFIX, body_of(first), NOW) is None
    assert ReturnedForms(Secrets.single(os.urandom(32)), os.urandom).seal(
        came(), PAY, BODY, NOW, name=b"n" * 17
    ).secret not in {first.secret, other.secret}
