"""A policy's verdict on a request: the first fitting rule, one challenge for all, and nothing unknown passes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import inf
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity import Birthdate, Gender, Identity, Scope
from gateway.instant import Instant
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy, Decision, no_rule_fits
from gateway.policy.example import make_inbound
from gateway.policy.matching import MEMO_PATH, MEMO_SIZE
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.reading.parse_examples import moment_of
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Permit, ReasonKind
from gateway.request.target import Target, canonical
from gateway.settings.settings import PathSettings
from gateway.yaml.mistakes import Mistakes

NOW = moment_of("2026-11-23 12:00") or 0.0

HEAD = """\
policy: p
purpose: {ja: 予約のため}
conditions:
  adult: {age: {at_least: 18}, if_not: {ja: 18歳以上}}
  child: {not: adult}
  here: {residence: {in: [東京都渋谷区]}}
  either: {any: [adult, here]}
  office: {network: [192.0.2.0/24]}
  open: {dates: {from: 2026-12-01, until: 2026-12-10}}
  opening: {dates: {hours: {from: 9:00, until: 17:00}}}
  emergency: {switch: disaster}
  away: {not: office}
  closed: {all: [open, away]}
  drill: {all: [open, emergency]}
rules:
"""


def policy_of(*rules: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(HEAD + "".join(f"  - {{{rule}}}\n" for rule in rules), mistakes)
    assert policy is not None, mistakes.say()
    return policy


def person(asked: frozenset[Scope] = frozenset(Scope), ago: float = 0, **facts: object) -> Identity:
    return Identity("client", "subject", NOW - ago, asked, **facts)  # type: ignore[arg-type]


ADULT = person(birthdate=Birthdate(1986, 4, 1), address="東京都渋谷区神南1-1-1", name="山田　太郎", gender=Gender.MALE)


def decide(
    policy: Policy,
    who: Identity | None = None,
    now: Instant = NOW,
    *,
    request: str = "GET /",
    client: str = "198.51.100.1",
    switches: tuple[str, ...] = (),
) -> Decision:
    method, _, target = request.partition(" ")
    path, mark, query = target.partition("?")
    compiled = CompiledPolicy(policy, Surroundings(dict.fromkeys(switches, inf)))
    inbound = make_inbound(method, path, query if mark else None, client)
    rule = compiled.fitting(inbound, now)
    return Decision(no_rule_fits(), now) if rule is None else rule.decide(inbound, who, now)


def reasons(decision: Decision) -> list[tuple[ReasonKind, str]]:
    assert isinstance(decision.verdict, Deny)
    return [(reason.kind, reason.name) for reason in decision.verdict.reasons]


def test_the_first_rule_that_fits_is_the_rule() -> None:
    """A later rule is not asked, however generous; none that fits is a no."""
    policy = policy_of("name: a, match: {path: /tax}, allow: nobody", "name: b, match: {path: /**}, allow: everyone")

    assert reasons(decide(policy, request="GET /tax")) == [(ReasonKind.NOBODY_ALLOWED, "a")]
    assert isinstance(decide(policy, request="GET /taxes").verdict, Permit)
    assert reasons(decide(policy_of("name: a, match: {path: /x}, allow: everyone"))) == [(ReasonKind.NO_RULE, "")]


def test_before_sign_in_one_challenge_asks_for_all_the_rule_can_need() -> None:
    """Conditions, and what they are made of, and what is told."""
    decision = decide(policy_of("name: r, require: [either], disclose: [subject, name, age]"))

    assert isinstance(decision.verdict, Challenge)
    assert decision.verdict.reason is ChallengeReason.SIGN_IN
    assert decision.verdict.scopes == {Scope.OPENID, Scope.BIRTHDATE, Scope.ADDRESS, Scope.NAME}
    assert decision.verdict.purpose == {"ja": "予約のため"}
    assert decision.verdict.needs_notice


def test_what_is_already_no_is_refused_before_anybody_signs_in() -> None:
    """Nobody touches a card for nothing; what is merely unknown is no reason yet."""
    assert reasons(decide(policy_of("name: r, require: [adult, open]"))) == [(ReasonKind.CONDITION_NO, "open")]


def test_what_was_asked_and_not_given_is_refused_and_not_asked_again() -> None:
    """Unknown is never a yes, and never a second challenge."""
    policy = policy_of("name: r, require: [adult]")

    assert reasons(decide(policy, person())) == [(ReasonKind.CONDITION_UNKNOWN, "adult")]
    assert reasons(decide(policy, person(birthdate=Birthdate(2008)))) == [(ReasonKind.CONDITION_UNKNOWN, "adult")]
    assert reasons(decide(policy_of("name: r, require: [child]"), person())) == [
        (ReasonKind.CONDITION_UNKNOWN, "child")
    ]


def test_what_has_not_been_asked_is_a_step_up_that_keeps_what_was() -> None:
    """Were the earlier facts not asked for again, two rules would read the card by turns."""
    asked = frozenset({Scope.OPENID, Scope.GENDER})

    verdict = decide(policy_of("name: r, require: [adult]"), person(asked)).verdict

    assert isinstance(verdict, Challenge)
    assert verdict.reason is ChallengeReason.MORE_FACTS
    assert verdict.scopes == {Scope.OPENID, Scope.GENDER, Scope.BIRTHDATE}


def test_a_step_up_that_cannot_help_is_a_refusal() -> None:
    """Her birthdate cannot be read; asking for her name would end in the same no."""
    asked = frozenset({Scope.OPENID, Scope.BIRTHDATE})

    decision = decide(policy_of("name: r, require: [adult], disclose: [name]"), person(asked))

    assert reasons(decision) == [(ReasonKind.CONDITION_UNKNOWN, "adult")]


def test_one_of_two_is_asked_for_where_the_other_is_unreadable() -> None:
    """`any` can still become a yes."""
    asked = frozenset({Scope.OPENID, Scope.BIRTHDATE})

    verdict = decide(policy_of("name: r, require: [either]"), person(asked)).verdict

    assert isinstance(verdict, Challenge)
    assert verdict.reason is ChallengeReason.MORE_FACTS


def test_a_no_names_every_reason() -> None:
    """The conditions that say no come first, the unknown ones behind them, each with its sentence."""
    decision = decide(policy_of("name: r, require: [here, adult, open]"), person(birthdate=Birthdate(2010, 1, 1)))

    assert reasons(decision) == [
        (ReasonKind.CONDITION_NO, "adult"),
        (ReasonKind.CONDITION_NO, "open"),
        (ReasonKind.CONDITION_UNKNOWN, "here"),
    ]
    assert isinstance(decision.verdict, Deny)
    assert decision.verdict.reasons[0].sentence == {"ja": "18歳以上"}


def test_only_what_is_disclosed_is_told() -> None:
    """Facts as text, conditions as yes or no, in the order written, nothing else."""
    policy = policy_of(
        "name: r, allow: signed_in, disclose: [here, child, name, prefecture, municipality, municipality_code, town, "
        "age, birthdate, gender, signed_in_at, subject]"
    )

    verdict = decide(policy, ADULT).verdict

    assert isinstance(verdict, Permit)
    assert verdict.identity is ADULT
    assert dict(verdict.disclosed) == {
        "here": "yes",
        "child": "no",
        "name": "山田　太郎",
        "prefecture": "東京都",
        "municipality": "渋谷区",
        "municipality_code": "131130",
        "town": "神南",
        "age": "40",
        "birthdate": "1986-04-01",
        "gender": "male",
        "signed_in_at": "2026-11-23T12:00:00+09:00",
        "subject": "subject",
    }
    assert [name for name, _ in verdict.disclosed][:2] == ["here", "child"]


def test_what_is_not_known_is_absent() -> None:
    """A fact that is not given, unreadable or partly unknown brings no header, and no challenge."""
    policy = policy_of("name: r, allow: signed_in, disclose: [subject, name, birthdate, age, town, here, adult]")

    verdict = decide(policy, person(birthdate=Birthdate(1980), address="府中市1")).verdict

    assert isinstance(verdict, Permit)
    assert dict(verdict.disclosed) == {"subject": "subject", "adult": "yes"}


def test_a_birthdate_that_was_not_given_is_absent() -> None:
    """The card's app may leave it out, and the other facts are told all the same."""
    verdict = decide(
        policy_of("name: r, allow: signed_in, disclose: [birthdate, age, gender, subject]"), person()
    ).verdict

    assert isinstance(verdict, Permit)
    assert verdict.disclosed == (("subject", "subject"),)


