"""The report of a replayed log, as an official reads it and as a program does."""

import json

from gateway.policy.authoring.access_lines import Logged
from gateway.policy.authoring.replay import CandidateReport, replay
from gateway.policy.authoring.replay_words import as_values, candidate_as_values, say_candidate, say_replay
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Language, Mistakes

HEAD = "policy: p\npurpose: {ja: 確認のため}\nconditions: {成人: {age: {at_least: 18}}}\nrules:\n"


def read(rule: str) -> Policy:
    policy = parse_policy(f"{HEAD}  - {{name: 予約, {rule}}}\n", Mistakes())
    assert policy is not None
    return policy


def line(verdict: str, reason: str = "", path: str = "/a", candidate: str = "") -> Logged:
    return Logged(
        1_795_827_723.0, "GET", path, "192.0.2.7", "app", verdict, "p/予約", reason, signed_in=True, candidate=candidate
    )


def test_a_difference_is_said_by_rule_and_reason() -> None:
    """With its count, what it depends on, and the first line; and what the log cannot know is said each time."""
    found = replay(read("require: [成人]"), read("allow: signed_in"))
    found.take(line("permit", path="/a\x1b[2J"))
    found.take(line("permit"))
    found.take(None)

    japanese, english = say_replay(found, Language.JA), say_replay(found, Language.EN)

    assert "3 行のうち 2 行を判定。判断が変わらないのは 0 行" in japanese
    assert "通らなくなるかもしれない: 2" in japanese
    assert "「予約」`permit` → 「予約」`challenge:more_facts` か " in japanese
    assert "（`成人`、そのログインで求めた項目 による）" in japanese
    assert "最初は 2026-11-28 10:02:03 の GET /a" in japanese
    assert "\x1b" not in japanese
    assert "判定していない: 1  JSON のアクセスログではない行" in japanese
    assert "may no longer be permitted: 2" in english
    assert "(depends on `成人`, the facts that the sign-in had asked for)" in english
    assert "The log has no facts of people" in english
    assert "--in-force" not in english


def test_without_a_difference_it_says_so() -> None:
    """The words say how the question could be asked better."""
    found = replay(read("allow: signed_in"))
    found.take(line("permit"))

    assert "no difference was found" in say_replay(found, Language.EN)
    assert "--in-force" in say_replay(found, Language.JA)


def test_a_program_reads_the_same() -> None:
    """Words, not sentences."""
    found = replay(read("allow: signed_in"), read("require: [成人]"))
    found.take(line("deny", "condition_no:成人"))

    values = json.loads(json.dumps(as_values(found)))

    assert (values["permits_more"], values["may_permit_more"]) == (True, False)
    (difference,) = values["differences"]
    assert (difference["change"], difference["count"]) == ("permits", 1)
    assert difference["before"] == {"rule": "予約", "verdict": "deny", "reason": "condition_no:成人"}
    assert difference["after"] == [{"rule": "予約", "verdict": "permit", "reason": None}]


def test_the_candidate_is_said_the_gravest_first() -> None:
    """A request that only the candidate permits stands above everything else."""
    report = CandidateReport()
    for _ in range(3):
        report.take(line("permit", candidate="deny:condition_no:成人"))
    report.take(line("deny", "no_rule", candidate="permit"))

    said = say_candidate(report, Language.JA).splitlines()

    assert said[0] == "4 行のうち 4 行をポリシーが判断。候補の判断が違うのは 4 行"
    assert said[1] == "  1  【新たに通る】app: p/予約 `deny:no_rule` → `permit`"
    assert said[3] == "  3  app: p/予約 `permit` → `deny:condition_no:成人`"
    assert "newly permitted: app" in say_candidate(report, Language.EN)
    assert candidate_as_values(report)["differences"][0]["candidate"] == {"verdict": "permit", "reason": None}
