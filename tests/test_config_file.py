"""gateway.yaml, read with every mistake at once."""

from pathlib import Path

import pytest

from gateway.config import Environment, Settings
from gateway.config_file import check_settings, read_settings
from gateway.yaml_files import Mistakes
from gateway.yaml_values import Reading

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
    """A value that cannot be read does not hide what else is wrong, whatever its kind."""
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
        "gateway.yaml:12:9: `30min` is no length of time, write `30s`, `15m` or `8h`",
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
        ("client_id: RP00000001", "client_id: RP00000001\n  clock_skew: 10m", "a clock skew of 600 s"),
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
    ],
)
def test_what_cannot_be_meant_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Each contradiction is named where it stands."""
    assert old in GOOD

    _, mistakes = read(GOOD.replace(old, new, 1), tmp_path)

    assert any(said in mistake for mistake in mistakes), mistakes
    assert all(mistake.startswith("gateway.yaml:") for mistake in mistakes)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """Not a traceback."""
    mistakes = Mistakes()

    assert read_settings(tmp_path / "none.yaml", Reading(tmp_path, mistakes)) is None
    assert "there is no such file" in mistakes.say()
