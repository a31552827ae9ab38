"""Changes of an account: the old record in, the new one and the outcome out. All stores use it.

A store reads a record, has it changed here, and writes it only if nobody has written it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from gateway.accounts.accounts import (
    CHANGE_SECONDS,
    MOST_PERSONS,
    Account,
    Claim,
    Evidence,
    Full,
    Held,
    KeptPassword,
    KeptPasswords,
    Link,
    Linked,
    LinkOutcome,
    LinkState,
    Record,
    Taken,
)
from gateway.accounts.marks import Marks
from gateway.identity import AccountKind, Role
from gateway.instant import Instant

MOST_CLAIMS = 20
"""Claims that are kept of one account; the oldest goes first."""

_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True, slots=True)
class Kept:
    """One account as a store keeps it."""

    account: Account
    links: tuple[Link, ...] = ()
    claims: tuple[Claim, ...] = ()
    passwords: KeptPasswords = field(default_factory=KeptPasswords)

    @property
    def record(self) -> Record:
        """The part that everybody but the signing-in code sees."""
        return Record(self.account, self.links, self.claims, self.passwords != KeptPasswords())

    @property
    def marks(self) -> frozenset[str]:
        """The marks of everybody whom it names: a store finds it by them."""
        return frozenset(link.mark for link in self.links) | frozenset(claim.mark for claim in self.claims)

    def link_of(self, person: Marks) -> Link | None:
        """Return a person's link."""
        return next((link for link in self.links if link.mark in person.all), None)


@dataclass(frozen=True, slots=True)
class Change(Generic[_Outcome]):
    """A record after a change (`None`: there is none), and the outcome. The store writes only a record that differs."""

    kept: Kept | None
    outcome: _Outcome


def moved(kept: Kept, person: Marks) -> Kept:
    """Return a record in which a person is named by her first mark alone, and has one link or one claim at most.

    She may have several under several subjects, until the office has them known as one. A link under another subject
    is proved again, even if the office takes its word back: the account may be another person's.
    """
    links = [
        _asked_again(each) if each.mark in person.joined else each for each in kept.links if each.mark in person.all
    ]
    claims = [each for each in kept.claims if each.mark in person.all]
    if links:
        joined = _with(kept, _joined(links, person.first)).links
        kept = replace(kept, links=tuple(each for each in joined if each.mark not in person.all[1:]))
    if claims:
        others = tuple(each for each in kept.claims if each not in claims)
        latest = Claim(person.first, max(each.at for each in claims))
        kept = replace(kept, claims=others if links else tuple(sorted((*others, latest), key=lambda each: each.at)))
    return kept


def _asked_again(link: Link) -> Link:
    return replace(link, state=LinkState.ASK_AGAIN)


def _joined(links: list[Link], mark: str) -> Link:
    """Return the links of one person as one, which opens the account only if each of them did."""
    latest = max(links, key=lambda each: each.proven_at)
    return replace(
        latest,
        mark=mark,
        role=next((each.role for each in links if each.role is Role.REPRESENTATIVE), latest.role),
        since=min(each.since for each in links),
        state=next((each.state for each in links if each.state is not LinkState.ACTIVE), LinkState.ACTIVE),
    )


def move(kept: Kept | None, person: Marks) -> Change[Kept | None]:
    """Replace each mark of a person by her first one, and return the record."""
    after = None if kept is None else moved(kept, person)
    return Change(after, after)


def put(kept: Kept | None, account: Account) -> Change[Account | None]:
    """See `AccountStore.put`."""
    if kept is None:
        return Change(Kept(account), account)
    if account.kind is AccountKind.PERSON and len(kept.links) > 1:
        return Change(kept, None)
    known = replace(account, name=kept.account.name)
    if account.kind is kept.account.kind:
        return Change(replace(kept, account=known), known)
    role = Role.MEMBER if account.kind is AccountKind.GROUP else None
    return Change(
        replace(kept, account=known, links=tuple(replace(link, role=role) for link in kept.links), claims=()), known
    )


def link(
    kept: Kept | None, account: Account, person: Marks, evidence: Evidence, now: Instant, role: Role | None
) -> Change[LinkOutcome]:
    """See `AccountStore.link`."""
    kept = moved(kept or Kept(account), person)
    found = kept.link_of(person)
    group = kept.account.kind is AccountKind.GROUP
    if group and role is Role.REPRESENTATIVE and _has_other_representative(kept, person):
        return Change(kept, Full())
    if found is not None:
        named = role if group and role is not None else found.role
        again = replace(found, role=named, evidence=evidence, proven_at=now, state=LinkState.ACTIVE)
        return _linked(_with(kept, again), again, renewed=True)
    if not group and kept.links:
        if evidence is not Evidence.PROOF:
            # The office has asked in vain, and nobody has proved anything.
            return Change(kept, Taken(kept.account, kept.links[0].mark))
        claims = (*(claim for claim in kept.claims if claim.mark != person.first), Claim(person.first, now))
        return Change(replace(kept, claims=claims[-MOST_CLAIMS:]), Taken(kept.account, kept.links[0].mark))
    if len(kept.links) >= MOST_PERSONS:
        return Change(kept, Full())
    new = Link(person.first, (role or Role.MEMBER) if group else None, evidence, now, now)
    return _linked(_with(kept, new), new, renewed=False)


def unlink(kept: Kept | None, person: Marks) -> Change[Link | None]:
    """See `AccountStore.unlink`."""
    if kept is None:
        return Change(None, None)
    return Change(_without(kept, person), kept.link_of(person))


