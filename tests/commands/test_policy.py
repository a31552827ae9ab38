"""`sekisho policy …`, as an author types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app

GOOD = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  adult: {age: {at_least: 18}}
rules:
  - name: all
    require: [adult]
examples:
  - title: eighteen today
    at: 2026-11-23
    who: {birthdate: 2008-11-23}
    request: GET /
    expect: allow
"""


def sekisho(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def _in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def test_examples_that_hold_pass(tmp_path: Path) -> None:
    """Exit 0 and the count; each by name where asked."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD, encoding="utf-8")

    quiet, verbose = sekisho("policy", "test", str(file)), sekisho("policy", "test", "-v", str(tmp_path))

    assert (quiet.exit_code, quiet.stdout) == (0, "1 passed, 0 failed\n")
    assert f"{file}:9:5: ok: eighteen today" in verbose.stdout


def test_an_example_that_fails_is_exit_2(tmp_path: Path) -> None:
    """With its place, what was expected and what was found."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD.replace("2008-11-23}", "2008-11-24}"), encoding="utf-8")

    result = sekisho("policy", "test", str(file))

    assert result.exit_code == 2
    assert f"{file}:9:5: FAILED: eighteen today" in result.stdout
    assert "expected `allow`, found `deny adult`" in result.stdout


def test_a_japanese_terminal_is_spoken_to_in_japanese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the locale's variables."""
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    file = tmp_path / "p.yaml"
    file.write_text(GOOD.replace("allow", "alow"), encoding="utf-8")

    result = sekisho("policy", "check", str(file))

    assert result.exit_code == 2
    assert "のことですか" in result.output


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    """Of every file."""
    (tmp_path / "a.yaml").write_text(GOOD.replace("at_least: 18", "at_leest: 18"), encoding="utf-8")
    (tmp_path / "b.yaml").write_text(GOOD.replace("[adult]", "[adlt]"), encoding="utf-8")

    result = sekisho("policy", "check", str(tmp_path))

    assert result.exit_code == 2
    assert "a.yaml:4:" in result.output
    assert "b.yaml:7:" in result.output


def test_a_failing_example_shows_its_trace(tmp_path: Path) -> None:
    """Rule by rule and condition by condition, below what differs."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD.replace("2008-11-23}", "2008-11-24}"), encoding="utf-8")

    result = sekisho("policy", "test", str(file))

    assert "      1. all: fits" in result.stdout
    assert "      adult: no (asked: is at least 18, from the birthday)" in result.stdout


def test_a_table_is_tested_beside_the_examples(tmp_path: Path) -> None:
    """A row each; a failing one is exit 2 and named by its row."""
    file, table = tmp_path / "p.yaml", tmp_path / "t.csv"
    file.write_text(GOOD, encoding="utf-8")
    table.write_bytes("日時,生年月日,リクエスト,期待\n2026/11/23,2008/11/24,GET /,allow\n".encode("cp932"))

    result = sekisho("policy", "test", str(file), "--table", str(table))

    assert result.exit_code == 2
    assert f"{table}:2:1: FAILED" in result.stdout
    assert "1 passed, 1 failed" in result.stdout


def test_check_lists_the_birthdates_of_a_day(tmp_path: Path) -> None:
    """Of today, or of the day that is asked for; `words` has them only where a day is given."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD, encoding="utf-8")

    today, then = sekisho("policy", "check", str(file)), sekisho("policy", "check", str(file), "--day", "2027-04-11")
    signed, dated = (sekisho("policy", "words", str(file), *more) for more in ((), ("--day", "2027-04-11")))
    wrong = sekisho("policy", "check", str(file), "--day", "令和9年4月11日")

    assert "Birthdates that pass conditions of age on 20" in today.stdout
    assert "born on 2009-04-11 (18 years) or earlier" in then.stdout
    assert "born on 2009-04-11 (18 years) or earlier" in dated.stdout
    assert "Birthdates" not in signed.stdout
    assert (wrong.exit_code, "write `2027-04-11`" in wrong.stderr) == (2, True)


