"""Limits for one sign-in identity: the counted entries, their periods, and the effect of an answer on them.

An entry is *reserved* before a request goes on, and settled when the head of the application's answer
is there: counted, or given back. A counted entry is given back when the application says later that it was cancelled
(`gives_back`), or by an operator. An entry with an unknown end stays counted, so that a crash is never a second chance.
`sekisho limits show` finds it until an operator gives it back. Counted is per PPID of a client; a PPID may change, so
this never promises 一人一回.

Stores: `memory_limits`, `redis_limits`, behind one contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from math import inf
from typing import NamedTuple, Protocol, assert_never
from urllib.parse import urlsplit

from gateway.identity import Identity
from gateway.instant import Instant, start_of, tokyo_day
from gateway.policy.subject_code import subject_code
from gateway.policy.verdict import Deny, GivesBack, Limit, Once, Permit, Reason, ReasonKind, RuleId

LEASE = 90.0
"""Seconds a reservation counts as in flight without being renewed; then its outcome is unknown."""

RENEW_EVERY = 30.0
"""Seconds between renewals while a request is in flight: two may fail before the lease ends."""

KEPT_AFTER = 40 * 86_400.0
"""Seconds entries are kept after their period is over, so that a complaint can still be looked into."""

_APRIL = 4

_NOT_THE_APPLICATION = frozenset({502, 504})
"""Statuses of a proxy between us and the application that does not know the outcome either."""


def period_of(once: Once, now: Instant) -> str:
    """Return the name of the period a moment lies in, in Asia/Tokyo; fiscal years begin on 1 April."""
    day = tokyo_day(now)
    match once:
        case Once.DAY:
            return day.isoformat()
        case Once.MONTH:
            return f"{day:%Y-%m}"
        case Once.YEAR:
            return f"{day:%Y}"
        case Once.FISCAL_YEAR:
            return f"FY{day.year if day.month >= _APRIL else day.year - 1}"
        case Once.EVER:
            return "ever"
        case _:
            assert_never(once)


def period_end(once: Once, now: Instant) -> Instant:
    """Return the moment the period is over; never, for `ever`."""
    day = tokyo_day(now)
    match once:
        case Once.DAY:
            return start_of(date.fromordinal(day.toordinal() + 1))
        case Once.MONTH:
            return start_of(date(day.year + day.month // 12, day.month % 12 + 1, 1))
        case Once.YEAR:
            return start_of(date(day.year + 1, 1, 1))
        case Once.FISCAL_YEAR:
            return start_of(date(day.year + (day.month >= _APRIL), _APRIL, 1))
        case Once.EVER:
            return inf
        case _:
            assert_never(once)


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One person's use of one limit in one period: what a store counts under one key."""

    policy: str
    limit: str
    period: str
    code: str
    """The person's code for the client (`subject_code`): no PPID lies in the store, and a counter can look it up."""
    times: int = 1
    forget_at: Instant = inf

    def __str__(self) -> str:
        """Return what the audit trail calls it, without the person."""
        return f"{self.policy}/{self.limit} {self.period}"


def limit_use(rule: RuleId, limit: Limit, person: Identity, now: Instant) -> LimitUse:
    """Return a person's use of a limit now. Rules of one policy share a limit by its name."""
    return LimitUse(
        policy=rule.policy,
        limit=limit.name,
        period=period_of(limit.once, now),
        code=subject_code(person.client_id, person.subject),
        times=limit.times,
        forget_at=period_end(limit.once, now) + KEPT_AFTER,
    )


def over(permit: Permit) -> Deny:
    """Return the refusal of a person who has no entry left."""
    limit = permit.limit
    reason = (
        Reason(ReasonKind.LIMIT_REACHED)
        if limit is None
        else Reason(ReasonKind.LIMIT_REACHED, limit.name, limit.if_over)
    )
    return Deny(permit.rule, (reason,))


class AnswerWords(NamedTuple):
    """The part of an application's answer that speaks of entries: its head."""

    status: int
    location: str | None
    """The `Location` field as received."""
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Settlement(StrEnum):
    """The end of a reservation."""

    COUNT = "count"
    GIVE_BACK = "give_back"
    LEAVE = "leave"
    """The outcome is unknown: it stays counted until a person gives it back."""


def settle_answer(limit: Limit, answer: AnswerWords) -> Settlement:
    """Say what an answer's head means."""
    if answer.status in limit.statuses and (limit.location is None or _path_of(answer.location) == limit.location):
        return Settlement.COUNT
    if answer.status in _NOT_THE_APPLICATION:
        return Settlement.LEAVE
    return Settlement.GIVE_BACK


MOST_NAMES = 16
"""Entries that one answer can name as cancelled."""

_DENIALS = frozenset({b"", b"0", b"no", b"false"})


