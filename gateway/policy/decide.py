"""A policy's verdict on one request. Pure: the person, the moment and the surroundings come in.

The order of a decision is this. A condition that is already no is a refusal. A person who is not known, or was not
asked for all the rule can need, gets one challenge for all of it. A condition that stays unknown is a refusal. A
sign-in that is too old is a challenge. Then the rule permits. Finding the rule lives in `matching`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil, inf
from typing import NamedTuple, assert_never

from gateway.identity import Identity, Scope
from gateway.instant import TOKYO, Instant, began
from gateway.language import Language
from gateway.policy.age import age_on, next_birthday
from gateway.policy.conditions import (
    Condition,
    Context,
    Needs,
    Surroundings,
    Test,
    all_needs,
    can_become_yes,
    moment_of,
    needs_of,
)
from gateway.policy.matching import MEMO_PATH, MEMO_SIZE, AmbiguousQuery, PathIndex, could_be, named_values
from gateway.policy.policy import Accounts, Allow, Policy, Rule
from gateway.policy.residence import residence_of
from gateway.policy.spellings import Spellings
from gateway.policy.verdict import (
    FACT_SCOPES,
    ActingFact,
    Challenge,
    ChallengeReason,
    Deny,
    Fact,
    Permit,
    Reason,
    ReasonKind,
    RuleId,
    Truth,
    Verdict,
    Words,
)
from gateway.request.inbound import Inbound
from gateway.request.readings import Folding, Reading, Readings
from gateway.request.target import DEFAULT_PATHS
from gateway.settings.case import fold_case
from gateway.settings.settings import PathSettings, Stack

_NO_SURROUNDINGS = Surroundings()

_PARAMETER = re.compile(r";[^/]*")
_AMBIGUOUS_PATH = Deny(None, (Reason(ReasonKind.AMBIGUOUS_PATH),), status=400)

_CACHED_METHODS = frozenset({"GET", "HEAD"})
"""Methods whose answers a shared cache may keep, if the rule allows it."""

RETRY_HORIZON = 400
"""Turns of the clock that `retry_after: end` looks ahead: more than a year of days."""


class Decision(NamedTuple):
    """A verdict, and until when the same person hears the same from the same rule."""

    verdict: Verdict
    valid_until: Instant
    """The next moment any condition of the rule can change; `now` where it depends on the request itself."""


def no_rule_fits() -> Deny:
    """Return the verdict on a request that no rule is about."""
    return Deny(None, (Reason(ReasonKind.NO_RULE),))


def policy_scopes(policy: Policy) -> frozenset[Scope]:
    """Return all scopes that any rule of a policy can need."""
    return frozenset[Scope]().union(*(rule_scopes(rule, policy.conditions) for rule in policy.rules))


def rule_scopes(rule: Rule, conditions: Mapping[str, Condition]) -> frozenset[Scope]:
    """Return all scopes that a rule can need; empty if it asks for no sign-in."""
    match rule.allow:
        case Allow.EVERYONE | Allow.NOBODY:
            return frozenset()
        case Allow.SIGNED_IN | None:
            names = [*rule.require, *rule.disclose]
            needs = all_needs(conditions[name].test for name in names if name in conditions)
            # No condition has the name of a fact: the reader of policies sees to that.
            facts = [FACT_SCOPES[Fact(name)] for name in rule.disclose if name in tuple(Fact)]
            return needs.scopes.union({Scope.OPENID}, *facts)
        case _:
            assert_never(rule.allow)


class FittingRule:
    """A rule ready to be asked, once `match` and `when` have found it.

    A caller may keep a decision under its `token`, because a changed policy, switch or list makes new ones.
    """

    __slots__ = (
        "_constant",
        "_disclosed",
        "_looks_at_request",
        "_required",
        "_rule",
        "_surroundings",
        "_tells_age",
        "_twin",
        "_when",
        "account_conditions",
        "accounts",
        "id",
        "needs_account",
        "needs_session",
        "public",
        "returns_from",
        "scopes",
        "sign",
        "token",
    )

    def __init__(
        self, rule: Rule, conditions: Mapping[str, Condition], surroundings: Surroundings, *, shared: bool = True
    ) -> None:
        """Make a rule ready. Not `shared`: more than method, path and query led to it."""
        self.id: RuleId = rule.id
        self.token: object = object()
        """Stands for this very object, and keeps nothing of it in memory."""
        self._rule = rule
        self._surroundings = surroundings
        self._when = None if rule.when is None else conditions[rule.when].test
        # Bound methods and not tests: on the hot path each look-up of an attribute shows.
        self._required = tuple((conditions[name].test.ask, conditions[name]) for name in rule.require)
        self._disclosed = tuple(
            (name, _required, None)
            if name in rule.require
            else (name, None, conditions[name].test)
            if name in conditions
            else (name, _FACTS[Fact(name)], None)
            for name in rule.disclose
        )
        self._tells_age = Fact.AGE in rule.disclose
        disclosed = [test for _, _, test in self._disclosed if test is not None]
        needs: Needs = all_needs([*(condition.test for _, condition in self._required), *disclosed])
        self._looks_at_request = needs.request
        self.scopes: frozenset[Scope] = rule_scopes(rule, conditions)
        """All scopes that this rule can need; empty if it asks for no sign-in."""
        self.public: bool = rule.allow is Allow.EVERYONE
        """Whether everybody passes: where the session cannot be known, this rule goes on without it."""
        self.needs_session: bool = not (rule.allow is Allow.NOBODY or (self.public and not rule.disclose))
        """Whether its verdict can differ with who is signed in; False lets a request pass without a look-up."""
        self.returns_from: tuple[str, ...] = rule.returns_from
        self.sign = rule.sign
        """The document that must be signed before the form goes on; `None` for none."""
        self.accounts: Accounts | None = rule.accounts
        """Whether the application is told of an account; `None` for no."""
        self.account_conditions: frozenset[str] = frozenset(
            condition.name for _, condition in self._required if needs_of(condition.test).account
        )
        """The required conditions that look at the account."""
        self.needs_account: bool = rule.accounts is not None or needs.account
        """Whether the verdict can differ with the account for which the person acts."""
        self._constant: Decision | None = None
        self._twin: FittingRule | None = None
        if self.public and not rule.disclose:
            # Each permit of an audited rule is recorded, so none may be given by a cache.
            shared = shared and rule.when is None and not rule.audit
            self._constant = Decision(Permit(rule.id, None, audit=rule.audit, shared=shared), inf)
            if shared:
                self._twin = FittingRule(rule, conditions, surroundings, shared=False)

    @property
    def rule(self) -> Rule:
        """The rule as written."""
        return self._rule

    @property
    def unshared(self) -> FittingRule:
        """The same rule for a request of whose URL another may find another rule: its answer is no shared cache's."""
        return self._twin or self

    def decide(self, inbound: Inbound, person: Identity | None, now: Instant) -> Decision:
        """Return the verdict on this person's request; `None` means that nobody is signed in."""
        if self._constant is not None:
            return self._constant
        rule = self._rule
        context = Context(person, now, inbound.seen_from, self._surroundings)
        if rule.allow is Allow.NOBODY:
            return self._refuse_everybody(context)
        until: Instant = now if self._looks_at_request else inf
        unknown: list[Condition] = []
        refused: list[Condition] = []
        for ask, condition in self._required:
            truth, holds = ask(context)
            if holds != inf:
                until = min(until, holds)
            if truth is Truth.NO:
                refused.append(condition)
            elif truth is Truth.UNKNOWN:
                unknown.append(condition)
        if refused:
            reasons = [_reason(ReasonKind.CONDITION_NO, condition) for condition in refused]
            if person is not None:
                reasons += [_reason(ReasonKind.CONDITION_UNKNOWN, condition) for condition in unknown]
            return Decision(Deny(rule.id, tuple(reasons)), until)
        if self.public:
            return self._permit(context, until)
        if person is None:
            return Decision(self._challenge(ChallengeReason.SIGN_IN, frozenset()), until)
        if unknown:
            missing = self.scopes - person.asked
            hopeless = [condition for condition in unknown if not can_become_yes(condition.test, context, missing)]
            if hopeless:
                reasons = [_reason(ReasonKind.CONDITION_UNKNOWN, condition) for condition in hopeless]
                return Decision(Deny(rule.id, tuple(reasons)), until)
        if not self.scopes <= person.asked:
            return Decision(self._challenge(ChallengeReason.MORE_FACTS, person.asked), until)
        if rule.signed_in_within is not None:
            stale_at = person.authenticated_at + rule.signed_in_within
            # A sign-in with a future time is not recent: the clock was ahead then, by an unknown amount.
            if now > stale_at or not began(person.authenticated_at, now):
                return Decision(self._challenge(ChallengeReason.TOO_LONG_AGO, person.asked), until)
            # The moment itself is still fresh; kept until it, decided again from then on.
            until = min(until, stale_at)
        return self._permit(context, until)

    def _permit(self, context: Context, until: Instant) -> Decision:
        person = context.person
        rule = self._rule
        if person is None:
            return Decision(Permit(rule.id, None, audit=rule.audit), until)
        disclosed: list[tuple[str, str]] = []
        for name, fact, test in self._disclosed:
            value = None
            if fact is not None:
                value = fact(person, context)
            elif test is not None:
                truth, holds = test.ask(context)
                if holds != inf:
                    until = min(until, holds)
                value = "yes" if truth is Truth.YES else "no" if truth is Truth.NO else None
            if value is not None:
                disclosed.append((name, value))
        if self._tells_age:
            until = min(until, moment_of(next_birthday(person.birthdate, context.today)))
        acting = None if rule.accounts is None else person.acting
        if acting is not None:
            disclosed.append((ActingFact.FOR.value, acting.account))
            if acting.role is not None:
                disclosed.append((ActingFact.ROLE.value, acting.role.value))
        permit = Permit(
            rule.id, person, tuple(disclosed), rule.limit, rule.audit, acting=acting, gives_back=rule.gives_back
        )
        return Decision(permit, until)

    def _challenge(self, reason: ChallengeReason, asked_before: frozenset[Scope]) -> Challenge:
        # A step-up replaces the known facts: if it did not ask for the last sign-in's facts again, alternating between
        # two rules would read the card each time.
        scopes = self.scopes | asked_before
        rule = self._rule
        return Challenge(
            rule.id,
            reason,
            scopes,
            purpose=rule.purpose if scopes - {Scope.OPENID} else {},
            fresh_within=rule.signed_in_within,
            keep_form=rule.keep_form,
            returns_from=rule.returns_from,
            signs=rule.sign is not None,
        )

    def _refuse_everybody(self, context: Context) -> Decision:
        rule = self._rule
        say = rule.say
        if say is None:
            return Decision(Deny(rule.id, (Reason(ReasonKind.NOBODY_ALLOWED, rule.name),)), inf)
        reasons = (Reason(ReasonKind.NOBODY_ALLOWED, rule.name, say.words),)
        retry_after, until, planned = say.retry_after, inf, None
        if say.until_change and self._when is not None:
            ends = _next_change(self._when, context)
            planned = None if ends == inf else ends
            retry_after = None if planned is None else max(1, ceil(planned - context.now))
            until = context.now
        return Decision(Deny(rule.id, reasons, say.status, retry_after, planned), until)


