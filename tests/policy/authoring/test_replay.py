"""A log judged by another policy: what is certain is true, and what is true is among the possible."""

from __future__ import annotations

from math import inf
from random import Random

import pytest

from gateway.policy.authoring.access_lines import Logged
from gateway.policy.authoring.replay import CandidateReport, Change, Replay, Unjudged, replay
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy, no_rule_fits
from gateway.policy.example import make_inbound
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.reading.parse_examples import moment_of
from gateway.policy.verdict import Challenge, Deny, Permit, Verdict
from gateway.yaml.mistakes import Mistakes
from tests.policy.random_cases import NOW, Asked, policy_of, random_person, random_request, random_rules

HEAD = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  adult: {age: {at_least: 18}}
  older: {age: {at_least: 20}}
  here: {residence: {in: [横浜市]}}
  office: {network: [192.0.2.0/24]}
rules:
"""


def read(*rules: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(HEAD + "".join(f"  - {{{rule}}}\n" for rule in rules), mistakes)
    assert policy is not None, mistakes.say()
    return policy


def line(verdict: str = "permit", reason: str = "", rule: str = "r", path: str = "/a", **more: object) -> Logged:
    """Return a line of a signed-in person."""
    values: dict[str, object] = {
        "time": NOW,
        "method": "GET",
        "client": "198.51.100.1",
        "app": "booking",
        "signed_in": True,
        "candidate": "",
    }
    named = f"p/{rule}" if rule else ""
    return Logged(path=path, verdict=verdict, rule=named, reason=reason, **(values | more))  # type: ignore[arg-type]


def replayed(new: Policy, old: Policy | None, *lines: Logged, app: str = "") -> Replay:
    found = replay(new, old, app)
    for each in lines:
        found.take(each)
    return found


def changes(found: Replay) -> list[tuple[Change, tuple[str, ...], tuple[str, ...]]]:
    """Return each difference with the verdicts that may come and what they depend on."""
    return [
        (
            group.change,
            tuple(f"{each.verdict}:{each.reason}".rstrip(":") for each in group.after),
            group.depends_on,
        )
        for group in found.groups
    ]


ADULT, OLDER = read("name: r, require: [adult]"), read("name: r, require: [older]")


def test_the_old_verdict_tells_of_the_person() -> None:
    """A refused child stays refused, a permitted adult may be 18 or 20, and a refused 18-year-old passes again."""
    no = line("deny", "condition_no:older")

    assert changes(replayed(OLDER, ADULT, line("deny", "condition_no:adult"))) == [
        (Change.OTHERWISE, ("deny:condition_no:older",), ())
    ]
    assert changes(replayed(OLDER, ADULT, line())) == [
        (Change.MAY_REFUSE, ("deny:condition_no:older", "deny:condition_unknown:older", "permit"), ("older",))
    ]
    assert changes(replayed(ADULT, OLDER, line())) == []
    assert changes(replayed(ADULT, OLDER, no)) == [
        (Change.MAY_PERMIT, ("deny:condition_no:adult", "deny:condition_unknown:adult", "permit"), ("adult",))
    ]


def test_without_the_old_policy_the_log_tells_less() -> None:
    """Nobody knows what `adult` meant then."""
    found = replayed(OLDER, None, line())

    assert [change for change, _, _ in changes(found)] == [Change.MAY_REFUSE]
    assert not found.certain
    assert not found.possible


def test_a_stranger_has_no_facts_and_her_verdict_is_certain() -> None:
    """Nobody was signed in: a sign-in is asked, or it is not."""
    asked = line("challenge", "sign_in", signed_in=False)

    assert changes(replayed(read("name: r, allow: everyone"), ADULT, asked)) == [(Change.PERMITS, ("permit",), ())]
    assert changes(replayed(OLDER, ADULT, asked)) == []
    refused = replayed(read("name: r, require: [office]"), ADULT, asked)
    assert changes(refused) == [(Change.REFUSES, ("deny:condition_no:office",), ())]
    inside = replayed(read("name: r, require: [office]"), None, line(client="192.0.2.9", signed_in=False))
    assert changes(inside) == [(Change.ASKS, ("challenge:sign_in",), ())]


def test_what_is_told_is_a_difference_too() -> None:
    """More is grave, less is not."""
    more = read("name: r, require: [adult], disclose: [subject]")

    assert [change for change, _, _ in changes(replayed(more, ADULT, line()))] == [Change.TELLS]
    assert replayed(more, ADULT, line()).certain
    assert [change for change, _, _ in changes(replayed(ADULT, more, line()))] == [Change.WITHHOLDS]


def test_a_limit_and_the_query_are_not_in_the_log() -> None:
    """An entry may be left or not, and a parameter may be there or not: the words say so."""
    limited = read("name: r, allow: signed_in, limit: {name: l, once: day, counted_when: {status: 303}}")
    free = read("name: r, allow: signed_in")
    by_query = read("name: q, match: {query: {do: x}}, allow: nobody", "name: r, allow: signed_in")

    assert changes(replayed(limited, free, line())) == [
        (Change.MAY_REFUSE, ("deny:limit_reached:l", "permit"), ("(limit)",))
    ]
    assert changes(replayed(free, limited, line("deny", "limit_reached:l"))) == [(Change.PERMITS, ("permit",), ())]
    assert changes(replayed(limited, limited, line("deny", "limit_reached:l"))) == []
    for was, becomes in (("once: month", "once: day"), ("once: day", "once: day, times: 2")):
        stricter, looser = (
            read(f"name: r, allow: signed_in, limit: {{name: l, {each}, counted_when: {{status: 303}}}}")
            for each in (was, becomes)
        )
        over = replayed(looser, stricter, line("deny", "limit_reached:l"))
        assert changes(over) == [(Change.MAY_PERMIT, ("deny:limit_reached:l", "permit"), ("(limit)",))]
        assert over.possible
    gives = "name: c, match: {path: /c}, allow: signed_in, gives_back: {limit: l, when: {status: 204}}"
    limit = "name: r, allow: signed_in, limit: {name: l, once: day, counted_when: {status: 303}}"
    given = replayed(read(gives, limit), limited, line("deny", "limit_reached:l"))
    assert changes(given) == [(Change.MAY_PERMIT, ("deny:limit_reached:l", "permit"), ("(limit)",))]
    assert changes(replayed(limited, read(gives, limit), line("deny", "limit_reached:l"))) == []
    (found,) = changes(replayed(by_query, free, line()))
    assert found[0] is Change.MAY_REFUSE
    assert found[2] == ("(query)",)


def test_lines_that_no_policy_decided_are_counted_and_not_judged() -> None:
    """Errors, other Apps, refusals before the rules, and lines that the policy in force would not have written."""
    lines = (
        line("error", "upstream_unreachable"),
        line("portal"),
        line("deny", "ambiguous_query"),
        line("challenge", "signature"),
        line(rule="", verdict="deny", reason="no_rule"),
    )
    found = replayed(OLDER, ADULT, *lines, line(app="other"), line("deny", "condition_no:gone"), app="booking")
    found.take(None)

    assert found.unjudged == {
        Unjudged.NO_VERDICT: 4,
        Unjudged.OTHER: 1,
        Unjudged.UNLIKE: 2,
        Unjudged.UNREADABLE: 1,
    }
    assert (found.lines, found.judged) == (8, 0)
    assert replayed(ADULT, None, line(rule="", verdict="deny", reason="no_rule")).unjudged == {Unjudged.OTHER: 1}


def test_a_refusal_that_no_rule_fitted_is_judged_for_a_named_app() -> None:
    """Its line names no policy, so the App must be named."""
    nowhere = read("name: r, match: {path: /b}, allow: everyone")
    refused = line("deny", "no_rule", rule="", signed_in=False)

    found = replayed(read("name: r, allow: everyone"), nowhere, refused, app="booking")

    assert changes(found) == [(Change.PERMITS, ("permit",), ())]


def test_memory_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds beyond the last group are counted together, and the memory of judged paths starts anew."""
    monkeypatch.setattr("gateway.policy.authoring.replay.MOST_GROUPS", 1)
    monkeypatch.setattr("gateway.policy.authoring.replay._MOST_REMEMBERED", 3)
    found = replay(read("name: r, allow: nobody"))
    for number in range(20):
        found.take(line(path=f"/{number}"))
        found.take(line("challenge", "sign_in", signed_in=False))

    assert (len(found.groups), found.more) == (1, 20)
    assert len(found._known) <= 3
    assert found.possible


