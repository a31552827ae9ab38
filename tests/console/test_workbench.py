from __future__ import annotations

from pathlib import Path

import pytest

from gateway.console.workbench import (
    InForce,
    Opened,
    compared_with,
    edit_page,
    is_same_file,
    list_page,
    new_text,
    policy_name_of,
    results_of,
    what_if_of,
)
from gateway.policy.authoring.examples import run_examples
from gateway.policy.reading.parse import parse_policy
from gateway.workbench.draft import Analysis, ExampleResult, Finding, NotAnalysed, WhatIf
from gateway.workbench.file_names import NEW
from gateway.yaml.mistakes import Mistakes

FOLDER = Path("/srv/policies")
IN_FORCE = (
    InForce("booking", "facility-booking", "/etc/sekisho/booking.yaml"),
    InForce("lottery", "lottery", "/srv/policies/lottery.yaml"),
)


def opened(text: str = "policy: other\n", file: str = "", app: str = "", digest: str = "d") -> Opened:
    return Opened(text, file, app, digest)


def test_a_form_without_a_request_asks_nothing() -> None:
    """An edit is checked, and nothing is judged."""
    assert what_if_of({"q_at": "2026-11-23", "q_request": "  "}) is None


def test_a_form_becomes_a_question() -> None:
    """Names of switches come with Japanese or ASCII commas."""
    form = {"q_request": " GET /a ", "q_birthdate": "1986-04-01", "q_switches": "雨、雪,　風", "q_nobody": "1"}

    assert what_if_of(form) == WhatIf(
        request="GET /a", birthdate="1986-04-01", switches=("雨", "雪", "風"), nobody=True
    )


@pytest.mark.parametrize(
    ("draft", "found"),
    [
        (opened(app="booking"), ("booking", "/etc/sekisho/booking.yaml")),
        (opened(app="booking", file="lottery.yaml"), ("booking", "/etc/sekisho/booking.yaml")),
        (opened(file="lottery.yaml"), ("lottery", "/srv/policies/lottery.yaml")),
        (opened("policy: facility-booking\n", "draft.yaml"), ("booking", "/etc/sekisho/booking.yaml")),
        (opened(file="other.yaml"), ("", "/srv/policies/other.yaml")),
        (opened(file="other.yaml", digest=NEW), ("", "")),
        (opened(), ("", "")),
    ],
)
def test_a_draft_is_compared_with_what_it_would_replace(draft: Opened, found: tuple[str, str]) -> None:
    """The chosen App's policy, that of the same file, that of the same name, or the file as it is saved."""
    assert compared_with(draft, IN_FORCE, FOLDER) == found


def test_the_name_of_a_draft_is_found_also_while_it_cannot_be_read() -> None:
    """With a comment behind it, and in quotes."""
    assert policy_name_of("# x\npolicy: a-b # c\nrules: [\n") == "a-b"
    assert policy_name_of("policy: 'a'\n") == "a"
    assert policy_name_of("rules:\n  policy: a\n") == ""


def test_two_spellings_of_a_path_are_one_file() -> None:
    """Without a look at the disk."""
    assert is_same_file("/a/b.yaml", "/a/./c/../b.yaml")
    assert not is_same_file("/a/b.yaml", "/a/c.yaml")


def test_a_new_policy_is_good_and_its_example_passes() -> None:
    """An author begins with something that works, under any name of the file."""
    for name in ("shisetsu.yaml", "施設.yaml", "2026/A B.yaml"):
        mistakes = Mistakes()
        policy = parse_policy(new_text(name), mistakes)
        assert policy is not None, mistakes.say()
        assert all(outcome.passed for outcome in run_examples(policy))


def test_the_lists_page_tells_an_unreadable_folder_from_an_empty_one() -> None:
    """The operator must see which it is."""
    assert list_page(None, (), IN_FORCE, FOLDER).values["readable"] is False
    assert list_page((), (), IN_FORCE, FOLDER).values["readable"] is True
    assert list_page((), (), (), None).values["folder"] == ""


def test_an_answer_is_counted_for_its_heading() -> None:
    """Mistakes, also those that are not shown; remarks; examples that fail."""
    found = Analysis(
        findings=(Finding(1, 1, "a", mistake=True), Finding(2, 1, "b", mistake=False)),
        more_findings=3,
        examples=(ExampleResult(1, "a", passed=False), ExampleResult(2, "b", passed=True)),
    )
    values = results_of(found, opened(), "booking", None, "2026-11-23")

    assert (values["mistakes"], values["remarks"], values["red"], values["asked"]) == (4, 1, 1, False)
    late = results_of(NotAnalysed("slow"), opened(), "", None, "2026-11-23")
    assert (late["found"], late["why"]) == (None, "slow")


def test_the_page_of_a_draft_keeps_what_was_typed() -> None:
    """The page keeps it also where saving was refused."""
    values = results_of(NotAnalysed("slow"), opened("typed"), "", None, "2026-11-23")
    page = edit_page(
        values,
        {"q_request": "GET /"},
        can_save=True,
        wants_reason=True,
        now="2026-11-23 12:00",
        nonce="n",
        fault="changed",
        status=409,
    )

    assert page.status == 409
    assert page.nonce == "n"
    assert page.values["opened"] == opened("typed")
    assert page.values["form"] == {"q_request": "GET /"}
