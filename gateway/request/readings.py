"""Readings of a path: every other path that a known server may take it for.

Policy judges the canonical path, and the application's server looks at it once more. Windows drops dots and
spaces from the end of a segment, ASP.NET removes session tokens, a front controller answers to
`/index.php/reserve`, a database takes a full-width letter for a narrow one. A path that one of them reads as a page
of another rule is a way around that rule, so policy judges each reading (`policy/decide.py`).

Two kinds of folding are kept apart. A server that takes one *sign* for another does so in every name it knows,
so `fold` is applied to paths and to patterns alike. A server that reads another *structure* (fewer segments, shorter
ones) is asked for one of the `Reading`s. `docs/paths.md` tells what each server does, with its name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from gateway.request.target import ANY_ESCAPE
from gateway.settings.settings import Stack
from gateway.wire.eucjp_ms import NAME as EUCJP_MS

BUDGET = 12 * 1024
"""Most characters of all readings of one path; a path with more is refused, since no honest client sends one."""

LONGEST = 4 * 1024
"""Characters of a path that is read in other ways at all: no file system has longer ones."""


_SEGMENT_COST = 32
"""Characters that a segment counts for beside its own."""


class Kind(Enum):
    """The way in which a server comes to a reading; it decides which rules count there."""

    SAME = 1
    """Signs alone were folded: the server does so with every name."""
    ALIAS = 2
    """The server takes the whole path for the other one."""
    HANDLER = 3
    """The handler of the other path answers to this one too: that of `/reserve` to `/reserve.json`."""
    SCRIPT = 4
    """The other path is a script's, and the rest is told to it: `/reserve.php` of `/reserve.php/1`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One path that a server may take a path for."""

    path: str
    """In the signs it was sent with."""
    folded: str
    """In folded signs, as patterns are folded."""
    kind: Kind
    touched: frozenset[int]
    """The numbers of the segments that are read otherwise."""


@dataclass(frozen=True, slots=True)
class _Draft:
    segments: tuple[tuple[str, int], ...]
    """Each reading has the number of the received segment from which it comes."""
    kind: Kind = Kind.ALIAS
    touched: frozenset[int] = frozenset()


# --- signs ---------------------------------------------------------------------------

_STRUCTURE = frozenset("/\\.:;%?#~ ()+")
"""Signs that change what a path's segments are."""

_LOOK_ALIKES: Final = {
    "/": "\u2044\u2215\u2571\u27cb\u29f8",
    # The yen and the won sign stand where the backslash does in Shift_JIS and KS X 1003.
    "\\": "\u00a5\u20a9\u2216\u2572\u27cd\u29f5\u29f9",
    ".": "\u3002\u2024\u2219",
    ":": "\u2236\ua789",
    ";": "\u037e",
    "%": "\u066a",
    "~": "\u223c\u301c\u02dc",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212",
    "'": "\u2018\u2019\u201b\u2032\u02b9\u02bc",
    " ": "\u1680\u2028\u2029\u2800",
}
"""Signs that Windows' best-fit tables, databases and libraries take for one of ASCII, beyond Unicode's own (NFKC)."""

_BEST_FIT: Final = dict(
    zip(
        "ƒıłđðħŧøæœþŋßəα\u03b3δε\u03b8πσςτφω∞ɡ℮∂∅√∩",
        "filddhtoaotnsaagdetpsstfo8gedovn",
        strict=True,
    )
)
"""Letters that Windows turns into one of ASCII for a program that knows no Unicode (`bestfit1252.txt`)."""

_SPELLED_OUT: Final = {
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ø": "oe",
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "å": "aa",
    "đ": "dj",
}
"""Letters that applications write as two when they make a name of a title (WordPress's `remove_accents`)."""

_IGNORED = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\x01-\x1f\x7f-\x9f"
)
"""Signs that are not seen, and that file systems and frameworks drop. NUL is not among them: it ends a string."""

