"""Every kind of rule beside every way in which an application asks a shared cache to keep its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gateway.identity import Birthdate, Identity, Scope
from gateway.instant import Instant, start_of, tokyo_day
from gateway.policy.subject_code import subject_code
from tests.builders import CLIENT

OFFICE, OUTSIDE = "203.0.113.5", "198.51.100.9"
ASKED = frozenset({Scope.OPENID, Scope.BIRTHDATE})

POLICY = """\
policy: p
purpose: {{ja: 確認のため}}
conditions:
  office: {{network: [203.0.113.0/24]}}
  away: {{not: office}}
  that day: {{dates: {{from: {day}, until: {day}}}}}
  opening: {{dates: {{hours: {{from: 9:00, until: 17:00}}}}}}
  emergency: {{switch: disaster}}
  listed: {{subject: {{in: listed.yaml}}}}
  adult: {{age: {{at_least: 18}}}}
rules:
  - {{name: network, match: {{path: /network/**}}, when: office, allow: everyone}}
  - {{name: outsiders, match: {{path: /earlier/**}}, when: away, allow: nobody}}
  - {{name: insiders, match: {{path: /earlier/**}}, allow: everyone}}
  - {{name: dates, match: {{path: /dates/**}}, when: that day, allow: everyone}}
  - {{name: hours, match: {{path: /hours/**}}, when: opening, allow: everyone}}
  - {{name: switch, match: {{path: /switch/**}}, when: emergency, allow: everyone}}
  - {{name: list, match: {{path: /list/**}}, require: [listed]}}
  - {{name: query, match: {{path: /query/**, query: {{view: open}}}}, allow: everyone}}
  - {{name: session, match: {{path: /session/**}}, allow: signed_in}}
  - {{name: adult, match: {{path: /adult/**}}, require: [adult]}}
  - {{name: within, match: {{path: /within/**}}, require: [office]}}
  - {{name: told, match: {{path: /told/**}}, allow: everyone, disclose: [subject]}}
  - {{name: public, match: {{path: /public/**}}, allow: everyone}}
  - {{name: rest, allow: nobody}}
"""

ALICE = Identity(CLIENT, "alice", 1e9, ASKED, birthdate=Birthdate(1990, 4, 1))
BOB = Identity(CLIENT, "bob", 1e9, ASKED, birthdate=Birthdate(2020, 4, 1))
LISTED = f"- {{subject: {subject_code(CLIENT, 'alice')}}}\n"


@dataclass(frozen=True)
class Asked:
    """One request's circumstances."""

    client: str = OUTSIDE
    person: Identity | None = None
    hours: float = 10
    """Behind the midnight that begins `Days.first`."""
    query: str = ""


@dataclass(frozen=True)
class Kind:
    """The inputs of a rule: one request that it permits, and another of the same page that it does not."""

    name: str
    permitted: Asked
    refused: Asked


KINDS = (
    Kind("network", Asked(OFFICE), Asked(OUTSIDE)),
    Kind("earlier", Asked(OFFICE), Asked(OUTSIDE)),
    Kind("within", Asked(OFFICE, ALICE), Asked(OUTSIDE, ALICE)),
    Kind("dates", Asked(), Asked(hours=34)),
    Kind("hours", Asked(), Asked(hours=18)),
    Kind("switch", Asked(), Asked(hours=18)),
    Kind("list", Asked(person=ALICE), Asked(person=BOB)),
    Kind("query", Asked(query="?view=open"), Asked(query="?view=inside")),
    Kind("session", Asked(person=ALICE), Asked()),
    Kind("adult", Asked(person=ALICE), Asked(person=BOB)),
)
SWITCHED_OFF_AT = 12
"""Hours behind the midnight of `Days.first` at which the switch of the policy ends."""

FAR = "Thu, 31 Dec 2099 23:59:59 GMT"
VARIANTS: dict[str, tuple[tuple[str, str], ...]] = {
    "public": (("Cache-Control", "public, max-age=600"),),
    "s-maxage": (("Cache-Control", "max-age=0, s-maxage=600"),),
    "expires": (("Expires", FAR),),
    "absent": (("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT"), ("ETag", '"1"')),
    "immutable": (("Cache-Control", "max-age=31536000, immutable, stale-while-revalidate=600"), ("Vary", "Accept")),
    "accel": (("X-Accel-Expires", "600"), ("Cache-Control", "max-age=600")),
    "targeted": (
        ("Surrogate-Control", "max-age=600"),
        ("CDN-Cache-Control", "max-age=600"),
        ("X-LiteSpeed-Cache-Control", "public, max-age=600"),
        ("Cache-Control", "max-age=60"),
    ),
    "qualified": (("Cache-Control", 'private="X-Name", max-age=600'), ("Cache-Control", "public")),
    "quoted": (("cache-control", 'extension="private, no-store", PUBLIC, S-MaxAge=600'), ("X_Accel_Expires", "600")),
}


@dataclass(frozen=True)
class Days:
    """The day on which everything is permitted: the one after `now`, as sessions begin before it."""

    first: Instant

    @classmethod
    def after(cls, now: Instant) -> Days:
        """Return the day after that moment."""
        return cls(start_of(tokyo_day(now) + timedelta(days=1)))

    @property
    def policy(self) -> str:
        """The policy, with the day in it."""
        return POLICY.format(day=tokyo_day(self.first).isoformat())

    def moment(self, hours: float) -> Instant:
        """Return a moment so many hours behind that day's first."""
        return self.first + hours * 3600
