"""`gateway.yaml` as frozen values. Reading the file, with every mistake at once, is `check`'s business.

One class a section; a field's name is the key people write, its default is what they
get, its docstring is the reference page's text. Durations are seconds, sizes bytes;
people write `30m` and `64KiB`. Secrets are named by file or environment variable, never inline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal

from gateway.settings.typed import AtReplacement, AtRestart, Bytes, Seconds
from gateway.wire.methods import Method

Words = Mapping[str, str]
"""The same words in languages, by code: `{ja: …, en: …}`."""


PORTAL_PREFIX = "/.sekisho/"


class Environment(StrEnum):
    """Which Digital Authentication service."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    EMULATOR = "emulator"
    OTHER = "other"


class Mode(StrEnum):
    """How an App is reached."""

    PROXY = "proxy"
    FORWARD_AUTH = "forward_auth"


class Ask(StrEnum):
    """When scopes are asked for."""

    PER_RULE = "per_rule"
    ONCE = "once"


class Freshness(StrEnum):
    """The moment that `signed_in_within` counts from."""

    AUTH_TIME = "auth_time"
    CALLBACK = "callback"


class Reauthenticate(StrEnum):
    """How a provider that may have a session of its own is asked to authenticate a person anew."""

    AUTO = "auto"
    MAX_AGE = "max_age"
    PROMPT = "prompt"
    NONE = "none"


ANY = "any"
"""The word in `accept_acr` for every value there is."""


