"""Finds the line that breaks a file's structure, and the line that its author meant.

A scanner stumbles where it can go no further, often a line below the slip. So each line near that place is tried with
one slip mended, and the mending that lets the scanner go further is the one to show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.yaml.mistakes import Fix, Mistakes, Phrase, Where, quoted, write
from gateway.yaml.slips import quoted_line

LONGEST = 200_000
"""Signs of a file whose lines are tried: each trial scans the file once."""

MOST_SCANNED = 800_000
"""Signs that all trials for one text scan together, some two seconds: a line of brackets has hundreds of mendings."""

_MOST_SLIPS = 20
_MOST_ENDS = 12
"""Places of one line at which an open quotation mark is tried closed; the end of the line is the first."""
_LINES_ABOVE = 3
"""Lines above the place of an error in which its cause is looked for; an open quotation mark can be anywhere above."""

_BRACKETED = re.compile(r"(?P<before> *)(?:- )?(?P<key>[^\s:#\[{]+: +)?\[(?P<inside>[^\[\]{}#]*)\]\s*$")
_ITEM_TEXT = re.compile(r"(?P<before> *)- +(?P<text>[^\s:#\[\]{},]+)\s*$")

_OPEN = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Stop:
    """The place where the scanner can go no further, from 0, and its own words."""

    line: int
    column: int
    words: str


@dataclass(frozen=True, slots=True)
class _Mending:
    """One line with one slip mended."""

    line: str
    what: Phrase
    certain: bool = True
    column: int | None = None
    """The place of the slip; `None`: the first sign in which the two lines differ."""
    remedy: Phrase | None = None
    """The remedy; `None`: the remedy is to write the line."""


@dataclass(slots=True)
class Mended:
    """A text that can be scanned."""

    text: str
    columns: dict[int, list[int]]
    """For each line that was changed, the original column of each of its characters, all from 0."""
    sure: bool
    """Whether no other text can have been meant."""


def mend(text: str, file: str, scan: Callable[[str], Stop | None], slips: Mistakes) -> Mended | None:
    """Return a text whose structure is whole, and note each slip; `None`: some slip has no mending here.

    `scan` says where the scanner stops in a text; `None`: nowhere. All trials together scan `MOST_SCANNED` signs.
    """
    if len(text) > LONGEST:
        return None
    scan = _measured(scan)
    noted = Mistakes()
    columns: dict[int, list[int]] = {}
    lines = text.split("\n")
    stop, sure = scan(text), True
    for _ in range(_MOST_SLIPS):
        if stop is None:
            slips.extend(noted)
            return Mended("\n".join(lines), columns, sure)
        try:
            found = _first_that_helps(lines, stop, scan)
        except _TooLongError:
            return None
        if found is None:
            return None
        number, mending, stop = found
        sure = sure and mending.certain
        _note(noted, Where(file, number + 1), lines[number], mending, columns.get(number))
        columns[number] = _origins(lines[number], mending.line, columns.get(number))
        lines[number] = mending.line
    return None


class _TooLongError(Exception):
    """The trials for this text have scanned all that they may."""


def _measured(scan: Callable[[str], Stop | None]) -> Callable[[str], Stop | None]:
    """Return a scan that raises `_TooLongError` after `MOST_SCANNED` signs."""
    left = MOST_SCANNED

    def measured(text: str) -> Stop | None:
        nonlocal left
        left -= len(text)
        if left < 0:
            raise _TooLongError
        return scan(text)

    return measured


def _first_that_helps(
    lines: list[str], stop: Stop, scan: Callable[[str], Stop | None]
) -> tuple[int, _Mending, Stop | None] | None:
    quotes = "quoted scalar" in stop.words
    near = range(min(stop.line, len(lines) - 1), max(-1, stop.line - _LINES_ABOVE - 1), -1)
    above = range(near[-1] - 1 if near else stop.line, -1, -1) if quotes else ()
    for number in (*near, *above):
        best: tuple[int, _Mending, Stop | None] | None = None
        for mending in _mendings(lines, number):
            tried = scan("\n".join([*lines[:number], mending.line, *lines[number + 1 :]]))
            if tried is None:
                best = (number, mending, None)
                break
            further = tried.line > (stop.line if best is None or best[2] is None else best[2].line)
            if further or (best is None and quotes and tried.words != stop.words and tried.line > number):
                best = (number, mending, tried)
        if best is not None:
            return best if best[1].certain else _mark_above(lines, near, best, scan)
    return None


def _mark_above(
    lines: list[str],
    near: range,
    found: tuple[int, _Mending, Stop | None],
    scan: Callable[[str], Stop | None],
) -> tuple[int, _Mending, Stop | None]:
    """Return the mending of a mark above a line, if it helps as much as what was found for the line itself.

    The scanner takes `1) name: r` for a key, and stumbles over the line below, which is right.
    """
    for number in (each for each in near if each < found[0]):
        for mending in _other_marks(lines[number]):
            tried = scan("\n".join([*lines[:number], mending.line, *lines[number + 1 :]]))
            if tried is None or (found[2] is not None and tried.line >= found[2].line):
                return number, mending, tried
    return found


def _note(slips: Mistakes, start: Where, line: str, mending: _Mending, origins: list[int] | None) -> None:
    head = _same(line, mending.line)
    tail = _same(line[head:][::-1], mending.line[head:][::-1])
    column = head if mending.column is None else mending.column
    place = column if origins is None else origins[min(column, len(origins) - 1)]
    fix = Fix(line[head : len(line) - tail], mending.line[head : len(mending.line) - tail])
    # A fix stands at the place of its mistake, and in a line that nothing else has changed.
    if not mending.certain or origins is not None:
        kept = None
    elif column <= head:
        kept = Fix(line[column:head] + fix.old, line[column:head] + fix.new)
    else:
        kept = None
    remedy = mending.remedy or write(re.sub("(?<=[:,]) {2,}", " ", mending.line.strip()))
    slips.add(start.moved(place), mending.what, remedy, kept)


def _same(one: str, other: str) -> int:
    """Return how many signs at the beginning of two texts are the same."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _origins(line: str, mended: str, before: list[int] | None) -> list[int]:
    head = _same(line, mended)
    tail = _same(line[head:][::-1], mended[head:][::-1])
    old = before or list(range(len(line) + 1))
    middle = len(mended) - head - tail
    return [*old[:head], *([old[head]] * middle), *old[len(line) - tail :]]


