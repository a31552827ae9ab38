"""Finds and names typing mistakes of a Japanese keyboard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import normalize

from gateway.yaml.mistakes import Fix, Mistakes, Phrase, Where, quoted, write
from gateway.yaml.tree import Scalar

# --- signs that are not seen ---------------------------------------------------------


def without_unseen(text: str, file: str, mistakes: Mistakes) -> str:
    """Name each sign that is not seen, outside quotes and comments, and return the text without them.

    A quoted text keeps them, so that an author who needs one can write it.
    """
    if _ANY_UNSEEN.search(text) is None:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _ANY_UNSEEN.search(line) is None:
            continue
        body = _without_quotes(line)
        mended = list(line)
        for position, sign in enumerate(body):
            kind = _UNSEEN.get(sign)
            if kind is None:
                continue
            spoken = f"U+{ord(sign):04X}"
            if position == 0 or body[position - 1] != sign:
                mistakes.add(
                    Where(file, number + 1, position + 1),
                    Phrase(f"a sign that is not seen ({kind}, {spoken})", f"目に見えない文字（{spoken}）があります"),
                    Phrase("delete it, or write a plain space", "削除するか、半角の空白にしてください"),
                )
            mended[position] = "" if kind in _WITHOUT_WIDTH else " "
        lines[number] = "".join(mended)
    return "\n".join(lines)


def without_unseen_signs(text: str) -> str:
    """Return a text without signs that are not seen; wide and unbreakable spaces are plain ones."""
    return _ANY_UNSEEN.sub(lambda sign: "" if _UNSEEN.get(sign[0]) in _WITHOUT_WIDTH else " ", text)


def without_dashes(text: str) -> str:
    """Return a text in which a hyphen stands between two numbers for any dash that looks like one."""
    return _DASH_BETWEEN.sub("-", text)


# --- a sentence without quotes -------------------------------------------------------


def cut_sentences(text: str, file: str, mistakes: Mistakes) -> None:
    """Name each sentence that ` #` cuts off: YAML takes the rest for a comment, and nobody notices."""
    for number, line in enumerate(text.split("\n")):
        found = _CUT.match(line)
        if found is not None:
            sentence = line[found.start("said") :].rstrip()
            mistakes.add(
                Where(file, number + 1, found.start("rest") + 1),
                Phrase(
                    f"` #` begins a comment, so `{found['rest']}` is not a part of the sentence",
                    f"` #` から後ろは注釈になるため、`{found['rest']}` は文に入りません",
                ),
                write(f"{found['key']}: {quoted(sentence)}"),
            )


def quoted_line(line: str) -> tuple[int, str, str] | None:
    """Return the column (from 0) of a sign that breaks an unquoted sentence, the sign, and the line with quotes.

    `None`: no sentence of `{ja: …, en: …}` on the line holds one.
    """
    found = _FLOW_SENTENCES.search(line)
    if found is None:
        return None
    found = _FLOW_SENTENCES.search(line, 0, _end_of_table(line, found.start()))
    if found is None:
        return None
    place = found.start("inside")
    pieces: list[str] = []
    wrong: tuple[int, str] | None = None
    for piece in _BETWEEN_LANGUAGES.split(found["inside"]):
        key, colon, value = piece.partition(":")
        sentence = value.strip()
        sign = _BREAKS.search(sentence) if sentence[:1] not in ("'", '"') else None
        if sign is None:
            pieces.append(piece.strip())
        else:
            wrong = wrong or (line.index(sentence, place) + sign.start(), sign[0])
            pieces.append(f"{key.strip()}{colon} {quoted(sentence)}")
    if wrong is None:
        return None
    return (
        wrong[0],
        wrong[1],
        f"{line[: found.start('inside')]}{', '.join(pieces)}{line[found.end('inside') :]}".strip(),
    )


def _end_of_table(line: str, begin: int) -> int:
    """Return the end of the `{…}` that begins at a place, brackets in sentences among them; else that of the line."""
    around = line[:begin].count("{") - line[:begin].count("}")
    end = len(line.rstrip())
    while around > 0 and end > begin and line[end - 1] in "} ":
        around -= line[end - 1] == "}"
        end -= 1
    return end if around == 0 else len(line)


_CUT = re.compile(r"^[ \-]*(?P<key>ja|ja-simple|en) *: +(?P<said>[^\s\"'|>{\[#][^#]*? )(?P<rest>#\S.*?)\s*$")
_FLOW_SENTENCES = re.compile(r"\{(?P<inside>\s*(?:ja|ja-simple|en)\s*:.*)\}")
_BETWEEN_LANGUAGES = re.compile(r",\s*(?=(?:ja|ja-simple|en|status|retry_after)\s*:)")
_BREAKS = re.compile(r": | #|, |,(?=\S)|[\[\]{}]")


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
_SIGNS = {
    **SLIPS,
    "\t": (Phrase("a tab character", "タブ文字"), " "),
    "（": (Phrase("a full-width bracket `（`", "全角の括弧「（」"), "["),
    "）": (Phrase("a full-width bracket `）`", "全角の括弧「）」"), "]"),
    **{sign: (Phrase(f"a sign `{sign}` that is no colon", f"コロンでない「{sign}」"), ":") for sign in "︰﹕∶ː꞉"},
}
_DASHES = "－ー―—–‐‑−﹣ｰ・･●▪■◆◇○◎①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_DASH_BETWEEN = re.compile("(?<=[0-9０-９])[－ー―—–‐‑‒−](?=[0-9０-９])")
_UNSEEN = {
    "\u00a0": "no-break space",
    "\u00ad": "soft hyphen",
    **dict.fromkeys("\u2000\u2001\u2002\u2003\u2004\u2007", "wide space"),
    **dict.fromkeys("\u2005\u2006\u2008\u2009\u200a", "thin space"),
    "\u200b": "zero-width space",
    "\u200c": "zero-width sign",
    **dict.fromkeys("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "direction mark"),
    "\u2028": "line separator",
    "\u2029": "paragraph separator",
    "\u202f": "narrow no-break space",
    "\u205f": "wide space",
    "\u2060": "word joiner",
    "\ufeff": "byte order mark",
}
"""Signs that come along from word processors and web pages, and that nobody sees."""

_ANY_UNSEEN = re.compile(f"[{''.join(_UNSEEN)}]")
_WITHOUT_WIDTH = frozenset(
    {kind for kind in _UNSEEN.values() if "space" not in kind or "zero" in kind}
    - {"line separator", "paragraph separator"}
)

_DIGITS = re.compile("[０-９]+")
_LETTERS = re.compile("[Ａ-Ｚａ-ｚ＿]+")


def find_slips(text: str) -> list[tuple[int, Phrase, Phrase]]:
    """Return (position, mistake, remedy) for each full-width mistake in text that is no sentence, name or address."""
    found: list[tuple[int, Phrase, Phrase]] = []
    for position, character in enumerate(text):
        if character in SLIPS:
            what, right = SLIPS[character]
            found.append((position, what, instead(right)))
        elif "\uff01" <= character <= "\uff5e" and not (_DIGITS.match(character) or _LETTERS.match(character)):
            right = normalize("NFKC", character)
            what = Phrase(f"a full-width sign `{character}`", f"全角の記号「{character}」")
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


def note_slips(scalar: Scalar, mistakes: Mistakes, only: str = "") -> bool:
    """Note each slip in a scalar that is no sentence, name or address; True if there was any.

    `only`: the signs to look at; empty is all.
    """
    slips = [slip for slip in find_slips(scalar.text) if not only or scalar.text[slip[0]] in only]
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


_LINE_KEY = re.compile(
    rf"^(?P<before>[ \u3000]*(?:[\-{_DASHES}][ \u3000]+)?)"
    r"(?P<key>[^\s:：︰﹕∶ː꞉#\"'\[\]{}｛｝［］,、，]+)[ \u3000]*[：︰﹕∶ː꞉](?!:)"
)
_LINE_DASH = re.compile(rf"^[ \u3000]*(?:([{_DASHES}])([ \u3000]*)|(-)())(?=[^\s:：\-{_DASHES}]+[:：](?:[ \u3000]|$))")
_ITEM_MARK = re.compile(
    r"^[ \u3000]*+(?P<dash>- ++)?(?P<mark>(?:[A-Za-z](?=[.)．）、:： 　\t])|No(?=[.． 　\d]))?"
    r"(?:[^A-Za-zＡ-Ｚａ-ｚ\s\"'#\[{|>&!%@_-][^A-Za-zＡ-Ｚａ-ｚ\s\"'#\[{_]{0,8})?)[ \u3000\t]*+"
    r"(?=(?:name|title|ｎａｍｅ|ｔｉｔｌｅ)[ \u3000]*(?:：|:[ \u3000])[ \u3000]*[^\s#{\[｛［])"
)
"""A number or a bullet before the first key of a rule or of an example: `1、name: a`, `第2 name: a`, `例3：title: a`.

