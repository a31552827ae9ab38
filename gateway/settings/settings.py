"""`gateway.yaml` as frozen values. `check` reads the file and notes every mistake at once.

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

from gateway.language import Language
from gateway.observe.line_head import LineForm
from gateway.settings.typed import AtReplacement, AtRestart, Bytes, Seconds, Share
from gateway.wire.methods import Method

Words = Mapping[str, str]
"""The same words in languages, by code: `{ja: …, en: …}`."""


PORTAL_PREFIX = "/.sekisho/"

REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "rediss+sentinel", "rediss+cluster")
"""The schemes of a URL that leads to a Redis; `redis_client` connects by each."""


class Environment(StrEnum):
    """Which Digital Authentication service."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    EMULATOR = "emulator"
    OTHER = "other"


class Mode(StrEnum):
    """The way in which requests reach an App: through the gateway, or by questions of an outer proxy."""

    PROXY = "proxy"
    FORWARD_AUTH = "forward_auth"


class Ask(StrEnum):
    """The time at which the provider is asked for the items: at each rule, or at the first sign-in."""

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
    """Limits on everything that the gateway accepts from a client or an application."""

    request_line: Bytes = 8 * 1024
    """Bytes of a request line; over it, 414."""
    headers: Bytes = 32 * 1024
    """Bytes of a request's header section; over it, 431."""
    header_count: int = 100
    """Fields of a request's header section; over it, 431."""
    body: Bytes | None = None
    """Bytes of a request's body; over it, 413. None: no limit."""
    counted_uploads: Bytes = 64 * 1024 * 1024
    """Bytes of all bodies that a worker keeps at one time to count them (`chunked_uploads`); over it, 411."""
    answer_headers: Bytes = 64 * 1024
    """Bytes of an answer's header section; over it, 502."""
    connections: int = 20_000
    """Client connections in all, per worker."""
    connections_per_address: int = 1_000
    """Client connections from one address, trusted proxies excepted, per worker."""
    head_time: Seconds = 10.0
    """Seconds in which a client must send a whole head; over it, 408."""
    idle: Seconds = 75.0
    """Seconds that a kept-alive client connection may stay idle."""
    stream_idle: Seconds = 120.0
    """Seconds without a byte of a body in either direction, after which the gateway closes both sides."""
    tunnel_idle: Seconds = 600.0
    """Seconds a WebSocket may be silent in both directions."""
    connect: Seconds = 5.0
    """Seconds to connect to an application; over it, 502."""
    answer: Seconds = 60.0
    """Seconds in which an application must send its answer's head; over it, 504."""


@dataclass(frozen=True, slots=True)
class PathTraffic:
    """Limits and clocks of some of an App's paths. The first entry that names a path holds."""

    path: tuple[str, ...]
    """Patterns as in a policy: `*` is one segment, `**` any number."""
    body: Bytes | None = None
    """Bytes of a request's body; over it, 413. None: the App's."""
    answer: Seconds | None = None
    """Seconds the application has until its answer's head; over it, 504. None: the App's."""
    stream_idle: Seconds | None = None
    """Seconds a body may stand still in either direction. None: the App's."""
    tunnel_idle: Seconds | None = None
    """Seconds a WebSocket or an event stream may be silent. None: the App's."""