class Stack(StrEnum):
    """The stack of an application: its ways to read a path beyond those that the gateway always judges.

    If two readings disagree on the rule, the gateway refuses the request. A wrong `stack` opens nothing.
    """

    ASPNET = "aspnet"
    DOMINO = "domino"
    IIS = "iis"
    MEDIAWIKI = "mediawiki"
    PHP = "php"
    RAILS = "rails"
    SPRING = "spring"
    TOMCAT = "tomcat"
    WORDPRESS = "wordpress"
    ZOPE = "zope"


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """How much of anything we take from a client or an application before we answer instead."""

    request_line: Bytes = 8 * 1024
    """Bytes of a request line; over it, 414."""
    headers: Bytes = 32 * 1024
    """Bytes of a request's header section, counted as fed; over it, 431."""
    header_count: int = 100
    """Fields of a request's header section; over it, 431."""
    body: Bytes | None = None
    """Bytes of a request's body; over it, 413. None: no limit."""
    answer_headers: Bytes = 64 * 1024
    """Bytes of an answer's header section; over it, 502."""
    connections: int = 20_000
    """Client connections in all, per worker."""
    connections_per_address: int = 1_000
    """Client connections from one address, trusted proxies excepted, per worker."""
    head_time: Seconds = 10.0
    """Seconds a client has to send a whole head; over it, 408."""
    idle: Seconds = 75.0
    """Seconds a kept-alive client connection may say nothing."""
    stream_idle: Seconds = 120.0
    """Seconds a body may stand still in either direction before both sides are closed."""
    tunnel_idle: Seconds = 600.0
    """Seconds a WebSocket may be silent in both directions."""
    connect: Seconds = 5.0
    """Seconds to connect to an application; over it, 502."""
    answer: Seconds = 60.0
    """Seconds an application has until its answer's head; over it, 504."""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """The source of a secret, exactly one of the two."""

    file: Path | None = None
    """Path of a file that holds it; readable by us alone."""
    env: str | None = None
    """Name of an environment variable that holds it."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The OpenID provider, and us as its client."""

    environment: Environment = Environment.OTHER
    """`production`, `sandbox`, `emulator` (loopback only), or `other` with an `issuer`."""
    issuer: str = ""
    """The issuer, compared exactly (OpenID Connect Discovery 4.3); follows from `production` and `sandbox`."""
    client_id: str = ""
    """The client identifier the agency gave us."""
    keys: SecretSource = SecretSource()
    """Our client keys, a JWKS file with private members."""
    contracted: frozenset[Literal["name", "address", "birthdate", "gender"]] = frozenset()
    """The items of the agency's form: of `name`, `address`, `birthdate`, `gender`."""
    via: str | None = None
    """Outbound proxy URL; never taken from ambient variables."""
    via_credentials: SecretSource | None = None
    ca: Path | None = None
    """One more CA to trust for the provider; verification itself cannot be switched off."""
    acr_values: str | None = ""
    """Sent as `acr_values`: words with one space between. `none` sends nothing. Not given: `aal3 crl` to the agency's
    service and its emulator, nothing to another provider (unless `require_acr` is set and `accept_acr` is not)."""
    accept_acr: tuple[str, ...] = ()
    """Values of which an ID token's `acr` must be one (all words of it, in any order), such as `["1"]`; `any` takes
    every sign-in of the provider's. Not given: the value of `acr_values`, and any where nothing is asked."""
    any_acr_because: str = ""
    """The reason why `accept_acr: any` is right, for the next reader; `environment: production` demands one."""
    require_acr: bool = False
    """Whether an ID token must have an `acr`; it always must where `accept_acr` lists values."""
    reauthenticate: Reauthenticate = Reauthenticate.AUTO
    """How the provider is asked for a fresh sign-in where a rule says `signed_in_within`: by `max_age`, by `prompt`
    (`prompt=login`), or not at all (`none`). `auto`: `max_age`, but `none` for the agency's service, whose reference
    lists neither. Only the token's `auth_time` shows that the sign-in is fresh."""
    require_at_hash: bool = True
    """Whether an ID token must have an `at_hash`; a wrong one fails always. `false` where a provider sends none."""
    freshness: Freshness = Freshness.AUTH_TIME
    """The moment that `signed_in_within` counts from. `callback` is for a provider whose ID tokens have no `auth_time`;
    one that has it counts all the same."""
    clock_skew: Seconds = 10.0
    """Seconds our clock may differ from the provider's; 0 to 120."""
    timeout: Seconds = 10.0
    """Seconds for any call to the provider."""
    assertion_lifetime: Seconds = 60.0
    """Seconds a client assertion is valid for."""
    assertion_audience: Literal["token_endpoint", "issuer"] = "token_endpoint"
    """`token_endpoint` or `issuer`: sources disagree which the service wants."""
    assertion_algorithm: Literal["ES256", "RS256"] | None = None
    """`ES256` or `RS256`; the key's own `alg` where not given."""
    id_token_algorithms: tuple[Literal["ES256", "ES384", "PS256", "RS256"], ...] = ("ES256",)
    """Algorithms an ID token may be signed with; `alg` is never taken from the token alone."""
    stale_for: Seconds = 86_400.0
    """Seconds that cached metadata and keys serve through an outage."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The store of sessions, and their lifetime."""

    store: AtReplacement[str] = "memory"
    """`memory` (one worker, gone on restart), `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://`."""
    secret: AtReplacement[SecretSource] = SecretSource()
    """One or more secrets, a line each, 32 bytes or more: the first seals, all open."""
    idle: AtReplacement[Seconds] = 1_800.0
    """Seconds of silence that end a session."""
    absolute: Seconds = 28_800.0
    """Seconds after sign-in that end a session, however busy it is."""
    stale_for: AtReplacement[Seconds] = 0.0
    """Seconds that sessions already in memory are honoured when the store is away."""
    timeout: AtReplacement[Seconds] = 1.0
    """Seconds for one command to the store."""
    ca: AtReplacement[Path | None] = None
    """One more CA to trust for the store, over TLS."""
    password: AtReplacement[SecretSource] = SecretSource()
    """Redis's password; the user, where there is one, stands in the URL."""
    sentinel_password: AtReplacement[SecretSource] = SecretSource()
    """The sentinels' own password, where they have one."""
    tickets: AtReplacement[Literal["plain", "sealed", "sealed_only"]] = "plain"
    """How session cookies are written: `plain`, or `sealed` so that a forged one costs no look-up; both are read.
    Turn `sealed` on once no older version of the gateway runs on the store, and `sealed_only`, which no longer reads
    plain ones, once `absolute` has passed since then."""
    sign_outs: AtReplacement[Path | None] = None
    """The file in which sign-outs wait while the store is away, so that it hears of them when it is back.
    None: `sign-outs` in the state directory that systemd names (`StateDirectory=`), else beside this file."""
    per_subject: AtReplacement[int | None] = None
    """Most concurrent sessions of one subject; the oldest ends. None: no cap."""


