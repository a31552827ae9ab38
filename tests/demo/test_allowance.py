from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from gateway.demo.allowance import TITLE, Allowance
from gateway.demo.legacy import LegacyApplication
from gateway.policy.reading.parse import load_policy
from gateway.signing.digest import sha256_base64
from gateway.signing.document import canonical
from gateway.yaml.mistakes import Mistakes
from tests.demo.browser import Browser, Seen

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def port(tmp_path: Path, serve: Callable[[LegacyApplication], int]) -> int:
    return serve(Allowance(tmp_path / "allowance.db", now=lambda: NOW))


def person(port: int, subject: str = "s1") -> Browser:
    return Browser(port, subject=subject, name="髙橋　花子")


def filled(browser: Browser, **changes: str) -> dict[str, str]:
    values = {"token": browser.get("/apply").value("token"), "child": "髙橋　蕾", "born": "2024-04-01"}
    return values | {"remarks": "one\r\ntwo"} | changes


def sent(browser: Browser, form: dict[str, str], *, id_: str = "s-1", hashed: str | None = None) -> Seen:
    """Send a form as the gateway does once it has been signed."""
    digest = sha256_base64(canonical([*form.items()], TITLE)) if hashed is None else hashed
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = {"X-Verified-Signature-Id": id_, "X-Verified-Signature-Hash": quote(digest, safe="")} if id_ else {}
    return browser.send("POST", "/apply", urlencode(form).encode(), headers | signed)


def test_a_signed_form_is_a_claim(port: int) -> None:
    """The receipt shows the hash of the document, which the application made again."""
    browser = person(port)
    form = filled(browser)

    receipt = sent(browser, form)

    assert receipt.path == "/claims/1"
    assert "髙橋　蕾 様" in receipt.text
    assert sha256_base64(canonical([*form.items()], TITLE)).replace("+", "&#43;") in receipt.text.replace("+", "&#43;")
    assert "髙橋　蕾 様の分" in browser.get("/").text


def test_one_signature_is_one_claim(port: int) -> None:
    """A form that arrives twice leads to the same receipt."""
    browser = person(port)
    form = filled(browser)

    assert sent(browser, form).path == sent(browser, form).path == "/claims/1"


@pytest.mark.parametrize(("id_", "hashed"), [("", None), ("s-1", sha256_base64(b"another"))])
def test_a_form_without_its_signature_is_refused(port: int, id_: str, hashed: str | None) -> None:
    """No signature, and that of another document."""
    browser = person(port)

    refused = sent(browser, filled(browser), id_=id_, hashed=hashed)

    assert refused.status == 403
    assert "署名" in refused.text
    assert "受け付けた申請" not in browser.get("/").text


@pytest.mark.parametrize("change", [{"child": " "}, {"born": "1990-01-01"}, {"born": "x"}, {"born": "2027-01-01"}])
def test_a_form_that_cannot_be_meant_is_shown_again(port: int, change: dict[str, str]) -> None:
    """An adult is no child, and nobody is born tomorrow."""
    browser = person(port)

    page = sent(browser, filled(browser, **change))

    assert page.status == 200
    assert "problem" in page.text


def test_a_claim_is_its_senders_alone(port: int) -> None:
    """Numbers can be guessed."""
    browser = person(port)
    sent(browser, filled(browser))

    assert person(port, "s2").get("/claims/1").status == 404


def test_the_title_is_the_rules() -> None:
    """It is part of the signed document, so another title would be another document."""
    mistakes = Mistakes()
    policy = load_policy(Path(__file__).parents[2] / "policies" / "child-allowance.yaml", mistakes)

    assert policy is not None, [str(mistake) for mistake in mistakes]
    assert [rule.sign.title["ja"] for rule in policy.rules if rule.sign is not None] == [TITLE]