def test_a_condition_that_the_rule_requires_is_told_as_yes() -> None:
    """The person would not be here otherwise."""
    verdict = decide(policy_of("name: r, require: [adult], disclose: [subject, adult, child]"), ADULT).verdict

    assert isinstance(verdict, Permit)
    assert verdict.disclosed == (("subject", "subject"), ("adult", "yes"), ("child", "no"))


def test_a_rule_open_to_everyone_asks_nobody_and_tells_of_those_signed_in() -> None:
    """Without a session nothing is told; with one, what she has given."""
    policy = policy_of("name: r, allow: everyone, disclose: [subject, name]")
    rule = CompiledPolicy(policy).rules[0]

    assert (rule.public, rule.needs_session, rule.scopes) == (True, True, frozenset())
    assert decide(policy).verdict == Permit(rule.id, None, shared=False)
    disclosed = decide(policy, person(frozenset({Scope.OPENID}))).verdict
    assert isinstance(disclosed, Permit)
    assert disclosed.disclosed == (("subject", "subject"),)
    assert not CompiledPolicy(policy_of("name: r, allow: everyone")).rules[0].needs_session


def test_an_old_sign_in_is_asked_again() -> None:
    """Fresh at the very second, too old behind it, kept no longer than it is fresh."""
    policy = policy_of("name: r, allow: signed_in, signed_in_within: 5m")

    fresh = decide(policy, person(ago=299))
    assert isinstance(fresh.verdict, Permit)
    assert fresh.valid_until == NOW + 1
    assert isinstance(decide(policy, person(ago=300)).verdict, Permit)
    stale = decide(policy, person(ago=301)).verdict
    assert isinstance(stale, Challenge)
    assert (stale.reason, stale.fresh_within) == (ChallengeReason.TOO_LONG_AGO, 300)


def test_a_refusal_comes_before_a_question_of_freshness() -> None:
    """Signing in again would end in the same no."""
    policy = policy_of("name: r, require: [adult], signed_in_within: 5m")

    assert reasons(decide(policy, person(ago=900, birthdate=Birthdate(2010, 1, 1)))) == [
        (ReasonKind.CONDITION_NO, "adult")
    ]


def test_when_finds_another_rule() -> None:
    """A switch, a network: what needs no person chooses the rule."""
    policy = policy_of("name: now, when: emergency, allow: everyone", "name: later, require: [here]")

    assert isinstance(decide(policy, switches=("disaster",)).verdict, Permit)
    assert isinstance(decide(policy).verdict, Challenge)


def test_a_when_that_cannot_be_told_refuses() -> None:
    """Going on to the next rule would turn unknown into a no."""
    policy = policy_of("name: shut, when: away, allow: nobody", "name: open, allow: everyone")

    unknown = decide(policy, client="")
    assert reasons(unknown) == [(ReasonKind.CONDITION_UNKNOWN, "away")]
    assert unknown.verdict.rule == policy.rules[0].id
    assert isinstance(decide(policy, client="192.0.2.7").verdict, Permit)


def test_a_rule_for_nobody_says_its_page() -> None:
    """Its words, its status, and until when."""
    policy = policy_of("name: r, when: closed, allow: nobody, say: {ja: 休止中, status: 503, retry_after: end}")
    now = moment_of("2026-12-09 18:00") or 0.0

    verdict = decide(policy, now=now).verdict

    assert isinstance(verdict, Deny)
    assert (verdict.status, verdict.retry_after) == (503, 30 * 3600)
    assert verdict.reasons[0].sentence == {"ja": "休止中"}


@pytest.mark.parametrize(
    ("now", "seconds"), [("2026-12-10 23:59", 60), ("2026-12-10 23:00", 3600), ("2026-12-05 00:00", 6 * 86_400)]
)
def test_a_rule_for_nobody_ends_with_its_switch_and_days(now: str, seconds: int) -> None:
    """The end is looked for with the switches of the moment, and the answer is made anew for each request."""
    policy = policy_of("name: r, when: drill, allow: nobody, say: {ja: 訓練中, status: 503, retry_after: end}")
    moment = moment_of(now) or 0.0

    decision = decide(policy, now=moment, switches=("disaster",))

    assert isinstance(decision.verdict, Deny)
    assert (decision.verdict.retry_after, decision.valid_until) == (seconds, moment)
    # A client that asks again in no time at all asks in a second.
    last = decide(policy, now=moment + seconds - 0.5, switches=("disaster",)).verdict
    assert isinstance(last, Deny)
    assert last.retry_after == 1