def mixed_list(lines: list[str], number: int) -> tuple[int, str] | None:
    """Return the column (from 0) of a `- ` below a list in brackets, and the whole list as one line, if it is there."""
    below = _ITEM_TEXT.match(lines[number])
    head = next((each for each in range(number - 1, -1, -1) if lines[each].strip()), None)
    begun = None if below is None or head is None else _BRACKETED.match(lines[head])
    if below is None or begun is None or len(below["before"]) < len(begun["before"]):
        return None
    inside = [begun["inside"].strip()] if begun["inside"].strip() else []
    for line in lines[number:]:
        item = _ITEM_TEXT.match(line)
        if item is None or item["before"] != below["before"]:
            break
        inside.append(item["text"])
    return len(below["before"]), f"{begun['key'] or ''}[{', '.join(inside)}]"


# --- one slip mended ------------------------------------------------------------------


def _mendings(lines: list[str], number: int) -> Iterator[_Mending]:
    """Give a line with each slip mended that it can have, the surest first."""
    line = lines[number]
    if not line.strip() or "\t" in line[: len(line) - len(line.lstrip())]:
        # A tab has a name of its own among the scanner's words.
        return
    yield from _sentences(line)
    yield from _quotes(line)
    yield from _comments(line)
    below = lines[number + 1] if number + 1 < len(lines) else ""
    yield from _colons(line, below)
    yield from _pairs(line, below)
    yield from _brackets(line)
    yield from _values(line)
    yield from _items(line, lines[:number], below)


def _sentences(line: str) -> Iterator[_Mending]:
    said = quoted_line(line)
    if said is not None:
        column, sign, mended = said
        indent = line[: len(line) - len(line.lstrip())]
        yield _Mending(indent + mended, _unquoted(sign), column=column)


def _bare(sign: str) -> Phrase:
    return Phrase(f"a value with `{sign}` without quotes", f"`{sign}` のある値が引用符で囲まれていません")


def _unquoted(sign: str) -> Phrase:
    return Phrase(f"an unquoted `{sign}` in a sentence", f"文の中に、囲まれていない `{sign}` があります")


_CURLY = re.compile("[“”„‟＂〝〞〟]")