_ACCENTS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_IGNORABLE = re.compile(f"[{_IGNORED}]+")
_UNSEEN = re.compile(f"[{_IGNORED}{_ACCENTS}]+")
_BLANKS = re.compile("[ _]+")
_VOICED = re.compile("[\u3099\u309a]+")
_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_SMALL_KANA = dict(zip(map(ord, "ぁぃぅぇぉっゃゅょゎ"), "あいうえおつやゆよわ", strict=True))
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]")
_UNICODE_ESCAPE = re.compile(r"%[uU]([0-9A-Fa-f]{4})")
_NO_SLASH = "\u2215"
_ASTERISK = "\u2217"
"""It replaces `*`, which in a pattern is not a character of the path."""


def _sign_table() -> dict[int, str]:
    look_alikes = {ord(sign): plain for plain, signs in _LOOK_ALIKES.items() for sign in signs}
    table: dict[int, str] = {}
    blocks = ((0xA0, 0x100), (0x2000, 0x3400), (0xFB00, 0xFB50), (0xFE10, 0xFE70), (0xFF00, 0xFFF0))
    for code in chain(look_alikes, *(range(*block) for block in blocks)):
        sign = chr(code)
        plain = unicodedata.normalize("NFKC", sign).translate(look_alikes)
        if plain != sign and not _STRUCTURE.isdisjoint(plain):
            table[code] = plain
    return table


_SIGNS = _sign_table()
_SLASHES = {ord("\\"): "/", **{code: plain.replace("\\", "/") for code, plain in _SIGNS.items() if {*plain} & {*"/\\"}}}
_OTHER_SIGNS = {code: plain for code, plain in _SIGNS.items() if code not in _SLASHES}
_NARROW = {
    **{ord(sign): plain for plain, signs in _LOOK_ALIKES.items() for sign in signs},
    **{ord(sign): plain for sign, plain in _BEST_FIT.items()},
}
_FULL_WIDTH = {0xFF01 + place: 0x21 + place for place in range(94)}
_LETTERS = {ord("*"): _ASTERISK, **_NARROW}


def without_unicode_escapes(text: str) -> str:
    """Return a text with each `%uXXXX` decoded, as old IIS and classic ASP do."""
    return _UNICODE_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)


def plain_text(text: str) -> str:
    """Return a text with its signs folded, as servers take one for another, and nothing else changed."""
    if text.isascii():
        return (text if text.isprintable() else _IGNORABLE.sub("", text)).lower()
    text = _UNSEEN.sub("", unicodedata.normalize("NFKD", text).casefold())
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text))
    return text.casefold().translate(_NARROW)


class Folding:
    """The folding of characters for one kind of application, for paths and for the patterns of rules alike."""

    __slots__ = ("_kana", "_underscores")

    def __init__(self, stacks: Iterable[Stack] = ()) -> None:
        stacks = frozenset(stacks)
        # MySQL's `unicode_ci` takes は for ば and for ハ; MediaWiki takes `_` for a space.
        self._kana = Stack.WORDPRESS in stacks or Stack.MEDIAWIKI in stacks
        self._underscores = Stack.MEDIAWIKI in stacks

    def segment(self, text: str, *, spelled_out: bool = False) -> str:
        """Return one segment, or one literal segment of a pattern, in folded signs."""
        if text.isascii():
            if not text.isprintable():
                text = _UNSEEN.sub("", text)
            text = text.lower().replace("*", _ASTERISK).replace("+", " ")
        else:
            text = self._beyond_ascii(text, spelled_out=spelled_out)
        if self._underscores:
            text = _BLANKS.sub(" ", text)
        # A sign that only looks like a slash splits no segment here: that is another structure, and another reading.
        text = text.replace("/", _NO_SLASH)
        return text.lstrip(" ").rstrip(" .") or text

    def _beyond_ascii(self, text: str, *, spelled_out: bool) -> str:
        if spelled_out:
            text = "".join(_SPELLED_OUT.get(sign, sign) for sign in unicodedata.normalize("NFC", text.casefold()))
        text = _UNSEEN.sub("", unicodedata.normalize("NFKD", text).casefold())
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text))
        if self._kana:
            text = _VOICED.sub("", unicodedata.normalize("NFKD", text)).translate(_KATAKANA).translate(_SMALL_KANA)
        return text.casefold().translate(_LETTERS).replace("+", " ")

    def path(self, path: str, *, spelled_out: bool = False) -> str:
        """Return a path in folded signs, without what a server may add to its end: a slash."""
        segments = [self.segment(segment, spelled_out=spelled_out) for segment in path.split("/")[1:]]
        return "/" + "/".join(segments if segments[-1] else segments[:-1])

    def pattern(self, pattern: str) -> str:
        """Return a pattern in folded signs; its wildcards stay."""
        segments = [segment if segment in ("*", "**") else self.segment(segment) for segment in pattern.split("/")[1:]]
        return "/" + "/".join(segments if segments[-1] else segments[:-1])


