"""A line that breaks the structure is found, and shown as it was meant."""

from __future__ import annotations

from time import process_time

import pytest

from gateway.yaml.broken_lines import LONGEST, MOST_SCANNED, Stop, mend
from gateway.yaml.mistakes import Mistakes
from gateway.yaml.read import read_yaml


def said(text: str) -> list[str]:
    mistakes = Mistakes()
    read_yaml(text, "p", mistakes)
    return [str(mistake) for mistake in mistakes]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("a: [1, 2\nb: 3", ["p:1:4: a `[` that is not closed, write `a: [1, 2]`"]),
        ("a: {b: [1, 2}\nc: 3", ["p:1:13: a `}` where `]` belongs, write `a: {b: [1, 2]}`"]),
        ("a: {b: 1]\nc: 3", ["p:1:9: a `]` where `}` belongs, write `a: {b: 1}`"]),
        ("a: 1, 2]\nb: [3", ["p:2:4: a `[` that is not closed, write `b: [3]`"]),
        ("a: {b: （c: 1）}\nd: 2", ["p:1:8: a bracket `（` of another kind, write `a: {b: {c: 1}}`"]),
        ("a: [1,, 2]", ["p:1:6: two commas with nothing between, write `a: [1, 2]`"]),
        ("＃ 注釈\na: 1\nb: 2", ["p:1:1: `＃` begins no comment, write `# 注釈`"]),
        ("a: [1] ※ 注釈\nb: 2", ["p:1:8: `※` begins no comment, write `a: [1]  # 注釈`"]),
        ("a= 1\nb: 2", ["p:1:2: `=` where `:` belongs, write `a: 1`"]),
        ("- a：1\n  b: 2", ["p:1:4: a full-width colon `：`, write `:`"]),
        ("a:1\nb: 2", ["p:1:2: no space behind `:`, write `a: 1`"]),
        ("a\n  b: 2", ["p:1:2: no `:` behind `a`, write `a:`"]),
        ("a: 問い: 答え\nb: 2", ['p:1:6: an unquoted `: ` in a sentence, write `a: "問い: 答え"`']),
        ('a: {b: "c"です}\nd: 1', ['p:1:8: an unquoted `"` in a sentence, write `a: {b: \'"c"です\'}`']),
        ("a: {b: %割}", ['p:1:8: a value with `%` without quotes, write `a: {b: "%割"}`']),
        ('a: "x”\nb: 1', ['p:1:6: a quotation mark `”` that closes nothing, write `a: "x"`']),
        ('a: "x\nb: 1\nc: 2', ['p:1:4: a quotation mark that is never closed, write `a: "x"`']),
        ("a:\n  - b: 1\n  c: 2", ["p:3:3: no `- ` at the beginning of an item, write `- c: 2`"]),
        ("a:\n  - b: 1\n   c: 2", ["p:3:4: indented by 3 where its neighbours are by 4, write `c: 2`"]),
        ("a: [- b, - c]\nd: 1", ["p:1:5: a `- ` within brackets, where `,` separates, write `a: [b, c]`"]),
        ("a: [b,\n  - c]\nd: 1", ["p:2:3: a `- ` where no list is, write `c]`"]),
        ("a:\n  b: 1\n  - c: 2", ["p:3:3: a `- ` where no list is, write `c: 2`"]),
        ("a: [b]\n  - c\n  - d\ne: 1", ["p:2:3: a `- ` below a list in brackets, write `a: [b, c, d]`"]),
        ("a:\n  [b]\n  - c", ["p:3:3: a `- ` below a list in brackets, write `[b, c]`"]),
        ("- a: [b]\n\n    - c", ["p:3:5: a `- ` below a list in brackets, write `a: [b, c]`"]),
        (
            "a= 1\nb: [2\nc: 3",
            ["p:1:2: `=` where `:` belongs, write `a: 1`", "p:2:4: a `[` that is not closed, write `b: [2]`"],
        ),
    ],
)
def test_a_broken_line_is_shown_whole(text: str, messages: list[str]) -> None:
    """Every slip of the structure, each at its sign."""
    assert said(text) == messages


def test_a_text_that_has_no_slip_is_left() -> None:
    """A scanner that stops nowhere leaves nothing to mend; a long file is not tried again and again."""
    whole = mend("a: 1", "p", lambda _: None, Mistakes())
    assert whole is not None
    assert (whole.text, whole.columns, whole.sure) == ("a: 1", {}, True)
    assert mend("a" * (LONGEST + 1), "p", lambda _: Stop(0, 0, "never asked"), Mistakes()) is None


def test_a_fault_that_no_line_explains_is_none_of_these() -> None:
    """The scanner's own words name it then."""
    assert mend("a: 1", "p", lambda _: Stop(0, 0, "something else"), Mistakes()) is None


@pytest.mark.parametrize("sign", ["'", '"', "]", "}", "[", "{", ",", "- ", ": ", "（", "a: "])
@pytest.mark.parametrize("behind", [",", "]", "}", "'", '"', "（"])
def test_the_trials_for_a_text_have_an_end(sign: str, behind: str) -> None:
    """However many signs of a file could be meant otherwise, its trials scan no more than they may."""
    scanned: list[int] = []

    def scan(text: str) -> Stop:
        scanned.append(len(text))
        return Stop(len(scanned) % 3, 0, f"quoted scalar {len(scanned)}")

    text = "\n".join([*(f"k{number}: {sign * 9}{behind * 300}" for number in range(100)), sign + behind * 4_000])
    assert mend(text, "p", scan, Mistakes()) is None
    assert sum(scanned) <= MOST_SCANNED


@pytest.mark.parametrize("sign", ["a #: ", "a # [", ": a #", "[a #"])
def test_many_numbers_in_a_list_that_is_not_closed_are_read_once(sign: str) -> None:
    """Each ` #` may be a part of a value; the mending of such a line of 100 kB took a minute and a half."""
    line = "k: [" + sign * (40_000 // len(sign))
    began = process_time()

    mend(line, "p", lambda _: Stop(0, 0, "expected ',' or ']'"), Mistakes())

    assert process_time() - began < 1
