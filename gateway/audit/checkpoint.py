"""A checkpoint: a signature over the end of a chain, so that nobody without the key can write the chain anew.

The signature is a compact JWS (RFC 7515) of ES256, the algorithm of the assertion, by a key of its own. Its `typ` says
that it is a checkpoint, so no other signature of ours passes for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.strict_json import NotJsonError, read_struct

ALGORITHM = "ES256"
TYPE = "sekisho-audit+jws"
LONGEST = 8 * 1024
"""Bytes of a checkpoint."""

_COMPACT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

_encode = msgspec.json.Encoder(order="deterministic").encode


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The end of one writer's chain, at one time."""

    node: str
    writer: str
    segment: int
    sequence: int
    hash: str
    time: str
    ends: bool = False
    """Whether the file ends here."""


class Unsigned(ValueError):  # noqa: N818 - it names what the text is
    """A text is no checkpoint that one of our keys has signed."""


class Key(Protocol):
    """A private key of ours: `login.keys.SigningKey`."""

    @property
    def kid(self) -> str:
        """Its name."""

    @property
    def key(self) -> ECKey | RSAKey:
        """The key itself."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs checkpoints."""

    key: Key

    def sign(self, checkpoint: Checkpoint) -> str:
        """Return the signature with its content."""
        header = {"alg": ALGORITHM, "kid": self.key.kid, "typ": TYPE}
        return jws.serialize_compact(header, _encode(checkpoint), self.key.key, algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class Verifier:
    """Reads checkpoints, by the public keys of the trail."""

    keys: Mapping[str, ECKey | RSAKey]

    def read(self, signed: str) -> Checkpoint:
        """Return what was signed.

        Raises:
            Unsigned: none of the keys has signed it, or it is no checkpoint.

        """
        if len(signed) > LONGEST or _COMPACT.fullmatch(signed) is None:
            raise Unsigned("it is no checkpoint")
        try:
            header = jws.extract_compact(signed.encode()).headers()
            key = self.keys.get(str(header.get("kid")))
            if key is None or header.get("typ") != TYPE or header.get("alg") != ALGORITHM:
                raise Unsigned("it is signed by no known key")
            read = jws.deserialize_compact(signed.encode(), key, algorithms=[ALGORITHM])
            return read_struct(read.payload, Checkpoint, LONGEST)
        except (JoseError, NotJsonError, ValueError) as error:
            raise error if isinstance(error, Unsigned) else Unsigned("its signature does not fit") from None


def checkpoints_in(text: str) -> list[str]:
    """Return the checkpoints that stand in a line of a mirror or of a syslog server's file."""
    return _COMPACT.findall(text)
