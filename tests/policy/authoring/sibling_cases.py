"""Random policies, and servers that take one request for another, written apart from the gateway.

A server here is a function from a page to another spelling that it answers with the same page. So the page is known,
and the rule that its author wrote for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple
from urllib.parse import quote

from gateway.policy.authoring.siblings import Sibling
from gateway.policy.decide import CompiledPolicy, FittingRule, Undecidable
from gateway.policy.example import make_inbound
from gateway.policy.matching import matches
from gateway.policy.policy import Allow, Policy, Rule
from gateway.request.target import DEFAULT_PATHS, Target, canonical
from tests.policy.random_cases import NOW, policy_of

NAMES = ["a", "a", "a", "b", "b", "a.html", "a.php", "b.html", "index.php", "A", "*", "*", "**"]
SUFFIXES = [".html", ".json", ".php", ".do", ".xml"]
INDEXES = ["index.html", "index.php", "default.htm"]
CLIENT = "198.51.100.1"


class Request(NamedTuple):
    """A request as it is typed, and its parameters."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()


def random_policy(random: Random) -> Policy:
    """Return a policy of a few rules whose patterns overlap."""
    rules = []
    for number in range(random.randint(2, 4)):
        match = []
        if random.random() < 0.85:
            paths = dict.fromkeys(_pattern(random) for _ in range(random.choice([1, 1, 2])))
            match.append(f"path: [{', '.join(paths)}]")
        if random.random() < 0.4:
            match.append(f"method: {random.choice(['GET', 'POST', '[GET, HEAD]', '[GET, POST]', 'HEAD', 'PUT'])}")
        if random.random() < 0.2:
            match.append(f"query: {{{random.choice(['do', 'act'])}: {random.choice(['x', 'y', '[x, y]', '7'])}}}")
        parts = [f"name: r{number}", *([f"match: {{{', '.join(match)}}}"] if match else [])]
        if random.random() < 0.15:
            parts.append(f"when: {random.choice(['office', 'away'])}")
        parts.append(
            random.choice(
                [
                    "allow: everyone",
                    "allow: everyone",
                    "allow: signed_in",
                    "allow: signed_in, signed_in_within: 5m",
                    "allow: nobody",
                    "require: [adult]",
                    "require: [adult, here]",
                    "require: [here], audit: true",
                ]
            )
        )
        rules.append(", ".join(parts))
    return policy_of(*rules)


def _pattern(random: Random) -> str:
    return "/" + "/".join(random.choice(NAMES) for _ in range(random.choice([1, 1, 2, 2, 3])))


def _page_of(pattern: str, random: Random) -> str:
    """Return a path that a pattern matches."""
    segments: list[str] = []
    for segment in pattern.split("/")[1:]:
        if segment == "**":
            segments += random.choices(["a", "b", "z"], k=random.choice([0, 0, 1, 2]))
        else:
            segments.append(random.choice(["a", "b", "z"]) if segment == "*" else segment)
    return "/" + "/".join(segments)


# --- servers -------------------------------------------------------------------------


def _windows(page: str, random: Random) -> Iterator[str]:
    segments = page.split("/")
    place = random.randrange(1, len(segments))
    if segments[place]:
        for changed in (
            segments[place].swapcase(),
            segments[place].title(),
            segments[place] + " ",
            segments[place] + ".",
            segments[place].replace("a", "ａ"),
        ):
            yield "/".join([*segments[:place], changed, *segments[place + 1 :]])


def _slash(page: str, _: Random) -> Iterator[str]:
    if page != "/":
        yield page[:-1] if page.endswith("/") else page + "/"


def _suffixes(page: str, random: Random) -> Iterator[str]:
    """Spring, Rails and MultiViews."""
    if not page.endswith("/"):
        yield page + random.choice(SUFFIXES)
        stem, dot, suffix = page.rpartition(".")
        if dot and "." + suffix in SUFFIXES and "/" not in suffix:
            yield stem


def _index(page: str, random: Random) -> Iterator[str]:
    yield page.rstrip("/") + "/" + random.choice(INDEXES)
    folder, _, last = page.rpartition("/")
    if last in INDEXES:
        yield folder + "/"
        if folder:
            yield folder


def _front_controller(page: str, _: Random) -> Iterator[str]:
    yield "/index.php" + page


def _path_info(page: str, random: Random) -> Iterator[str]:
    if page.endswith(".php"):
        yield page + random.choice(["/", "/z", "/a", "/z/b"])


SERVERS: list[Callable[[str, Random], Iterator[str]]] = [
    _windows,
    _slash,
    _suffixes,
    _index,
    _front_controller,
    _path_info,
]