def hand_over(
    kept: Kept | None, account: Account, to: Marks, evidence: Evidence, now: Instant
) -> Change[tuple[Link, ...] | None]:
    """See `AccountStore.hand_over`."""
    kept = moved(kept or Kept(account), to)
    found = kept.link_of(to)
    others = tuple(each for each in kept.links if each is not found)
    since = now if found is None else found.since
    if kept.account.kind is AccountKind.PERSON:
        only = Link(to.first, None, evidence, since, now)
        passwords = _without_own(kept.passwords) if others else kept.passwords
        return Change(replace(kept, links=(only,), claims=(), passwords=passwords), others)
    if found is None and len(kept.links) >= MOST_PERSONS:
        return Change(kept, None)
    former = tuple(each for each in others if each.role is Role.REPRESENTATIVE)
    new = Link(to.first, Role.REPRESENTATIVE, evidence, since, now)
    return Change(_with(replace(kept, links=_demoted(others)), new), former)


def set_role(kept: Kept | None, person: Marks, role: Role) -> Change[bool]:
    """See `AccountStore.set_role`."""
    found = None if kept is None else kept.link_of(person)
    if kept is None or found is None or kept.account.kind is not AccountKind.GROUP:
        return Change(kept, outcome=False)
    others = tuple(each for each in kept.links if each is not found)
    links = _demoted(others) if role is Role.REPRESENTATIVE else others
    return Change(_with(replace(kept, links=links), replace(found, role=role)), outcome=True)


def ask_again(kept: Kept | None, person: Marks) -> Change[bool]:
    """See `AccountStore.ask_again`."""
    found = None if kept is None else kept.link_of(person)
    if kept is None or found is None:
        return Change(kept, outcome=False)
    return Change(_with(kept, replace(found, state=LinkState.ASK_AGAIN)), outcome=True)


def erase(kept: Kept | None, person: Marks) -> Change[int]:
    """See `AccountStore.erase`."""
    if kept is None:
        return Change(None, 0)
    links = sum(link.mark in person.all for link in kept.links)
    return Change(_without(kept, person), links + sum(claim.mark in person.all for claim in kept.claims))


def prepare_password(kept: Kept | None, password: KeptPassword, seen: KeptPasswords) -> Change[bool]:
    """See `AccountStore.prepare_password`."""
    if kept is None or kept.passwords != seen:
        return Change(kept, outcome=False)
    if seen.next is not None and password.since < seen.next.since + CHANGE_SECONDS:
        return Change(kept, outcome=False)
    return Change(replace(kept, passwords=replace(seen, next=password)), outcome=True)


def refuse_password(kept: Kept | None, password: KeptPassword) -> Change[bool]:
    """See `AccountStore.refuse_password`."""
    if kept is None or password not in (kept.passwords.current, kept.passwords.next):
        return Change(kept, outcome=False)
    refused = replace(password, refused=True)
    current, prepared = (
        refused if each == password else each for each in (kept.passwords.current, kept.passwords.next)
    )
    return Change(replace(kept, passwords=KeptPasswords(current, prepared)), outcome=True)


def withdraw_password(kept: Kept | None, password: KeptPassword) -> Change[bool]:
    """See `AccountStore.withdraw_password`."""
    if kept is None or kept.passwords.next != password:
        return Change(kept, outcome=False)
    return Change(replace(kept, passwords=replace(kept.passwords, next=None)), outcome=True)


def keep_password(kept: Kept | None, password: KeptPassword, person: Marks | None = None) -> Change[bool]:
    """See `AccountStore.keep_password`."""
    if kept is None or not (kept.links if person is None else kept.link_of(person)):
        return Change(kept, outcome=False)
    return Change(replace(kept, passwords=KeptPasswords(password)), outcome=True)


def resealed(kept: Kept, box: Callable[[str, bytes], bytes | None]) -> Kept:
    """Return a record with its passwords in other boxes; `box` returns the new one of an account's, or None."""
    passwords = kept.passwords
    current, prepared = (
        None if each is None else replace(each, box=box(kept.account.name, each.box) or each.box)
        for each in (passwords.current, passwords.next)
    )
    return replace(kept, passwords=KeptPasswords(current, prepared))


def forget_password(kept: Kept | None) -> Change[bool]:
    """See `AccountStore.forget_password`."""
    if kept is None:
        return Change(None, outcome=False)
    return Change(replace(kept, passwords=KeptPasswords()), kept.passwords != KeptPasswords())


def _linked(kept: Kept, new: Link, *, renewed: bool) -> Change[LinkOutcome]:
    without_claim = replace(kept, claims=tuple(claim for claim in kept.claims if claim.mark != new.mark))
    return Change(without_claim, Linked(Held(kept.account, new), renewed))


def _with(kept: Kept, new: Link) -> Kept:
    others = (each for each in kept.links if each.mark != new.mark)
    return replace(kept, links=tuple(sorted((*others, new), key=lambda each: (each.since, each.mark))))


def _without(kept: Kept, person: Marks) -> Kept:
    links = tuple(each for each in kept.links if each.mark not in person.all)
    claims = tuple(each for each in kept.claims if each.mark not in person.all)
    passwords = kept.passwords if links else _without_own(kept.passwords)
    return replace(kept, links=links, claims=claims, passwords=passwords)


def _without_own(passwords: KeptPasswords) -> KeptPasswords:
    """Forget a password that a person chose. One that the gateway chose stays: nothing else opens the account."""
    current, prepared = (None if each is None or each.own else each for each in (passwords.current, passwords.next))
    return KeptPasswords(current, prepared)


def _has_other_representative(kept: Kept, person: Marks) -> bool:
    return any(each.role is Role.REPRESENTATIVE and each.mark not in person.all for each in kept.links)


def _demoted(links: tuple[Link, ...]) -> tuple[Link, ...]:
    return tuple(replace(each, role=Role.MEMBER) for each in links)
