"""No mistake in a file that may hold a secret repeats one, however its line is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.settings.check import check_settings, read_settings
from gateway.settings.typed import Reading
from gateway.yaml.hidden import hide_secrets, shown
from gateway.yaml.mistakes import Fix, Language, Mistake, Mistakes, Phrase, Where
from gateway.yaml.read import read_secretive_file, read_yaml

CANARY = "hunter2Zq"

KEYS = [
    "password",
    "sentinel_password",
    "secret",
    "token",
    "keys",
    "via_credentials",
    "key",
    "Password",
    "ｐａｓｓｗｏｒｄ",
    "pass\u200bword",
    '"password"',
    "pasword",
    "パスワード",
    "api_key",
    "private-key",
]

BREAKS: dict[str, Callable[[str, str], str]] = {
    "a quotation mark never closed": lambda key, value: f'{key}: "{value}',
    "a quotation mark never closed in a list": lambda key, value: f"{key}: ['{value}, b]",
    "a quotation mark of a word processor": lambda key, value: f'{key}: "{value}”',
    "quotation marks within": lambda key, value: f'{key}: {{a: "{value}"b}}',
    "a wide colon": lambda key, value: f"{key}：{value}",
    "a wide colon and a wide space": lambda key, value: f"{key}：\u3000{value}",
    "a small colon": lambda key, value: f"{key}﹕{value}",
    "a semicolon": lambda key, value: f"{key}; {value}",
    "an equals sign": lambda key, value: f"{key}={value}",
    "a wide equals sign": lambda key, value: f"{key}＝{value}",
    "no space behind the colon": lambda key, value: f"{key}:{value}",
    "no colon": lambda key, value: f"{key} {value}",
    "no colon, and lines below": lambda key, value: f"{key} {value}\n    a: b",
    "a dash in the place of the colon": lambda key, value: f"{key}-{value}",
    "a second colon": lambda key, value: f"{key}: a: {value}",
    "a colon at the end": lambda key, value: f"{key}: {value}:",
    "a value on the next line": lambda key, value: f"{key}:\n  {value}",
    "a value on the next line, too deep": lambda key, value: f"{key}:\n      {value}",
    "a value on the next line, without a colon": lambda key, value: f"{key}:\n  {value}\n  b",
    "a value as a key": lambda key, value: f"{key}:\n    {value}: b",
    "a value as an item": lambda key, value: f"{key}:\n  - {value}",
    "an item without a hyphen": lambda key, value: f"{key}:\n    - a\n    {value}",
    "an item with another hyphen": lambda key, value: f"{key}:\n  ・{value}",
    "a number in the place of a hyphen": lambda key, value: f"{key}:\n  1. {value}",
    "a list below brackets": lambda key, value: f"{key}: [a]\n    - {value}",
    "a block": lambda key, value: f"{key}: |\n {value}",
    "a hyphen where no list is": lambda key, value: f"- {key}: {value}",
    "a bracket never closed": lambda key, value: f"{key}: [{value}",
    "a brace never closed": lambda key, value: f"{key}: {{a: {value}",
    "a bracket that closes nothing": lambda key, value: f"{key}: {value}]",
    "a wrong bracket": lambda key, value: f"{key}: {{a: {value}]",
    "a wide bracket": lambda key, value: f"{key}: （a: {value}）",
    "a Japanese bracket": lambda key, value: f"{key}: 「{value}」",
    "a comma too many": lambda key, value: f"{key}: [a,, {value}]",
    "a Japanese comma": lambda key, value: f"{key}: [a、{value}]",
    "hyphens in brackets": lambda key, value: f"{key}: [- a, - {value}]",
    "a tab before": lambda key, value: f"\t{key}: {value}",
    "a tab behind": lambda key, value: f"{key}:\t- {value}",
    "an anchor": lambda key, value: f"{key}: &{value}",
    "an alias": lambda key, value: f"{key}: *{value}",
    "a tag": lambda key, value: f"{key}: !{value} a",
    "a percent sign": lambda key, value: f"{key}: %{value}",
    "an at sign": lambda key, value: f"{key}: @{value}",
    "a backtick": lambda key, value: f"{key}: `{value}",
    "an unknown escape": lambda key, value: f'{key}: "\\q{value}"',
    "a control sign": lambda key, value: f"{key}: \x07{value}",
    "an unseen sign": lambda key, value: f"{key}: \u200b{value}",
    "wide digits": lambda key, value: f"{key}: {value}１２",
    "a comment of another kind": lambda key, value: f"// {key}: {value}",
    "a wide comment": lambda key, value: f"＃ {key}：{value}",
    "a comment behind": lambda key, value: f"store: [a] ※ {key} {value}",
    "a sentence that is cut off": lambda key, value: f"ja: {key} #{value}",
    "sentences": lambda key, value: f"operator: {{ja: {key}: {value}, en: a}}",
    "the key twice": lambda key, value: f"{key}: {value}\n  {key}: {value}2",
    "a merge key": lambda key, value: f"<<: {{{key}: {value}}}",
    "beside others": lambda key, value: f"x: {{store: a, {key}: {value}, idle: [b}}",
    "beside others, and more": lambda key, value: f"x: {{{key}: [{value}, {value}], idle: b]",
    "two lines": lambda key, value: f'{key}: "a\n  {value}',
    "a mark of a difference": lambda key, value: f"{key}: [\n+ {value}",
    "a duration": lambda key, value: f"idle: {key}={value}",
    "a list in the place of a value": lambda key, value: f"{key}: [{{a: {value}}}]",
}

URLS: dict[str, Callable[[str], str]] = {
    "no space": lambda value: f"store:redis://u:{value}@h:6379/0",
    "a wide colon": lambda value: f"store：redis://u:{value}@h:6379/0",
    "wide colons and slashes": lambda value: f"store: [redis：／／u：{value}@h",
    "a wide at sign": lambda value: f"store: [redis://u:{value}＠h",
    "one slash": lambda value: f"store= redis:/u:{value}@h",
    "no colon": lambda value: f"store: [redis//u:{value}@h",
    "no user": lambda value: f'store: "redis://:{value}@h',
    "a token in the place of the user": lambda value: f'store: "https://{value}@h',
    "an at sign in it": lambda value: f"store: {{redis://u:a@{value}@h]",
    "a slash in it": lambda value: f"store: {{redis://u:a/{value}@h]",
    "a query": lambda value: f"store: [redis://h/0?password={value}",
    "an item": lambda value: f"upstream:\n  http://u:{value}@h\n  - http://h",
}

TEXT = "listen: 127.0.0.1:8080\nsessions:\n  {}\n  idle: 30m\nmanagement: 127.0.0.1:9464\n"


def said_of(text: str, folder: Path) -> str:
    """Return all that is said of a file of settings, in both languages."""
    file = folder / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    mistakes = Mistakes()
    reading = Reading(folder, mistakes)
    settings = read_settings(file, reading)
    if settings is not None:
        check_settings(settings, reading)
    assert len(mistakes), text
    words = [mistake.say(language) for mistake in mistakes for language in Language]
    return "\n".join([*words, *(repr(mistake) for mistake in mistakes)])


@pytest.mark.parametrize("name", BREAKS)
def test_no_broken_line_repeats_a_secret(name: str, tmp_path: Path) -> None:
    """The journal, the trail and a screen show each mistake; each way to break a line meets another key."""
    assert_hidden(name, KEYS[list(BREAKS).index(name) % len(KEYS)], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", BREAKS)
def test_no_broken_line_repeats_a_secret_of_any_key(name: str, tmp_path: Path) -> None:
    """Each way to break a line meets each key."""
    for key in KEYS:
        assert_hidden(name, key, tmp_path)


def assert_hidden(name: str, key: str, folder: Path) -> None:
    text = TEXT.format(BREAKS[name](key, CANARY))
    said = said_of(text, folder)
    assert CANARY not in said, (text, said)


@pytest.mark.parametrize("name", URLS)
def test_no_broken_line_repeats_the_user_of_a_url(name: str, tmp_path: Path) -> None:
    """The password of a store or of a proxy may stand in its URL by mistake."""
    said = said_of(TEXT.format(URLS[name](CANARY)), tmp_path)
    assert CANARY not in said, said


def test_most_ways_to_break_a_line_would_repeat_it() -> None:
    """The table tries what it says: a policy, which holds no secret, keeps its corrected lines in full."""
    repeated = 0
    for broken in BREAKS.values():
        mistakes = Mistakes()
        read_yaml(TEXT.format(broken("password", CANARY)), "p", mistakes)
        repeated += CANARY in mistakes.say()

    assert repeated > len(BREAKS) // 3


def test_the_rest_of_a_line_is_shown(tmp_path: Path) -> None:
    """An operator sees the line to write, and the source of a secret."""
    said = said_of(TEXT.format(f"store: [a\n  password: [{CANARY}\n  secret: {{file: keys/a-b.txt"), tmp_path)

    assert "write `store: [a]`" in said
    assert "write `password: […]`" in said
    assert "write `secret: {file: keys/a-b.txt}`" in said


def test_a_slip_of_the_secret_itself_is_named_without_it(tmp_path: Path) -> None:
    """A sign that only the secret has cannot be found once it is hidden, and the file is refused all the same."""
    file = tmp_path / "s.yaml"
    file.write_text(f'password: "\\q{CANARY}"', encoding="utf-8")
    mistakes = Mistakes()
    read_secretive_file(file, mistakes, lambda tree, _: tree)

    (mistake,) = mistakes
    assert "is not repeated because it may be a secret" in str(mistake)
    assert mistake.line == 1


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("password: hunter2", "password: ꙮꙮꙮꙮꙮꙮꙮ"),
        ("secret: {file: /run/a, x: b}", "secret: {file: /run/a, ꙮ: ꙮ}"),
        ("{password: a, idle: 30m}", "{password: ꙮ, idle: 30m}"),
        ("- password:\n    a\n  idle: 1", "- password:\n    ꙮ\n  idle: 1"),
        ("password:\na\nidle: 1", "password:\nꙮ\nidle: 1"),
        ("store: redis://u:p@h/0", "store: redis://ꙮ:ꙮ@h/0"),
        ("store: redis://h:6379/0", "store: redis://h:6379/0"),
        ("contact: a@example.jp", "contact: a@example.jp"),
        ("name: 鍵の預り\nurl: http://h", "name: 鍵ꙮꙮꙮ\nurl: http://h"),
    ],
)
def test_what_may_be_a_secret_is_hidden_sign_for_sign(text: str, hidden: str) -> None:
    """The places of all other mistakes stay right."""
    assert hide_secrets(text) == hidden


def test_no_fix_writes_what_is_hidden() -> None:
    """A fix would write the sign in the place of a secret into the file."""
    words = Phrase("`ꙮꙮ-ꙮ`", "「ꙮꙮ」")
    mistake = shown(Mistake(Where("f"), words, words, Fix("a: ꙮ", "a: [ꙮ]")))

    assert mistake == Mistake(Where("f"), Phrase("`…`", "「…」"), Phrase("`…`", "「…」"))
    assert shown(Mistake(Where("f"), words, None, Fix("a", "b"))).fix == Fix("a", "b")
