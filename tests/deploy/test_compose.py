"""The files of `deploy/compose`: they agree with each other, with the samples beside them, and with the programs."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jwcrypto import jwk
from ruamel.yaml import YAML

from gateway.login.jwcrypto_keys import new_key
from gateway.process.configuration import Configuration, read_configuration
from gateway.redis_client import Kind, parse_redis_url
from gateway.yaml.mistakes import Mistakes
from tests.conftest import program
from tests.upstream.certificates import certify

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "compose"
COMPOSE: dict[str, Any] = YAML(typ="safe").load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GATEWAYS = ("gateway-a", "gateway-b")
REDIS = ("redis-1", "redis-2", "redis-3")
SENTINELS = ("sentinel-1", "sentinel-2", "sentinel-3")


def mounted(service: dict[str, Any]) -> dict[str, str]:
    """Return the folders and files of a service, by their places in its container."""
    return {inside: here for here, inside, *_ in (each.split(":") for each in service.get("volumes", []))}


def read_here(folder: Path) -> tuple[Configuration | None, list[str]]:
    """Read the gateways' settings as `sekisho check` does, with secrets of this test."""
    for name in COMPOSE["x-gateway"]["secrets"]:
        (folder / name).write_text(secrets.token_hex(32) + "\n")
        (folder / name).chmod(0o400)
    key = jwk.JWK.generate(kty="EC", crv="P-256", alg="ES256", use="sig", kid="one")
    (folder / "client_keys").unlink()
    (folder / "client_keys").write_text(json.dumps({"keys": [key.export_private(as_dict=True)]}))
    (folder / "client_keys").chmod(0o400)
    (folder / "ca").unlink()
    (folder / "ca").write_bytes(certify(folder, "ca.test")[0].read_bytes())
    shutil.copytree(ROOT / "policies", folder / "policies")
    settings = folder / "gateway.yaml"
    text = (FOLDER / "gateway.yaml").read_text()
    settings.write_text(text.replace("/run/secrets/", f"{folder}/").replace("/var/lib/sekisho/", f"{folder}/"))
    mistakes = Mistakes()
    configuration = read_configuration(settings, mistakes, {})
    return configuration, [str(mistake) for mistake in mistakes]


def test_the_gateways_settings_are_read_without_a_mistake(tmp_path: Path) -> None:
    """Each file that they name is a secret or a mounted file of both gateways."""
    configuration, mistakes = read_here(tmp_path)

    assert mistakes == []
    assert configuration is not None
    named = set(re.findall(r"/run/secrets/(\w+)", (FOLDER / "gateway.yaml").read_text()))
    assert named == set(COMPOSE["x-gateway"]["secrets"])
    for name in GATEWAYS:
        assert mounted(SERVICES[name])["/etc/sekisho/gateway.yaml"] == "./gateway.yaml"
        assert mounted(SERVICES[name])["/etc/sekisho/policies"] == "../../policies"
        assert "/var/lib/sekisho" in mounted(SERVICES[name])


def test_each_gateway_keeps_its_own_state() -> None:
    """Two gateways that share a folder would take each other's marks and waiting sign-outs for their own."""
    first, second = (mounted(SERVICES[name])["/var/lib/sekisho"] for name in GATEWAYS)

    assert first != second
    assert {first, second} <= COMPOSE["volumes"].keys()


def test_the_gateways_find_everybody(tmp_path: Path) -> None:
    """The names in the settings are those of the services, at the addresses that these have."""
    configuration, _ = read_here(tmp_path)
    assert configuration is not None
    settings = configuration.settings
    sentinels = parse_redis_url(settings.sessions.store)
    assert sentinels.kind is Kind.SENTINEL
    assert sentinels.tls
    names = {host for host, _ in sentinels.hosts}

    assert names == set(SENTINELS)
    assert settings.apps[0].upstream == ("http://application:8000",)
    for gateway in GATEWAYS:
        known = dict(each.split(":") for each in SERVICES[gateway]["extra_hosts"])
        for name in (*REDIS, *SENTINELS):
            assert known[name] == SERVICES[name]["networks"]["store"]["ipv4_address"]
        assert known["application"] == SERVICES["application"]["networks"]["inside"]["ipv4_address"]
        # The management listener is on the network of Prometheus alone.
        assert known["management"] == SERVICES[gateway]["networks"]["watch"]["ipv4_address"]
        assert settings.management == "management:9464"
    assert settings.trusted_proxies == (SERVICES["nginx"]["networks"]["front"]["ipv4_address"],)
    assert settings.management_hosts == GATEWAYS


