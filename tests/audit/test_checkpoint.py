"""Signatures of the trail: only our key's, and only on checkpoints."""

from __future__ import annotations

import msgspec
import pytest
from joserfc import jws

from gateway.audit.checkpoint import ALGORITHM, LONGEST, TYPE, Checkpoint, Signer, Unsigned, Verifier, checkpoints_in
from gateway.login.jwks import read_jwks
from gateway.login.keys import KeySet
from tests.audit.trails import key, verifier

SAID = Checkpoint("gw1", "worker-1", 2, 41, "a" * 64, "2026-11-23T03:00:00Z")


def test_a_signature_brings_back_what_was_signed() -> None:
    """The verifier needs the public key alone."""
    published = read_jwks(KeySet((key(),)).public_jwks(), 10_000)

    assert Verifier({str(each.kid): each.key for each in published.keys}).read(Signer(key()).sign(SAID)) == SAID


@pytest.mark.parametrize("at", range(3))
def test_a_changed_signature_is_none(at: int) -> None:
    """Neither header, nor content, nor signature can be another."""
    parts = Signer(key()).sign(SAID).split(".")
    parts[at] = parts[at][:-6] + ("AAAAAA" if not parts[at].endswith("AAAAAA") else "BBBBBB")

    with pytest.raises(Unsigned):
        verifier().read(".".join(parts))


def test_another_key_signs_nothing() -> None:
    """A key that the settings do not name, and one that takes the name of ours."""
    with pytest.raises(Unsigned):
        Verifier({}).read(Signer(key()).sign(SAID))
    with pytest.raises(Unsigned):
        Verifier({key().kid: key(1).key}).read(Signer(key()).sign(SAID))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": ALGORITHM, "typ": "JWT"},
        {"alg": ALGORITHM},
    ],
)
def test_no_other_signature_passes_for_a_checkpoint(header: dict[str, str]) -> None:
    """The same key on another kind of content is no checkpoint."""
    signed = jws.serialize_compact(
        {**header, "kid": key().kid}, msgspec.json.encode(SAID), key().key, algorithms=[ALGORITHM]
    )

    with pytest.raises(Unsigned):
        verifier().read(signed)


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"no", msgspec.json.encode({**msgspec.to_builtins(SAID), "x": 1})])
def test_what_is_signed_must_be_a_checkpoint(payload: bytes) -> None:
    """Every member, and none besides."""
    header = {"alg": ALGORITHM, "kid": key().kid, "typ": TYPE}
    signed = jws.serialize_compact(header, payload, key().key, algorithms=[ALGORITHM])

    with pytest.raises(Unsigned):
        verifier().read(signed)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "None", "ey" * LONGEST])
def test_rubbish_is_no_checkpoint(text: str) -> None:
    """Any text in the field gets this one answer."""
    with pytest.raises(Unsigned):
        verifier().read(text)


def test_checkpoints_are_found_in_any_file() -> None:
    """A mirror's line, and a line that a syslog server wrote around it."""
    signed = Signer(key()).sign(SAID)

    assert checkpoints_in(f'{{"signed":"{signed}"}}') == [signed]
    assert checkpoints_in(f'Nov 23 gw1 sekisho 7 audit - {{"signed":"{signed}","x":"a.b.c"}}') == [signed]
    assert checkpoints_in("nothing here") == []
