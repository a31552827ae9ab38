"""Everything the settings name, read: policies, keys, secrets; checked together, with every mistake at once.

`check`, `run` and a reload read the files by this module, so all three refuse the same mistakes. Opening connections
and listening is `app`'s business.
"""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from hashlib import sha256
from importlib.util import find_spec
from ipaddress import IPv6Network, ip_network
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.accounts.agreement import looks_at_account, mismatches
from gateway.bounded_files import KIB, read_file
from gateway.headers.assertion import AssertionKeys, AssertionKeysError
from gateway.headers.encode import every_header
from gateway.headers.listed import listed_faults
from gateway.headers.telling import telling
from gateway.headers.told_names import told_faults
from gateway.headers.worst_case import (
    LONGEST_FIELD,
    LONGEST_HEAD,
    USUAL_HEAD,
    Most,
    forward_auth_answer,
    return_answer,
    worst_case,
)
from gateway.identity import Scope
from gateway.instant import Instant
from gateway.kept_files import in_memory
from gateway.language import Language as PageLanguage
from gateway.login.agency_forms import KEYS as REGISTRATION_KEYS
from gateway.login.aliases import LONGEST_FILE, AliasError, Aliases, read_aliases
from gateway.login.claims import LONGEST_ADDRESS, LONGEST_NAME, LONGEST_SUBJECT
from gateway.login.keys import KeySet, KeySetError, read_key_set
from gateway.login.provider_defaults import accepted_acr
from gateway.pipeline.at_the_door import Door
from gateway.policy.authoring.check import RemarkKind, remarks
from gateway.policy.authoring.examples import run_examples
from gateway.policy.authoring.names import switch_remarks
from gateway.policy.closing import closing, signing_out
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy, PolicyPlace, policy_scopes
from gateway.policy.example import make_inbound
from gateway.policy.losses import ADOPTIONS_FILE
from gateway.policy.policy import Allow, Policy, Rule, entry_fields
from gateway.policy.reading.parse import load_policy
from gateway.policy.switches import Switch, SwitchesError
from gateway.policy.system_switches import load_switches
from gateway.policy.verdict import Permit
from gateway.portal.messages import offered
from gateway.portal.operators import Operators, read_operators
from gateway.process.slices import Steps, at_once
from gateway.redis_client import RedisOptions, check_options, parse_redis_url
from gateway.request.target import Target, canonical
from gateway.request.worker_scope import names_a_covering_script
from gateway.route.logo import LONGEST_LOGO, Logo, LogoError, read_logo
from gateway.route.route import Route, told_nothing
from gateway.route.table import Assertions, RouteTable
from gateway.route.traffic import RouteTraffic
from gateway.session.seal import Secrets
from gateway.session.ticket import PLAIN, TicketSeals
from gateway.settings.case import fold_case
from gateway.settings.check import check_settings, read_settings
from gateway.settings.origin import authority_of
from gateway.settings.recipes import signs_out_of, whole_recipe
from gateway.settings.settings import (
    AccountKey,
    AccountStoreSettings,
    AppSettings,
    AppTraffic,
    Ask,
    LimitSettings,
    Mode,
    PathSettings,
    ProviderSettings,
    SecretSource,
    SessionSettings,
    Settings,
    Stack,
)
from gateway.settings.typed import Reading
from gateway.signing.profile import LONGEST_PROFILE, SHIPPED, Profile, ProfileError, read_profile
from gateway.signing.verification import LONGEST_AUTHORITIES, AuthoritiesError, read_authorities
from gateway.wire.http1 import WHOLE_TOKEN
from gateway.wire.methods import METHODS, NAMED_IN_BODY
from gateway.yaml.mistakes import Language, Mistake, Mistakes, Phrase, SaidError, Where, did_you_mean
from gateway.yaml.read import MAX_BYTES

LONGEST_SECRET = 256 * KIB
"""Bytes of a file that holds a secret, keys or operators."""

KEY_SECONDS = 15.0
"""Seconds in which a program must print a key."""

SHORTEST_TOKEN = 32
"""Characters of a token by which an application asks for signatures."""

LONGEST_CERTIFICATES = 4 * 1024 * KIB
"""Bytes of a file of certificates: the system's own has 220,000."""

DIGITS = 12
"""Digits of a digest that name the content of the settings file."""

_WIDEST_PROXIES = {4: 8, 6: 16}
"""Bits of a public network's prefix, by version of IP. Carriers have shorter ones, and no proxies do."""

_OF_ONE_NODE = frozenset({b"listen", b"management", b"management_hosts", b"node"})
"""Settings of a machine: its addresses and its names."""

_NOTHING_KNOWN: Mapping[Path, KnownPolicy] = MappingProxyType({})


PAGES_REFUSED_FROM = "0.2"
"""The version from which an App that asks for facts must say for whom, and whom to ask."""

MOST_NAMED = 5
"""Texts without English that a remark names."""

ENGLISH = PageLanguage.EN