def logged_of(verdict: Verdict, rule: str, asked: Asked, now: float, *, signed_in: bool) -> Logged:
    """Return the line of a verdict."""
    words = ("permit", "")
    match verdict:
        case Permit():
            pass
        case Challenge(reason=reason):
            words = ("challenge", reason.value)
        case Deny(words=said):
            words = ("deny", said)
    return Logged(
        now, asked.method, asked.path, asked.client, "app", words[0], rule, words[1], signed_in=signed_in, candidate=""
    )


def tried(seed: int, cases: int) -> tuple[int, int]:
    """Write lines by one random policy, judge them by another, and compare; return how many were judged and certain."""
    random = Random(seed)
    certain = judged = 0
    for _ in range(cases):
        old, new = (policy_of(*random_rules(random)) for _ in range(2))
        found = replay(new, old, "app")
        on = Surroundings({"disaster": inf} if random.random() < 0.5 else {})
        before, after = CompiledPolicy(old).within(on), CompiledPolicy(new).within(on)
        for _ in range(20):
            asked, person = random_request(random, "198.51.100.9"), random_person(random)
            now = NOW + random.choice((0, 100, 6 * 3_600, 26 * 3_600))
            inbound = make_inbound(*asked)
            rules = [each.fitting(inbound, now) for each in (before, after)]
            was, becomes = (
                no_rule_fits() if rule is None else rule.decide(inbound, person, now).verdict for rule in rules
            )
            rule = "" if rules[0] is None else str(rules[0].id)
            line = logged_of(was, rule, asked, now, signed_in=person is not None)
            if "ambiguous" in line.reason:
                continue
            possible = found._found(line)
            assert possible is not None, (line, person)
            judged += 1
            truth = logged_of(becomes, "", asked, now, signed_in=person is not None)
            words = {(each.verdict, each.reason) for each in possible.outcomes}
            assert (truth.verdict, truth.reason) in words, (line, person, truth, words)
            certain += len(words) == 1
    return judged, certain


