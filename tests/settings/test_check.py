"""gateway.yaml, read with every mistake at once."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

import gateway
from gateway.settings.bounds import BOUNDS
from gateway.settings.check import check_settings, read_settings, split_address
from gateway.settings.settings import Environment, Settings
from gateway.settings.typed import Reading, duration_of, hints, unit_of, without_mark
from gateway.yaml.mistakes import Language, Mistakes

GOOD = """\
listen: 127.0.0.1:8080
management: 127.0.0.1:9464
provider:
  environment: emulator
  issuer: http://localhost:9000/api/realms/main
  client_id: RP00000001
  keys: {file: keys/client.jwks}
  contracted: [name, address, birthdate]
sessions:
  store: redis://127.0.0.1:6379/0
  secret: {file: /run/secrets/sekisho}
  idle: 30m
  absolute: 8h
apps:
  - name: booking
    url: http://localhost:8080
    upstream: http://127.0.0.1:9001
    policy: policies/facility-booking.yaml
    operator: {ja: 渋谷区 スポーツ振興課}
    application_cookies: [JSESSIONID]
  - name: wallet
    url: http://wallet.localhost:8080
    upstream: [http://127.0.0.1:9002, http://127.0.0.1:9003]
    policy: {file: policies/currency.yaml, candidate: policies/next.yaml}
"""


def read(text: str, tmp_path: Path) -> tuple[Settings | None, list[str]]:
    """Return the settings and the mistakes, without the folder in front."""
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    mistakes = Mistakes()
    reading = Reading(tmp_path, mistakes)
    settings = read_settings(file, reading)
    if settings is not None:
        check_settings(settings, reading)
    return settings, [str(mistake).removeprefix(f"{tmp_path}/") for mistake in mistakes]


def said(text: str, tmp_path: Path) -> str:
    """Return what the mistakes say in both languages."""
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    mistakes = Mistakes()
    reading = Reading(tmp_path, mistakes)
    settings = read_settings(file, reading)
    if settings is not None:
        check_settings(settings, reading)
    return mistakes.say(Language.EN) + mistakes.say(Language.JA)


def test_what_is_written_is_what_is_set(tmp_path: Path) -> None:
    """Durations become seconds, one becomes a list of one, and paths start from the file's folder."""
    settings, mistakes = read(GOOD, tmp_path)

    assert mistakes == []
    assert settings is not None
    booking, wallet = settings.apps
    assert settings.provider.environment is Environment.EMULATOR
    assert settings.provider.contracted == {"name", "address", "birthdate"}
    assert (settings.sessions.idle, settings.sessions.absolute) == (1800.0, 28800.0)
    assert booking.upstream == ("http://127.0.0.1:9001",)
    assert len(wallet.upstream) == 2
    assert booking.policy.file == tmp_path / "policies/facility-booking.yaml"
    assert wallet.policy.candidate == tmp_path / "policies/next.yaml"
    assert settings.provider.keys.file == tmp_path / "keys/client.jwks"


def test_five_mistakes_are_five_messages(tmp_path: Path) -> None:
    """An unreadable value of any kind does not hide the other mistakes."""
    text = (
        GOOD.replace("idle: 30m", "idle: 30min")
        .replace("operator:", "operater:")
        .replace("name: wallet", "name: Wallet")
        .replace("127.0.0.1:9002,", "127.0.0.1,")
        .replace("contracted: [name, address, birthdate]", "contracted: [name, addres]")
        .replace("http://wallet.localhost:8080", "http://wallet.example")
    )

    _, mistakes = read(text, tmp_path)

    assert mistakes == [
        "gateway.yaml:8:22: `addres` is not known here, write one of `name`, `address`, `birthdate`, `gender`",
        "gateway.yaml:12:9: `30min` is not a length of time, write `30s`, `15m` or `8h`",
        "gateway.yaml:19:5: unknown key `operater`, did you mean `operator`?",
        "gateway.yaml:21:11: `Wallet` cannot name an App, use a-z, 0-9 and `-`, a letter first",
        (
            "gateway.yaml:22:10: `http://wallet.example` would carry people's facts over plain HTTP, "
            "a public origin begins with `https://`; `http://` is for loopback"
        ),
        (
            "gateway.yaml:22:10: `http://wallet.example` is not on this machine, "
            "the emulator is for loopback only (`*.localhost` counts)"
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("listen: 127.0.0.1:8080", "listen: 0.0.0.0:8080", "`0.0.0.0:8080` can be reached by others"),
        ("management: 127.0.0.1:9464", "management: 127.0.0.1:8080", "`management` is the address of `listen`"),
        (
            "http://localhost:9000/api",
            "https://auth.example/api",
            "`https://auth.example/api/realms/main` is not on this",
        ),
        ("environment: emulator", "environment: sandbox", "`issuer` and `environment: sandbox` both name the provider"),
        ("  issuer: http://localhost:9000/api/realms/main\n", "", "the provider is not named"),
        ("keys: {file: keys/client.jwks}", "keys: {file: a, env: B}", "a secret from both a file and the environment"),
        ("  secret: {file: /run/secrets/sekisho}\n", "", "nothing would seal the sessions"),
        ("idle: 30m", "idle: 9h", "`idle` is longer than `absolute`"),
        ("redis://127.0.0.1:6379/0", "postgres://db/0", "`postgres://db/0` is no session store"),
        ("name: wallet", "name: booking", "two Apps are named `booking`"),
        ("http://wallet.localhost:8080", "http://localhost:8080", "two Apps have the URL"),
        ("    upstream: http://127.0.0.1:9001\n", "", "`upstream` is missing"),
        ("    policy: policies/facility-booking.yaml\n", "", "`policy` is missing"),
        ("[JSESSIONID]", "['JSESSION ID']", "`JSESSION ID` cannot name a cookie"),
        ("[JSESSIONID]", "[JSESSIONID]\n    headers: {names: {name: X_NAME}}", "X_NAME"),
        ("idle: 30m", "idle: 30m\n  timeout: ５s", "full-width digits `５`"),
        ("http://wallet.localhost:8080", "http://localhost:8080/.sekisho/app", "within our own pages"),
        ("client_id: RP00000001", "client_id: RP00000001\n  clock_skew: 10m", "`clock_skew` cannot be 10m, at most 2m"),
        (
            "policy: {file: policies/currency.yaml, candidate: policies/next.yaml}",
            (
                "policy: policies/currency.yaml\n"
                "    client: {environment: emulator, issuer: 'http://localhost:9000/x', "
                "client_id: RP2, keys: {file: k}}\n  - {name: third, url: 'http://wallet.localhost:8080/third', "
                "upstream: 'http://127.0.0.1:1', policy: p.yaml}"
            ),
            "`third` and `wallet` share an origin but not a client",
        ),
        (
            "policy: {file: policies/currency.yaml, candidate: policies/next.yaml}",
            (
                "policy: policies/currency.yaml\n  - {name: third, url: 'http://wallet.localhost:8080/third', "
                "upstream: 'http://127.0.0.1:1', policy: p.yaml, next_person: {clear: [cache]}}"
            ),
            "`third` has ['cache'] cleared and `wallet`, on the same host, ['cache', 'storage']",
        ),
        ("[JSESSIONID]", "[JSESSIONID]\n    next_person: {clear: [cookies]}", "`cookies`"),
        (
            "policy: {file: policies/currency.yaml, candidate: policies/next.yaml}",
            (
                "policy: policies/currency.yaml\n  - {name: third, url: 'http://wallet.localhost:8080/third', "
                "upstream: 'http://127.0.0.1:1', policy: p.yaml, paths: {ignore_case: true}}"
            ),
            "`third` and `wallet` are on one host and have different `paths`",
        ),
        (
            "policy: {file: policies/currency.yaml, candidate: policies/next.yaml}",
            (
                "policy: policies/currency.yaml\n  - {name: third, url: 'http://wallet.localhost:8080/third', "
                "upstream: 'http://127.0.0.1:1', policy: p.yaml, stack: [iis, php]}"
            ),
            "`third` and `wallet` are on one host and have different `stack`",
        ),
        (
            "policy: {file: policies/currency.yaml, candidate: policies/next.yaml}",
            "policy: policies/currency.yaml\n    paths: {ignore_case: true}\nprefix: /Auth/",
            "our pages lie in `/Auth/`, and `wallet` has its paths in lower case",
        ),
        ("[JSESSIONID]", "[JSESSIONID]\n    stack: websphere", "`websphere` is not known here"),
        ("idle: 30m", f"idle: {'9' * 400}d", "is not a length of time"),
        ("idle: 30m", "idle: 99999999999d", "`idle` cannot be 99999999999d, at most 3650d"),
        ("listen: 127.0.0.1:8080", "listen: 'a..b:80'", "`a..b:80` is no address to listen on"),
        ("issuer: http://", "issuer: HTTP://", "is not a URL that is allowed here"),
        ("url: http://localhost:8080", "url: HTTP://localhost:8080", "is not a URL that is allowed here"),
        ("url: http://localhost:8080", "url: 'http://[::1'", "is not a URL that is allowed here"),
        ("http://localhost:9000/api/realms/main", "'http://[::1'", "is not a URL that is allowed here"),
        ("http://wallet.localhost:8080", "http://LOCALHOST.:8080/", "two Apps have the URL"),
        ("http://127.0.0.1:9003", "http://127.0.0.1:9003/app", "the upstreams have different paths"),
        ("http://127.0.0.1:9001", "unix:app.sock", "a Unix socket is named as `unix:/path`"),
        ("[JSESSIONID]", "[JSESSIONID]\n    upstream_options: {server_name: .a}", "`.a` is no name of a server"),
        ("[JSESSIONID]", "[JSESSIONID]\n    upstream_options: {key: k.pem}", "a key without its certificate"),
        ("[JSESSIONID]", "[JSESSIONID]\n    upstream_options: {health: 'up here'}", "`up here` cannot be asked for"),
        ("[JSESSIONID]", "[JSESSIONID]\n    internal_origins: [http://old/app]", "is more than an origin"),
        ("[JSESSIONID]", "[JSESSIONID]\n    headers: {strip: [é]}", "`é` cannot name a header"),
        ("[JSESSIONID]", "[JSESSIONID]\n    contact: 'javascript:alert(1)'", "cannot be a link on our pages"),
        ("[JSESSIONID]", "[JSESSIONID]\n    without_card: {url: //evil.example}", "cannot be a link on our pages"),
        ("keys/client.jwks", '"keys\\0"', "an invisible character"),
        ("listen: 127.0.0.1:8080", "listen: 127.0.0.1", "`127.0.0.1` is no address to listen on"),
        ("listen: 127.0.0.1:8080", "listen: 127.0.0.1:８０", "`127.0.0.1:８０` is no address to listen on"),
        ("listen: 127.0.0.1:8080", "listen: 127.0.0.1:65536", "`127.0.0.1:65536` is no address to listen on"),
        (
            "listen: 127.0.0.1:8080",
            "listen: 127.0.0.1:8443\ntls: {certificate: c.pem, key: k.pem, redirect: '80'}",
            "`80` is no address to listen on",
        ),
        ("listen:", "management_hosts: ['sekisho.internal:9464']\nlisten:", "`sekisho.internal:9464` is no host name"),
        ("listen:", "trusted_proxies: [10.0.0.0/33]\nlisten:", "`10.0.0.0/33` is no address or network"),
        ("listen:", "trusted_proxies: [10.0.0.1/24]\nlisten:", "`10.0.0.1/24` is no address or network"),
        ("listen:", "prefix: /\nlisten:", "`/` cannot be the prefix of our pages"),
        ("listen:", "prefix: /auth\nlisten:", "`/auth` cannot be the prefix of our pages"),
        ("listen:", "prefix: /a/../\nlisten:", "`/a/../` cannot be the prefix of our pages"),
        ("  client_id: RP00000001\n", "", "`client_id` is missing"),
        ("keys: {file: keys/client.jwks}", "id_token_algorithms: []", "no algorithm at all"),
        ("  keys: {file: keys/client.jwks}\n", "", "make them with `sekisho keys new`"),
        ("  client_id:", "  via: 'proxy.internal:3128'\n  client_id:", "`proxy.internal:3128` is not a URL"),
        ("http://localhost:9000/api", "http://auth.example/api", "is reached over plain HTTP"),
        ("url: http://localhost:8080", "url: http://booking.example", "would carry people's facts over plain HTTP"),
        ("url: http://localhost:8080", "url: http://localhost:8080/a/", "`/a/` cannot be an App's path"),
        ("url: http://localhost:8080", "url: 'http://localhost:8080/a b'", "is not a URL that is allowed here"),
        ("http://127.0.0.1:9001", "ftp://127.0.0.1:9001", "`ftp://127.0.0.1:9001` is not a URL that is allowed here"),
        ("[JSESSIONID]", "[JSESSIONID]\n    paths: {merge_slashes: true, empty_segments: keep}", "merges and keeps"),
        ("listen:", "workers: 0\nlisten:", "`0` is no number of workers"),
        ("listen:", "workers: many\nlisten:", "`many` is no number of workers"),
        ("idle: 30m", "idle: 30m\n  stale_for: 9h", "`stale_for` is longer than `absolute`"),
        (
            "policy: {file: policies/currency.yaml, candidate: policies/next.yaml}",
            (
                "policy: policies/currency.yaml\n    client: {environment: emulator, client_id: RP00000001, "
                "issuer: 'http://localhost:9000/x', keys: {file: k}}"
            ),
            "`RP00000001` has different settings in another App",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Each contradiction, and each value that a constructor would refuse at the start, is named with its place."""
    assert old in GOOD

    _, mistakes = read(GOOD.replace(old, new, 1), tmp_path)

    assert any(said in mistake for mistake in mistakes), mistakes
    assert all(mistake.startswith("gateway.yaml:") for mistake in mistakes)


def test_host_names_may_be_written_in_japanese(tmp_path: Path) -> None:
    """The App, the provider, other origins and the application's server: each is read as browsers send it."""
    text = PRODUCTION.replace("http://localhost:8080", "https://予約.example").replace(
        "http://wallet.localhost:8080", "https://財布.example"
    )
    text = text.replace("http://127.0.0.1:9001", "http://内部.example:9001").replace(
        "[JSESSIONID]", "[JSESSIONID]\n    allowed_origins: ['https://決済.example']"
    )
    text = text.replace("environment: production", "issuer: https://認証.example/realms/main")

    settings, mistakes = read(text, tmp_path)

    assert mistakes == []
    assert settings is not None
    booking = settings.apps[0]
    assert booking.url == "https://xn--0kq264i.example"
    others = (*booking.upstream, *booking.allowed_origins, settings.provider.issuer)
    assert all("//xn--" in url and url.isascii() for url in others)


PRODUCTION = GOOD.replace(
    "environment: emulator\n  issuer: http://localhost:9000/api/realms/main", "environment: production"
)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("acr_values: none", "every sign-in would pass"),
        ("accept_acr: any", "every sign-in would pass"),
        ("acr_values: none\n  accept_acr: [any]", "every sign-in would pass"),
        ("acr_values: none\n  any_acr_because: the agency says so", "every sign-in would pass"),
        ("accept_acr: any\n  any_acr_because: the agency says so, 2026-11-20", None),
        ("acr_values: none\n  accept_acr: any\n  any_acr_because: agreed", None),
        ("acr_values: none\n  accept_acr: ['1']", None),
        ("accept_acr: [aal3 crl, aal3]", None),
        ("accept_acr: [any, '1']\n  any_acr_because: agreed", "lists values beside `any`"),
        ("any_acr_because: agreed", "a reason for `accept_acr: any`, which is not there"),
        ("acr_values: ''", "the value is missing here, write a value, or `none`"),
        ("acr_values: ' '", "` ` cannot be an `acr`"),
        ("acr_values: 'aal3  crl'", "`aal3  crl` cannot be an `acr`"),
        ("acr_values: 水準", "`水準` cannot be an `acr`"),
        ("accept_acr: ['1', ' 1']", "` 1` cannot be an `acr`"),
        (f"accept_acr: ['{'a' * 256}']", "cannot be an `acr`"),
        ("reauthenticate: login", "`login` is not known here"),
        ("reauthenticate: prompt\n  freshness: callback", "nothing would show that it was done"),
        ("reauthenticate: none\n  freshness: callback", None),
        ("reauthenticate: max_age", None),
    ],
)
def test_what_is_said_of_assurance_is_held_to_what_can_be_shown(lines: str, said: str | None, tmp_path: Path) -> None:
    """In production an operator who accepts every `acr` says so, and gives the reason."""
    text = PRODUCTION.replace("http://localhost:8080", "https://a.example").replace(
        "http://wallet.localhost:8080", "https://b.example"
    )

    _, mistakes = read(text.replace("  client_id:", f"  {lines}\n  client_id:"), tmp_path)

    assert (mistakes == []) is (said is None), mistakes
    assert said is None or any(said in mistake for mistake in mistakes), mistakes


@pytest.mark.parametrize(
    ("audit", "said"),
    [
        ("{directory: audit, keys: {file: k}, required: true, mirror: m, keep: 400d}", None),
        ("{directory: audit, keys: {file: k}, syslog: {to: 'tls://log.example:6514', ca: ca.pem}}", None),
        ("{syslog: {to: 'unix:/dev/log', send: all}}", None),
        ("{syslog: {to: 'tcp://127.0.0.1:601'}}", None),
        ("{directory: audit}", "nothing would sign the audit trail"),
        ("{directory: audit, keys: {file: k, env: K}}", "from both a file and the environment"),
        ("{required: true}", "`required` without a `directory`"),
        ("{mirror: m}", "`mirror` without a `directory`"),
        ("{directory: audit, keys: {file: k}, mirror: audit/m}", "`mirror` is in the folder of the trail"),
        ("{directory: audit, keys: {file: k}, keep: 1d}", "`keep` is not longer than `rotate_every`"),
        ("{directory: audit, keys: {file: k}, checkpoint: 5m}", "`checkpoint` cannot be 5m, at most 2m"),
        ("{syslog: {to: 'tcp://log.example:601'}}", "would leave this machine in the clear"),
        ("{syslog: {to: 'tls://log.example'}}", "names no port"),
        ("{syslog: {to: 'udp://log.example:514'}}", "is not a URL that is allowed here"),
        ("{syslog: {to: 'unix:dev/log'}}", "is not a URL that is allowed here"),
    ],
)
def test_a_trail_is_signed_and_its_copies_are_elsewhere(audit: str, said: str | None, tmp_path: Path) -> None:
    """A trail without a key, and a copy in the clear, would be worth little."""
    _, mistakes = read(GOOD + f"audit: {audit}\n", tmp_path)

    if said is None:
        assert mistakes == []
    else:
        assert len(mistakes) == 1
        assert said in mistakes[0]


@pytest.mark.parametrize(
    ("verify", "said"),
    [
        ("{statement: public_body, ca: ca.pem}", None),
        ("{statement: approved, ca: ca.pem}", None),
        ("{ca: ca.pem}", "`statement` is missing: only a public body, or a private operator with the approval"),
        ("{statement: private, ca: ca.pem}", "`private`"),
        ("{statement: public_body}", "the key `ca` is missing"),
    ],
)
def test_only_who_states_a_right_verifies_signatures(verify: str, said: str | None, tmp_path: Path) -> None:
    """The law gives it to public bodies, and to private operators with an approval."""
    _, mistakes = read(GOOD + f"signing: {{verify: {verify}}}\n", tmp_path)

    if said is None:
        assert mistakes == []
    else:
        assert len(mistakes) == 1
        assert said in mistakes[0]


_VERIFY = "verify: {statement: public_body, ca: ca.pem}"
_EVIDENCE = f"operator: public, public_because: law, {_VERIFY}, evidence: {{statement: public_body, keep: 1825d}}"
_DURABLE = "limits: {store: 'redis://127.0.0.1:6379/1'}\n"


@pytest.mark.parametrize(
    ("signing", "more", "said"),
    [
        (_EVIDENCE, _DURABLE, None),
        (_EVIDENCE, "", "`evidence` without a store that forgets nothing"),
        (_EVIDENCE, "limits: {store: memory}\n", "`evidence` without a store that forgets nothing"),
        (
            _EVIDENCE.replace("{statement: public_body, keep", "{keep"),
            _DURABLE,
            "`statement` is missing: only a public body",
        ),
        (_EVIDENCE.replace("public_body, keep", "approved, keep"), _DURABLE, "`approved`"),
        (_EVIDENCE.replace(", keep: 1825d", ""), _DURABLE, "`keep` is missing: evidence needs a stated period"),
        (_EVIDENCE.replace(f"{_VERIFY}, ", ""), _DURABLE, "`evidence` without `verify`"),
        (_EVIDENCE.replace("1825d", "1h"), _DURABLE, "`keep`"),
        (_EVIDENCE.replace("operator: public, public_because: law, ", ""), _DURABLE, "with `operator: private`"),
        ("operator: public", "", "`operator: public` without `public_because`"),
        ("operator: public, public_because: ' '", "", "`operator: public` without `public_because`"),
        ("operator: city, public_because: law", "", "`city`"),
        ("keep: 59s", "", "`keep`"),
        ("keep: 10m, monthly: 0", "", "`monthly`"),
        ("same_person: never", "", "`never`"),
    ],
)
def test_what_signing_says_fits_together(signing: str, more: str, said: str | None, tmp_path: Path) -> None:
    """A public body states its ground, evidence needs a statement, a period and a store that outlives the process."""
    (tmp_path / "ca.pem").touch()
    _, mistakes = read(GOOD + f"{more}signing: {{{signing}}}\n", tmp_path)

    if said is None:
        assert mistakes == []
    else:
        assert len(mistakes) == 1, mistakes
        assert said in mistakes[0]


@pytest.mark.parametrize(
    ("traffic", "said"),
    [
        ("{body: 20MiB, answer: 5m, paths: [{path: [/a/**, '/b/*/c', /], body: 2GiB}]}", None),
        ("{body: off}", "write a large value"),
        ("{paths: [{path: /a, answer: none}]}", "write a large value"),
        ("{paths: [{path: a/b}]}", "`a/b` is no pattern of paths"),
        ("{paths: [{path: /a*}]}", "`/a*` is no pattern of paths"),
        ("{paths: [{body: 2GiB}]}", "the key `path` is missing"),
        ("{answer: 0s}", "at least 1ms"),
    ],
)
def test_limits_of_an_app_say_what_they_mean(traffic: str, said: str | None, tmp_path: Path) -> None:
    """`off` would be the common limit and no freedom, and a pattern that fits nothing limits nothing."""
    url = "    url: http://localhost:8080\n"
    _, mistakes = read(GOOD.replace(url, f"{url}    traffic: {traffic}\n"), tmp_path)

    assert [mistake for mistake in mistakes if said is None or said in mistake] == mistakes
    assert len(mistakes) == (said is not None)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """The operator sees the mistake, and no traceback."""
    mistakes = Mistakes()

    assert read_settings(tmp_path / "none.yaml", Reading(tmp_path, mistakes)) is None
    assert "there is no such file" in mistakes.say()


def sections(cls: type) -> Iterator[type]:
    """Yield a class of settings and all it holds."""
    yield cls
    for kind in hints(cls).values():
        plain = without_mark(kind)
        for part in (plain, *get_args(plain), *(inner for each in get_args(plain) for inner in get_args(each))):
            if isinstance(part, type) and is_dataclass(part):
                yield from sections(part)


def test_every_number_has_bounds() -> None:
    """A number that nobody has thought about can be nothing, or more than a clock can count."""
    numbers = {
        (section, each.name)
        for section in sections(Settings)
        for each in fields(section)
        if unit_of(kind := hints(section)[each.name]) is not None
        or int in (without_mark(kind), *get_args(without_mark(kind)))
    }

    assert numbers == {(section, name) for section, bounds in BOUNDS.items() for name in bounds}


@pytest.mark.parametrize(("section", "name"), [(section, name) for section in BOUNDS for name in BOUNDS[section]])
def test_a_default_is_within_its_bounds(section: type[Any], name: str) -> None:
    """A default value is never refused."""
    default: Any = next(each.default for each in fields(section) if each.name == name)

    assert default is None or BOUNDS[section][name].least <= default <= BOUNDS[section][name].most


def test_numbers_that_cannot_be_meant_are_refused_all_at_once(tmp_path: Path) -> None:
    """Each at its place, in the unit people write."""
    text = GOOD.replace("    operator:", "    upstream_options:\n      {NUMBERS}\n    operator:", 1).replace(
        "{NUMBERS}",
        "{concurrency: 0, failures: 0, ejected_for: 0s, queue_time: 0s, "
        "health: {interval: 0s, timeout: 0ms, unhealthy_after: 0}}",
    )
    text = text.replace("idle: 30m", "idle: 0s\n  per_subject: 0\n  timeout: 0s")
    text += (
        "rates: {sign_ins_per_address: 0, sign_ins: 0, callbacks_per_address: 0, callbacks: 0, "
        "forged_tickets_per_address: 0, forged_tickets: 0}\n"
        "traffic: {headers: 10B, answer: 0s, header_count: 0}\nassertion: {lifetime: 11m}\n"
    )

    _, mistakes = read(text, tmp_path)

    assert len(mistakes) == 20
    assert all(re.match(r"gateway\.yaml:\d+:\d+: `", mistake) for mistake in mistakes)
    for said in (
        "`concurrency` cannot be 0, at least 1",
        "`interval` cannot be 0s, at least 100ms",
        "`timeout` cannot be 0s, at least 1ms",
        "`idle` cannot be 0s, at least 1s",
        "`headers` cannot be 10B, at least 1KiB",
        "`lifetime` cannot be 11m, at most 10m",
        "`forged_tickets` cannot be 0, at least 1",
    ):
        assert any(said in mistake for mistake in mistakes), (said, mistakes)


def test_numbers_that_are_off_may_be_nothing(tmp_path: Path) -> None:
    """No queue, no slow return and no kept connection can be meant."""
    text = GOOD.replace(
        "    operator:", "    upstream_options: {queue: 0, slow_return: 0s, idle: 0s}\n    operator:", 1
    )

    assert read(text, tmp_path)[1] == []


def test_a_unix_socket_is_an_upstream(tmp_path: Path) -> None:
    """As the way to the application reads it."""
    assert read(GOOD.replace("http://127.0.0.1:9001", "unix:/run/booking.sock"), tmp_path)[1] == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30.0), ("15m", 900.0), ("1.5h", 5_400.0), ("7d", 604_800.0)],
)
def test_a_length_of_time_is_read_one_way_everywhere(text: str, seconds: float) -> None:
    """`gateway.yaml`, policies and the command line ask one function."""
    assert duration_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "1.h", "-5m", "5 m", "５m", "1e3s", "5M", "1h30m"])