def test_a_container_has_the_time_that_a_drain_takes(tmp_path: Path) -> None:
    """The engine would kill a gateway whose requests still run."""
    configuration, _ = read_here(tmp_path)
    assert configuration is not None

    grace = int(COMPOSE["x-gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace > configuration.settings.drain_timeout


def test_nobody_but_the_gateways_reaches_the_application() -> None:
    """It believes headers: its only network has no way out, and nobody else is on it."""
    there = {name for name, service in SERVICES.items() if "inside" in service["networks"]}

    assert list(SERVICES["application"]["networks"]) == ["inside"]
    assert there == {"application", *GATEWAYS}
    assert COMPOSE["networks"]["inside"]["internal"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx", "grafana"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["grafana"]["ports"])


def test_no_container_has_more_than_it_needs() -> None:
    """A read-only root, no right of root's beyond nginx's four, and no secret in the environment or the file."""
    for name, service in SERVICES.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        environment = service.get("environment", {})
        assert all(key.endswith("__FILE") for key in environment if re.search("(?i)passw|secret|token", key)), name
    assert {name: set(service["cap_add"]) for name, service in SERVICES.items() if "cap_add" in service} == {
        "nginx": {"CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID"}
    }
    asked = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert asked == COMPOSE["secrets"].keys()


def test_nginx_says_what_the_sample_says() -> None:
    """One text in two files would drift apart: beside nodes, paths and IPv6 each line is the sample's."""

    def lines(path: Path) -> list[str]:
        text = path.read_text().partition("# `Connection: upgrade`")[2]
        kept = (line.strip() for line in text.splitlines())
        left = ("#", "server 127", "server gateway-", "listen [::]", "ssl_certificate")
        return [line for line in kept if line and not line.startswith(left)]

    sample, ours = lines(ROOT / "deploy/nginx/sekisho.conf"), lines(FOLDER / "nginx.conf")

    assert [*sample, "}"] == ours
    text = (FOLDER / "nginx.conf").read_text()
    known = dict(each.split(":") for each in SERVICES["nginx"]["extra_hosts"])
    assert set(re.findall(r"server (gateway-\w):8080 ", text)) == set(known) == set(GATEWAYS)
    assert known == {name: SERVICES[name]["networks"]["front"]["ipv4_address"] for name in GATEWAYS}


def test_prometheus_and_grafana_have_all_that_is_shipped() -> None:
    """Both gateways are scraped, with the shipped objectives and alerts. Grafana gets the boards."""
    scrape = YAML(typ="safe").load((FOLDER / "prometheus.yml").read_text())
    (job,) = scrape["scrape_configs"]
    source = YAML(typ="safe").load((FOLDER / "grafana-datasource.yml").read_text())
    shipped = YAML(typ="safe").load((ROOT / "grafana/provisioning/datasources/sekisho.yml").read_text())
    boards = YAML(typ="safe").load((ROOT / "grafana/provisioning/dashboards/sekisho.yml").read_text())
    known = dict(each.split(":") for each in SERVICES["prometheus"]["extra_hosts"])

    assert {each.partition(":")[0] for each in job["static_configs"][0]["targets"]} == set(known) == set(GATEWAYS)
    assert known == {name: SERVICES[name]["networks"]["watch"]["ipv4_address"] for name in GATEWAYS}
    assert set(scrape["rule_files"]) == {"slo.yml", "alerts.yml"}
    assert {"../prometheus/slo.yml", "../prometheus/alerts.yml"} <= set(mounted(SERVICES["prometheus"]).values())
    assert source["datasources"][0]["uid"] == shipped["datasources"][0]["uid"]
    assert boards["providers"][0]["options"]["path"] in mounted(SERVICES["grafana"])


def test_every_file_that_is_mounted_is_there() -> None:
    """An engine would make an empty folder in the place of a file that is missing."""
    for service in SERVICES.values():
        for here in mounted(service).values():
            assert here in COMPOSE["volumes"] or (FOLDER / here).exists(), here


def test_the_users_of_redis_are_those_of_the_sessions_page() -> None:
    """`prepare` gives each user the commands that docs/sessions.md states, and no others."""
    page = re.findall(r"^user (gateway|limits) on >… (.*)$", (ROOT / "docs/sessions.md").read_text(), re.MULTILINE)
    made = re.findall(
        r"^user (gateway|limits) on #\S+ \S+ (.*)$", _without_hash((FOLDER / "prepare").read_text()), re.MULTILINE
    )

    assert len(page) == 2
    assert [(name, *rights.split(" ", 1)[1:]) for name, rights in page] == made


def _without_hash(text: str) -> str:
    return re.sub(r"#\$\(hashed [\w.-]+\)", "#hash", text)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """The folder, with the secrets that `prepare` makes of it; the client's keys are those of this test."""
    folder = tmp_path / "compose"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("secrets"))
    (folder / "secrets").mkdir()
    new_key(folder / "secrets" / "client-keys.jwks", "ES256")
    _prepare(folder)
    return folder


def _prepare(folder: Path) -> None:
    done = subprocess.run(
        ["sh", "./prepare", "yoyaku.city.example.lg.jp"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_prepare_makes_each_secret_once(prepared: Path) -> None:
    """Every secret is there, no private one is for others to read, and a second run replaces nothing."""
    wanted = {prepared / each["file"] for each in COMPOSE["secrets"].values()}
    before = {path: path.read_bytes() for path in wanted}
    _prepare(prepared)

    assert {path: path.read_bytes() for path in wanted} == before
    public = {"ca.pem", "public.pem", "redis.pem"}
    for path in wanted:
        assert path.stat().st_mode & 0o077 == (0o044 if path.name in public else 0), path
    for name in ("redis", "public"):
        subprocess.run(
            [program("openssl"), "verify", "-CAfile", "ca.pem", f"{name}.pem"],
            cwd=prepared / "secrets",
            check=True,
            capture_output=True,
        )


@pytest.mark.long
def test_the_engines_own_reader_takes_the_file(prepared: Path) -> None:
    """docker-compose reads it by its own schema."""
    done = subprocess.run(
        [program("docker-compose"), "--file", "compose.yaml", "config", "--quiet"],
        cwd=prepared,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere.sock"},
    )

    assert done.returncode == 0, done.stderr