def _quotes(line: str) -> Iterator[_Mending]:
    """A quotation mark of a word processor, or one that is never closed."""
    if '"' in line and (curly := _CURLY.search(line)) is not None:
        what = Phrase(f"a quotation mark `{curly[0]}` that closes nothing", f"引用符「{curly[0]}」では閉じません")
        yield _Mending(_CURLY.sub('"', line), what, column=curly.start())
    for mark in ('"', "'"):
        if line.count(mark) % 2 == 0:
            continue
        place = line.rfind(mark)
        never = Phrase("a quotation mark that is never closed", "引用符が閉じていません")
        rest = line[place + 1 :]
        if mark == "'" and place > 0 and line[place - 1].isalnum():
            continue
        ends = [len(rest.rstrip()), *(found.start() for found in re.finditer(r"(?<!\s)\s*+[,}\]]", rest))]
        for end in sorted(dict.fromkeys(ends[:_MOST_ENDS])):
            yield _Mending(line[: place + 1] + rest[:end] + mark + rest[end:], never, certain=False, column=place)
        yield _Mending(line[:place] + line[place + 1 :], never, certain=False, column=place)


_COMMENT = re.compile(r"^(?P<before>\s*)(?P<sign>＃|※|//|;|；)\s*(?P<rest>\S.*)$")
_COMMENT_BEHIND = re.compile(r"^(?P<before>.*[\]}\w\"'])\s+(?P<sign>＃|※|//|；|;|<!--|←)\s*(?P<rest>.*)$")


_BEGINNING = re.compile(r"^[ー―—–−－‐]{3,}\s*$")


def _comments(line: str) -> Iterator[_Mending]:
    if _BEGINNING.match(line):
        what = Phrase(f"`{line.strip()}` is no `---`", f"`{line.strip()}` は `---` ではありません")
        yield _Mending("---", what, column=0)
        return
    for pattern, gap in ((_COMMENT, ""), (_COMMENT_BEHIND, "  ")):
        found = pattern.match(line)
        if found is not None:
            sign = found["sign"].strip()
            what = Phrase(f"`{sign}` begins no comment", f"`{sign}` では注釈になりません")
            yield _Mending(f"{found['before']}{gap}# {found['rest']}".rstrip(), what, column=found.start("sign"))


_KEY = r"(?P<before>\s*(?:- +)?)(?P<key>[^\s:：;；=＝#\"'\[\]{},、，\-][^\s:：;；=＝#\"'\[\]{},、，]*)"
_OTHER_COLON = re.compile(rf"^{_KEY}[ \u3000]*(?P<sign>[;；=＝：])[ \u3000]*(?P<rest>.*)$")
_CLOSE_COLON = re.compile(r"^(?P<before>\s*(?:- +)?)(?P<key>[A-Za-z_-]+):(?P<rest>[^\s/].*)$")
_BARE_KEY = re.compile(rf"^{_KEY}\s*$")


def _colons(line: str, below: str) -> Iterator[_Mending]:
    found = _OTHER_COLON.match(line)
    if found is not None:
        what = Phrase(f"`{found['sign']}` where `:` belongs", f"`:` のところに `{found['sign']}` があります")
        mended = f"{found['before']}{found['key']}: {found['rest']}".rstrip()
        yield _Mending(mended, what, column=found.start("sign"))
    found = _CLOSE_COLON.match(line)
    if found is not None:
        what = Phrase("no space behind `:`", "`:` の後ろに空白がありません")
        yield _Mending(f"{found['before']}{found['key']}: {found['rest']}", what, column=found.end("key"))
    found = _BARE_KEY.match(line)
    if found is not None and len(below) - len(below.lstrip()) >= len(line) - len(line.lstrip()):
        what = Phrase(f"no `:` behind `{found['key']}`", f"`{found['key']}` のあとに `:` がありません")
        deeper = len(below) - len(below.lstrip()) > len(line) - len(line.lstrip())
        yield _Mending(f"{line.rstrip()}:", what, certain=deeper, column=found.end("key"))


_PAIRS = re.compile(
    r"^(?P<before>\s*(?:- +)?)(?P<key>[^\s:：\"'#\[\]{},、]{1,40}): +"
    r"(?P<inner>[^\s:：\"'#\[\]{},、]{1,40}):(?:(?P<value> .*\S)| *)$"
)
_OF_ONE_TEXT = frozenset(("ja", "ja-simple", "en", "name", "policy", "note", "request", "expect", "at", "address"))
"""Keys behind which a second key is a part of the text."""
_KEY_OF_OURS = re.compile(r"[a-z][a-z_]*")