# --- structure -----------------------------------------------------------------------

_PROGRAMS = (
    "php[0-9]?|phtml|phar|asp|aspx|ashx|asmx|axd|svc|cshtml|jsp|jspx|jsf|faces|xhtml|do|action|cgi|fcgi|pl|py|rb|cfm|cfc|"
    "exe|dll|nsf|woa|lua|tcl|shtml|psp|mvc|rails|war|wsgi|psgi|plx|rbx|rhtml|cfml|vbhtml|bat|cmd"
)
_PROGRAM = re.compile(rf"[^.].*\.(?:{_PROGRAMS})", re.IGNORECASE)
_PAGE = re.compile(rf"(.+)\.(?:{_PROGRAMS}|html?|xml|json|txt|rss|atom|csv|pdf)", re.IGNORECASE)
_PROGRAM_FOLDERS = frozenset({"cgi-bin", "cgi", "fcgi-bin", "cgi-win", "scripts"})
_DOCUMENT_ROOTS = frozenset({"public", "web", "public_html", "htdocs", "webroot", "docroot", "www"})
"""Folders whose `index.php` serves the paths of the whole site, where the site's root was put one folder too high."""
_FRONT = re.compile(
    r"(?:index|app|app_dev|main|default)\.(?:php[0-9]?|phtml|cgi|fcgi|wsgi|psgi|pl|py|rb)", re.IGNORECASE
)
_INDEX = re.compile(r"(?:index|default|home|main|welcome|iisstart)(?:\.[a-z0-9]{1,5}){1,2}|index", re.IGNORECASE)
"""Pages that stand for their folder. `index` alone is one for MultiViews, and an action for ASP.NET MVC and CakePHP."""
_SESSION = re.compile(r"\((?:[A-Za-z]\([^()]*\))+\)|\([A-Za-z0-9]{24}\)")
"""ASP.NET's tokens: of its session, its forms and its anonymous users; the second form is version 1's."""
_MANGLED = re.compile(r"\([^()]*\)\Z")
_STREAM = re.compile(r":(?:[^:]*:)?\$.*\Z|::.*\Z|:\$.*\Z")
_SHORT = re.compile(r"([^~.]{1,8})~[0-9]{1,6}(?:\.[^.]{0,3})?", re.ASCII)
_DOTS_ALONE = re.compile(r"[. ]+")
_ENDPOINT = re.compile(r"feed|rdf|rss2?|atom|embed|trackback|amp|page|comment-page-[0-9]+|[0-9]+")

_PLAIN = re.compile(r"(?:/[a-z0-9_-]+)+/?|/")
_FILE = re.compile(r"(?:/[a-z0-9_-]+)*/([a-z0-9_-]+)\.[a-z0-9]+")
_SCRIPT_BELOW = re.compile(r"/(?:index|cgi-bin|cgi|fcgi-bin|cgi-win|scripts)/|/index\Z", re.IGNORECASE)