@dataclass(frozen=True, slots=True)
class AppTraffic:
    """An App's own limits and clocks, where they are not those of `traffic`."""

    body: Bytes | None = None
    """Bytes of a request's body; over it, 413. None: `traffic.body`."""
    connect: Seconds | None = None
    """Seconds to connect to the application; over it, 502. None: `traffic.connect`."""
    answer: Seconds | None = None
    """Seconds the application has until its answer's head; over it, 504. None: `traffic.answer`."""
    stream_idle: Seconds | None = None
    """Seconds a body may stand still in either direction. None: `traffic.stream_idle`."""
    tunnel_idle: Seconds | None = None
    """Seconds a WebSocket or an event stream may be silent. None: `traffic.tunnel_idle`."""
    paths: tuple[PathTraffic, ...] = ()
    """Other values for some of the App's paths."""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """The source of a secret, exactly one of the two."""

    SECRET: ClassVar = True

    file: Path | None = None
    """Path of a file that holds the secret; only the gateway may read it."""
    env: str | None = None
    """Name of an environment variable that holds the secret."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The OpenID provider, and us as its client."""

    environment: Environment = Environment.OTHER
    """`production`, `sandbox`, `emulator` (loopback only), or `other` with an `issuer`."""
    issuer: str = ""
    """The issuer, compared exactly (OpenID Connect Discovery 4.3); follows from `production` and `sandbox`."""
    client_id: str = ""
    """The client identifier that the agency assigned."""
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
    """The value sent as `acr_values`: words with one space between; `none` sends nothing. The default is `aal3 crl`
    for the agency's service and its emulator, and nothing for another provider, except that it is `aal3 crl` as well
    if `require_acr` is set and `accept_acr` is not."""
    accept_acr: tuple[str, ...] = ()
    """Accepted values of an ID token's `acr` (all words of one value, in any order), such as `["1"]`; `any` accepts
    every sign-in of the provider. The default is the value of `acr_values`, and any value if none is sent."""
    any_acr_because: str = ""
    """The reason why `accept_acr: any` is right, for the next reader; `environment: production` demands one."""
    require_acr: bool = False
    """Whether an ID token must have an `acr`; it always must if `accept_acr` lists values."""
    reauthenticate: Reauthenticate = Reauthenticate.AUTO
    """The parameter that asks the provider for a fresh sign-in if a rule says `signed_in_within`: `max_age`, `prompt`
    (`prompt=login`), or `none`. `auto` means `max_age`, and `none` for the agency's service, whose reference lists
    neither. Only the token's `auth_time` shows that the sign-in is fresh."""
    card_errors: tuple[str, ...] = ("unmet_authentication_requirements",)
    """The error codes by which the provider says that a card has expired, or was revoked or suspended. The page of any
    other code blames no card: it says that the fault is ours or the provider's."""
    require_at_hash: bool = True
    """Whether an ID token must have an `at_hash`; a wrong one always fails. Set `false` if a provider sends none."""
    freshness: Freshness = Freshness.AUTH_TIME
    """The time from which `signed_in_within` counts. `callback` is for a provider whose ID tokens have no `auth_time`;
    an `auth_time` that a token has still counts."""
    clock_skew: Seconds = 10.0
    """Seconds by which our clock may differ from the provider's; 0 to 120."""
    timeout: Seconds = 10.0
    """Seconds for any call to the provider."""
    assertion_lifetime: Seconds = 60.0
    """Seconds a client assertion is valid for."""
    assertion_audience: Literal["token_endpoint", "issuer"] = "token_endpoint"
    """`token_endpoint` or `issuer`: our sources disagree on the value that the service expects."""
    assertion_algorithm: Literal["ES256", "RS256"] | None = None
    """`ES256` or `RS256`; without it, the key's own `alg`."""
    id_token_algorithms: tuple[Literal["ES256", "ES384", "PS256", "RS256"], ...] = ("ES256",)
    """Algorithms of an ID token's signature; the gateway never trusts the token's `alg` alone."""
    userinfo_algorithms: tuple[Literal["ES256", "ES384", "PS256", "RS256"], ...] = ()
    """Algorithms of UserInfo's signature, for a provider that answers with a JWT: then the gateway reads nothing else.
    Without it, UserInfo is plain JSON."""
    stale_for: Seconds = 86_400.0
    """Seconds for which cached metadata and keys are used during an outage of the provider."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """The store of sessions, and their lifetime."""

    store: AtReplacement[str] = "memory"
    """`memory` (one worker, gone on restart), `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://`."""
    secret: AtReplacement[SecretSource] = SecretSource()
    """One or more secrets, a line each, 32 bytes or more. The first one seals, and each of them opens."""
    idle: AtReplacement[Seconds] = 1_800.0
    """Seconds of silence that end a session."""
    absolute: Seconds = 28_800.0
    """Seconds after sign-in that end a session, even if it is in use."""
    sign_in: AtReplacement[Seconds] = 1_800.0
    """Seconds that a person has from the button of our notice to the end of the sign-in; the notice says so."""
    stale_for: AtReplacement[Seconds] = 0.0
    """Seconds for which the gateway accepts sessions in memory while the store is away."""
    timeout: AtReplacement[Seconds] = 1.0
    """Seconds for one command to the store."""
    ca: AtReplacement[Path | None] = None
    """One more CA to trust for the store, over TLS."""
    password: AtReplacement[SecretSource] = SecretSource()
    """Redis's password; the URL has the user, if there is one."""
    sentinel_password: AtReplacement[SecretSource] = SecretSource()
    """The sentinels' own password, if they have one."""
    tickets: AtReplacement[Literal["plain", "sealed", "sealed_only"]] = "plain"
    """The form of session cookies: `plain`, or `sealed` so that a forged one costs no look-up. The gateway reads both.
    Turn `sealed` on once no older version of the gateway runs on the store, and `sealed_only`, which no longer reads
    plain ones, once `absolute` has passed since then."""
    sign_outs: AtReplacement[Path | None] = None
    """The file in which sign-outs wait while the store is away; a worker passes them on when it is back.
    None: `sign-outs` in the state directory that systemd names (`StateDirectory=`), else beside this file."""
    per_subject: AtReplacement[int | None] = None
    """Most concurrent sessions of one subject; the oldest ends. None: no cap."""


@dataclass(frozen=True, slots=True)
class PathSettings:
    """Spellings of a path that an old application needs: the gateway admits them, and judges all their readings."""

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
    """The form of facts in request headers, and the headers that clients may send."""

    KEYS: ClassVar = {"passed": "pass"}

    encoding: Literal["percent", "base64", "raw"] = "percent"
    """`percent`, `base64` or `raw`."""
    charset: Literal["utf-8", "cp932", "euc-jp"] = "utf-8"
    """`utf-8`, `cp932` or `euc-jp`, which means eucJP-ms, as on most Japanese systems."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Fact or condition name to header name, for headers other than `X-Verified-…`."""
    birthdate: Literal["extended", "basic"] = "extended"
    """`extended` (`2004-02-29`) or `basic` (`20040229`)."""
    longest: Bytes = 4_096
    """Bytes of one value as sent; the gateway leaves a longer one out and never cuts it."""
    strip: tuple[str, ...] = ()
    """More header names that no client may bring. The reader adds every App's `names`, as Apps may share a server."""
    keep: tuple[str, ...] = ()
    """Header names that no browser sends (such as `X-User-Id`) and that clients may send after all.

    `check` refuses a name that cannot be kept: one of ours, and one that changes path, host, method or connection.
    """
    passed: tuple[str, ...] | None = None
    """The only header names that clients may send beside a browser's own ones. Use it for an application that was
    behind another gateway with forgotten header names. None: all names pass that belong to no family.

    A browser's own are `Accept…`, `Authorization`, `Cache-Control`, `Content-…`, `If-…`, `Origin`, `Range`, `Referer`,
    `Sec-…`, `User-Agent`, `X-Requested-With` and a few more; a token against CSRF must be listed.
    """
    odd_names: Literal["drop", "keep"] = "drop"
    """`drop` or `keep` a client's header names with characters other than letters, digits and `-`, such as `_`."""


