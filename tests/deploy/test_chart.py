"""The chart and the plain manifests: each value documented, each promise of docs/containers.md in the rendered text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from jwcrypto import jwk
from ruamel.yaml import YAML

from gateway import __version__
from gateway.process.configuration import read_configuration
from gateway.settings.check import read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes
from tests.conftest import not_run
from tests.upstream.certificates import certify

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "sekisho"
PLAIN = ROOT / "deploy" / "kubernetes" / "sekisho.yaml"
VALUES: dict[str, Any] = YAML(typ="safe").load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
OLDEST, NEWEST = "1.25", "1.37"
"""The versions of Kubernetes that the manifests are validated for."""


def manifests() -> dict[str, dict[str, Any]]:
    """Return the plain manifests by kind and name."""
    found = YAML(typ="safe").load_all(PLAIN.read_text())
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found if each}


def described(schema: dict[str, Any], values: Any, at: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield each value that the schema describes: its name, its description, and whether values.yaml has it."""
    for key, part in schema["properties"].items():
        here = values.get(key) if isinstance(values, dict) else None
        if "properties" in part:
            yield from described(part, here, f"{at}{key}.")
        elif key != "global":
            yield f"{at}{key}", part["description"], isinstance(values, dict) and key in values


def test_every_value_is_described_in_the_schema_and_in_the_readme() -> None:
    """An operator finds each value, with the same words, and no value that does nothing."""
    page = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", (CHART / "README.md").read_text(), re.MULTILINE))
    found = list(described(SCHEMA, VALUES))
    templates = "".join(path.read_text() for path in sorted((CHART / "templates").iterdir()))

    assert {name: words for name, words, _ in found} == page
    assert all(there for _, _, there in found)
    for name in page:
        assert f".Values.{name}" in templates, name


def test_values_have_no_key_that_the_schema_lacks() -> None:
    """A slip of the keyboard in an operator's values is refused: each level is closed."""

    def closed(schema: dict[str, Any], values: Any) -> Iterator[str]:
        assert schema["additionalProperties"] is False
        for key, value in values.items():
            part = schema["properties"].get(key)
            if part is None:
                yield key
            elif "properties" in part:
                yield from closed(part, value)

    assert list(closed(SCHEMA, VALUES)) == []