A table or nothing behind it is no name: `旧 title:` is a condition.
"""
_UNMARKED = re.compile(
    r"^(?P<before>[ \u3000]*(?:- +)?[A-Za-z_]+)(?P<gap>[ \u3000]*(?:(?:→|⇒|=>|->|[.．])[ \u3000]*)?)(?=[\[{［｛])"
)
"""A key with a list or a table behind it, and no colon between."""
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
    piece = _other_piece(line)
    if piece is not None:
        return _written_anew(line, piece, start, indent, slips)
    body = _without_quotes(line)
    lead = len(body) - len(body.lstrip(" \u3000"))
    for position in range(lead):
        if body[position] == "\u3000":
            changes[position] = " " * indent
    changes.update(_spaces_and_dashes(body, lead))
    changes.update(_colons_and_commas(body))
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
            if character == " ":
                mended_text.append(mended)
                origin.extend([position] * len(mended))
                continue
            what, right = _slip(character)
            # One message for a run of full-width spaces: it is one slip of the thumb.
            if not (character == "\u3000" and position > 0 and line[position - 1] == "\u3000"):
                slips.add(start.moved(position), what, instead(right))
        written = character if mended is None else mended
        mended_text.append(written)
        origin.extend([position] * len(written))
    origin.append(len(line))
    return "".join(mended_text), origin


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a line, the text to write in its place, and what it is."""

    begin: int
    end: int
    new: str
    what: Phrase