@dataclass(frozen=True, slots=True)
class KnownPolicy:
    """The facts of a policy that spare the next reading of the same files: parsing takes a hundred times longer."""

    name: str
    version: str
    sources: tuple[tuple[Path, str], ...]
    """Every file that it was read from, with the digest of what it held."""
    asked: frozenset[str]
    """The items of a person that it can ask for."""
    has_limit: bool
    account_rule: tuple[str, int] | None = None
    """The first rule that looks at accounts, and its line."""
    good_for: frozenset[tuple[PathSettings, tuple[Stack, ...]]] = frozenset()
    """The Apps' ways to read paths with which its examples come out as expected."""

    @classmethod
    def of(cls, policy: Policy) -> KnownPolicy:
        """Return the facts of a policy whose examples have not been run yet."""
        scopes = policy_scopes(policy)
        return cls(
            policy.name,
            policy.version,
            tuple((file, source.digest) for file, source in policy.read.items()),
            frozenset(scope.value for scope in scopes) - {Scope.OPENID.value},
            any(rule.limit for rule in policy.rules),
            next(((rule.name, rule.line) for rule in policy.rules if looks_at_account(policy, rule)), None),
        )

    def is_current(self) -> bool:
        """Whether every file still holds what it held."""
        try:
            return all(sha256(read_file(file, MAX_BYTES)).hexdigest() == digest for file, digest in self.sources)
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Configuration:
    """One reading of `gateway.yaml` and of all it names, without a mistake."""

    path: Path
    settings: Settings
    policies: Mapping[Path, Policy]
    """By the file an App names, candidates among them. A reading that knows some already has the others alone."""
    client_keys: Mapping[str, KeySet]
    """By client_id."""
    secrets: Secrets | None
    """`None` with `store: memory` and no secret: the process makes one of its own."""
    redis: RedisOptions
    """The further settings of the connection to the session store."""
    limits_redis: RedisOptions
    """The further settings of the connection to the store of limits."""
    assertion_keys: AssertionKeys | None
    via_credentials: Mapping[str, tuple[str, str]]
    """User and password for the outbound proxy, by client_id, where there are any."""
    operators: Operators | None = None
    """Operators of the sessions API on the management listener; `None` if the API is not there."""
    console_keys: KeySet | None = None
    """The console's keys at the office's provider; `None` if operators sign in by tokens alone."""
    aliases: Aliases = field(default_factory=Aliases)
    """Persons whose subject changed, and by which one applications know them."""
    audit_keys: KeySet | None = None
    """The keys that sign the audit trail; `None` if there is none."""
    digest: str = ""
    """The name of the settings file's content: the first digits of its SHA-256."""
    shared_digest: str = ""
    """The name of the same content without what each node has for itself."""
    signing_profile: Profile | None = None
    """The names of the provider's signature API; `None` if nothing can be signed."""
    signing_authorities: bytes = b""
    """The certificates of the authorities by which we verify signatures, PEM; empty if we verify none."""
    signing_tokens: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The SHA-256 of the tokens by which applications ask for signatures, by the App's name."""
    account_keys: Mapping[str, Secrets] = field(default_factory=dict, repr=False)
    """The keys of links and of kept passwords, by the App's name."""
    account_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The password behind every account in `Authorization: Basic`, by the App's name."""
    account_redis: Mapping[str, RedisOptions] = field(default_factory=dict)
    """The further settings of the connection to the store of accounts, by the App's name."""
    logos: Mapping[str, Logo] = field(default_factory=dict)
    """The pictures on the name plates, by the App's name."""
    trace_headers: Mapping[str, str] = field(default_factory=dict)
    """Header fields for the collector of traces."""
    files: Mapping[Path, bytes] = field(default_factory=dict, repr=False)
    """The content of the files of certificates and their keys: a worker that starts later uses it."""
    state: Path | None = None
    """The folder for data that must outlive the process, as systemd names it."""
    places: Mapping[str, Where] = field(default_factory=dict)
    """The place of each setting in `path`."""
    known: Mapping[Path, KnownPolicy] = field(default_factory=dict, repr=False)
    """For the next reading: what this one knows of each policy."""
    remarks: tuple[Mistake, ...] = ()
    """Remarks on readable settings that are probably not meant; they stop nothing."""

    @property
    def switches_file(self) -> Path:
        """The file of switches, which `sekisho switch` writes and every worker watches."""
        return self.settings.switches or self.path.parent / "switches.json"

    @property
    def adoptions_file(self) -> Path:
        """The file of adoptions, which `sekisho policy adopt` writes."""
        return self.switches_file.with_name(ADOPTIONS_FILE)

    @property
    def sign_outs_file(self) -> Path | None:
        """The file of sign-outs that wait for the store; `None` for a store in this process, which is never away."""
        return sign_outs_file(self.settings, self.state or self.path.parent)

    @property
    def mark_file(self) -> Path | None:
        """The file of the node's mark in the store of sessions, beside the sign-outs that wait: one for each store."""
        beside = self.sign_outs_file
        store = sha256(self.settings.sessions.store.encode()).hexdigest()[:12]
        return None if beside is None else beside.with_name(f"session-mark-{store}")

    @property
    def fleet_file(self) -> Path | None:
        """The file in which the node keeps the fleet's switches; `None` if it has no store in common with others."""
        return fleet_file(self.settings, self.sign_outs_file)

    @property
    def access_log(self) -> str | None:
        """The destination of access lines: `stderr`, a path that starts from the file's folder, or `None`."""
        wanted = self.settings.access_log
        return wanted if wanted in (None, "stderr") else str(self.path.parent / wanted)

    @property
    def policy_files(self) -> frozenset[Path]:
        """Every file that any policy was read from, lists and `use` included."""
        return frozenset(source for policy in self.policies.values() for source in policy.sources)

    @property
    def key_names(self) -> frozenset[str]:
        """The names of all keys and secrets in use, as the audit trail tells them; never a key."""
        named = {f"client {client} {key.kid}" for client, keys in self.client_keys.items() for key in keys.keys}
        if self.assertion_keys is not None:
            named |= {f"assertion {thumbprint}" for thumbprint in self.assertion_keys.thumbprints}
        if self.secrets is not None:
            named |= {f"secret {secret.id}" for secret in self.secrets.all}
        if self.audit_keys is not None:
            named |= {f"audit {key.kid}" for key in self.audit_keys.keys}
        return frozenset(named)

    @property
    def audited(self) -> frozenset[str]:
        """The rules whose every permit is recorded, as `policy/rule`."""
        rules = (rule for policy in self.policies.values() for rule in policy.rules)
        return frozenset(str(rule.id) for rule in rules if rule.audit)

    def clients(self) -> dict[str, ProviderSettings]:
        """Return the settings of each client, by client_id."""
        apps = (app.client for app in self.settings.apps)
        every = (self.settings.provider, *(client for client in apps if client is not None))
        return {client.client_id: client for client in every}

    def table(
        self, assertions: Assertions | None, switches: Mapping[str, Switch], seals: TicketSeals = PLAIN
    ) -> RouteTable:
        """Return the routes, with the switches that are on and when each ends."""
        return at_once(self.making_table(assertions, switches, seals))

    def making_table(
        self,
        assertions: Assertions | None,
        switches: Mapping[str, Switch],
        seals: TicketSeals = PLAIN,
        before: Iterable[Route] = (),
    ) -> Steps[RouteTable]:
        """Return the routes. Those of `before` lend what they have made of the very policies that are here, too."""
        on = {name: switch.until for name, switch in switches.items()}
        lent = {route.name: route for route in before}
        homes: dict[str, list[str]] = {}
        for app in self.settings.apps:
            homes.setdefault(authority_of(app.url), []).append(_prefix_of(app))
        routes: list[Route] = []
        for app in self.settings.apps:
            closing = switches.get(app.closing_switch)
            routes.append(self._route(app, on, homes[authority_of(app.url)], lent.get(app.name), closing))
            yield
        line = self.settings.traffic.request_line
        return RouteTable(routes, self.settings.prefix, assertions, seals, line)

    def _compiled(
        self,
        file: Path,
        app: AppSettings,
        on: Mapping[str, Instant],
        homes: Iterable[str],
        before: CompiledPolicy | None,
    ) -> CompiledPolicy:
        policy = self.policies[file]
        made = policy
        if app.accounts is not None and app.accounts.recipe is not None:
            made = closing(made, whole_recipe(app.accounts.recipe).closed)
        made = signing_out(made, signs_out_of(app))
        if made is not policy:
            # The same policy is the same object, so that a switch that is turned keeps what was made of it.
            policy = before.policy if before is not None and before.policy == made else made
        home = _prefix_of(app)
        elsewhere = tuple(other for other in homes if _is_below(other, home))
        surroundings = Surroundings(on, policy.lists)
        place = PolicyPlace(app.paths, app.stack, home, elsewhere)
        if before is None or before.policy is not policy or before.place != place:
            return CompiledPolicy(
                policy, surroundings, paths=app.paths, stacks=app.stack, prefix=home, elsewhere=elsewhere
            )
        return before if before.surroundings == surroundings else before.within(surroundings)

    def _route(
        self,
        app: AppSettings,
        on: Mapping[str, Instant],
        homes: Iterable[str],
        before: Route | None,
        closing: Switch | None = None,
    ) -> Route:
        # RFC 6265bis section 4.1.3.2: `__Host-` is for secure origins alone; plain HTTP is for loopback.
        prefix = "__Host-" if app.secure else ""
        policy = self._compiled(app.policy.file, app, on, homes, None if before is None else before.policy)
        candidate = (
            None
            if app.policy.candidate is None
            else self._compiled(app.policy.candidate, app, on, homes, None if before is None else before.candidate)
        )
        return Route(
            app=replace(app, headers=self.settings.headers_of(app)),
            host=authority_of(app.url),
            client_id=client_of(self.settings, app),
            policy=policy,
            closed_until=on.get(app.closing_switch, 0.0),
            closed_message={} if closing is None else closing.message,
            logo=self.logos.get(app.name),
            candidate=candidate,
            session_cookie=f"{prefix}sekisho".encode(),
            pending_cookie=f"{prefix}sekisho-login".encode(),
            prefix=_prefix_of(app),
            portal_prefix=self.settings.prefix,
            for_us=entry_fields((*policy.policy.rules, *(() if candidate is None else candidate.policy.rules))),
            traffic=None
            if app.traffic == AppTraffic()
            else RouteTraffic(self.settings.traffic, app.traffic, fold_case if app.paths.ignore_case else str),
            says_hsts=self.settings.tls is not None and bool(self.settings.tls.hsts),
            signs_out=policy.policy.rules[0].id if signs_out_of(app) else None,
            telling=told_nothing
            if app.accounts is None
            else telling(app.accounts, app.headers, self.account_secrets.get(app.name, "")),
        )

    def summary(self, language: Language) -> str:
        """Describe the configuration in one line."""
        apps, policies = len(self.settings.apps), len(self.policies)
        return Phrase(
            f"{self.path}: good; {apps} App{'s' * (apps != 1)}, {policies} polic{'y' if policies == 1 else 'ies'}",
            f"{self.path}: 問題ありません（アプリ {apps}、ポリシー {policies}）",
        ).say(language)


def _prefix_of(app: AppSettings) -> str:
    """Return the path the App lives under, folded as the paths are that are held against it."""
    prefix = urlsplit(app.url).path.rstrip("/") or "/"
    return fold_case(prefix) if app.paths.ignore_case else prefix


def _is_in(path: str, prefix: str) -> bool:
    """Whether a path is of the App that lives there."""
    return prefix == "/" or path == prefix or path.startswith(f"{prefix}/")


def _is_below(prefix: str, other: str) -> bool:
    return prefix != other and (other == "/" or prefix.startswith(f"{other}/"))


def door_of(path: Path, settings: Settings, name: str, policy: Policy) -> Door:
    """Return the door of an App as if this were its policy. Keys, secrets and stores are not read.

    Raises:
        KeyError: no App has the name.

    """
    own = {app.name: app for app in settings.apps}[name]
    here = tuple(app for app in settings.apps if authority_of(app.url) == authority_of(own.url))
    policies = {app.policy.file: policy for app in here}
    tried = tuple(replace(app, policy=replace(app.policy, candidate=None)) for app in here)
    configuration = Configuration(
        path, replace(settings, apps=tried), policies, {}, None, RedisOptions(), RedisOptions(), None, {}
    )
    table = configuration.table(None, {})
    methods = [method for app in settings.apps for method in app.methods]
    return Door(table.routes, name, settings.traffic, settings.prefix, methods)


def reread_policies(
    configuration: Configuration, mistakes: Mistakes, known: Mapping[Path, KnownPolicy] = _NOTHING_KNOWN
) -> Configuration:
    """Return the configuration with its policies read anew; where a mistake is noted, it must not be used.

    A policy of `known` whose files are the same is not read again, and not among the policies.
    """
    reading = Reading(configuration.path.parent, mistakes, dict(configuration.places))
    reader = _Reader(configuration.settings, reading, {}, known, remarking=False)
    return replace(configuration, policies=reader.policies(), known=reader.known, remarks=())