def test_the_versions_are_the_programs() -> None:
    """`make chart` writes the program's version into the chart."""
    chart = YAML(typ="safe").load((CHART / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_shipped_settings_are_read_without_a_mistake(tmp_path: Path) -> None:
    """The text of the ConfigMap, with its policies and a Secret of this test, is what `run` can start with."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    key = jwk.JWK.generate(kty="EC", crv="P-256", alg="ES256", use="sig", kid="one")
    (secrets / "client-keys.jwks").write_text(json.dumps({"keys": [key.export_private(as_dict=True)]}))
    (secrets / "client-keys.jwks").chmod(0o400)
    (secrets / "session-secret").write_text(token_hex(32))
    (secrets / "redis-password").write_text(token_hex(32))
    (secrets / "ca.pem").write_bytes(certify(tmp_path, "ca.test")[0].read_bytes())
    (tmp_path / "policies").mkdir()
    for name, text in VALUES["policies"].items():
        (tmp_path / "policies" / name).write_text(text)
    settings = tmp_path / "gateway.yaml"
    text = VALUES["settings"]["file"].replace("/run/secrets/sekisho/", f"{secrets}/")
    settings.write_text(text.replace("/var/lib/sekisho/", f"{tmp_path}/"))
    mistakes = Mistakes()

    assert read_configuration(settings, mistakes, {}) is not None, [str(mistake) for mistake in mistakes]
    assert [str(mistake) for mistake in mistakes] == []


def test_the_pod_ends_after_the_gateway(tmp_path: Path) -> None:
    """preStop, the drain and the last lines fit into the pod's time; the probes ask the path of the settings."""
    path = tmp_path / "gateway.yaml"
    path.write_text(VALUES["settings"]["file"])
    settings = read_settings(path, Reading(tmp_path, Mistakes()))
    assert settings is not None
    pod = manifests()["StatefulSet/sekisho"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])

    assert VALUES["drainSeconds"] == settings.drain_timeout
    assert pod["terminationGracePeriodSeconds"] > waits + settings.drain_timeout
    # A pod that is no longer ready has left its Service before it gets SIGTERM.
    ready = container["readinessProbe"]
    assert waits >= ready["periodSeconds"] * ready["failureThreshold"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": f"{settings.prefix}health", "port": "http"}
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {
        "http": int(settings.listen.rpartition(":")[2]),
        "management": int(settings.management.rpartition(":")[2]),
    }


def test_the_pod_has_no_right_that_it_does_not_need() -> None:
    """No root, a read-only root, no capability, no token of the cluster, secrets as files alone."""
    pod = manifests()["StatefulSet/sekisho"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10_001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert "env" not in container
    assert "envFrom" not in container
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o400
    assert {"requests", "limits"} <= container["resources"].keys()
    assert not [name for name in manifests() if name.startswith("Secret/")]


def test_the_direct_way_to_the_application_is_closed() -> None:
    """Only the gateway's pods reach the application; only the ingress controller and Prometheus reach the gateway."""
    found = manifests()
    gateway = found["StatefulSet/sekisho"]["spec"]["selector"]["matchLabels"]
    application = found["NetworkPolicy/sekisho-application"]["spec"]
    own = found["NetworkPolicy/sekisho"]["spec"]

    assert application["podSelector"]["matchLabels"] == VALUES["networkPolicy"]["application"]["podLabels"]
    assert application["ingress"] == [
        {"from": [{"podSelector": {"matchLabels": gateway}}], "ports": [{"protocol": "TCP", "port": 8000}]}
    ]
    assert own["podSelector"]["matchLabels"] == gateway
    # Both selectors stand in one entry: a pod of that kind in that namespace, and not either of them.
    (controller,) = own["ingress"][0]["from"]
    assert set(controller) == {"namespaceSelector", "podSelector"}
    assert [entry["ports"][0]["port"] for entry in own["ingress"]] == ["http", "management"]


def test_one_node_leaves_at_a_time() -> None:
    """The budget covers the gateway's pods, and there are at least two."""
    found = manifests()
    budget = found["PodDisruptionBudget/sekisho"]["spec"]

    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == found["StatefulSet/sekisho"]["spec"]["selector"]
    assert found["StatefulSet/sekisho"]["spec"]["replicas"] >= 2


def helm() -> str:
    found = shutil.which("helm", path=f"{ROOT / '.venv' / 'bin'}:/usr/local/bin:/usr/bin")
    if found is None:
        not_run("the chart is not rendered: `make chart` installs helm where Go is")
    return found


@pytest.mark.long
def test_the_plain_manifests_are_what_the_chart_renders() -> None:
    """Nobody changes the one without the other."""
    rendered = subprocess.run(
        [helm(), "template", "sekisho", str(CHART), "--namespace", "sekisho", "--kube-version", "1.25"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    # helm names the template of each part; a reader of the plain file has none.
    assert re.sub("(?m)^# Source: .*\n", "", rendered) == PLAIN.read_text().partition("\n")[2]
    subprocess.run([helm(), "lint", "--strict", str(CHART)], check=True, capture_output=True)


@pytest.mark.long
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_the_manifests(version: str) -> None:
    """Each of them fits the schema of the oldest and the newest version of Kubernetes, and has no other key."""
    import kubernetes_validate  # noqa: PLC0415 - only `make test-long` needs its schemas

    found = manifests()
    assert len(found) >= 8
    for manifest in found.values():
        kubernetes_validate.validate(manifest, version, strict=True)