def random_siblings(policy: Policy, random: Random, count: int) -> Iterator[tuple[Request, Request]]:
    """Give requests, each with the page that a server takes it for."""
    patterns = [pattern for rule in policy.rules for pattern in rule.match.path or ("/**",)]
    values = sorted(
        {(name, each) for rule in policy.rules for name, those in rule.match.query.items() for each in those}
    )
    for _ in range(count):
        rule = random.choice(policy.rules)
        path = spelled = _page_of(random.choice(rule.match.path or patterns), random)
        # A server reads the structure in one way of its own; it may fold the signs beside.
        for server in (random.choice(SERVERS[1:]), _windows):
            if random.random() < 0.6:
                spelled = random.choice([spelled, *server(spelled, random)])
        query = tuple((name, random.choice(sorted(those))) for name, those in rule.match.query.items())
        if values and not query and random.random() < 0.3:
            query = (random.choice(values),)
        said = query
        if query and random.random() < 0.7:
            said = random.choice([(), ((query[0][0], query[0][1].upper()),), ((query[0][0], query[0][1] + " "),)])
        page_method = random.choice([*sorted(rule.match.method), "GET", "POST"])
        method = page_method
        if page_method == "GET" and random.random() < 0.5:
            method = random.choice(["HEAD", "POST", "PUT"])
        yield Request(method, spelled, said), Request(page_method, path, query)


# --- the gateway's own answer --------------------------------------------------------


def _asked(policy: CompiledPolicy, request: Request, client: str, *, as_written: bool) -> FittingRule | None:
    raw = quote(request.path, safe="/").encode()
    target = canonical(raw, DEFAULT_PATHS)
    if not isinstance(target, Target):
        return None
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in request.query) or None
    inbound = make_inbound(request.method, target.path, query, client)
    return policy.as_written(inbound, NOW) if as_written else policy.fitting(inbound, NOW)


def answered(policy: CompiledPolicy, request: Request, client: str = CLIENT) -> Rule | None:
    """Return the rule by which the gateway answers a request; `None` if it refuses everybody."""
    found = _asked(policy, request, client, as_written=False)
    return None if found is None or isinstance(found, Undecidable) or found.rule.allow is Allow.NOBODY else found.rule


def written(policy: CompiledPolicy, request: Request, client: str = CLIENT) -> Rule | None:
    """Return the rule that the author has written for a page."""
    found = _asked(policy, request, client, as_written=True)
    return None if found is None or isinstance(found, Undecidable) else found.rule


_RANK = {Allow.EVERYONE: 0, Allow.SIGNED_IN: 1, None: 1, Allow.NOBODY: 9}


def is_weaker(rule: Rule, than: Rule) -> bool:
    """Whether somebody passes a rule whom the other one stops."""
    if _RANK[rule.allow] < _RANK[than.allow]:
        return True
    if rule.allow is Allow.NOBODY:
        return False
    lacks = not set(than.require) <= set(rule.require)
    older = than.signed_in_within is not None and rule.signed_in_within is None
    return lacks or older or (than.audit and not rule.audit)


def _is_about(rule: Rule, method: str, path: str, query: tuple[tuple[str, str], ...]) -> bool:
    match, values = rule.match, dict(query)
    return (
        (not match.method or method in match.method)
        and (not match.path or any(matches(pattern, path) for pattern in match.path))
        and all(values.get(name) in allowed for name, allowed in match.query.items())
    )


def openings(policy: Policy, random: Random, count: int) -> Iterator[tuple[Request, Request, Rule, Rule]]:
    """Give requests that the gateway answers by a weaker rule than that of the page which a server answers with."""
    compiled = CompiledPolicy(policy)
    for request, page in random_siblings(policy, random, count):
        client = random.choice([CLIENT, "192.0.2.7"])
        weaker = answered(compiled, request, client)
        strict = written(compiled, page, client)
        if request == page or weaker is None or strict is None or not is_weaker(weaker, strict):
            continue
        if request.method != page.method and request.method != "HEAD" and request.method in weaker.match.method:
            # The author names the method of the weaker rule.
            continue
        if request.path != page.path and _is_about(strict, page.method, request.path, page.query):
            # The author has put the weaker rule in front of the other, for this very path.
            continue
        yield request, page, strict, weaker


def is_told(found: tuple[Sibling, ...], strict: Rule, weaker: Rule) -> bool:
    """Whether the analysis names this pair of rules."""
    return any((each.strict.name, each.weaker.name) == (strict.name, weaker.name) for each in found)