# The signs a path must have for a rewriting to change it.
_ANY_PLUS = re.compile(r"\+")
_ANY_SLASH = re.compile("[" + "".join(map(re.escape, map(chr, _SLASHES))) + "]")
_ANY_SIGN = re.compile("[" + "".join(map(re.escape, map(chr, _OTHER_SIGNS))) + "]")
_ANY_WIDE = re.compile("[\uff01-\uff5e]")
_ANY_BEYOND = re.compile(r"[^\x00-\x7f]")
_ANY_END = re.compile(r"[. ](?:/|\Z)|/[ ]")
_ANY_DOTS = re.compile(r"/(?:/|\.{1,2}(?:/|\Z))")
_ANY_TOKEN = re.compile(r"\(")
_ANY_PARAMETER = re.compile(";")
_ANY_CUT = re.compile("[?#\0]")
_ANY_STREAM = re.compile("[:!]")
_ANY_SHORT = re.compile("~[0-9]")
_ANY_PROGRAM = re.compile(rf"\.(?:{_PROGRAMS})/|/(?:index|cgi-bin|cgi|fcgi-bin|cgi-win|scripts)/", re.IGNORECASE)
_ANY_FOLDER = re.compile("/.*/", re.DOTALL)
_ANY_INDEX = re.compile(r"(?:/index|\.[^/]*)\Z", re.IGNORECASE)
_ANY_SUFFIX = re.compile(r"\.[^/]*/?\Z")
_ANY_HOST = re.compile("/virtualhostroot(?:/|\\Z)", re.IGNORECASE)