def entry_name(limit: Limit, answer: AnswerWords) -> str:
    """Return the name that an answer gives to a counted entry; empty: it has none.

    A store keeps a hash: an application may name its entries by something personal.
    """
    return next(iter(_names(limit.header, answer)), "")


def cancelled_entries(gives_back: GivesBack, answer: AnswerWords) -> tuple[str, ...]:
    """Return the names of the entries that an answer says are cancelled; the empty name stands for the newest one."""
    if answer.status in _NOT_THE_APPLICATION or (gives_back.statuses and answer.status not in gives_back.statuses):
        return ()
    if gives_back.location is not None and _path_of(answer.location) != gives_back.location:
        return ()
    if gives_back.limit.header:
        return _names(gives_back.header, answer)
    if not gives_back.header:
        return ("",)
    said = _values(gives_back.header, answer)
    return ("",) if said and not any(value.lower() in _DENIALS for value in said) else ()


def _names(header: str, answer: AnswerWords) -> tuple[str, ...]:
    values = dict.fromkeys(value for value in _values(header, answer) if value)
    return tuple(sha256(value).hexdigest()[:32] for value in values)[:MOST_NAMES]


def _values(header: str, answer: AnswerWords) -> list[bytes]:
    wanted = header.encode()
    return [value.strip(b" \t") for name, value in answer.headers if wanted and name.lower() == wanted]


def strictest(settlements: Iterable[Settlement]) -> Settlement:
    """Return what becomes of an entry that several limits share: counted, if one of them counts; of none, unknown."""
    found = set(settlements)
    order = (Settlement.COUNT, Settlement.LEAVE, Settlement.GIVE_BACK)
    return next((each for each in order if each in found), Settlement.LEAVE)


def settle_failure(*, sent: bool) -> Settlement:
    """Say what it means that there was no answer: a request never sent cannot have done anything."""
    return Settlement.LEAVE if sent else Settlement.GIVE_BACK


def _path_of(location: str | None) -> str | None:
    """Return the path a `Location` leads to; old applications write whole URLs, with a query behind."""
    if location is None:
        return None
    try:
        path = urlsplit(location.strip()).path
    except ValueError:
        return None
    return path or "/"


class Cancellation(StrEnum):
    """The end of an entry that an application said was cancelled."""

    GIVEN_BACK = "given_back"
    NONE = "none"
    """The person has no such entry in this period: it was given back before, or belongs to an earlier one."""
    UNSETTLED = "unsettled"
    """The store did not answer: the entry stays counted until an operator gives it back."""


class EntryState(StrEnum):
    """The state of an entry."""

    IN_FLIGHT = "in_flight"
    COUNTED = "counted"
    UNKNOWN = "unknown"
    """The entry is reserved and was never settled, after a crash or a time-out. It counts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as `sekisho limits show` lists it."""

    use: LimitUse
    id: str
    state: EntryState
    since: Instant


def state_of(*, counted: bool, lease_ends: Instant, now: Instant) -> EntryState:
    """Say how an entry stands now."""
    if counted:
        return EntryState.COUNTED
    return EntryState.IN_FLIGHT if now < lease_ends else EntryState.UNKNOWN


class LimitStore(Protocol):
    """The store that counts entries. One test suite holds every implementation to this.

    `entry` is a random name of one reservation that the caller chooses (the request's id is enough). Each method raises
    `StoreUnavailableError` if the store does not answer, or cannot promise durability.
    """

    async def reserve(self, use: LimitUse, entry: str, now: Instant) -> bool:
        """Take one entry, at once and for good until it is settled; False if none is left."""

    async def renew(self, use: LimitUse, entry: str, now: Instant) -> bool:
        """Say that the request is still in flight; False if the entry is not there any more."""

    async def settle(self, use: LimitUse, entry: str, settlement: Settlement, now: Instant, name: str = "") -> None:
        """Count a reservation, give it back, or leave it as it is. Twice is as once.

        `name` is the application's for a counted entry (`entry_name`).
        """

    async def cancel(self, use: LimitUse, name: str, before: Instant, now: Instant) -> bool:
        """Give back one entry that was taken before a moment; False if there is none.

        With a name, it is the counted entry of that name and no other. Without one, it is the newest counted entry, or
        else the newest whose end is unknown. An entry whose request is in flight is never given back.
        """

    async def show(self, code: str, now: Instant) -> Sequence[Entry]:
        """Return every entry of a person, of all limits and periods still kept."""

    async def give_back(self, entry: Entry) -> bool:
        """Give back any entry, counted ones too; False if it is gone."""

    async def check(self) -> None:
        """Return if the store can be written now and will remember.

        Raises:
            UnfitLimitStoreError: it may forget what it counted.

        """

    async def close(self) -> None:
        """Let go of every connection."""
