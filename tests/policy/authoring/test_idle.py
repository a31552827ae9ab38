"""The parts of a policy that do nothing are named, and a policy without them hears nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gateway.policy.authoring.idle import idle_parts
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.yaml.mistakes import Mistakes

TODAY = date(2026, 11, 29)
POLICIES = sorted((Path(__file__).parents[3] / "policies").glob("*.yaml"))

GOOD = """policy: p
purpose: {ja: 確認のため}
conditions:
  市民: {residence: {in: [横浜市]}}
rules:
  - name: r
    match: {path: /a}
    require: [市民]
examples:
  - {title: yes, at: 2026-11-29, who: {address: 横浜市中区1-1}, request: GET /a, expect: allow}
  - {title: no, at: 2026-11-29, who: {address: 川崎市川崎区1-1}, request: GET /a, expect: deny 市民}
"""


def found(text: str, folder: Path | None = None, today: date | None = TODAY) -> list[str]:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=folder or Path())
    assert policy is not None, mistakes.say()
    return [f"{idle.line}: {idle.what.en}" for idle in idle_parts(policy, today)]


def condition(test: str) -> str:
    return GOOD.replace("rules:\n", f"  c: {test}\nrules:\n").replace("require: [市民]", "require: [市民]\n    when: c")


def cancelling(when: str) -> str:
    """Return the policy with a limit, and a rule that gives its entry back by this answer."""
    counted = "    limit: {name: l, once: ever, counted_when: {status: 303, location: /done}}\n"
    rule = "  - {name: c, match: {path: /c}, allow: signed_in, gives_back: {limit: l, when: " + when + "}}\n"
    example = "  - {title: c, at: 2026-11-29, who: {}, request: POST /c, expect: allow}\n"
    first = rule + "  - name: r\n    match: {path: /a}\n    require: [市民]\n" + counted
    return GOOD.replace("  - name: r\n    match: {path: /a}\n    require: [市民]\n", first) + example


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_no_policy_that_is_shipped_has_an_idle_part(path: Path) -> None:
    """Every rule has its example, and every condition somebody who fails it."""
    policy = load_policy(path, Mistakes())
    assert policy is not None
    assert list(idle_parts(policy, date(2026, 11, 29))) == []


def test_a_policy_that_uses_all_it_says_hears_nothing() -> None:
    """The texts below differ from this one by one part."""
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("rules:\n", "  c: {switch: x}\nrules:\n"), "5: no rule uses the condition `c`"),
        (
            GOOD.replace("rules:\n", "  c: {not: d}\n  d: {switch: x}\nrules:\n"),
            "6: no rule uses the condition `d`",
        ),
        (GOOD + "", ""),
        (
            GOOD.replace("川崎市川崎区1-1", "川崎県1-1"),
            "11: the example “no” is refused only because the address begins with no place of this name",
        ),
        (GOOD.replace("川崎市川崎区1-1", "川崎県1-1").replace("deny 市民", "deny 市民 (unknown)"), ""),
        (
            GOOD.replace("examples:\n", "  - {name: s, match: {path: /s}, allow: signed_in}\nexamples:\n"),
            "9: no example reaches the rule `s`",
        ),
        (
            GOOD.replace("deny 市民", "sign in").replace("who: {address: 川崎市川崎区1-1}, ", ""),
            "6: no example of `r` is refused by `市民`",
        ),
        (condition("{network: [0.0.0.0/0]}"), "5: `c` holds for every address of the world"),
        (condition("{network: ['::/0']}"), "5: `c` holds for every address of the world"),
        (condition("{dates: {until: 2026-11-28}}"), "5: `c` never holds again: it ended on 2026-11-28"),
        (condition("{dates: {until: 2026-11-29}}"), ""),
        (condition("{dates: {until: 2026-11-28 24:00}}"), "5: `c` never holds again: it ended on 2026-11-29"),
        (condition("{dates: {in: [2026-11-01, 2026-11-02]}}"), "5: `c` never holds again: it ended on 2026-11-02"),
        (condition("{dates: {from: 12-29, until: 01-03}}"), ""),
        (
            GOOD.replace(
                "require: [市民]",
                "require: [市民]\n    limit: {name: l, once: ever, counted_when: {status: [200, 303]}}",
            ),
            "6: `r` counts every answer of 200: many applications say 200 to a form with a mistake",
        ),
        (
            GOOD.replace(
                "require: [市民]",
                "require: [市民]\n    limit: {name: l, once: ever, counted_when: {status: 303, location: /done}}",
            ),
            "",
        ),
        (
            cancelling("{status: [200, 303]}"),
            (
                "6: `c` gives an entry back for every answer of 200: "
                "many applications say 200 to a cancellation that was not taken"
            ),
        ),
        (cancelling("{status: 200, header: X-Entry-Cancelled}"), ""),
        (cancelling("{status: 303, location: /cancelled}"), ""),
    ],
)
def test_an_idle_part_is_named_at_its_line(text: str, said: str) -> None:
    """One message for one part; and none for a part that does something."""
    lines = found(text)
    assert (said in lines) if said else not [line for line in lines if "no example" not in line]


@pytest.mark.parametrize(("until", "over"), [("2026-11-28", True), ("2026-11-29", False), ("", False)])
def test_a_list_is_over_with_its_last_entry(tmp_path: Path, until: str, *, over: bool) -> None:
    """An entry without an end never ends."""
    (tmp_path / "l.csv").write_text(f"コード,期限\nK7QM-2XHD-9TRC-4WBN,{until}\n", "utf-8")
    text = GOOD.replace("residence: {in: [横浜市]}", "subject: {in: l.csv}")

    assert any("never holds again" in line for line in found(text, tmp_path)) is over
    assert not any("never holds again" in line for line in found(text, tmp_path, None))


def test_a_limit_that_no_example_reaches_is_told() -> None:
    """Nobody has tried whether it counts."""
    limited = GOOD.replace(
        "    require: [市民]\n",
        "    require: [市民]\n    limit: {name: l, once: ever, times: 2, counted_when: {status: 303}}\n",
    )
    tried = limited + (
        "  - {title: over, at: 2026-11-29, who: {address: 横浜市中区1-1}, entries: 2, "
        "request: GET /a, expect: deny l}\n"
    )

    assert found(limited) == ["6: no example is refused by the limit `l`"]
    assert found(tried) == []


def test_a_switch_of_an_example_that_no_condition_looks_at_is_told_with_the_nearest() -> None:
    """The example passes, and shows nothing of the switch."""
    text = GOOD.replace("rules:\n", "  e: {switch: disaster}\nrules:\n").replace(
        "rules:\n", "rules:\n  - {name: o, match: {path: /a}, when: e, allow: everyone}\n", 1
    )
    example = "  - {title: open, at: 2026-11-29, switch: SWITCH, request: GET /a, expect: EXPECT}\n"

    assert found(text + example.replace("SWITCH", "disaster").replace("EXPECT", "allow")) == []
    told = found(text + example.replace("SWITCH", "disastr").replace("EXPECT", "sign in"))
    assert "14: the example “open” turns on `disastr`, and no condition looks at it" in told


def test_a_sentence_that_nobody_reads_is_told() -> None:
    """A condition that is only told, or only chooses a rule, refuses nobody; a part of a required one may."""
    sentence = "{residence: {in: [横浜市]}, if_not: {ja: 市内の方}}"
    told_only = GOOD.replace("  市民: {residence: {in: [横浜市]}}", f"  here: {sentence}\n  市民: {{any: [here]}}")
    assert found(told_only) == []
    unread = GOOD.replace("rules:", f"  here: {sentence}\nrules:").replace(
        "require: [市民]\n", "require: [市民]\n    disclose: [here]\n", 1
    )
    assert found(unread) == ["5: nobody reads `if_not` of `here`"]


def test_a_file_of_conditions_of_which_none_is_used_is_told(tmp_path: Path) -> None:
    """A file of which one is used has others for other policies."""
    (tmp_path / "common.yaml").write_text("conditions:\n  x: {switch: x}\n  y: {switch: y}\n", "utf-8")
    used = GOOD.replace("conditions:", "use: common.yaml\nconditions:")

    assert found(used, tmp_path) == ["2: no rule uses a condition of `common.yaml`"]
    assert found(used.replace("require: [市民]", "require: [市民]\n    when: x"), tmp_path) != []
    assert not any("common.yaml" in one for one in found(used.replace("    match", "    when: x\n    match"), tmp_path))