def test_a_number_of_seconds_is_said_whatever_led_to_the_rule() -> None:
    """Only `end` looks for the end of the rule's `when`."""
    policy = policy_of("name: r, when: drill, allow: nobody, say: {ja: 訓練中, status: 503, retry_after: 7200}")

    decision = decide(policy, now=moment_of("2026-12-10 23:00") or 0.0, switches=("disaster",))

    assert isinstance(decision.verdict, Deny)
    assert (decision.verdict.retry_after, decision.valid_until) == (7200, inf)


def test_a_named_parameter_that_comes_twice_is_400() -> None:
    """Nobody can say which of the two the application reads."""
    policy = policy_of("name: a, match: {query: {action: view}}, allow: everyone", "name: b, allow: nobody")

    assert isinstance(decide(policy, request="GET /?action=view").verdict, Permit)
    assert reasons(decide(policy, request="GET /?action=edit")) == [(ReasonKind.NOBODY_ALLOWED, "b")]
    twice = decide(policy, request="GET /?action=view&action=edit")
    assert reasons(twice) == [(ReasonKind.AMBIGUOUS_QUERY, "")]
    assert isinstance(twice.verdict, Deny)
    assert twice.verdict.status == 400
    assert twice.verdict.rule == policy.rules[0].id


def test_a_verdict_on_the_request_itself_is_not_kept() -> None:
    """The next request can come from another address."""
    decision = decide(policy_of("name: r, require: [office]"), client="192.0.2.7", who=ADULT)

    assert isinstance(decision.verdict, Permit)
    assert decision.valid_until == NOW


def test_another_snapshot_makes_other_rules() -> None:
    """A value that was remembered for the old rule's object is void when a switch turns."""
    policy = CompiledPolicy(policy_of("name: r, when: emergency, allow: everyone"))

    turned = policy.within(Surroundings({"disaster": inf}))

    assert turned.rules[0] is not policy.rules[0]
    assert policy.fitting(make_inbound("GET", "/"), NOW) is None
    assert turned.fitting(make_inbound("GET", "/"), NOW) is turned.rules[0]


@pytest.mark.parametrize("method", ["", ", method: [GET]"])
def test_another_snapshot_knows_whether_a_method_makes_a_rule(method: str) -> None:
    """The pipeline judges an override of the method only where it does."""
    policy = CompiledPolicy(policy_of(f"name: r, match: {{path: /**{method}}}, allow: everyone"))

    assert policy.by_method is bool(method)
    assert policy.within(Surroundings({"disaster": inf})).by_method is bool(method)


def test_a_rule_of_one_method_that_holds_for_a_time_is_looked_for_each_time() -> None:
    """Without it the next rule fits, and that is remembered for no later request."""
    policy = CompiledPolicy(
        policy_of(
            "name: days, match: {path: /**, method: [GET]}, when: open, allow: nobody", "name: rest, allow: everyone"
        )
    )
    inbound = make_inbound("GET", "/x")

    assert policy.fitting(inbound, NOW) is policy.rules[1].unshared
    assert policy.always("GET", "/x") is None
    assert policy.fitting(inbound, moment_of("2026-12-05 12:00") or 0.0) is policy.rules[0]


def test_what_a_policy_needs_and_tells_is_known_beforehand() -> None:
    """The union for `ask: once`, and every name that can be told, for stripping."""
    policy = CompiledPolicy(
        policy_of(
            "name: a, match: {path: /a}, allow: everyone, disclose: [gender, here]",
            "name: b, require: [adult], disclose: [here, subject]",
        )
    )

    assert policy.scopes == {Scope.OPENID, Scope.BIRTHDATE, Scope.ADDRESS}
    assert policy.disclosed == ("gender", "here", "subject")
    assert len(policy.version) == 16


def test_case_can_be_ignored_where_the_application_does() -> None:
    """The App's paths arrive in lower case, and so must the patterns be."""
    policy = policy_of("name: a, match: {path: /Admin/**}, allow: nobody", "name: b, allow: everyone")
    inbound = make_inbound("GET", "/admin/x")

    careful = CompiledPolicy(policy, paths=PathSettings(ignore_case=True)).fitting(inbound, NOW)

    assert careful is not None
    assert careful.id.rule == "a"


@pytest.mark.parametrize(
    "pattern", ["/Admin/**", "/Ünder/**", "/ÉCOLE/**", "/ﬁle/**", "/ΑΒΓ/**", "/İ/**", "/\u212a/**", "/ẞ/**"]
)
def test_both_sides_of_a_comparison_are_folded_alike(pattern: str) -> None:
    """However a pattern is written, the path it names fits it, and its other case as well, or is refused."""
    policy = CompiledPolicy(
        policy_of(f"name: a, match: {{path: {pattern}}}, allow: nobody", "name: b, allow: everyone"),
        paths=PathSettings(ignore_case=True),
    )
    name = pattern.split("/")[1]

    for spelling in (name, name.lower(), name.upper(), name.swapcase()):
        target = canonical(b"/" + quote(spelling).encode() + b"/1", policy.paths)
        assert isinstance(target, Target)
        found = policy.fitting(make_inbound("GET", target.path), NOW)
        assert found is not None
        assert isinstance(found.decide(make_inbound("GET", "/"), None, NOW).verdict, Deny)


def strictest(paths: PathSettings) -> CompiledPolicy:
    return CompiledPolicy(
        policy_of(
            "name: guarded, match: {path: /reserve/**}, allow: nobody",
            "name: files, match: {path: /files/*}, allow: everyone",
            "name: rest, allow: signed_in",
        ),
        paths=paths,
    )


@pytest.mark.parametrize("path", ["/reserve;jsessionid=1", "/reserve;x/42", "/reserve/42;y", "/reserve"])
def test_a_kept_parameter_changes_no_rule(path: str) -> None:
    """The application cuts `;jsessionid=…` off, and so does the search for the rule."""
    found = strictest(PathSettings(parameters="keep")).fitting(make_inbound("GET", path), NOW)

    assert found is not None
    assert found.id.rule == "guarded"