_BETWEEN = {language.value: "; " if language is Language.EN else "、" for language in Language}


def _joined(purposes: Iterable[Words]) -> Words:
    """Return several purposes as one sentence, each once, in the languages that all of them have."""
    each = list(dict.fromkeys(tuple(sorted(words.items())) for words in purposes))
    spoken = [dict(words) for words in each]
    return {
        language: between.join(dict.fromkeys(words[language] for words in spoken))
        for language, between in _BETWEEN.items()
        if spoken and all(language in words for words in spoken)
    }


def _reason(kind: ReasonKind, condition: Condition) -> Reason:
    return Reason(kind, condition.name, condition.if_not)


def _next_change(test: Test, context: Context) -> Instant:
    """Return the next time at which a test's result changes, for the same request and person."""
    truth, until = test.ask(context)
    for _ in range(RETRY_HORIZON):
        if until == inf:
            return inf
        later = Context(context.person, until, context.client_address, context.surroundings)
        then, following = test.ask(later)
        if then is not truth:
            return until
        until = following
    return inf


def _birthdate(person: Identity, _: Context) -> str | None:
    exact = None if person.birthdate is None else person.birthdate.exact
    return None if exact is None else exact.isoformat()


def _age(person: Identity, context: Context) -> str | None:
    age = age_on(person.birthdate, context.today)
    return None if age is None else str(age)


