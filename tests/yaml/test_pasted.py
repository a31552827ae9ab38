"""Lines of the place from which a text was copied are named, and nothing behind them is blamed."""

from __future__ import annotations

import pytest

from gateway.yaml.mistakes import Language, Mistakes
from gateway.yaml.pasted import note_pasted
from gateway.yaml.read import read_yaml

TEXT = "policy: p\ntitle: {ja: 題}\nrules:\n  - {name: r, allow: everyone}\n"
LINES = TEXT.splitlines()


def said(text: str, language: Language = Language.EN) -> list[str]:
    mistakes = Mistakes()
    assert read_yaml(text, "p.yaml", mistakes) is None
    return [mistake.say(language) for mistake in mistakes]


@pytest.mark.parametrize(
    ("text", "english", "japanese"),
    [
        (
            f"```yaml\n{TEXT}```\n",
            "p.yaml:1:1: ````yaml` is the frame of a page, delete the line",
            "p.yaml:1:1: ````yaml` は、文書の中の囲みの印です、この行を削除してください",
        ),
        (
            TEXT.replace("rules", "<<<<<<< HEAD\nrules") + "=======\n>>>>>>> other\n",
            "p.yaml:3:1: `<<<<<<< HEAD` is the mark of a merge that is not finished, keep one of the two parts, and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`",  # noqa: E501
            "p.yaml:3:1: `<<<<<<< HEAD` は、変更の統合が終わっていない印です、二つのうち一方を残し、`<<<<<<<`・`=======`・`>>>>>>>` の行を削除してください",  # noqa: E501
        ),
        (
            "".join(f"> {line}\n" for line in LINES),
            "p.yaml:1:1: every line begins with the mark of a quoted letter, write `policy: p`",
            "p.yaml:1:1: すべての行が引用の印で始まっています、`policy: p` と書いてください",
        ),
        (
            "".join(f"+{line}\n" for line in LINES),
            "p.yaml:1:1: every line begins with the mark of a difference, write `policy: p`",
            "p.yaml:1:1: すべての行が差分の印で始まっています、`policy: p` と書いてください",
        ),
        (
            "".join(f"{number:3}: {line}\n" for number, line in enumerate(LINES, 1)),
            "p.yaml:1:1: every line begins with the number of a line, write `policy: p`",
            "p.yaml:1:1: すべての行が行の番号で始まっています、`policy: p` と書いてください",
        ),
    ],
)
def test_a_line_of_the_place_it_was_copied_from_is_named(text: str, english: str, japanese: str) -> None:
    """One message, at its own line."""
    assert said(text) == [english]
    assert said(text, Language.JA) == [japanese]


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "note: |\n  ```\n  > a\n  <<<<<<< b\n",
        "a: >\n  folded\n",
        "404: a\n500: b\n",
        "sign: =======\n",
    ],
)
def test_other_texts_hold_no_such_line(text: str) -> None:
    """A sentence may hold each of the signs, and a short mapping may have numbers for keys."""
    assert not note_pasted(text, "p.yaml", Mistakes())