def test_what_is_certain_is_true() -> None:
    """Random policies, people and moments: the true new verdict is always among the possible ones."""
    judged, certain = tried(20261129, 8)

    assert judged > 100
    assert certain > judged / 4


@pytest.mark.long
@pytest.mark.parametrize("part", range(5))
def test_what_is_certain_is_true_in_many_cases(part: int) -> None:
    """As above, in parts."""
    judged, _ = tried(part, 150)

    assert judged > 1_500


def test_the_candidate_is_reported_by_rule_and_reason() -> None:
    """The gateway judged by both policies with all facts, so nothing here depends on anything."""
    report = CandidateReport("booking")
    for each in (
        line("deny", "condition_no:adult", candidate="permit"),
        line("deny", "condition_no:adult", candidate="permit", path="/b"),
        line(candidate="deny:condition_no:older"),
        line(),
        line("error"),
        line(app="other", candidate="permit"),
        None,
    ):
        report.take(each)

    assert [(noted.permits, noted.verdict, noted.candidate_reason, tally.count) for noted, tally in report.rows()] == [
        (True, "deny", "", 2),
        (False, "permit", "condition_no:older", 1),
    ]
    assert (report.lines, report.judged, report.unreadable) == (7, 4, 1)
    assert report.permits_more


CLOSED = """\
policy: p
conditions:
  閉館: {dates: {days: [月曜（祝日のときは翌平日）, 末日（土日祝のときは前平日）, 祝日の翌日]}}
  祝日: {dates: {days: [祝日]}}
rules:
  - {name: closed, when: WHEN, allow: nobody}
  - {name: r, allow: signed_in}
"""


def on(when: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(CLOSED.replace("WHEN", when), mistakes)
    assert policy is not None, mistakes.say()
    return policy


@pytest.mark.parametrize(
    ("day", "closed", "holiday"),
    [
        ("2026-11-16 10:00", True, False),
        ("2026-11-23 10:00", False, True),
        ("2026-11-24 10:00", True, False),
        ("2026-09-22 10:00", True, True),
        ("2027-01-29 10:00", True, False),
        ("2026-05-06 23:59", True, True),
        ("2026-05-07 00:00", True, False),
        ("2026-11-25 10:00", False, False),
    ],
)
def test_a_log_of_holidays_is_judged_by_its_own_days(day: str, *, closed: bool, holiday: bool) -> None:
    """The day of each line says whether a rule for closed days fitted then; nothing of it is in doubt."""
    time = moment_of(day)
    assert time is not None
    logged = {
        True: line("deny", "nobody_allowed:closed", "closed", time=time),
        False: line(time=time),
    }

    found = replayed(on("祝日"), on("閉館"), logged[closed])

    expected = {(True, False): Change.PERMITS, (False, True): Change.REFUSES}.get((closed, holiday))
    assert [group.change for group in found.groups] == ([] if expected is None else [expected])
    assert found.unjudged == {}
    assert found.certain == (expected is Change.PERMITS)


def test_a_line_of_another_day_than_the_policy_in_force_decides_is_not_judged() -> None:
    """On a Monday that is a holiday nobody was refused by it, so that the log is of another policy."""
    time = moment_of("2026-11-23 10:00")
    assert time is not None
    found = replayed(on("祝日"), on("閉館"), line("deny", "nobody_allowed:closed", "closed", time=time))

    assert not found.groups
    assert sum(found.unjudged.values()) == 1


@pytest.mark.parametrize("candidate", ["permit", "deny:condition_no:older"])
def test_a_line_with_a_candidate_is_replayed_by_the_policy_that_decided(candidate: str) -> None:
    """The report tells of the candidate, which decides nothing about the person here."""
    plain = replayed(OLDER, ADULT, line())
    with_candidate = replayed(OLDER, ADULT, line(candidate=candidate))

    assert changes(plain) == changes(with_candidate)