class Readings:
    """The readings of paths for one application."""

    __slots__ = ("_names", "_prefix", "folding", "stacks")

    def __init__(self, stacks: Iterable[Stack] = (), names: Iterable[str] = (), prefix: str = "/") -> None:
        """Take the application's stack, the literal segments of its policy, and its path prefix."""
        self.stacks = frozenset(stacks)
        self.folding = Folding(self.stacks)
        self._names = tuple(dict.fromkeys(self.folding.segment(name) for name in names))
        self._prefix = tuple(prefix.split("/")[1:]) if prefix != "/" else ()

    def _rewrites(self) -> tuple[tuple[re.Pattern[str], Callable[[_Draft], Iterable[_Draft]]], ...]:
        """Return each rewrite, with what a path must have for it to change anything: most have nothing of it.

        They are not kept: methods of this object would refer to it in a circle.
        """
        return (
            (_ANY_PLUS, _blanks),
            (_ANY_SLASH, _slashes),
            (_ANY_SIGN, _signs),
            (_ANY_WIDE, _wide),
            (_ANY_BEYOND, _compatible),
            (_ANY_BEYOND, _narrow),
            (_IGNORABLE, _seen),
            (ANY_ESCAPE, _unescaped),
            (_ANY_END, _stripped),
            (_ANY_END, _trimmed),
            (_ANY_END, _dots),
            (_ANY_DOTS, _resolved),
            (_ANY_TOKEN, _without_tokens),
            (_ANY_PARAMETER, _without_parameters),
            (_ANY_CUT, _cut_off),
            (_ANY_STREAM, self._without_streams),
            (_ANY_TOKEN, _unmangled),
            (_ANY_SHORT, self._long_names),
            (_ANY_FOLDER if Stack.PHP in self.stacks else _ANY_PROGRAM, self._scripts),
            (_ANY_INDEX, _folder),
            (_ANY_SUFFIX, _handler),
            (_ANY_HOST, _behind_virtual_host),
            *([(_ANY_FOLDER, _acquired)] if Stack.ZOPE in self.stacks else []),
            *([(_ANY_FOLDER, _endpoints)] if Stack.WORDPRESS in self.stacks else []),
        )

    def of(self, path: str, raw: bytes = b"") -> tuple[Reading, ...] | None:
        """Return every reading of a canonical path, its own first; `None` where it has too many to look at.

        `raw`: the path as it was sent, where its escapes are in another charset than UTF-8.
        """
        if not raw and not self.stacks and not _SCRIPT_BELOW.search(path):
            if _PLAIN.fullmatch(path):
                return (Reading(path, path.rstrip("/") or "/", Kind.SAME, frozenset()),)
            file = _FILE.fullmatch(path)
            if file is not None and not _INDEX.fullmatch(path, file.start(1)):
                last = frozenset({path.count("/") - 1})
                stem = path[: file.end(1)]
                return (Reading(path, path, Kind.SAME, frozenset()), Reading(stem, stem, Kind.HANDLER, last))
        if len(path) > LONGEST:
            return None
        return self._all(path, raw)

    def _all(self, path: str, raw: bytes) -> tuple[Reading, ...] | None:
        """Rewrite a path in every way, and the results again, until there is no new one."""
        first = _Draft(tuple((segment, number) for number, segment in enumerate(path.split("/")[1:])))
        found: dict[tuple[str, bool], Reading] = {}
        seen = {path: first}
        waiting = [(path, first)]
        for other in _in_other_charsets(raw, len(first.segments)) if raw else ():
            if _text(other) not in seen:
                seen[_text(other)] = other
                waiting.append((_text(other), other))
        spent = 0
        rewrites = self._rewrites()
        while waiting:
            text, draft = waiting.pop()
            if draft is first or not _ANY_DOTS.search(text):
                kind = Kind.SAME if draft is first else draft.kind
                for spelled_out in (False, True):
                    folded = self.folding.path(text, spelled_out=spelled_out)
                    if not spelled_out or folded != found[text, False].folded:
                        found[text, spelled_out] = Reading(text, folded, kind, draft.touched)
                    if text.isascii():
                        break
            for needed, rewrite in rewrites:
                if needed.search(text) is None:
                    continue
                for other in rewrite(draft):
                    other_text = _text(other)
                    spent += len(other_text) + _SEGMENT_COST * len(other.segments)
                    if spent > BUDGET:
                        return None
                    before = seen.get(other_text)
                    # A reading of the whole path counts for more than one of the rest that a server hands on.
                    if before is None or (before is not first and other.kind.value < before.kind.value):
                        seen[other_text] = other
                        waiting.append((other_text, other))
        return tuple(found.values())

    # --- what needs settings ---

    def _without_streams(self, draft: _Draft) -> Iterator[_Draft]:
        """NTFS: `reserve::$DATA` is `reserve`."""
        yield from _each(draft, lambda segment: _STREAM.sub("", segment))
        # Of `..::$DATA` Windows may see the folder itself.
        yield from _each(draft, lambda segment: re.sub(r"\A[. ]+\Z", ".", _STREAM.sub("", segment)))
        if Stack.IIS in self.stacks or Stack.ASPNET in self.stacks:
            yield from _each(draft, lambda segment: segment.partition(":")[0] or segment)
        if Stack.DOMINO in self.stacks:
            yield from _each(draft, lambda segment: segment.partition("!")[0] or segment)

    def _long_names(self, draft: _Draft) -> Iterator[_Draft]:
        """FAT's names: `RESERV~1` is a name that begins with `reserv`, or with `re` where many do."""
        for place, (segment, number) in enumerate(draft.segments):
            short = _SHORT.fullmatch(segment)
            if short is None:
                continue
            stem = self.folding.segment(short[1])
            for name in self._names:
                bare = re.sub("[^a-z0-9_-]", "", name)
                hashed = len(stem) == 6 and bare[:2] == stem[:2] and re.fullmatch("[0-9a-f]{4}", stem[2:])
                if bare.startswith(stem) or hashed:
                    yield _with(
                        draft, (*draft.segments[:place], (name, number), *draft.segments[place + 1 :]), {number}
                    )

    def _scripts(self, draft: _Draft) -> Iterator[_Draft]:
        """A program answers to all paths below its own, and may serve each as if it stood without it."""
        segments = draft.segments
        depth = len(self._prefix)
        # PHP looks for the program further ahead where it does not find it (`cgi.fix_pathinfo`).
        any_file = Stack.PHP in self.stacks and _PROGRAM.fullmatch(segments[-1][0]) is not None
        for place, (segment, number) in enumerate(segments[:-1]):
            before, behind = segments[:place], segments[place + 1 :]
            folder = before[-1][0].lower() if before else ""
            if _PROGRAM.fullmatch(segment):
                beside = Kind.ALIAS
                yield _with(draft, segments[: place + 1], {number}, Kind.SCRIPT)
                # If MultiViews find `reserve.php` for `/reserve`, then `/reserve.php/1` is `/reserve/1`.
                bare = (segment.rpartition(".")[0], number)
                yield _with(draft, (*before, bare, *behind), {number}, Kind.HANDLER)
            elif segment.lower() == "index" or folder in _PROGRAM_FOLDERS:
                # MultiViews find `index.php`; below `cgi-bin` every file is a program.
                beside = Kind.HANDLER
                yield _with(draft, segments[: place + 1], {number}, Kind.HANDLER)
            else:
                if any_file and "." in segment[1:]:
                    yield _with(draft, segments[: place + 1], {number}, Kind.SCRIPT)
                continue
            if place >= depth:
                yield _with(draft, (*before, *behind), {number}, beside)
            if place > depth:
                folders = {name.lower() for name, _ in before[depth:]}
                whole_site = _FRONT.fullmatch(segment) and folders <= _DOCUMENT_ROOTS
                kind = Kind.ALIAS if whole_site else Kind.HANDLER
                yield _with(draft, (*segments[:depth], *behind), {number}, kind)