def _signed_in_at(person: Identity, _: Context) -> str:
    moment = datetime.fromtimestamp(int(person.authenticated_at), UTC)
    return moment.astimezone(TOKYO).isoformat(timespec="seconds")


def _required(_: Identity, __: Context) -> str:
    """Disclose a required condition: a permitted person has fulfilled it, so it is not evaluated again."""
    return "yes"


_FACTS: Mapping[Fact, Callable[[Identity, Context], str | None]] = {
    Fact.SUBJECT: lambda person, _: person.subject,
    Fact.NAME: lambda person, _: person.name,
    Fact.ADDRESS: lambda person, _: person.address,
    Fact.BIRTHDATE: _birthdate,
    Fact.GENDER: lambda person, _: None if person.gender is None else person.gender.value,
    Fact.PREFECTURE: lambda person, _: residence_of(person.address).prefecture,
    Fact.MUNICIPALITY: lambda person, _: residence_of(person.address).municipality,
    Fact.MUNICIPALITY_CODE: lambda person, _: residence_of(person.address).municipality_code,
    Fact.TOWN: lambda person, _: residence_of(person.address).town,
    Fact.TOWN_CANONICAL: lambda person, _: residence_of(person.address).town_canonical,
    Fact.AGE: _age,
    Fact.SIGNED_IN_AT: _signed_in_at,
}


