"""The hash of a document, in both forms."""

from __future__ import annotations

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signing.digest import digest_info, digest_info_base64, hash_base64, sha256_base64


def test_the_hash_is_sha_256_in_standard_base64() -> None:
    """FIPS 180-4's own example."""
    assert sha256_base64(b"abc") == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="


@given(st.binary(max_size=100))
def test_digest_info_holds_the_same_hash(document: bytes) -> None:
    """Its last 32 bytes are the hash; Base64 names the DER."""
    der = digest_info(document)

    assert len(der) == 51
    assert der[-32:] == base64.b64decode(sha256_base64(document))
    assert digest_info_base64(document) == base64.b64encode(der).decode()


@given(st.binary(max_size=100))
def test_the_provider_is_given_the_form_that_it_asks_for(document: bytes) -> None:
    """Either form is made of the hash that was kept, without the document."""
    kept = sha256_base64(document)

    assert hash_base64(kept, digest_info=False) == kept
    assert hash_base64(kept, digest_info=True) == digest_info_base64(document)


def test_openssl_reads_digest_info() -> None:
    """A SEQUENCE of an algorithm with NULL parameters, and the octets of the hash."""
    parsed = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER"], input=digest_info(b"abc"), capture_output=True, check=True
    ).stdout.decode()

    told = [line.partition("cons:")[2] or line.partition("prim:")[2] for line in parsed.splitlines()]
    assert [words.split(":")[0].split("[")[0].strip() for words in told] == [
        "SEQUENCE",
        "SEQUENCE",
        "OBJECT",
        "NULL",
        "OCTET STRING",
    ]
    assert told[2].endswith(":sha256")
    assert told[4].endswith(base64.b64decode(sha256_base64(b"abc")).hex().upper())


@pytest.mark.parametrize("change", range(3))
def test_one_changed_byte_is_another_hash(change: int) -> None:
    """The hash binds every byte."""
    changed = bytearray(b"abc")
    changed[change] ^= 1

    assert sha256_base64(bytes(changed)) != sha256_base64(b"abc")