@dataclass(frozen=True, slots=True)
class WithoutCard:
    """The other way for a person without a card."""

    url: str = ""
    """URL of the page that explains it."""
    text: Words = field(default_factory=dict)
    """The text of the link to that page."""


@dataclass(frozen=True, slots=True)
class BrandSettings:
    """The name plate of an App's pages: whose they are, and of which service."""

    name: Words = field(default_factory=dict)
    """The name that stands first on every page, such as the city's. Without it, `operator`."""
    service: Words = field(default_factory=dict)
    """The service's name, in smaller letters below."""
    logo: Path | None = None
    """A file with the city's mark, in place of the neutral one: PNG, or SVG that only draws, 20 KiB at most. Our pages
    show it on a white ground, 40 to 48 pixels high."""
    colour: str = ""
    """The colour of the rule above the name plate and of the neutral mark, as `#0a6b3d`; no text stands on it."""


@dataclass(frozen=True, slots=True)
class ContactSettings:
    """The ways in which a citizen reaches a person who helps. A single text is the URL."""

    SHORT: ClassVar = "url"

    url: str = ""
    """URL of the page with help; every page of ours has the link."""
    phone: str = ""
    """A telephone number, as people read it: digits with hyphens, with `+` before a country's code."""
    hours: Words = field(default_factory=dict)
    """The times at which the telephone is answered."""
    counter: Words = field(default_factory=dict)
    """The counter that helps a person without a card, with its floor and its times."""

    def __bool__(self) -> bool:
        """Whether there is any way."""
        return bool(self.url or self.phone or self.counter)

    @property
    def dialled(self) -> str:
        """The telephone number as a `tel:` link has it (RFC 3966), without what only people read."""
        return "".join(sign for sign in self.phone if sign in "+0123456789")


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The App's policy: a path, or a file with a candidate that is evaluated beside it."""

    SHORT: ClassVar = "file"

    file: Path = Path()
    """The policy that decides."""
    candidate: Path | None = None
    """A policy that is evaluated beside the real one; its verdict only counts in a metric."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """The active health check of an App's upstreams."""

    SHORT: ClassVar = "path"

    path: str = "/"
    """Path of the check by GET; any status below 400 is healthy."""
    interval: Seconds = 10.0
    """Seconds between two checks of one upstream, by each worker."""
    timeout: Seconds = 2.0
    """Seconds for one check."""
    unhealthy_after: int = 2
    """Failed checks in a row after which an upstream gets no requests."""
    healthy_after: int = 1
    """Good checks in a row after which it gets requests again."""


Tolerated = Literal["bare_lf", "obs_fold", "double_chunked", "double_length", "head_with_both"]
"""The wrong forms of an answer's head that can be tolerated."""


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Connections to an App's upstreams: balance, limits, ejection, checks and TLS."""

    balance: Literal["round_robin", "least_requests"] = "round_robin"
    """The choice of an upstream: in turn, or the one with the fewest requests."""
    concurrency: int | None = None
    """Most requests that each worker sends to the App at once; others wait in the queue. None: no limit."""
    queue: int = 100
    """Most requests that wait; the answer to one more is 503."""
    queue_time: Seconds = 5.0
    """Seconds that a request waits; after that the answer is 503."""
    failures: int = 5
    """Connections in a row that an upstream refuses or does not accept in time, before the others are asked.
    The last one that is left is asked in any case."""
    ejected_for: Seconds = 1.0
    """Seconds between two attempts of ours to connect to such an upstream; the first that succeeds brings it back."""
    slow_return: Seconds = 30.0
    """Seconds in which an upstream that is back slowly gets its full share again."""
    health: HealthSettings | None = None
    """The active check. None: only requests show that an upstream is down."""
    idle: Seconds = 1.5
    """Seconds that an idle connection is kept for the next request; must be less than the application's own limit."""
    half_close: Literal["leaves", "listens"] = "leaves"
    """The meaning of a client that closes its sending side: it has left, as browsers and proxies have, or it waits.

    With `leaves` it still gets an answer that comes within a quarter of a second, for scripts that wait for one.
    """
    apart_for: Seconds = 300.0
    """Seconds for which no connection is used twice, once a server of the App has sent bytes that answer no request."""
    ca: Path | None = None
    """The CA that signed an `https` upstream's certificate, if the system does not trust it already."""
    certificate: Path | None = None
    """Our client certificate, with its chain, if the upstream asks for one."""
    key: Path | None = None
    """The certificate's key, if it is not in the same file."""
    server_name: str = ""
    """The server name for SNI and verification, if it is not the host of `upstream`."""
    strip_prefix: bool = False
    """Whether the gateway removes the path of the App's `url` before it forwards a request.

    It puts the path back into `Location`, `Content-Location`, `Refresh` and the paths of cookies, unless it is there.
    """
    references: Literal["inner", "public"] = "inner"
    """The scheme of the URLs in `Destination` and `If` that the application receives (WebDAV).

    `inner` is the scheme of `upstream`, as mod_dav, nginx and Tomcat expect by themselves. `public` is that of `url`,
    for a server that takes its own from `X-Forwarded-Proto`, such as Tomcat with its RemoteIpValve.
    """
    chunked_uploads: Literal["count", "stream", "refuse"] = "count"
    """The treatment of a request whose body comes in chunks, without a length.

    Many servers of applications (CGI, WSGI, HTTP/1.0) know no chunks: they read nothing of such a body and answer as if
    it had been empty. `count` keeps the body until it is whole, and sends it with its length; one that is longer than
    `counted_upload` is answered 411. `stream` sends it on in chunks as it comes, for a server that reads them. `refuse`
    answers 411 at once. Browsers send lengths; programs such as `git push` and WebDAV clients send chunks.
    """
    counted_upload: Bytes = 16 * 1024 * 1024
    """Bytes of a body that `chunked_uploads: count` keeps; over it, 411."""
    tolerate: tuple[Tolerated, ...] = ()
    """Wrong forms of an answer's head that the gateway accepts from this application, and writes anew.

    `bare_lf`: lines end with a line feed alone. `obs_fold`: a long field goes on in the next line. `double_chunked`:
    `Transfer-Encoding` says `chunked` twice. `double_length`: `Content-Length` says the same number twice.
    `head_with_both`: the answer to a HEAD has both fields. The connection of such an answer is not used again.
    """
    reads_bodies: bool = False
    """Whether the application's server reads every request's body to its end, also for a page that uses none.

    Other servers take the unread rest for the next request. Without this setting, a request
    with a body is sent with `Connection: close`, and its connection carries no further request.
    """