def read_configuration(
    path: Path,
    mistakes: Mistakes,
    environment: Mapping[str, str] | None = None,
    known: Mapping[Path, KnownPolicy] = _NOTHING_KNOWN,
    *,
    remarking: bool = True,
) -> Configuration | None:
    """Return the configuration of `path` and the files that it names, or `None` with every mistake noted.

    `environment` is where secrets named by `env` are looked up, and the state directory. A policy of `known` whose
    files are the same is not read again, and not among the policies. Not `remarking`: only mistakes are looked for.
    """
    # The content is named before it is read, so that a change in between shows as a file that was not adopted.
    digest, shared_digest = settings_digest(path), settings_digest(path, shared_settings)
    reading = Reading(path.parent, mistakes)
    settings = read_settings(path, reading)
    if settings is None:
        return None
    check_settings(settings, reading)
    reader = _Reader(settings, reading, environment or {}, known, remarking=remarking)
    reader.remark_providers()
    reader.remark_verification()
    reader.remark_proxies()
    policies = reader.policies()
    keys = reader.client_keys()
    secrets = reader.secrets()
    redis = reader.redis()
    limits_redis = reader.limits_redis()
    assertion_keys = reader.assertion_keys(keys)
    via_credentials = reader.via_credentials()
    operators = reader.operators()
    aliases = reader.aliases()
    console_keys = reader.console_keys(keys)
    audit_keys = reader.audit_keys(keys, assertion_keys)
    trace_headers = reader.trace_headers()
    signing_authorities = b"".join(each.public_bytes(Encoding.PEM) for each in reader.signing_authorities())
    signing_profile = reader.signing_profile(policies)
    signing_tokens = reader.signing_tokens()
    account_keys, account_secrets, account_redis = reader.accounts()
    logos = reader.logos()
    reader.check_files()
    if len(mistakes):
        return None
    return Configuration(
        path=path,
        settings=settings,
        policies=policies,
        client_keys=keys,
        secrets=secrets,
        redis=redis,
        limits_redis=limits_redis,
        assertion_keys=assertion_keys,
        via_credentials=via_credentials,
        operators=operators,
        console_keys=console_keys,
        aliases=aliases,
        audit_keys=audit_keys,
        digest=digest,
        shared_digest=shared_digest,
        files=reader.files,
        trace_headers=trace_headers,
        signing_profile=signing_profile,
        signing_authorities=signing_authorities,
        signing_tokens=signing_tokens,
        account_keys=account_keys,
        account_secrets=account_secrets,
        account_redis=account_redis,
        logos=logos,
        state=state_directory(environment or {}),
        places=reading.places,
        known=reader.known,
        remarks=tuple(reader.remarks),
    )


_TRACING = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_FIELD_LINE = re.compile(rf"({WHOLE_TOKEN.pattern}):[ \t]*([!-~](?:[ -~]*[!-~])?)[ \t]*")


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def read_audit_keys(
    settings: Settings, reading: Reading, environment: Mapping[str, str] | None = None
) -> KeySet | None:
    """Return the keys of the audit trail alone, for a command that reads no other secret; `None` if there is none."""
    return _Reader(settings, reading, environment or {}).audit_keys({}, None)


def read_session_store(
    settings: Settings, reading: Reading, environment: Mapping[str, str]
) -> tuple[Secrets | None, RedisOptions]:
    """Return how the store of sessions is reached beyond its URL, for a command that reads no other secret."""
    reader = _Reader(settings, reading, environment)
    return reader.secrets(), reader.redis()


def read_signing_authorities(settings: Settings, reading: Reading) -> tuple[x509.Certificate, ...]:
    """Return the authorities of signing certificates, for a command that reads no secret; none where none are set."""
    return _Reader(settings, reading, {}).signing_authorities()


def read_limit_options(settings: Settings, reading: Reading, environment: Mapping[str, str]) -> RedisOptions:
    """Return how the store of limits is reached beyond its URL, for a command that reads no other secret."""
    return _Reader(settings, reading, environment).limits_redis()


def read_account_stores(
    settings: Settings, reading: Reading, environment: Mapping[str, str]
) -> tuple[Mapping[str, Secrets], Mapping[str, RedisOptions]]:
    """Return the keys of accounts, and how their stores are reached beyond the URL, by the App's name."""
    keys, _, options = _Reader(settings, reading, environment).accounts()
    return keys, options


def client_of(settings: Settings, app: AppSettings) -> str:
    """Return the client by which an App's persons sign in."""
    return (app.client or settings.provider).client_id


def apps_of(settings: Settings, client_id: str) -> list[AppSettings]:
    """Return the Apps that share a client."""
    return [app for app in settings.apps if client_of(settings, app) == client_id]


def fleet_file(settings: Settings, sign_outs: Path | None) -> Path | None:
    """Return the file of the fleet's switches, beside the sign-outs that wait: one for each store."""
    store = sha256(settings.sessions.store.encode()).hexdigest()[:12]
    return None if sign_outs is None else sign_outs.with_name(f"fleet-switches-{store}")


def sign_outs_file(settings: Settings, folder: Path) -> Path | None:
    """Return the file of waiting sign-outs; `folder` has the data that outlive the process."""
    return None if settings.sessions.store == "memory" else settings.sessions.sign_outs or folder / "sign-outs"


def settings_digest(path: Path, part: Callable[[bytes], bytes] = bytes) -> str:
    """Return the name of what a settings file, or a part of it, holds now; nothing if it cannot be read."""
    try:
        return sha256(part(read_file(path, MAX_BYTES))).hexdigest()[:DIGITS]
    except OSError:
        return ""


def shared_settings(text: bytes) -> bytes:
    """Return the lines of a settings file that all nodes of a fleet have in common, without whole-line comments."""
    shared, own = [], False
    for line in text.splitlines():
        if line[:1] in {b"", b"#"}:
            continue
        if line[:1] not in {b" ", b"\t"}:
            own = line.partition(b":")[0].rstrip() in _OF_ONE_NODE
        if not own:
            shared.append(line)
    return b"\n".join(shared)


def state_directory(environment: Mapping[str, str]) -> Path | None:
    """Return the first folder that `StateDirectory=` made (systemd.exec(5)), where there is one."""
    first = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(first) if first.startswith("/") else None


