"""Proves that no request reaches a weaker rule as another spelling of a stricter rule's page, or names the request.

The gateway refuses a path that a server may read as a stricter rule's (`policy/spellings.py`), unless the rule's author
has spelled it. It looks at no other method and at no value that an application supplies itself. The rest is compared
here: one path for each way in which the patterns can match (`path_words`), each method and each choice of parameters.
The gateway's own verdict on such a request is held against its verdict on every page that a server may take it for.
`docs/decisions/0015` has the argument that nothing else is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import islice, product
from urllib.parse import quote_plus

from gateway.policy.authoring.path_words import Habit, PathWords
from gateway.policy.conditions import AllOf, AnyOf, Not, Test, leaves
from gateway.policy.decide import CompiledPolicy, FittingRule, Undecidable, permits_no_more
from gateway.policy.example import make_inbound
from gateway.policy.matching import matches
from gateway.policy.policy import Allow, Policy, Rule
from gateway.request.readings import Kind, Reading, is_index, page_stem
from gateway.request.target import encoded
from gateway.settings.case import fold_case
from gateway.settings.settings import Stack
from gateway.wire.methods import METHODS, SAFE

_MOST_CHOICES = 64
"""Choices of parameters that are looked at for each path; a policy that tells pages apart so has a few."""

_MOST_TESTS = 6
"""Tests of `when` whose every combination is looked at; of more, each alone."""

_INDEX = "index.html"


class Way(StrEnum):
    """A way in which a server takes a request for another page."""

    SIGNS = "signs"
    SLASH = "slash"
    SUFFIX = "suffix"
    WITHOUT_SUFFIX = "without_suffix"
    INDEX = "index"
    FRONT = "front"
    SCRIPT = "script"
    ENDPOINT = "endpoint"
    HEAD = "head"
    METHOD = "method"
    DEFAULT = "default"


_PAGES = frozenset({Stack.PHP, Stack.WORDPRESS, Stack.MEDIAWIKI, Stack.ASPNET, Stack.IIS, Stack.DOMINO})

SERVERS: Mapping[Way, frozenset[Stack]] = {
    Way.SIGNS: frozenset({Stack.IIS, Stack.ASPNET, Stack.DOMINO, Stack.WORDPRESS, Stack.MEDIAWIKI}),
    Way.SLASH: frozenset(Stack),
    Way.SUFFIX: _PAGES - {Stack.DOMINO} | {Stack.RAILS, Stack.SPRING, Stack.TOMCAT},
    Way.WITHOUT_SUFFIX: _PAGES - {Stack.DOMINO},
    Way.INDEX: frozenset(Stack) - {Stack.RAILS, Stack.ZOPE},
    Way.FRONT: _PAGES - {Stack.DOMINO},
    Way.SCRIPT: _PAGES - {Stack.DOMINO},
    Way.ENDPOINT: frozenset({Stack.WORDPRESS}),
    Way.HEAD: frozenset(Stack),
    Way.METHOD: frozenset(Stack) - {Stack.RAILS, Stack.SPRING},
    Way.DEFAULT: frozenset(Stack),
}
"""The stacks that read so. An App that states other stacks alone needs no remark; an App that states none, each."""


_Choice = tuple[tuple[str, str], ...]
"""The values that are given to parameters; one that is not there is missing."""
_Asked = tuple[str, str, _Choice]
"""A method, a path and the parameters."""
_Page = tuple[str, tuple[Way, ...]]
"""A path that a server may take another one for, and the ways to it."""
_Key = tuple[str, str, tuple[Way, ...]]
"""The names of the stricter and the weaker rule, and the ways from one to the other."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """A request that the gateway judges by a rule, and that a server may take for a page of a stricter one."""

    strict: Rule
    weaker: Rule
    ways: tuple[Way, ...]
    request: str
    """As it is typed: `GET /y?a=b`."""
    page: str
    """The page that the server may take it for."""
    shape: str
    """The path as a pattern, with a `*` for each segment that no rule names."""
    method: str


class Siblings:
    """The siblings of one policy, as an App's settings have it."""

    def __init__(self, compiled: CompiledPolicy, methods: Collection[str] | None = None) -> None:
        """Take the policy; `methods`: those that the App gets, `None` where no App is known."""
        self._compiled = compiled
        self.policy = compiled.policy
        self.stacks = compiled.place.stacks
        self._fold = fold_case if compiled.paths.ignore_case else str
        named = {method for rule in self.policy.rules for method in rule.match.method}
        wanted = [*METHODS.values(), *sorted(named - {*METHODS.values()})]
        self.methods = tuple(method for method in wanted if methods is None or method in methods)
        """Every method that any rule names, and those that every App gets."""
        self._worlds = tuple(_worlds(compiled))
        self._rule_cache: dict[tuple[int, str, str, _Choice], FittingRule | None] = {}

    @cached_property
    def _literals(self) -> tuple[str, ...]:
        named = (segment for pattern in self._patterns for segment in pattern.split("/")[1:])
        return tuple(dict.fromkeys(segment for segment in named if segment not in ("", "*", "**")))

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        return tuple(self._fold(pattern) for rule in self.policy.rules for pattern in rule.match.path or ("/**",))

    def _signs(self, segment: str) -> str:
        return self._compiled.folding.segment(segment)

    @cached_property
    def _by_signs(self) -> Mapping[str, tuple[str, ...]]:
        """The literals that a server which folds signs takes for one another."""
        found: dict[str, list[str]] = {}
        for literal in self._literals:
            found.setdefault(self._signs(literal), []).append(literal)
        return {signs: tuple(literals) for signs, literals in found.items()}

    @cached_property
    def _strange(self) -> str:
        """A segment that no rule names."""
        return next(name for number in range(99) if (name := f"x{number or ''}") not in self._literals)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """One path for each way in which the patterns can match, the shortest first."""
        stems = [stem for literal in self._literals if (stem := page_stem(literal)) is not None]
        more = ["feed"] if Stack.WORDPRESS in self.stacks else []
        spelled = [other for literal in self._literals for other in (literal.swapcase(), f"{literal}.html")]
        segments = dict.fromkeys(
            self._fold(segment) for segment in (self._strange, *self._literals, *stems, *spelled, _INDEX, *more)
        )
        words = PathWords(self._patterns, {segment: self._habit(segment) for segment in segments})
        return tuple("/" + "/".join(word) for word in words)

    def _habit(self, segment: str) -> Habit:
        """Find out what servers make of a segment, by two paths in which nothing else is odd."""
        before, behind = "\x01", "\x02"
        others = {(literal, "stem") for literal in self._literals if page_stem(literal) == segment}
        others |= {(literal, "signs") for literal in self._by_signs.get(self._signs(segment), ())}
        skipped = ends = False
        for told in ((before, segment, behind), (before, segment), (segment, behind)):
            front = told[: told.index(segment)]
            back = told[len(front) + 1 :]
            for reading in self._compiled.readings("/" + "/".join(told)):
                read = tuple(reading.path.split("/")[1:])
                skipped = skipped or read in ((*front, *back), (*front, ""))
                ends = ends or (bool(back) and read[:-1] == front)
                if len(read) == len(told) and read[: len(front)] == front and read[len(front) + 1 :] == back:
                    others.add((read[len(front)], reading.kind.name))
        return Habit(frozenset((read, kind) for read, kind in others if read != segment), skipped, ends)

    # --- what is open ---

    def open(self) -> tuple[Sibling, ...]:
        """Return one request for each pair of rules and each way, the shortest.

        Raises:
            TooManyWays: the patterns can match in more ways than are looked at.

        """
        found: dict[_Key, Sibling] = {}
        for path in self.paths:
            pages: tuple[_Page, ...] | None = None
            for world, method, chosen in product(self._worlds, self._classes, self._choices):
                weaker = self._rule_of(world, method, path, chosen)
                if weaker is None or isinstance(weaker, Undecidable) or weaker.rule.name not in self._beaten:
                    continue
                pages = tuple(self._pages(path)) if pages is None else pages
                stricter = self._stricter(world, weaker, method, chosen, pages)
                fresh: dict[_Key, _Asked] = {}
                for key, page in stricter:
                    if key not in found:
                        # The simplest page comes first.
                        fresh.setdefault(key, page)
                # The gateway is asked last: it reads the path in every way that it knows.
                if not fresh:
                    continue
                inbound = make_inbound(method, path, _query(chosen))
                if not isinstance(world.fitting(inbound, 0.0), Undecidable):
                    for key, page in fresh.items():
                        found[key] = self._sibling(key, (method, path, chosen), page)
        known = [(strict, weaker, frozenset(ways)) for strict, weaker, ways in found]
        return tuple(
            sibling
            for (strict, weaker, ways), sibling in found.items()
            # A request that is another page in two ways at once says nothing new where one of them is enough.
            if not any((strict, weaker) == (one, other) and few < frozenset(ways) for one, other, few in known)
        )

    @cached_property
    def _beaten(self) -> frozenset[str]:
        """The rules that let somebody pass whom another one stops."""
        rules = {rule.id: rule for world in self._worlds for rule in world.rules}.values()
        return frozenset(
            one.rule.name
            for one in rules
            if one.rule.allow is not Allow.NOBODY and not all(permits_no_more(one.rule, other) for other in rules)
        )

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        """The methods that rules tell apart, and one that none of them names."""
        named = {method for rule in self.policy.rules for method in rule.match.method}
        rest = [method for method in self.methods if method not in named and method not in SAFE]
        return tuple(
            method for method in self.methods if method in named or method in ("GET", "HEAD") or method in rest[:1]
        )

    def _stricter(
        self, world: CompiledPolicy, weaker: FittingRule, method: str, chosen: _Choice, pages: Sequence[_Page]
    ) -> Iterator[tuple[_Key, _Asked]]:
        """Give each page that a server may take a request for, where a stricter rule is the page's."""
        for (page, by_path), (page_method, by_method), meant in product(
            pages, self._page_methods(method, weaker.rule), self._meant(chosen)
        ):
            ways = (*by_path, *by_method, *((Way.DEFAULT,) if meant != chosen else ()))
            if not ways:
                continue
            strict = self._rule_of(world, page_method, page, meant)
            if strict is None or isinstance(strict, Undecidable) or permits_no_more(weaker.rule, strict):
                continue
            # Both rules are about the path: the author has put the weaker one in front, as an exception.
            if by_path and _takes(strict.rule, page_method, self._fold, pages[0][0], meant):
                continue
            yield (strict.rule.name, weaker.rule.name, ways), (page_method, page, meant)

    def _rule_of(self, world: CompiledPolicy, method: str, path: str, chosen: _Choice) -> FittingRule | None:
        """Return the rule that is written for a request; the same pages come again and again."""
        key = (id(world), method, path, chosen)
        if key not in self._rule_cache:
            self._rule_cache[key] = world.as_written(make_inbound(method, path, _query(chosen)), 0.0)
        return self._rule_cache[key]

    def _sibling(self, key: _Key, asked: _Asked, page: _Asked) -> Sibling:
        strict, weaker, ways = key
        rules = {rule.name: rule for rule in self.policy.rules}
        return Sibling(
            # In one state of all `when`s a rule has none: the rule as it is written is told.
            rules[strict],
            rules[weaker],
            ways,
            _said(asked),
            _said(page),
            "/".join("*" if segment == self._strange else segment for segment in asked[1].split("/")),
            asked[0],
        )

    def _looks(self, way: Way) -> bool:
        stacks = frozenset(self.stacks)
        return not stacks or not stacks.isdisjoint(SERVERS[way])

    def _pages(self, path: str) -> Iterator[_Page]:
        """Give each page that a server may take a path for, with the ways to it: the path itself first."""
        segments = tuple(path.split("/")[1:])
        found: list[tuple[tuple[str, ...], tuple[Way, ...]]] = [(segments, ())]
        for reading in self._compiled.readings(path):
            way = _way(segments, reading)
            if way is not None:
                found.append((tuple(reading.path.split("/")[1:]), (way,)))
        for place, segment in enumerate(segments):
            found += [
                ((*segments[:place], literal, *segments[place + 1 :]), (Way.WITHOUT_SUFFIX,))
                for literal in self._literals
                if segment and page_stem(literal) == segment
            ]
        folder = segments[:-1] if segments[-1] == "" else segments
        found += [((*folder, literal), (Way.INDEX,)) for literal in self._literals if is_index(literal)]
        given: set[tuple[str, ...]] = set()
        for page, ways in found:
            if not all(map(self._looks, ways)):
                continue
            slashes = (page, page[:-1] if page[-1] == "" else (*page, "")) if len(page) > 1 else (page,)
            for spelled in slashes:
                if spelled not in given:
                    given.add(spelled)
                    yield "/" + "/".join(spelled), ways if ways or spelled == segments else (Way.SLASH,)
            for spelled in self._otherwise(page):
                if spelled not in given and self._looks(Way.SIGNS):
                    given.add(spelled)
                    yield "/" + "/".join(spelled), (*ways, Way.SIGNS)

    def _otherwise(self, page: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Give a page with the names that rules write for its segments, where these differ in their signs alone."""
        each = [self._by_signs.get(self._signs(segment), (segment,)) if segment else ("",) for segment in page]
        yield from islice((spelled for spelled in product(*each) if spelled != page), _MOST_CHOICES)

    def _page_methods(self, method: str, weaker: Rule) -> Iterator[tuple[str, tuple[Way, ...]]]:
        yield method, ()
        if "GET" not in self.methods:
            return
        if method == "HEAD" and self._looks(Way.HEAD):
            yield "GET", (Way.HEAD,)
        elif method not in SAFE and method not in weaker.match.method and self._looks(Way.METHOD):
            yield "GET", (Way.METHOD,)

    # --- parameters ---

    @cached_property
    def _choices(self) -> tuple[_Choice, ...]:
        """Every choice of values that rules tell apart; a name that is not chosen is missing."""
        values: dict[str, dict[str, None]] = {}
        for rule in self.policy.rules:
            for name, allowed in rule.match.query.items():
                values.setdefault(name, {}).update(dict.fromkeys(sorted(allowed)))
        if not values:
            return ((),)
        each = [[None, *allowed] for allowed in values.values()]
        found: list[_Choice] = []
        for chosen in product(*each):
            found.append(tuple((n, v) for n, v in zip(values, chosen, strict=True) if v is not None))
            if len(found) == _MOST_CHOICES:
                break
        return tuple(sorted(found, key=len))

    def _meant(self, chosen: _Choice) -> Iterator[_Choice]:
        """Give what an application may take the parameters for that supplies those that are missing."""
        yield chosen
        if self._looks(Way.DEFAULT):
            given = dict(chosen)
            yield from (each for each in self._choices if dict(each) != given and given.items() <= dict(each).items())

    # --- what is refused ---

    def refused(self) -> tuple[tuple[Rule, Rule, tuple[str, ...]], ...]:
        """Return other spellings of each rule's pages that would be a weaker rule's, which the gateway refuses."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for rule in self.policy.rules:
            for world, method, path in product(self._worlds, self.methods, self._own(rule)):
                page = world.as_written(make_inbound(method, path, _query(_first(rule))), 0.0)
                if page is None or page.rule.id != rule.id:
                    continue
                for spelled in _spelled(path, ignore_case=self._compiled.paths.ignore_case):
                    asked = make_inbound(method, spelled, _query(_first(rule)))
                    other = world.as_written(asked, 0.0)
                    if other is None or permits_no_more(other.rule, page):
                        continue
                    if isinstance(world.fitting(asked, 0.0), Undecidable):
                        found.setdefault((rule.name, other.rule.name), {})[f"{method} {_typed(spelled)}"] = None
        rules = {rule.name: rule for rule in self.policy.rules}
        return tuple((rules[strict], rules[other], tuple(said)[:3]) for (strict, other), said in found.items())

    def _own(self, rule: Rule) -> Iterator[str]:
        """Give one path for each pattern of a rule that names anything."""
        for pattern in rule.match.path:
            segments = [self._strange if segment == "*" else segment for segment in self._fold(pattern).split("/")[1:]]
            named = [segment for segment in segments if segment != "**"]
            if any(segment in self._literals for segment in named):
                yield "/" + "/".join(named)


def _takes(rule: Rule, method: str, fold: Callable[[str], str], path: str, chosen: _Choice) -> bool:
    """Whether a rule is about a request; another may stand in front of it."""
    match, values = rule.match, dict(chosen)
    return (
        (not match.method or method in match.method)
        and (not match.path or any(matches(fold(pattern), path) for pattern in match.path))
        and all(values.get(name) in allowed for name, allowed in match.query.items())
    )


def _first(rule: Rule) -> _Choice:
    return tuple((name, min(allowed)) for name, allowed in rule.match.query.items())


def _query(chosen: _Choice) -> str | None:
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in chosen) or None


