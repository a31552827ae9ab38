"""The effect of a change before it is made: who passes, who is refused and who is told what, under two policies.

The effects are found by asking both policies, as the gateway would, about the representatives of `worlds`. A path with
wildcards is tried in each of its shapes, and also in spellings that an application may take for the same page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, combinations, islice, product

from gateway.identity import Scope
from gateway.instant import Instant
from gateway.policy.authoring.examples import say_verdict, surroundings_of, verdict_of
from gateway.policy.authoring.worlds import World, arounds, kinds_of, people, surroundings_in
from gateway.policy.conditions import Needs, Surroundings, all_needs
from gateway.policy.decide import CompiledPolicy, FittingRule, Undecidable, no_rule_fits
from gateway.policy.example import Example, make_inbound
from gateway.policy.matching import matches
from gateway.policy.policy import Accounts, Policy, Rule
from gateway.policy.verdict import Challenge, Deny, GivesBack, Limit, Permit, Verdict
from gateway.request.inbound import Inbound
from gateway.settings.case import fold_case
from gateway.settings.settings import PathSettings

MOST_PEOPLE = 20_000
"""People who are tried for one pair of rules in one surroundings."""

MOST_QUERIES = 300
"""Queries that are tried for each path and method; three parameters with two values each have 343."""

_Names = tuple[str, ...]

_OTHER_METHOD = "PROPFIND"
"""Stands for every method that no rule names."""


class EffectKind(StrEnum):
    """The kind of an effect, the gravest first."""

    PERMITS = "permits"
    """A request passes that did not."""
    TELLS = "tells"
    """The application is told what it was not."""
    ASKS = "asks"
    """The provider is asked for other facts, or for another sign-in.

    A session that only lacks a fact which is asked for no more belongs here: its person passed before, once asked.
    """
    REFUSES = "refuses"
    """A request is refused that was not."""
    WITHHOLDS = "withholds"
    """The application is no longer told something."""
    OTHERWISE = "otherwise"
    """The refusal has another reason, status or rule."""


@dataclass(frozen=True, slots=True)
class Side:
    """One policy's answer: its rule, and the verdict in the words of `expect`."""

    rule: str
    """Empty if no rule fits."""
    verdict: str


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect: what it was, what it becomes, and the plainest request and person that show it."""

    kind: EffectKind
    before: Side
    after: Side
    more: tuple[str, ...]
    """The facts that are newly told or asked for, or told otherwise."""
    less: tuple[str, ...]
    """The facts that are no longer told or asked for."""
    request: str
    """A method and a target."""
    world: World | None
    """None if an example shows it."""
    example: str
    """The title of the example that shows it; empty if a world does."""
    count: int
    """How many of the tried requests and people show it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All effects of a change, and how much was tried."""

    effects: tuple[Effect, ...]
    tried: int
    cut: tuple[str, ...]
    """Requests for which more people and moments exist than were tried."""

    @property
    def permits_more(self) -> bool:
        """Whether anything passes, or is told, that did not or was not."""
        return any(effect.kind in (EffectKind.PERMITS, EffectKind.TELLS) for effect in self.effects)


def compare(
    old: Policy,
    new: Policy,
    now: Instant,
    *,
    ready: tuple[CompiledPolicy, CompiledPolicy] | None = None,
    takes: Callable[[str, str], bool] | None = None,
    most: int | None = None,
) -> Comparison:
    """Return the effects of putting `new` in the place of `old`.

    `ready`: both as an App reads paths. `takes`: whether the App's policy decides on a method and a canonical path.
    `most` is for somebody who waits: so much is tried at most, and `cut` names the rest.
    """
    kinds = kinds_of((old, new), now)
    before, after = map(Judge, ready or (CompiledPolicy(old), CompiledPolicy(new)))
    found: dict[tuple[object, ...], Effect] = {}
    cut: list[str] = []
    tried = 0
    # A rule's verdict depends on the person and what is around her, and not on the request that led to the rule.
    seen: set[tuple[object, ...]] = set()
    # A policy may be made longer for an App: pages that its recipe closes have a rule of their own.
    for inbound in _requests((before.policy, after.policy), before.compiled.paths, before.compiled.place.prefix):
        if takes is not None and not takes(inbound.method, inbound.target.path):
            continue
        if most is not None and tried >= most:
            cut.append(_say_request(inbound))
            continue
        for around in arounds(kinds, _looked_at((before.policy, after.policy), inbound)):
            one, other = before.fitting(inbound, around), after.fitting(inbound, around)
            tried += 1
            needs = before.needs(one) | after.needs(other)
            key = (before.key(one), after.key(other), *around.seen_by(needs))
            if key in seen or before.means_the_same(one, after, other):
                continue
            seen.add(key)
            scopes = frozenset[Scope]().union(*(rule.scopes for rule in (one, other) if rule is not None))
            number = 0
            for world in people(kinds, around, needs, scopes, MOST_PEOPLE):
                number += 1
                effect = _effect(
                    before.judge(one, world), after.judge(other, world), inbound, world, demands=_demands(one, other)
                )
                if effect is not None:
                    _count(found, effect)
            tried += number
            if number > MOST_PEOPLE:
                cut.append(_say_request(inbound))
    if len(tuple(islice(_queries([*old.rules, *new.rules]), MOST_QUERIES + 1))) > MOST_QUERIES:
        cut.append("?…")
    for example in (*new.examples, *(each for each in old.examples if each not in new.examples)):
        effect = _example_effect(before, after, example)
        tried += 1
        if effect is not None:
            _count(found, effect)
    order = list(EffectKind)
    return Comparison(tuple(sorted(found.values(), key=lambda each: order.index(each.kind))), tried, tuple(cut))


class Judge:
    """One policy, ready within each surroundings that come up."""

    def __init__(self, compiled: CompiledPolicy) -> None:
        self.policy = compiled.policy
        self.compiled = compiled
        self._ready: dict[tuple[tuple[str, ...], str], CompiledPolicy] = {}

    def _within(self, world: World) -> CompiledPolicy:
        key = (world.switches, "" if world.person is None else world.person.subject)
        if key not in self._ready:
            self._ready[key] = self.compiled.within(surroundings_in(world, self.policy))
        return self._ready[key]

    def fitting(self, inbound: Inbound, around: World) -> FittingRule | None:
        """Return the rule that a request has."""
        asked = make_inbound(inbound.method, inbound.target.path, _query(inbound), around.client)
        return self._within(around).fitting(asked, around.now)

    def key(self, rule: FittingRule | None) -> object:
        """Return what stands for a rule, in all surroundings."""
        return None if rule is None else (rule.id, isinstance(rule, Undecidable))

    def needs(self, rule: FittingRule | None) -> Needs:
        """Return what the verdict of a rule depends on."""
        if rule is None:
            return Needs()
        written = rule.rule
        names = [*written.require, *written.disclose, *([written.when] if written.when else ())]
        conditions = self.policy.conditions
        # A rule that speaks of accounts has the application told which one.
        told = Needs(account=written.accounts is not None)
        return all_needs(conditions[name].test for name in names if name in conditions) | told

    def means_the_same(self, rule: FittingRule | None, other: Judge, others: FittingRule | None) -> bool:
        """Whether two rules are written alike, and so are the conditions and lists that they ask."""
        if rule is None or others is None:
            return rule is others
        if rule.rule != others.rule or self.key(rule) != other.key(others) or self.policy.lists != other.policy.lists:
            return False
        names = [*rule.rule.require, *rule.rule.disclose, *([rule.rule.when] if rule.rule.when else ())]
        mine, theirs = self.policy.conditions, other.policy.conditions
        return all(mine[name].test == theirs[name].test for name in names if name in mine and name in theirs)

    def judge(self, rule: FittingRule | None, world: World) -> tuple[str, Verdict]:
        """Return the name of a rule and its verdict on a person."""
        if rule is None:
            return "", no_rule_fits()
        asked = make_inbound("GET", "/", None, world.client)
        ready = next((each for each in self._within(world).rules if each.id == rule.id), rule)
        if isinstance(rule, Undecidable):
            ready = rule
        return rule.id.rule, ready.decide(asked, world.person, world.now).verdict


def _example_effect(before: Judge, after: Judge, example: Example) -> Effect | None:
    sides = []
    for judge in (before, after):
        surroundings: Surroundings = surroundings_of(judge.policy, example)
        verdict, rule = verdict_of(judge.compiled.within(surroundings), example)
        sides.append((rule or "", verdict))
    return _effect(sides[0], sides[1], example.inbound(before.compiled.paths), None, example.title)


def _effect(
    old: tuple[str, Verdict],
    new: tuple[str, Verdict],
    inbound: Inbound,
    world: World | None,
    example: str = "",
    demands: tuple[EffectKind, _Names, _Names] | None = None,
) -> Effect | None:
    """Return the effect on one request of one person; none if both policies mean the same to everybody concerned."""
    found = _kind(old[1], new[1])
    if demands is not None and isinstance(old[1], Permit) and isinstance(new[1], Permit):
        found = demands if found is None else _both_kinds(found, demands)
    if found is None:
        return None
    kind, more, less = found
    before, after = Side(old[0], say_verdict(old[1])), Side(new[0], say_verdict(new[1]))
    return Effect(kind, before, after, more, less, _say_request(inbound), world, example, 1)


_ACCOUNTS = (None, Accounts.OFFERED, Accounts.REQUIRED)
"""The need for an account, the weakest first."""


def _demands(old: FittingRule | None, new: FittingRule | None) -> tuple[EffectKind, _Names, _Names] | None:
    """Return the kind of a difference in what two rules demand beside their verdicts, with what comes and goes.

    A form that need not be signed, a person who needs no account and a further site whose forms come back pass newly.
    """
    if old is None or new is None:
        return None
    was, becomes = old.rule, new.rule
    more: list[str] = []
    less: list[str] = []
    looser = False
    if was.accounts is not becomes.accounts:
        more += [f"accounts {becomes.accounts}"] if becomes.accounts else []
        less += [f"accounts {was.accounts}"] if was.accounts else []
        looser = _ACCOUNTS.index(becomes.accounts) < _ACCOUNTS.index(was.accounts)
    if (was.sign is None) is not (becomes.sign is None):
        (less if becomes.sign is None else more).append("sign")
        looser = looser or becomes.sign is None
    if came := sorted(set(becomes.returns_from) - set(was.returns_from)):
        more += [f"returns_from {origin}" for origin in came]
        looser = True
    less += [f"returns_from {origin}" for origin in sorted(set(was.returns_from) - set(becomes.returns_from))]
    if not more and not less:
        return None
    return EffectKind.PERMITS if looser else EffectKind.REFUSES, tuple(more), tuple(less)


def _both_kinds(
    one: tuple[EffectKind, _Names, _Names], other: tuple[EffectKind, _Names, _Names]
) -> tuple[EffectKind, _Names, _Names]:
    """Return two differences as one, of the graver kind."""
    order = list(EffectKind)
    return min(one[0], other[0], key=order.index), (*one[1], *other[1]), (*one[2], *other[2])


def _kind(old: Verdict, new: Verdict) -> tuple[EffectKind, _Names, _Names] | None:
    """Return the kind of a difference, with the facts that come and those that go; none if there is none."""
    match old, new:
        case Permit(), Permit():
            told, tells = dict(old.disclosed), dict(new.disclosed)
            more = tuple(name for name, value in tells.items() if told.get(name) != value)
            less = tuple(name for name in told if name not in tells)
            if (counted := _counted_otherwise(old, new)) is not None:
                return counted[0], (*more, *counted[1]), (*less, *counted[2])
            if not more and not less:
                return None
            return EffectKind.TELLS if more else EffectKind.WITHHOLDS, more, less
        case _, Permit():
            return EffectKind.PERMITS, tuple(name for name, _ in new.disclosed), ()
        case Challenge(), Challenge():
            if (old.scopes, old.reason, old.fresh_within) == (new.scopes, new.reason, new.fresh_within):
                return None
            return EffectKind.ASKS, tuple(sorted(new.scopes - old.scopes)), tuple(sorted(old.scopes - new.scopes))
        case _, Challenge():
            return EffectKind.ASKS, tuple(sorted(new.scopes)), ()
        case Deny(), Deny():
            same = (old.words, old.status) == (new.words, new.status)
            return None if same else (EffectKind.OTHERWISE, (), ())
        case _:
            return EffectKind.REFUSES, (), ()


def _counted_otherwise(old: Permit, new: Permit) -> tuple[EffectKind, _Names, _Names] | None:
    """Return the kind of a difference between the limits of two permits, with what comes and what goes.

    A limit that is gone, counts more generously or counts other answers may let a person pass more often. So may an
    answer that gives entries back.
    """
    was, becomes = _limits_of(old), _limits_of(new)
    gave, gives = old.gives_back, new.gives_back
    if was == becomes and _answers(gave) == _answers(gives):
        return None
    more = tuple(f"{word} {limit.name}" for word, limit in becomes.items() if was.get(word) != limit)
    less = tuple(f"{word} {limit.name}" for word, limit in was.items() if becomes.get(word) != limit)
    if was.get("gives_back") == becomes.get("gives_back") and gives is not None and _answers(gave) != _answers(gives):
        more = (*more, f"gives_back {gives.limit.name}")
    gives_more = gives is not None and not (gave is not None and _gives_no_more(gave, gives))
    looser = gives_more or _is_looser(was.get("limit"), becomes.get("limit"))
    return EffectKind.PERMITS if looser else EffectKind.REFUSES, more, less


def _limits_of(permit: Permit) -> dict[str, Limit]:
    """Return the limits of a permit by the policy's word for each, without the sentences for refused persons."""
    found = {"limit": permit.limit, "gives_back": None if permit.gives_back is None else permit.gives_back.limit}
    return {word: replace(limit, if_over={}) for word, limit in found.items() if limit is not None}