def _pairs(line: str, below: str) -> Iterator[_Mending]:
    """Two keys on one line: a number before a name, or a table without its brackets."""
    found = _PAIRS.match(line)
    if found is None or found["key"] in _OF_ONE_TEXT:
        return
    key, inner, value = found["key"], found["inner"], (found["value"] or "").strip()
    deeper = len(below) - len(below.lstrip()) > len(line) - len(line.lstrip())
    if key.isnumeric() and not value and deeper:
        what = Phrase(f"a number `{key}:` before a name", f"名前の前に番号「{key}:」があります")
        yield _Mending(f"{found['before']}{inner}:", what, column=found.start("key"))
    if not value or _KEY_OF_OURS.fullmatch(inner) is None:
        return
    what = Phrase("two keys on one line", "一行に項目が二つあります")
    if deeper:
        # The rest stands below, so that this is a line of its own there.
        two = Phrase(
            f"write `{key}:` and, below it, `{inner}: {value}`",
            f"`{key}:` と書き、`{inner}: {value}` は次の行に書いてください",
        )
        yield _Mending(f"{found['before']}{key}:", what, certain=False, column=found.start("inner"), remedy=two)
    opened, closed = _structure(value).count("{"), _structure(value).count("}")
    closing = "" if closed > opened else "}"
    table = f"{key}: {{{inner}: {value}{closing}"
    text = f"{key}: {quoted(f'{inner}: {value}')}"
    remedy = Phrase(
        f"write `{table}`, or `{text}` if it is one text", f"`{table}` か、一つの文なら `{text}` と書いてください"
    )
    yield _Mending(f"{found['before']}{table}", what, certain=False, column=found.start("inner"), remedy=remedy)


_BLOCK_VALUE = re.compile(r"^(?P<before>\s*(?:- +)?(?P<key>[^\s:#\"'\[\]{},]+): +)(?P<value>\S.*?)\s*$")
_INNER_QUOTES = re.compile(r"(?P<before>[\[{,:]\s+|[\[{])\"(?P<said>[^\"]*)\"(?P<more>[^\s,}\]][^,}\]]*)")
_FLOW_INDICATOR = re.compile(r"(?P<before>[\[{,:]\s*)(?P<value>(?:[@%`&!|*]|>(?![=\d])|- )[^,}\]]*)")


def _values(line: str) -> Iterator[_Mending]:
    """A value that needs quotes."""
    found = _INNER_QUOTES.search(line)
    if found is not None:
        text = f'"{found["said"]}"{found["more"].rstrip()}'
        mended = f"{line[: found.end('before')]}'{text}'{line[found.end() :]}"
        yield _Mending(mended, _unquoted('"'), column=found.end("before"))
    found = _FLOW_INDICATOR.search(line)
    if found is not None:
        value = found["value"].rstrip()
        mended = f"{line[: found.end('before')]}{quoted(value)}{line[found.end('before') + len(value) :]}"
        yield _Mending(mended, _bare(value[0]), column=found.end("before"))
    found = _BLOCK_VALUE.match(line)
    if found is not None and found["key"] not in _OF_ONE_TEXT and (behind := _behind_brackets(found["value"])):
        yield _behind(line, line.rindex(behind), behind)
    elif found is not None and found["value"][0] not in "\"'":
        value = found["value"]
        sign = re.search(r": | #|:$", value)
        shown = value[0] if sign is None else sign[0]
        column = found.start("value") + (0 if sign is None else sign.start())
        flow = value[0] in "[{" and re.match(r"\[[^\]]*\]\s*[^\s#,]|\{[^}:]*\}\s*[^\s#,]", value) is None
        if not flow and (sign is not None or value[0] in "@%`&!|>*[]{}-"):
            yield _Mending(
                f"{found['before']}{quoted(value)}",
                (_bare(shown) if sign is None else _unquoted(shown)),
                column=column,
            )


def _behind_brackets(value: str) -> str:
    """Return the text that stands behind a list or a table whose brackets are closed; empty: there is none."""
    body = _structure(value)
    if body[0] not in "[{":
        return ""
    depth = 0
    for place, sign in enumerate(body):
        depth += (sign in "[{") - (sign in "]}")
        if depth == 0:
            return value[place + 1 :].strip().strip("\0")
    return ""