def _in_other_charsets(raw: bytes, count: int) -> Iterator[_Draft]:
    """The same bytes in the other charsets that a server may take them for, or one by one."""
    sent = unquote_to_bytes(raw)
    # An old decoder takes a sign of ASCII that was written in two bytes.
    short = _OVERLONG.sub(lambda pair: bytes(((pair[0][0] & 3) << 6 | pair[0][1] & 0x3F,)), sent)
    for data, charset in ((sent, "utf-8"), (sent, "cp932"), (sent, EUCJP_MS), (sent, "latin-1"), (short, "latin-1")):
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            continue
        pieces = enumerate(text.split("/")[1:])
        segments = tuple((piece, min(number, count - 1)) for number, piece in pieces)
        yield _Draft(segments, touched=frozenset(range(count)))


def _text(draft: _Draft) -> str:
    return "/" + "/".join(segment for segment, _ in draft.segments)


def _with(
    draft: _Draft, segments: tuple[tuple[str, int], ...], touched: Iterable[int], kind: Kind = Kind.ALIAS
) -> _Draft:
    kind = draft.kind if kind is Kind.ALIAS else kind
    return _Draft(segments, kind, draft.touched | frozenset(touched))


def _each(draft: _Draft, change: Callable[[str], str]) -> Iterator[_Draft]:
    """Change every segment alike, as a server does; nothing where that changes nothing."""
    changed = tuple((change(segment), number) for segment, number in draft.segments)
    if changed != draft.segments:
        touched = (number for (was, number), (is_, _) in zip(draft.segments, changed, strict=True) if was != is_)
        yield _with(draft, changed, touched)


def _split(draft: _Draft, change: Callable[[str], str]) -> Iterator[_Draft]:
    """Change every segment alike, where that may bring slashes."""
    for other in _each(draft, change):
        pieces = [(piece, number) for segment, number in other.segments for piece in segment.split("/")]
        yield _Draft(tuple(pieces), other.kind, other.touched)


def _blanks(draft: _Draft) -> Iterator[_Draft]:
    """A server that decodes a path as a form's value takes `+` for a space."""
    yield from _each(draft, lambda segment: segment.replace("+", " "))


def _slashes(draft: _Draft) -> Iterator[_Draft]:
    """Signs that are taken for a slash, and for the backslash that Windows takes for one."""
    yield from _split(draft, lambda segment: segment.translate(_SLASHES))


def _signs(draft: _Draft) -> Iterator[_Draft]:
    """Other signs that separate, shorten or hide, in the spellings that are taken for them."""
    yield from _each(draft, lambda segment: segment.translate(_OTHER_SIGNS))


def _wide(draft: _Draft) -> Iterator[_Draft]:
    """Windows's best fit of full-width forms: `．．` becomes `..`, and `‥` stays the sign that it is."""
    yield from _split(draft, lambda segment: segment.translate(_FULL_WIDTH))


def _compatible(draft: _Draft) -> Iterator[_Draft]:
    """Unicode's own compatibility form (NFKC), which many frameworks make of what they decode."""
    yield from _split(draft, lambda segment: unicodedata.normalize("NFKC", segment))


def _narrow(draft: _Draft) -> Iterator[_Draft]:
    """Every sign in the plainest spelling there is, so that names of programs and tokens are found in it."""
    yield from _split(
        draft,
        lambda segment: unicodedata.normalize(
            "NFC", _UNSEEN.sub("", unicodedata.normalize("NFKD", segment)).translate(_NARROW).translate(_SLASHES)
        ),
    )