def _answers(gives_back: GivesBack | None) -> object:
    """Return the answers by which an entry is given back."""
    return None if gives_back is None else (gives_back.statuses, gives_back.location, gives_back.header)


def _gives_no_more(old: GivesBack, new: GivesBack) -> bool:
    """Whether each answer that gives an entry back did so before: every part that was there still is."""
    return (
        replace(old.limit, if_over={}) == replace(new.limit, if_over={})
        and (not old.statuses or (bool(new.statuses) and new.statuses <= old.statuses))
        and old.location in (None, new.location)
        and old.header in ("", new.header)
    )


def _is_looser(was: Limit | None, becomes: Limit | None) -> bool:
    if was is None or becomes is None:
        return was is not None
    if replace(was, times=1) == replace(becomes, times=1):
        return becomes.times > was.times
    return True


def _count(found: dict[tuple[object, ...], Effect], effect: Effect) -> None:
    """Keep the first of the effects that read alike, and count the rest."""
    key = (effect.kind, effect.before, effect.after, effect.more, effect.less)
    first = found.get(key)
    found[key] = effect if first is None else replace(first, count=first.count + 1)


def _looked_at(policies: Sequence[Policy], inbound: Inbound) -> Needs:
    """Return all that the rules that may be about a request look at."""
    needs = Needs()
    for policy in policies:
        for rule in policy.rules:
            if _may_take(rule, inbound):
                names = [*rule.require, *rule.disclose, *([rule.when] if rule.when else ())]
                needs |= all_needs(policy.conditions[name].test for name in names if name in policy.conditions)
                needs |= Needs(account=rule.accounts is not None)
    return needs


