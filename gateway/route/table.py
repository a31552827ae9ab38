"""All routes, found by host and path prefix. A table never changes: a reload makes another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from gateway.instant import Instant
from gateway.policy.decide import FittingRule
from gateway.policy.matching import MEMO_SIZE
from gateway.policy.permit_cache import PermitCache
from gateway.policy.verdict import Permit
from gateway.request.brought import Brought
from gateway.request.inbound import Inbound
from gateway.request.question_names import QuestionNames
from gateway.request.target import DEFAULT_PATHS
from gateway.route.route import Route
from gateway.session.ticket import PLAIN, TicketSeals, find_brought
from gateway.settings.settings import PathSettings, TrafficSettings
from gateway.wire.methods import METHODS


class Assertions(Protocol):
    """Signs the facts for an application; `headers.assertion` implements it."""

    @property
    def published(self) -> bytes:
        """The public keys, as a JWKS."""

    def line_for(self, permit: Permit, route: Route, cache: PermitCache, now: Instant) -> tuple[bytes, Instant]:
        """Return the header line with the token, and the moment it must be made anew."""


HEALTH = "health"
"""Under our own prefix, the answer to a load balancer: this node serves. It says nothing else, on any host."""


class RouteTable:
    """The routes of one reading of the configuration, and the prefix of our own pages."""

    __slots__ = (
        "_by_host",
        "_paths",
        "_portal_root",
        "assertions",
        "health",
        "longest_line",
        "methods",
        "named",
        "portal_prefix",
        "question_cache",
        "question_rules",
        "questions",
        "routes",
        "rule_cache",
        "seals",
        "token",
    )

    def __init__(
        self,
        routes: Iterable[Route],
        portal_prefix: str,
        assertions: Assertions | None = None,
        seals: TicketSeals = PLAIN,
        longest_line: int = TrafficSettings().request_line,
    ) -> None:
        """Index the routes.

        Raises:
            ValueError: two routes claim the same host and prefix.

        """
        self.token: object = object()
        """Stands for this very table, and keeps nothing of it in memory."""
        self.routes = tuple(routes)
        self.named: Mapping[str, Route] = {route.name: route for route in self.routes}
        """The routes by their Apps' names."""
        self.methods: Mapping[bytes, str] = METHODS | {w: m for route in self.routes for w, m in route.methods.items()}
        """The methods that any App gets: the door knows no other."""
        self.portal_prefix = portal_prefix
        """Begins and ends with `/`."""
        self._portal_root = portal_prefix[:-1]
        self.health = portal_prefix + HEALTH
        """The path that a load balancer asks."""
        self.assertions = assertions
        """Makes the signed token that repeats the headers; `None` where no keys are configured."""
        self.longest_line = longest_line
        """Bytes of a request line that the listener takes."""
        self.seals = seals
        """Distinguishes a ticket that we issued from an invented one."""
        self.rule_cache: dict[tuple[str, str, str], tuple[Route, FittingRule]] = {}
        """The App and the rule of a host, method and path that nothing else can change, as the pipeline found them."""
        self.question_cache: dict[tuple[Route, str], QuestionNames] = {}
        """The field names of other proxies' questions, by the App's route and the proxy's dialect."""
        self.question_rules: dict[tuple[str, str, str], tuple[Route, FittingRule]] = {}
        """As `rule_cache`, for requests that reach their application through another proxy, and through it alone."""
        self.questions: dict[tuple[object, ...], Inbound] = {}
        """The request that each of another proxy's questions is about, by all that the question says
        (`pipeline.forward_auth`)."""
        hosts: dict[str, list[Route]] = {}
        for route in self.routes:
            hosts.setdefault(route.host, []).append(route)
        self._by_host: dict[str, tuple[Route, ...]] = {}
        self._paths: dict[str, PathSettings] = {}
        for host, here in hosts.items():
            if len({route.prefix for route in here}) != len(here):
                raise ValueError(f"two apps share the URL of `{host}`")
            longest_first = tuple(sorted(here, key=lambda route: -len(route.prefix)))
            self._by_host[host] = longest_first
            # A browser leaves the scheme's default port out; a proxy in front may not.
            default_port = f"{host}:{443 if here[0].app.secure else 80}"
            self._by_host[default_port] = longest_first
            paths = {route.app.paths for route in here}
            if len(paths) == 1 and paths != {DEFAULT_PATHS}:
                self._paths[host] = self._paths[default_port] = here[0].app.paths

    def at_the_door(self, limits: TrafficSettings) -> TrafficSettings:
        """Return the limits that hold before the App of a request is known: the longest body that any App takes."""
        own = [body for route in self.routes if route.traffic is not None for body in route.traffic.bodies]
        if not own or limits.body is None:
            return limits
        known = [body for body in own if body is not None]
        return replace(limits, body=None if len(known) < len(own) else max(limits.body, *known))

    def knows(self, host: str) -> bool:
        """Whether any App lives on this host."""
        return host in self._by_host

    def paths_of(self, host: str) -> PathSettings:
        """Return the permitted spellings of this host's paths; the strict ones if its Apps disagree."""
        return self._paths.get(host, DEFAULT_PATHS)

    def match(self, host: str, path: str) -> Route | None:
        """Return the App of this host whose prefix is the longest that holds the path, or `None`."""
        for route in self._by_host.get(host, ()):
            if route.prefix == "/" or route.holds(path):
                return route
        return None

    def remember(self, inbound: Inbound, route: Route, rule: FittingRule) -> None:
        """Remember the result for this host, method and path, if it holds for every request that has them."""
        path = inbound.target.path
        if route.policy.always(inbound.method, path) is rule:
            rules = self.question_rules if inbound.forwarded else self.rule_cache
            if len(rules) >= MEMO_SIZE:
                rules.clear()
            rules[inbound.host, inbound.method, path] = (route, rule)

    def home(self, host: str) -> Route | None:
        """Return the App our own pages on this host speak for: the one nearest the root."""
        here = self._by_host.get(host)
        return None if here is None else here[-1]

    def is_portal(self, path: str) -> bool:
        """Whether a canonical path is one of our own pages'."""
        return path.startswith(self.portal_prefix) or path == self._portal_root

    def brought(self, inbound: Inbound) -> Brought | None:
        """Return the ticket the browser brought for this host, and whether it bears our seal; `None` for no ticket."""
        if not inbound.cookie:
            return None
        here = self._by_host.get(inbound.host)
        if here is None:
            return None
        name = here[0].session_cookie
        cache = inbound.section_cache
        if cache is None:
            return find_brought(inbound.cookie, name, self.seals)
        if cache.cookie_name != name:
            # The cache keeps only the ticket. Each request looks its session up anew.
            cache.brought = find_brought(inbound.cookie, name, self.seals)
            cache.cookie_name = name
        return cache.brought
