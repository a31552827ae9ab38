"""An example's person and request are what the door and a session would hand on."""

from __future__ import annotations

from dataclasses import replace

from gateway.identity import Birthdate, Gender, Scope
from gateway.policy.example import EXAMPLE_CLIENT, EXAMPLE_CLIENT_ID, Example, Expect, Who, make_inbound
from gateway.settings.settings import PathSettings

NOW = 1_795_402_800.0


def test_a_person_has_been_asked_everything() -> None:
    """A fact that is missing was asked and not given, so a policy keeps it unknown and asks no more."""
    who = Who("hanako", "日本花子", "東京都", Birthdate(1990, 4), Gender.FEMALE)

    person = who.identity(NOW)

    assert person.client_id == EXAMPLE_CLIENT_ID
    assert (person.subject, person.name, person.address) == ("hanako", "日本花子", "東京都")
    assert (person.birthdate, person.gender) == (Birthdate(1990, 4), Gender.FEMALE)
    assert person.asked == frozenset(Scope)
    assert person.authenticated_at == NOW


def test_a_request_arrives_as_the_app_reads_it() -> None:
    """If the App ignores case, the example's path is folded as the listener folds paths."""
    example = Example("t", NOW, "POST", "/Reserve", "a=1", Expect.ALLOW, client="192.0.2.9")

    plain, folded = example.inbound(), example.inbound(PathSettings(ignore_case=True))

    assert (plain.method, plain.target.path, plain.target.query) == ("POST", "/Reserve", b"a=1")
    assert plain.client_address == plain.peer == "192.0.2.9"
    assert folded.target.path == "/reserve"


def test_a_request_without_a_query_has_none() -> None:
    """No query and an empty one are two things."""
    assert make_inbound("GET", "/").target.query is None
    assert make_inbound("GET", "/", "").target.query == b""
    assert make_inbound("GET", "/").client_address == EXAMPLE_CLIENT


def test_an_example_knows_how_long_its_person_has_been_signed_in() -> None:
    """`signed_in_within` of a rule counts from there; an example of nobody has no person."""
    nobody = Example("t", NOW, "GET", "/", None, Expect.ALLOW)
    person = replace(nobody, who=Who("hanako"), signed_in_ago=600.0).person

    assert nobody.person is None
    assert person is not None
    assert (person.subject, person.authenticated_at) == ("hanako", NOW - 600.0)