def test_a_kept_slash_that_would_be_another_rule_is_refused() -> None:
    """Nobody here knows whether the application reads `%2F` as a slash; where it does not matter, it goes on."""
    policy = strictest(PathSettings(encoded_slash="keep"))

    hidden, harmless, name = (
        policy.fitting(make_inbound("GET", path), NOW) for path in ("/reserve%2F42", "/other%2Fpath", "/files/a%2Fb")
    )

    assert hidden is not None
    assert reasons(hidden.decide(make_inbound("GET", "/"), None, NOW)) == [(ReasonKind.AMBIGUOUS_PATH, "")]
    assert harmless is not None
    assert harmless.id.rule == "rest"
    assert name is not None
    assert isinstance(name.decide(make_inbound("GET", "/"), None, NOW).verdict, Deny)
    assert policy.within(Surroundings()).fitting(make_inbound("GET", "/reserve%2F42"), NOW) is not None


BIRTHDATES = st.one_of(
    st.none(),
    st.dates().filter(lambda day: 1900 < day.year < 2027).map(lambda day: Birthdate(day.year, day.month, day.day)),
    st.integers(1900, 2026).map(Birthdate),
)
PEOPLE = st.one_of(
    st.none(),
    st.builds(
        lambda asked, born, address, ago: Identity(
            "client",
            "subject",
            NOW - ago,
            frozenset({Scope.OPENID, *asked}),
            birthdate=born if Scope.BIRTHDATE in asked else None,
            address=address if Scope.ADDRESS in asked else None,
        ),
        st.frozensets(st.sampled_from(Scope)),
        BIRTHDATES,
        st.sampled_from([None, "", "東京都渋谷区神南1-1-1", "埼玉県川口市青木2-1-1", "府中市1"]),
        st.integers(0, 900),
    ),
)
NAMES = ["adult", "child", "here", "either", "office", "open", "opening", "emergency", "away", "closed"]
MOMENTS = st.integers(-40 * 1440, 40 * 1440).map(lambda minutes: NOW + minutes * 60.0)
CLIENTS = st.sampled_from(["192.0.2.7", "198.51.100.1", ""])
SWITCHES = st.sampled_from([(), ("disaster",)])
EVERY = policy_of("name: r, require: [adult], disclose: [age, here, child]")


def requiring(names: list[str]) -> Policy:
    return replace(EVERY, rules=(replace(EVERY.rules[0], require=tuple(names)),))


@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    st.sampled_from(NAMES),
    PEOPLE,
    MOMENTS,
    CLIENTS,
    SWITCHES,
)
def test_one_more_condition_never_lets_anybody_in(
    names: list[str], more: str, who: Identity | None, now: Instant, client: str, switches: tuple[str, ...]
) -> None:
    """A person who passes the longer list passes the shorter one; nobody passes while a condition is not a yes."""
    fewer = decide(requiring(names), who, now, client=client, switches=switches).verdict
    longer = decide(requiring([*names, more]), who, now, client=client, switches=switches).verdict

    if isinstance(longer, Permit):
        assert isinstance(fewer, Permit)
    if isinstance(fewer, Deny):
        assert isinstance(longer, Deny)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True), PEOPLE, MOMENTS, CLIENTS, SWITCHES)
def test_a_verdict_holds_until_it_says(
    names: list[str], who: Identity | None, now: Instant, client: str, switches: tuple[str, ...]
) -> None:
    """The same person, address and switches hear the same until `valid_until`, midnights and birthdays included."""
    policy = requiring(names)

    verdict, until = decide(policy, who, now, client=client, switches=switches)

    assert until >= now
    end = min(until, now + 400 * 86_400.0)
    for share in (0.1, 0.5, 0.9, 0.999_999):
        later = now + (end - now) * share
        assert decide(policy, who, later, client=client, switches=switches).verdict == verdict


@pytest.mark.parametrize("asked", [frozenset({Scope.OPENID}), frozenset(Scope)])
def test_nobody_signed_in_is_never_permitted_where_a_person_is_required(asked: frozenset[Scope]) -> None:
    """A permit of such a rule always names whom it is for."""
    for names in (["adult"], ["child"], ["here"], ["either"]):
        assert not isinstance(decide(requiring(names)).verdict, Permit)
        verdict = decide(requiring(names), person(asked)).verdict
        assert not isinstance(verdict, Permit)


def test_a_rule_found_by_more_than_its_path_is_looked_for_each_time() -> None:
    """A path asked for again has the rule of this moment, request and snapshot."""
    policy = CompiledPolicy(
        policy_of(
            "name: query, match: {path: /q, query: {kind: a}}, allow: nobody",
            "name: now, match: {path: /w}, when: emergency, allow: nobody",
            "name: rest, allow: everyone",
        )
    )
    turned = policy.within(Surroundings({"disaster": inf}))

    def named(which: CompiledPolicy, path: str) -> str:
        path, mark, query = path.partition("?")
        rule = which.fitting(make_inbound("GET", path, query if mark else None), NOW)
        assert rule is not None
        return rule.id.rule

    for _ in range(3):
        assert [named(policy, path) for path in ("/q", "/q?kind=a", "/w", "/x")] == ["rest", "query", "rest", "rest"]
        assert [named(turned, path) for path in ("/q", "/q?kind=a", "/w", "/x")] == ["rest", "query", "now", "rest"]
    assert policy.fitting(make_inbound("GET", "/x"), NOW) is not turned.fitting(make_inbound("GET", "/x"), NOW)


@pytest.mark.parametrize(
    ("rules", "request_", "shared"),
    [
        (["allow: everyone"], "GET /", True),
        (["allow: everyone"], "HEAD /", True),
        (["match: {path: /p, query: {a: b}}, allow: everyone"], "GET /p?a=b", True),
        (["match: {path: /other}, when: office, allow: nobody", "allow: everyone"], "GET /", True),
        (["match: {query: {a: b}}, when: office, allow: nobody", "allow: everyone"], "GET /?a=c", True),
        # The rule's own `when` counts, with any condition, and so does the `when` of an earlier rule that does not fit
        # now.
        (["when: away, allow: everyone"], "GET /", False),
        (["when: closed, allow: everyone"], "GET /", False),
        (["when: opening, allow: everyone"], "GET /", False),
        (["when: emergency, allow: everyone"], "GET /", False),
        (["when: office, allow: nobody", "allow: everyone"], "GET /", False),
        (["when: emergency, allow: nobody", "allow: everyone"], "GET /", False),
        (["when: opening, allow: signed_in", "match: {query: {a: b}}, allow: everyone"], "GET /?a=b", False),
        # The application is told of those who are signed in, or each permit is recorded.
        (["allow: everyone, disclose: [subject]"], "GET /", False),
        (["allow: everyone, audit: true"], "GET /", False),
        (["require: [away]"], "GET /", False),
        # A cache may give it to those who GET.
        (["allow: everyone"], "POST /", False),
        (["match: {query: {a: b}}, allow: everyone"], "POST /?a=b", False),
    ],
)
def test_a_shared_cache_helps_only_where_nothing_but_the_url_was_looked_at(
    rules: list[str], request_: str, shared: bool
) -> None:
    """The rule that fits and those tried before it; asked twice, as what is remembered must say the same."""
    policy = CompiledPolicy(policy_of(*(f"name: r{number}, {rule}" for number, rule in enumerate(rules))))
    method, _, target = request_.partition(" ")
    path, mark, query = target.partition("?")
    # A Monday at noon, from nowhere the office is.
    inbound = make_inbound(method, path, query if mark else None, "198.51.100.1")
    now = moment_of("2026-12-07 12:00") or 0.0
    if "emergency" in rules[0] and "everyone" in rules[0]:
        policy = policy.within(Surroundings({"disaster": inf}))

    for _ in range(2):
        rule = policy.fitting(inbound, now)
        assert rule is not None
        verdict = rule.decide(inbound, ADULT, now).verdict
        assert isinstance(verdict, Permit)
        assert verdict.shared is shared