def test_what_is_no_length_of_time(text: str) -> None:
    """A unit is always written, and only one."""
    assert duration_of(text) is None


def test_a_gateway_without_an_app_is_told_where_they_are_written(tmp_path: Path) -> None:
    """It would answer 404 to everybody."""
    settings, mistakes = read(GOOD[: GOOD.index("apps:")] + "apps: []\n", tmp_path)

    assert settings is not None
    assert [mistake.partition(": ")[2] for mistake in mistakes] == ["no App at all, write one under `apps:`"]


@pytest.mark.parametrize(
    ("workers", "sessions", "limits", "said"),
    [
        ("1", "redis", "redis", None),
        ("999", "redis", "redis", None),
        ("auto", "redis", "redis", None),
        ("1", "memory", "memory", None),
        ("2", "redis", "memory", "cannot share what is in memory"),
        ("2", "memory", "redis", "cannot share what is in memory"),
        ("auto", "memory", "memory", "cannot share what is in memory"),
        ("1000", "redis", "redis", "`1000` is no number of workers"),
        ("02", "redis", "redis", "`02` is no number of workers"),
    ],
)
def test_several_workers_need_stores_that_they_share(
    workers: str, sessions: str, limits: str, said: str | None, tmp_path: Path
) -> None:
    """Each would have its own sessions and its own count of a limit."""
    urls = {"redis": "redis://127.0.0.1:6379/0", "memory": "memory"}
    text = f"workers: {workers}\nlimits: {{store: '{urls[limits]}'}}\n" + GOOD.replace(urls["redis"], urls[sessions])

    _, mistakes = read(text, tmp_path)

    assert len(mistakes) == (said is not None), mistakes
    assert said is None or said in mistakes[0]


