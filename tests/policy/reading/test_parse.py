"""Reading a policy: what is written is what is decided on, and every mistake is named with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.age import AgeRange
from gateway.policy.conditions import Age
from gateway.policy.policy import Allow, Match, Policy, Say
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.policy.verdict import Once, Sign
from gateway.yaml.mistakes import Language, Mistakes
from gateway.yaml.read import MAX_BYTES

BASE = """\
policy: p
purpose: {ja: 予約のため}
conditions:
  adult: {age: {at_least: 18}}
  office: {network: [192.0.2.0/24]}
rules:
  - name: r
"""


def mistakes_in(text: str) -> list[str]:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes)
    assert (policy is None) == (len(mistakes) > 0)
    return [str(mistake).removeprefix("policy.yaml:") for mistake in mistakes]


def good(text: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes)
    assert policy is not None, mistakes.say()
    return policy


def rule(*lines: str) -> str:
    return BASE + "".join(f"    {line}\n" for line in lines)


def test_a_policy_is_what_it_says() -> None:
    """Every key of a rule arrives in the value."""
    policy = good(
        rule(
            "match: {path: [/a/**, /b], method: POST, query: {action: [reserve, book]}}",
            "when: office",
            "require: [adult]",
            "signed_in_within: 5m",
            "limit: {name: l, once: fiscal_year, times: 3, counted_when: {status: [302, 303], location: /done}}",
            "disclose: [subject, name, adult]",
            "keep_form: true",
            "returns_from: [https://pay.example, https://pay.example:8443, http://localhost:8000]",
            "sign: {document: form, title: {ja: 申請書, en: An application}, digest_info: true}",
            "audit: true",
        )
    )

    (found,) = policy.rules
    assert (str(found.id), found.allow, found.require, found.when) == ("p/r", None, ("adult",), "office")
    assert found.match.path == ("/a/**", "/b")
    assert found.match.method == {"POST"}
    assert found.match.query == {"action": {"reserve", "book"}}
    assert found.signed_in_within == 300
    assert found.limit is not None
    assert (found.limit.once, found.limit.times, found.limit.statuses) == (Once.FISCAL_YEAR, 3, frozenset({302, 303}))
    assert found.disclose == ("subject", "name", "adult")
    assert found.returns_from == ("https://pay.example", "https://pay.example:8443", "http://localhost:8000")
    assert found.sign == Sign({"ja": "申請書", "en": "An application"}, digest_info=True)
    assert (found.keep_form, found.audit, found.purpose) == (True, True, {"ja": "予約のため"})
    assert policy.conditions["adult"].test == Age(AgeRange(18))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["allow: everyon"], "8:12: unknown `allow` `everyon`, did you mean `everyone`?"),
        (["allow: everyone", "require: [adult]"], "9:5: this rule says both `allow` and `require`"),
        (["audit: true"], "7:5: this rule says neither `allow` nor `require`"),
        (["require: []"], "8:14: the list is empty, write names of conditions"),
        (["require: [adlt]"], "8:15: there is no condition `adlt`, did you mean `adult`?"),
        (["require: [{age: {at_least: 18}}]"], "8:15: a condition in the place of its name"),
        (["when: adult", "allow: everyone"], "8:11: `when` cannot ask about the person, and `adult` does"),
        (["allow: everyone", "on: 2026-11-23"], "9:5: unknown key `on`"),
        (["alow: everyone"], "8:5: unknown key `alow`, did you mean `allow`?"),
        (["match: {path: x}", "allow: nobody"], "8:19: the path `x` does not begin with `/`, write `/x`"),
        (["match: {path: /x*}", "allow: nobody"], "8:19: `*` stands for a whole segment"),
        (["match: {path: /x?a=1}", "allow: nobody"], "8:19: `/x?a=1` holds a query"),
        (["match: {path: /%E4}", "allow: nobody"], "8:19: `/%E4` is percent-encoded"),
        (["match: {path: /a/../b}", "allow: nobody"], "8:19: no request has the path"),
        (["match: {method: get}", "allow: nobody"], "8:21: unknown method `get`, did you mean `GET`?"),
        (
            ["allow: everyone", "signed_in_within: 5m"],
            "9:5: `signed_in_within` has no effect in a rule with `allow: everyone`",
        ),
        (
            ["allow: signed_in", "signed_in_within: five"],
            "9:23: `five` is not a duration, write `30s`, `5m`, `2h` or `3d`",
        ),
        (["allow: signed_in", "say: {ja: x}"], "9:5: `say` has no effect in a rule with `allow: signed_in`"),
        (["allow: nobody", "say: {ja: x, retry_after: end}"], "9:31: `retry_after: end` in a rule without `when`"),
        (["allow: signed_in", "disclose: [my_number]"], "9:16: there is no fact or condition `my_number`"),
        (["allow: signed_in", "audit: yes"], "9:12: unknown `audit` `yes`, write `true`"),
        (["allow: signed_in", "limit: {name: l, once: week}"], "9:28: unknown `once` `week`"),
        (["allow: signed_in", "limit: {name: l, once: day}"], "9:12: `counted_when` is missing in `limit`"),
    ],
)
def test_a_mistake_in_a_rule_is_named(lines: list[str], said: str) -> None:
    """Place, what, and what would be right."""
    assert any(mistake.startswith(said) for mistake in mistakes_in(rule(*lines))), mistakes_in(rule(*lines))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("https://pay.example/", "write `https://pay.example`"),
        ("https://pay.example/return", "write `https://pay.example`"),
        ("https://pay.example:443", "write `https://pay.example`"),
        ("https://Pay.Example", "write `https://pay.example`"),
        ("https://pay.example.", "write `https://pay.example`"),
        ("pay.example", "write scheme and host as a browser does"),
        ('"*"', "write scheme and host as a browser does"),
        ('"https://*.pay.example"', "write scheme and host as a browser does"),
        ('"null"', "write scheme and host as a browser does"),
        ("https://決済.example", "xn--"),
        ("https://user@pay.example", "write `https://pay.example`"),
        ("http://pay.example", "is not encrypted"),
        ("https://pay.example:99999", "write scheme and host as a browser does"),
        ("ｈttps://pay.example", "full-width"),
    ],
)
def test_a_sender_is_written_as_browsers_write_it(written: str, said: str) -> None:
    """It is compared with what a browser says: another spelling would never fit, and nobody would know why."""
    assert said in "\n".join(mistakes_in(rule("match: {path: /pay}", "allow: signed_in", f"returns_from: [{written}]")))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["allow: everyone"], "has no effect in a rule with `allow: everyone`"),
        (["allow: nobody"], "has no effect in a rule with `allow: nobody`"),
        (["allow: signed_in", "match: {path: /a, method: [GET, HEAD]}"], "takes no POST"),
    ],
)
def test_a_sender_where_no_form_can_come_back_is_a_mistake(lines: list[str], said: str) -> None:
    """A rule that asks nobody sends forms on as they come, and a form comes by POST."""
    assert said in "\n".join(mistakes_in(rule(*lines, "returns_from: https://pay.example")))


def test_four_facts_need_a_purpose() -> None:
    """Nobody is asked for her address without being told why; `openid` alone needs none."""
    said = mistakes_in("policy: p\nrules:\n  - {name: r, allow: signed_in, disclose: [address]}\n")

    assert said == [
        "3:33: this rule asks for address and no `purpose` says why, write `purpose: {ja: …}` at the policy or the rule"
    ]
    good("policy: p\nrules:\n  - {name: r, allow: signed_in, disclose: [subject]}\n")
    good("policy: p\nrules:\n  - {name: r, allow: everyone, disclose: [address]}\n")


def test_told_names_that_make_one_header_are_refused() -> None:
    """`may_drink` and `may-drink` are the same header to every proxy."""
    text = (
        "policy: p\nconditions:\n  may_drink: {switch: x}\n  may-drink: {switch: y}\n"
        "rules:\n  - {name: r, allow: signed_in, disclose: [may_drink]}\n"
    )

    assert mistakes_in(text) == [
        "6:44: `may_drink` and `may-drink` make the same header, give one of them another name"
    ]


def test_a_name_no_header_can_bear_cannot_be_told() -> None:
    """Japanese names are for people; a told name is for headers."""
    text = "policy: p\nconditions:\n  市民: {switch: x}\nrules:\n  - {name: r, allow: signed_in, disclose: [市民]}\n"

    assert mistakes_in(text)[0].startswith("5:44: the condition `市民` cannot be disclosed under this name")
    good(text.replace("allow: signed_in, disclose: [市民]", "require: [市民]"))


def test_six_slips_of_a_japanese_keyboard_make_six_messages() -> None:
    """Typed with the input method left on: each slip named, in its place, and nothing that follows from it."""
    text = (
        "policy: p\n"
        "purpose： {ja: 予約のため：施設、会議室}\n"
        "conditions:\n"
        "  adult:\n"
        "    age: {at_least： 18}\n"
        "  old: {age: {at_least: ６５}}\n"
        "  here: {residence: {in: [東京都渋谷区、東京都港区]}}\n"
        "  there: {residence: {in: ［東京都新宿区]}}\n"
        "rules:\n"
        "  - name: r\n"
        "    require: [adult, old, here, there]\n"
        "　　audit: true\n"
    )

    said = mistakes_in(text)

    assert [mistake.split(",")[0] for mistake in said] == [
        "2:8: a full-width colon `：`",
        "5:19: a full-width colon `：`",
        "6:25: full-width digits `６５`",
        "7:33: a Japanese comma `、`",
        "8:27: a full-width bracket `［`",
        "12:1: a full-width space (U+3000)",
    ]


def test_conditions_are_used_across_files(tmp_path: Path) -> None:
    """Paths are relative to the file that names them, and a change of any file changes the version."""
    (tmp_path / "shared").mkdir()
    shared = tmp_path / "shared" / "city.yaml"
    shared.write_text("conditions:\n  adult: {age: {at_least: 18}}\n  known: {subject: {in: list.yaml}}\n", "utf-8")
    listed = tmp_path / "shared" / "list.yaml"
    listed.write_text("- {subject: K7QM-2XHD-9TRC-4WBN, until: 2027-03-31, note: 在勤証明：窓口2}\n", "utf-8")
    path = tmp_path / "p.yaml"
    path.write_text(
        "policy: p\npurpose: {ja: x}\nuse: [shared/city.yaml]\nrules:\n  - {name: r, require: [adult, known]}\n",
        "utf-8",
    )
    mistakes = Mistakes()

    policy = load_policy(path, mistakes)

    assert policy is not None, mistakes.say()
    assert set(policy.sources) == {path, shared, listed}
    ((entry,),) = (entries.values() for entries in policy.lists.values())
    assert entry.note == "在勤証明：窓口2"
    listed.write_text("[]\n", "utf-8")
    changed = load_policy(path, Mistakes())
    assert changed is not None
    assert changed.version != policy.version


def test_files_that_use_each_other_end(tmp_path: Path) -> None:
    """A circle of `use` is read once; the same name from two files is refused with both places."""
    (tmp_path / "a.yaml").write_text("use: b.yaml\nconditions:\n  x: {switch: x}\n", "utf-8")
    (tmp_path / "b.yaml").write_text("use: a.yaml\nconditions:\n  y: {switch: y}\n", "utf-8")
    path = tmp_path / "p.yaml"
    path.write_text("policy: p\nuse: a.yaml\nrules:\n  - {name: r, require: [x, y]}\n", "utf-8")
    assert load_policy(path, Mistakes()) is not None

    path.write_text(
        "policy: p\nuse: a.yaml\nconditions:\n  x: {switch: z}\nrules:\n  - {name: r, require: [x, y]}\n", "utf-8"
    )
    mistakes = Mistakes()

    assert load_policy(path, mistakes, "p.yaml") is None
    assert mistakes.say() == (
        "p.yaml:4:3: the condition `x` is there already (a.yaml, line 3), give one of them another name"
    )


def test_the_commands_can_speak_japanese() -> None:
    """Every mistake has its words in both languages."""
    mistakes = Mistakes()

    parse_policy(rule("allow: everyon"), mistakes)

    assert mistakes.say(Language.JA) == "policy.yaml:8:12: `allow` `everyon` はありません、`everyone` のことですか"


@pytest.mark.parametrize(
    "text", ["", "- a\n", "policy: p\n", "policy: p\nrules: []\n", "policy: p\nrules: nobody\n", "just text\n"]
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    """Never an empty policy, and never a traceback."""
    assert mistakes_in(text)


def test_the_three_ways_to_allow() -> None:
    """`allow` is a closed list."""
    for allow in Allow:
        assert good(rule(f"allow: {allow}")).rules[0].allow is allow


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["match: x"], "9:12: expected keys of `match`, found `x`"),
        (["match: {query: x}"], "9:20: expected parameters and their values, found `x`"),
        (['match: {path: "/a b"}'], "9:19: `/a b` has a character that no path has, remove it"),
        (['match: {path: "/a\\tb"}'], "9:19: `/a\\x09b` has a character that no path has, remove it"),
        (["match: {path: ／a}"], "9:19: a full-width slash `／`, write `/`"),
        (["match: {path: /a//b}"], "9:19: no request has the path `/a//b`, write it without `//`, `.` and `..`"),
        (["when: [office]"], "9:11: expected the name of one condition, found a list"),
        (["when: offic"], "9:11: there is no condition `offic`, did you mean `office`?"),
        (["when: ''"], "9:11: expected the name of one condition, found ``"),
        (["say: text"], "9:10: expected `say` by language, found `text`, write `{ja: text}`"),
        (["say: [a]"], "9:10: expected `say` by language, found a list"),
        (["say: {ja: x, status: 200}"], "9:26: `200` is not a status, write 400 to 599"),
        (["say: {ja: x, retry_after: -1}"], "9:31: `-1` is not seconds, write 0 to 31536000"),
        (["require: [adult]"], "9:5: this rule says both `allow` and `require`"),
    ],
)
def test_a_mistake_is_the_only_one_said_of_its_key(lines: list[str], said: str) -> None:
    """Whole and once: a second message that follows from the first would send its author astray."""
    (found,) = mistakes_in(rule("allow: nobody", *lines))

    assert found.startswith(said)
    assert found.removeprefix(said) == "" or "write exactly one of" in found


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("x", "9:12: expected `limit`, found `x`"),
        ("{name: l, once: day, counted_when: x}", "9:47: expected `counted_when`, found `x`"),
        ("{name: l, once: day, counted_when: {status: 99}}", "9:56: `99` is not a status, write 200 to 599"),
        (
            "{name: l, once: day, counted_when: {location: /x}}",
            "9:47: `status` is missing in `counted_when`, add `status: …`",
        ),
        (
            "{name: l, once: day, counted_when: {status: 200, location: x}}",
            "9:71: `x` does not begin with `/`, write the path the application redirects to",
        ),
        (
            "{name: l, once: day, times: 0, counted_when: {status: 200}}",
            "9:40: `0` is not `times`, write 1 to 1000000",
        ),
        ("{once: day, counted_when: {status: 200}}", "9:12: `name` is missing in `limit`, add `name: …`"),
    ],
)
def test_a_mistake_in_a_limit_is_named(limit: str, said: str) -> None:
    """A limit that is read in part would count something else, or nothing."""
    assert mistakes_in(rule("allow: signed_in", f"limit: {limit}")) == [said]


def test_a_condition_in_the_place_of_a_name_is_named_in_when_too() -> None:
    """As under `require`: the remedy is a name."""
    assert mistakes_in(rule("allow: nobody", "when: {network: [192.0.2.0/24]}"))[0] == (
        "9:11: a condition in the place of its name, put it under `conditions` and write its name here"
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{ja: 休止中}", Say({"ja": "休止中"}, 403)),
        ("{ja: 休止中, en: Closed, status: 503}", Say({"ja": "休止中", "en": "Closed"}, 503)),
        ("{ja: 休止中, status: 503, retry_after: 600}", Say({"ja": "休止中"}, 503, 600)),
        ("{ja: 休止中, retry_after: end}", Say({"ja": "休止中"}, 403, until_change=True)),
    ],
)
def test_the_page_of_a_refusal_is_what_is_written(written: str, said: Say) -> None:
    """Words, status, and when to come again."""
    assert good(rule("when: office", "allow: nobody", f"say: {written}")).rules[0].say == said


def test_a_limit_and_a_match_have_defaults() -> None:
    """Once means once, at any `Location`; a rule without `match` is for every request."""
    (found,) = good(rule("allow: signed_in", "limit: {name: l, once: day, counted_when: {status: 200}}")).rules

    assert found.limit is not None
    assert (found.limit.times, found.limit.location, found.limit.if_over) == (1, None, {})
    assert found.match == Match()


def test_say_in_a_rule_with_require_points_to_the_condition() -> None:
    """The page of a condition that is not met is written at the condition, by `if_not`."""
    assert mistakes_in(rule("require: adult", "say: {ja: x}")) == [
        (
            "9:5: `say` has no effect in a rule with `require`, "
            "it is the page of a rule with `allow: nobody`; a condition has `if_not`"
        )
    ]


def test_two_rules_of_one_name_are_refused() -> None:
    """Log lines and metrics would not tell them apart."""
    assert mistakes_in(rule("allow: everyone") + "  - {name: r, allow: nobody}\n") == [
        "9:5: the rule `r` is here twice (first on line 7), give one of them another name"
    ]


def test_a_rule_that_cannot_be_read_hides_no_mistake_in_the_next() -> None:
    """Every mistake is noted at once."""
    assert mistakes_in(rule("allow: everyone") + "  - x\n  - {allow: nobody}\n") == [
        "9:5: expected a rule, found `x`",
        "10:5: `name` is missing in a rule, add `name: …`",
    ]


@pytest.mark.parametrize(
    ("other", "agree"),
    [
        ("once: day, times: 2, counted_when: {status: 200}", True),
        ("once: day, times: 2, counted_when: {status: 302}", True),
        ("once: day, times: 3, counted_when: {status: 200}", False),
        ("once: ever, times: 2, counted_when: {status: 200}", False),
        ("once: day, times: 2, counted_when: {status: 200, header: X-Entry}", False),
    ],
)
def test_limits_of_one_name_count_alike(other: str, *, agree: bool) -> None:
    """They share one count, so that `once` and `times` are the same in every rule; what is counted may differ."""
    said = mistakes_in(
        rule("allow: signed_in", "limit: {name: l, once: day, times: 2, counted_when: {status: 200}}")
        + f"  - {{name: s, allow: signed_in, limit: {{name: l, {other}}}}}\n"
    )

    assert said == (
        []
        if agree
        else [
            (
                "10:1: the limit `l` counts differently in another rule, "
                "make `once`, `times` and the `header` of `counted_when` the same, or give it another name"
            )
        ]
    )


def test_a_used_file_without_conditions_is_refused(tmp_path: Path) -> None:
    """It names the place of `use`, and files behind it are read all the same."""
    (tmp_path / "a.yaml").write_text("use: [b.yaml]\n", "utf-8")
    (tmp_path / "b.yaml").write_text("- x\n", "utf-8")
    path = tmp_path / "p.yaml"
    path.write_text("policy: p\nuse: [a.yaml]\nrules:\n  - {name: r, allow: nobody}\n", "utf-8")
    mistakes = Mistakes()

    assert load_policy(path, mistakes, "p.yaml") is None
    assert sorted(str(mistake) for mistake in mistakes) == [
        "b.yaml:1:1: expected conditions, found a list",
        "p.yaml:2:7: `a.yaml` has no `conditions` to use",
    ]


def test_a_file_that_cannot_be_read_makes_no_policy(tmp_path: Path) -> None:
    """A missing file, a folder and a file over the bound are each named by the name that was given."""
    with (tmp_path / "long.yaml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    said = {}
    for name in ("none.yaml", ".", "long.yaml"):
        mistakes = Mistakes()
        assert load_policy(tmp_path / name, mistakes, name) is None
        said[name] = [str(mistake) for mistake in mistakes]

    assert said == {
        "none.yaml": ["none.yaml:1:1: there is no such file"],
        ".": [".:1:1: cannot be read: Is a directory"],
        "long.yaml": [f"long.yaml:1:1: longer than {MAX_BYTES} bytes"],
    }


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("match: {path: /a}", "allow: signed_in", "sign: {document: form, title: {ja: 書}}"), "`method: POST`"),
        (
            ("match: {path: /a, method: [GET, POST]}", "allow: signed_in", "sign: {document: form, title: {ja: 書}}"),
            "only a posted form is signed",
        ),
        (("match: {method: POST}", "allow: everyone", "sign: {document: form, title: {ja: 書}}"), "no effect"),
        (("match: {method: POST}", "allow: signed_in", "sign: {document: pdf, title: {ja: 書}}"), "`pdf`"),
        (("match: {method: POST}", "allow: signed_in", "sign: {document: form}"), "`title` is missing"),
        (("match: {method: POST}", "allow: signed_in", "sign: {title: {ja: 書}}"), "`document` is missing"),
        (("match: {method: POST}", "allow: signed_in", "sign: form"), "expected `sign`"),
    ],
)
def test_a_signature_is_for_a_posted_form_of_a_known_person(lines: tuple[str, ...], said: str) -> None:
    """The gateway could sign nothing else, and must know who signs."""
    assert said in "\n".join(mistakes_in(rule(*lines)))


@pytest.mark.parametrize("name", ["旧 title", "第2 name", "x) title"])
@pytest.mark.parametrize("slip", ["", "："])
def test_a_condition_whose_name_ends_as_an_items_first_key_is_no_item(name: str, slip: str) -> None:
    """A number or a bullet before `name:` begins an item where a text follows; a table makes it a condition."""
    mistakes = Mistakes()

    parse_policy(
        f"policy: p\npurpose: {{ja: あ}}\nconditions:\n  {name}:\n    age: {{at_least{slip or ': '}20}}\n"
        f"rules:\n  - name: all\n    require: [{name}]\n",
        mistakes,
    )

    assert [mistake.line for mistake in mistakes] == [5] * len(slip)