def test_check_remarks_and_says_the_rule_in_words(tmp_path: Path) -> None:
    """A policy that can be read gives exit code 0, also with remarks."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD, encoding="utf-8")

    result = sekisho("policy", "check", str(file))

    assert result.exit_code == 0
    assert "a person who fails `adult` sees no sentence of yours" in result.output
    assert "Rule 1 “all”" in result.stdout


def test_explain_tells_the_way_as_text_and_as_json(tmp_path: Path) -> None:
    """The same judgement twice."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD, encoding="utf-8")
    asked = ("policy", "explain", str(file), "GET /", "--at", "2026-11-23", "--who", "birthdate=2008-11-24")

    text, values = sekisho(*asked), sekisho(*asked, "--json")

    assert "verdict: deny adult" in text.stdout
    assert json.loads(values.stdout)["reasons"][0]["name"] == "adult"
    assert sekisho("policy", "explain", str(file), "GET", "--who", "brithdate=1").exit_code == 2


@pytest.mark.parametrize(("lang", "said"), [("ja", "18歳以上（誕生日から数える）である"), ("en", "is at least 18")])
def test_words_are_for_somebody_who_signs(tmp_path: Path, lang: str, said: str) -> None:
    """The command prints in either language, in spite of the terminal's, and prints the data map."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD, encoding="utf-8")

    assert said in sekisho("policy", "words", str(file), "--lang", lang).stdout
    assert (
        "| 生年月日 | 確認のため | all |" in sekisho("policy", "words", str(file), "--data-map", "--lang", "ja").stdout
    )


def test_the_schema_is_printed() -> None:
    """For an editor elsewhere."""
    assert json.loads(sekisho("policy", "schema").stdout)["required"] == ["policy", "rules"]


def test_diff_shows_the_effect_of_a_change_and_exits_3_where_more_is_permitted(tmp_path: Path) -> None:
    """A pipeline refuses a change that lets more people in, and takes one that lets fewer."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(GOOD, encoding="utf-8")
    new.write_text(GOOD.replace("at_least: 18", "at_least: 16"), encoding="utf-8")

    wider, narrower, same = (
        sekisho("policy", "diff", *(str(file) for file in pair)) for pair in ((old, new), (new, old), (old, old))
    )
    as_json = sekisho("policy", "diff", str(old), str(new), "--json", "--at", "2026-12-01 10:00")

    assert wider.exit_code == 3
    assert wider.stdout.startswith("newly permitted\n")
    assert narrower.exit_code == 0
    assert "newly refused" in narrower.stdout
    assert same.exit_code == 0
    assert same.stdout.startswith("no effect was found")
    assert json.loads(as_json.stdout)["permits_more"] is True


def test_diff_names_a_wrong_moment_and_a_wrong_file(tmp_path: Path) -> None:
    """Exit 2 for what was typed wrong: it is no verdict on the change."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD, encoding="utf-8")

    assert sekisho("policy", "diff", str(file), str(file), "--at", "tomorrow").exit_code == 2
    assert sekisho("policy", "diff", str(file), str(tmp_path / "none.yaml")).exit_code == 2


OPEN = """\
policy: p
conditions:
  職員: {network: [192.0.2.0/24], if_not: {ja: 庁内からご利用ください。}}