@pytest.mark.parametrize(
    ("address", "read_as"),
    [
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("::1:80", ("::1", 80)),
        ("gw.internal:0", ("gw.internal", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("localhost", None),
        (":80", None),
        ("localhost:", None),
        ("localhost:-1", None),
        ("localhost:٨", None),
        ("localhost:65536", None),
        ("localhost:" + "0" * 5_000 + "80", None),
        ("localhost:" + "9" * 5_000, None),
        ("a b:80", None),
        (f"{'a' * 64}.example:80", None),
    ],
)
def test_an_address_to_listen_on_is_a_host_and_a_port(address: str, read_as: tuple[str, int] | None) -> None:
    """The command line and the settings ask one function."""
    assert split_address(address) == read_as


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("node: gw-1.example\n", None),
        ("node: 'gw 1'\n", "`gw 1` is no name of a machine"),
        ("log: {format: console}\n", None),
        ("log: {format: text}\n", "`text`"),
        ("log: {format: console}\naudit: {syslog: {to: 'unix:/dev/log'}}\n", None),
        ("log: {format: console}\naudit: {syslog: {to: 'unix:/dev/log', send: all}}\n", "lines for people"),
        ("traces: {endpoint: 'http://127.0.0.1:4318/v1/traces', ratio: 0.25}\n", None),
        ("traces: {endpoint: 'http://127.0.0.1:4318'}\n", "the URL has no path"),
        ("traces: {endpoint: 'http://user@host/v1/traces'}\n", "is not a URL that is allowed here"),
        ("traces: {endpoint: 'grpc://host:4317/x'}\n", "is not a URL that is allowed here"),
        ("traces: {endpoint: 'http://host/v1/traces', ca: ca.pem}\n", "`ca` is given and the endpoint is not https"),
        ("traces: {headers: {file: token}}\n", "`traces` names no `endpoint`"),
        ("traces: {endpoint: 'http://host/v1/traces', ratio: 1.5}\n", "`ratio` cannot be 1.5"),
        ("traces: {endpoint: 'http://host/v1/traces', ratio: 1%}\n", "`1%` is not a share"),
        ("traces: {endpoint: 'http://host/v1/traces', ratio: -1}\n", "`-1` is not a share"),
    ],
)
def test_what_logs_and_traces_may_be(lines: str, said: str | None, tmp_path: Path) -> None:
    """A mistake names the key, the value and the remedy."""
    _, mistakes = read(GOOD + lines, tmp_path)

    assert len(mistakes) == (said is not None), mistakes
    assert said is None or said in mistakes[0]


