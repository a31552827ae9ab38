"""Tables from Excel are examples, a row each: UTF-8 or CP932, with Excel's dates."""

from __future__ import annotations

import pytest

from gateway.policy.authoring.examples import run_example
from gateway.policy.authoring.tables import read_table
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Mistakes

POLICY = """\
policy: p
purpose: {ja: x}
conditions:
  adult: {age: {at_least: 18}}
rules:
  - {name: r, match: {path: /in/**}, require: [adult], disclose: [adult, name]}
"""
TABLE = """\
題,日時,誰,氏名,生年月日,リクエスト,期待,伝達.adult
成人,2026/11/23,,山田　太郎,1986/4/1,GET /in,allow,yes
前日,2026/11/23 23:59,,,2008/11/24,GET /in,deny adult,
誰でもない,2026/11/23,nobody,,,GET /in,sign in,
何も渡さない人,2026/11/23,somebody,,,GET /in,deny adult,

"""


def policy() -> Policy:
    found = parse_policy(POLICY, Mistakes())
    assert found is not None
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_table_is_read_as_excel_saves_it(encoding: str, ends: str) -> None:
    """This holds for every encoding, line end and form of dates; empty rows are skipped."""
    mistakes = Mistakes()

    examples = read_table(TABLE.replace("\n", ends).encode(encoding), "t.csv", policy(), mistakes)

    assert mistakes.say() == ""
    assert [example.title for example in examples] == ["成人", "前日", "誰でもない", "何も渡さない人"]
    assert all(run_example(policy(), example).passed for example in examples)


def test_a_row_that_does_not_hold_fails_as_an_example_does() -> None:
    """With what was expected and what was found."""
    data = b"at,birthdate,request,expect,told.adult\n2026-11-23,1986-04-01,GET /in,allow,no\n"

    (example,) = read_table(data, "t.csv", policy(), Mistakes())

    assert run_example(policy(), example).say() == "FAILED: t.csv:2\n  told adult: expected `no`, found `yes`"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "t.csv:1:1: the table is empty"),
        (b"\x81\xff\xff", "t.csv:1:1: this file is neither UTF-8 nor CP932, save it as CSV UTF-8"),
        (b"request,expct\nGET /in,allow\n", "t.csv:1:2: unknown column `expct`, did you mean `expect`?"),
        (b"request,expect,at\nGET /in,allow,2026-11-31\n", "t.csv:2:3: `2026-11-31` is not a day or a moment"),
        (b"request,expect,at,told.adlt\nGET /in,allow,2026-11-23,yes\n", "t.csv:2:4: unknown key `adlt`"),
        (b"request,at\nGET /in,2026-11-23\n", "t.csv:2:1: `expect` is missing in an example"),
    ],
)
def test_a_mistake_in_a_table_is_named_by_row_and_column(data: bytes, said: str) -> None:
    """As the spreadsheet counts them."""
    mistakes = Mistakes()

    read_table(data, "t.csv", policy(), mistakes)

    assert said in mistakes.say()
