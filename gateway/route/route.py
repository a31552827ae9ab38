"""The App of a request, with everything that later steps need of it.

A `Route` is made once, when configuration and policies are read; `table.py` finds the
one a request belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gateway.identity import Acting
from gateway.instant import Instant
from gateway.policy.decide import CompiledPolicy
from gateway.policy.permit_cache import PermitCache
from gateway.policy.verdict import Challenge, RuleId, Words
from gateway.route.inner_origins import InnerOrigins
from gateway.route.logo import Logo
from gateway.route.traffic import RouteTraffic
from gateway.session.session import Session
from gateway.settings.settings import PORTAL_PREFIX, AppSettings, Ask
from gateway.wire.methods import METHODS, REGISTERED

_PORT = re.compile(r":[0-9]+\Z")


def told_nothing(_acting: Acting) -> bytes:
    """Tell an application nothing of an account."""
    return b""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A protected application, ready to be decided on."""

    app: AppSettings
    host: str
    """The host in the form of `Inbound.host`: no default port."""
    client_id: str
    policy: CompiledPolicy
    session_cookie: bytes
    """`__Host-sekisho`, or `sekisho` over plain HTTP on loopback."""
    pending_cookie: bytes
    """The cookie that binds pending logins to this browser: `__Host-sekisho-login`, or `sekisho-login`."""
    prefix: str = "/"
    """The path prefix of the App: `/`, or `/name` without a slash at its end."""
    portal_prefix: str = PORTAL_PREFIX
    """The path that our own pages live under, on this App's host too. Begins and ends with `/`."""
    traffic: RouteTraffic | None = None
    """The App's own limits and clocks; `None` where it has those of all Apps."""
    says_hsts: bool = False
    """The gateway itself sends HSTS (`tls.hsts`), so the application's header is removed."""
    closed_until: Instant = 0.0
    """Until when the App is in maintenance; 0: it is not."""
    closed_message: Words = field(default_factory=dict)
    """The operator's words to people about it."""
    logo: Logo | None = None
    """The picture on the name plate, in place of the neutral mark."""
    candidate: CompiledPolicy | None = None
    """The candidate policy: its verdicts are compared and counted, and permit nothing."""
    for_us: frozenset[bytes] = frozenset()
    """The answer fields in which the application speaks of entries, in lower case: no browser gets them."""
    signs_out: RuleId | None = None
    """The rule that matches the application's own sign-out links; `None` if there is none."""
    telling: Callable[[Acting], bytes] = told_nothing
    """Returns the header lines that tell the application of an account, beside the facts."""
    permit_cache: PermitCache = field(default_factory=PermitCache, repr=False)
    """The permits of requests without a session. The pipeline fills it."""
    cookie_host: str = field(init=False)
    """The host as cookies know it, without a port (RFC 6265 section 8.5): where a session issued here is good."""
    token: object = field(init=False, repr=False)
    """An identity of this route for caches, which keeps nothing of the route in memory."""
    port: bytes = field(init=False)
    """The public origin's port, in digits."""
    methods: Mapping[bytes, str] = field(init=False)
    """The methods that the App gets, by their bytes."""
    inner_origins: InnerOrigins = field(init=False)
    """The origins that the application calls itself by, and that no browser reaches."""

    def __post_init__(self) -> None:
        """Compute the values that each request would otherwise compute anew."""
        app = self.app
        object.__setattr__(self, "token", object())
        object.__setattr__(self, "cookie_host", _PORT.sub("", self.host))
        port = _PORT.search(self.host)
        object.__setattr__(self, "port", (port[0][1:] if port else "443" if app.secure else "80").encode())
        asked = set(app.methods)
        more = {word: name for word, name in REGISTERED.items() if name in asked}
        object.__setattr__(self, "methods", METHODS | more if more else METHODS)
        object.__setattr__(self, "inner_origins", InnerOrigins(self.inner_urls))

    @property
    def name(self) -> str:
        """The App's name: key of its upstream pool, label of its metrics."""
        return self.app.name

    @property
    def origin(self) -> str:
        """The public origin: scheme, host and port (RFC 6454 section 6.1)."""
        return f"{'https' if self.app.secure else 'http'}://{self.host}"

    @property
    def inner_urls(self) -> tuple[str, ...]:
        """The URLs by which the application calls itself, and that no browser reaches."""
        # The gateway terminates TLS, so an old application sees plain HTTP and writes `http:` into its URLs.
        plain = (f"http://{self.host}",) if self.app.secure else ()
        return (*self.app.upstream, *self.app.internal_origins, *plain)

    @property
    def cookie_prefix(self) -> bytes:
        """The beginning of our cookies' names: `__Host-` is for secure origins alone."""
        return b"__Host-" if self.app.secure else b""

    def asking(self, challenge: Challenge) -> Challenge:
        """Return a challenge with the scopes that the provider is asked for: with `ask: once`, those of all rules.

        The items are asked for the purposes of all these rules, so the notice lists all of them.
        """
        if self.app.ask is Ask.PER_RULE:
            return challenge
        return replace(challenge, scopes=challenge.scopes | self.policy.scopes, purpose=self.policy.purpose)

    def accepts(self, session: Session) -> bool:
        """Whether a session counts here: it is of this client and was issued at this host.

        A leaked ticket is useless at another host. A session of a build that kept no hosts has none, and stays valid
        until a clock ends it.
        """
        return session.identity.client_id == self.client_id and session.host in ("", self.cookie_host)

    def holds(self, path: str) -> bool:
        """Whether a canonical path is this App's."""
        return self.prefix == "/" or path == self.prefix or path.startswith(f"{self.prefix}/")