CONSOLE_GOOD = "console: {url: https://console.city.example}"
OIDC = "oidc: {issuer: https://idp.example, client_id: c, keys: {file: k}, look: [x]}"


@pytest.mark.parametrize(
    ("console", "said"),
    [
        (CONSOLE_GOOD, None),
        ("console: {url: http://localhost:9464}", "shares the host"),
        ("console: {url: http://127.0.0.1:9464}", None),
        ("console: {url: http://console.city.example}", "cannot be the console's URL"),
        ("console: {url: https://console.city.example/console}", "cannot be the console's URL"),
        ("console: {url: console.city.example}", "cannot be the console's URL"),
        ("console: {idle: 10s}", "idle"),
        ("console: {absolute: 48h}", "absolute"),
        (f"console: {{url: https://console.city.example, {OIDC}}}", None),
        (f"console: {{{OIDC}}}", "no address to come back to"),
        (f"console: {{url: https://console.city.example, {OIDC.replace('look: [x]', 'look: []')}}}", "gives a role"),
        (f"console: {{url: https://console.city.example, {OIDC.replace('https://idp', 'http://idp')}}}", "plain HTTP"),
    ],
)
def test_a_console_is_reached_by_a_protected_way(console: str, said: str | None, tmp_path: Path) -> None:
    """By https at a host of its own, or on this machine; its provider as well, which gives somebody a role."""
    _, mistakes = read(f"{GOOD}{console}\n", tmp_path)

    assert len(mistakes) == (said is not None), mistakes
    assert said is None or said in mistakes[0]