@dataclass(frozen=True, slots=True)
class PathSettings:
    """Spellings of a path that an old application needs: the gateway admits them, and judges what they mean."""

    ignore_case: bool = False
    """Whether the application takes `/Reserve` for `/reserve`: paths are then judged and forwarded in lower case."""
    parameters: Literal["refuse", "keep"] = "refuse"
    """`refuse` or `keep` a `;` in a segment."""
    encoded_slash: Literal["refuse", "keep"] = "refuse"
    """`refuse` or `keep` a `%2F` in a segment."""
    merge_slashes: bool = False
    """Whether `//` is judged and forwarded as `/`; otherwise refused."""
    empty_segments: Literal["refuse", "keep"] = "refuse"
    """`refuse` or `keep` empty segments within a path (`/proxy/http://x/y`); never at its beginning."""
    encoded_percent: Literal["refuse", "keep"] = "refuse"
    """`refuse` or `keep` a `%25` before two hexadecimal digits (`/100%2525.txt`), which some servers decode twice."""
    charset: Literal["utf-8", "cp932", "euc-jp"] = "utf-8"
    """The charset that a path's escapes are in: `utf-8`, `cp932` or `euc-jp` (`/%8E%91%97%BF.txt` is 資料.txt)."""


@dataclass(frozen=True, slots=True)
class HeaderSettings:
    """How facts are written into request headers, and which headers clients may send."""

    KEYS: ClassVar = {"passed": "pass"}

    encoding: Literal["percent", "base64", "raw"] = "percent"
    """`percent`, `base64` or `raw`."""
    charset: Literal["utf-8", "cp932", "euc-jp"] = "utf-8"
    """`utf-8`, `cp932` or `euc-jp`, which is written as systems do that call it so (eucJP-ms)."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Fact or condition name to header name, where it is not `X-Verified-…`."""
    birthdate: Literal["extended", "basic"] = "extended"
    """`extended` (`2004-02-29`) or `basic` (`20040229`)."""
    longest: Bytes = 4_096
    """Bytes of one value as sent; a longer one is left out whole, never cut."""
    strip: tuple[str, ...] = ()
    """More header names that no client may bring. The reader adds every App's `names`, as Apps may share a server."""
    keep: tuple[str, ...] = ()
    """Header names that no browser sends (such as `X-User-Id`) and that clients may send after all.

    `check` refuses a name that would not be kept: ours, and what changes path, host, method or connection.
    """
    passed: tuple[str, ...] | None = None
    """The only header names that clients may send beside those a browser sends by itself: for an application that was
    behind another gateway, whose header names nobody knows any more. None: all may pass that no family claims.

    A browser's own are `Accept…`, `Authorization`, `Cache-Control`, `Content-…`, `If-…`, `Origin`, `Range`, `Referer`,
    `Sec-…`, `User-Agent`, `X-Requested-With` and a few more; a token against CSRF must be listed.
    """
    odd_names: Literal["drop", "keep"] = "drop"
    """`drop` or `keep` a client's header names with other signs than letters, digits and `-`; `_` is the common one."""


