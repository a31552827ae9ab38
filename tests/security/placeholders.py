"""Fills in the placeholders of a case: names, tickets, states, tokens.

Texts become bytes: what is not a placeholder is UTF-8 (of a raw request Latin-1, as the format says), and
placeholders are put in as they are, controls and all.
"""

from __future__ import annotations

import base64
import gzip
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from gateway.session.ticket import TICKET_BYTES
from tests.security import fixture as names
from tests.security.case_format import PLACEHOLDER, FormatError
from tests.security.provider import ISSUER, signed
from tests.security.tokens import sent_twice

if TYPE_CHECKING:
    from tests.security.run import Run

HEADERS = {
    "H_SUB": "X-Verified-Subject",
    "H_AGE": "X-Verified-Age",
    "H_NAME": "X-Verified-Name",
    "H_ASSERT": "X-Verified-Assertion",
}
RETURN_PARAMETER = "rd"

_FIXED = {
    "LOGIN": names.LOGIN,
    "CALLBACK": names.CALLBACK,
    "LOGOUT": names.LOGOUT,
    "BCLOGOUT": names.BACKCHANNEL,
    "AUTH": names.AUTH,
    "JWKS": names.JWKS,
    "HEALTH": names.HEALTH,
    "METRICS": names.METRICS,
    "PREFIX": names.PREFIX,
    "CALLBACK_Q": quote(names.CALLBACK, safe=""),
    "LOGOUT_Q": quote(names.LOGOUT, safe=""),
    "ISS": ISSUER,
    "ISS_Q": quote(ISSUER, safe=""),
    "RD": RETURN_PARAMETER,
    "SESSION": names.SESSION_COOKIE,
    "CLIENT": names.CLIENTS[names.APP],
    **HEADERS,
}

STATES = frozenset({"used", "expired", "fresh", "client_a", "other_browser"})
CODES = frozenset({"victim", "ok", "used"})
TOKENS = frozenset({"ok", "random_kid", "other_aud"})
_NAMES = frozenset(
    {*_FIXED, "STATE", "SID", "SID_OF", "NONCE", "CODE", "TOKEN", "LOGOUT_TOKEN", "REPEAT", "N", "GZIPBOMB", "FORGED"}
)

BOMB = gzip.compress(bytes(64 * 1024 * 1024), 9)

BITFLIP = "bitflip"
"""The one modifier that stands for many values: the case is sent once for each."""


def _half(text: str) -> str:
    return text.replace("-", "_", 1)


MODIFIERS: dict[str, Callable[[str], str]] = {
    "bare": lambda text: text.removeprefix("__Host-"),
    "noprefix": lambda text: text.removeprefix("__Host-"),
    "lower": str.lower,
    "upper": str.upper,
    "underscore": lambda text: text.replace("-", "_"),
    "half_underscore": _half,
    "dot": lambda text: text.replace("-", "."),
    "plus_space": lambda text: f"{text} ",
    "truncate": lambda text: text[:-1],
    BITFLIP: lambda text: text,
}


def check(text: str, where: str) -> None:
    """Hold a text to the placeholders there are.

    Raises:
        FormatError: it has another one.

    """
    for found in PLACEHOLDER.finditer(text):
        name, argument, modifiers = found[1], found[2][1:], found[3][1:]
        if name not in _NAMES:
            raise FormatError(f"{where}: unknown placeholder `{found[0]}`")
        for modifier in filter(None, modifiers.split("|")):
            if modifier not in MODIFIERS:
                raise FormatError(f"{where}: unknown modifier `{modifier}` in `{found[0]}`")
        allowed = {"STATE": STATES | {""}, "CODE": CODES, "TOKEN": TOKENS, "NONCE": frozenset({"", "other"})}.get(name)
        if allowed is not None and argument not in allowed:
            raise FormatError(f"{where}: unknown argument in `{found[0]}`")
        if name in ("SID", "SID_OF") and not argument:
            raise FormatError(f"{where}: `{found[0]}` names no session")


def flips(ticket: str) -> int:
    """How many values `bitflip` stands for."""
    return len(ticket)