def permits_no_more(rule: Rule, other: FittingRule) -> bool:
    """Whether the other rule permits everybody whom the first one permits, judged by the rules alone."""
    than = other.rule
    if rule is than:
        return True
    if isinstance(other, Undecidable) or than.allow is Allow.NOBODY:
        return False
    if than.limit not in (None, rule.limit) or than.sign not in (None, rule.sign):
        return False
    if not set(than.require) <= set(rule.require) or (than.audit and not rule.audit):
        return False
    if than.accounts not in (None, rule.accounts):
        return False
    if than.allow is Allow.EVERYONE:
        return True
    # A form of another site comes in where the rule names the site, and nowhere else.
    if rule.allow is Allow.EVERYONE or not set(rule.returns_from) <= set(than.returns_from):
        return False
    fresh = than.signed_in_within
    return fresh is None or (rule.signed_in_within is not None and rule.signed_in_within <= fresh)


class Undecidable(FittingRule):
    """The placeholder if no single rule is known. It refuses."""

    __slots__ = ("_deny",)

    def __init__(self, rule: Rule, deny: Deny) -> None:
        super().__init__(replace(rule, allow=Allow.NOBODY, require=(), disclose=(), when=None), {}, _NO_SURROUNDINGS)
        self._deny = deny

    def decide(self, inbound: Inbound, person: Identity | None, now: Instant) -> Decision:
        """Refuse."""
        del inbound, person
        return Decision(self._deny, now)