class _Reader:
    """Reads what the settings name, noting each mistake at the setting that names it."""

    def __init__(
        self,
        settings: Settings,
        reading: Reading,
        environment: Mapping[str, str],
        before: Mapping[Path, KnownPolicy] = _NOTHING_KNOWN,
        *,
        remarking: bool = False,
    ) -> None:
        self._settings = settings
        self._reading = reading
        self._environment = environment
        self._before = before
        self._remarking = remarking
        self.known: dict[Path, KnownPolicy] = {}
        """The facts of each policy after this reading."""
        self.remarks = Mistakes()
        self.files: dict[Path, bytes] = {}
        """The content of each file of certificates or their keys."""

    def remark_verification(self) -> None:
        """Remark on a private operator's `verify`: it gets no certificate, so the gateway verifies no result."""
        signing = self._settings.signing
        if signing is not None and signing.verify is not None and signing.operator == "private":
            self.remarks.add(
                self._reading.where("signing.verify"),
                Phrase(
                    "`verify` verifies no result of a private operator, whose certificate only its PF operator opens",
                    "民間事業者の証明書はPF事業者だけが開けるため、`verify` では署名の結果を検証できません",
                ),
                Phrase(
                    "use it with `sekisho signature verify` alone, or write `operator: public` for a public body",
                    "`sekisho signature verify` でだけ使うか、行政機関等なら `operator: public` と書いてください",
                ),
            )

    def remark_providers(self) -> None:
        """Remark on a provider whose every sign-in passes although no setting says that this is intended."""
        for at, client in self._clients() if self._remarking else ():
            if client.accept_acr or accepted_acr(client):
                continue
            self.remarks.add(
                self._reading.where(at),
                Phrase(
                    f"every sign-in at `{client.issuer}` passes, with any `acr` (the method of the sign-in)",
                    f"`{client.issuer}` でのサインインは、認証方法（`acr`）を問わずすべて通ります",
                ),
                Phrase(
                    "list the accepted values in `accept_acr`, or write `accept_acr: any` if you accept every one",
                    "認めるものを `accept_acr` に並べるか、これでよければ `accept_acr: any` と書いてください",
                ),
            )

    def remark_proxies(self) -> None:
        """Remark on networks of which nobody owns all addresses: any client could write its own address."""
        for number, text in enumerate(self._settings.trusted_proxies if self._remarking else ()):
            try:
                network = ip_network(text)
            except ValueError:
                continue
            mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
            if mapped is not None:
                network = ip_network((mapped, max(network.prefixlen - 96, 0)))
            if network.prefixlen >= _WIDEST_PROXIES[network.version] or network.is_private:
                continue
            self.remarks.add(
                self._reading.where(f"trusted_proxies[{number}]"),
                Phrase(
                    f"`{text}` trusts clients themselves: each may write the address by which `rates`, a policy's "
                    "`network` and the logs know it",
                    f"`{text}` では利用者自身も信頼します。`rates`、ポリシーの `network`、ログで使うアドレスを、"
                    "だれでも自由に書けます",
                ),
                Phrase(
                    "name the addresses of your own proxies, such as `10.0.0.2`",
                    "自分のプロキシのアドレスだけを `10.0.0.2` のように書いてください",
                ),
            )

    def policies(self) -> dict[Path, Policy]:
        """Read each policy once, and hold it to what its Apps' clients are contracted for."""
        read: dict[Path, Policy] = {}
        remarked: set[tuple[Path, PathSettings, tuple[Stack, ...], frozenset[str], Ask]] = set()
        for number, app in enumerate(self._settings.apps):
            at = f"apps[{number}]"
            # The settings as they are run: a name that one App gives a fact is an identity header everywhere.
            for key, what, remedy in listed_faults(self._settings.headers_of(app)):
                self._reading.note(f"{at}.headers.{key}", what, remedy)
            for key, what, remedy in told_faults(app.headers):
                self._reading.note(f"{at}.headers.{key}", what, remedy)
            if f"{at}.policy" in self._reading.broken:
                continue
            for key, file in (("file", app.policy.file), ("candidate", app.policy.candidate)):
                if file is None or not file.name:
                    continue
                if not _readable(file):
                    self._reading.note(f"{at}.policy.{key}", *_unreadable(file))
                    continue
                if not self._is_good(file, app, read):
                    continue
                self._check_contracted(app, self.known[file], at)
                self._check_limits(app, self.known[file], at)
                self._check_accounts(app, self.known[file], file)
                # Said once of a policy, however many Apps have it that read paths in the same ways.
                methods = frozenset((*METHODS.values(), *app.methods))
                if not self._remarking or (file, app.paths, app.stack, methods, app.ask) in remarked:
                    continue
                remarked.add((file, app.paths, app.stack, methods, app.ask))
                compiled = CompiledPolicy(read[file], paths=app.paths, stacks=app.stack)
                for remark in remarks(read[file], compiled, methods):
                    if remark.kind is RemarkKind.SECOND_READING and app.ask is Ask.ONCE:
                        continue
                    self.remarks.add(Where(str(file), max(remark.line, 1)), remark.what, remark.wiser)
            self._check_mode(app, at)
            if self._remarking:
                self._remark(app, read.get(app.policy.file), at)
        if self._remarking:
            self._remark_homes(read)
            self._remark_switches(read)
        return read

    def _remark_switches(self, read: Mapping[Path, Policy]) -> None:
        """Remark on a switch that nobody looks at, and on one whose name another one nearly has."""
        file = self._settings.switches or self._reading.base / "switches.json"
        try:
            now = time.time()
            turned = [name for name, switch in load_switches(file).items() if switch.until > now]
        except SwitchesError:
            # The start names the fault of this file.
            turned = []
        closing = [app.closing_switch for app in self._settings.apps]
        policies = {str(path): policy for path, policy in read.items()}
        for found in switch_remarks(policies, closing, turned, str(file)):
            self.remarks.add(Where(found.file, max(found.line, 1)), found.what, found.wiser)

    def _remark_homes(self, read: Mapping[Path, Policy]) -> None:
        """Remark on an App whose `home` is not for everybody: the pages of ours leave such a link out."""
        for number, app in enumerate(self._settings.apps):
            if not app.home.startswith("/"):
                continue
            found = canonical(app.home.partition("#")[0].encode(), app.paths)
            here = [other for other in self._settings.apps if authority_of(other.url) == authority_of(app.url)]
            owners = [other for other in here if isinstance(found, Target) and _is_in(found.path, _prefix_of(other))]
            owner = max(owners, key=lambda other: len(_prefix_of(other)), default=None)
            policy = None if owner is None else read.get(owner.policy.file)
            if owner is not None and policy is None:
                # The policy has a mistake, which is noted already.
                continue
            if owner is not None and policy is not None and isinstance(found, Target):
                compiled = CompiledPolicy(policy, paths=owner.paths, stacks=owner.stack)
                query = None if found.query is None else found.query.decode("latin-1")
                asked = make_inbound("GET", found.path, query)
                now = time.time()
                rule = compiled.fitting(asked, now)
                if rule is not None and isinstance(rule.decide(asked, None, now).verdict, Permit):
                    continue
            self.remarks.add(
                self._reading.where(f"apps[{number}].home"),
                Phrase(
                    f"`home` of `{app.name}` is `{app.home}`, which is not open to people without a sign-in: our pages "
                    "leave the link out for them",
                    f"`{app.name}` の `home` は `{app.home}` ですが、サインインしていない人には開かれていないため、"
                    "画面にリンクを出せません",
                ),
                Phrase(
                    "name a page that an `allow: everyone` rule opens",
                    "`allow: everyone` の規則で開かれる画面を書いてください",
                ),
            )

    def _is_good(self, file: Path, app: AppSettings, read: dict[Path, Policy]) -> bool:
        """Read a policy unless it is known, and run its examples as the App reads paths; False: it cannot be read."""
        known = self.known.get(file)
        if known is None and not self._remarking and (before := self._before.get(file)) is not None:
            known = before if before.is_current() else None
        reading = (app.paths, app.stack)
        if known is None or (reading not in known.good_for and file not in read):
            policy = load_policy(file, self._reading.mistakes)
            if policy is None:
                return False
            read[file] = policy
            known = KnownPolicy.of(policy)
        if reading not in known.good_for:
            self._check_examples(read[file], CompiledPolicy(read[file], paths=app.paths, stacks=app.stack))
            known = replace(known, good_for=known.good_for | {reading})
        self.known[file] = known
        return True

    def _check_mode(self, app: AppSettings, at: str) -> None:
        """Note what an App in forward-auth mode cannot have."""
        if app.mode is not Mode.FORWARD_AUTH:
            return
        if app.headers.passed is not None:
            self._reading.note(
                f"{at}.headers.pass",
                Phrase(
                    f"`{app.name}` is in forward_auth mode: the proxy in front forwards its clients' headers itself",
                    f"`{app.name}` では前段のプロキシがヘッダーをそのまま渡すため、`pass` は効きません",
                ),
                Phrase(
                    "let the outer proxy pass the listed headers alone, or use `mode: proxy`",
                    "前段のプロキシで渡すヘッダーを限るか、`mode: proxy` を使ってください",
                ),
            )
        if not self._settings.trusted_proxies:
            self._reading.note(
                f"{at}.mode",
                Phrase(
                    f"`{app.name}` is in forward_auth mode, and `trusted_proxies` names no proxy",
                    f"`{app.name}` は forward_auth ですが、`trusted_proxies` にプロキシがありません",
                ),
                Phrase(
                    "name the proxy's address there: every question is refused otherwise",
                    "プロキシのアドレスを書いてください。ないと、どの問合せも拒否します",
                ),
            )

    def _remark(self, app: AppSettings, policy: Policy | None, at: str) -> None:
        """Remark on settings of an App that are valid but probably harmful."""
        rules = () if policy is None else policy.rules
        signs_in = any(rule.allow is not Allow.EVERYONE for rule in rules)
        if signs_in and not app.application_cookies:
            self.remarks.add(
                self._reading.where(at),
                Phrase(
                    f"`{app.name}` names no `application_cookies`: its own session outlives a sign-out",
                    f"`{app.name}` に `application_cookies` がなく、サインアウト後もアプリのセッションが残ります",
                ),
                Phrase(
                    "name the application's session cookie, so that the next person on a shared PC does not find it",
                    "共用のパソコンで次の人に見えないよう、アプリのセッション用クッキーの名前を書いてください",
                ),
            )
        for rule in rules if app.mode is Mode.FORWARD_AUTH else ():
            if rule.sign is not None:
                self._reading.note(
                    at,
                    Phrase(
                        f"`sign` of `{rule.name}` cannot work: the proxy that asks about `{app.name}` has the form",
                        f"`{rule.name}` の `sign` は使えません。`{app.name}` のフォームは前段のプロキシが持っています",
                    ),
                    Phrase("use `mode: proxy`", "`mode: proxy` を使ってください"),
                )
            if rule.returns_from or rule.keep_form:
                key = "returns_from" if rule.returns_from else "keep_form"
                self.remarks.add(
                    self._reading.where(at),
                    Phrase(
                        f"`{key}` of `{rule.name}` does nothing: the proxy that asks about `{app.name}` has the form, "
                        "so the gateway cannot keep it",
                        f"`{rule.name}` の `{key}` は効きません。`{app.name}` のフォームは前段のプロキシが持ち、"
                        "ゲートウェイは預かれません",
                    ),
                    Phrase("use `mode: proxy`", "`mode: proxy` を使ってください"),
                )
        if policy is not None:
            self._remark_pages(app, policy, at)
            self._remark_accounts(app, policy, at)
        self._remark_lengths(app, rules, at)
        self._remark_methods(app, at)
        for key in app.registration:
            if key not in REGISTRATION_KEYS:
                self.remarks.add(
                    self._reading.where(f"{at}.registration"),
                    Phrase(f"`registration` has no key `{key}`", f"`registration` に `{key}` という項目はありません"),
                    did_you_mean(key, REGISTRATION_KEYS)
                    or Phrase(
                        "`sekisho registration --keys` lists them", "`sekisho registration --keys` で一覧が出ます"
                    ),
                )
        named = sorted({path for rule in rules for path in rule.match.path})
        for path in named:
            if names_a_covering_script(path, self._settings.prefix):
                self.remarks.add(
                    self._reading.where(at),
                    Phrase(
                        f"the policy of `{app.name}` names `{path}`: a service worker there could stand in front of "
                        f"`{self._settings.prefix}`, so its script is refused",
                        f"`{app.name}` のポリシーに `{path}` があります。そこに置いたサービスワーカーは "
                        f"`{self._settings.prefix}` の前に立てるため、スクリプトは拒否されます",
                    ),
                    Phrase(
                        "move the script into a folder of the application's own, such as `/app/`",
                        "スクリプトを `/app/` などアプリ自身のフォルダーへ移してください",
                    ),
                )

    def _remark_pages(self, app: AppSettings, policy: Policy, at: str) -> None:
        """Remark on pages that would name nobody to a person whose card is read, or that change their language."""
        asks = policy_scopes(policy) - {Scope.OPENID}
        lacking = [] if not asks else ["operator"] * (not app.operator) + ["contact"] * (not app.contact)
        if lacking:
            words = " and ".join(f"`{each}`" for each in lacking)
            self.remarks.add(
                self._reading.where(at),
                Phrase(
                    f"`{app.name}` asks for facts on a card and has no {words}: the person reads a host's name, "
                    "and finds nobody to ask",
                    f"`{app.name}` はカードの情報を求めますが、{words.replace(' and ', ' と ')} がありません。"
                    "だれに渡るのか、だれに尋ねればよいのかが画面に出ません",
                ),
                Phrase(
                    f"write them; from version {PAGES_REFUSED_FROM} on this is refused",
                    f"書いてください。バージョン {PAGES_REFUSED_FROM} からは受け付けません",
                ),
            )
        if ENGLISH not in offered(app.languages):
            return
        other = None if app.without_card is None else app.without_card.text
        texts: dict[str, Mapping[str, str] | None] = {
            "operator": app.operator,
            "brand.name": app.brand.name,
            "brand.service": app.brand.service,
            "contact.hours": app.contact.hours,
            "contact.counter": app.contact.counter,
            "without_card.text": other,
            "policy: purpose": policy.purpose,
            **{f"policy: {rule.name}: purpose": rule.purpose for rule in policy.rules},
            **{f"policy: {name}: if_not": each.if_not for name, each in policy.conditions.items()},
        }
        silent = [key for key, words in texts.items() if words and ENGLISH not in words]
        if silent:
            named = ", ".join(f"`{key}`" for key in silent[:MOST_NAMED]) + " …" * (len(silent) > MOST_NAMED)
            self.remarks.add(
                self._reading.where(at),
                Phrase(
                    f"the English pages of `{app.name}` speak Japanese in {named}",
                    f"`{app.name}` の英語の画面に日本語の文が出ます（{named}）",
                ),
                Phrase(
                    "write `{ja: …, en: …}`, or take `en` out of `languages`",
                    "`{ja: …, en: …}` と書くか、`languages` から `en` を外してください",
                ),
            )

    def _remark_methods(self, app: AppSettings, at: str) -> None:
        """Remark on the consequences of a method that an App asks for."""
        where = self._reading.where(f"{at}.methods")
        always = sorted(set(METHODS.values()).intersection(app.methods))
        if always:
            self.remarks.add(
                where,
                Phrase(
                    f"`{app.name}` gets `{'`, `'.join(always)}` in any case: `methods` adds others",
                    f"`{'`, `'.join(always)}` は `methods` に書かなくても `{app.name}` に届きます",
                ),
                Phrase("a rule of the policy says which are permitted", "許すかどうかはポリシーの規則で決めてください"),
            )
        unread = sorted(NAMED_IN_BODY.intersection(app.methods))
        if unread:
            self.remarks.add(
                where,
                Phrase(
                    f"the body of `{'`, `'.join(unread)}` can name further pages of `{app.name}`, which no rule judges",
                    f"`{'`, `'.join(unread)}` の本文は `{app.name}` の別のページを指すことができ、それは判定されません",
                ),
                Phrase(
                    "permit them only to people who may see and change all that the application holds",
                    "アプリの内容をすべて見てよい方、変更してよい方にだけ許してください",
                ),
            )
        options = app.upstream_options
        inner = any("/" in url.partition("://")[2].rstrip("/") for url in app.upstream if not url.startswith("unix:"))
        if {"PROPFIND", "REPORT", "SEARCH"}.intersection(app.methods) and (options.strip_prefix or inner):
            self.remarks.add(
                where,
                Phrase(
                    f"`{app.name}` has other paths behind the gateway, and a listing names these in its body",
                    f"`{app.name}` はゲートウェイの内側でパスが異なり、一覧の本文には内側のパスが現れます",
                ),
                Phrase(
                    "let the application live under the public path, or tell it that path",
                    "アプリを公開パスの下に置くか、アプリに公開パスを設定してください",
                ),
            )

    def _remark_lengths(self, app: AppSettings, rules: Sequence[Rule], at: str) -> None:
        """Remark on heads of ours that can become longer than servers and outer proxies accept."""
        settings = self._settings
        headers = settings.headers_of(app)
        most = Most(LONGEST_SUBJECT, LONGEST_NAME, LONGEST_ADDRESS)
        every = every_header(dict.fromkeys(name for rule in rules for name in rule.disclose), headers)
        field = answer = 0
        for rule in rules:
            texts = None
            if settings.assertion.keys is not None:
                texts = (settings.assertion.issuer or app.url, app.url, str(rule.id), "k" * LONGEST_SUBJECT)
            case = worst_case(rule.disclose, headers, most, assertion=texts)
            field = max(field, case.field)
            answer = max(answer, forward_auth_answer(case, every, settings.traffic.headers))
        back = return_answer(app.url, settings.traffic.request_line, app.application_cookies)
        if back > USUAL_HEAD:
            self.remarks.add(
                self._reading.where("traffic.request_line"),
                Phrase(
                    f"the answer that leads a person of `{app.name}` back after the sign-in can become {back} bytes "
                    f"long; outer proxies take {USUAL_HEAD}",
                    f"サインイン後に `{app.name}` のページへ戻す応答は最大 {back} バイトです"
                    f"（前段のプロキシの上限は {USUAL_HEAD}）",
                ),
                Phrase(
                    "lower `traffic.request_line`, or raise the outer proxy's limit (`tune.bufsize`)",
                    "`traffic.request_line` を下げるか、前段のプロキシの上限（`tune.bufsize`）を上げてください",
                ),
            )
        if field > LONGEST_FIELD:
            self.remarks.add(
                self._reading.where(at),
                Phrase(
                    f"a header to `{app.name}` can become {field} bytes long; many servers take {LONGEST_FIELD}",
                    f"`{app.name}` へのヘッダーは最大 {field} バイトです（多くのサーバーの上限は {LONGEST_FIELD}）",
                ),
                Phrase(
                    "raise the server's limit (`LimitRequestFieldSize`, `limit_request_field_size`), or disclose less",
                    "サーバーの上限を上げるか、提供する項目を減らしてください",
                ),
            )
        if app.mode is Mode.FORWARD_AUTH and answer > LONGEST_HEAD:
            self.remarks.add(
                self._reading.where(at),
                Phrase(
                    f"a yes for `{app.name}` can become {answer} bytes long with cookies of `traffic.headers`; "
                    f"outer proxies take {LONGEST_HEAD}",
                    f"`{app.name}` への許可の応答は最大 {answer} バイトです（前段のプロキシの上限は {LONGEST_HEAD}）",
                ),
                Phrase(
                    "lower `traffic.headers`, or raise the outer proxy's limit",
                    "`traffic.headers` を下げるか、前段のプロキシの上限を上げてください",
                ),
            )

    def _check_examples(self, policy: Policy, compiled: CompiledPolicy) -> None:
        """A policy that does not do what its author expects is not put in force."""
        for outcome in run_examples(policy, compiled):
            if not outcome.passed:
                said = {language: outcome.say(language) for language in Language}
                self._reading.mistakes.add(outcome.example.where, Phrase(said[Language.EN], said[Language.JA]))

    def _check_contracted(self, app: AppSettings, policy: KnownPolicy, at: str) -> None:
        contracted = (app.client or self._settings.provider).contracted
        for item in sorted(policy.asked - contracted):
            form = _FORM_ITEMS[item]
            what = Phrase(
                f"the policy `{policy.name}` asks for `{item}`, which is not contracted",
                f"ポリシー `{policy.name}` は `{item}` を求めますが、契約に含まれていません",
            )
            remedy = Phrase(
                f"add it to `contracted` once the form's item {form} says yes, or ask for less",
                f"申請書の「{form}」を利用ありとしたうえで `contracted` に加えるか、求める項目を減らしてください",
            )
            self._reading.note(f"{at}.policy", what, remedy)

    def _check_limits(self, app: AppSettings, policy: KnownPolicy, at: str) -> None:
        if not policy.has_limit:
            return
        if app.mode is Mode.FORWARD_AUTH:
            what = Phrase(
                f"the policy `{policy.name}` has a `limit`, which forward_auth cannot count",
                f"ポリシー `{policy.name}` に `limit` がありますが、forward_auth では数えられません",
            )
            remedy = Phrase(
                "use `mode: proxy`: the answer, which decides whether an entry counts, is not seen otherwise",
                "`mode: proxy` にしてください。回数に数えるかどうかを決める応答が、forward_auth では見えません",
            )
            self._reading.note(f"{at}.mode", what, remedy)
        if self._settings.limits.store is None:
            what = Phrase(
                f"the policy `{policy.name}` has a `limit`, and there is no store to count it in",
                f"ポリシー `{policy.name}` には `limit` がありますが、数えておく保存先がありません",
            )
            self._reading.note(
                f"{at}.policy",
                what,
                Phrase("write `limits: {store: redis://…}`", "`limits: {store: redis://…}` を書いてください"),
            )

    def _check_accounts(self, app: AppSettings, policy: KnownPolicy, file: Path) -> None:
        """Note a rule that looks at accounts where the App has none: every request of it would fail.

        A candidate decides nothing yet, so it gets a remark.
        """
        if app.accounts is not None or policy.account_rule is None:
            return
        name, line = policy.account_rule
        noted = self._reading.mistakes if file == app.policy.file else self.remarks
        noted.add(
            Where(str(file), line),
            Phrase(
                f"the rule `{name}` looks at accounts, and the App `{app.name}` has no `accounts`",
                f"規則 `{name}` はアカウントを見ますが、`{app.name}` に `accounts` がありません",
            ),
            Phrase(
                f"write `accounts` at the App `{app.name}`, or take the accounts out of the rule",
                f"`{app.name}` に `accounts` を書くか、規則からアカウントを取り除いてください",
            ),
        )

    def _remark_accounts(self, app: AppSettings, policy: Policy, at: str) -> None:
        """Remark on accounts that do not fit the policy, and on a trial that `sekisho doctor` could not make."""
        written = {key.removeprefix(f"{at}.") for key in self._reading.places if key.startswith(f"{at}.")}
        file = str(app.policy.file)
        for each in mismatches(app, self._settings.headers_of(app), policy, file, written):
            where = self._reading.where(f"{at}.{each.key}") if each.key else Where(each.file or file, max(each.line, 1))
            self.remarks.add(where, each.what, each.remedy)
        trial = None if app.accounts is None else app.accounts.trial
        for key, source in () if trial is None else (("user", trial.user), ("password", trial.password)):
            why = self._hindered(source)
            if why is not None:
                self.remarks.add(
                    self._reading.where(f"{at}.accounts.trial.{key}"),
                    Phrase(
                        f"`sekisho doctor` could not try the recipe of `{app.name}`: {why.en}",
                        f"`sekisho doctor` は `{app.name}` の `recipe` を試せません：{why.ja}",
                    ),
                    Phrase(
                        f"put the {'name' if key == 'user' else 'password'} of an account that is nobody's there, or "
                        "remove `trial`",
                        "だれのものでもないアカウントの"
                        f"{'名前' if key == 'user' else 'パスワード'}を入れるか、`trial` を取り除いてください",
                    ),
                )

    def _hindered(self, source: SecretSource) -> Phrase | None:
        """Return the reason why a source has no line that a command could use; `None` if it has one."""
        if source.env is not None:
            empty = not self._environment.get(source.env)
            named = Phrase(f"the variable `{source.env}` is not set", f"変数 `{source.env}` がありません")
            return named if empty else None
        if source.file is None:
            return None
        try:
            empty = not read_file(source.file, LONGEST_SECRET).strip()
        except OSError as error:
            return Phrase(f"`{source.file}` cannot be read ({error.strerror})", f"`{source.file}` を読めません")
        return Phrase(f"`{source.file}` is empty", f"`{source.file}` は空です") if empty else None

    def _clients(self) -> list[tuple[str, ProviderSettings]]:
        apps = [(f"apps[{n}].client", app.client) for n, app in enumerate(self._settings.apps) if app.client]
        return [("provider", self._settings.provider), *apps]

    def via_credentials(self) -> dict[str, tuple[str, str]]:
        """Read `user:password` of each client's outbound proxy."""
        credentials: dict[str, tuple[str, str]] = {}
        for at, client in self._clients():
            if client.via_credentials is None:
                continue
            text = self._secret(client.via_credentials, f"{at}.via_credentials")
            if text is None:
                continue
            user, colon, password = text.decode(errors="replace").strip().partition(":")
            if not colon or not user:
                self._reading.note(
                    f"{at}.via_credentials",
                    Phrase("it does not hold `user:password` on one line", "1行の `user:password` になっていません"),
                )
                continue
            credentials[client.client_id] = (user, password)
        return credentials

    def client_keys(self) -> dict[str, KeySet]:
        """Read the keys of every client."""
        keys: dict[str, KeySet] = {}
        for at, client in self._clients():
            read = self._key_set(client.keys, f"{at}.keys")
            if read is None:
                continue
            keys[client.client_id] = read
            wanted, signing = client.assertion_algorithm, read.signing
            if wanted not in (None, signing.alg):
                what = Phrase(
                    f"the key that signs, `{signing.kid}`, is for {signing.alg} and not {wanted}",
                    f"署名する鍵 `{signing.kid}` は {signing.alg} 用で、{wanted} 用ではありません",
                )
                self._reading.note(
                    f"{at}.assertion_algorithm",
                    what,
                    Phrase("leave it out, or make another key", "この項目を消すか、別の鍵を作ってください"),
                )
        return keys

    def console_keys(self, clients: Mapping[str, KeySet]) -> KeySet | None:
        """Read the keys of the console's client."""
        oidc = self._settings.console.oidc
        keys = None if oidc is None else self._key_set(oidc.keys, "console.oidc.keys")
        if keys is None:
            return None
        theirs = {key.kid for each in clients.values() for key in each.keys}
        if shared := theirs & {key.kid for key in keys.keys}:
            kid = min(shared)
            what = Phrase(f"the key `{kid}` is an App's client's too", f"鍵 `{kid}` は App のものと同じです")
            self._reading.note(
                "console.oidc.keys",
                what,
                Phrase("make others with `sekisho keys new`", "`sekisho keys new` で別の鍵を作ってください"),
            )
        return keys

    def secrets(self) -> Secrets | None:
        """Read the secrets that seal sessions."""
        text = self._secret(self._settings.sessions.secret, "sessions.secret")
        if text is None:
            return None
        try:
            return Secrets.parse(text.decode())
        except ValueError as error:
            self._reading.note("sessions.secret", _unfit(error))
            return None

    def redis(self) -> RedisOptions:
        """Read how the session store is reached beyond its URL."""
        return self._redis_options(self._settings.sessions, "sessions")

    def limits_redis(self) -> RedisOptions:
        """Read how the store of limits is reached beyond its URL."""
        return self._redis_options(self._settings.limits, "limits")

    def _redis_options(self, store: SessionSettings | LimitSettings | AccountStoreSettings, at: str) -> RedisOptions:
        """Read the passwords of a store, each with the white space around it removed."""
        passwords = [
            self._secret(store.password, f"{at}.password"),
            self._secret(store.sentinel_password, f"{at}.sentinel_password"),
        ]
        words = [None if text is None else text.decode(errors="replace").strip() for text in passwords]
        timeout = self._settings.sessions.timeout
        options = RedisOptions(password=words[0], sentinel_password=words[1], ca=store.ca, timeout=timeout)
        if isinstance(store, AccountStoreSettings):
            self._check_ca(store.ca, f"{at}.ca")
            if not store.url.startswith("sqlite:"):
                self._check_store(store.url, options, at.removesuffix(".store"))
        else:
            self._check_store(store.store, options, at)
        return options

    def assertion_keys(self, clients: Mapping[str, KeySet]) -> AssertionKeys | None:
        """Read the keys of the assertion, which are never the client's."""
        source = self._settings.assertion.keys
        text = None if source is None else self._secret(source, "assertion.keys")
        if text is None:
            return None
        try:
            keys = AssertionKeys(text.decode())
        except (AssertionKeysError, UnicodeDecodeError) as error:
            self._reading.note(
                "assertion.keys",
                _unfit(error),
                Phrase("make them with `sekisho keys new`", "`sekisho keys new` で作ってください"),
            )
            return None
        if any(keys.thumbprints & key_set.thumbprints for key_set in clients.values()):
            what = Phrase(
                "a key is both the client's and the assertion's", "クライアントとアサーションに同じ鍵があります"
            )
            self._reading.note(
                "assertion.keys",
                what,
                Phrase(
                    "make separate key sets: a key must not serve both purposes",
                    "別々の鍵を作ってください。一つの鍵を二つの用途に使えません",
                ),
            )
        return keys

    def audit_keys(self, clients: Mapping[str, KeySet], assertion: AssertionKeys | None) -> KeySet | None:
        """Read the keys of the audit trail, which have no other purpose."""
        if self._settings.audit.directory is None:
            return None
        keys = self._key_set(self._settings.audit.keys, "audit.keys")
        if keys is None:
            return None
        if any(key.alg != "ES256" for key in keys.keys):
            what = Phrase("a key of the audit trail is not for `ES256`", "監査証跡の鍵に `ES256` でないものがあります")
            self._reading.note(
                "audit.keys",
                what,
                Phrase("make another with `sekisho keys new`", "`sekisho keys new` で別の鍵を作ってください"),
            )
        others = [key_set.thumbprints for key_set in clients.values()]
        others += [] if assertion is None else [assertion.thumbprints]
        if any(keys.thumbprints & thumbprints for thumbprints in others):
            what = Phrase(
                "a key of the audit trail has another purpose too", "監査証跡の鍵が他の用途でも使われています"
            )
            self._reading.note("audit.keys", what, Phrase("make a separate key set", "専用の鍵を作ってください"))
        return keys

    def operators(self) -> Operators | None:
        """Read who may use the sessions API."""
        source = self._settings.operators
        text = None if source is None else self._secret(source, "operators")
        if text is None:
            return None
        try:
            return read_operators(text.decode())
        except ValueError as error:
            remedy = Phrase("`sekisho operators add` writes a line", "`sekisho operators add` が行を書きます")
            self._reading.note("operators", _unfit(error), remedy)
            return None

    def signing_authorities(self) -> tuple[x509.Certificate, ...]:
        """Read the authorities whose signing certificates are believed."""
        at = "signing.verify.ca"
        wanted = None if self._settings.signing is None else self._settings.signing.verify
        if wanted is None or at in self._reading.broken:
            return ()
        try:
            return read_authorities(read_file(wanted.ca, LONGEST_AUTHORITIES))
        except OSError as error:
            self._reading.note(
                at,
                Phrase(
                    f"`{wanted.ca}` cannot be read: {error.strerror or error}",
                    f"`{wanted.ca}` を読めません（{error.strerror or error}）",
                ),
            )
        except AuthoritiesError as error:
            remedy = Phrase(
                "name a PEM file with the certificates of the authority for digital signatures alone",
                "署名用認証局の証明書だけを PEM で収めたファイルを指定してください",
            )
            self._reading.note(at, Phrase(f"`{wanted.ca}`: {error}", f"`{wanted.ca}` を使えません（{error}）"), remedy)
        return ()

    def logos(self) -> dict[str, Logo]:
        """Return the pictures on the Apps' name plates."""
        found: dict[str, Logo] = {}
        for number, app in enumerate(self._settings.apps):
            file = app.brand.logo
            if file is None:
                continue
            try:
                # One more byte than it may have tells a logo that is too long from a file that never ends.
                found[app.name] = read_logo(read_file(file, 16 * LONGEST_LOGO))
            except OSError as error:
                what = Phrase(
                    f"`{file}` cannot be read: {error.strerror}", f"`{file}` を読めません（{error.strerror}）"
                )
                self._reading.note(
                    f"apps[{number}].brand.logo",
                    what,
                    Phrase("name a file that the gateway can read", "ゲートウェイが読めるファイルを指定してください"),
                )
            except LogoError as error:
                what = Phrase(
                    f"`{file}` cannot be a logo: {error.what.en}",
                    f"`{file}` はロゴにできません：{error.what.say(Language.JA)}",
                )
                self._reading.note(f"apps[{number}].brand.logo", what, error.remedy)
        return found

    def signing_profile(self, policies: Mapping[Path, Policy]) -> Profile | None:
        """Read the names of the provider's signature API; without the settings no rule may have forms signed."""
        settings = self._settings.signing
        if settings is None:
            for number, app in enumerate(self._settings.apps):
                policy = policies.get(app.policy.file)
                signed = [rule.name for rule in policy.rules if rule.sign is not None] if policy is not None else []
                if signed:
                    self._reading.note(
                        f"apps[{number}]",
                        Phrase(
                            f"the rule `{signed[0]}` of `{app.name}` has forms signed, and `signing` is missing",
                            f"`{app.name}` の規則 `{signed[0]}` は電子署名を求めますが、`signing` がありません",
                        ),
                        Phrase("write `signing: {}` beside `apps`", "`apps` と並べて `signing: {}` と書いてください"),
                    )
            return None
        file = settings.profile or SHIPPED
        try:
            return read_profile(read_file(file, LONGEST_PROFILE).decode(), str(file))
        except OSError as error:
            self._reading.note(
                "signing.profile",
                Phrase(f"`{file}` cannot be read: {error.strerror}", f"`{file}` を読めません（{error.strerror}）"),
            )
        except UnicodeDecodeError:
            self._reading.note(
                "signing.profile",
                Phrase(f"`{file}` is not UTF-8", f"`{file}` は UTF-8 ではありません"),
                Phrase("save it as UTF-8", "UTF-8 で保存し直してください"),
            )
        except ProfileError as error:
            what, _, remedy = str(error).partition("; ")
            self._reading.note(
                "signing.profile", Phrase(what, f"使えません（{what}）"), Phrase(remedy, f"直してください（{remedy}）")
            )
        return None

    def signing_tokens(self) -> Mapping[str, bytes]:
        """Read the tokens of applications that ask for signatures; only their hashes are kept."""
        found: dict[str, bytes] = {}
        for number, app in enumerate(self._settings.apps):
            if app.signing is None or app.signing.token is None:
                continue
            at = f"apps[{number}].signing.token"
            text = self._secret(app.signing.token, at)
            token = (text or b"").strip()
            if text is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or b" " in token):
                self._reading.note(
                    at,
                    Phrase(
                        f"the token is shorter than {SHORTEST_TOKEN} characters, or has others than ASCII",
                        f"トークンは ASCII で {SHORTEST_TOKEN} 文字以上必要です",
                    ),
                    Phrase("make one with `openssl rand -hex 32`", "`openssl rand -hex 32` で作ってください"),
                )
            digest = sha256(token).digest()
            if digest in found.values():
                self._reading.note(
                    at,
                    Phrase("another App has the same token", "ほかの App と同じトークンです"),
                    Phrase("give each App its own", "App ごとに別のものにしてください"),
                )
            found[app.name] = digest
        return found

    def accounts(self) -> tuple[dict[str, Secrets], dict[str, str], dict[str, RedisOptions]]:
        """Read the keys, the secrets and the further settings of the stores of Apps with `accounts`."""
        keys: dict[str, Secrets] = {}
        secrets: dict[str, str] = {}
        redis: dict[str, RedisOptions] = {}
        for number, app in enumerate(self._settings.apps):
            accounts = app.accounts
            if accounts is None:
                continue
            at = f"apps[{number}].accounts"
            redis[app.name] = self._redis_options(accounts.store, f"{at}.store")
            text = self._account_key(accounts.key, f"{at}.key")
            if text is not None:
                try:
                    keys[app.name] = Secrets.parse(text.decode())
                except ValueError as error:
                    self._reading.note(f"{at}.key", _unfit(error))
            secret = self._secret(accounts.secret, f"{at}.secret")
            if secret is not None:
                secrets[app.name] = self._basic_secret(secret, f"{at}.secret")
        return keys, secrets, redis

    def _basic_secret(self, secret: bytes, at: str) -> str:
        try:
            word = secret.decode().strip()
        except UnicodeDecodeError:
            word = ""
        if len(word) < SHORTEST_TOKEN or not word.isprintable():
            self._reading.note(
                at,
                Phrase(
                    f"the secret is shorter than {SHORTEST_TOKEN} characters, or has one that is not printable",
                    f"`secret` には印字可能な {SHORTEST_TOKEN} 文字以上が必要です",
                ),
                Phrase("make one with `openssl rand -hex 32`", "`openssl rand -hex 32` で作ってください"),
            )
        return word

    def _account_key(self, key: AccountKey, at: str) -> bytes | None:
        """Return the text of a key: of a file, a variable, or what a program prints."""
        if not key.command:
            return self._secret(SecretSource(file=key.file, env=key.env), at)
        try:
            done = subprocess.run(  # noqa: S603 (the operator's own settings name the program)
                key.command, stdin=subprocess.DEVNULL, capture_output=True, timeout=KEY_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            what = Phrase(
                f"`{key.command[0]}` did not print the key: {type(error).__name__}",
                f"`{key.command[0]}` が鍵を出力しませんでした（{type(error).__name__}）",
            )
            self._reading.note(at, what, Phrase("try the command by hand", "コマンドを手で実行して確かめてください"))
            return None
        if done.returncode != 0 or len(done.stdout) > LONGEST_SECRET:
            what = Phrase(
                f"`{key.command[0]}` did not print the key: it ended with {done.returncode}",
                f"`{key.command[0]}` が鍵を出力せず、終了コード {done.returncode} で終わりました",
            )
            self._reading.note(at, what, Phrase("try the command by hand", "コマンドを手で実行して確かめてください"))
            return None
        return done.stdout

    def trace_headers(self) -> Mapping[str, str]:
        """Read the header fields for the collector, and look whether there is a library to send spans."""
        traces = self._settings.traces
        if traces.endpoint is not None and not all(map(_is_installed, _TRACING)):
            what = Phrase("OpenTelemetry's SDK is not installed", "OpenTelemetry の SDK がインストールされていません")
            remedy = Phrase(
                "`pip install 'sekisho[otel]'`, or remove `traces.endpoint`",
                "`pip install 'sekisho[otel]'` を実行するか、`traces.endpoint` を削除してください",
            )
            self._reading.note("traces.endpoint", what, remedy)
        text = None if traces.headers is None else self._secret(traces.headers, "traces.headers")
        fields: dict[str, str] = {}
        for number, line in enumerate((text or b"").decode("latin-1").split("\n"), 1):
            if not line.strip():
                continue
            match = _FIELD_LINE.fullmatch(line)
            if match is None:
                # The line may hold a token, so only its number is told.
                self._reading.note(
                    "traces.headers",
                    Phrase(f"line {number} is no header field", f"{number} 行目はヘッダーではありません"),
                    Phrase("write `Name: value`", "`名前: 値` の形で書いてください"),
                )
            else:
                fields[match[1]] = match[2]
        return fields

    def aliases(self) -> Aliases:
        """Read which persons are known by an older subject; a file that is not there yet has none."""
        file = self._settings.aliases
        if file is None:
            return Aliases()
        try:
            if not file.exists():
                # `sekisho subjects alias` makes it: where there is no folder for it, its name is a slip.
                self._check_folder(file, "aliases")
                return Aliases()
            read = read_aliases(read_file(file, LONGEST_FILE).splitlines())
        except OSError as error:
            self._reading.note("aliases", *_not_read(file, error))
            return Aliases()
        except AliasError as error:
            reason = _unfit(error)
            japanese = reason.say(Language.JA)
            self._reading.note(
                "aliases", Phrase(f"`{file}` cannot be used: {reason}", f"`{file}` を使えません（{japanese}）")
            )
            return Aliases()
        if read.in_clear and self._remarking:
            self.remarks.add(
                Where(str(file), 1),
                Phrase(
                    f"{read.in_clear} lines name subjects in clear, as earlier versions wrote them",
                    f"以前の版が書いた {read.in_clear} 行に、本人の識別子が平文で残っています",
                ),
                Phrase("run `sekisho subjects seal-aliases`", "`sekisho subjects seal-aliases` を実行してください"),
            )
        return read

    def _check_store(self, url: str | None, options: RedisOptions, at: str) -> None:
        """Note a store whose URL cannot be read, or contradicts its other settings, without a call to it."""
        if url is None or url == "memory":
            return
        try:
            check_options(parse_redis_url(url), options)
        except ValueError as error:
            self._reading.note(f"{at}.store", _unfit(error))

    def check_files(self) -> None:
        """Open every file that is needed later in the same way: an unusable file is found at the start."""
        settings = self._settings
        for at, client in self._clients():
            self._check_ca(client.ca, f"{at}.ca")
        self._check_ca(settings.sessions.ca, "sessions.ca")
        self._check_ca(settings.limits.ca, "limits.ca")
        for number, app in enumerate(settings.apps):
            at, options = f"apps[{number}].upstream_options", app.upstream_options
            self._check_ca(options.ca, f"{at}.ca")
            if options.certificate is not None:
                self._check_certificate(options.certificate, options.key, f"{at}.certificate")
        if settings.tls is not None and "tls.certificate" not in self._reading.broken:
            self._check_certificate(settings.tls.certificate, settings.tls.key, "tls.certificate")
        self._check_ca(settings.traces.ca, "traces.ca")
        if settings.switches is not None:
            self._check_folder(settings.switches, "switches")
        if settings.sessions.sign_outs is not None:
            self._check_folder(settings.sessions.sign_outs, "sessions.sign_outs")
        if settings.audit.directory is not None:
            self._check_trail(settings.audit.directory)
        if settings.audit.mirror is not None:
            self._check_folder(settings.audit.mirror, "audit.mirror")
        if settings.audit.syslog is not None:
            self._check_ca(settings.audit.syslog.ca, "audit.syslog.ca")
            if settings.audit.syslog.certificate is not None:
                self._check_certificate(settings.audit.syslog.certificate, None, "audit.syslog.certificate")
        if settings.access_log not in (None, "stderr"):
            file = self._reading.base / str(settings.access_log)
            self._check_folder(file, "access_log")
            if file.exists() and not os.access(file, os.W_OK):
                self._reading.note("access_log", Phrase(f"`{file}` cannot be written", f"`{file}` に書き込めません"))

    def _check_trail(self, folder: Path) -> None:
        """Note a folder of the audit trail in which no file could be made; one that is not there yet is made later."""
        if folder.exists() and not folder.is_dir():
            self._reading.note(
                "audit.directory",
                Phrase(f"`{folder}` is no folder", f"`{folder}` はフォルダーではありません"),
                Phrase("name a folder", "フォルダーを指定してください"),
            )
        elif not folder.exists():
            self._check_folder(folder, "audit.directory")
        elif not os.access(folder, os.W_OK | os.X_OK):
            self._reading.note(
                "audit.directory", Phrase(f"`{folder}` cannot be written", f"`{folder}` に書き込めません")
            )

    def _check_folder(self, file: Path, at: str) -> None:
        """Note a file that could not be made, nor be what it should be."""
        if file.is_dir():
            self._reading.note(
                at,
                Phrase(f"`{file}` is a folder", f"`{file}` はフォルダーです"),
                Phrase("name a file in it", "その中のファイルを指定してください"),
            )
        elif not file.parent.is_dir():
            self._reading.note(
                at,
                Phrase(f"there is no folder `{file.parent}`", f"フォルダー `{file.parent}` がありません"),
                Phrase("create it, or name another", "作るか、別のフォルダーを指定してください"),
            )

    def _check_ca(self, file: Path | None, at: str) -> None:
        if file is None:
            return
        try:
            with in_memory(self._keep(file)) as content:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=content)
        except OSError as error:
            self._note_unusable(file, error, at, Phrase("certificates in PEM", "PEM 形式の証明書"))

    def _keep(self, file: Path) -> bytes:
        """Read a file of certificates or keys once, so that the checked content is the kept one."""
        self.files[file] = read_file(file, LONGEST_CERTIFICATES)
        return self.files[file]

    def _check_certificate(self, certificate: Path, key: Path | None, at: str) -> None:
        try:
            with ExitStack() as memory:
                chain = memory.enter_context(in_memory(self._keep(certificate)))
                own = None if key is None else memory.enter_context(in_memory(self._keep(key)))
                # A key behind a passphrase would have OpenSSL ask the terminal for it, and a service wait for ever.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, own, password="")
        except OSError as error:
            for file in (certificate, key):
                if file is not None and not _readable(file):
                    self._reading.note(
                        at if file is certificate else f"{at.rpartition('.')[0]}.key", *_unreadable(file)
                    )
                    return
            self._note_unusable(certificate, error, at, _CERTIFICATE)

    def _note_unusable(self, file: Path, error: OSError, at: str, expected: Phrase) -> None:
        # OpenSSL's messages describe its internals; only the system's messages name the fault of a file.
        if isinstance(error, ssl.SSLError):
            self._reading.note(
                at,
                Phrase(f"`{file}` does not have the needed content", f"`{file}` の内容が使えません"),
                Phrase(f"expected: {expected.en}", f"{expected.ja}を指定してください"),
            )
        else:
            self._reading.note(at, *_not_read(file, error))

    def _key_set(self, source: SecretSource, at: str) -> KeySet | None:
        """Read a set of private keys; one that cannot be read is a mistake, noted."""
        text = self._secret(source, at)
        if text is None:
            return None
        try:
            return read_key_set(text)
        except KeySetError as error:
            self._reading.note(
                at, _unfit(error), Phrase("make them with `sekisho keys new`", "`sekisho keys new` で作ってください")
            )
            return None

    def _secret(self, source: SecretSource, at: str) -> bytes | None:
        """Return what a file or a variable holds; a missing one is a mistake, an unnamed one is not."""
        if source.env is not None:
            value = self._environment.get(source.env)
            if not value:
                self._reading.note(
                    at,
                    Phrase(f"the variable `{source.env}` is not set", f"環境変数 `{source.env}` がありません"),
                    Phrase("set it, or name a file", "設定するか、ファイルを指定してください"),
                )
                return None
            return value.encode("utf-8", "surrogateescape")
        if source.file is None:
            return None
        try:
            return read_file(source.file, LONGEST_SECRET)
        except OSError as error:
            self._reading.note(at, *_not_read(source.file, error))
            return None


