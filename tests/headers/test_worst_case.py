"""No person's head is longer than what `check` says it can become."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.assertion import AssertionKeys, Assertions
from gateway.headers.encode import every_header, identity_lines
from gateway.headers.worst_case import (
    LONGEST_FIELD,
    LONGEST_HEAD,
    LONGEST_MUNICIPALITY,
    LONGEST_PREFECTURE,
    Most,
    forward_auth_answer,
    worst_case,
)
from gateway.login.claims import LONGEST_ADDRESS, LONGEST_NAME, LONGEST_SUBJECT
from gateway.login.jwcrypto_keys import new_key
from gateway.policy.permit_cache import PermitCache
from gateway.policy.residence import table
from gateway.policy.town import LONGEST_TOWN
from gateway.policy.verdict import Fact, Permit, RuleId
from gateway.settings.settings import AssertionSettings, HeaderSettings, TrafficSettings
from tests.builders import NOON, identity, route

MOST = Most(LONGEST_SUBJECT, LONGEST_NAME, LONGEST_ADDRESS)
RULE = RuleId("a policy", 'a "rule" 規則')
LONGEST = {
    Fact.SUBJECT: st.text('"\\x', min_size=LONGEST_SUBJECT, max_size=LONGEST_SUBJECT),
    Fact.NAME: st.text('𠮷髙"\\a&', min_size=LONGEST_NAME, max_size=LONGEST_NAME),
    Fact.BIRTHDATE: st.just("2004-02-29"),
    Fact.GENDER: st.just("female"),
    Fact.PREFECTURE: st.just("鹿児島県"),
    Fact.MUNICIPALITY: st.text("𠮷髙", min_size=LONGEST_MUNICIPALITY, max_size=LONGEST_MUNICIPALITY),
    Fact.MUNICIPALITY_CODE: st.just("131130"),
    Fact.TOWN_CANONICAL: st.text("𠮷髙丁", min_size=LONGEST_TOWN, max_size=LONGEST_TOWN),
    Fact.AGE: st.just("120"),
    Fact.SIGNED_IN_AT: st.just("2026-11-23T09:00:00+09:00"),
}
PLACES = st.text('𠮷髙丁"\\ ', min_size=LONGEST_ADDRESS, max_size=LONGEST_ADDRESS)

everything = st.fixed_dictionaries(
    {fact.value: LONGEST.get(fact, PLACES) for fact in Fact} | {"may_drink": st.sampled_from(["yes", "no"])}
)
settings = st.builds(
    HeaderSettings,
    encoding=st.sampled_from(["percent", "base64", "raw"]),
    charset=st.sampled_from(["utf-8", "cp932", "euc-jp"]),
    longest=st.sampled_from([512, 4_096, 16_384]),
    names=st.sampled_from([{}, {"subject": "X-Citizen-With-A-Long-Name"}]),
)


@pytest.fixture(scope="module")
def assertions(tmp_path_factory: pytest.TempPathFactory) -> Assertions:
    """The signer of the assertions."""
    path = tmp_path_factory.mktemp("keys") / "assertion.jwks"
    new_key(path, "ES256")
    return Assertions(AssertionKeys(path.read_text()), AssertionSettings(), os.urandom)


@given(everything, settings, st.sets(st.sampled_from([*(fact.value for fact in Fact), "may_drink"]), min_size=1))
def test_no_head_is_longer_than_the_worst_case(
    assertions: Assertions, facts: dict[str, str], headers: HeaderSettings, disclosed: set[str]
) -> None:
    """Property: this holds for every person, every disclosure and every encoding."""
    here = route()
    permit = Permit(RULE, identity(), tuple((name, facts[name]) for name in sorted(disclosed)))
    line, _ = assertions.line_for(permit, here, PermitCache(), NOON)
    lines = identity_lines(permit, headers).lines + line

    texts = (here.origin, here.app.url, str(RULE), "k" * 64)
    case = worst_case(sorted(disclosed), headers, MOST, assertion=texts)

    assert len(lines) <= case.head
    assert max(map(len, lines.splitlines(keepends=True))) <= case.field


def test_everything_that_can_be_told_fits_through_the_outer_proxies() -> None:
    """With our defaults: all facts, the assertion, and cookies that fill the whole head of a request."""
    names = [*(fact.value for fact in Fact), *(f"condition_{number}" for number in range(20))]

    case = worst_case(names, HeaderSettings(), MOST, assertion=("https://yoyaku.city.example.lg.jp",) * 3)

    assert case.field <= LONGEST_FIELD
    assert (
        forward_auth_answer(case, every_header(names[-20:], HeaderSettings()), TrafficSettings().headers)
        <= LONGEST_HEAD
    )


def test_our_own_names_of_places_are_no_longer_than_is_said() -> None:
    """They come from the table, and not from the provider."""
    for place in table().places.values():
        assert len(place.prefecture) <= LONGEST_PREFECTURE
        assert len(place.municipality or "") <= LONGEST_MUNICIPALITY