def _seen(draft: _Draft) -> Iterator[_Draft]:
    """Invisible characters are dropped."""
    yield from _each(draft, lambda segment: _IGNORABLE.sub("", segment))


def _unescaped(draft: _Draft) -> Iterator[_Draft]:
    """A path is decoded once more: a kept `%2F`, a kept `%25`, the `%uXXXX` of old IIS."""
    yield from _split(draft, lambda segment: unquote(without_unicode_escapes(segment)))


def _stripped(draft: _Draft) -> Iterator[_Draft]:
    """Frameworks strip spaces from both ends of a name."""
    yield from _each(draft, lambda segment: segment.strip(" "))


def _trimmed(draft: _Draft) -> Iterator[_Draft]:
    """Windows drops dots and spaces from the end of a name."""
    yield from _each(draft, lambda segment: segment if _DOTS_ALONE.fullmatch(segment) else segment.rstrip(" ."))


def _dots(draft: _Draft) -> Iterator[_Draft]:
    """A segment of nothing but dots and spaces: this folder, the one above, or (`...`) the one above that."""
    odd = {
        number: segment.count(".")
        for segment, number in draft.segments
        if segment not in (".", "..") and _DOTS_ALONE.fullmatch(segment)
    }
    if not odd:
        return
    for ups in (0, 1, 2):
        pieces: list[tuple[str, int]] = []
        for segment, number in draft.segments:
            if number not in odd or not _DOTS_ALONE.fullmatch(segment):
                pieces.append((segment, number))
            elif ups == 0 or odd[number] < 2:
                pieces.append((".", number))
            else:
                pieces += [("..", number)] * (1 if ups == 1 else odd[number] - 1)
        yield _with(draft, tuple(pieces), odd)


def _resolved(draft: _Draft) -> Iterator[_Draft]:
    """Dot segments and empty ones, which only the rewriting has brought, or an App that keeps empty ones."""
    segments = draft.segments
    kept: list[tuple[str, int]] = []
    touched: set[int] = set()
    for place, (segment, number) in enumerate(segments):
        last = place == len(segments) - 1
        if segment in ("", ".", ".."):
            touched.add(number)
            if segment == ".." and kept:
                kept.pop()
            if last:
                kept.append(("", number))
        else:
            kept.append((segment, number))
    yield _with(draft, tuple(kept), touched)


def _without_tokens(draft: _Draft) -> Iterator[_Draft]:
    """ASP.NET removes its tokens wherever they stand, with the slash before them or without it."""
    if not any("(" in segment and _SESSION.search(segment) for segment, _ in draft.segments):
        return
    for joined in (False, True):
        pieces: list[tuple[str, int]] = []
        touched: set[int] = set()
        for segment, number in draft.segments:
            token = _SESSION.search(segment)
            if token is None:
                pieces.append((segment, number))
                continue
            touched.add(number)
            left, right = segment[: token.start()], _SESSION.sub("", segment[token.end() :])
            if joined and not left and right and pieces:
                name, before = pieces.pop()
                touched.add(before)
                pieces.append((name + right, before))
            elif left + right:
                pieces.append((left + right, number))
            elif number == draft.segments[-1][1]:
                pieces.append(("", number))
        yield _with(draft, tuple(pieces) or (("", 0),), touched)


def _without_parameters(draft: _Draft) -> Iterator[_Draft]:
    """Java's servers cut `;…` off each segment; older ones cut the whole path there."""
    if not any(";" in segment for segment, _ in draft.segments):
        return
    yield from _each(draft, lambda segment: segment.partition(";")[0])
    for place, (segment, number) in enumerate(draft.segments):
        if ";" in segment:
            rest = {other for _, other in draft.segments[place:]}
            yield _with(draft, (*draft.segments[:place], (segment.partition(";")[0], number)), rest)
            return