rules:
  - {name: 管理画面, match: {path: /admin/**}, require: [職員]}
  - {name: 公開, match: {path: /**, method: [GET, HEAD]}, allow: everyone}
examples:
  - {title: two slashes, at: 2026-11-23, request: GET //admin/users, expect: deny}
"""

SETTINGS = """\
listen: 127.0.0.1:8080
provider: {environment: emulator, issuer: 'http://localhost:1/x', client_id: RP00000001, keys: {file: keys.jwks}}
sessions: {secret: {file: secret}, store: memory}
apps:
  - {name: plain, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: p.yaml}
  - name: old
    url: http://127.0.0.1:8080/old
    upstream: http://127.0.0.1:1
    upstream_options: {strip_prefix: true}
    policy: p.yaml
    paths: {ignore_case: true, merge_slashes: true}
    stack: [rails]
"""


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Path:
    """Settings with two Apps under one policy; their keys and secrets are not there, and no author needs them."""
    (tmp_path / "p.yaml").write_text(OPEN, encoding="utf-8")
    (tmp_path / "gateway.yaml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path / "gateway.yaml"


def explained(settings: Path, request: str, app_name: str, *more: str) -> str:
    """Explain a request as one App's door judges it."""
    file = str(settings.with_name("p.yaml"))
    result = sekisho("policy", "explain", file, request, "--app", app_name, "-c", str(settings), *more)
    assert result.exit_code == 0, result.output
    return result.output


def test_explain_judges_as_the_door_of_an_app(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that the gateway answers with 400 is no permit, even where a rule would permit it."""
    assert "(400 target_empty_segment)" in explained(settings, "GET //admin/users", "plain")
    assert "setting that admits it: `paths: {merge_slashes: true}`" in explained(settings, "GET //x", "plain")
    assert "verdict: deny ambiguous_path" in explained(settings, "GET /ADMIN/users", "plain")
    assert "(404 unknown_path)" in explained(settings, "GET /x", "old")
    assert "the application gets `GET /x`" in explained(settings, "GET //OLD/X", "old")
    assert "(421 unknown_host)" in explained(settings, "GET https://elsewhere.example/x", "plain")
    refused = json.loads(explained(settings, "GET /a;b", "plain", "--json"))
    assert refused == {"verdict": "refused", "door": {"status": 400, "code": "target_parameter"}}
    permitted = json.loads(explained(settings, "GET /x", "plain", "--json"))
    assert (permitted["verdict"], permitted["door"], permitted["request"]) == ("allow", None, "GET /x")
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert "規則を見る前にゲートウェイが拒否する（400 target_parameter）" in explained(settings, "GET /a;b", "plain")


def test_explain_without_an_app_says_which_spellings_most_apps_refuse(settings: Path) -> None:
    """The policy alone permits `//x`, and an App without `paths` never lets it come to the policy."""
    result = sekisho("policy", "explain", str(settings.with_name("p.yaml")), "GET //x")

    assert "verdict: allow" in result.stdout
    assert "(400 target_empty_segment)" in result.stderr
    assert "--app" in result.stderr


def test_the_examples_run_at_the_door_of_an_app(settings: Path) -> None:
    """The App's own policy is tested where no file is named; another App of the host reads the request otherwise."""
    asked = ("policy", "test", "-c", str(settings), "--app")

    plain, old = sekisho(*asked, "plain"), sekisho(*asked, "old", str(settings.with_name("p.yaml")))

    assert (plain.exit_code, plain.stdout) == (0, "1 passed, 0 failed\n")
    assert old.exit_code == 0
    assert sekisho("policy", "test").exit_code == 2
    unknown = sekisho(*asked, "nowhere")
    assert unknown.exit_code == 2
    assert "write one of plain, old" in unknown.output


def test_an_example_that_the_door_refuses_fails_with_its_reason(settings: Path) -> None:
    """The author reads the status, the word of the log, and the setting."""
    settings.with_name("p.yaml").write_text(OPEN.replace("expect: deny", "expect: allow"), encoding="utf-8")

    result = sekisho("policy", "test", "-c", str(settings), "--app", "plain")

    assert result.exit_code == 2
    assert "expected `allow`, found `400 target_empty_segment`" in result.stdout
    assert "setting that admits it" in result.stdout


def test_diff_compares_as_an_app_reads_paths(settings: Path) -> None:
    """Only requests that come to the App's policy count, in the readings of its stack."""
    old, new = settings.with_name("p.yaml"), settings.with_name("new.yaml")
    new.write_text(OPEN.replace("/admin/**", "/admin"), encoding="utf-8")
    asked = ("policy", "diff", str(old), str(new))

    assert sekisho(*asked).exit_code == 3
    assert sekisho(*asked, "-c", str(settings), "--app", "plain").exit_code == 3
    behind_a_prefix = sekisho(*asked, "-c", str(settings), "--app", "old")
    assert behind_a_prefix.exit_code == 0, behind_a_prefix.output
    new.write_text(OPEN.replace("path: /admin/**", "path: /old/x"), encoding="utf-8")
    assert "GET /old" in sekisho(*asked, "-c", str(settings), "--app", "old").stdout


def test_diff_of_the_candidate_of_an_app_is_read_as_that_app_reads_it(settings: Path) -> None:
    """The settings may name the new policy as the candidate: the App's stack and prefix hold for it, too."""
    old, new = settings.with_name("p.yaml"), settings.with_name("new.yaml")
    new.write_text(OPEN.replace("/admin/**", "/admin"), encoding="utf-8")
    named = SETTINGS.replace("policy: p.yaml", "policy: {file: p.yaml, candidate: new.yaml}")
    settings.write_text(named, encoding="utf-8")
    asked = ("policy", "diff", str(old), str(new), "-c", str(settings), "--app")

    assert "new.yaml" in named
    assert (sekisho(*asked, "plain").exit_code, sekisho(*asked, "old").exit_code) == (3, 0)


ODD = "rules: [{allow: signed_in, name: all}]   # one\npolicy: p\n"
FORMED = "policy: p\nrules:  # one\n  - name: all\n    allow: signed_in\n"


def test_fmt_writes_the_house_form(tmp_path: Path) -> None:
    """Once; its rights stay, and nothing else is left in the folder."""
    file = tmp_path / "p.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + ODD.replace("\n", "\r\n").encode())
    file.chmod(0o640)

    first, second = sekisho("policy", "fmt", str(tmp_path)), sekisho("policy", "fmt", str(file))

    assert (first.exit_code, first.stdout) == (0, f"{file}\twritten in the house's form\n")
    assert (second.exit_code, second.stdout) == (0, "")
    assert file.read_text(encoding="utf-8") == FORMED
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_fmt_check_shows_the_difference_and_writes_nothing(tmp_path: Path) -> None:
    """Exit 1 for CI, and 0 for a file in the form."""
    file = tmp_path / "p.yaml"
    file.write_text(ODD, encoding="utf-8")

    result = sekisho("policy", "fmt", "--check", str(file))

    assert result.exit_code == 1
    assert "-rules: [{allow: signed_in, name: all}]   # one" in result.stdout
    assert "+    allow: signed_in" in result.stdout
    assert file.read_text(encoding="utf-8") == ODD
    file.write_text(FORMED, encoding="utf-8")
    assert sekisho("policy", "fmt", "--check", str(file)).exit_code == 0
    file.write_bytes(FORMED.replace("\n", "\r\n").encode())
    assert sekisho("policy", "fmt", "--check", str(file)).exit_code == 1


def test_fmt_reads_standard_input(tmp_path: Path) -> None:
    """For editors: the form goes to standard output."""
    result = CliRunner().invoke(app, ["policy", "fmt", "-"], input=ODD)

    assert (result.exit_code, result.stdout) == (0, FORMED)
    assert not list(tmp_path.iterdir())


def test_fmt_touches_no_file_with_a_mistake(tmp_path: Path) -> None:
    """A slip of the keyboard is mended with `--fix` alone; other mistakes stay their author's."""
    file = tmp_path / "p.yaml"
    slip = "policy： p\nrules:\n  - name: all\n    allow： signed_in\n"
    file.write_text(slip, encoding="utf-8")

    refused = sekisho("policy", "fmt", str(file))

    assert refused.exit_code == 2
    assert f"{file}:1:7: a full-width colon" in refused.output
    assert file.read_text(encoding="utf-8") == slip
    assert sekisho("policy", "fmt", "--fix", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8") == FORMED.replace("  # one", "")
    file.write_text("- a\n", encoding="utf-8")
    assert sekisho("policy", "fmt", str(file)).exit_code == 2
    assert sekisho("policy", "fmt", str(tmp_path / "nothing.yaml")).exit_code == 2


def test_coverage_shows_what_examples_try(tmp_path: Path) -> None:
    """A threshold is for CI."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD, encoding="utf-8")
    asked = ("policy", "test", "--coverage", str(file))

    shown, enough, too_little = (
        sekisho(*asked),
        sekisho(*asked, "--at-least", "50"),
        sekisho(*asked, "--at-least", "51"),
    )

    assert "tried by examples: 2 of 4 (50%)" in shown.stdout
    assert "- condition adult / no: no example" in shown.stdout
    assert (shown.exit_code, enough.exit_code, too_little.exit_code) == (0, 0, 2)