@dataclass(frozen=True, slots=True)
class WithoutCard:
    """The other way for a person without a card."""

    url: str = ""
    """Page that tells what to do."""
    text: Words = field(default_factory=dict)
    """The words of the link to it."""


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The App's policy; written as a path, or with a candidate that is judged in its shadow."""

    SHORT: ClassVar = "file"

    file: Path = Path()
    """The policy that decides."""
    candidate: Path | None = None
    """Judged beside the real one; never lets anyone in."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """The active health check of an App's upstreams."""

    SHORT: ClassVar = "path"

    path: str = "/"
    """Asked with GET; any status below 400 is healthy."""
    interval: Seconds = 10.0
    """Seconds between two checks of one upstream, by each worker."""
    timeout: Seconds = 2.0
    """Seconds for one check."""
    unhealthy_after: int = 2
    """Failed checks in a row after which an upstream gets no requests."""
    healthy_after: int = 1
    """Good checks in a row after which it gets some again."""


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """How an App's upstreams are reached, shared out, spared and watched."""

    balance: Literal["round_robin", "least_requests"] = "round_robin"
    """Whether upstreams take turns, or the least busy one is asked."""
    concurrency: int | None = None
    """Most requests the App is given at once, by each worker; others wait in the queue. None: no limit."""
    queue: int = 100
    """Most requests that wait; one more is answered 503."""
    queue_time: Seconds = 5.0
    """Seconds a request waits; then it is answered 503."""
    failures: int = 5
    """Connections in a row that an upstream refuses, or does not take in time, until the others are asked instead.
    The last one that is left is asked in any case."""
    ejected_for: Seconds = 1.0
    """Seconds between two attempts of ours to connect to such an upstream; the first that succeeds brings it back."""
    slow_return: Seconds = 30.0
    """Seconds over which an upstream that is back gets its full share again."""
    health: HealthSettings | None = None
    """The active check. None: only what requests tell."""
    idle: Seconds = 1.5
    """Seconds a connection is kept for the next request; must be less than the application's own limit."""
    half_close: Literal["leaves", "listens"] = "leaves"
    """Whether a client that closes its sending side has left, as browsers and proxies have, or waits for its answer.

    One that `leaves` still gets an answer that comes within a quarter of a second, for scripts that only listen.
    """
    apart_for: Seconds = 300.0
    """Seconds for which no connection is used twice, once a server of the App has sent bytes that answer no request."""
    ca: Path | None = None
    """The CA that signed an `https` upstream's certificate, where the system does not trust it already."""
    certificate: Path | None = None
    """Our client certificate, with its chain, where the upstream asks for one."""
    key: Path | None = None
    """Its key, where it is not in the same file."""
    server_name: str = ""
    """The name asked for and verified (SNI), where it is not the host of `upstream`."""
    strip_prefix: bool = False
    """Whether the path of the App's `url` is taken off before the application sees it."""
    references: Literal["inner", "public"] = "inner"
    """The scheme that the URLs in `Destination` and `If` have for the application (WebDAV).

    `inner` is the scheme of `upstream`, as mod_dav, nginx and Tomcat expect by themselves. `public` is that of `url`,
    for a server that takes its own from `X-Forwarded-Proto`, such as Tomcat with its RemoteIpValve.
    """
    tolerate: tuple[Literal["bare_lf", "obs_fold"], ...] = ()
    """Old forms of an answer's head that are accepted of this application, and written anew."""
    reads_bodies: bool = False
    """Whether the application's server reads every request's body to its end, also where a page looks at none.

    A server that does not takes what it left unread for the next request. Unless it is known to read them, a request
    with a body is sent with `Connection: close`, and its connection carries no further request.
    """


@dataclass(frozen=True, slots=True)
class NextPersonSettings:
    """Protection of a person's pages from the next person at the same browser."""

    pages: Literal["no_cache", "no_store", "as_sent"] = "no_cache"
    """How long a browser keeps the pages of a person who is signed in.

    `no_cache` has it ask again before it shows one, where the application says nothing of caches itself. `no_store` has
    it keep none, also against the application's word; it also closes Back to a page that answered a form. `as_sent`
    changes nothing. Style sheets, scripts, fonts and pictures are left alone.
    """
    clear: tuple[Literal["cache", "storage"], ...] = ("cache", "storage")
    """Data of this origin that a browser forgets at sign-out, and when another person signs in (`Clear-Site-Data`).

    `cache` is every page and file that it keeps, Back included; `storage` is what scripts keep (`localStorage`,
    IndexedDB) and service workers. All Apps of one host must agree.
    """