def _cut_off(draft: _Draft) -> Iterator[_Draft]:
    """A server that takes a decoded path apart once more ends it at `?` or `#`, and one written in C at NUL."""
    for place, (segment, number) in enumerate(draft.segments):
        short = re.split("[?#\0]", segment, maxsplit=1)[0]
        if short != segment:
            rest = {other for _, other in draft.segments[place:]}
            yield _with(draft, (*draft.segments[:place], (short, number)), rest)
            return


def _unmangled(draft: _Draft) -> Iterator[_Draft]:
    """SAP writes its session behind a segment: `sap(bD1qYQ==)`."""
    yield from _each(draft, lambda segment: _MANGLED.sub("", segment) or segment)


def _folder(draft: _Draft) -> Iterator[_Draft]:
    """A folder's index is the folder: `/reserve/index.html`, `/reserve/Default.aspx`."""
    segment, number = draft.segments[-1]
    if draft.kind is Kind.ALIAS and _INDEX.fullmatch(segment):
        yield _with(draft, (*draft.segments[:-1], ("", number)), {number}, Kind.HANDLER)


def _behind_virtual_host(draft: _Draft) -> Iterator[_Draft]:
    """Zope begins anew behind `VirtualHostRoot`, and leaves out what begins with `_vh_`."""
    for place, (segment, _) in enumerate(draft.segments):
        if segment.lower() == "virtualhostroot":
            behind = tuple(piece for piece in draft.segments[place + 1 :] if not piece[0].startswith("_vh_"))
            yield _with(draft, behind or (("", place),), {number for _, number in draft.segments[: place + 1]})


def _handler(draft: _Draft) -> Iterator[_Draft]:
    """Spring, Rails and content negotiation: what answers to `/reserve` answers to `/reserve.json`.

    Rails takes `/reserve.json/` for the same.
    """
    segments = draft.segments
    place = len(segments) - (2 if len(segments) > 1 and not segments[-1][0] else 1)
    segment, number = segments[place]
    stem, _, suffix = segment.rpartition(".")
    if draft.kind is Kind.ALIAS and stem.strip(". ") and suffix:
        yield _with(draft, (*segments[:place], (stem, number), *segments[place + 1 :]), {number}, Kind.HANDLER)


def _acquired(draft: _Draft) -> Iterator[_Draft]:
    """Zope finds an object by its name from wherever it is asked for (acquisition)."""
    for place in range(1, len(draft.segments)):
        rest = {number for _, number in draft.segments[:place]}
        yield _with(draft, draft.segments[place:], rest, Kind.HANDLER)


def _endpoints(draft: _Draft) -> Iterator[_Draft]:
    """WordPress gives each page's feed, parts and frames behind its path: `/reserve/feed/`, `/reserve/page/2/`."""
    segments = draft.segments[:-1] if draft.segments[-1][0] == "" else draft.segments
    if len(segments) > 1 and _ENDPOINT.fullmatch(segments[-1][0].lower()):
        yield _with(draft, segments[:-1], {segments[-1][1]}, Kind.HANDLER)


# --- the other way: what a pattern's page also answers to -----------------------------


def page_stem(segment: str) -> str | None:
    """Return the name under which a server finds a page without its suffix; `None` if it has none."""
    page = _PAGE.fullmatch(segment)
    return None if page is None else page[1]


def is_index(segment: str) -> bool:
    """Whether a server may answer with this page for its folder."""
    return _INDEX.fullmatch(segment) is not None


def also_served(pattern: str, stacks: Iterable[Stack] = ()) -> tuple[str, ...]:
    """Return the patterns of other paths under which a server finds what this pattern names.

    Apache's MultiViews serve `/reserve.php` to those who ask for `/reserve`, and any server a folder's index to
    those who ask for the folder.
    """
    segments = pattern.split("/")[1:]
    found: list[str] = []
    bare = [page_stem(segment) or segment for segment in segments]
    if bare != segments:
        found.append("/" + "/".join(bare))
        if Stack.ASPNET in frozenset(stacks) and segments[-1] != bare[-1]:
            # Friendly URLs hand the rest of the path to the page.
            found.append("/" + "/".join([*bare, "**"]))
    named = segments[:-1] if segments[-1] == "**" else segments
    if named and is_index(named[-1]):
        found.append("/" + "/".join(named[:-1]))
    return tuple(found)
