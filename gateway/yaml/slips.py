"""Finds and names typing mistakes of a Japanese keyboard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import normalize

from gateway.yaml.mistakes import Mistakes, Phrase, Where
from gateway.yaml.tree import Scalar

# --- the slips of a Japanese keyboard ------------------------------------------------

SLIPS = {
    "：": (Phrase("a full-width colon `：`", "全角のコロン「：」"), ":"),
    "，": (Phrase("a full-width comma `，`", "全角のコンマ「，」"), ","),
    "、": (Phrase("a Japanese comma `、`", "読点「、」"), ","),
    "｛": (Phrase("a full-width bracket `｛`", "全角の括弧「｛」"), "{"),
    "｝": (Phrase("a full-width bracket `｝`", "全角の括弧「｝」"), "}"),
    "［": (Phrase("a full-width bracket `［`", "全角の括弧「［」"), "["),
    "］": (Phrase("a full-width bracket `］`", "全角の括弧「］」"), "]"),
    "「": (Phrase("a Japanese quotation mark `「`", "かぎ括弧「"), '"'),
    "」": (Phrase("a Japanese quotation mark `」`", "かぎ括弧」"), '"'),
    "\u3000": (Phrase("a full-width space (U+3000)", "全角の空白（U+3000）"), " "),
    "＃": (Phrase("a full-width number sign `＃`", "全角のシャープ「＃」"), "#"),
    "－": (Phrase("a full-width hyphen `－`", "全角のハイフン「－」"), "-"),
    "／": (Phrase("a full-width slash `／`", "全角のスラッシュ「／」"), "/"),
    "．": (Phrase("a full-width full stop `．`", "全角のピリオド「．」"), "."),
    "＊": (Phrase("a full-width asterisk `＊`", "全角のアスタリスク「＊」"), "*"),
}
_DIGITS = re.compile("[０-９]+")
_LETTERS = re.compile("[Ａ-Ｚａ-ｚ＿]+")


def find_slips(text: str) -> list[tuple[int, Phrase, Phrase]]:
    """Return (position, mistake, remedy) for each full-width mistake in text that is no sentence, name or address."""
    found: list[tuple[int, Phrase, Phrase]] = []
    for position, character in enumerate(text):
        if character in SLIPS:
            what, right = SLIPS[character]
            found.append((position, what, instead(right)))
    for match in _DIGITS.finditer(text):
        right = normalize("NFKC", match[0])
        what = Phrase(f"full-width digits `{match[0]}`", f"全角の数字「{match[0]}」")
        found.append((match.start(), what, instead(right)))
    for match in _LETTERS.finditer(text):
        right = normalize("NFKC", match[0])
        what = Phrase(f"full-width letters `{match[0]}`", f"全角の英字「{match[0]}」")
        found.append((match.start(), what, instead(right)))
    return sorted(found, key=lambda slip: slip[0])


def note_slips(scalar: Scalar, mistakes: Mistakes) -> bool:
    """Note each slip in a scalar that is no sentence, name or address; True if there was any."""
    slips = find_slips(scalar.text)
    for position, what, remedy in slips:
        mistakes.add(scalar.where.moved(position + (0 if scalar.plain else 1)), what, remedy)
    return bool(slips)


def instead(right: str) -> Phrase:
    """Return the remedy for a sign: the one to write in its place."""
    shown = {" ": Phrase("a half-width space", "半角の空白に")}.get(right, Phrase(f"`{right}`", f"半角の `{right}` に"))
    return Phrase(f"write {shown.en}", f"{shown.ja}してください")


@dataclass(slots=True)
class _Repaired:
    text: str
    slips: Mistakes
    columns: dict[int, list[int]]
    """For each line (from 0) that was changed: the original column (from 0) of each of its characters."""


_LINE_KEY = re.compile(r"^(?P<before>[ \u3000]*(?:- +)?)(?P<key>[^\s:：#\"'\[\]{}｛｝［］,、，]+)：")
_FLOW_KEY = re.compile(r"(?P<open>[{｛,，、]\s*)(?P<key>[A-Za-z_]+)：")
_FLOW_COMMA = re.compile(r"[，、](?=\s*[A-Za-z_]+\s*[:：])")
_BLOCK_TEXT = re.compile(r"(?:^|[:\-] +)[|>][0-9+-]*\s*(?:#.*)?$")


def repair(text: str, indent: int, file: str) -> _Repaired:
    """Return the text with structural slips mended, `indent` spaces for each full-width one that indents."""
    slips = Mistakes()
    columns: dict[int, list[int]] = {}
    lines: list[str] = []
    block_indent: int | None = None
    for number, line in enumerate(text.split("\n")):
        depth = len(line) - len(line.lstrip(" "))
        if block_indent is not None and (depth > block_indent or not line.strip()):
            lines.append(line)
            continue
        block_indent = depth if _BLOCK_TEXT.search(line) else None
        mended, origin = _repair_line(line, Where(file, number + 1), indent, slips)
        lines.append(mended)
        if origin:
            columns[number] = origin
    return _Repaired("\n".join(lines), slips, columns)


def _repair_line(line: str, start: Where, indent: int, slips: Mistakes) -> tuple[str, list[int]]:
    """Return the line mended and, if anything was, the original column of each of its characters."""
    changes: dict[int, str] = {}
    body = _without_quotes(line)
    lead = len(body) - len(body.lstrip(" \u3000"))
    for position in range(lead):
        if body[position] == "\u3000":
            changes[position] = " " * indent
    found = _LINE_KEY.match(body)
    if found is not None:
        changes[found.end() - 1] = ": "
    for pattern in (_FLOW_KEY, _FLOW_COMMA):
        for match in pattern.finditer(body):
            position = match.end() - 1
            changes[position] = ", " if body[position] in "，、" else ": "
    for match in re.finditer(r"(?:^|[:：,、，\[{［｛-])\s*([［｛])", body):
        changes[match.start(1)] = SLIPS[match[1]][1]
    if any(mended in "[{" for mended in changes.values()) or "[" in body or "{" in body:
        for match in re.finditer(r"([］｝])\s*(?=[,、，\]}］｝#]|$)", body):
            changes[match.start(1)] = SLIPS[match[1]][1]
    if not changes:
        return line, []
    mended_text: list[str] = []
    origin: list[int] = []
    for position, character in enumerate(line):
        mended = changes.get(position)
        if mended is not None:
            what, right = SLIPS[character]
            # One message for a run of full-width spaces: it is one slip of the thumb.
            if not (character == "\u3000" and position > 0 and line[position - 1] == "\u3000"):
                slips.add(start.moved(position), what, instead(right))
        written = character if mended is None else mended
        mended_text.append(written)
        origin.extend([position] * len(written))
    origin.append(len(line))
    return "".join(mended_text), origin


def _without_quotes(line: str) -> str:
    """Blank out quoted text and comments, so that only structure and the comment's sign are left; lengths stay."""
    out: list[str] = []
    quote = ""
    for position, character in enumerate(line):
        if quote:
            out.append("\0")
            if character == quote:
                quote = ""
        elif character in "\"'" and (position == 0 or line[position - 1] in " [{,：:"):
            quote = character
            out.append("\0")
        elif character == "#" and (position == 0 or line[position - 1] in " \u3000\t"):
            out.append("#" + "\0" * (len(line) - position - 1))
            break
        else:
            out.append(character)
    return "".join(out)