RULES = st.builds(
    lambda path, method, query, when, outcome: ", ".join(
        part
        for part in (
            f"match: {{path: {path}{method}{query}}}",
            when and f"when: {when}",
            outcome,
        )
        if part
    ),
    st.sampled_from(["/**", "/**", "/a/**", "/*/b"]),
    st.sampled_from(["", "", "", ", method: [GET, HEAD]"]),
    st.sampled_from(["", "", ", query: {k: v}"]),
    st.sampled_from(["", "", "office", "away", "open", "opening", "emergency", "closed"]),
    st.sampled_from(
        [
            "allow: everyone",
            "allow: everyone",
            "allow: everyone, disclose: [subject]",
            "allow: nobody",
            "allow: signed_in",
            "require: [adult]",
            "require: [office]",
        ]
    ),
)


@given(
    st.lists(RULES, min_size=2, max_size=4),
    st.sampled_from(["/a", "/a/b", "/c/b", "/c"]),
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.sampled_from([None, "k=v", "k=w"]),
    PEOPLE,
    PEOPLE,
)
def test_what_a_shared_cache_may_keep_everybody_may_have_at_any_time(
    rules: list[str], path: str, method: str, query: str | None, who: Identity | None, other: Identity | None
) -> None:
    """Were it otherwise, a cache would give a page to somebody whom policy refuses."""
    policy = CompiledPolicy(policy_of(*(f"name: r{number}, {rule}" for number, rule in enumerate(rules))))
    snapshots = [policy, policy.within(Surroundings({"disaster": inf}))]
    moments = [NOW, *(moment_of(text) or 0.0 for text in ("2026-12-05 10:00", "2026-12-05 20:00"))]
    circumstances = list(product(snapshots, moments, ["192.0.2.7", "198.51.100.1", ""], [who, other]))

    heard = []
    for snapshot, now, client, person in circumstances:
        rule = snapshot.fitting(make_inbound(method, path, query, client), now)
        heard.append(None if rule is None else rule.decide(make_inbound(method, path, query, client), person, now)[0])

    if any(isinstance(verdict, Permit) and verdict.shared for verdict in heard):
        assert all(verdict == heard[0] for verdict in heard)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("do=edit", "edit"),
        ("do=view", "rest"),
        ("", "rest"),
        ("do=Edit", None),
        ("do=%EF%BD%85dit", None),
        ("do=edit+", None),
        ("do=edit&do=view", None),
        ("do=view&%64%6F=edit", None),
        ("id=7", "seven"),
        ("id=007", None),
        ("id=7a", None),
        ("id=8", "rest"),
    ],
)
def test_a_value_that_the_application_may_take_for_a_guarded_one_is_refused(query: str, found: str | None) -> None:
    """Case, width, blanks, numbers: only if the other rule asks for more. Other items do not matter."""
    guarded = CompiledPolicy(
        policy_of(
            "name: edit, match: {path: /x, query: {do: edit}}, require: [adult]",
            "name: seven, match: {path: /x, query: {id: '7'}}, require: [adult]",
            "name: rest, allow: everyone",
        )
    )
    inbound = make_inbound("GET", "/x", query)

    rule = guarded.fitting(inbound, NOW)

    assert rule is not None
    if found is None:
        verdict = rule.decide(inbound, ADULT, NOW).verdict
        assert isinstance(verdict, Deny)
        assert [reason.kind for reason in verdict.reasons] == [ReasonKind.AMBIGUOUS_QUERY]
    else:
        assert rule.id.rule == found


def test_the_purposes_of_all_rules_that_ask_are_one_sentence() -> None:
    """Each once, in the languages that all of them have; a rule that asks for nothing adds none."""
    both = CompiledPolicy(
        policy_of(
            "name: a, match: {path: /a}, require: [adult], purpose: {ja: 甲のため, en: For A}",
            "name: b, match: {path: /b}, require: [here], purpose: {ja: 乙のため, en: For B}",
            "name: c, match: {path: /c}, require: [adult], purpose: {ja: 甲のため, en: For A}",
            "name: d, match: {path: /d}, allow: signed_in, purpose: {ja: 丙のため, en: For D}",
        )
    )
    easy = CompiledPolicy(
        policy_of(
            "name: a, require: [adult], purpose: {ja: 甲のため, ja-simple: 甲の ため}", "name: b, allow: everyone"
        )
    )
    japanese = CompiledPolicy(policy_of("name: a, require: [adult]", "name: b, allow: everyone"))

    assert both.purpose == {"ja": "甲のため、乙のため", "en": "For A; For B"}
    assert easy.purpose == {"ja": "甲のため", "ja-simple": "甲の ため"}
    assert japanese.purpose == {"ja": "予約のため"}
    assert CompiledPolicy(policy_of("name: a, allow: signed_in")).purpose == {}
    assert both.within(Surroundings()).purpose == both.purpose


def test_a_challenge_names_the_sites_that_forms_come_back_from() -> None:
    """The pipeline decides by them, and the rule itself says them before anybody is asked."""
    rule = CompiledPolicy(policy_of("name: a, allow: signed_in, returns_from: https://pay.example")).rules[0]

    verdict = rule.decide(make_inbound("POST", "/a"), None, NOW).verdict

    assert rule.returns_from == ("https://pay.example",)
    assert isinstance(verdict, Challenge)
    assert verdict.returns_from == ("https://pay.example",)


