"""A request is judged as the whole gateway would: read as the listener reads it, and led to its App."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.pipeline.at_the_door import ANOTHER_APP, NOT_SIGNABLE, OWN_PAGE, Admitted, Door, TurnedAway
from gateway.policy.authoring.questions import read_question
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import Example
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Challenge, Deny, Permit
from gateway.settings.settings import PORTAL_PREFIX, AppSettings, Ask, Mode, PathSettings, Stack, TrafficSettings
from gateway.yaml.mistakes import Mistakes
from tests.builders import route

POLICY = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  成人: {age: {at_least: 18}}
  庁内: {network: [192.0.2.0/24]}
rules:
  - {name: 管理, match: {path: /admin/**}, require: [庁内]}
  - {name: 予約, match: {path: /reserve/**}, require: [成人], disclose: [subject]}
  - name: 応募
    match: {path: /enter, method: POST}
    allow: signed_in
    limit: {name: 一回, once: ever, times: 2, counted_when: {status: 303}}
  - name: 取消
    match: {path: /cancel, method: POST}
    allow: signed_in
    gives_back: {limit: 一回, when: {header: X-Entry-Cancelled}}
  - {name: 消す, match: {path: /items/**, method: DELETE}, allow: nobody}
  - name: 署名
    match: {path: /sign, method: POST}
    allow: signed_in
    sign: {document: form, title: {ja: 申請}}
  - {name: 口座, match: {path: /account}, allow: signed_in, accounts: required}
  - {name: 公開, match: {path: /**}, allow: everyone}
"""


def policy_of(text: str = POLICY) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes)
    assert policy is not None, mistakes.say()
    return policy


def door_of(policy: Policy | None = None, *others: tuple[str, str], **changes: Any) -> Door:
    """Return the door of one App, with others (name, prefix) on its host."""
    read = policy or policy_of()
    settings = AppSettings(
        **({"name": "booking", "url": "https://app.gw.test", "upstream": ("http://127.0.0.1:1",)} | changes)
    )
    prefix = settings.url.removeprefix("https://app.gw.test") or "/"
    compiled: Any = CompiledPolicy(read, paths=settings.paths, stacks=settings.stack, prefix=prefix)
    own = route(compiled, app=settings, prefix=prefix)
    more = [
        route(compiled, app=replace(settings, name=name, url=f"https://app.gw.test{home}"), prefix=home)
        for name, home in others
    ]
    return Door((own, *more), "booking", TrafficSettings(), PORTAL_PREFIX)


def asking(request: str, policy: Policy | None = None, **more: Any) -> Example:
    """Return a question about a request as it is written, in any spelling."""
    method, _, target = request.partition(" ")
    who = more.pop("who", None)
    mistakes = Mistakes()
    found = read_question(
        policy or policy_of(),
        mistakes,
        place="asked",
        asked={"request": f"{method} /", "at": "2026-11-23"} | more,
        who=who,
    )
    assert found is not None, mistakes.say()
    return replace(found, written=target)


def code_of(door: Door, request: str, host: str = "", **more: Any) -> tuple[int, str]:
    """Return what the gateway answers by itself; (0, "") if the policy decides."""
    found = door.ask(asking(request, **more), host)
    return (int(found.status), found.code) if isinstance(found, TurnedAway) else (0, "")


ADULT = {"birthdate": "1990-01-01"}


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        ("GET //admin/users", (400, "target_empty_segment")),
        ("GET /admin;x", (400, "target_parameter")),
        ("GET /a%2Fb", (400, "target_encoded_slash")),
        ("GET /a%2561", (400, "target_double_encoding")),
        ("GET /../x", (400, "target_dot_segment")),
        ("GET /%8E%91", (400, "target_encoding")),
        ("GET /%zz", (400, "target_escape")),
        ("GET /a\\b", (400, "target_character")),
        ("GET x", (400, "syntax")),
        ("GET " + "/a" * 257, (414, "target_segments")),
        ("GET /?" + "a&" * 1_000, (414, "target_query_parts")),
        ("GET /" + "a" * 20_000, (414, "request_line")),
        ("PROPFIND /", (405, "method")),
        ("FOO /", (501, "method")),
        ("GET /.sekisho/notice", (200, OWN_PAGE)),
        ("GET /.sekisho/health", (200, "health")),
        ("POST /items/1?_method=DELETE", (400, "method_override")),
        ("GET /x", (0, "")),
        ("GET /資料?%", (0, "")),
    ],
)
def test_the_gateway_turns_away_what_no_rule_is_asked_about(request_line: str, code: tuple[int, str]) -> None:
    """With the status and the word of the access log."""
    assert code_of(door_of(), request_line) == code


def test_the_apps_settings_admit_what_others_refuse() -> None:
    """The App's `paths` decide on the spelling, and the policy sees the path as the App reads it."""
    merging = door_of(paths=PathSettings(merge_slashes=True, ignore_case=True)).ask(asking("GET //ADMIN/x"))
    old = door_of(paths=PathSettings(charset="cp932"))
    readings = [old.ask(asking(target)) for target in ("GET /%8E%91%97%BF", "GET /資料")]

    assert isinstance(merging, Admitted)
    assert merging.inbound.target.path == "/admin/x"
    assert isinstance(merging.verdict, Deny)
    assert [each.inbound.target.path for each in readings if isinstance(each, Admitted)] == ["/資料", "/資料"]
    assert readings[1].inner == "GET /%8E%91%97%BF" if isinstance(readings[1], Admitted) else False
    assert code_of(old, "GET /🍙") == (400, "target_encoding")


