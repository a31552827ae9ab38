"""Finds lines that came along when a text was copied: from a page, a letter, a difference or an unfinished merge.

Such lines stand at the first column, where no text of a policy or of settings has them. Each is named, with the line as
it should stand, since the reader would blame a line that is right.
"""

from __future__ import annotations

import re

from gateway.yaml.mistakes import Mistakes, Phrase, Where, write

_FENCE = re.compile(r"^(?:```|~~~)[\w-]*\s*$", re.MULTILINE)
_MERGE = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
_MARKS = (
    (re.compile(r"\A> ?"), Phrase("the mark of a quoted letter", "引用の印")),
    (re.compile(r"\A\+"), Phrase("the mark of a difference", "差分の印")),
    (re.compile(r"\A *+\d++[:|\t] ?"), Phrase("the number of a line", "行の番号")),
)
_FEWEST = 3
"""Lines that all begin with a mark; a file of two such lines may mean them."""


def note_pasted(text: str, file: str, mistakes: Mistakes) -> bool:
    """Note lines that belong to the place from which a text was copied, and say whether there are any."""
    before = len(mistakes)
    if (fence := _FENCE.search(text)) is not None:
        what = Phrase(f"`{fence[0]}` is the frame of a page", f"`{fence[0]}` は、文書の中の囲みの印です")
        _note(text, file, fence.start(), mistakes, what, Phrase("delete the line", "この行を削除してください"))
    if "<<<<<<< " in text and (merge := _MERGE.search(text)) is not None:
        what = Phrase(
            f"`{merge[0]}` is the mark of a merge that is not finished",
            f"`{merge[0]}` は、変更の統合が終わっていない印です",
        )
        remedy = Phrase(
            "keep one of the two parts, and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`",
            "二つのうち一方を残し、`<<<<<<<`・`=======`・`>>>>>>>` の行を削除してください",
        )
        _note(text, file, merge.start(), mistakes, what, remedy)
    lines = [line for line in text.split("\n") if line.strip()]
    for mark, name in _MARKS:
        if len(lines) < _FEWEST or not all(mark.match(line) for line in lines):
            continue
        first = mark.sub("", lines[0], count=1)
        what = Phrase(f"every line begins with {name.en}", f"すべての行が{name.ja}で始まっています")
        _note(text, file, text.index(lines[0]), mistakes, what, write(first))
        break
    return len(mistakes) > before


def _note(text: str, file: str, place: int, mistakes: Mistakes, what: Phrase, remedy: Phrase) -> None:
    mistakes.add(Where(file, text.count("\n", 0, place) + 1), what, remedy)