PASSWORD = "hunter2-and-a-long-rest-of-it"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("secret: {file: /run/secrets/sekisho}", f"secret: {PASSWORD}"),
        ("secret: {file: /run/secrets/sekisho}", f"secret: [{PASSWORD}]"),
        ("  idle: 30m", f"  password: {PASSWORD}"),
        ("  idle: 30m", f"  sentinel_password: {PASSWORD}"),
        ("  keys: {file: keys/client.jwks}", f"  keys: {PASSWORD}"),
        ("apps:", f"limits: {{store: 'redis://h', password: {PASSWORD}}}\napps:"),
        ("apps:", f"operators: {PASSWORD}\napps:"),
        ("apps:", f"assertion: {{keys: {PASSWORD}}}\napps:"),
        ("redis://127.0.0.1:6379/0", f"redis:/u:{PASSWORD}@127.0.0.1:6379/0"),
        ("redis://127.0.0.1:6379/0", f"redis//u:{PASSWORD}@127.0.0.1"),
        ("http://127.0.0.1:9001", f"http://u:{PASSWORD}@127.0.0.1:9001"),
        ("  client_id: RP00000001", f"  client_id: RP00000001\n  via: http://u:{PASSWORD}@proxy.example:8080"),
    ],
)
def test_a_mistake_shows_no_secret(tmp_path: Path, before: str, after: str) -> None:
    """The journal, the trail and a screen show each mistake to people who may not know a password."""
    assert before in GOOD
    words = said(GOOD.replace(before, after, 1), tmp_path)

    assert words
    assert PASSWORD not in words


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "localhost:8080", "127.0.0.1:9464", "[::1]:8080"])
def test_an_application_at_our_own_address_is_refused(tmp_path: Path, address: str) -> None:
    """Its requests would go round until the gateway can serve nobody."""
    _, mistakes = read(GOOD.replace("http://127.0.0.1:9001", f"http://{address}"), tmp_path)

    (mistake,) = mistakes
    assert f"`http://{address}` is the gateway itself" in mistake
    assert mistake.endswith("write the application's own port")


