"""The alerts, each in its fault and in no other one: judged by Prometheus's own tool.

A scenario is the series of a healthy gateway with some of them replaced. `promtool test rules` evaluates all rules over
them, and every alert that a scenario does not name must stay quiet.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import program

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
DOCS = Path(__file__).resolve().parents[2] / "docs"
NODE = 'instance="gw1:9464", job="sekisho"'
OTHER = 'instance="gw2:9464", job="sekisho"'
APP = f'app="booking", {NODE}'
MINUTES = 90
"""The length of most scenarios; the objectives look back an hour."""
DAY = 24 * 60


def steady(value: float) -> str:
    """Return a gauge that does not change."""
    return f"{value}x{{minutes}}"


def growing(each_minute: float, start: float = 0) -> str:
    """Return a counter that grows evenly."""
    return f"{start}+{each_minute}x{{minutes}}"


def late(each_minute: float, minutes: int) -> str:
    """Return a counter that grows in the last minutes alone."""
    return f"0x{{minutes-{minutes}}} 0+{each_minute}x{minutes}"


def requests(cause: str, status: str = "2xx", verdict: str = "permit") -> str:
    return f'sekisho_requests_total{{cause="{cause}", status="{status}", verdict="{verdict}", {APP}}}'


def new_requests(status: str) -> str:
    return requests("upstream", status).replace('app="booking"', 'app="new"')


def upstream_seconds(bound: str, outcome: str = "answered") -> str:
    return f'sekisho_upstream_seconds_bucket{{le="{bound}", outcome="{outcome}", {APP}}}'


def sign_ins(outcome: str) -> str:
    return f'sekisho_sign_ins_total{{outcome="{outcome}", {APP}}}'


def calls(store: str, outcome: str) -> str:
    return f'sekisho_store_calls_total{{store="{store}", outcome="{outcome}", {NODE}}}'


def provider(outcome: str, node: str = NODE) -> str:
    return f'sekisho_provider_calls_total{{endpoint="token", outcome="{outcome}", {node}}}'


def certificate(use: str = "listener") -> str:
    return f'sekisho_certificate_expiry_timestamp_seconds{{use="{use}", name="", {NODE}}}'


def of_node(metric: str, node: str = NODE, labels: str = "") -> str:
    return f"{metric}{{{labels}{node}}}"


UPSTREAM_COUNT = f'sekisho_upstream_seconds_count{{outcome="answered", {APP}}}'
UP = f'sekisho_upstream_up{{upstream="http://10.0.0.5:8080", {APP}}}'
SECOND_UP = f'sekisho_upstream_up{{upstream="http://10.0.0.6:8080", {APP}}}'
MAINTENANCE = {
    of_node("sekisho_switch_on", node, 'switch="maintenance-booking", '): steady(1) for node in (NODE, OTHER)
}
"""The switch of a planned maintenance, on each node."""

HEALTHY: Mapping[str, str] = {
    of_node("up"): steady(1),
    of_node("up", OTHER): steady(1),
    requests("upstream"): growing(600),
    requests("upstream", "4xx"): growing(20),
    requests("upstream", "5xx"): growing(0),
    requests("store", "5xx", "error"): growing(0),
    requests("client", "4xx", "error"): growing(30),
    requests("maintenance", "5xx", "error"): growing(0),
    upstream_seconds("2.5"): growing(600),
    upstream_seconds("+Inf"): growing(600),
    UPSTREAM_COUNT: growing(600),
    sign_ins("begun"): growing(12),
    sign_ins("signed_in"): growing(10),
    sign_ins("cancelled"): growing(1),
    sign_ins("provider_down"): growing(0),
    sign_ins("invalid"): growing(0),
    calls("sessions", "ok"): growing(60),
    calls("limits", "ok"): growing(10),
    calls("limits", "unreachable"): growing(0),
    provider("ok"): growing(20),
    provider("unavailable"): growing(0),
    of_node("sekisho_workers"): steady(2),
    of_node("sekisho_workers_wanted"): steady(2),
    of_node("sekisho_worker_deaths_total", labels='cause="signal", '): growing(0),
    of_node("sekisho_sessions_trusted"): steady(2),
    of_node("sekisho_session_store_went_back_total"): growing(0),
    of_node("sekisho_connections"): steady(500),
    of_node("sekisho_connections_limit"): steady(8_192),
    of_node("sekisho_process_open_fds", labels='worker="1", '): steady(300),
    of_node("sekisho_process_max_fds", labels='worker="1", '): steady(8_192),
    of_node("sekisho_event_loop_lag_seconds_bucket", labels='le="0.01", '): growing(120),
    of_node("sekisho_event_loop_lag_seconds_bucket", labels='le="1.0", '): growing(120),
    of_node("sekisho_event_loop_lag_seconds_bucket", labels='le="+Inf", '): growing(120),
    of_node("sekisho_limits_met_total", labels='limit="connections_per_address", '): growing(2),
    # `promtool` counts time from 0, a minute a sample.
    of_node("sekisho_clock_timestamp_seconds"): growing(60),
    UP: steady(1),
    SECOND_UP: steady(1),
    f"sekisho_apps_apart{{{APP}}}": steady(0),
    of_node("sekisho_reload_last_successful"): steady(1),
    of_node("sekisho_reloads_total", labels='what="policies", outcome="refused", '): growing(0),
    of_node("sekisho_reloads_total", labels='what="policies", outcome="adopted", '): growing(1),
    of_node("sekisho_files_held"): steady(0),
    of_node("sekisho_configuration_current"): steady(1),
    of_node("sekisho_configuration_info", labels='digest="0123456789ab", '): steady(1),
    of_node("sekisho_configuration_info", OTHER, 'digest="0123456789ab", '): steady(1),
    **{
        of_node("sekisho_adopted_info", node, f'what="{what}", digest="0123456789ab", '): steady(1)
        for node in (NODE, OTHER)
        for what in ("settings", "policies", "lists", "keys", "messages")
    },
    of_node("sekisho_build_info", labels='version="0.2.0", '): steady(1),
    of_node("sekisho_build_info", OTHER, 'version="0.2.0", '): steady(1),
    of_node("sekisho_switch_on", labels='switch="maintenance-tax", '): steady(1),
    of_node("sekisho_switch_on", OTHER, 'switch="maintenance-tax", '): steady(1),
    of_node("sekisho_switches_heard_timestamp_seconds"): growing(60),
    certificate(): steady(90 * 86_400),
    of_node("sekisho_key_changed_timestamp_seconds", labels='use="client", name="RP00000001", '): steady(0),
    of_node("sekisho_management_refused_total", labels='reason="no_known_token", '): growing(1),
    of_node("sekisho_management_refused_total", labels='reason="too_many_wrong_tokens", '): growing(0),
    of_node("sekisho_management_refused_total", labels='reason="role", '): growing(30),
    of_node("sekisho_log_lines_lost_total", labels='kind="access", '): growing(0),
    of_node("sekisho_log_lines_lost_total", labels='kind="audit", '): growing(0),
}


@dataclass(frozen=True)
class Scenario:
    """A fault, and the alerts that ring; without any, planned work or noise that wakes nobody."""

    alerts: frozenset[str]
    series: Mapping[str, str] = field(default_factory=dict)
    minutes: int = MINUTES

    @property
    def interval(self) -> str:
        """How often promtool evaluates the rules. Each evaluation reads three days, so days have few of them."""
        return "1m" if self.minutes < DAY else "15m"


def rings(*alerts: str, minutes: int = MINUTES) -> Callable[[Mapping[str, str]], Scenario]:
    """Return a function that takes the series of a fault."""
    return lambda series: Scenario(frozenset(f"Sekisho{name}" for name in alerts), series, minutes)


BURNING = ("AvailabilityBurnsFast", "AvailabilityBurnsSlow", "AvailabilityBurnsCreeping")
"""A budget that burns fast burns in every window; Alertmanager shows the loudest of the three alone."""

SCENARIOS: Mapping[str, Scenario] = {
    "all is well": rings()({}),
    # With many Apps a series begins with its first request, so an App may have none of it, or it begins with a number.
    "an App has no failure yet, and no series of one": rings()({new_requests("2xx"): growing(600)}),
    "an App's first failures begin its series": rings("AvailabilityBurnsFast")(
        {new_requests("2xx"): growing(600), new_requests("5xx"): "_x{minutes-15} 60+60x15"}
    ),
    "an App's first requests begin all its series": rings("AvailabilityBurnsFast")(
        {new_requests("2xx"): "_x{minutes-15} 600+600x15", new_requests("5xx"): "_x{minutes-15} 60+60x15"}
    ),
    # Objectives.
    "one answer in fifty is a 5xx": rings(*BURNING)({requests("upstream", "5xx"): growing(12)}),
    "one answer in a hundred and twenty is a 5xx": rings(
        "AvailabilityBurnsSlow", "AvailabilityBurnsCreeping", minutes=7 * 60
    )({requests("upstream", "5xx"): growing(5)}),
    "one answer in five hundred is a 5xx": rings("AvailabilityBurnsCreeping", minutes=3 * DAY + 90)(
        {requests("gateway", "5xx", "error"): growing(1.3)}
    ),
    "one 5xx in the night": rings()(
        {requests("upstream"): growing(0), UPSTREAM_COUNT: growing(0), requests("upstream", "5xx"): late(1, 3)}
    ),
    "a page takes three seconds for one in five": rings("LatencyBurnsFast", "LatencyBurnsSlow")(
        {upstream_seconds("2.5"): growing(480)}
    ),
    "a page takes three seconds for one in twelve": rings("LatencyBurnsSlow", minutes=7 * 60)(
        {upstream_seconds("2.5"): growing(550)}
    ),
    "the application hangs": rings(*BURNING, "LatencyBurnsFast", "LatencyBurnsSlow")(
        {
            requests("upstream"): growing(0),
            requests("upstream", "5xx"): growing(300),
            upstream_seconds("2.5"): growing(0),
            upstream_seconds("+Inf"): growing(0),
            UPSTREAM_COUNT: growing(0),
            upstream_seconds("2.5", "failed"): growing(0),
            upstream_seconds("+Inf", "failed"): growing(300),
            f'sekisho_upstream_seconds_count{{outcome="failed", {APP}}}': growing(300),
        }
    ),
    "one sign-in in four fails by a check": rings("SignInsBurnFast", "SignInsBurnSlow")(
        {sign_ins("invalid"): growing(4), provider("ok"): growing(28)}
    ),
    "one sign-in in twelve fails by a check": rings("SignInsBurnSlow", minutes=7 * 60)(
        {sign_ins("invalid"): growing(0.9)}
    ),
    "people change their minds": rings()({sign_ins("cancelled"): growing(40), sign_ins("expired"): growing(20)}),
    # The gateway.
    "every node is down": rings("Down")({of_node("up"): steady(0), of_node("up", OTHER): steady(0)}),
    "one node of two is down": rings("NodeDown")({of_node("up", OTHER): steady(0)}),
    "no worker starts": rings("NoWorker")({of_node("sekisho_workers"): steady(0)}),
    "one worker does not start": rings("WorkersMissing")(
        {of_node("sekisho_workers"): steady(1), of_node("sekisho_sessions_trusted"): steady(1)}
    ),
    "workers crash in a row": rings("WorkersCrash")(
        {of_node("sekisho_worker_deaths_total", labels='cause="signal", '): late(1, 5)}
    ),
    "one worker is killed": rings()(
        {of_node("sekisho_worker_deaths_total", labels='cause="signal", '): "0x{minutes-5} 1x5"}
    ),
    "connections near their limit": rings("ConnectionsNearLimit")({of_node("sekisho_connections"): steady(7_900)}),
    "descriptors near their limit": rings("DescriptorsNearLimit")(
        {of_node("sekisho_process_open_fds", labels='worker="1", '): steady(7_900)}
    ),
    "the event loop lags": rings("EventLoopLags")(
        {of_node("sekisho_event_loop_lag_seconds_bucket", labels='le="0.01", '): growing(60)}
    ),
    "one address floods": rings("LimitsMet")(
        {of_node("sekisho_limits_met_total", labels='limit="connections_per_address", '): growing(300)}
    ),
    "a clock is a minute ahead": rings("ClockOff")({of_node("sekisho_clock_timestamp_seconds"): growing(60, 60)}),
    "a scanner tries methods that nobody knows": rings()({requests("client", "5xx", "error"): growing(3_000)}),
    "browsers leave": rings()({requests("client", "4xx", "error"): growing(3_000)}),
    # Stores and the provider.
    "the session store is away": rings("SessionStoreAway", *BURNING)(
        {of_node("sekisho_sessions_trusted"): steady(0), requests("store", "5xx", "error"): growing(300)}
    ),
    "the session store is away and nobody comes": rings("SessionStoreAway")(
        {of_node("sekisho_sessions_trusted"): steady(0)}
    ),
    "one look-up was slow": rings()(
        {
            requests("store", "5xx", "error"): late(1, 1),
            of_node("sekisho_sessions_trusted"): "2x{minutes-3} 0x0 2x2",
        }
    ),
    "one worker has lost the session store": rings("SessionStoreDoubtful")(
        {of_node("sekisho_sessions_trusted"): steady(1)}
    ),
    "the store of limits is away": rings("LimitStoreAway")(
        {calls("limits", "ok"): "0+10x{minutes-15} 750x15", calls("limits", "unreachable"): late(10, 15)}
    ),
    "the store of limits was slow once": rings()({calls("limits", "timeout"): late(1, 2)}),
    "the provider is away": rings("ProviderAway", "SignInsBurnFast", "SignInsBurnSlow")(
        {
            provider("ok"): growing(0),
            provider("unavailable"): growing(20),
            sign_ins("signed_in"): growing(0),
            sign_ins("provider_down"): growing(5),
        }
    ),
    "the provider is away at a start": rings("ProviderAway", minutes=6)(
        {provider("ok"): steady(0), provider("unavailable"): growing(1), sign_ins("signed_in"): growing(0)}
    ),
    # Applications.
    "an application is down": rings("ApplicationDown")({UP: steady(0), SECOND_UP: steady(0)}),
    "one server of an application is down": rings("UpstreamDown")({SECOND_UP: steady(0)}),
    "an application is down in planned maintenance": rings()(
        {
            UP: steady(0),
            SECOND_UP: steady(0),
            **MAINTENANCE,
            requests("upstream"): growing(0),
            requests("maintenance", "5xx", "error"): growing(600),
        }
    ),
    "a switch of another name closes an application": rings()(
        {UP: steady(0), SECOND_UP: steady(0), requests("maintenance", "5xx", "error"): growing(5)}
    ),
    "a server speaks out of turn": rings("AppApart")({f"sekisho_apps_apart{{{APP}}}": steady(1)}),
    # Configuration.
    "a reload was refused": rings("ReloadRefused")({of_node("sekisho_reload_last_successful"): steady(0)}),
    "a policy was refused": rings("PolicyRefused")(
        {of_node("sekisho_reloads_total", labels='what="policies", outcome="refused", '): late(1, 2)}
    ),
    "a policy is held": rings("PolicyRefused")({of_node("sekisho_files_held"): steady(1)}),
    "a file was changed and not adopted": rings("ConfigurationNotAdopted")(
        {of_node("sekisho_configuration_current"): steady(0)}
    ),
    "the nodes differ": rings("NodesDiffer")(
        {
            of_node("sekisho_adopted_info", OTHER, 'what="lists", digest="0123456789ab", '): "1x{minutes-60}",
            of_node("sekisho_adopted_info", OTHER, 'what="lists", digest="ba9876543210", '): "_x{minutes-60} 1x60",
        }
    ),
    "the nodes have two versions": rings("NodesDiffer")(
        {
            of_node("sekisho_build_info", OTHER, 'version="0.2.0", '): "1x{minutes-60}",
            of_node("sekisho_build_info", OTHER, 'version="0.3.0", '): "_x{minutes-60} 1x60",
        }
    ),
    "a switch is on on one node alone": rings("SwitchesDiffer")(
        {of_node("sekisho_switch_on", OTHER, 'switch="maintenance-tax", '): "1x{minutes-60} _x60"}
    ),
    "a node does not hear of switches": rings("SwitchesUnshared")(
        {of_node("sekisho_switches_heard_timestamp_seconds"): "0+60x{minutes-60} _x1 0x59"}
    ),
    "a certificate ends in a week": rings("CertificateEnds")({certificate(): steady(7 * 86_400)}),
    "a certificate ends tomorrow": rings("CertificateEndsNow")({certificate(): steady(86_400)}),
    "a certificate has ended": rings("CertificateEndsNow")({certificate(): steady(60)}),
    "keys are old": rings("KeysOld")(
        {
            of_node("sekisho_key_changed_timestamp_seconds", labels='use="client", name="RP00000001", '): steady(
                -401 * 86_400
            )
        }
    ),
    "an old session secret": rings()(
        {of_node("sekisho_key_changed_timestamp_seconds", labels='use="session", name="", '): steady(-401 * 86_400)}
    ),
    "a dump of Redis was restored": rings("SessionStoreWentBack")(
        {of_node("sekisho_session_store_went_back_total"): late(1, 2)}
    ),
    "somebody guesses tokens of operators": rings("OperatorsGuessed")(
        {of_node("sekisho_management_refused_total", labels='reason="too_many_wrong_tokens", '): late(60, 5)}
    ),
    # Logs.
    "audit lines are lost": rings("AuditLost")(
        {of_node("sekisho_log_lines_lost_total", labels='kind="audit", '): late(1, 2)}
    ),
    "checkpoints do not reach the other place": rings("AuditLost")(
        {of_node("sekisho_log_lines_lost_total", labels='kind="copy", '): late(1, 2)}
    ),
    "access lines are lost": rings("LogLinesLost")(
        {of_node("sekisho_log_lines_lost_total", labels='kind="access", '): late(100, 2)}
    ),
}


RULES = (DEPLOY / "slo.yml", DEPLOY / "alerts.yml")


def groups(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["groups"]
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups(DEPLOY / "alerts.yml") for rule in group["rules"]]


ALERTS = [rule["alert"] for rule in rules()]


def written(values: str, minutes: int) -> str:
    """Put a scenario's length into promtool's notation of values."""
    for part in ("{minutes}", *(f"{{minutes-{less}}}" for less in (1, 2, 3, 5, 10, 15, 60))):
        less = int(part.strip("{}").removeprefix("minutes").removeprefix("-") or 0)
        values = values.replace(part, str(minutes - less))
    return values


def as_test(name: str, scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as promtool reads it: every alert is asked for, and those not named must be quiet."""
    series = {**HEALTHY, **scenario.series}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": each, "values": written(values, scenario.minutes)} for each, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": f'count by (alertname) (ALERTS{{alertstate="firing", alertname="{alert}"}}) > 0',
                "eval_time": f"{scenario.minutes}m",
                "exp_samples": [],
            }
            for alert in ALERTS
            if alert not in scenario.alerts
        ]
        + [
            {
                "expr": f'count by (alertname) (ALERTS{{alertstate="firing", alertname="{alert}"}}) > bool 0',
                "eval_time": f"{scenario.minutes}m",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1}],
            }
            for alert in sorted(scenario.alerts)
        ],
    }


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SCENARIOS)
def test_an_alert_rings_in_its_fault_and_in_no_other(name: str, tmp_path: Path) -> None:
    """An operator is woken for a reason: noise, maintenance and a single slow answer wake nobody."""
    file = tmp_path / "test.yml"
    document = {
        "rule_files": [str(file) for file in RULES],
        "evaluation_interval": SCENARIOS[name].interval,
        # An alert reads what the objectives' group has recorded at the same instant.
        "group_eval_order": [group["name"] for file in RULES for group in groups(file)],
        "tests": [as_test(name, SCENARIOS[name])],
    }
    file.write_text(json.dumps(document), encoding="utf-8")

    judged = subprocess.run(
        [program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=240
    )

    assert judged.returncode == 0, judged.stderr + judged.stdout


def test_every_alert_has_a_fault_of_its_own() -> None:
    """For each alert there is a scenario in which it rings, and several in which it does not."""
    ring = {alert for scenario in SCENARIOS.values() for alert in scenario.alerts}

    assert ring == set(ALERTS)
    assert len(ALERTS) == len(set(ALERTS))


PARTS = {
    "runbook.md": ("**Look at.**", "**Do.**", "**Tell citizens.**"),
    "runbook.ja.md": ("**見る：**", "**する：**", "**市民への案内：**"),
}


@pytest.mark.parametrize("page", PARTS)
def test_every_alert_has_its_section(page: str) -> None:
    """The link of an alert leads to a section with the three things that an operator needs at night."""
    text = (DOCS / page).read_text(encoding="utf-8")
    sections = {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in text.split("\n## ")[1:]}
    parts = PARTS[page]

    assert set(ALERTS) <= sections.keys()
    for alert in ALERTS:
        assert all(part in sections[alert] for part in parts), alert
    named = {name for name in sections if name.startswith("Sekisho")}
    assert named == set(ALERTS)


@pytest.mark.parametrize("rule", rules(), ids=ALERTS)
def test_an_alert_links_to_its_section(rule: dict[str, Any]) -> None:
    """The base of the link is Prometheus's own label; the rest is the alert's name."""
    link = rule["annotations"]["runbook_url"]

    assert link == f"{{{{ $externalLabels.sekisho_docs }}}}/runbook.ja.md#{rule['alert'].lower()}"