@dataclass(frozen=True, slots=True)
class NextPersonSettings:
    """Protection of a person's pages from the next person at the same browser."""

    pages: Literal["no_cache", "no_store", "as_sent"] = "no_cache"
    """The time for which a browser keeps the pages of a person who is signed in.

    With `no_cache` it asks again before it shows one, unless the application sends caching headers. With `no_store`
    it keeps none, also against the application's headers, and Back to a page that answered a form fails. `as_sent`
    changes nothing. Style sheets, scripts, fonts and pictures are left alone.
    """
    clear: tuple[Literal["cache", "storage"], ...] = ("cache", "storage")
    """Data of this origin that a browser forgets at sign-out, and when another person signs in (`Clear-Site-Data`).

    `cache` is every page and file that it keeps, also for Back; `storage` is the data of scripts (`localStorage`,
    IndexedDB) and service workers. All Apps of one host must agree.
    """


@dataclass(frozen=True, slots=True)
class ConsentSettings:
    """A person's consent that J-LIS gives her newest items to a receiver (最新の利用者情報提供), which she signs."""

    name: str
    """A short name, by which the application asks for this consent."""
    receiver: Words
    """The receiver of the items."""
    purpose: Words
    """The purpose for which the receiver uses them."""
    items: tuple[Literal["name", "address", "gender", "birthdate", "certificate_serial"], ...]
    """The items: of `name`, `address`, `gender`, `birthdate` and `certificate_serial`."""
    withdraw: str
    """URL of the receiver's page on which a person withdraws her consent; our own page leads there."""
    details: str = ""
    """URL of the receiver's page with details."""


@dataclass(frozen=True, slots=True)
class AppSigning:
    """An App's use of the signature API (preview): its token, its addresses, and its consents."""

    KEYS: ClassVar = {"addresses": "from"}

    token: SecretSource | None = None
    """The token by which the application asks for signatures and reads results, 32 characters or more."""
    addresses: tuple[str, ...] = ()
    """Addresses or networks from which the application uses its token; none by default."""
    consents: tuple[ConsentSettings, ...] = ()
    """The consents that the application may ask for."""


@dataclass(frozen=True, slots=True)
class SigningVerifySettings:
    """Verification of signatures and certificates by the operator itself."""

    ca: Path
    """The certificates of the authorities of the cards' signing certificates, PEM; no others are believed."""
    statement: Literal["public_body", "approved"] | None = None
    """The operator's statement that it may verify (公的個人認証法): `public_body`, or `approved` for a private operator
    with the approval of the responsible minister (主務大臣認定). Without it the setting is refused."""


@dataclass(frozen=True, slots=True)
class SigningEvidenceSettings:
    """Evidence that a public body keeps after the hand-over: document, signature, certificate, and its validity then.

    It stands sealed in the Redis of `limits.store`, which must neither evict nor forget, and opens by a secret of
    `sessions.secret`: keep that secret in the file for the whole period.
    """

    keep: Seconds | None = None
    """The period, from the signature on; the store deletes the evidence at its end. It has no default."""
    statement: Literal["public_body"] | None = None
    """The operator's statement that it is a public body (行政機関等). Without it the setting is refused."""


@dataclass(frozen=True, slots=True)
class SigningSettings:
    """The agency's signature API (署名API, preview): documents that people sign with the card's signing certificate."""

    profile: Path | None = None
    """The names of fields and states in the provider's API. None: `gateway/signing/profile.toml`, which is unofficial.
    """
    operator: Literal["private", "public"] = "private"
    """`private` gets the certificate as a JWE that its PF operator opens. `public` is a public body (行政機関等), which
    gets the certificate itself."""
    public_because: str = ""
    """The legal ground on which a public body verifies signatures itself, for the next reader; `public` demands it.
    A private operator would need an accreditation (主務大臣認定)."""
    same_person: Literal["required", "if_told"] = "required"
    """`required`: the provider's ID token must say who signed, and it must be the person who is signed in. `if_told`
    accepts a signature if the provider sends no ID token with it."""
    keep: Seconds = 600.0
    """Seconds for which a result waits for the application, unless it confirms the result earlier."""
    room: Bytes = 64 * 1024**2
    """Bytes in the store for the signatures of one App that are under way or wait for it; over it, 503 (`no_room`)."""
    verify: SigningVerifySettings | None = None
    """Verification of signatures here, of each result and for `sekisho signature verify`. None: a receiver has them
    verified elsewhere."""
    evidence: SigningEvidenceSettings | None = None
    """Evidence of each signature, for a stated period. None: everything is deleted after the hand-over."""
    pf_operator: str = ""
    """The name of the PF operator (PF事業者), for the agency's form."""
    monthly: int | None = None
    """Signatures expected in a month, for the agency's form."""


