"""Two gateways with one Redis, as a fleet runs them: a switch that an operator turns on one holds on both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.login.jwcrypto_keys import new_key
from tests.flows.gateway_process import GatewayProcess, application
from tests.redis_server import RedisServer, redis_server, wait_until

pytestmark = pytest.mark.long

PATIENCE = 60.0

Lay = Callable[[str], GatewayProcess]


@pytest.fixture(name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(name="lay")
def lay_fixture(tmp_path: Path, redis: RedisServer) -> Iterator[Lay]:
    """Lay a node out: all have the secret and the keys of the first one."""
    with application() as upstream:
        nodes: list[GatewayProcess] = []

        def lay(name: str) -> GatewayProcess:
            folder = tmp_path / name
            folder.mkdir()
            audit = f"node: {name}\naudit: {{directory: audit, keys: {{file: audit.jwks}}}}\n"
            new_key(folder / "audit.jwks", "ES256")
            node = GatewayProcess(folder, upstream, redis.url, more=audit)
            for file in ("secret", "keys.jwks"):
                if nodes:
                    shutil.copy(nodes[0].folder / file, folder / file)
            nodes.append(node)
            return node

        yield lay
        for node in nodes:
            node.stop()


def sekisho(node: GatewayProcess, *arguments: str) -> Result:
    """Run a command on a node."""
    return CliRunner().invoke(app, [*arguments, "-c", str(node.settings)], env={"LANG": "C"})


def is_closed(node: GatewayProcess) -> bool:
    """Whether its App is closed."""
    return node.get()[0] == 503


def audited(node: GatewayProcess, action: str) -> list[dict[str, object]]:
    """Return the entries of an action in the trail of a node."""
    lines = [line for file in (node.folder / "audit").glob("*") for line in file.read_text().splitlines()]
    return [entry for line in lines if line.startswith("{") and (entry := json.loads(line)).get("action") == action]


def test_a_switch_of_one_node_holds_on_both(lay: Lay, redis: RedisServer) -> None:
    """The switch holds while Redis restarts without its data. A node that begins without Redis closes what it must."""
    one, other = lay("one"), lay("other")
    one.start()
    other.start()
    close = ("switch", "on", "maintenance-app", "--for", "1h", "--reason", "floor works")
    assert sekisho(one, *close).exit_code == 0
    wait_until(lambda: is_closed(one) and is_closed(other), "closed on both", PATIENCE)
    other.wait_for_event("switch_followed", "floor works")
    wait_until(lambda: len(audited(other, "switch_followed")) == 1, "an entry", PATIENCE)
    (entry,) = audited(other, "switch_followed")
    assert (entry["object"], entry["verdict"], entry["reason"]) == ("maintenance-app", "on", "floor works")
    assert entry["operator"]
    assert audited(one, "switch_followed") == [], "its own operator turned it: that is in the trail already"

    # Every node tells what it has, and the command shows it.
    def both_told() -> bool:
        listed = sekisho(other, "switch", "list").stdout
        return sum(line.endswith("the same") for line in listed.splitlines()) == 2

    wait_until(both_told, "both nodes in the list", PATIENCE)
    assert 'sekisho_switch_on{switch="maintenance-app"} 1.0' in other.ask_management("/metrics")[1]

    redis.kill()
    assert is_closed(other)
    (redis.directory / "dump.rdb").unlink(missing_ok=True)
    unheard = lay("unheard")
    unheard.start()
    unheard.wait_for_event("switches_unheard")
    assert not is_closed(unheard), "its own file says nothing"
    warned = sekisho(other, "switch", "off", "maintenance-app", "--reason", "done")
    assert warned.exit_code == 0, warned.output
    assert "the other nodes could not be asked" in warned.output
    wait_until(lambda: not is_closed(other), "open on its own node", PATIENCE)
    assert is_closed(one), "nobody could tell it"

    redis.start()
    wait_until(redis.answers, "an answer", PATIENCE)
    wait_until(lambda: not any(map(is_closed, (one, other, unheard))), "open on all", PATIENCE)


def test_nodes_that_differ_are_shown(lay: Lay) -> None:
    """A policy that one node alone has taken up: exit code 3, and the name of what differs."""
    one, other = lay("one"), lay("other")
    one.start()
    other.start()

    def shown() -> Result:
        return sekisho(one, "fleet")

    def workers() -> int:
        return sum("\tworker " in line for line in shown().stdout.splitlines())

    wait_until(lambda: workers() == 2, "two nodes", PATIENCE)
    # The settings name each node and its ports, so they differ here; the rest is the same.
    assert "differ in: settings\n" in shown().output
    policy = one.folder / "policy.yaml"
    policy.write_text(policy.read_text() + "# another\n", encoding="utf-8")
    one.wait_for_event("policies_adopted")
    wait_until(lambda: "differ in: policies, settings\n" in shown().output, "the difference", PATIENCE)
    assert shown().exit_code == 3
    digests = [line for line in one.ask_management("/metrics")[1].splitlines() if "sekisho_adopted_info{" in line]
    assert sorted(line.partition('what="')[2].partition('"')[0] for line in digests) == [
        "keys",
        "lists",
        "messages",
        "policies",
        "settings",
    ]