def test_the_host_and_the_prefix_are_part_of_the_answer() -> None:
    """A request of another host, outside of the App's path or of another App is not this policy's."""
    door = door_of(None, ("inner", "/booking/inner"), url="https://app.gw.test/booking")

    assert code_of(door, "GET /booking/x", "elsewhere.example") == (421, "unknown_host")
    assert code_of(door, "GET /x") == (404, "unknown_path")
    assert code_of(door, "GET /booking/inner/x") == (200, ANOTHER_APP)
    assert code_of(door, "GET /booking/x") == (0, "")
    assert code_of(door, "GET /x", "a b") == (400, "host")
    assert [door.takes("GET", path) for path in ("/booking/x", "/x", "/booking/inner")] == [True, False, False]
    assert not door.takes("PROPFIND", "/booking/x")


def test_the_listener_knows_every_apps_methods() -> None:
    """A method that another App gets is refused by this App, and not by the reader of heads."""
    own = door_of()
    known = Door((own.route,), "booking", TrafficSettings(), PORTAL_PREFIX, ["PROPFIND"])

    assert code_of(own, "PROPFIND /") == (405, "method")
    assert code_of(known, "PROPFIND /") == (405, "method_not_allowed")


def test_the_application_gets_the_path_without_the_prefix() -> None:
    """As the upstream side writes it."""
    door = door_of(None, url="https://app.gw.test/booking")
    stripping = door_of(
        None,
        url="https://app.gw.test/booking",
        upstream_options=replace(door.route.app.upstream_options, strip_prefix=True),
    )
    found = [each.ask(asking("GET /booking/x?y=1")) for each in (door, stripping)]

    assert [each.inner for each in found if isinstance(each, Admitted)] == ["GET /booking/x?y=1", "GET /x?y=1"]


def test_the_stack_of_the_app_finds_other_readings() -> None:
    """Rails answers `/admin/users.json` as `/admin/users`; a rule for that page decides on both spellings."""
    text = POLICY.replace("/admin/**", "/admin/users")
    verdicts = [
        door_of(policy_of(text), stack=stack).ask(asking("GET /admin/users.json")) for stack in ((), (Stack.RAILS,))
    ]

    assert all(isinstance(each, Admitted) for each in verdicts)
    said = [each.verdict for each in verdicts if isinstance(each, Admitted)]
    assert isinstance(said[1], Deny)
    assert said[1].words == "ambiguous_path"


def test_the_verdict_is_the_one_that_the_step_carries_out() -> None:
    """Permits, refusals, sign-ins and limits come from the gateway's own step."""
    door = door_of()

    def verdict(request: str, **more: Any) -> object:
        found = door.ask(asking(request, **more))
        assert isinstance(found, Admitted), found
        return found.verdict

    assert isinstance(verdict("GET /reserve/1", who=ADULT), Permit)
    assert isinstance(verdict("GET /reserve/1"), Challenge)
    assert isinstance(verdict("POST /reserve/1"), Challenge)
    assert isinstance(verdict("PUT /reserve/1"), Challenge)
    for method in ("GET", "PUT"):
        refused = verdict(f"{method} /reserve/1", who={"birthdate": "2020-01-01"})
        assert isinstance(refused, Deny)
        assert refused.words == "condition_no:成人"
    assert isinstance(verdict("POST /enter", who={}, entries="1"), Permit)
    over = verdict("POST /enter", who={}, entries="2")
    assert isinstance(over, Deny)
    assert over.words == "limit_reached:一回"
    assert isinstance(verdict("POST /cancel", who={}, entries="2"), Permit)
    assert isinstance(verdict("POST /sign", who={}), Permit)
    assert isinstance(verdict("GET /account", who={"account": "a1"}), Permit)
    for method in ("GET", "DELETE"):
        assert code_of(door, f"{method} /account", who={}) == (403, "account_required")


def test_a_request_that_cannot_be_signed_is_turned_away() -> None:
    """A form that another proxy forwards cannot be shown to the person who would sign it."""
    assert code_of(door_of(mode=Mode.FORWARD_AUTH), "POST /sign", who={}) == (415, NOT_SIGNABLE)


def test_an_app_behind_another_proxy_has_a_door_too() -> None:
    """In forward-auth mode the policy decides likewise, and the gateway forwards nothing."""
    found = door_of(mode=Mode.FORWARD_AUTH).ask(asking("GET /x"))

    assert isinstance(found, Admitted)
    assert isinstance(found.verdict, Permit)
    assert not found.inner


def test_a_switch_closes_the_app() -> None:
    """The App's own switch, among an example's, has the gateway answer 503."""
    example = replace(asking("GET /x"), switches=("maintenance-booking",))
    found = door_of().ask(example)

    assert found == TurnedAway(503, "maintenance")


def test_once_asks_for_all_that_any_rule_needs() -> None:
    """`ask: once` of the App widens what a sign-in asks for."""
    found = [door_of(ask=ask).ask(asking("POST /enter")) for ask in (Ask.PER_RULE, Ask.ONCE)]
    scopes = [
        each.verdict.scopes for each in found if isinstance(each, Admitted) and isinstance(each.verdict, Challenge)
    ]

    assert scopes[0] < scopes[1]


def test_an_example_may_expect_that_the_gateway_refuses() -> None:
    """`deny` without a name is what an author expects of a request that no rule is asked about."""
    text = (
        POLICY
        + """\
examples:
  - {title: door, at: 2026-11-23, request: GET //admin/x, expect: deny}
  - {title: rule, at: 2026-11-23, request: GET //admin/x, expect: deny 庁内}
  - {title: fine, at: 2026-11-23, request: GET /x, expect: allow}
"""
    )
    policy = policy_of(text)
    outcomes = [door_of(policy).run(example) for example in policy.examples]

    assert [each.differences for each in outcomes] == [
        (),
        (("verdict", "deny 庁内", "400 target_empty_segment"),),
        (),
    ]
