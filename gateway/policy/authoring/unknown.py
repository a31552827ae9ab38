"""The reason for which a test's answer is unknown, in words that lead to the fact that is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from gateway.policy.conditions import (
    AccountTest,
    Age,
    AllOf,
    AnyOf,
    Born,
    Context,
    Dates,
    GenderTest,
    InNetwork,
    Not,
    ResidenceTest,
    SubjectTest,
    SwitchTest,
    Test,
    TownTest,
)
from gateway.policy.residence import Gap, residence_of
from gateway.policy.verdict import Truth
from gateway.yaml.mistakes import Phrase

_NOBODY = Phrase("nobody is signed in", "ログインしていない")
_GAPS: Mapping[Gap, Phrase] = {
    Gap.NOT_GIVEN: Phrase("no address was given, or it was unreadable", "住所が渡されていないか、読み取れない"),
    Gap.NO_PLACE: Phrase("the address begins with no place of this name", "住所のはじめに、知られた地名がない"),
    Gap.SEVERAL: Phrase(
        "the address begins with a name that several places bear",
        "住所のはじめの地名に当たるところが二つ以上ある",
    ),
    Gap.CONTRADICTION: Phrase(
        "the municipality of the address does not lie in its prefecture", "住所の都道府県と市区町村が食い違う"
    ),
}
_PART = Phrase("the address does not say which part of it is meant", "住所からは、そのうちのどこかが分からない")
_TOWN = Phrase("the address names no town", "住所に町名がない")
_BIRTHDATE = Phrase("no birthdate was given, or it was unreadable", "生年月日が渡されていないか、読み取れない")
_BIRTH_PART = Phrase(
    "the month or the day of birth is unknown, and decides", "生年月日の月または日が不詳で、それによって変わる"
)
_GENDER = Phrase("no gender was given, or it was unreadable", "性別が渡されていないか、読み取れない")
_LIST = Phrase("the list could not be read", "一覧が読めない")
_NETWORK = Phrase("the browser's address is unknown", "接続元のアドレスが分からない")


def say_gap(gap: Gap) -> Phrase:
    """Return why an address decides no place."""
    return _GAPS[gap]


def why_unknown(test: Test, at: Context) -> Phrase | None:
    """Return why a test's answer is unknown; none if it is not, or if the parts of the test say it themselves."""
    if test.ask(at).truth is not Truth.UNKNOWN:
        return None
    match test:
        case AnyOf() | AllOf() | Not() | Dates() | SwitchTest():
            return None
        case InNetwork():
            return _NETWORK
        case _ if at.person is None:
            return _NOBODY
        case Age() | Born():
            return _BIRTHDATE if at.person.birthdate is None else _BIRTH_PART
        case ResidenceTest():
            gap = residence_of(at.person.address).gap
            return _PART if gap is None else _GAPS[gap]
        case TownTest():
            here = residence_of(at.person.address)
            if here.gap is not None:
                return _GAPS[here.gap]
            lies = here.lies_in(frozenset({test.municipality}))
            return _TOWN if lies is Truth.YES and here.town is None else _PART
        case GenderTest():
            return _GENDER
        case SubjectTest():
            return _LIST
        case AccountTest():
            # Of a person who is known it is a yes or a no.
            return None
        case _:
            assert_never(test)