def _may_take(rule: Rule, inbound: Inbound) -> bool:
    """Whether a rule is about a request in any spelling that is tried."""
    if rule.match.method and inbound.method not in rule.match.method:
        return False
    path = inbound.target.path
    bare = path.removesuffix("/").removesuffix(".html") or "/"
    spelled = {path, bare, bare.swapcase(), bare + "/", bare + ".html"}
    return not rule.match.path or any(matches(pattern, each) for pattern in rule.match.path for each in spelled)


# --- the requests --------------------------------------------------------------------


def _requests(policies: Sequence[Policy], paths: PathSettings, prefix: str) -> Iterator[Inbound]:
    """Give the requests that the rules tell apart: each shape of each path, its methods, and its parameters."""
    fold = fold_case if paths.ignore_case else str
    rules = [rule for policy in policies for rule in policy.rules]
    methods = list(
        dict.fromkeys(["GET", "POST", *sorted(chain(*(rule.match.method for rule in rules))), _OTHER_METHOD])
    )
    inside = ("", "/", "/x", "/x/y") if prefix != "/" else ()
    patterns = dict.fromkeys(pattern for rule in rules for pattern in rule.match.path or ("/**",))
    spelled = (
        dict.fromkeys(prefix + below for below in inside)
        | dict.fromkeys(
            fold(spelling) for pattern in patterns for path in _shapes(pattern) for spelling in _spellings(path)
        )
        | dict.fromkeys(fold(path) for one, other in combinations(patterns, 2) for path in _in_both(one, other))
    )
    queries = list(islice(dict.fromkeys(_queries(rules)), MOST_QUERIES))
    for path, method, query in product(spelled, methods, queries):
        yield make_inbound(method, path, query)


