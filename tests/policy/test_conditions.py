"""Conditions say yes, no or unknown; three values keep Kleene's laws, and answers hold as long as they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Birthdate, Gender, Identity, Scope
from gateway.instant import TOKYO, Instant, start_of
from gateway.policy.age import AgeRange
from gateway.policy.calendar import Days
from gateway.policy.conditions import (
    Age,
    AllOf,
    AnyOf,
    Context,
    Dates,
    GenderTest,
    InNetwork,
    ListEntry,
    Not,
    ResidenceTest,
    SubjectTest,
    Surroundings,
    SwitchTest,
    Test,
    TownTest,
    can_become_yes,
    leaves,
    needs_of,
)
from gateway.policy.reading.parse import parse_policy
from gateway.policy.reading.parse_examples import moment_of
from gateway.policy.subject_code import subject_code
from gateway.policy.town import Town
from gateway.policy.verdict import Truth
from gateway.yaml.mistakes import Mistakes

NOON = moment_of("2026-11-23 12:00") or 0.0


def person(**facts: object) -> Identity:
    return Identity("client", "subject", NOON, frozenset(Scope), **facts)  # type: ignore[arg-type]


def at(
    now: str | Instant = NOON, who: Identity | None = None, client: str = "198.51.100.1", **surroundings: object
) -> Context:
    moment = moment_of(now) if isinstance(now, str) else now
    assert moment is not None
    return Context(who, moment, client, Surroundings(**surroundings))  # type: ignore[arg-type]


def written(test: str) -> Test:
    mistakes = Mistakes()
    policy = parse_policy(f"policy: p\nconditions:\n  c: {test}\nrules:\n  - {{name: r, allow: nobody}}\n", mistakes)
    assert policy is not None, mistakes.say()
    return policy.conditions["c"].test


def wall(moment: Instant) -> str:
    return (datetime.fromtimestamp(moment, UTC) + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("dates", "now", "truth", "until"),
    [
        ("{from: 2026-12-01, until: 2026-12-10}", "2026-11-30 23:59:59", "no", "2026-12-01 00:00"),
        ("{from: 2026-12-01, until: 2026-12-10}", "2026-12-01 00:00", "yes", "2026-12-02 00:00"),
        ("{from: 2026-12-01, until: 2026-12-10}", "2026-12-10 23:59:59", "yes", "2026-12-11 00:00"),
        ("{from: 2026-12-01, until: 2026-12-10}", "2026-12-11 00:00", "no", "2026-12-12 00:00"),
        ("{until: 2026-12-10}", "1999-01-01", "yes", "1999-01-02 00:00"),
        ("{from: 12-29, until: 01-03}", "2026-12-28 23:59", "no", "2026-12-29 00:00"),
        ("{from: 12-29, until: 01-03}", "2026-12-29", "yes", "2026-12-30 00:00"),
        ("{from: 12-29, until: 01-03}", "2027-01-03 23:59", "yes", "2027-01-04 00:00"),
        ("{from: 12-29, until: 01-03}", "2027-01-04", "no", "2027-01-05 00:00"),
        ("{from: 02-29, until: 03-01}", "2027-03-01", "yes", "2027-03-02 00:00"),
        ("{hours: {from: 9:00, until: 17:00}}", "2026-11-23 08:59:59", "no", "2026-11-23 09:00"),
        ("{hours: {from: 9:00, until: 17:00}}", "2026-11-23 09:00", "yes", "2026-11-23 17:00"),
        ("{hours: {from: 9:00, until: 17:00}}", "2026-11-23 17:00", "no", "2026-11-24 00:00"),
        ("{hours: {from: 9:00, until: 24:00}}", "2026-11-23 23:59", "yes", "2026-11-24 00:00"),
        ("{hours: {from: 22:00, until: 5:00}, days: [月]}", "2026-11-23 22:00", "yes", "2026-11-24 00:00"),
        ("{hours: {from: 22:00, until: 5:00}, days: [月]}", "2026-11-24 04:59", "yes", "2026-11-24 05:00"),
        ("{hours: {from: 22:00, until: 5:00}, days: [月]}", "2026-11-24 05:00", "no", "2026-11-24 22:00"),
        ("{hours: {from: 22:00, until: 5:00}, days: [月]}", "2026-11-23 04:59", "no", "2026-11-23 05:00"),
        ("{hours: {from: 22:00, until: 5:00}, until: 2026-11-23}", "2026-11-24 01:00", "yes", "2026-11-24 05:00"),
        ("{days: [土, 日曜日, Mon]}", "2026-11-23", "yes", "2026-11-24 00:00"),
        ("{days: [土, 日]}", "2026-11-23", "no", "2026-11-24 00:00"),
    ],
)
def test_dates_are_days_in_japan(dates: str, now: str, truth: str, until: str) -> None:
    """Both days included, the closing hour not; an hour after midnight belongs to the day it began."""
    heard = written(f"{{dates: {dates}}}").ask(at(now))

    assert (heard.truth, wall(heard.valid_until)) == (truth, until)


@pytest.mark.parametrize(
    ("client", "truth"),
    [
        ("192.0.2.7", "yes"),
        ("::ffff:192.0.2.7", "yes"),
        ("192.0.3.7", "no"),
        ("2001:db8::1", "yes"),
        ("2001:db9::1", "no"),
        ("", "unknown"),
        ("unix", "unknown"),
    ],
)
def test_a_network_is_about_the_browsers_address(client: str, truth: str) -> None:
    """An address that cannot be read decides nothing."""
    test = written('{network: [192.0.2.0/24, "2001:db8::/32"]}')

    assert test.ask(at(client=client)).truth == truth


def test_a_switch_ends_by_itself() -> None:
    """On until its end, off from that moment, off when nobody turned it on."""
    test = SwitchTest("disaster")

    assert test.ask(at(switches={"disaster": NOON + 60})) == (Truth.YES, NOON + 60)
    assert test.ask(at(NOON + 60, switches={"disaster": NOON + 60})).truth is Truth.NO
    assert test.ask(at()).truth is Truth.NO


MOMENTS = st.floats(NOON - 40 * 86_400, NOON + 40 * 86_400)
DATES = st.builds(
    Dates,
    since=st.none() | st.dates(date(2026, 10, 20), date(2026, 12, 31)),
    until=st.none() | st.dates(date(2026, 10, 20), date(2026, 12, 31)),
    opens=st.just(time(22)),
    closes=st.sampled_from([time(5), time(23, 30), time(0)]),
    days=st.none()
    | st.builds(Days, st.frozensets(st.integers(0, 6)), holidays=st.booleans(), no_holidays=st.booleans()),
    starts=st.none() | MOMENTS,
    ends=st.none() | MOMENTS,
    listed=st.none() | st.frozensets(st.dates(date(2026, 11, 1), date(2026, 12, 15)), max_size=20),
)


@given(DATES | DATES.map(lambda dates: replace(dates, opens=None, closes=None)), MOMENTS)
def test_an_answer_about_time_holds_until_it_says(dates: Dates, now: float) -> None:
    """An answer stays the same until the moment that it names, for periods of any parts."""
    heard = dates.ask(at(now))

    assert heard.valid_until > now
    for share in (0.01, 0.5, 0.999):
        later = now + (min(heard.valid_until, now + 86_400 * 3) - now) * share
        assert dates.ask(at(later)).truth is heard.truth


def test_a_period_begins_and_ends_at_a_moment() -> None:
    """12月1日10時から12月10日17時まで: 17:00 itself is over."""
    begins, ends = (datetime(2026, 12, *clock, tzinfo=TOKYO).timestamp() for clock in ((1, 10), (10, 17)))
    period = Dates(starts=begins, ends=ends)

    assert period.ask(at(begins - 1)) == (Truth.NO, begins)
    assert period.ask(at(begins)) == (Truth.YES, ends)
    assert period.ask(at(ends - 1)) == (Truth.YES, ends)
    assert period.ask(at(ends)) == (Truth.NO, inf)


def test_the_gender_on_the_card_is_asked() -> None:
    """A gender that is not given is unknown; 女子のみ is a yes for female alone."""
    test = GenderTest(Gender.FEMALE)
    assert test.ask(at()).truth is test.ask(at(who=person())).truth is Truth.UNKNOWN
    assert [test.ask(at(who=person(gender=gender))).truth for gender in Gender] == [Truth.NO, Truth.YES, Truth.NO]


@pytest.mark.parametrize(
    ("address", "truth"),
    [
        ("千葉県市川市八幡一丁目2番3号", Truth.YES),
        ("千葉県市川市八幡１－２－３", Truth.UNKNOWN),
        ("千葉県市川市八幡2丁目3番", Truth.NO),
        ("千葉県市川市南八幡4-1", Truth.YES),
        ("千葉県市川市南八幡四丁目1-1", Truth.YES),
        ("千葉県市川市大字川口字向田12", Truth.YES),
        ("千葉県市川市川口向田12", Truth.UNKNOWN),
        ("千葉県市川市鬼高12", Truth.NO),
        ("千葉県船橋市八幡一丁目2番3号", Truth.NO),
        ("千葉県", Truth.UNKNOWN),
        ("市川市", Truth.UNKNOWN),
        (None, Truth.UNKNOWN),
        ("国外転出", Truth.NO),
    ],
)
def test_a_school_district_is_a_list_of_towns(address: str | None, truth: Truth) -> None:
    """八幡小学校区: spellings do not matter, and an address that does not tell the 丁目 is unknown."""
    test = TownTest("12203", frozenset({Town("八幡", 1), Town("南八幡"), Town("川口")}))

    assert test.ask(at(who=person(address=address))).truth is truth
    assert test.ask(at()).truth is Truth.UNKNOWN
    assert (Not("", test).ask(at(who=person(address=address))).truth is Truth.YES) == (truth is Truth.NO)


def test_a_listed_person_is_listed_until_her_day_is_over() -> None:
    """The entry's last day counts; another client's person has another code."""
    code = subject_code("client", "subject")
    entries = {code: ListEntry(code, datetime(2026, 11, 23, tzinfo=UTC).date())}
    test = SubjectTest("l")

    heard = test.ask(at("2026-11-23 23:59", person(), lists={"l": entries}))

    assert (heard.truth, wall(heard.valid_until)) == (Truth.YES, "2026-11-24 00:00")
    assert test.ask(at("2026-11-24", person(), lists={"l": entries})).truth is Truth.NO
    assert test.ask(at(who=person(), lists={"l": {}})).truth is Truth.NO
    assert test.ask(at(who=person())).truth is Truth.UNKNOWN
    assert test.ask(at(lists={"l": entries})).truth is Truth.UNKNOWN


def test_an_entry_may_hold_to_the_last_day_of_the_calendar() -> None:
    """Offices write 9999-12-31 for a right that never ends."""
    entries = {subject_code("client", "subject"): ListEntry("c", date.max)}

    heard = SubjectTest("l").ask(at(who=person(), lists={"l": entries}))

    assert heard.truth is Truth.YES
    assert heard.valid_until == start_of(date.max) + 86_400


def test_what_was_not_given_is_unknown_and_not_turns_it_into_nothing_else() -> None:
    """An unreadable birthdate must not pass `not: below 18`."""
    minor = Age(AgeRange(None, 18))

    assert Not("minor", minor).ask(at(who=person())).truth is Truth.UNKNOWN
    assert Not("minor", minor).ask(at()).truth is Truth.UNKNOWN
    assert Not("here", ResidenceTest(frozenset({"13"}))).ask(at(who=person())).truth is Truth.UNKNOWN


YES, NO, UNKNOWN = SwitchTest("on"), SwitchTest("off"), InNetwork(())
LEAVES: st.SearchStrategy[Test] = st.sampled_from([YES, NO, UNKNOWN])
TREES: st.SearchStrategy[Test] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda tests: AnyOf(("",) * len(tests), tuple(tests))),
        st.lists(inner, min_size=1, max_size=3).map(lambda tests: AllOf(("",) * len(tests), tuple(tests))),
        inner.map(lambda test: Not("", test)),
    ),
    max_leaves=8,
)
WORLD = Context(None, NOON, "not an address", Surroundings({"on": inf}))


def says(test: Test) -> Truth:
    return test.ask(WORLD).truth


def test_the_leaves_are_the_three_values() -> None:
    """The leaves of the laws below."""
    assert [says(leaf) for leaf in (YES, NO, UNKNOWN)] == [Truth.YES, Truth.NO, Truth.UNKNOWN]


def both(*tests: Test) -> Test:
    return AllOf(("",) * len(tests), tests)


def either(*tests: Test) -> Test:
    return AnyOf(("",) * len(tests), tests)


@given(TREES, TREES, TREES)
def test_kleenes_laws_hold(a: Test, b: Test, c: Test) -> None:
    """Order, grouping, doubling, De Morgan, distribution; and `not not` is nothing."""
    assert says(both(a, b)) is says(both(b, a))
    assert says(either(a, b)) is says(either(b, a))
    assert says(both(a, both(b, c))) is says(both(a, b, c))
    assert says(either(a, either(b, c))) is says(either(a, b, c))
    assert says(both(a, a)) is says(either(a, a)) is says(a)
    assert says(Not("", both(a, b))) is says(either(Not("", a), Not("", b)))
    assert says(Not("", either(a, b))) is says(both(Not("", a), Not("", b)))
    assert says(both(a, either(b, c))) is says(either(both(a, b), both(a, c)))
    assert says(Not("", Not("", a))) is says(a)


@given(TREES)
def test_unknown_becoming_known_never_turns_a_known_answer(tree: Test) -> None:
    """A yes or a no that stands while something is unknown still stands when it is known."""
    before = says(tree)

    for value in ("192.0.2.1", "not an address"):
        known = Context(None, NOON, value, Surroundings({"on": inf}))
        if before is not Truth.UNKNOWN:
            assert tree.ask(known).truth is before


@given(TREES)
def test_what_no_asking_can_turn_into_a_yes_is_not_asked(tree: Test) -> None:
    """Nothing here is about a person, so asking changes nothing: only a yes can become one."""
    assert can_become_yes(tree, WORLD, frozenset(Scope)) is (says(tree) is Truth.YES)


def test_asking_is_worth_it_only_where_it_can_help() -> None:
    """An unreadable birthdate stays a no hope in `all`; an address not asked yet is a hope in `any`."""
    adult, here = Age(AgeRange(18)), ResidenceTest(frozenset({"13"}))
    who = Context(person(), NOON, "", Surroundings())
    address = frozenset({Scope.ADDRESS})

    assert not can_become_yes(AllOf(("", ""), (adult, here)), who, address)
    assert can_become_yes(AnyOf(("", ""), (adult, here)), who, address)
    assert can_become_yes(Not("", AllOf(("", ""), (adult, here))), who, address)
    assert not can_become_yes(Not("", AnyOf(("", ""), (adult, here))), who, address)


def test_each_test_says_what_it_depends_on() -> None:
    """The gateway derives from it the items to ask for, and the time for which an answer is remembered."""
    needs = needs_of(
        AllOf(
            ("",) * 4, (Age(AgeRange(18)), Not("", ResidenceTest(frozenset({"13"}))), InNetwork(()), SubjectTest("l"))
        )
    )

    assert needs.scopes == {Scope.BIRTHDATE, Scope.ADDRESS}
    assert (needs.person, needs.request, needs.clock, needs.lists) == (True, True, True, frozenset({"l"}))
    assert not needs_of(AnyOf(("", ""), (Dates(), SwitchTest("x")))).person


@given(
    st.integers(0, 400 * 96),
    st.sampled_from(
        [
            "{from: 12-29, until: 01-03}",
            "{hours: {from: 9:00, until: 17:00}, days: [月, 水]}",
            "{hours: {from: 22:30, until: 5:15}, from: 2026-11-23, until: 2026-12-03}",
        ]
    ),
)
def test_a_clocks_answer_holds_until_it_says(quarters: int, dates: str) -> None:
    """Just before `until` the answer is still the same one."""
    test = written(f"{{dates: {dates}}}")
    now = NOON + quarters * 900

    heard = test.ask(at(now))

    assert heard.valid_until > now
    for share in (0.25, 0.5, 0.999):
        assert test.ask(at(now + (heard.valid_until - now) * share)).truth is heard.truth


def test_a_birthday_is_the_end_of_an_answer() -> None:
    """Seventeen until midnight in Japan, eighteen from then on."""
    who = person(birthdate=Birthdate(2008, 11, 24))
    test = Age(AgeRange(18))

    heard = test.ask(at("2026-11-23 23:59", who))

    assert (heard.truth, wall(heard.valid_until)) == (Truth.NO, "2026-11-24 00:00")
    assert test.ask(at(heard.valid_until, who)) == (Truth.YES, inf)


def test_a_test_is_taken_apart_into_the_tests_that_look_at_something() -> None:
    """`any`, `all` and `not` look at nothing themselves, however deep they stand."""
    age, switch = Age(AgeRange(at_least=18)), SwitchTest("storm")
    both = AllOf(("a", "b"), (age, Not("c", AnyOf(("d",), (switch,)))))

    assert list(leaves(both)) == [age, switch]
    assert list(leaves(age)) == [age]