def _other_piece(line: str) -> _Piece | None:
    """Return the number or bullet before the first key of an item, or the place of a colon that is missing."""
    if (found := _ITEM_MARK.match(line)) is not None and (mark := found["mark"].rstrip(" \u3000\t")):
        counted = any(sign.isnumeric() for sign in mark)
        if found["dash"]:
            what = Phrase(f"a mark `{mark}` behind `- `", f"`- ` の後ろに「{mark}」があります")
            return _Piece(found.start("mark"), found.end(), "", what)
        if mark not in _DASHES and (counted or mark[-1] not in ":："):
            what = Phrase(f"a sign `{mark}` that is no hyphen", f"ハイフンでない「{mark}」")
            return _Piece(found.start("mark"), found.end(), "- ", what)
    if (found := _UNMARKED.match(line)) is not None:
        key = found["before"].strip(" \u3000")
        return _Piece(
            found.end("before"),
            found.end(),
            ": ",
            Phrase(f"no `:` behind `{key}`", f"`{key}` のあとに `:` がありません"),
        )
    return None


def is_marked(key: str) -> bool:
    """Whether a key, with a text behind it, is the first one of an item with a number or bullet before it."""
    found = _ITEM_MARK.match(f"{key}: …")
    return found is not None and bool(found["mark"])