_PATHS = Phrase(
    "write a path from `/`, or one from the folder of this file",
    "`/` からのパスか、このファイルのあるフォルダーからのパスを書いてください",
)
_RIGHTS = Phrase(
    "let the gateway's user read it (`chown`), and nobody else",
    "`chown` で、ゲートウェイのユーザーだけが読めるようにしてください",
)
_CERTIFICATE = Phrase(
    "a certificate with its chain, and its key without passphrase",
    "証明書とその連鎖、それに合う、パスフレーズのない鍵",
)


def _readable(file: Path) -> bool:
    return file.is_file() and os.access(file, os.R_OK)


def _unreadable(file: Path) -> tuple[Phrase, Phrase]:
    if not file.is_file():
        what = Phrase(f"`{file}`: there is no such file", f"`{file}` というファイルはありません")
        return what, _meant(file) or _PATHS
    what = Phrase(f"`{file}`: it cannot be read", f"`{file}` を読めません")
    return what, _RIGHTS


def _unfit(error: Exception) -> Phrase:
    """Return a fault that a reader of keys, secrets or URLs found; its words name no secret."""
    found = str(error).replace("\n", "; ")
    if isinstance(error, SaidError):
        return Phrase(found, error.said.say(Language.JA).replace("\n", "。"))
    return Phrase(found, f"使えません（{found}）")