def test_a_challenge_tells_whether_a_signature_follows() -> None:
    """The notice says it before anybody signs in."""
    signed, plain = CompiledPolicy(
        policy_of(
            "name: a, match: {path: /a, method: POST}, allow: signed_in, sign: {document: form, title: {ja: 申請書}}",
            "name: b, match: {path: /b}, allow: signed_in",
        )
    ).rules

    for rule, signs in ((signed, True), (plain, False)):
        verdict = rule.decide(make_inbound("POST", "/a"), None, NOW).verdict
        assert isinstance(verdict, Challenge)
        assert verdict.signs is signs


# --- a request that two rules could be about -----------------------------------------

LIMIT = "limit: {name: draw, once: day, counted_when: {status: 303}}"


@pytest.mark.parametrize(
    ("guarded", "found", "passes"),
    [
        ("allow: everyone", "allow: everyone", True),
        ("allow: everyone", "allow: signed_in", True),
        ("allow: everyone", "require: [adult]", True),
        ("allow: nobody", "allow: everyone", False),
        ("allow: signed_in", "allow: everyone", False),
        ("allow: signed_in", "require: [adult]", True),
        ("require: [adult]", "allow: signed_in", False),
        ("require: [adult]", "require: [adult]", True),
        ("require: [adult]", "require: [here, adult]", True),
        ("require: [adult, here]", "require: [adult]", False),
        ("allow: everyone, audit: true", "allow: everyone", False),
        ("allow: everyone, audit: true", "allow: everyone, audit: true", True),
        ("allow: everyone", "allow: everyone, audit: true", True),
        ("allow: signed_in, signed_in_within: 5m", "allow: signed_in", False),
        ("allow: signed_in, signed_in_within: 5m", "allow: signed_in, signed_in_within: 10m", False),
        ("allow: signed_in, signed_in_within: 5m", "allow: signed_in, signed_in_within: 5m", True),
        ("allow: signed_in, signed_in_within: 10m", "allow: signed_in, signed_in_within: 5m", True),
        ("allow: signed_in", "allow: signed_in, signed_in_within: 5m", True),
        (f"allow: signed_in, {LIMIT}", "allow: signed_in", False),
        (f"allow: signed_in, {LIMIT}", f"allow: signed_in, {LIMIT.replace('draw', 'other')}", False),
        ("allow: signed_in", f"allow: signed_in, {LIMIT}", True),
    ],
)
@pytest.mark.parametrize("doubt", ["a value", "a path"])
def test_a_doubt_is_none_where_the_other_rule_permits_all_the_same(
    guarded: str, found: str, passes: bool, doubt: str
) -> None:
    """The found rule decides if each person whom it permits has the other rule's permit, record and count as well."""
    match = "path: /x, query: {do: edit}" if doubt == "a value" else "path: /x/y"
    policy = CompiledPolicy(
        policy_of(f"name: guarded, match: {{{match}}}, {guarded}", f"name: found, {found}"),
        paths=PathSettings(encoded_slash="keep"),
    )
    inbound = make_inbound("GET", "/x", "do=EDIT") if doubt == "a value" else make_inbound("GET", "/x%2Fy")

    rule = policy.fitting(inbound, NOW)

    assert rule is not None
    if passes:
        assert rule.id.rule == "found"
        assert not isinstance(rule.decide(inbound, None, NOW).verdict, Deny)
    else:
        kind = ReasonKind.AMBIGUOUS_QUERY if doubt == "a value" else ReasonKind.AMBIGUOUS_PATH
        denied = rule.decide(inbound, ADULT, NOW)
        assert reasons(denied) == [(kind, "")]
        assert isinstance(denied.verdict, Deny)
        assert denied.verdict.status == 400
        # The next request may be in no doubt.
        assert denied.valid_until == NOW


OUTCOMES = st.builds(
    lambda allow, within, audit: ", ".join(part for part in (allow, within, audit) if part),
    st.sampled_from(["allow: signed_in", "require: [adult]", "require: [here, adult]", "require: [child]"]),
    st.sampled_from(["", "signed_in_within: 5m", "signed_in_within: 10m"]),
    st.sampled_from(["", "audit: true"]),
) | st.sampled_from(["allow: everyone", "allow: nobody", "allow: everyone, audit: true", "require: [office]"])


@settings(max_examples=40)
@given(OUTCOMES, OUTCOMES, PEOPLE, CLIENTS)
def test_a_doubtful_request_is_permitted_by_both_rules_or_not_at_all(
    guarded: str, found: str, who: Identity | None, client: str
) -> None:
    """Property: the application may take the request for either rule's, and both would have let this person in."""
    both = CompiledPolicy(
        policy_of(f"name: guarded, match: {{path: /x, query: {{do: edit}}}}, {guarded}", f"name: found, {found}")
    )

    def heard(query: str) -> object:
        inbound = make_inbound("GET", "/x", query, client)
        rule = both.fitting(inbound, NOW)
        assert rule is not None
        return rule.decide(inbound, who, NOW).verdict

    doubtful = heard("do=Edit")

    if isinstance(doubtful, Permit):
        strict = heard("do=edit")
        assert isinstance(strict, Permit)
        assert doubtful.audit or not strict.audit


@pytest.mark.parametrize(
    ("value", "when", "query", "client", "refused"),
    [
        ("edit", "", "do=edit", "192.0.2.7", True),
        ("edit", "", "do=Edit", "192.0.2.7", True),
        ("edit", "", "do=view", "192.0.2.7", False),
        ("edit", "", "", "192.0.2.7", False),
        # Nobody can say which of the two counts.
        ("edit", "", "do=view&do=edit", "192.0.2.7", True),
        ("", "when: office, ", "", "192.0.2.7", True),
        ("", "when: office, ", "", "198.51.100.1", False),
        # An address that cannot be told could be the office's.
        ("", "when: office, ", "", "", True),
        ("edit", "when: office, ", "do=view", "192.0.2.7", False),
        ("edit", "when: office, ", "do=edit", "192.0.2.7", True),
        ("edit", "when: office, ", "do=edit", "198.51.100.1", False),
        # A switch is looked at with the others of the snapshot.
        ("", "when: emergency, ", "", "192.0.2.7", False),
    ],
)
def test_a_doubtful_path_is_refused_while_the_other_rule_is_about_the_request(
    value: str, when: str, query: str, client: str, refused: bool
) -> None:
    """Its query and its `when` are looked at for each request, and no answer to one of them is remembered."""
    named = f", query: {{do: {value}}}" if value else ""
    policy = CompiledPolicy(
        policy_of(
            f"name: guarded, match: {{path: /reserve/**{named}}}, {when}allow: nobody",
            "name: rest, allow: everyone",
        ),
        paths=PathSettings(encoded_slash="keep"),
    )
    # Another server may read `%2F` as a slash, and `/Reserve` as `/reserve`.
    for path in ("/reserve%2F42", "/Reserve/42"):
        inbound = make_inbound("GET", path, query, client)
        for _ in range(2):
            found = policy.fitting(inbound, NOW)
            assert found is not None
            verdict = found.decide(inbound, None, NOW).verdict
            assert isinstance(verdict, Deny) is refused
            assert isinstance(verdict, Permit) is not refused
            if isinstance(verdict, Permit):
                assert not verdict.shared
        assert policy.always("GET", path) is None


