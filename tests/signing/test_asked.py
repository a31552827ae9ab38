"""Requests of applications, and the answers to them."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any

import pytest

from gateway.policy.verdict import SignedFact
from gateway.settings.settings import AppSigning
from gateway.signing.asked import (
    Asked,
    AskedError,
    admitted,
    described,
    facts_of,
    idempotency_key,
    read_asked,
)
from gateway.signing.profile import Validity
from gateway.signing.signature import LARGEST_DOCUMENT, Progress, Result, Signature, SignOutcome, Source

TEXT = "契約書\n第1条\n".encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def asked(**said: Any) -> Asked:
    return read_asked(json.dumps(said).encode())


def test_a_text_a_pdf_a_hash_and_a_consent_are_asked_for() -> None:
    """Each becomes a document with its hash; a consent is made by the gateway, in the DigestInfo form."""
    text = asked(title="契約", document=b64(TEXT), media_type="text/plain", return_to="/done", subject="hanako")
    pdf = asked(title={"ja": "契約", "en": "Contract"}, document=b64(b"%PDF-1.7 x"), media_type="application/pdf")
    hash_ = asked(title="契約", hash=b64(sha256(TEXT).digest()), digest_info=True)
    consent = asked(consent="newest")

    assert (text.source, text.document, text.return_to, text.subject) == (Source.TEXT, TEXT, "/done", "hanako")
    assert text.hash == hash_.hash == b64(sha256(TEXT).digest())
    assert (pdf.source, pdf.title) == (Source.PDF, {"ja": "契約", "en": "Contract"})
    assert (hash_.source, hash_.document, hash_.digest_info) == (Source.HASH, b"", True)
    assert (consent.source, consent.consent, consent.digest_info) == (Source.CONSENT, "newest", True)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "exactly one"),
        ({"title": "a", "hash": "eA==", "consent": "x"}, "exactly one"),
        ({"title": "a", "hash": "eA=="}, "32 bytes"),
        ({"title": "a", "hash": "!"}, "standard Base64"),
        ({"title": "a", "hash": b64(b"x" * 33)}, "1 to 32 bytes"),
        ({"hash": b64(b"x" * 32)}, "`title`"),
        ({"title": "a\nb", "hash": b64(b"x" * 32)}, "one line"),
        ({"title": {"en": "a"}, "hash": b64(b"x" * 32)}, "`title`"),
        ({"title": {"ja": 5}, "hash": b64(b"x" * 32)}, "`title`"),
        ({"title": "x" * 201, "hash": b64(b"x" * 32)}, "`title`"),
        ({"title": "a", "document": b64(b"x" * (LARGEST_DOCUMENT + 1)), "media_type": "text/plain"}, "bytes"),
        ({"title": "a", "document": b64(b"\xff"), "media_type": "text/plain"}, "UTF-8"),
        ({"title": "a", "document": b64("a\u202eb".encode()), "media_type": "text/plain"}, "not drawn"),
        *(
            ({"title": "a", "document": b64(f"a{hidden}b".encode()), "media_type": "text/plain"}, "not drawn")
            for hidden in "\0\x1b\x7f\x85\xad\u200b\u2028\u2060\u2067\ufeff\ufff9\U000e0041"
        ),
        *(
            ({"title": f"a{hidden}b", "hash": b64(b"x" * 32)}, "`title`")
            for hidden in "\0\xad\u200b\u202e\ufeff\U000e0041"
        ),
        ({"title": "a", "document": b64(b" \n"), "media_type": "text/plain"}, "empty"),
        ({"title": "a", "document": b64(b"<html>"), "media_type": "application/pdf"}, "PDF"),
        ({"title": "a", "document": b64(b"<html>"), "media_type": "text/html"}, "`media_type`"),
        ({"title": "a", "document": b64(b"x")}, "`media_type`"),
        ({"consent": "x", "return_to": "https://evil.example/"}, "`return_to`"),
        ({"consent": "x", "digest_info": "yes"}, "`digest_info`"),
        ({"consent": "x", "subject": 5}, "`subject`"),
        ({"consent": "x", "callback": "x"}, "`callback` is not known"),
    ],
)
def test_a_request_that_cannot_be_meant_says_why(said: dict[str, Any], message: str) -> None:
    """The application's developer reads it, so it names the member and quotes no document."""
    with pytest.raises(AskedError, match=message):
        asked(**said)
    with pytest.raises(AskedError, match="no JSON object"):
        read_asked(b"[1]")