def _behind(line: str, place: int, text: str) -> _Mending:
    kept = line[:place].rstrip()
    if not text.strip("、。，．,.;；"):
        return _Mending(
            kept, Phrase(f"`{text}` behind a closed bracket", f"閉じた括弧の後ろに「{text}」があります"), column=place
        )
    said = text.strip("（）() -ー―")
    what = Phrase(
        f"`{text}` behind a closed bracket begins no comment", f"閉じた括弧の後ろの「{text}」は注釈になりません"
    )
    return _Mending(f"{kept}  # {said}", what, certain=False, column=place)


def _structure(line: str) -> str:
    """Return a line with quoted texts and its comment blanked out; lengths stay."""
    blank = re.sub(
        r"(?<![^\s\[{,:])(?:\"(?:[^\"\\]|\\.)*+(?:\"|$)|'[^']*(?:'|$))", lambda text: "\0" * len(text[0]), line
    )
    return re.sub(r"(?<=\s)#.*$", lambda text: "\0" * len(text[0]), blank)


def _brackets(line: str) -> Iterator[_Mending]:
    """A bracket of another kind, one too few or one too many."""
    body = _structure(line)
    if (wide := re.search("[（）()〔〕【】〈〉＜＞<>]", body)) is not None:
        what = Phrase(f"a bracket `{wide[0]}` of another kind", f"種類の違う括弧「{wide[0]}」")
        first = wide.start()
        last = max(first, *(body.rfind(sign) for sign in ")）〕】〉＞>"))
        for opening, closing in ("{}", "[]"):
            signs = str.maketrans(dict.fromkeys("（(〔【〈＜<", opening) | dict.fromkeys("）)〕】〉＞>", closing))
            inner = body[:first] + body[first : last + 1].translate(signs) + body[last + 1 :]
            mended = "".join(new if old != "\0" else kept for new, old, kept in zip(inner, body, line, strict=True))
            yield _Mending(mended, what, column=wide.start())
    waiting: list[tuple[str, int]] = []
    for place, sign in enumerate(body):
        if sign in "[{":
            waiting.append((sign, place))
        elif sign in "]}" and waiting and _OPEN[waiting[-1][0]] == sign:
            waiting.pop()
        elif sign in "]}":
            yield from _wrong_closing(line, place, waiting)
            return
    if waiting:
        closing = "".join(_OPEN[sign] for sign, _ in reversed(waiting))
        end = len(body.rstrip(" \0"))
        sign, place = waiting[-1]
        what = Phrase(f"a `{sign}` that is not closed", f"`{sign}` が閉じていません")
        # Behind the last sign that could end a value, each start of one would be read to the end of the line.
        swallowed = _VALUE_WITH_NUMBER.search(line, 0, 1 + max(map(line.rfind, ",]}")))
        if swallowed is not None and any(_OPEN[sign] in swallowed["rest"] for sign, _ in waiting):
            number = Phrase("a ` #` begins a comment", "` #` から後ろは注釈になります")
            mended = f"{line[: swallowed.start('value')]}{quoted(swallowed['value'])}{line[swallowed.end('value') :]}"
            yield _Mending(mended, number, certain=False, column=swallowed.start("mark"))
        if body.rstrip()[-1:] not in ("[", "{", ","):
            yield _Mending(line[:end] + closing + line[end:], what, column=place)
    undashed = re.sub(r"(?<=[\[,])(?P<space> *)- +", lambda dash: dash["space"], body)
    if undashed != body:
        place = _same(body, undashed)
        what = Phrase("a `- ` within brackets, where `,` separates", "括弧の中では、`- ` ではなく `,` で区切ります")
        yield _Mending(re.sub(r"(?<=[\[,])(?P<space> *)- +", r"\g<space>", line), what, column=place)
    doubled = re.search(r",(\s*,)+", body)
    if doubled is not None:
        what = Phrase("two commas with nothing between", "`,` が続いています")
        yield _Mending(f"{line[: doubled.start()]},{line[doubled.end() :]}", what, column=doubled.start())


_VALUE_WITH_NUMBER = re.compile(
    r"(?:: +|[\[,] *)(?P<value>[^\s\"'\[\]{},:#][^\"'\[\]{},:#]*(?P<mark> #)[^,\]}]*)(?P<rest>[,\]}].*)$"
)