def _shapes(pattern: str) -> Iterator[str]:
    """Give a path for each shape of a pattern's wildcards."""
    parts = [
        ((), ("",), ("x",), ("x", "y")) if part == "**" else (("x",),) if part == "*" else ((part,),)
        for part in pattern.split("/")[1:]
    ]
    for chosen in product(*parts):
        yield "/" + "/".join(chain(*chosen))


def _in_both(one: str, other: str) -> Iterator[str]:
    """Give the plainest paths that two patterns match: /a/c for /a/** and /*/c."""
    for segments in _merged(tuple(one.split("/")[1:]), tuple(other.split("/")[1:])):
        yield "/" + "/".join("x" if segment == "*" else segment for segment in segments)


def _merged(one: tuple[str, ...], other: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not one and not other:
        yield ()
    for some, rest in ((one, other), (other, one)):
        if some[:1] == ("**",):
            yield from _merged(some[1:], rest)
            if rest and rest[0] != "**":
                yield from ((rest[0], *behind) for behind in _merged(some, rest[1:]))
            return
    if one and other and (one[0] == other[0] or "*" in (one[0], other[0])):
        head = other[0] if one[0] == "*" else one[0]
        yield from ((head, *behind) for behind in _merged(one[1:], other[1:]))


def _spellings(path: str) -> Iterator[str]:
    """Give the path, and spellings that an application may take for the same page."""
    yield path
    if path != "/" and not path.endswith("/"):
        yield path + "/"
        yield path.swapcase()
        yield path + ".html"


def _queries(rules: Iterable[Rule]) -> Iterator[str | None]:
    """Give the queries that rules tell apart: each parameter without a value, with each, and with two readings.

    Rules may name several parameters, so that each is tried beside each of the others; the plainest come first.
    """
    values: dict[str, dict[str, None]] = {}
    for rule in rules:
        for name, some in rule.match.query.items():
            values.setdefault(name, {}).update(dict.fromkeys(sorted(some)))
    choices: list[tuple[str, ...]] = []
    for name, known in values.items():
        first = next(iter(known), "")
        another = next(each for each in ("x", "other", "none of them") if each not in known)
        choices.append(
            (
                "",
                *(f"{name}={value}" for value in (*known, another)),
                # No two applications agree on these, so the gateway answers 400 where a rule names the parameter.
                f"{name}={first}&{name}={another}",
                f"{name}={first.swapcase()}",
            )
        )
    yield None
    for choice in choices:
        yield from choice[1:]
    for several in product(*choices):
        yield "&".join(each for each in several if each) or None
    if values:
        yield ";".join(f"{name}={next(iter(known), '')}" for name, known in values.items()) + ";"


def _query(inbound: Inbound) -> str | None:
    return None if inbound.target.query is None else inbound.target.query.decode()


def _say_request(inbound: Inbound) -> str:
    query = _query(inbound)
    return f"{inbound.method} {inbound.target.path}" + ("" if query is None else f"?{query}")