def test_an_idempotency_key_is_one_printable_word() -> None:
    """None at all is allowed; two of them, or a short one, are a mistake."""
    assert idempotency_key([]) == ""
    assert idempotency_key([b"order-12345678"]) == "order-12345678"
    for wrong in ([b"short"], [b"a b c d e f g"], [b"order-12345678"] * 2, [b"x" * 256], ["順番12345678".encode()]):
        assert idempotency_key(wrong) is None


APPS = {"bank": AppSigning(addresses=("10.0.0.0/24",)), "town": AppSigning(addresses=("10.0.0.5",))}
TOKENS = {"bank": sha256(b"bank-token").digest(), "town": sha256(b"town-token").digest()}


@pytest.mark.parametrize(
    ("fields", "address", "name"),
    [
        ([b"Bearer bank-token"], "10.0.0.9", "bank"),
        ([b"bearer town-token"], "10.0.0.5", "town"),
        ([b"Bearer town-token"], "10.0.0.9", ""),
        ([b"Bearer bank-token"], "192.0.2.1", ""),
        ([b"Bearer bank-token"], "", ""),
        ([b"Basic bank-token"], "10.0.0.9", ""),
        ([b"Bearer other"], "10.0.0.9", ""),
        ([b"Bearer"], "10.0.0.9", ""),
        ([], "10.0.0.9", ""),
        ([b"Bearer bank-token"] * 2, "10.0.0.9", ""),
    ],
)
def test_an_application_is_known_by_token_and_address(fields: list[bytes], address: str, name: str) -> None:
    """Neither is enough by itself."""
    assert admitted(fields, address, APPS, TOKENS) == name


def signature(**changes: Any) -> Signature:
    values: dict[str, Any] = {
        "id": "i" * 43,
        "source": Source.TEXT,
        "app": "bank",
        "host": "app.gw.test",
        "client_id": "RP1",
        "title": {"ja": "契約"},
        "hash": "aGFzaA==",
        "digest_info": False,
        "created_at": 0.0,
        "ends_at": 900.0,
        "document": TEXT,
        "subject": "hanako",
    }
    return Signature(**(values | changes))


def test_an_application_reads_the_state_and_the_result() -> None:
    """A failure has its reason, and only what is there is told; the document of a form is the application's own."""
    result = Result("t-1", "c2ln", 60.0, certificate_jwe="a.b.c.d.e", validity=Validity.GOOD, person_told=False)

    waiting = described(signature(progress=Progress.FAILED, reason=SignOutcome.OTHER_PERSON))
    signed = described(signature(progress=Progress.SIGNED, reason=SignOutcome.SIGNED, result=result))
    public = described(signature(result=Result("t-1", "c2ln", 60.0, certificate="MIIB")))
    consent = described(signature(source=Source.CONSENT, consent="newest"))

    assert (waiting["state"], waiting["reason"]) == ("failed", "other_person")
    assert "signature" not in waiting
    assert "subject" not in waiting
    assert (signed["state"], signed["certificate_jwe"], signed["same_person"]) == ("signed", "a.b.c.d.e", "not_told")
    assert (signed["signed_at"], signed["validity"]) == ("1970-01-01T00:01:00Z", "good")
    assert "certificate" not in signed
    assert public["certificate"] == "MIIB"
    assert "document" not in signed
    assert base64.b64decode(str(consent["document"])) == TEXT


def test_a_signed_form_brings_the_short_facts() -> None:
    """The id leads to the result; no certificate is in a header."""
    facts = dict(facts_of(signature(result=Result("t-1", "c2ln", 60.0, certificate="MIIB", validity=Validity.GOOD))))

    assert facts.keys() == set(SignedFact), "a name that no condition can take"
    assert facts["signature_id"] == "i" * 43
    assert (facts["signature_validity"], facts["signature_same_person"]) == ("good", "yes")
    assert "MIIB" not in facts.values()
    assert facts_of(signature()) == ()