@dataclass(frozen=True, slots=True)
class AccountStoreSettings:
    """The store of the links between persons and the accounts of an old application."""

    SHORT: ClassVar = "url"

    url: AtReplacement[str] = ""
    """`sqlite:/path` on one machine, `redis://…` with `maxmemory-policy noeviction` and persistence; `memory` only to
    try it out."""
    ca: AtReplacement[Path | None] = None
    """One more CA to trust for the store, over TLS."""
    password: AtReplacement[SecretSource] = SecretSource()
    """The password of the store's Redis; the URL has the user, if there is one."""
    sentinel_password: AtReplacement[SecretSource] = SecretSource()
    """The own password of the store's sentinels, if they have one."""


@dataclass(frozen=True, slots=True)
class SuccessSettings:
    """The answer to a good login. Everything that is written must hold, and something must be written."""

    status: int | None = None
    """The status of the answer. None: any below 400."""
    location: str = ""
    """The path that `Location` leads to; a `*` at the end stands for any ending. Capitals, `;jsessionid=…` and a slash
    at the end make no difference."""
    not_location: str = ""
    """A path that `Location` does not lead to, in any of those spellings."""
    cookie: str = ""
    """A cookie that the answer sets; a `*` at the end of the name stands for any ending. One that the answer empties
    or expires is none."""
    text_present: str = ""
    """A text that the page has."""
    text_absent: str = ""
    """A text that the page does not have, in any charset. An answer without a page shows that by a redirect alone."""


@dataclass(frozen=True, slots=True)
class EndedSettings:
    """The answer by which the application says that its session is over. Everything that is written must hold."""

    SHORT: ClassVar = "location"

    location: str = ""
    """The path that `Location` leads to; a `*` at the end stands for any ending. Capitals, `;jsessionid=…` and a slash
    at the end make no difference."""
    status: int | None = None
    """The status of the answer."""
    text_present: str = ""
    """A text that only the page of an ended session has, among its first 64 KiB and in any charset: of the login form
    in the place of each page, of a `<meta http-equiv="refresh">`, or of a script."""


@dataclass(frozen=True, slots=True)
class LogoutSettings:
    """The way in which the application ends a session of its own."""

    SHORT: ClassVar = "page"

    page: str = ""
    """The path that the gateway asks for by GET."""
    submit: bool = False
    """Whether the gateway then sends the form on that page."""
    link: str = ""
    """A part of the address of a link on that page, which the gateway then follows."""


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """The form by which the application lets a person change her password, for `passwords: changed`."""

    page: str = ""
    """The path of the page with the form; the gateway takes its hidden fields along."""
    post: str = ""
    """The path that the form is sent to. Without it, `page`."""
    old: str = ""
    """The form's field of the present password, if it asks for it."""
    new: str = ""
    """The form's field of the new password."""
    repeat: str = ""
    """The form's field in which the new password is repeated, if there is one."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """More fields with fixed values, such as the button's."""
    length: int = 24
    """The number of signs of a new password. A smaller `maxlength` of the form's field counts."""
    alphabet: str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    """The signs of a new password, which has one at least of each kind: capitals, small letters, digits, others."""


@dataclass(frozen=True, slots=True)
class RecipeSettings:
    """How one signs in at the old application: the name of a shipped recipe, or the application's own form.

    With `like`, every key that is written stands in the place of the shipped one.
    """

    SHORT: ClassVar = "like"

    like: Literal["redmine", "wordpress"] | None = None
    """A shipped recipe: `redmine` or `wordpress`, for an application at the root of its host."""
    page: str = ""
    """The path of the login page; the gateway takes its hidden fields along."""
    post: str = ""
    """The path that the form is sent to. Without it, `page`."""
    user: str = ""
    """The form's field of the account."""
    password: str = ""
    """The form's field of the password."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """More fields with fixed values, such as the button's."""
    account_cookie: str = ""
    """A cookie of the answer to a good login whose value begins with the account's own name, for an application that
    also takes another name, such as an e-mail address. A `*` at an end of the name stands for anything."""
    success: SuccessSettings = SuccessSettings()
    """The answer to a good login."""
    ended: EndedSettings = EndedSettings()
    """The answer by which the application says that its session is over."""
    alive: str = ""
    """The path of a page that needs a login. The gateway asks for it by GET before it sends a body of more than 64 KiB,
    which it cannot send twice. `sekisho doctor` asks for it, too."""
    logout: LogoutSettings = LogoutSettings()
    """The way in which the application ends a session of its own."""
    signs_out: tuple[str, ...] = ()
    """The application's own sign-out links, as in `signs_out` of the App."""
    change: ChangeSettings = ChangeSettings()
    """The form by which the application changes a password; `passwords: changed` uses it."""
    closed: tuple[str, ...] = ()
    """Patterns of paths as in a policy that people cannot reach: login, change of password, reset."""
    locks_after: int | None = None
    """The number of wrong passwords after which the application locks an account. None: it never does."""
    forgets_after: Seconds | None = None
    """Seconds after which the application itself forgets a wrong password. None: not before the next good login."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """The source of the key of links and kept passwords, exactly one of the three."""

    SECRET: ClassVar = True

    file: Path | None = None
    """Path of a file that holds the key; only the gateway may read it."""
    env: str | None = None
    """Name of an environment variable that holds the key."""
    command: tuple[str, ...] = ()
    """A program with its arguments that prints the key, so that a key service can hold it."""

    @property
    def sources(self) -> int:
        """The number of sources that are written."""
        return (self.file is not None) + (self.env is not None) + bool(self.command)


@dataclass(frozen=True, slots=True)
class TrialAccount:
    """An account of the application that is nobody's, for `sekisho doctor` alone."""

    user: SecretSource = SecretSource()
    """The account's name."""
    password: SecretSource = SecretSource()
    """The account's password."""