def flipped(ticket: str, position: int) -> str:
    """The ticket with one sign changed, still of a ticket's alphabet."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if ticket[position] not in alphabet:
        return f"{ticket[:position]}~{ticket[position + 1 :]}"
    sign = alphabet[alphabet.index(ticket[position]) ^ 1]
    return ticket[:position] + sign + ticket[position + 1 :]


class Filler:
    """Fills in the placeholders of one case."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.counter = 0
        self.flip = 0
        self.flips_seen = 0
        self._kept: dict[str, bytes] = {}

    async def fill(self, text: str, *, encoding: str = "utf-8") -> bytes:
        """Return the text's bytes."""
        filled = bytearray()
        end = 0
        for found in PLACEHOLDER.finditer(text):
            filled += text[end : found.start()].encode(encoding, "surrogateescape")
            value = await self._value(found[1], found[2][1:], before=text[: found.start()])
            for modifier in filter(None, found[3][1:].split("|")):
                value = self._modified(value, modifier)
            filled += value
            end = found.end()
        return bytes(filled + text[end:].encode(encoding, "surrogateescape"))

    def _modified(self, value: bytes, modifier: str) -> bytes:
        text = value.decode()
        if modifier == BITFLIP:
            self.flips_seen = flips(text)
            return flipped(text, self.flip % flips(text)).encode()
        return MODIFIERS[modifier](text).encode()

    async def _value(self, name: str, argument: str, *, before: str) -> bytes:
        if name in _FIXED:
            return _FIXED[name].encode()
        if name == "N":
            return str(self.counter).encode()
        if name == "FORGED":
            # A new one each time: of a ticket's shape, and nobody's.
            return secrets.token_urlsafe(TICKET_BYTES).encode()
        if name == "GZIPBOMB":
            return BOMB
        if name == "REPEAT":
            sign, _, count = argument.rpartition(":")
            return (sign * int(count))[: int(count)].encode()
        if name == "STATE" and not argument and not before.endswith(("state=", "state%3D")):
            return names.PENDING_COOKIE.encode()
        key = f"{name}:{argument}"
        if key not in self._kept:
            made = {
                "STATE": self._state,
                "SID": self._ticket,
                "SID_OF": self._provider_session,
                "NONCE": self._nonce,
                "CODE": self._code,
                "TOKEN": self._token,
                "LOGOUT_TOKEN": self._logout_token,
            }
            maker: Callable[[str], Awaitable[str]] = made[name]
            self._kept[key] = (await maker(argument)).encode()
        return self._kept[key]

    async def _state(self, kind: str) -> str:
        run = self.run
        if kind in ("", "fresh"):
            return _param(await run.pending_location(), "state")
        if kind == "other_browser":
            return _param(await run.stranger_location(), "state")
        if kind == "client_a":
            return _param(await run.pending_location(), "state")
        if kind == "used":
            return _param(await run.use_pending(), "state")
        state = _param(await run.pending_location(), "state")
        await run.move_clock(2 * 3600)
        return state

    async def _ticket(self, kind: str) -> str:
        return (await self.run.session(kind)).ticket

    async def _provider_session(self, kind: str) -> str:
        return (await self.run.session(kind)).sid

    async def _nonce(self, kind: str) -> str:
        location = await (self.run.stranger_location() if kind == "other" else self.run.pending_location())
        return _param(location, "nonce")

    async def _code(self, kind: str) -> str:
        run = self.run
        if kind == "used":
            return _param(await run.use_pending(), "code")
        location = await (run.stranger_location() if kind == "victim" else run.pending_location())
        back = run.fixture.provider.authorize(location, run.fixture.person("victim" if kind == "victim" else "adult"))
        return _param(back, "code")

    async def _token(self, kind: str) -> str:
        provider = self.run.fixture.provider
        now = int(provider.clock())
        claims = {
            "iss": ISSUER,
            "aud": "other-client" if kind == "other_aud" else names.CLIENTS[names.APP],
            "sub": "sub-adult",
            "iat": now,
            "exp": now + 300,
        }
        kid = secrets.token_hex(8) if kind == "random_kid" else "idp-1"
        return signed(claims, {"kid": kid, "typ": "at+jwt"}, provider.key)

    async def _logout_token(self, _: str) -> str:
        run = self.run
        session = await run.session(run.case.session if run.case.session != "none" else "adult")
        provider = run.fixture.provider
        directed = await behaviour_filled(run.case.idp.get("logout_token", {}), self)
        count = 2 if sent_twice(directed) else 1
        client = names.CLIENTS[session.host]
        provider.behaviour = {**provider.behaviour, "logout_token": directed}
        return "&logout_token=".join(
            provider.logout_token(client, session.person["sub"], session.sid) for _ in range(count)
        )


async def behaviour_filled(value: Any, filler: Filler) -> Any:
    """Return a piece of a case's `idp` with its placeholders filled in."""
    if isinstance(value, str):
        return (await filler.fill(value)).decode()
    if isinstance(value, dict):
        return {key: await behaviour_filled(each, filler) for key, each in value.items()}
    if isinstance(value, list):
        return [await behaviour_filled(each, filler) for each in value]
    return value


def _param(url: str, name: str) -> str:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)[name][0]


def decoded_jwt_part(token: str, part: int) -> bytes:
    """Return a JWT's header (0) or claims (1) without checking anything."""
    text = token.split(".")[part]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