@dataclass(frozen=True, slots=True)
class AppSettings:
    """One protected application."""

    name: str
    """A short name: key of its upstreams, label of its metrics, never shown to citizens."""
    url: str
    """Public origin: route, redirect URI, cookie and audience follow from it."""
    upstream: tuple[str, ...] = ()
    """The application's address, `http://host:port`; one or several."""
    policy: PolicyFiles = PolicyFiles()
    mode: Mode = Mode.PROXY
    ask: Ask = Ask.PER_RULE
    operator: Words = field(default_factory=dict)
    """The receiver of the facts; shown before 4情報 are asked for."""
    privacy_policy: str = ""
    """URL of the operator's privacy policy; shown with the notice."""
    contact: str = ""
    """URL where a citizen finds help; shown on every page that cannot help any further."""
    without_card: WithoutCard | None = None
    application_cookies: tuple[str, ...] = ()
    """The App's own session cookies: expired when another person signs in on a browser, and at sign-out."""
    next_person: NextPersonSettings = NextPersonSettings()
    """Protection of a person's pages from the next person at the same browser."""
    maintenance: str | None = None
    """The switch that closes the App with a page of ours. None: `maintenance-NAME`, NAME being the App's."""
    allowed_origins: tuple[str, ...] = ()
    """Other origins whose scripts may send requests, read answers and open WebSockets."""
    internal_origins: tuple[str, ...] = ()
    """Origins the App calls itself by in `Location`, rewritten to `url`; its `upstream`s are always among them."""
    upstream_options: UpstreamSettings = UpstreamSettings()
    """How the upstreams are reached, shared out, spared and watched."""
    methods: tuple[Method, ...] = ()
    """More methods that the application gets, by their names in the IANA registry of HTTP methods.

    Every App gets GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS. WebDAV needs `[PROPFIND, PROPPATCH, MKCOL, COPY,
    MOVE, LOCK, UNLOCK]`, CalDAV and CardDAV also `[REPORT, MKCALENDAR, ACL]`. A method of the registry that is not
    listed is answered 405, another one 501. CONNECT, TRACE and PRI never arrive.
    """
    method_override: Literal["refuse", "both"] = "refuse"
    """The treatment of a request that asks for another method by `X-HTTP-Method-Override` and its kin, or by `_method`
    in its query.

    `refuse` answers 400 (a query alone only where another rule is that method's). `both` judges both methods: each must
    be permitted, both limits count, and only what both rules disclose is told. A `_method` in a body is never seen.
    """
    refuse_body: tuple[Literal["GET", "HEAD", "DELETE", "OPTIONS", "COPY", "MOVE", "UNLOCK"], ...] = ("GET", "HEAD")
    """Methods whose requests must have no body; one that has is answered 400 with the reason `unexpected_body`.

    Add `DELETE` and `OPTIONS` where the application's server goes on after `Connection: close` and a page may leave
    a body unread: such a server would serve the body as a request of its own.
    """
    paths: PathSettings = PathSettings()
    stack: tuple[Stack, ...] = ()
    """The application's stack, one or several: further ways to read a path, judged beside those of all."""
    headers: HeaderSettings = HeaderSettings()
    client: ProviderSettings | None = None
    """The App's own client, where it does not share the common one."""
    registration: Mapping[str, str] = field(default_factory=dict)
    """Entries for the agency's forms: `home`, `summary`, `terms`, `logo`."""

    @property
    def secure(self) -> bool:
        """Whether the public origin is https."""
        return self.url.startswith("https://")


