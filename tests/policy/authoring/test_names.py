"""A name that only seems to be one thing is found across policies, Apps and folders."""

from __future__ import annotations

from pathlib import Path

from gateway.policy.authoring.names import switch_remarks, unnamed_lists
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.yaml.mistakes import Mistakes


def policy(switch: str) -> Policy:
    text = f"policy: p\nconditions:\n  c: {{switch: {switch}}}\nrules:\n  - {{name: r, when: c, allow: everyone}}\n"
    mistakes = Mistakes()
    found = parse_policy(text, mistakes)
    assert found is not None, mistakes.say()
    return found


def test_a_switch_that_nearly_has_the_name_of_another_is_told() -> None:
    """One of two policies has a slip; a switch of several policies, or of none that is close, is none."""
    found = list(switch_remarks({"a": policy("disaster"), "b": policy("disastr"), "c": policy("disaster")}))

    assert [(one.file, one.line, one.wiser.en) for one in found] == [("policy.yaml", 3, "did you mean `disaster`?")]
    assert list(switch_remarks({"a": policy("disaster"), "b": policy("summer")})) == []
    assert list(switch_remarks({"a": policy("disaster")})) == []


def test_the_switch_that_closes_an_app_is_known() -> None:
    """A policy may look at it, and one that nearly names it has a slip."""
    assert list(switch_remarks({"a": policy("maintenance-shop")}, ["maintenance-shop"])) == []
    (found,) = switch_remarks({"a": policy("maintenance-shp")}, ["maintenance-shop"])
    assert found.wiser.en == "did you mean `maintenance-shop`?"


def test_a_switch_that_is_on_for_nobody_is_told() -> None:
    """The operator believes that something is open."""
    found = list(switch_remarks({"a": policy("disaster")}, [], ["disastr", "disaster", "夏"], "switches.json"))

    assert [(one.file, one.what.en, one.wiser.en) for one in found] == [
        (
            "switches.json",
            "the switch `disastr` is on, and no policy and no App looks at it",
            "did you mean `disaster`?",
        ),
        (
            "switches.json",
            "the switch `夏` is on, and no policy and no App looks at it",
            "turn it off: `sekisho switch off 夏`",
        ),
    ]


def test_a_list_that_no_policy_names_is_told(tmp_path: Path) -> None:
    """The shipped policies name each of their lists."""
    policies = Path(__file__).parents[3] / "policies"
    read = [load_policy(file, Mistakes()) for file in sorted(policies.glob("*.yaml"))]
    good = [each for each in read if each is not None]
    lists = sorted((policies / "lists").iterdir())
    other = tmp_path / "old.csv"
    other.write_text("コード\n", "utf-8")

    assert lists
    assert list(unnamed_lists(policies, lists, good)) == []
    assert [one.file for one in unnamed_lists(policies, [*lists, other], good)] == [str(other)]