@pytest.mark.parametrize("file", ["settings/check.py", "settings/typed.py", "process/configuration.py"])
def test_each_mistake_is_said_in_both_languages(file: str) -> None:
    """Half a sentence in English helps nobody who reads Japanese alone."""
    source = (Path(gateway.__file__).parent / file).read_text()
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    phrases = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Phrase"]

    assert phrases
    assert [call.lineno for call in phrases if len(call.args) + len(call.keywords) < 2] == []


_VALUES = tuple(re.finditer(r"(?<=: )[^ \n\[\]{},]+(?=[\n,}])", GOOD))
_MORE = (
    "  - {name: more, url: http://more.localhost:8080, upstream: http://127.0.0.1:9004, policy: p.yaml, %s: X}\n",
    ("home", "prefix", "allowed_origins", "internal_origins", "strip_prefix", "kind", "stack", "login", "request_id"),
)


@pytest.mark.parametrize(
    "url",
    [
        "https://admin:Canary-9@h.example/x",
        "//admin:Canary-9@h",
        "http:admin:Canary-9@h:1",
        "http://admin:Canary`Canary@h",
        "http://admin:Can@ary`Canary @h",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        *(f"{GOOD[: found.start()]}X{GOOD[found.end() :]}" for found in _VALUES),
        *(GOOD + _MORE[0] % key for key in _MORE[1]),
        *(f"{GOOD}{top}: X\n" for top in ("node", "trusted_proxies", "traces: {endpoint", "console: {url")),
    ],
)
def test_no_mistake_repeats_the_user_of_a_url(tmp_path: Path, text: str, url: str) -> None:
    """A value that was read well may be refused by a later check, which has it in clear."""
    words = said(text.replace("X", json.dumps(url)) + ("}\n" if text.count("{") > text.count("}") else ""), tmp_path)

    assert not any(word in words for word in ("Canary", "admin", "ꙮ"))