@dataclass(frozen=True, slots=True)
class AppAccounts:
    """The accounts of an application that cannot be changed: each is linked to a person once (代理認証)."""

    store: AccountStoreSettings = AccountStoreSettings()
    recipe: RecipeSettings | None = None
    """The application's own login, which proves an account. None: only the office links accounts."""
    tell: Literal["header", "basic", "form"] = "header"
    """The way in which the application is told of the account: a `header`, `Authorization: Basic`, or its own `form`,
    which the gateway fills in for the person."""
    header: str = ""
    """The name of the header with the account, for `tell: header`."""
    secret: SecretSource = SecretSource()
    """The password that stands behind every account in `Authorization: Basic`, for `tell: basic`."""
    key: AccountKey = AccountKey()
    """The key of the links and of kept passwords: one or more secrets, a line each, 32 bytes or more. The first one
    marks and seals, and all of them read. It is no secret of `sessions`."""
    trial: TrialAccount | None = None
    """An account that is nobody's, with which `sekisho doctor` tries the recipe. The gateway does not read it."""
    passwords: Literal["kept", "changed"] | None = None
    """The passwords that `tell: form` uses. `changed`: after linking, the gateway sets a random one by the recipe's
    `change`, and keeps that one, sealed. `kept`: the operator states that citizens' own passwords are kept, sealed."""


@dataclass(frozen=True, slots=True)
class AppSettings:
    """One protected application."""

    name: str
    """A short name: key of its upstreams, label of its metrics, never shown to citizens."""
    url: str
    """Public origin, also in Japanese letters: route, redirect URI, cookie and audience derive from it."""
    upstream: tuple[str, ...] = ()
    """The application's address, `http://host:port`; one or several."""
    policy: PolicyFiles = PolicyFiles()
    mode: Mode = Mode.PROXY
    ask: Ask = Ask.PER_RULE
    operator: Words = field(default_factory=dict)
    """The receiver of the facts; a page shows it before the provider is asked for 4情報."""
    privacy_policy: str = ""
    """URL of the operator's privacy policy; shown with the notice."""
    contact: ContactSettings = ContactSettings()
    """The ways to a person who helps: a URL, or `{url, phone, hours, counter}`; each page of ours shows them."""
    brand: BrandSettings = BrandSettings()
    """The name plate of the pages."""
    languages: tuple[Language, ...] = ()
    """Languages of the pages; the first is for browsers that prefer none of them.

    An App that lists none gets all whose sentences a speaker has reviewed, which are `ja`, `ja-simple` and `en`.
    """
    home: str = ""
    """The page that our pages lead back to: a path of the host, or a URL. Name one that needs no sign-in. Without it,
    the App's front page is linked for people who may see it."""
    without_card: WithoutCard | None = None
    application_cookies: tuple[str, ...] = ()
    """The App's own session cookies: expired when another person signs in on a browser, and at sign-out."""
    signs_out: tuple[str, ...] = ()
    """The application's own sign-out links: patterns of paths as in a policy, or a path with one parameter
    (`/index.php?action=logout`). The gateway answers them by its own sign-out, and the application sees none of
    them."""
    next_person: NextPersonSettings = NextPersonSettings()
    """Protection of a person's pages from the next person at the same browser."""
    maintenance: str | None = None
    """The switch that closes the App with a page of ours. None: `maintenance-NAME`, NAME being the App's."""
    allowed_origins: tuple[str, ...] = ()
    """Other origins whose scripts may send requests, read answers and open WebSockets."""
    internal_origins: tuple[str, ...] = ()
    """The App's own origins in `Location`; the gateway replaces them, and those of `upstream`, by `url`."""
    upstream_options: UpstreamSettings = UpstreamSettings()
    """Connections to the upstreams: balance, limits, ejection, checks and TLS."""
    traffic: AppTraffic = AppTraffic()
    """The App's own limits and clocks of the byte path."""
    methods: tuple[Method, ...] = ()
    """More methods that the application receives, by their names in the IANA registry of HTTP methods.

    Every App gets GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS. WebDAV needs `[PROPFIND, PROPPATCH, MKCOL, COPY,
    MOVE, LOCK, UNLOCK]`, CalDAV and CardDAV also `[REPORT, MKCALENDAR, ACL]`. The answer to a method
    of the registry that is not listed is 405, to any other one 501. CONNECT, TRACE and PRI never arrive.
    """
    method_override: Literal["refuse", "both"] = "refuse"
    """The treatment of a request that asks for another method by `X-HTTP-Method-Override` and its kin, or by `_method`
    in its query.

    `refuse` answers 400 (for a query, only if that method has another rule). `both` judges both methods: each must
    be permitted, both limits count, and only facts that both rules disclose are told. No `_method` in a body counts.
    """
    refuse_body: tuple[Literal["GET", "HEAD", "DELETE", "OPTIONS", "COPY", "MOVE", "UNLOCK"], ...] = ("GET", "HEAD")
    """Methods whose requests must have no body; the answer to a body is 400 with the reason `unexpected_body`.

    Add `DELETE` and `OPTIONS` if the application's server ignores `Connection: close` and a page may leave
    a body unread: such a server would serve the body as a request of its own.
    """
    paths: PathSettings = PathSettings()
    stack: tuple[Stack, ...] = ()
    """The application's stack, one or several: more readings of a path, judged beside the general ones."""
    headers: HeaderSettings = HeaderSettings()
    client: ProviderSettings | None = None
    """The App's own client, if it does not share the common one."""
    signing: AppSigning | None = None
    """The App's use of the signature API (preview). None: only rules with `sign` use it."""
    accounts: AppAccounts | None = None
    """The application's own accounts, linked to persons at the gateway. None: the application knows no accounts, or
    links them itself."""
    registration: Mapping[str, str] = field(default_factory=dict)
    """Entries for the agency's forms, by the keys that `sekisho registration --keys` lists: `home`, `start` …"""

    @property
    def secure(self) -> bool:
        """Whether the public origin is https."""
        return self.url.startswith("https://")

    @property
    def closing_switch(self) -> str:
        """The name of the switch that closes the App."""
        return self.maintenance or f"maintenance-{self.name}"


