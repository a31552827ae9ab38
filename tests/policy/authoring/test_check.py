"""Remarks: what can be read and is probably not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.authoring.check import Remark, RemarkKind, remarks
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.wire.methods import METHODS
from gateway.yaml.mistakes import Language, Mistakes

HEAD = """\
policy: p
purpose: {ja: x}
conditions:
  adult: {age: {at_least: 18}, if_not: {ja: 18歳以上}}
  pupil: {age: {at_least: 6, below: 15}, if_not: {ja: 児童}}
  not old: {not: adult, if_not: {ja: 18歳未満}}
  here: {residence: {in: [東京都渋谷区]}, if_not: {ja: 区民}}
  either: {any: [pupil, here], if_not: {ja: どちらか}}
  office: {network: [192.0.2.0/24]}
  silent: {switch: x}
rules:
"""
EXAMPLES = "examples:\n  - {title: t, at: 2026-11-23, request: GET /nowhere, expect: sign in}\n"


def found(*rules: str, examples: str = EXAMPLES) -> list[Remark]:
    """Return the remarks but those about idle parts: the head above names more than each rule uses."""
    mistakes = Mistakes()
    policy = parse_policy(HEAD + "".join(f"  - {{{rule}}}\n" for rule in rules) + examples, mistakes)
    assert policy is not None, mistakes.say()
    said = remarks(policy, CompiledPolicy(policy))
    return [remark for remark in said if remark.kind is not RemarkKind.IDLE]


def kinds(*rules: str) -> list[RemarkKind]:
    return [remark.kind for remark in found(*rules)]


def method_kinds(*rules: str, methods: tuple[str, ...] | None) -> list[tuple[RemarkKind, str]]:
    """Return the remarks that are about methods, each with the name of its rule."""
    mistakes = Mistakes()
    policy = parse_policy(HEAD + "".join(f"  - {{{rule}}}\n" for rule in rules) + EXAMPLES, mistakes)
    assert policy is not None, mistakes.say()
    names = {rule.line: rule.name for rule in policy.rules}
    asked = None if methods is None else (*METHODS.values(), *methods)
    wanted = (RemarkKind.NEVER_ARRIVES, RemarkKind.CHILDREN)
    found = remarks(policy, CompiledPolicy(policy), asked)
    return [(remark.kind, names[remark.line]) for remark in found if remark.kind in wanted]


@pytest.mark.parametrize(
    ("rule", "methods", "never"),
    [
        ("method: PROPFIND", (), True),
        ("method: [GET, LOCK]", ("PROPFIND",), True),
        ("method: [GET, PROPFIND]", ("PROPFIND",), False),
        ("method: [GET, DELETE]", (), False),
        ("path: /x", (), False),
        ("method: PROPFIND", None, False),
    ],
)
def test_a_method_that_can_never_arrive_is_named(rule: str, methods: tuple[str, ...] | None, *, never: bool) -> None:
    """A known App gets the usual methods, and those that it asks for."""
    said = method_kinds(f"name: a, match: {{{rule}}}, allow: signed_in", methods=methods)

    assert ((RemarkKind.NEVER_ARRIVES, "a") in said) is never


GUARDED = "name: guarded, match: {path: /files/staff/**}, require: [here]"


@pytest.mark.parametrize(
    ("rules", "methods", "shown"),
    [
        ((GUARDED, "name: all, match: {path: /files/**}, allow: signed_in"), ("PROPFIND",), True),
        ((GUARDED, "name: all, match: {path: /**}, allow: everyone"), ("LOCK",), True),
        ((GUARDED, "name: all, match: {path: /files/, method: [PROPFIND]}, allow: everyone"), ("PROPFIND",), True),
        ((GUARDED, "name: all, match: {path: /files/, method: [PROPFIND]}, allow: everyone"), None, True),
        (
            (GUARDED, "name: all, match: {path: /files/, method: [GET, PROPFIND]}, require: [here]"),
            ("PROPFIND",),
            False,
        ),
        ((GUARDED, "name: all, match: {path: /files/, method: GET}, allow: everyone"), ("PROPFIND",), False),
        ((GUARDED, "name: all, match: {path: /files/**}, allow: signed_in"), (), False),
        ((GUARDED, "name: all, match: {path: /files/**}, allow: signed_in"), ("UNLOCK",), False),
        ((GUARDED, "name: all, match: {path: /other/**}, allow: signed_in"), ("PROPFIND",), False),
        (
            ("name: a, match: {path: /a/**}, require: [here]", "name: b, match: {path: /ab/**}, allow: everyone"),
            ("COPY",),
            False,
        ),
    ],
)
def test_a_place_that_a_listing_from_above_shows_is_named(
    rules: tuple[str, ...], methods: tuple[str, ...] | None, *, shown: bool
) -> None:
    """A method that reaches a whole tree shows, copies or removes the guarded part of it as well."""
    assert bool(method_kinds(*rules, methods=methods)) is shown


@pytest.mark.parametrize(
    ("first", "second", "reached"),
    [
        ("match: {path: /**}", "match: {path: /x}", False),
        ("match: {path: /x/**}", "match: {path: /x}", False),
        ("match: {path: /x/**}", "match: {path: [/x/*, /x/y/**]}", False),
        ("match: {path: /x/*}", "match: {path: /x/**}", True),
        ("match: {path: /x/**}", "match: {path: [/x, /y]}", True),
        ("match: {path: /**, method: GET}", "match: {path: /x}", True),
        ("match: {path: /**, method: GET}", "match: {path: /x, method: GET}", False),
        ("match: {path: /**}, when: office", "match: {path: /x}", True),
        ("match: {path: /**, query: {a: b}}", "match: {path: /x}", True),
        ("match: {path: [/x, /x/, /x/*, /x/*/**]}", "match: {path: /x/**}", False),
    ],
)
def test_a_rule_that_is_never_reached_is_named(first: str, second: str, *, reached: bool) -> None:
    """Another takes every one of its requests before it."""
    said = kinds(f"name: a, {first}, allow: signed_in", f"name: b, {second}, allow: signed_in")

    assert (RemarkKind.NEVER_REACHED in said) is not reached


def test_a_request_that_reaches_a_weaker_rule_is_named() -> None:
    """A HEAD is answered with the head of the page that the rule guards."""
    (remark,) = found("name: a, match: {path: /enter, method: GET}, require: [here]", "name: b, allow: signed_in")[:1]

    assert remark.kind is RemarkKind.SIBLING
    assert "`HEAD /enter` reaches the weaker `b` (line 13)" in remark.what.en
    assert remark.line == 12


def test_a_spelling_that_is_refused_needs_no_remark() -> None:
    """The gateway refuses `/ENTER` and `/enter/` by itself, and without a weaker rule nothing is open."""
    assert kinds("name: a, match: {path: /enter}, require: [here]", "name: b, allow: signed_in") == []
    assert kinds("name: a, match: {path: /enter}, require: [here]") == []
    assert kinds("name: a, match: {path: /enter}, require: [here]", "name: b, allow: nobody") == []


def test_a_page_that_nobody_reaches_is_named() -> None:
    """A server may take it for a page of a stricter rule, so each request for it is refused."""
    (remark,) = [
        remark
        for remark in found(
            "name: a, match: {path: /Docs/**}, allow: signed_in",
            "name: b, match: {path: /docs/**}, require: [here]",
            "name: c, allow: signed_in",
        )
        if remark.kind is RemarkKind.READ_OTHERWISE
    ]

    assert "`/Docs` of `a` is refused (`ambiguous_path`)" in remark.what.en
    assert remark.line == 12


def test_what_is_never_asked_is_never_told() -> None:
    """A public rule tells of facts that no rule asks for."""
    public = "name: a, match: {path: /a, method: GET}, allow: everyone, disclose: [name]"

    assert RemarkKind.NEVER_ASKED in kinds(public, "name: b, match: {path: /b/**}, allow: signed_in")
    assert RemarkKind.NEVER_ASKED not in kinds(
        public, "name: b, match: {path: /b/**}, allow: signed_in, disclose: [name]"
    )


@pytest.mark.parametrize(
    ("rule", "remarked"),
    [
        ("name: a, allow: everyone", True),
        ("name: a, match: {path: /**}, allow: everyone", True),
        ("name: a, match: {path: /x/**}, allow: everyone", True),
        ("name: a, match: {path: /x/**, method: [GET, HEAD]}, allow: everyone", False),
        ("name: a, match: {path: /x}, allow: everyone", False),
        ("name: a, when: office, allow: everyone", False),
    ],
)
def test_the_public_let_in_by_accident_is_named(rule: str, *, remarked: bool) -> None:
    """Everything, or every method, for everybody."""
    assert (RemarkKind.PUBLIC in kinds(rule)) is remarked


def test_a_whole_address_or_birthdate_is_more_than_most_need() -> None:
    """The remark on addresses says why: a shelter may be named in one (支援措置)."""
    said = found("name: a, allow: signed_in, disclose: [address, birthdate]")

    assert [remark.kind for remark in said] == [RemarkKind.ADDRESS, RemarkKind.BIRTHDATE]
    assert "支援措置" in said[0].what.en
    assert "支援措置" in said[0].what.ja


@pytest.mark.parametrize(
    ("require", "child"),
    [
        ("[pupil]", 14),
        ("[adult]", None),
        ("[not old]", 14),
        ("[adult, not old]", None),
        ("[either]", 14),
        ("[here]", None),
        ("[here, pupil]", 14),
    ],
)
def test_a_child_that_passes_alone_is_named(require: str, child: int | None) -> None:
    """Under fifteen a guardian acts, and no card says who that is."""
    said = [remark for remark in found(f"name: a, require: {require}") if remark.kind is RemarkKind.CHILD]

    assert [f"a child of {child} " in remark.what.en for remark in said] == ([True] if child else [])


def test_a_refusal_without_a_sentence_and_a_policy_without_examples_are_named() -> None:
    """With the line of the condition, and of the whole."""
    said = found("name: a, require: [silent]", examples="")

    assert [(remark.kind, remark.line) for remark in said] == [
        (RemarkKind.NO_EXAMPLES, 0),
        (RemarkKind.NO_SENTENCE, 10),
    ]
    assert (
        said[1].say(Language.JA, "p.yaml").startswith("policy.yaml:10: `silent` を満たさない方に示す文がありません、")
    )


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[3] / "policies").glob("*.yaml")), ids=lambda path: path.stem
)
def test_no_policy_of_the_repository_has_a_rule_that_is_never_reached(path: Path) -> None:
    """Our policies are examples for others."""
    policy = load_policy(path, Mistakes())
    assert policy is not None

    never = {
        RemarkKind.NEVER_REACHED,
        RemarkKind.NEVER_ASKED,
        RemarkKind.NO_EXAMPLES,
        RemarkKind.SECOND_READING,
    }
    assert [remark for remark in remarks(policy) if remark.kind in never] == []


def test_a_rule_that_takes_another_sites_forms_at_many_pages_is_named() -> None:
    """The one page that people are sent back to is enough."""
    wide = "name: w, match: {path: [/pay/**, /done]}, allow: signed_in, returns_from: https://pay.example"

    (remark,) = found(wide)

    assert remark.kind is RemarkKind.WIDE_RETURN
    assert "`/pay/**`" in remark.what.en
    assert "`/done`" not in remark.what.en
    assert kinds("name: n, match: {path: /done}, allow: signed_in, returns_from: https://pay.example") == []
    assert kinds("name: n, allow: signed_in, returns_from: https://pay.example") == [RemarkKind.WIDE_RETURN]


@pytest.mark.parametrize(
    ("rules", "remarked"),
    [
        (("method: POST", "require: [here]"), True),
        (("method: [POST, PUT]", "allow: signed_in, disclose: [subject, name]"), True),
        (("method: POST", "require: [here], keep_form: true"), False),
        (("method: [GET, POST]", "require: [here]"), False),
        (("method: POST", "allow: signed_in, disclose: [subject]"), False),
        (("method: GET", "require: [here]"), False),
    ],
)
def test_a_form_that_reads_the_card_a_second_time_is_named(rules: tuple[str, str], *, remarked: bool) -> None:
    """The page asks for less than its form: the person has signed in, sends it, and is told that it was not sent."""
    method, needs = rules
    said = kinds(f"name: enter, match: {{path: /enter, {method}}}, {needs}", "name: rest, allow: signed_in")

    assert (RemarkKind.SECOND_READING in said) is remarked


def test_a_form_on_a_page_for_everyone_is_not_remarked() -> None:
    """A sign-in that begins there asks for what the form needs."""
    rules = ("name: write, match: {method: POST}, require: [here]", "name: read, match: {method: GET}, allow: everyone")

    assert RemarkKind.SECOND_READING not in kinds(*rules)


def test_a_signature_only_to_read_personal_data_is_named_as_improper() -> None:
    """The remark stands at each rule that has people sign, and says that this is a preview."""
    signed = "name: s, match: {path: /s, method: POST}, allow: signed_in, sign: {document: form, title: {ja: 書}}"

    (remark,) = found(signed)

    assert remark.kind is RemarkKind.SIGNING
    assert "improper" in remark.what.en
    assert "preview" in remark.what.en


def test_idle_parts_are_remarked() -> None:
    """`idle` finds them; here they come with the other remarks, in the order of the lines."""
    mistakes = Mistakes()
    policy = parse_policy(HEAD + "  - {name: a, allow: signed_in}\n" + EXAMPLES, mistakes)
    assert policy is not None, mistakes.say()

    said = [remark for remark in remarks(policy) if remark.kind is RemarkKind.IDLE]

    assert "no rule uses the condition `silent`" in [remark.what.en for remark in said]
    assert [remark.line for remark in said] == sorted(remark.line for remark in said)