def test_a_doubtful_path_is_refused_for_the_methods_of_the_other_rule_alone() -> None:
    """The rule that another server may find is about some methods, and the others are in no doubt."""
    policy = CompiledPolicy(
        policy_of(
            "name: guarded, match: {path: /reserve/**, method: POST}, allow: nobody", "name: rest, allow: everyone"
        ),
        paths=PathSettings(encoded_slash="keep"),
    )

    for method, kind in (("GET", Permit), ("POST", Deny), ("PUT", Permit)):
        found = policy.fitting(make_inbound(method, "/reserve%2F42"), NOW)
        assert found is not None
        assert isinstance(found.decide(make_inbound(method, "/reserve%2F42"), None, NOW).verdict, kind)


@pytest.mark.parametrize("path", ["/reserve%2F42", "/Reserve/42", "/reserve/42;x"])
def test_a_doubt_that_days_or_a_method_take_away_is_looked_for_each_time(path: str) -> None:
    """Outside the days the other rule permits all the same, and that is remembered for no later request."""
    policy = CompiledPolicy(
        policy_of(
            "name: days, match: {path: /reserve/**, method: GET}, when: open, allow: nobody",
            "name: rest, allow: everyone",
        ),
        paths=PathSettings(encoded_slash="keep", parameters="keep"),
    )
    inbound = make_inbound("GET", path)

    for now, kind in ((NOW, Permit), (moment_of("2026-12-05 12:00") or 0.0, Deny)):
        found = policy.fitting(inbound, now)
        assert found is not None
        assert isinstance(found.decide(inbound, None, now).verdict, kind)
        assert policy.always("GET", path) is None


def test_the_author_is_told_the_path_that_makes_another_rule_of_it() -> None:
    """`sekisho policy explain` names the reading; a path in no doubt, or with no rule to weaken, has none."""
    policy = CompiledPolicy(
        policy_of(
            "name: guarded, match: {path: /reserve/**}, require: [adult]",
            "name: shut, match: {path: /shut/*}, allow: nobody",
            "name: files, match: {path: [/files/*, /*]}, allow: everyone",
        ),
        paths=PathSettings(encoded_slash="keep", parameters="keep"),
    )

    def other(path: str) -> str | None:
        return policy.other_reading(make_inbound("GET", path), NOW)

    assert other("/reserve%2F42") == "/reserve/42"
    assert other("/Reserve") == "/Reserve"
    assert [other(path) for path in ("/reserve/42", "/a", "/a;x", "/files/a", "/shut/Reserve", "/none/at/all")] == [
        None
    ] * 6


def test_a_path_that_can_be_read_in_too_many_ways_is_refused() -> None:
    """Nobody can try them all, so none of them is taken for granted."""
    policy = CompiledPolicy(policy_of("name: rest, allow: everyone"), paths=PathSettings(encoded_slash="keep"))
    inbound = make_inbound("GET", "/a" + "%2F.%20./x.php;y" * 40)

    rule = policy.fitting(inbound, NOW)

    assert rule is not None
    assert reasons(rule.decide(inbound, None, NOW)) == [(ReasonKind.AMBIGUOUS_PATH, "")]
    assert policy.other_reading(inbound, NOW) == inbound.target.path


# --- what is known without the request -----------------------------------------------


def test_a_rule_that_method_and_path_alone_decide_is_known_from_the_first_request_on() -> None:
    """The byte path asks `always` before it makes a request of the bytes."""
    policy = CompiledPolicy(
        policy_of(
            "name: query, match: {path: /q, query: {kind: a}}, allow: everyone",
            "name: now, match: {path: /w}, when: emergency, allow: everyone",
            "name: shut, match: {path: /shut}, allow: nobody",
            "name: get, match: {method: GET}, allow: everyone",
            "name: rest, match: {path: [/x, /q]}, allow: signed_in",
        )
    )

    assert policy.always("GET", "/x") is None
    for method, path, kept in (
        ("GET", "/x", "get"),
        ("POST", "/x", "rest"),
        ("GET", "/q", None),
        ("GET", "/w", None),
        ("GET", "/shut", None),
        ("POST", "/nowhere", None),
    ):
        found = policy.fitting(make_inbound(method, path), NOW)
        always = policy.always(method, path)
        assert (None if always is None else always.id.rule) == kept
        assert always is None or always is found
    assert policy.within(Surroundings()).always("GET", "/x") is None


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/a" + "b" * (MEMO_PATH - 2), True),
        ("/a" + "b" * (MEMO_PATH - 1), False),
        ("/a;x", False),
        ("/あ", False),
        ("/a", True),
    ],
)
def test_a_path_that_strangers_choose_is_looked_for_each_time(path: str, kept: bool) -> None:
    """Long paths and sessions in paths would fill the memory; bytes of another charset are more than their text."""
    policy = CompiledPolicy(
        policy_of("name: rest, allow: everyone"), paths=PathSettings(parameters="keep", charset="cp932")
    )

    found = policy.fitting(make_inbound("GET", path), NOW)

    assert found is not None
    assert policy.always("GET", path) is (found if kept else None)