def _wrong_closing(line: str, place: int, waiting: list[tuple[str, int]]) -> Iterator[_Mending]:
    sign = line[place]
    what = Phrase(f"a `{sign}` that closes nothing", f"`{sign}` に対応する括弧がありません")
    if waiting:
        right = _OPEN[waiting[-1][0]]
        other = Phrase(f"a `{sign}` where `{right}` belongs", f"`{right}` のところに `{sign}` があります")
        yield _Mending(f"{line[:place]}{right}{line[place + 1 :]}", other, column=place)
        yield _Mending(f"{line[:place]}{right}{line[place:]}", other, column=place)
    begins = line.rfind(": ", 0, place)
    if begins >= 0:
        opening = "[" if sign == "]" else "{"
        yield _Mending(f"{line[: begins + 2]}{opening}{line[begins + 2 :]}", what, column=place)
    yield _Mending(f"{line[:place]}{line[place + 1 :]}", what, certain=False, column=place)


_OTHER_DASH = re.compile(
    r"^(?P<before>\s*)(?P<sign>(?:[(（]?[A-Za-zア-ンｱ-ﾝあ-んⅠ-Ⅻ一二三四五六七八九十]{1,2}[)）]|[-－ー―—–‐‑−・●○■◆]{2,5}|[+＋※>＞])"
    r"(?=[ \u3000]{0,9}[^\s:]{1,80}:(?:\s|$))|[ー―—–‐‑−－・●○■◆*＊]|[(（]?\d{1,2}[.)．）、]|[①-⑳])"
    r"[ \u3000]*(?P<rest>\S.*)$"
)
_SENTENCE = re.compile(r" *(?:ja|ja-simple|en): +[^\s\"'|>\[{].*$")
_ITEM = re.compile(r"^(?P<before> *)- ")


def _other_marks(line: str) -> Iterator[_Mending]:
    found = _OTHER_DASH.match(line)
    if found is not None:
        what = Phrase(f"a sign `{found['sign']}` that is no hyphen", f"ハイフンでない「{found['sign']}」")
        yield _Mending(f"{found['before']}- {found['rest']}", what, column=found.start("sign"))


def _items(line: str, above: list[str], below: str) -> Iterator[_Mending]:
    """An item of a list that begins with another sign, with none, or at another depth; and a hyphen outside of one."""
    yield from _other_marks(line)
    indent = len(line) - len(line.lstrip(" "))
    depths = [len(each["before"]) for each in map(_ITEM.match, above) if each is not None]
    if indent in depths and not line.lstrip().startswith("-"):
        what = Phrase("no `- ` at the beginning of an item", "リストの項目の行頭に `- ` がありません")
        yield _Mending(f"{line[:indent]}- {line[indent:]}", what, certain=False, column=indent)
    before = next((each for each in reversed(above) if each.strip() and not each.lstrip().startswith("#")), "")
    item = _ITEM.match(before)
    depth = len(before) - len(before.lstrip(" ")) if item is None else item.end()
    if line[indent:].startswith("- ") and item is None and (depth == indent or before.rstrip()[-1:] in (",", "[")):
        what = Phrase("a `- ` where no list is", "リストでないところに `- ` があります")
        yield _Mending(line[:indent] + line[indent:].removeprefix("- ").lstrip(), what, certain=False, column=indent)
    if _SENTENCE.match(before) is not None and ":" not in line and not line.lstrip().startswith("- "):
        what = Phrase(
            "a sentence goes on here, and its indent is not deeper",
            "前の行の文の続きが、前の行より深く字下げされていません",
        )
        whole = f"{before.strip()}{line.strip()}"
        remedy = Phrase(f"write it on one line: `{whole}`", f"一行で `{whole}` と書いてください")
        yield _Mending(f"{' ' * (depth + 2)}{line.strip()}", what, certain=False, column=indent, remedy=remedy)
    if line.rstrip().endswith(":"):
        # It opens a block, so that the line below is deeper than it is meant to be.
        inner = len(below) - len(below.lstrip(" "))
        outer = [len(each) - len(each.lstrip(" ")) for each in above if each.strip()]
        depth = max((each for each in outer if each < inner), default=depth)
    if depth != indent:
        what = Phrase(
            f"indented by {indent} where its neighbours are by {depth}",
            f"字下げが前後の行と違います（{indent}。前後は {depth}）",
        )
        yield _Mending(" " * depth + line.lstrip(), what, certain=False, column=indent)