def _said(asked: _Asked) -> str:
    method, path, chosen = asked
    query = _query(chosen)
    return f"{method} {_typed(path)}" + ("" if query is None else f"?{query}")


def _typed(path: str) -> str:
    return encoded(path).decode("ascii")


def _spelled(path: str, *, ignore_case: bool) -> Iterator[str]:
    """Give other spellings of a page that many servers take for it."""
    head, _, rest = path[1:].partition("/")
    below = f"/{rest}" if rest else ""
    if not ignore_case and head.swapcase() != head:
        yield f"/{head.upper() if head.islower() else head.swapcase()}{below}"
    bare = path.removesuffix("/")
    if "." not in bare.rpartition("/")[2]:
        yield f"{bare}.html"
    yield f"/{head} {below}"
    yield bare if path.endswith("/") else path + "/"


def _way(segments: tuple[str, ...], reading: Reading) -> Way | None:
    """Return the way by which a server comes to a reading; `None` for one of which the author needs no remark.

    Nearly every path has a reading as a program in the middle of a folder, or as an object that is found from anywhere.
    The gateway holds these against the rules that are not about the path as well, and so needs no word of the author.
    """
    read = tuple(reading.path.split("/")[1:])
    if read == segments:
        return None
    last = segments[-1]
    if len(read) == len(segments):
        changed = [(was, now) for was, now in zip(segments, read, strict=True) if was != now]
        if len(changed) == 1:
            was, now = changed[0]
            if now == "" and is_index(was):
                return Way.INDEX
            if now and was.startswith(now + "."):
                return Way.SUFFIX
        return None
    if reading.kind is Kind.SCRIPT and read == segments[: len(read)]:
        return Way.SCRIPT
    if reading.kind is Kind.ALIAS and len(read) < len(segments) and page_stem(segments[0]) is not None:
        return Way.FRONT if read == segments[-len(read) :] else None
    if reading.kind is Kind.HANDLER and read == segments[:-1] and last and page_stem(last) is None:
        return Way.ENDPOINT
    return None


