from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.reading.parse import parse_policy
from gateway.workbench.analysis import analyse
from gateway.workbench.draft import MOST_FINDINGS, Analysis, Draft, WhatIf
from gateway.yaml.mistakes import Mistakes
from tests.builders import NOON

POLICIES = Path(__file__).parents[2] / "policies"
LOTTERY = (POLICIES / "lottery.yaml").read_text("utf-8")


def of(text: str, **changes: object) -> Analysis:
    """Analyse a text as a file of `policies/`."""
    values: dict[str, object] = {
        "text": text,
        "file": "draft.yaml",
        "folder": str(POLICIES),
        "language": "en",
        "now": NOON,
    }
    return analyse(Draft(**(values | changes)), lambda path: path.read_text("utf-8"))  # type: ignore[arg-type]


@pytest.mark.parametrize("file", sorted(POLICIES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_policy_that_is_shipped_is_good_and_its_examples_pass(file: Path) -> None:
    """The policy is the same as what is in force, so nothing differs."""
    found = of(file.read_text("utf-8"), file=file.name, in_force=str(file))

    assert found.good
    assert all(example.passed for example in found.examples)
    assert found.words
    assert not [finding for finding in found.findings if finding.mistake]
    assert found.compared is not None
    assert (found.compared.lines, found.compared.changed) == ((), ())
    assert found.compared.in_force_version == found.version


def test_every_mistake_is_told_at_its_line_in_the_readers_language() -> None:
    """As `sekisho policy check` tells it, without the file's name."""
    text = "policy: p\nconditions:\n  a: {age: {at_least： 18}}\nrules:\n  - {name: x, alow: everyone}\n"
    mistakes = Mistakes()
    parse_policy(text, mistakes, file="draft.yaml", folder=POLICIES)

    found = of(text, language="ja")

    assert not found.good
    assert [(each.line, each.column) for each in found.findings] == [(each.line, each.column) for each in mistakes]
    assert all(each.mistake for each in found.findings)
    assert "全角" in found.findings[0].text


def test_many_mistakes_are_counted_and_the_first_are_shown() -> None:
    """A page stays a page."""
    rules = "".join(f"  - {{name: r{number}, alow: everyone}}\n" for number in range(250))

    found = of(f"policy: p\nrules:\n{rules}")

    assert len(found.findings) == MOST_FINDINGS
    assert found.more_findings >= 250 - MOST_FINDINGS


def test_a_remark_is_advice_and_no_mistake() -> None:
    """The gateway takes the policy."""
    found = of("policy: p\nrules:\n  - {name: all, match: {path: /**}, allow: everyone}\n")

    assert found.good
    assert found.findings
    assert not any(finding.mistake for finding in found.findings)


def test_an_example_turns_red_at_its_line() -> None:
    """With what it expects and what came."""
    broken = LOTTERY.replace("広島県府中市", "東京都府中市", 1)

    red = [example for example in of(broken).examples if not example.passed]

    assert red
    lines = broken.splitlines()
    for example in red:
        assert "title" in lines[example.line - 1]
        assert "expected" in example.differences[0]


def test_a_question_is_answered_with_the_way_to_the_answer() -> None:
    """The verdict, the rule, the conditions, the asked items and the told facts."""
    asked = WhatIf(request="POST /enter", at="2026-12-05", birthdate="1986-04-01", address="広島県府中市元町1")
    found = of(LOTTERY, what_if=asked).judged
    assert found is not None

    assert (found.verdict, found.rule, dict(found.told)) == ("allow", "enter", {"subject": "example-person"})
    assert [(step.name, step.says) for step in found.conditions] == [("open", "yes"), ("resident", "yes")]

    nobody = of(LOTTERY, what_if=WhatIf(request="POST /enter", at="2026-12-05", nobody=True)).judged
    assert nobody is not None
    assert (nobody.verdict, nobody.asked, nobody.told) == ("sign_in", "address", ())

    late = of(LOTTERY, language="ja", what_if=WhatIf(request="POST /enter", at="2026-12-11", nobody=True)).judged
    assert late is not None
    assert late.verdict == "deny"
    assert late.sentences == ("受付期間は12月1日から12月10日までです。",)


def test_a_limit_that_is_reached_refuses() -> None:
    """The entries so far are part of the question."""
    asked = WhatIf(request="POST /enter", at="2026-12-05", address="広島県府中市元町1", entries="1")

    found = of(LOTTERY, what_if=asked).judged

    assert found is not None
    assert found.verdict == "deny"
    assert found.reasons == ("lottery-2026: the limit is reached",)


@pytest.mark.parametrize("entries", ["", "1"])
@pytest.mark.parametrize("address", ["広島県府中市元町1", "東京都府中市1", "it's 'here'", ""])
@pytest.mark.parametrize("nobody", [True, False])
def test_a_question_becomes_an_example_that_passes(address: str, nobody: bool, entries: str) -> None:
    """The author keeps it by a copy into her file, with any signs in it."""
    asked = WhatIf(request="POST /enter", at="2026-12-05", nobody=nobody, address=address, entries=entries)
    judged = of(LOTTERY, what_if=asked).judged
    assert judged is not None

    with_it = of(LOTTERY.rstrip("\n") + "\n" + judged.as_example)

    assert with_it.good, with_it.findings
    assert with_it.examples[-1].title == "POST /enter"
    assert with_it.examples[-1].passed, with_it.examples[-1]


def test_a_question_that_cannot_be_read_says_what_is_wrong() -> None:
    """The rest of the page stays."""
    found = of(LOTTERY, what_if=WhatIf(request="enter", at="tomorrow"))

    assert found.judged is None
    assert len(found.what_if_mistakes) == 2
    assert found.good


def test_a_comparison_shows_the_lines_and_the_examples_that_change() -> None:
    """Of both files: an example that the author removed still tells what changes."""
    changed = LOTTERY.replace("until: 2026-12-10", "until: 2026-12-20")
    only_rules = changed.partition("examples:")[0]

    for text in (changed, only_rules):
        compared = of(text, in_force=str(POLICIES / "lottery.yaml")).compared
        assert compared is not None
        assert {"gone", "new"} <= {line.kind for line in compared.lines}
        assert compared.asked >= 7
        assert [(each.before, each.after, each.more) for each in compared.changed] == [
            ("deny open", "allow (subject: example-person)", True)
        ]


def test_a_comparison_shows_the_effects_on_people() -> None:
    """Hours, places and verdicts that change, each with one person, the gravest first; and that nothing is looser."""
    looser = LOTTERY.replace("until: 2026-12-10", "until: 2026-12-20")
    stricter = LOTTERY.replace("until: 2026-12-10", "until: 2026-12-09").partition("examples:")[0]
    before = str(POLICIES / "lottery.yaml")

    more, less = (of(text, in_force=before, language="ja").compared for text in (looser, stricter))
    english = of(looser, in_force=before).compared

    assert more is not None
    assert less is not None
    assert english is not None
    assert more.permits_more
    assert (more.effects[0].kind, more.effects[0].head, more.effects[0].more) == ("permits", "新たに通る", True)
    assert any("2026-12-11" in row.witness and "広島県府中市" in row.witness for row in more.effects)
    assert english.effects[0].head == "newly permitted"
    assert not less.permits_more
    assert {row.kind for row in less.effects} == {"refuses", "otherwise"}
    assert (more.tried > 10, more.not_all) == (True, 0)


def test_a_comparison_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft with very many kinds of people is not tried on all of them, and says so."""
    monkeypatch.setattr("gateway.workbench.analysis.MOST_TRIED", 1)
    monkeypatch.setattr("gateway.workbench.analysis.MOST_EFFECTS", 0)
    looser = LOTTERY.replace("until: 2026-12-10", "until: 2026-12-20")

    compared = of(looser, in_force=str(POLICIES / "lottery.yaml")).compared

    assert compared is not None
    assert compared.not_all > 0
    assert (compared.effects, compared.more_effects > 0) == ((), True)


def test_what_an_author_types_reads_no_file_outside_the_folder(tmp_path: Path) -> None:
    """Neither its content nor its being there comes back in a mistake."""
    (tmp_path / "secret.yaml").write_text("canary: [canary\n")
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    told = []
    for name in ("../secret.yaml", str(tmp_path / "secret.yaml"), "link.yaml", "../none.yaml", "/dev/zero"):
        for line in (f"use: {name}", f"conditions: {{a: {{subject: {{in: {name}}}}}}}"):
            text = f"policy: p\n{line}\nrules:\n  - {{name: all, allow: signed_in}}\n"
            (finding,) = [each for each in of(text, folder=str(folder)).findings if each.mistake]
            assert "canary" not in finding.text
            told.append(finding.text.replace(name, "NAME").split(": ", 1)[-1])
    assert len(set(told)) == 1, told


def test_a_policy_outside_the_folder_may_use_only_what_it_uses_already(tmp_path: Path) -> None:
    """It may lie beside the gateway's own settings and secrets."""
    for name in ("library.yaml", "lists/commuters.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((POLICIES / name).read_bytes())
    (tmp_path / "operators").write_text("canary")
    force = tmp_path / "library.yaml"
    text = force.read_text("utf-8")
    common = {"folder": str(tmp_path), "file": "library.yaml", "in_folder": False, "in_force": str(force)}

    assert of(text, **common).good
    told = of(text.replace("lists/commuters.yaml", "operators"), **common)
    assert not told.good
    assert "canary" not in "".join(finding.text for finding in told.findings)