@dataclass(frozen=True, slots=True)
class RateSettings:
    """Most actions in a minute that a worker permits before it answers 429."""

    sign_ins_per_address: int = 600
    """Sign-ins begun from one address (of IPv6: one /64). A library or a mobile carrier is one address for many."""
    sign_ins: int = 12_000
    """Sign-ins begun from all addresses."""
    callbacks_per_address: int = 600
    """Answers of the provider brought back by browsers of one address."""
    callbacks: int = 12_000
    """Answers of the provider brought back by all browsers."""
    forged_tickets_per_address: int = 1_200
    """Requests from one address with a plain session cookie of no session; each costs a look-up."""
    forged_tickets: int = 60_000
    """Such requests from all addresses."""
    ended_tickets_per_address: int = 1_200
    """Requests from one address with a sealed session cookie of an ended session; each costs a look-up as well."""
    ended_tickets: int = 60_000
    """Such requests from all addresses."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """The store of a policy's limits, which must neither evict nor forget."""

    store: AtReplacement[str | None] = None
    """`redis://…` with `maxmemory-policy noeviction` and persistence, checked at start; `memory` only to try it out."""
    ca: AtReplacement[Path | None] = None
    """One more CA to trust for the store, over TLS."""
    password: AtReplacement[SecretSource] = SecretSource()
    """The password of the store's Redis; the URL has the user, if there is one."""
    sentinel_password: AtReplacement[SecretSource] = SecretSource()
    """The own password of the store's sentinels, if they have one."""


@dataclass(frozen=True, slots=True)
class AssertionSettings:
    """The signed token that repeats the headers."""

    keys: SecretSource | None = None
    """Our assertion keys, a JWKS file with private members; never the client's keys."""
    issuer: str = ""
    """`iss` of every assertion; without it, each App's own origin."""
    lifetime: Seconds = 60.0
    """The lifetime of an assertion; at most 10 minutes."""


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """A syslog server (RFC 5424) that gets the audit trail, or events too."""

    to: str
    """`tls://host:6514` (RFC 5425), `tcp://127.0.0.1:601` on loopback alone (RFC 6587), or `unix:/dev/log`."""
    ca: Path | None = None
    """One more CA to trust for the server, over TLS; verification itself cannot be switched off."""
    certificate: Path | None = None
    """Our certificate with its key, PEM, if the server asks for one."""
    send: Literal["checkpoints", "audit", "all"] = "audit"
    """`checkpoints` of the trail alone, the whole `audit` trail, or `all`: the trail and every event."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The audit trail: who did what, in files that tell if somebody has changed them."""

    directory: Path | None = None
    """The folder of the trail; processes and commands write files of their own in it. None: no trail, and refusals are
    events."""
    keys: SecretSource = SecretSource()
    """The keys that sign the trail, a JWKS file with private members (`sekisho keys new`); no other key of ours."""
    required: bool = False
    """Whether a request or an action that cannot be recorded is refused (503). Otherwise the entry is lost, and
    counted."""
    rotate_size: Bytes = 64 * 1024 * 1024
    """Bytes of a file of the trail, after which another begins."""
    rotate_every: Seconds = 86_400.0
    """Seconds of a file of the trail, after which another begins."""
    keep: Seconds | None = None
    """Seconds after which whole, verified files are removed. None: they stay."""
    checkpoint: Seconds = 60.0
    """Seconds between two signatures. The mirror and the syslog server get each of them, also while nothing happens."""
    mirror: Path | None = None
    """A second file that gets every signature, best on another file system that root of this machine cannot write."""
    syslog: SyslogSettings | None = None
    """A syslog server that gets the signatures or more. None: none."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS on `listen`, if no proxy in front terminates it."""

    certificate: Path
    """The certificate with its chain, PEM; read again at each reload."""
    key: Path | None = None
    """The certificate's key, if it is not in the same file."""
    redirect: AtRestart[str | None] = None
    """Address and port of a plain listener that sends browsers to https. None: none."""
    hsts: Seconds | None = None
    """Seconds for which browsers use https alone (HSTS). None: no such header."""


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Spans of requests and sign-ins, sent to a collector of OpenTelemetry by the extra `sekisho[otel]`.

    A `traceparent` from `trusted_proxies` is passed on to the application and to the provider without it.
    """

    endpoint: str | None = None
    """URL of the collector's OTLP/HTTP receiver for traces (`http://127.0.0.1:4318/v1/traces`). None: no spans."""
    ratio: Share = 0.01
    """The share of requests for which a trace begins here, from 0 to 1. A trusted proxy's decision goes before it."""
    headers: SecretSource | None = None
    """Header fields for the collector, such as a token: `Name: value`, one a line."""
    ca: Path | None = None
    """Certificates to verify the collector by. None: the system's."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The form of log lines."""

    format: AtRestart[LineForm] = LineForm.JSON
    """The form of lines on standard error: `json`, or `console` for a person at a terminal. Files always get JSON."""