# --- the state of `when` -------------------------------------------------------------


def _worlds(compiled: CompiledPolicy) -> Iterator[CompiledPolicy]:
    """Give the policy in each state of its `when`s: in one of them a rule has none, or is not there."""
    policy = compiled.policy
    names = dict.fromkeys(rule.when for rule in policy.rules if rule.when is not None)
    if not names:
        yield compiled
        return
    seen: set[frozenset[str]] = set()
    for holding in _states(policy, tuple(names)):
        if holding in seen:
            continue
        seen.add(holding)
        rules = tuple(replace(rule, when=None) for rule in policy.rules if rule.when is None or rule.when in holding)
        place = compiled.place
        yield CompiledPolicy(
            replace(policy, rules=rules, examples=()),
            paths=place.paths,
            stacks=place.stacks,
            prefix=place.prefix,
            elsewhere=place.elsewhere,
        )


def _states(policy: Policy, names: tuple[str, ...]) -> Iterator[frozenset[str]]:
    """Give the names of the conditions that hold together, for every answer of the tests that they are made of."""
    tests: list[Test] = []
    for name in names:
        tests += [test for test in leaves(policy.conditions[name].test) if test not in tests]
    if len(tests) > _MOST_TESTS:
        states = [tuple(each == number for each in range(len(tests))) for number in range(-1, len(tests))]
    else:
        states = list(product((False, True), repeat=len(tests)))
    for answers in states:
        told = list(zip(tests, answers, strict=True))
        yield frozenset(name for name in names if _holds(policy.conditions[name].test, told))


def _holds(test: Test, told: Sequence[tuple[Test, bool]]) -> bool:
    match test:
        case AnyOf(tests=tests):
            return any(_holds(inner, told) for inner in tests)
        case AllOf(tests=tests):
            return all(_holds(inner, told) for inner in tests)
        case Not(test=inner):
            return not _holds(inner, told)
        case _:
            return next(answer for each, answer in told if each == test)