def _ambiguous(rule: Rule) -> Undecidable:
    return Undecidable(rule, Deny(rule.id, (Reason(ReasonKind.AMBIGUOUS_QUERY),), status=400))


class PolicyPlace(NamedTuple):
    """The App's part in a policy that is ready to be asked: how it reads paths, and where it lives."""

    paths: PathSettings
    stacks: tuple[Stack, ...] = ()
    prefix: str = "/"
    elsewhere: tuple[str, ...] = ()


class CompiledPolicy:
    """A policy, ready to be asked: one snapshot with its switches and lists.

    A request is judged by one snapshot from its first step to its last.
    """

    __slots__ = (
        "_index",
        "_named",
        "_plain",
        "_rule_cache",
        "_rules",
        "_spellings",
        "_whens",
        "by_method",
        "paths",
        "place",
        "policy",
        "purpose",
        "scopes",
        "surroundings",
    )

    def __init__(
        self,
        policy: Policy,
        surroundings: Surroundings | None = None,
        *,
        paths: PathSettings = DEFAULT_PATHS,
        stacks: Iterable[Stack] = (),
        prefix: str = "/",
        elsewhere: Sequence[str] = (),
    ) -> None:
        """Make a policy ready for an App.

        `paths`: the spellings its application needs. Patterns are folded as paths are, and where `;…` is kept in a
        segment, the rule is found without it. `stacks`: what the application is made with. `prefix` is the App's place,
        and `elsewhere` has the places of other Apps of its host below that.

        Without `surroundings` every switch is off and the subject lists are those the policy was read with.
        """
        self.policy = policy
        self.paths = paths
        """The permitted spellings of the App's paths."""
        self.place = PolicyPlace(paths, tuple(stacks), prefix, tuple(elsewhere))
        """The App's part in it."""
        self.surroundings = Surroundings(lists=policy.lists) if surroundings is None else surroundings
        matches = [rule.match for rule in policy.rules]
        fold = fold_case if paths.ignore_case else str
        rules = [(tuple(map(fold, match.path)), match.method) for match in matches]
        self.by_method: bool = any(match.method for match in matches)
        """Whether any rule is about some methods alone."""
        self._index = PathIndex(rules)
        names = (segment for patterns, _ in rules for pattern in patterns for segment in pattern.split("/"))
        literal = [segment for segment in names if segment not in ("", "*", "**")]
        self._spellings = Spellings(rules, self._index, Readings(self.place.stacks, literal, prefix), prefix, elsewhere)
        self._bind()

    def _bind(self) -> None:
        rules, conditions = self.policy.rules, self.policy.conditions
        self._rules = tuple(FittingRule(rule, conditions, self.surroundings) for rule in rules)
        self.scopes: frozenset[Scope] = frozenset[Scope]().union(*(rule.scopes for rule in self._rules))
        """All scopes that any rule can need: `ask: once` asks for them."""
        self.purpose: Words = _joined(
            rule.rule.purpose for rule in self._rules if rule.scopes - {Scope.OPENID} and rule.rule.purpose
        )
        """Every purpose for which any rule asks for one of the 4情報: what the notice of `ask: once` says."""
        self._whens = tuple(None if rule.when is None else conditions[rule.when] for rule in rules)
        self._named = tuple(tuple(rule.match.query.items()) for rule in rules)
        self._plain = tuple(when is None and not named for when, named in zip(self._whens, self._named, strict=True))
        self._rule_cache: dict[tuple[str, str], FittingRule] = {}
        """The rule of a method and a path, where these alone say which: remembered as long as this snapshot lives."""

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name

    @property
    def version(self) -> str:
        """A hash of all that the policy was read from: 16 hexadecimal digits."""
        return self.policy.version

    @property
    def rules(self) -> tuple[FittingRule, ...]:
        """All rules, in order."""
        return self._rules

    @property
    def disclosed(self) -> tuple[str, ...]:
        """Every fact and condition that any rule can tell, each once, in order of first mention."""
        return tuple(dict.fromkeys(name for rule in self.policy.rules for name in rule.told))

    def told_by(self, rule: RuleId) -> tuple[str, ...]:
        """Return the facts and conditions that a rule tells the application, as it is written."""
        return next((each.told for each in self.policy.rules if each.id == rule), ())

    def condition(self, name: str) -> Condition | None:
        """Return the condition of this name."""
        return self.policy.conditions.get(name)

    def within(self, surroundings: Surroundings) -> CompiledPolicy:
        """Return a snapshot of the same policy with other switches or lists; values kept of the old one are void."""
        other = object.__new__(CompiledPolicy)
        other.policy = self.policy
        other.surroundings = surroundings
        other._index = self._index
        other.by_method = self.by_method
        other.paths = self.paths
        other.place = self.place
        other._spellings = self._spellings
        other._bind()
        return other

    def fitting(self, inbound: Inbound, now: Instant) -> FittingRule | None:
        """Return the rule that decides this request, or `None` if no rule fits and it is refused."""
        path = inbound.target.path
        fitted = self._rule_cache.get((inbound.method, path))
        if fitted is not None:
            return fitted
        found = self._find(inbound, self._without_parameters(path), now)
        if found is None or found.rule.allow is Allow.NOBODY:
            return found
        doubt, lasting = self._doubt(inbound, found, now)
        if doubt is not None:
            return Undecidable(found.rule, _AMBIGUOUS_PATH)
        if not lasting:
            return found.unshared
        self._remember(inbound.method, inbound.target.path, found)
        return found

    def other_reading(self, inbound: Inbound, now: Instant) -> str | None:
        """Return the path that the application may read instead, where that makes another rule of it."""
        found = self.as_written(inbound, now)
        return None if found is None or found.rule.allow is Allow.NOBODY else self._doubt(inbound, found, now)[0]

    def as_written(self, inbound: Inbound, now: Instant) -> FittingRule | None:
        """Return the first rule that fits, without a look at other readings of the request."""
        return self._find(inbound, self._without_parameters(inbound.target.path), now)

    def readings(self, path: str) -> tuple[Reading, ...]:
        """Return every reading of a path, its own first; none if there are too many."""
        return self._spellings.readings(path)

    @property
    def folding(self) -> Folding:
        """The signs that the application's server takes for one another."""
        return self._spellings.folding

    def _without_parameters(self, path: str) -> str:
        """Cut `;jsessionid=…` off, as the application does: otherwise `/reserve;x` would not match `/reserve`."""
        return _PARAMETER.sub("", path) if ";" in path and self.paths.parameters == "keep" else path

    def _doubt(self, inbound: Inbound, found: FittingRule, now: Instant) -> tuple[str | None, bool]:
        """Return the reading by which the request is another rule's, and whether method and path alone say so."""
        path = inbound.target.path
        raw = inbound.target.raw_path if self._has_other_charset(path) else b""
        questions = self._spellings.questions(inbound.method, path, self._number(found), raw)
        if questions is None:
            return path, True
        lasting = True
        for reading, others, own, outside in questions:
            if outside:
                return reading, lasting
            if own:
                rule = self._find(inbound, reading, now)
                lasting = lasting and self._is_plain(inbound.method, reading)
                if rule is None or not permits_no_more(found.rule, rule):
                    return reading, lasting
            for number in others:
                lasting = lasting and self._plain[number]
                if self._applies(number, inbound, now) and not permits_no_more(found.rule, self._rules[number]):
                    return reading, lasting
        return None, lasting

    def _has_other_charset(self, path: str) -> bool:
        """Whether a path's bytes are more than its text: another server may take them for another charset's."""
        return self.paths.charset != "utf-8" and not path.isascii()

    def _number(self, found: FittingRule) -> int:
        return next(number for number, rule in enumerate(self.policy.rules) if rule is found.rule)

    def _is_plain(self, method: str, path: str) -> bool:
        first = next(iter(self._index.candidates(method, path)), None)
        return first is None or self._plain[first]

    def _applies(self, number: int, inbound: Inbound, now: Instant) -> bool:
        """Whether a rule that could be about the path is about the rest of the request; where in doubt, it is."""
        if self._plain[number]:
            return True
        named = dict(self._named[number])
        try:
            values = named_values(inbound.target.query, named)
        except AmbiguousQuery:
            return True
        if not all(could_be(values.get(name), allowed) for name, allowed in named.items()):
            return False
        when = self._whens[number]
        context = Context(None, now, inbound.seen_from, self.surroundings)
        return when is None or when.test.ask(context).truth is not Truth.NO

    def always(self, method: str, path: str) -> FittingRule | None:
        """Return the rule of every request with this method and path, as `fitting` has found it; `None`: ask again."""
        return self._rule_cache.get((method, path))

    def _remember(self, method: str, path: str, found: FittingRule | None) -> None:
        """Keep a rule for which nothing but method and path was looked at, now or at any other time."""
        if len(path) > MEMO_PATH or ";" in path or self._has_other_charset(path):
            return
        first = next(iter(self._index.candidates(method, path)), None)
        if first is not None and found is not None and self._plain[first]:
            if len(self._rule_cache) >= MEMO_SIZE:
                self._rule_cache.clear()
            self._rule_cache[method, path] = found

    def _find(self, inbound: Inbound, path: str, now: Instant) -> FittingRule | None:
        candidates = self._index.candidates(inbound.method, path)
        plain = self._plain
        for position, number in enumerate(candidates):
            if plain[number]:
                rule = self._rules[number]
                # A cache may answer a GET with the answer of a POST (RFC 9111 section 3, `Content-Location`).
                return rule if inbound.method in _CACHED_METHODS else rule.unshared
            # A rule with a `when` or a `query`: the request is looked at, up to the first rule that needs no look.
            last = next((index for index, other in enumerate(candidates) if plain[other]), len(candidates))
            return self._choose(inbound, now, candidates[position : last + 1])
        return None

    def _choose(self, inbound: Inbound, now: Instant, candidates: tuple[int, ...]) -> FittingRule | None:
        named = {name for number in candidates for name, _ in self._named[number]}
        values: Mapping[str, str] = {}
        if named:
            try:
                values = named_values(inbound.target.query, named)
            except AmbiguousQuery:
                return _ambiguous(self.policy.rules[candidates[0]])
        context: Context | None = None
        shared = inbound.method in _CACHED_METHODS
        careless: list[int] = []
        for number in candidates:
            exactly = all(values.get(name) in allowed for name, allowed in self._named[number])
            if not exactly and not all(could_be(values.get(name), allowed) for name, allowed in self._named[number]):
                continue
            when = self._whens[number]
            if when is not None:
                shared = False
                context = context or Context(None, now, inbound.seen_from, self.surroundings)
                truth = when.test.ask(context).truth
                if truth is Truth.UNKNOWN:
                    # Going on to the next rule would turn unknown into a no.
                    reasons = (_reason(ReasonKind.CONDITION_UNKNOWN, when),)
                    return Undecidable(self.policy.rules[number], Deny(self._rules[number].id, reasons))
                if truth is Truth.NO:
                    continue
            if not exactly:
                careless.append(number)
                continue
            rule = self._rules[number]
            for other in careless:
                # The application may take the value for one that the other rule names: `?do=Edit`, `?id=01`.
                if rule.rule.allow is not Allow.NOBODY and not permits_no_more(rule.rule, self._rules[other]):
                    return _ambiguous(self.policy.rules[other])
            return rule if shared else rule.unshared
        return None
