"""The names in `headers.names`, and those of them under which an application must not be told a fact.

A fact is written into the head of a request under a name that an operator chooses. Under `Transfer-Encoding` it
would frame the body, under `X-Original-URL` it would choose the page, and under the name of another fact the
application would read one person's subject as another's address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from gateway.headers.encode import ASSERTION, header_name
from gateway.headers.families import claim_on, is_browsers_own
from gateway.headers.names import OURS_TO_WRITE
from gateway.policy.verdict import Fact
from gateway.request.field_names import Family, fold
from gateway.settings.settings import HeaderSettings
from gateway.yaml.mistakes import Phrase

LONGEST_NAME = 64
"""Characters of a name: servers limit them, some at 64."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_KEY = re.compile(r"[a-z][a-z0-9_-]*")

_PEOPLE = frozenset(
    {
        b"x-forwarded-user",
        b"x-forwarded-email",
        b"x-forwarded-groups",
        b"x-forwarded-preferred-username",
    }
)
"""Names of the forwarding family that say who it is: what applications behind oauth2-proxy read."""

_STEERS = frozenset({Family.METHOD, Family.FORWARDING, Family.REWRITING, Family.ADDRESS})
"""Families under which servers and frameworks take a value for a method, an address, a host or a path."""


class NotTold(StrEnum):
    """The reason why a name cannot carry a fact."""

    KEY = "key"
    """The key can be neither a fact nor a condition."""
    SPELLING = "spelling"
    """Each server folds characters other than letters, digits and `-` in its own way."""
    CONNECTION = "connection"
    """It frames the request, or is about the connection, or is written anew for another purpose."""
    STEERS = "steers"
    """It changes method, path, host or address."""
    BROWSER = "browser"
    """A browser sends it by itself, and servers act on it."""
    TAKEN = "taken"
    """Another fact, a condition or the assertion has this name."""


def not_told(key: str, settings: HeaderSettings) -> NotTold | None:
    """Return the reason why the fact or condition `key` cannot have this header name, or `None` if it can."""
    name = settings.names[key]
    if _KEY.fullmatch(key) is None:
        return NotTold.KEY
    if _PLAIN.fullmatch(name) is None or len(name) > LONGEST_NAME:
        return NotTold.SPELLING
    folded = fold(name.encode())
    if folded in OURS_TO_WRITE:
        return NotTold.CONNECTION
    claim = claim_on(folded)
    if claim is not None and claim.family in _STEERS and folded not in _PEOPLE:
        return NotTold.STEERS
    if is_browsers_own(folded):
        return NotTold.BROWSER
    others = {*(fact.value for fact in Fact), ASSERTION, *filter(_KEY.fullmatch, settings.names)} - {key}
    taken = {fold(header_name(other, settings)) for other in others}
    own = fold(header_name(key, HeaderSettings()))
    ours = claim is not None and claim.family is Family.OURS
    return NotTold.TAKEN if folded in taken or (ours and folded != own) else None


_SAID: Mapping[NotTold, Callable[[str, str], tuple[Phrase, Phrase]]] = {
    NotTold.KEY: lambda key, _: (
        Phrase(
            f"`{key}` is neither a fact nor the name of a condition",
            f"`{key}` は事実の名前でも条件の名前でもありません",
        ),
        Phrase(
            "write `subject`, `name`, … or a condition's name", "`subject` や `name`、または条件の名前を書いてください"
        ),
    ),
    NotTold.SPELLING: lambda _, name: (
        Phrase(
            f"`{name}` is not a header name: letters, digits and `-` only, at most {LONGEST_NAME}",
            f"`{name}` はヘッダー名にできません。英数字と `-` だけで {LONGEST_NAME} 字までです",
        ),
        Phrase("servers confuse other characters: write `X-Citizen`", "`X-Citizen` のように書いてください"),
    ),
    NotTold.CONNECTION: lambda _, name: (
        Phrase(
            f"`{name}` frames the request or is about the connection, and cannot carry a fact",
            f"`{name}` は通信そのものを制御するヘッダーなので、事実を渡せません",
        ),
        Phrase("give it a name of its own, such as `X-Citizen`", "`X-Citizen` のような別の名前にしてください"),
    ),
    NotTold.STEERS: lambda _, name: (
        Phrase(
            f"servers take `{name}` for a method, an address, a host or a path",
            f"`{name}` はメソッド・アドレス・ホスト・パスとして解釈されるヘッダーです",
        ),
        Phrase("give it a name of its own, such as `X-Citizen`", "`X-Citizen` のような別の名前にしてください"),
    ),
    NotTold.BROWSER: lambda _, name: (
        Phrase(f"browsers send `{name}` by themselves", f"`{name}` はブラウザー自身が送るヘッダーです"),
        Phrase("give it a name of its own, such as `X-Citizen`", "`X-Citizen` のような別の名前にしてください"),
    ),
    NotTold.TAKEN: lambda _, name: (
        Phrase(
            f"another fact, a condition or the assertion has the header `{name}`",
            f"`{name}` は別の事実・条件・アサーションのヘッダーです",
        ),
        Phrase("give each a name of its own", "それぞれ別の名前にしてください"),
    ),
}
"""The mistake about a name that a fact cannot be told under, and its remedy."""


def told_faults(settings: HeaderSettings) -> Iterator[tuple[str, Phrase, Phrase]]:
    """Yield the place of each name that cannot carry its fact, why, and what to do."""
    for key, name in settings.names.items():
        if (why := not_told(key, settings)) is not None:
            yield (f"names.{key}", *_SAID[why](key, name))