def test_the_rules_that_are_remembered_have_a_bound() -> None:
    """A crawler that asks for every page has the memory of one policy forgotten, and never grown."""
    policy = CompiledPolicy(policy_of("name: rest, allow: everyone"))

    for number in range(MEMO_SIZE):
        policy.fitting(make_inbound("GET", f"/{number}"), NOW)
    assert policy.always("GET", "/0") is policy.rules[0]
    policy.fitting(make_inbound("GET", "/more"), NOW)

    assert policy.always("GET", "/more") is policy.rules[0]
    assert policy.always("GET", "/0") is None


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        ("allow: everyone", False),
        ("allow: nobody", False),
        ("allow: everyone, disclose: [subject]", True),
        ("allow: signed_in", True),
        ("require: [office]", True),
    ],
)
def test_a_rule_says_whether_the_session_can_change_its_verdict(rule: str, needed: bool) -> None:
    """A request that needs none passes while the store is away."""
    fitting = CompiledPolicy(policy_of(f"name: r, {rule}")).rules[0]

    assert fitting.needs_session is needed
    if not needed:
        inbound = make_inbound("GET", "/")
        assert fitting.decide(inbound, None, NOW) == fitting.decide(inbound, ADULT, NOW)


def test_a_permit_is_kept_until_the_age_that_it_tells_changes() -> None:
    """From midnight of her birthday on, the application hears another number."""
    policy = policy_of("name: r, allow: signed_in, disclose: [age]")
    who = person(birthdate=Birthdate(1986, 11, 25))

    decision = decide(policy, who)

    assert decision.valid_until == moment_of("2026-11-25 00:00")
    assert isinstance(decision.verdict, Permit)
    assert decision.verdict.disclosed == (("age", "39"),)


def test_a_permit_carries_the_limit_and_the_record_of_its_rule() -> None:
    """The pipeline counts and records by the verdict alone."""
    verdict = decide(policy_of(f"name: r, allow: signed_in, audit: true, {LIMIT}"), ADULT).verdict

    assert isinstance(verdict, Permit)
    assert verdict.limit is not None
    assert (verdict.limit.name, verdict.audit, verdict.shared) == ("draw", True, False)
    assert verdict.rule.rule == "r"
    nobody = decide(policy_of("name: r, allow: everyone, disclose: [subject], audit: true")).verdict
    assert nobody == Permit(verdict.rule, None, audit=True)


def test_a_challenge_carries_what_the_pages_need() -> None:
    """The kept form, the freshness, and a purpose only where a fact is asked for."""
    whole = decide(policy_of("name: r, require: [adult], keep_form: true, signed_in_within: 5m")).verdict
    plain = decide(policy_of("name: r, allow: signed_in")).verdict

    assert isinstance(whole, Challenge)
    assert (whole.keep_form, whole.fresh_within, whole.purpose) == (True, 300.0, {"ja": "予約のため"})
    assert isinstance(plain, Challenge)
    assert (plain.keep_form, plain.fresh_within, plain.purpose) == (False, None, {})


def test_a_refusal_of_everybody_says_its_own_words_or_none() -> None:
    """Without `say` it is a plain 403 for ever; with a number of seconds it says them, for ever too."""
    plain = decide(policy_of("name: r, allow: nobody"))
    told = decide(policy_of("name: r, allow: nobody, say: {ja: 休止中, status: 503, retry_after: 3600}"))
    unending = decide(
        policy_of("name: r, when: emergency, allow: nobody, say: {ja: 休止中, retry_after: end}"),
        switches=("disaster",),
    )

    assert isinstance(plain.verdict, Deny)
    assert (plain.verdict.status, plain.verdict.retry_after, plain.valid_until) == (403, None, inf)
    assert isinstance(told.verdict, Deny)
    assert (told.verdict.status, told.verdict.retry_after, told.valid_until) == (503, 3600, inf)
    assert isinstance(unending.verdict, Deny)
    assert unending.verdict.retry_after is None


@pytest.mark.parametrize(
    ("rule", "who", "kind"),
    [
        ("require: [open]", ADULT, Deny),
        ("require: [adult]", person(), Deny),
        ("require: [adult], disclose: [name]", person(frozenset({Scope.OPENID, Scope.BIRTHDATE})), Deny),
        ("allow: nobody", ADULT, Deny),
        ("allow: nobody, say: {ja: 休止中}", None, Deny),
        ("require: [adult]", None, Challenge),
        ("require: [adult]", person(frozenset({Scope.OPENID})), Challenge),
        ("allow: signed_in, signed_in_within: 5m", person(ago=301), Challenge),
        ("allow: signed_in", ADULT, Permit),
        ("allow: everyone", None, Permit),
        ("allow: everyone, disclose: [subject]", None, Permit),
        ("allow: everyone, disclose: [subject]", ADULT, Permit),
    ],
)
def test_every_verdict_names_its_rule(rule: str, who: Identity | None, kind: type[object]) -> None:
    """The access log, the audit and the pages say whose word it is."""
    policy = policy_of(f"name: r, {rule}")

    verdict = decide(policy, who).verdict

    assert isinstance(verdict, kind)
    assert verdict.rule == policy.rules[0].id


@pytest.mark.parametrize(
    ("rule", "who", "until"),
    [
        # A permit, what it tells, and a refusal change when a condition does; days are looked at anew each midnight.
        ("allow: signed_in, disclose: [open, adult]", ADULT, "2026-11-24 00:00"),
        ("allow: signed_in, disclose: [opening, open]", ADULT, "2026-11-23 17:00"),
        ("allow: everyone, disclose: [open]", ADULT, "2026-11-24 00:00"),
        ("require: [opening]", ADULT, "2026-11-23 17:00"),
        ("require: [open]", None, "2026-11-24 00:00"),
        ("require: [opening, adult]", None, "2026-11-23 17:00"),
        ("require: [opening, adult]", person(), "2026-11-23 17:00"),
        ("require: [opening], signed_in_within: 5m", person(ago=301), "2026-11-23 17:00"),
        # Nothing in these changes by itself.
        ("allow: signed_in, disclose: [name, here]", ADULT, None),
        ("allow: everyone, disclose: [name]", None, None),
        ("require: [here]", None, None),
        ("allow: nobody, say: {ja: 休止中}", ADULT, None),
    ],
)
def test_a_verdict_says_until_when_it_holds(rule: str, who: Identity | None, until: str | None) -> None:
    """To the minute at which a condition may turn, whether the rule requires it or tells of it; else for ever."""
    decision = decide(policy_of(f"name: r, {rule}"), who)

    assert decision.valid_until == (inf if until is None else moment_of(until))


def test_a_refusal_of_everybody_has_its_own_kind_and_name() -> None:
    """The access log's word for it, with and without a sentence."""
    for say in ("", ", say: {ja: 休止中}"):
        assert reasons(decide(policy_of(f"name: r, allow: nobody{say}"))) == [(ReasonKind.NOBODY_ALLOWED, "r")]
