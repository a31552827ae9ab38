"""Check a Sekisho assertion in a Python application. Needs `cryptography`; copy this file.

    claims = verify_assertion(request.headers["X-Verified-Assertion"], jwks, AUDIENCE, ISSUER, time.time())

`jwks` is the text of https://<your application>/.sekisho/keys/assertion, kept for five minutes and fetched again, at
most once a minute, for a `kid` it does not have. AUDIENCE is your application's URL as in gateway.yaml.
"""

import base64
import json
import sys
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

SKEW = 5
"""Seconds that two machines' clocks may differ."""


class AssertionRefused(Exception):
    """Not a word of this token may be believed."""


def _bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify_assertion(token, jwks, audience, issuer, now):
    """Return the claims, or raise AssertionRefused."""
    try:
        header_part, claims_part, signature_part = token.split(".")
        header = json.loads(_bytes(header_part))
        # The verifier chooses the algorithm, never the token.
        if header["alg"] != "ES256":
            raise AssertionRefused("algorithm is not ES256")
        keys = [key for key in json.loads(jwks)["keys"] if key["kid"] == header["kid"]]
        if len(keys) != 1 or keys[0]["kty"] != "EC" or keys[0]["crv"] != "P-256":
            raise AssertionRefused("unknown key")
        x, y = (int.from_bytes(_bytes(keys[0][name]), "big") for name in ("x", "y"))
        signature = _bytes(signature_part)
        if len(signature) != 64:
            raise AssertionRefused("not a signature")
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        public.verify(encode_dss_signature(r, s), f"{header_part}.{claims_part}".encode(), ec.ECDSA(hashes.SHA256()))
        claims = json.loads(_bytes(claims_part))
        iat, exp = claims["iat"], claims["exp"]
        fits = claims["aud"] == audience and claims["iss"] == issuer
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        raise AssertionRefused("not a token of this gateway") from error
    if not fits:
        raise AssertionRefused("for another application, or from another gateway")
    if not isinstance(iat, int) or not isinstance(exp, int) or iat > now + SKEW or exp < now - SKEW:
        raise AssertionRefused("not valid now")
    return claims


if __name__ == "__main__":
    _, token_, file_, audience_, issuer_, *now_ = sys.argv
    try:
        with open(file_, encoding="utf-8") as jwks_:
            found = verify_assertion(token_, jwks_.read(), audience_, issuer_, float(now_[0]) if now_ else time.time())
    except AssertionRefused as refused:
        sys.exit(str(refused))
    print(json.dumps(found, ensure_ascii=False))