def _not_read(file: Path, error: OSError) -> tuple[Phrase, Phrase]:
    """Return the words about a file that cannot be read, and the remedy."""
    what = Phrase(f"`{file}` cannot be read: {error.strerror}", f"`{file}` を読めません（{error.strerror}）")
    match error:
        case FileNotFoundError():
            return what, _meant(file) or _PATHS
        case PermissionError():
            return what, _RIGHTS
        case _:
            return what, Phrase(
                "name a file that the gateway can read", "ゲートウェイが読めるファイルを指定してください"
            )


def _meant(file: Path) -> Phrase | None:
    """Return the file beside a missing one that was probably meant: of its kind, with nearly its name."""
    try:
        beside = {each.stem: each.name for each in file.parent.iterdir() if each.suffix == file.suffix}
    except OSError:
        return None
    close = get_close_matches(file.stem, beside, n=1, cutoff=0.75)
    return Phrase(f"did you mean `{beside[close[0]]}`?", f"`{beside[close[0]]}` のことですか") if close else None


_FORM_ITEMS: Mapping[str, str] = {
    "name": "券面事項入力補助APの氏名",
    "address": "券面事項入力補助APの住所",
    "birthdate": "券面事項入力補助APの生年月日",
    "gender": "券面事項入力補助APの性別",
}