def _written_anew(line: str, piece: _Piece, start: Where, indent: int, slips: Mistakes) -> tuple[str, list[int]]:
    """Return a line with one piece written anew, mended, and the original column of each of its characters."""
    edited = line[: piece.begin] + piece.new + line[piece.end :]
    origins = [*range(piece.begin), *[piece.begin] * len(piece.new), *range(piece.end, len(line) + 1)]
    others = Mistakes()
    mended, columns = _repair_line(edited, start, indent, others)
    slips.add(
        start.moved(piece.begin),
        piece.what,
        write(re.sub("(?<=[:,]) {2,}", " ", mended.strip())),
        Fix(line[piece.begin : piece.end], piece.new),
    )
    for other in others:
        slips.add(start.moved(origins[other.column - 1]), other.what, other.remedy)
    return mended, [origins[column] for column in columns] if columns else origins


def _spaces_and_dashes(body: str, lead: int) -> dict[int, str]:
    """Return what to write for full-width spaces that are only spaces, and for a sign that should begin an item."""
    changes: dict[int, str] = {}
    for position in (place for place in range(lead, len(body)) if body[place] == "\u3000"):
        # At the end of a line, or behind a sign of structure, a space means nothing but a space.
        if not body[position:].strip(" \u3000\0") or body[:position].rstrip(" \u3000")[-1:] in tuple(
            ":,[{-：，、［｛－"
        ):
            changes[position] = " "
    dash = _LINE_DASH.match(body)
    if dash is not None:
        place, gap = (1, 2) if dash[1] else (3, 4)
        changes[dash.start(place)] = "- " if dash.start(gap) == dash.end(gap) else "-"
        changes.update(dict.fromkeys(range(dash.start(gap), dash.end(gap)), " "))
    return changes


def _colons_and_commas(body: str) -> dict[int, str]:
    """Return what to write for a colon behind a key, a comma before one, and a tab between words."""
    changes: dict[int, str] = {}
    found = _LINE_KEY.match(body)
    if found is not None:
        changes[found.end() - 1] = ": "
    for pattern in (_FLOW_KEY, _FLOW_COMMA):
        for match in pattern.finditer(body):
            position = match.end() - 1
            changes[position] = ", " if body[position] in "，、" else ": "
    first = len(body) - len(body.lstrip())
    last = len(body.rstrip("\t #\0"))
    # A tab of an indent has a name of its own, and one before a comment does no harm.
    changes.update({place: " " for place in range(first, last) if body[place] == "\t"})
    return changes


def _slip(character: str) -> tuple[Phrase, str]:
    """Return the name of a slip in the structure, and the sign to write in its place."""
    if character in _SIGNS:
        return _SIGNS[character]
    if character == "-":
        return Phrase("a `-` without a space behind it", "`-` の後ろに空白がありません"), "- "
    return Phrase(f"a sign `{character}` that is no hyphen", f"ハイフンでない「{character}」"), "-"


def _without_quotes(line: str) -> str:
    """Blank out quoted text and comments, so that only structure and the comment's sign are left; lengths stay.

    A sign that is not seen opens or closes nothing by itself: `without_unseen` makes it a space or deletes it.
    """
    out: list[str] = []
    quote = before = ""
    for position, character in enumerate(line):
        if quote:
            out.append("\0")
            if character == quote:
                quote, before = "", character
            continue
        if character in "\"'" and before in ("", *" [{,：:"):
            quote = character
            out.append("\0")
            continue
        if character == "#" and before in ("", *" \u3000\t"):
            out.append("#" + "\0" * (len(line) - position - 1))
            break
        out.append(character)
        kind = _UNSEEN.get(character)
        if kind is None:
            before = character
        elif kind not in _WITHOUT_WIDTH:
            before = " "
    return "".join(out)