@dataclass(frozen=True, slots=True)
class RateSettings:
    """How often a worker lets something be done in a minute before it answers 429."""

    sign_ins_per_address: int = 600
    """Sign-ins begun from one address (of IPv6: one /64). A library or a mobile carrier is one address for many."""
    sign_ins: int = 12_000
    """Sign-ins begun from all addresses."""
    callbacks_per_address: int = 600
    """Answers of the provider brought back by browsers of one address."""
    callbacks: int = 12_000
    """Answers of the provider brought back by all browsers."""
    forged_tickets_per_address: int = 1_200
    """Requests from one address with a plain session cookie that stands for nothing, each of which costs a look-up."""
    forged_tickets: int = 60_000
    """Such requests from all addresses."""
    ended_tickets_per_address: int = 1_200
    """Requests from one address with a sealed session cookie of a session that has ended: a look-up each as well."""
    ended_tickets: int = 60_000
    """Such requests from all addresses."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """The store of a policy's limits, which must neither evict nor forget."""

    store: AtReplacement[str | None] = None
    """`redis://…` with `maxmemory-policy noeviction` and persistence, checked at start; `memory` only to try it out."""


@dataclass(frozen=True, slots=True)
class AssertionSettings:
    """The signed token that repeats the headers."""

    keys: SecretSource | None = None
    """Our assertion keys, a JWKS file with private members; never the client's keys."""
    issuer: str = ""
    """`iss` of every assertion; each App's own origin where not given."""
    lifetime: Seconds = 60.0
    """How long an assertion is good for; at most 10 minutes."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS on `listen`, where no proxy in front ends it."""

    certificate: Path
    """The certificate with its chain, PEM; read again at each reload."""
    key: Path | None = None
    """Its key, where it is not in the same file."""
    redirect: AtRestart[str | None] = None
    """Address and port of a plain listener that sends browsers to https. None: none."""
    hsts: Seconds | None = None
    """Seconds for which browsers are told to ask by https alone. None: they are not told."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `gateway.yaml`."""

    listen: AtRestart[str]
    """Address and port we take requests on."""
    provider: ProviderSettings
    sessions: SessionSettings
    apps: tuple[AppSettings, ...]
    """The protected applications."""
    tls: AtRestart[TlsSettings | None] = None
    """TLS on `listen`. None: plain HTTP, behind a proxy or on loopback."""
    management: AtRestart[str] = "127.0.0.1:9464"
    """Address and port of metrics and health; never to be published."""
    management_hosts: tuple[str, ...] = ()
    """Host names by which `management` may be asked, beside addresses, `localhost` and the name it listens on."""
    operators: AtRestart[SecretSource | None] = None
    """Operators who may list and end sessions through `management`: a file with a name and a token's hash a line."""
    aliases: Path | None = None
    """File of `sekisho subjects alias`: persons whose subject changed, and by which one applications know them."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-*` we believe; nobody by default."""
    prefix: str = PORTAL_PREFIX
    """Path under which our own pages live on every App's host."""
    traffic: TrafficSettings = TrafficSettings()
    """Limits and clocks of the byte path."""
    rates: RateSettings = RateSettings()
    """How often sign-ins may be tried."""
    limits: LimitSettings = LimitSettings()
    """The store that counts a policy's `limit`."""
    switches: Path | None = None
    """The file that `sekisho switch` writes. None: `switches.json` beside this file."""
    assertion: AssertionSettings = AssertionSettings()
    workers: AtRestart[str] = "1"
    """Worker processes: a number, or `auto` for one a core. More than one needs a store that is not `memory`."""
    drain_timeout: Seconds = 30.0
    """Seconds that requests and streams under way may take to end once we are told to stop."""
    access_log: AtReplacement[str | None] = "stderr"
    """`stderr`, a file's path, or `off`."""

    def headers_of(self, app: AppSettings) -> HeaderSettings:
        """Return an App's header settings as they are run.

        A name that one App gives a fact is an identity header everywhere: a browser sends it to any App.
        """
        named = sorted({name for each in self.apps for name in each.headers.names.values()})
        return replace(app.headers, strip=(*app.headers.strip, *named))

    def worker_count(self, cores: int) -> int:
        """Return how many workers to run on a machine of so many cores."""
        return cores if self.workers == "auto" else int(self.workers)
