"""Tables from Excel are examples, a row each: UTF-8 or CP932, with Excel's dates."""

from __future__ import annotations

import pytest

from gateway.policy.authoring.examples import run_example
from gateway.policy.authoring.tables import read_table
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Language, Mistakes

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


HEAD = "題,日時,誰,氏名,生年月日,リクエスト,期待,伝達.adult\n"
GOOD = "a,2026/11/23,,,1986/4/1,GET /in,allow,yes\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + "a,令和8年11月23日,,,昭和61年4月1日,GET /in,allow,yes\n",
        HEAD + "a,R8.11.23,,,S61.4.1,GET /in,allow,yes\n",
        HEAD + "a,令和八年十一月二十三日,,,昭和六十一年四月一日,GET /in,allow,yes\n",
        HEAD + "a,2026年11月23日(月),,,1986年4月1日,GET /in,allow,yes\n",
        HEAD + "a,2026年11月23日 午前9時,,,1986/4/1 0:00:00,GET /in,allow,yes\n",
        HEAD + "a,2026/11/23 9:05,,,19860401,GET /in,allow,yes\n",
        HEAD + "a,２０２６／１１／２３,,,１９８６／４／１,ＧＥＴ　／ｉｎ,ａｌｌｏｗ,ｙｅｓ\n",
        HEAD + "'a,'2026/11/23,,,'1986/4/1,GET /in,許可,はい\n",
        HEAD + 'a,2026/11/23,,,"=""1986/4/1""",GET /in,allow,yes\n',
        HEAD + "a,\u200b2026/11/23,,,1986/4/1\u00a0,GET /in,allow,yes\n",
        HEAD + "a,2026/11/23,,,2010/4/1,GET /in,拒否 adult,いいえ\n",
        HEAD + "a,2026/11/23,ﾅｼ,,,GET /in,ログイン,ﾅｼ\n",
        HEAD + "a,2026/11/23,未ログイン,,,GET /in,sign in,なし\n",
        HEAD + '"a\nb",2026/11/23,,,1986/4/1,GET /in,allow,yes\n',
        HEAD.replace(",", ";") + GOOD.replace(",", ";"),
        HEAD.replace(",", "\t") + GOOD.replace(",", "\t"),
        "sep=;\n" + (HEAD + GOOD).replace(",", ";"),
        "sep=,\n" + HEAD + GOOD,
        (HEAD + GOOD).replace("\n", ",,,\n"),
        HEAD + GOOD + ",,,,,,,\n,,,,,,,\n",
        ",,,,,,,\n" + HEAD + GOOD,
        HEAD.replace("氏名", "氏　名（漢字）").replace("生年月日", '"生年\n月日"').replace("誰", " 誰 ") + GOOD,
        "Title,AT,Who,Name,Birthdate,Request,Expect,Told.adult\n" + GOOD,
        HEAD.replace("伝達.adult", "伝達：adult") + GOOD,
        "題,日時,性別,生年月日,リクエスト,期待,回数,ログイン\na,2026/11/23,女性,1986/4/1,GET /in,allow,１回,20分前\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_what_has_one_meaning_in_a_table_is_read(data: str, encoding: str) -> None:
    """和暦, full-width signs, Excel's other separators and encodings, heads with spaces, answers in Japanese."""
    if encoding == "cp932" and any(sign in data for sign in "\u200b\u00a0"):
        data = data.replace("\u200b", "").replace("\u00a0", "")
    mistakes = Mistakes()

    examples = read_table(data.encode(encoding), "t.csv", policy(), mistakes)

    assert mistakes.say() == ""
    assert examples
    assert all(run_example(policy(), example).passed for example in examples)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            HEAD + "a,46349,,,1986/4/1,GET /in,allow,yes\n",
            "t.csv:2:2: `46349` is a day as Excel counts it, write `2026-11-23` (in a workbook that counts from 1904",
        ),
        (HEAD + "a,2026/11/23,,,31503,GET /in,allow,yes\n", "t.csv:2:5: `31503` is not a birthdate: a day as Excel"),
        (HEAD + "a,11/23/2026,,,,GET /in,allow,yes\n", "year stands last, write `2026-11-23`"),
        (HEAD + "a,2026/11/23,,,4/1/1986,GET /in,allow,\n", "write `1986-04-01` or `1986-01-04`"),
        (
            HEAD + "a,26/11/23,,,1986/4/1,GET /in,allow,yes\n",
            "t.csv:2:2: `26/11/23` is not a day or a moment: its year",
        ),
        (HEAD + "a,2026/11/31,,,1986/4/1,GET /in,allow,yes\n", "2026-11 has 30 days"),
        (HEAD + "a,平成31年5月1日,,,1986/4/1,GET /in,allow,yes\n", "平成 began on 1989-01-08 and ended on 2019-04-30"),
        (
            HEAD + "a,########,,,1986/4/1,GET /in,allow,yes\n",
            "t.csv:2:2: `########` is an error of Excel, not a value, make",
        ),
        (HEAD + "a,2026/11/23,,＃N/A,1986/4/1,GET /in,allow,yes\n", "t.csv:2:4: `＃N/A` is an error of Excel"),
        (HEAD + "a,2026/11/23,,,1986/4/1,GET /in,allow,#REF!\n", "t.csv:2:8: `#REF!` is an error of Excel"),
        (HEAD + "a,=TODAY(),,,1986/4/1,GET /in,allow,yes\n", "t.csv:2:2: `=TODAY()` is a formula, not its value"),
        (
            "題,識別子,日時,リクエスト,期待\na,1.0E+05,2026/11/23,GET /in,allow\n",
            "t.csv:2:2: `1.0E+05` is a number that Excel",
        ),
        (HEAD + "a,2026/11/23,,,1986/4/1,GET /in,allow,○\n", "t.csv:2:8: `○` is never told of a condition"),
        (HEAD + "a,2026/11/23,市民,,1986/4/1,GET /in,allow,yes\n", "t.csv:2:3: `市民` is not who signs in"),
        (HEAD + "a,2026/11/23,なし,,1986/4/1,GET /in,allow,yes\n", "t.csv:2:5: `nobody` has no facts"),
        (
            HEAD + "a,2026/11/23,,,1986/4/1,get /in,allow,yes\n",
            "t.csv:2:6: `get /in` is not a request, write `GET /in`",
        ),
        (HEAD + "a,2026/11/23,,,1986/4/1,https://a.example/in,allow,yes\n", "write `GET /in`"),
        (HEAD + "a,2026/11/23,,,1986/4/1,GET /in,allow,yes,x\n", "t.csv:2:9: `x` stands in no column"),
        (HEAD + GOOD + "b,,,,2010/1/1,GET /in,deny adult,no\n", "t.csv:3:2: the cell of `at` is empty"),
        (HEAD + GOOD + "b,2026/11/23,,,2010/1/1,,deny adult,no\n", "t.csv:3:6: the cell of `request` is empty"),
        (HEAD.replace("氏名", "日時") + GOOD, "t.csv:1:4: the column `日時` is here twice"),
        (HEAD.replace("生年月日", "誕生日") + GOOD, "t.csv:1:5: unknown column `誕生日`, write `birthdate`"),
        (HEAD.replace("期待", "備考") + GOOD, "t.csv:1:7: unknown column `備考`"),
        (HEAD.replace("伝達.adult", "伝達.") + GOOD, "t.csv:1:8: `伝達.` names no fact"),
        ("例の表,,,,,,,\n" + HEAD + GOOD, "t.csv:1:1: this row names no column; row 2 does"),
        ((HEAD + GOOD).replace(",", "，"), "t.csv:1:1: a full-width `，` does not separate columns, write `,`"),
        ((HEAD + GOOD).replace(",", "、"), "t.csv:1:1: a full-width `、` does not separate columns"),
        (HEAD + '"' + GOOD, "t.csv:2:1: a quotation mark that is never closed begins here"),
        (HEAD + "a" * 200_000 + GOOD, "t.csv:2:1: this line is not a line of CSV"),
        (HEAD, "t.csv:1:1: the table has a head and no rows"),
        ("\ufeff", "t.csv:1:1: the table is empty"),
        ("<html><table><tr>", "t.csv:1:1: this file is a page, not CSV"),
        ("PK\x03\x04", "t.csv:1:1: this file is an Excel workbook, not CSV"),
    ],
)
def test_a_slip_of_excel_is_one_mistake_at_its_cell(data: str, said: str) -> None:
    """One message, with the row and the cell as the spreadsheet counts them, and with what to do."""
    mistakes = Mistakes()

    read_table(data.encode(), "t.csv", policy(), mistakes)

    assert len(mistakes) == 1
    assert said in mistakes.say()


def test_the_japanese_heads_are_shown_to_a_japanese_reader() -> None:
    """The list of words that can stand there is in the language of the message."""
    mistakes = Mistakes()

    read_table((HEAD.replace("期待", "備考") + GOOD).encode(), "t.csv", policy(), mistakes)

    assert "`題`、`日時`、`誰`" in mistakes.say(Language.JA)