@dataclass(frozen=True, slots=True)
class ConsoleOidcSettings:
    """The sign-in of operators by an OpenID provider of the office's: code flow with PKCE and `private_key_jwt`."""

    issuer: str
    """The issuer, compared exactly."""
    client_id: str
    """The console's client identifier there. Its redirect URI is `/console/callback` at `console.url`."""
    keys: SecretSource
    """The console's client keys, a JWKS file with private members; never those of an App's client."""
    ca: Path | None = None
    """One more CA to trust for the provider."""
    algorithms: tuple[Literal["ES256", "ES384", "PS256", "RS256"], ...] = ("ES256", "RS256")
    """Algorithms of an ID token's signature."""
    name_claim: str = "preferred_username"
    """The claim of the ID token that names the operator in the audit."""
    roles_claim: str = "roles"
    """The claim of the ID token whose words give roles: a list, or one text."""
    look: tuple[str, ...] = ()
    """Words of that claim that give the role `look`."""
    act: tuple[str, ...] = ()
    """Words that give the role `act`."""
    audit: tuple[str, ...] = ()
    """Words that give the role `audit`."""
    author: tuple[str, ...] = ()
    """Words that give the role `author`."""
    accounts: tuple[str, ...] = ()
    """Words that give the role `accounts`."""


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """The console for operators, at `/console/` of `management`. It is there if `operators` or `oidc` is set."""

    url: str = ""
    """The public origin of the console behind a proxy with TLS: `https://console.city.example.lg.jp`. Without it, the
    console answers a browser on this machine alone, or one at the end of a tunnel to it (`ssh -L`)."""
    idle: Seconds = 900.0
    """Seconds of silence after which an operator must sign in again."""
    absolute: Seconds = 14_400.0
    """Seconds after a sign-in at which an operator must sign in again in any case."""
    oidc: AtRestart[ConsoleOidcSettings | None] = None
    """The sign-in by OpenID Connect, beside the tokens of `operators`. It needs `url`."""
    workbench: Path | None = None
    """The folder in which authors (role `author`) read and write policy files. The console writes nowhere else, and the
    gateway's user needs the permission to write there. None: the workbench shows the policies in force and saves
    nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `gateway.yaml`."""

    listen: AtRestart[str]
    """Address and port on which the gateway accepts requests."""
    provider: ProviderSettings
    sessions: SessionSettings
    apps: tuple[AppSettings, ...]
    """The protected applications."""
    tls: AtRestart[TlsSettings | None] = None
    """TLS on `listen`. None: plain HTTP, behind a proxy or on loopback."""
    management: AtRestart[str] = "127.0.0.1:9464"
    """Address and port of metrics and health checks; never publish it."""
    management_hosts: tuple[str, ...] = ()
    """Host names that `management` answers, beside addresses, `localhost` and the name on which it listens."""
    operators: AtRestart[SecretSource | None] = None
    """Operators who may use the console and the sessions API of `management`: a file with a name, a token's hash and
    roles (`look`, `act`, `audit`, `author`, `accounts`) a line, as `sekisho operators add` writes it."""
    console: ConsoleSettings = ConsoleSettings()
    """The console for operators."""
    aliases: Path | None = None
    """File of `sekisho subjects alias`: persons whose subject changed, with the subject that applications know."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-*` the gateway believes; none by default."""
    prefix: str = PORTAL_PREFIX
    """Path under which our own pages live on every App's host."""
    traffic: TrafficSettings = TrafficSettings()
    """Limits and time-outs of the byte path."""
    rates: RateSettings = RateSettings()
    """Limits on the rate of sign-ins."""
    limits: LimitSettings = LimitSettings()
    """The store that counts a policy's `limit`."""
    switches: Path | None = None
    """The file that `sekisho switch` writes. None: `switches.json` beside this file."""
    assertion: AssertionSettings = AssertionSettings()
    signing: SigningSettings | None = None
    """The agency's signature API (preview). None: nothing can be signed."""
    audit: AtRestart[AuditSettings] = AuditSettings()
    """The audit trail of the gateway and of the command line."""
    workers: AtRestart[str] = "1"
    """Worker processes: a number, or `auto` for one a core. More than one needs a store that is not `memory`."""
    drain_timeout: Seconds = 30.0
    """Seconds in which requests and streams under way may end after a stop was requested."""
    lame_duck: Seconds = 3.0
    """The first of these seconds, in which new connections are still answered. The listener refuses later ones at once.
    It does so earlier when it is idle."""
    access_log: AtReplacement[str | None] = "stderr"
    """`stderr`, a file's path, or `off`."""
    node: AtRestart[str | None] = None
    """The name of this machine in each log line (`node`). None: its host name."""
    log: LogSettings = LogSettings()
    traces: AtReplacement[TraceSettings] = TraceSettings()

    def headers_of(self, app: AppSettings) -> HeaderSettings:
        """Return an App's header settings as they are run.

        A name that one App gives a fact or an account is an identity header everywhere: a browser sends it to any App.
        An application that is told of accounts by a login gets no other credentials.
        """
        named = {name for each in self.apps for name in each.headers.names.values()}
        named |= {each.accounts.header for each in self.apps if each.accounts is not None and each.accounts.header}
        if app.accounts is not None and app.accounts.tell != "header":
            named.add("Authorization")
        return replace(app.headers, strip=(*app.headers.strip, *sorted(named)))

    def worker_count(self, cores: int) -> int:
        """Return the number of workers for a machine with that many cores."""
        return cores if self.workers == "auto" else int(self.workers)
