"""Judges the requests of an access log by another policy, as far as the log tells enough.

The log has the time, the method, the path, the client's address, whether somebody was signed in, and what was decided.
It has neither the facts of the person nor the query, and it does not say which switches were on. So a new verdict is a
set of possible ones: those of every kind of person, parameter and switch (`worlds`) for which the policy in force
decides what the log says. A set with one member is certain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations, product

import msgspec

from gateway.identity import Scope
from gateway.instant import Instant, tokyo_day
from gateway.policy.authoring.access_lines import Logged
from gateway.policy.authoring.effect import Judge
from gateway.policy.authoring.worlds import Kinds, World, kinds_of, people
from gateway.policy.conditions import Context, Dates, InNetwork, Needs, Surroundings, Test, leaves
from gateway.policy.decide import CompiledPolicy, FittingRule, Undecidable
from gateway.policy.example import make_inbound
from gateway.policy.policy import Policy
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Permit, ReasonKind, Verdict

MOST_PEOPLE = 5_000
"""People who are tried for one pair of rules."""

MOST_QUERIES = 64
"""Combinations of parameters that are tried for one path."""

MOST_GROUPS = 2_000
"""Groups of differences that are kept apart: the rest is counted together."""

_MOST_REMEMBERED = 20_000
"""Judged kinds of lines that are remembered; then the memory starts anew."""

_MOST_DAYS = 8
"""Days whose kinds of people are remembered: lines of several workers come nearly in order."""

_TWICE = ("\0",)
"""Stands for a parameter that is there twice, so that the application may read either value."""

_BY_POLICY = frozenset({"permit", "challenge", "deny"})
_SIGN_INS = frozenset(reason.value for reason in ChallengeReason)
_BEFORE_THE_RULES = frozenset(
    {ReasonKind.AMBIGUOUS_QUERY.value, ReasonKind.METHOD_OVERRIDE.value, ReasonKind.REFERENCE.value}
)
"""Reasons that lie in what the log does not have: a query, and fields."""


class Change(StrEnum):
    """The kind of a difference, the gravest first."""

    PERMITS = "permits"
    """The request was not permitted, and certainly would be."""
    TELLS = "tells"
    """The application would be told what it was not."""
    MAY_PERMIT = "may_permit"
    """The request was not permitted, and might be: it depends on what the log does not have."""
    ASKS = "asks"
    """A sign-in, or another one, would be asked for."""
    REFUSES = "refuses"
    """The request was permitted or a sign-in was asked for, and it would be refused."""
    MAY_REFUSE = "may_refuse"
    """The request was permitted, and might not be."""
    WITHHOLDS = "withholds"
    """The application would no longer be told something."""
    OTHERWISE = "otherwise"
    """A refusal would have, or might have, another reason."""


class Unjudged(StrEnum):
    """The lines that are not judged, by the reason why."""

    UNREADABLE = "unreadable"
    """No access line in JSON."""
    OTHER = "other"
    """Another App's, or another policy's."""
    NO_VERDICT = "no_verdict"
    """No policy decided: an error, a page of ours, a request that the gateway turned away before its rules."""
    UNLIKE = "unlike"
    """The policy that was named as the one in force decides otherwise for everybody: it was another one then."""


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """One verdict, in the words of the log."""

    verdict: str
    reason: str
    rule: str


@dataclass(frozen=True, slots=True)
class Group:
    """Differences of one kind: what was decided, what would be, and what that depends on."""

    change: Change
    before: Outcome
    after: tuple[Outcome, ...]
    depends_on: tuple[str, ...]
    """Conditions by their names, and the words of `Missing`."""


class Missing(StrEnum):
    """The parts of a decision that the log does not have, beside the facts of a person."""

    QUERY = "(query)"
    SWITCHES = "(switches)"
    LIMIT = "(limit)"
    FACTS_ASKED = "(facts asked)"
    SIGNED_IN_AT = "(signed in at)"
    ACCOUNT = "(account)"
    TOO_MANY = "(too many)"
    """More kinds of people exist than were tried."""


@dataclass(slots=True)
class Tally:
    """How many lines show a difference, and the first of them."""

    count: int = 0
    method: str = ""
    path: str = ""
    at: Instant = 0.0


@dataclass(frozen=True, slots=True)
class _Found:
    """The verdicts that a line may get."""

    outcomes: frozenset[Outcome]
    told: tuple[frozenset[str], frozenset[str]] | None
    """The facts that the rules tell now, and would tell; `None` if they differ by what the log does not have."""
    depends_on: tuple[str, ...]


@dataclass(slots=True)
class Replay:
    """A log on its way through a policy. Its memory does not grow with the log."""

    new: CompiledPolicy
    in_force: CompiledPolicy | None = None
    app: str = ""
    """The App whose lines are judged; empty for all lines whose rule is the policy's."""
    lines: int = 0
    judged: int = 0
    same: int = 0
    """Lines that certainly keep their verdict."""
    groups: dict[Group, Tally] = field(default_factory=dict)
    more: int = 0
    """Lines with a difference for which no group of its own was left."""
    unjudged: dict[Unjudged, int] = field(default_factory=dict)
    _judges: tuple[Judge | None, Judge] = field(init=False)
    _tests: tuple[Test, ...] = field(init=False)
    _kinds: dict[int, Kinds] = field(default_factory=dict)
    _known: dict[object, _Found | None] = field(default_factory=dict)
    _of_kind: dict[object, tuple[frozenset[Outcome], Mapping[str, None]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make both policies ready to be asked."""
        self._judges = (None if self.in_force is None else Judge(self.in_force), Judge(self.new))
        policies = [each.policy for each in self._judges if each is not None]
        tests = [leaf for each in policies for one in each.conditions.values() for leaf in leaves(one.test)]
        self._tests = tuple(test for test in tests if isinstance(test, Dates | InNetwork))

    @property
    def certain(self) -> bool:
        """Whether a request that was not permitted certainly would be, or more would be told."""
        return any(group.change in (Change.PERMITS, Change.TELLS) for group in self.groups)

    @property
    def possible(self) -> bool:
        """Whether a request that was not permitted might be."""
        return bool(self.more) or any(group.change is Change.MAY_PERMIT for group in self.groups)

    def take(self, logged: Logged | None) -> None:
        """Judge one line; `None` is one that cannot be read."""
        self.lines += 1
        why = self._why_not(logged)
        if why is not None or logged is None:
            self._pass_over(why or Unjudged.UNREADABLE)
            return
        found = self._found(logged)
        if found is None:
            self._pass_over(Unjudged.UNLIKE)
            return
        self.judged += 1
        before = Outcome(logged.verdict, logged.reason, logged.rule_name)
        change = _change(before, found)
        if change is None:
            self.same += 1
            return
        group = Group(change, before, tuple(sorted(found.outcomes)), found.depends_on)
        if group not in self.groups:
            if len(self.groups) >= MOST_GROUPS:
                self.more += 1
                return
            self.groups[group] = Tally(0, logged.method, logged.path, logged.time)
        self.groups[group].count += 1

    def _pass_over(self, why: Unjudged) -> None:
        self.unjudged[why] = self.unjudged.get(why, 0) + 1

    def _why_not(self, logged: Logged | None) -> Unjudged | None:
        if logged is None:
            return Unjudged.UNREADABLE
        name = (self.in_force or self.new).policy.name
        if (self.app and logged.app != self.app) or (logged.rule and logged.policy != name):
            return Unjudged.OTHER
        kinds = {each.partition(":")[0] for each in logged.reason.split(",")}
        if logged.verdict not in _BY_POLICY or kinds & _BEFORE_THE_RULES:
            return Unjudged.NO_VERDICT
        if logged.verdict == "challenge" and logged.reason not in _SIGN_INS:
            # A form that came back, a signature, an account: our pages asked, and the policy would let her pass.
            return Unjudged.NO_VERDICT
        if not logged.rule and (logged.reason != ReasonKind.NO_RULE.value or not self.app):
            return Unjudged.NO_VERDICT if self.app else Unjudged.OTHER
        return None

    # --- the verdicts that a line may get -------------------------------------------------

    def _found(self, logged: Logged) -> _Found | None:
        """Return the possible verdicts; `None` if the policy in force never decides what the log says."""
        day = tokyo_day(logged.time).toordinal()
        seen = Context(None, logged.time, logged.client, Surroundings())
        key = (
            *(logged.method, logged.path, logged.verdict, logged.rule, logged.reason, logged.signed_in, day),
            *(test.ask(seen).truth for test in self._tests),
        )
        if key not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = self._worked_out(logged, self._kinds_on(day, logged.time), key[2:])
        return self._known[key]

    def _kinds_on(self, day: int, now: Instant) -> Kinds:
        """Return the kinds of people on a day, those without a fact among them: a sign-in may not have asked for it."""
        if day not in self._kinds:
            if len(self._kinds) >= _MOST_DAYS:
                self._kinds.clear()
            kinds = kinds_of([each.policy for each in self._judges if each is not None], now, ahead=0)
            self._kinds[day] = replace(
                kinds,
                births=tuple(dict.fromkeys((*kinds.births, None))),
                addresses=tuple(dict.fromkeys((*kinds.addresses, None))),
            )
        return self._kinds[day]

    def _worked_out(self, logged: Logged, kinds: Kinds, kind: tuple[object, ...]) -> _Found | None:
        """Work the verdicts out. `kind` is all that the line says beside the request: other paths share it."""
        old, new = self._judges
        by_around: dict[tuple[tuple[str, ...], str | None], frozenset[Outcome]] = {}
        told: set[tuple[frozenset[str], frozenset[str]]] = set()
        depends: dict[str, None] = {}
        for switches, query in product(kinds.switches, self._queries()):
            around = World(logged.time, None, logged.client, switches)
            inbound = make_inbound(logged.method, logged.path, query, logged.client)
            one = None if old is None else old.fitting(inbound, around)
            if old is not None and ("" if one is None else str(one.id)) != logged.rule:
                continue
            other = new.fitting(inbound, around)
            doubt = other.decide(inbound, None, logged.time) if isinstance(other, Undecidable) else None
            pair = (None if old is None else old.key(one), new.key(other), switches, str(doubt), kind)
            if pair not in self._of_kind:
                if len(self._of_kind) >= _MOST_REMEMBERED:
                    self._of_kind.clear()
                self._of_kind[pair] = self._of_people(logged, one, other, around, kinds)
            outcomes, on = self._of_kind[pair]
            if outcomes:
                by_around[switches, query] = outcomes
                depends |= on
                if one is not None and other is not None:
                    told.add((frozenset(one.rule.told), frozenset(other.rule.told)))
        if not by_around:
            return None
        outcomes = frozenset[Outcome]().union(*by_around.values())
        by_query = defaultdict[str | None, set[frozenset[Outcome]]](set)
        by_switches = defaultdict[tuple[str, ...], set[frozenset[Outcome]]](set)
        for (switches, query), each in by_around.items():
            by_query[query].add(each)
            by_switches[switches].add(each)
        depends |= {Missing.SWITCHES.value: None} if any(len(each) > 1 for each in by_query.values()) else {}
        depends |= {Missing.QUERY.value: None} if any(len(each) > 1 for each in by_switches.values()) else {}
        return _Found(outcomes, told.pop() if len(told) == 1 else None, tuple(depends) if len(outcomes) > 1 else ())

    def _queries(self) -> tuple[str | None, ...]:
        """Return the queries that the rules tell apart: a parameter is missing, one that they name, or there twice."""
        values: dict[str, set[str]] = {}
        for judge in self._judges:
            for rule in () if judge is None else judge.policy.rules:
                for name, named in rule.match.query.items():
                    values.setdefault(name, {"", *_TWICE}).update(named)
        found: list[str | None] = []
        for chosen in product(*(sorted(each) for each in values.values())):
            pairs = [
                f"{name}=x&{name}=y" if value in _TWICE else f"{name}={value}"
                for name, value in zip(values, chosen, strict=True)
                if value
            ]
            found.append("&".join(pairs) or None)
            if len(found) >= MOST_QUERIES:
                break
        return tuple(found)

    def _of_people(
        self, logged: Logged, one: FittingRule | None, other: FittingRule | None, around: World, kinds: Kinds
    ) -> tuple[frozenset[Outcome], Mapping[str, None]]:
        """Return the verdicts on all kinds of people of whom the log may tell, and what tells them apart."""
        old, new = self._judges
        before = Outcome(logged.verdict, logged.reason, logged.rule_name)
        freed = (
            old is not None
            and other is not None
            and bool(_given_back(new.policy, other) - _given_back(old.policy, other))
        )
        if old is not None and old.means_the_same(one, new, other) and not freed:
            return frozenset({before}), {}
        needs = new.needs(other) | (Needs() if old is None else old.needs(one))
        scopes = frozenset[Scope]().union(*(rule.scopes for rule in (one, other) if rule is not None))
        found: dict[Outcome, None] = {}
        truths: dict[str, set[object]] = {}
        tried = 0
        for whole in people(kinds, around, needs, scopes, MOST_PEOPLE):
            tried += 1
            if (whole.person is not None) != logged.signed_in:
                continue
            for world in _askings(whole, scopes):
                if old is not None and not _could_be(old.judge(one, world)[1], logged):
                    continue
                rule, verdict = new.judge(other, world)
                found[_outcome(rule, verdict)] = None
                context = Context(world.person, world.now, world.client, Surroundings(lists=new.policy.lists))
                for name in () if other is None else other.rule.require:
                    truths.setdefault(name, set()).add(new.policy.conditions[name].test.ask(context).truth)
        depends = dict.fromkeys(name for name, said in truths.items() if len(said) > 1)
        if tried > MOST_PEOPLE:
            depends[Missing.TOO_MANY.value] = None
        if found and other is not None and logged.signed_in:
            depends |= _beside_the_facts(found, logged, one, other)
            if freed:
                depends |= _if_given_back(found, logged, other)
        return frozenset(found), depends


def _askings(world: World, scopes: frozenset[Scope]) -> Iterator[World]:
    """Give a world for each set of facts that its person may have been asked for: those she has, and others or not."""
    person = world.person
    if person is None:
        yield world
        return
    has = {Scope.ADDRESS: person.address, Scope.BIRTHDATE: person.birthdate, Scope.GENDER: person.gender}
    open_yet = sorted(scope for scope in scopes - {Scope.OPENID} if has.get(scope) is None)
    for number in range(len(open_yet) + 1):
        for unasked in combinations(open_yet, number):
            yield replace(world, person=msgspec.structs.replace(person, asked=frozenset(Scope).difference(unasked)))


def _beside_the_facts(
    found: dict[Outcome, None], logged: Logged, one: FittingRule | None, other: FittingRule
) -> dict[str, None]:
    """Add the verdicts that depend on entries of a limit and on an account, and name what a sign-in decides."""
    depends: dict[str, None] = {}
    rule, limit = other.rule, other.rule.limit
    permitted = [each for each in found if each.verdict == "permit"]
    if limit is not None and permitted:
        over = Outcome("deny", f"{ReasonKind.LIMIT_REACHED.value}:{limit.name.replace(',', ' ')}", rule.name)
        if logged.reason == over.reason and (one is None or one.rule.limit == limit):
            for each in permitted:
                del found[each]
            found[over] = None
        elif one is None or one.rule.limit != limit or logged.verdict != "permit":
            found[over] = None
            depends[Missing.LIMIT.value] = None
    asked = {each.reason for each in found if each.verdict == "challenge"}
    if ChallengeReason.MORE_FACTS.value in asked:
        depends[Missing.FACTS_ASKED.value] = None
    if ChallengeReason.TOO_LONG_AGO.value in asked:
        depends[Missing.SIGNED_IN_AT.value] = None
    if other.needs_account and permitted:
        found[Outcome("deny", "account_required", rule.name)] = None
        depends[Missing.ACCOUNT.value] = None
    return depends


def _given_back(policy: Policy, rule: FittingRule) -> frozenset[tuple[frozenset[int], str | None, str]]:
    """Return the answers that give an entry of a rule's limit back."""
    limit = rule.rule.limit
    if limit is None:
        return frozenset()
    stated = (each.gives_back for each in policy.rules)
    return frozenset(
        (each.statuses, each.location, each.header)
        for each in stated
        if each is not None and each.limit.name == limit.name
    )


def _if_given_back(found: dict[Outcome, None], logged: Logged, other: FittingRule) -> dict[str, None]:
    """Add the permission that a person over her limit may get, since other answers give an entry back."""
    limit = other.rule.limit
    if limit is None or logged.reason != f"{ReasonKind.LIMIT_REACHED.value}:{limit.name.replace(',', ' ')}":
        return {}
    found[Outcome("permit", "", other.rule.name)] = None
    return {Missing.LIMIT.value: None}


def _could_be(verdict: Verdict, logged: Logged) -> bool:
    """Whether a verdict of the policy in force is what the log says."""
    match verdict:
        case Permit():
            return logged.verdict == "permit" or logged.reason.startswith(f"{ReasonKind.LIMIT_REACHED.value}:")
        case Challenge(reason=reason):
            return logged.verdict == "challenge" and logged.reason == reason.value
        case Deny(words=words):
            return logged.verdict == "deny" and logged.reason == words


def _outcome(rule: str, verdict: Verdict) -> Outcome:
    match verdict:
        case Permit():
            return Outcome("permit", "", rule)
        case Challenge(reason=reason):
            return Outcome("challenge", reason.value, rule)
        case Deny(words=words):
            return Outcome("deny", words, rule)


def _change(before: Outcome, found: _Found) -> Change | None:
    """Return the kind of a difference; `None` if the verdict certainly stays."""
    after = {(each.verdict, each.reason) for each in found.outcomes}
    verdicts = {each.verdict for each in found.outcomes}
    was = before.verdict
    if was == "permit":
        # The log says `permit` also with a reason: the application's own trouble.
        if verdicts == {"permit"}:
            return _told_otherwise(found)
        if "permit" in verdicts:
            return Change.MAY_REFUSE
        return Change.REFUSES if verdicts == {"deny"} else Change.ASKS
    if verdicts == {"permit"}:
        return Change.PERMITS
    if "permit" in verdicts:
        return Change.MAY_PERMIT
    if after == {(was, before.reason)}:
        return None
    if was == "challenge" and verdicts == {"deny"}:
        return Change.REFUSES
    return Change.ASKS if verdicts == {"challenge"} else Change.OTHERWISE


def _told_otherwise(found: _Found) -> Change | None:
    if found.told is None:
        return None
    was, will = found.told
    if will - was:
        return Change.TELLS
    return Change.WITHHOLDS if was - will else None


# --- the differences that the gateway itself has noted -----------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Noted:
    """A difference between the policy in force and the candidate, as the gateway judged the request by both."""

    app: str
    rule: str
    verdict: str
    reason: str
    candidate_verdict: str
    candidate_reason: str

    @property
    def permits(self) -> bool:
        """Whether the candidate permits what the policy in force does not."""
        return self.candidate_verdict == "permit" and self.verdict != "permit"


@dataclass(slots=True)
class CandidateReport:
    """The differences of a candidate policy by rule and reason. Its memory does not grow with the log."""

    app: str = ""
    lines: int = 0
    judged: int = 0
    unreadable: int = 0
    noted: dict[Noted, Tally] = field(default_factory=dict)
    more: int = 0

    def take(self, logged: Logged | None) -> None:
        """Count one line; `None` is one that cannot be read."""
        self.lines += 1
        if logged is None:
            self.unreadable += 1
            return
        if (self.app and logged.app != self.app) or logged.verdict not in _BY_POLICY:
            return
        self.judged += 1
        if not logged.candidate:
            return
        verdict, _, reason = logged.candidate.partition(":")
        noted = Noted(logged.app, logged.rule, logged.verdict, logged.reason, verdict, reason)
        if noted not in self.noted:
            if len(self.noted) >= MOST_GROUPS:
                self.more += 1
                return
            self.noted[noted] = Tally(0, logged.method, logged.path, logged.time)
        self.noted[noted].count += 1

    @property
    def permits_more(self) -> bool:
        """Whether the candidate permitted a request that the policy in force did not."""
        return any(noted.permits for noted in self.noted)

    def rows(self) -> Iterator[tuple[Noted, Tally]]:
        """Yield the differences: what is newly permitted first, then the most frequent."""
        yield from sorted(self.noted.items(), key=lambda row: (not row[0].permits, -row[1].count, row[0]))


def replay(
    new: Policy,
    in_force: Policy | None = None,
    app: str = "",
    ready: Callable[[Policy], CompiledPolicy] = CompiledPolicy,
) -> Replay:
    """Begin to judge a log by a policy; `in_force` is the one that was in force when the log was written.

    `ready` makes a policy ready to be asked as one App reads paths.
    """
    return Replay(ready(new), None if in_force is None else ready(in_force), app)
