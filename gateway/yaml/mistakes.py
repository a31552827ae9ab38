"""Mistakes in the files people write: the place, the value and the remedy of each, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from unicodedata import normalize

from gateway.plain_text import printable
from gateway.yaml.look_alikes import looks_like, named, odd_signs


class Language(StrEnum):
    """A language in which a mistake can be said."""

    EN = "en"
    JA = "ja"


def spoken_in(environment: Mapping[str, str]) -> Language:
    """Return the operator's language, by the locale's usual variables."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return Language.JA if value.startswith("ja") else Language.EN
    return Language.EN


@dataclass(frozen=True, slots=True)
class Phrase:
    """The same words in English and Japanese; without `ja`, the English words are used."""

    en: str
    ja: str = ""

    def say(self, language: Language = Language.EN) -> str:
        """Return the words in one language."""
        return self.ja if language is Language.JA and self.ja else self.en

    def __str__(self) -> str:
        return self.en


class SaidError(ValueError):
    """A mistake of an operator, in both languages; `str()` is the English one, which logs have."""

    def __init__(self, said: Phrase | str) -> None:
        self.said = Phrase(said) if isinstance(said, str) else said
        super().__init__(self.said.en)


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file, as editors count: the first character is line 1, column 1."""

    file: str
    line: int = 1
    column: int = 1

    def moved(self, columns: int) -> Where:
        """Return the place so many characters to the right on the same line."""
        return Where(self.file, self.line, self.column + columns)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Fix:
    """The text at the place of a mistake, and the one to write in its stead: no other can have been meant."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a file: its place, the fault and the remedy. `str()` is the line an author reads."""

    where: Where
    what: Phrase
    remedy: Phrase | None = None
    fix: Fix | None = None
    """`None`: the author decides what to write."""

    @property
    def file(self) -> str:
        """The file it is in."""
        return self.where.file

    @property
    def line(self) -> int:
        """The line, from 1."""
        return self.where.line

    @property
    def column(self) -> int:
        """The column in characters, from 1."""
        return self.where.column

    def say(self, language: Language = Language.EN) -> str:
        """Return `file:line:column: mistake, remedy`."""
        comma = "、" if language is Language.JA else ", "
        remedy = "" if self.remedy is None else comma + self.remedy.say(language)
        return printable(f"{self.where}: {self.what.say(language)}{remedy}")

    def __str__(self) -> str:
        return self.say()


class Mistakes:
    """Collects every mistake of a file, so that its author mends them in one go."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Mistake, None] = {}

    def add(self, where: Where, what: Phrase | str, remedy: Phrase | str | None = None, fix: Fix | None = None) -> None:
        """Note one mistake; the same one twice is one."""
        said = Phrase(remedy) if isinstance(remedy, str) else remedy
        self._found[Mistake(where, Phrase(what) if isinstance(what, str) else what, said, fix)] = None

    def extend(self, others: Iterable[Mistake]) -> None:
        """Note the mistakes of another collector."""
        self._found.update(dict.fromkeys(others))

    def __iter__(self) -> Iterator[Mistake]:
        """Go through the mistakes in the order of the file."""
        return iter(sorted(self._found, key=lambda mistake: mistake.where))

    def __len__(self) -> int:
        return len(self._found)

    def say(self, language: Language = Language.EN) -> str:
        """Return all of them, a line each."""
        return "\n".join(mistake.say(language) for mistake in self)


def did_you_mean(word: str, known: Iterable[str]) -> Phrase | None:
    """Return a remedy naming the known word that was probably meant."""
    words = list(known)
    for candidate in words:
        if looks_like(word, candidate):
            return _alike(word, candidate)
    folded = normalize("NFKC", word).strip().lower().replace("-", "_").replace(" ", "_")
    by_fold = {candidate.lower().replace("-", "_").replace(" ", "_"): candidate for candidate in words}
    if folded in by_fold:
        close = [by_fold[folded]]
    else:
        close = get_close_matches(word, words, n=1, cutoff=0.6) or [
            by_fold[match] for match in get_close_matches(folded, by_fold, n=1, cutoff=0.6)
        ]
    if not close:
        return None
    return Phrase(f"did you mean `{close[0]}`?", f"`{close[0]}` のことですか")


def _alike(word: str, meant: str) -> Phrase:
    """Return the remedy for a word that looks the same as the one that is meant, with the signs that differ."""
    pairs = [(named(sign), named(right)) for sign, right in odd_signs(word, meant)]
    english = ", ".join(f"{sign[0]} stands where it has {right[0]}" for sign, right in pairs)
    japanese = "、".join(f"{right[1]}のところが{sign[1]}" for sign, right in pairs)
    return Phrase(
        f"did you mean `{meant}`, which looks the same? {english}",
        f"見た目が同じ `{meant}` のことですか（{japanese}になっています）",
    )


def lines_of(phrases: Sequence[Phrase]) -> Phrase:
    """Return several mistakes, a line each."""
    return Phrase("\n".join(each.en for each in phrases), "\n".join(each.say(Language.JA) for each in phrases))


def in_one_line(phrases: Sequence[Phrase]) -> Phrase:
    """Return several mistakes in one line."""
    return Phrase("; ".join(each.en for each in phrases), "。".join(each.say(Language.JA) for each in phrases))


def quoted(sentence: str) -> str:
    """Return a text as YAML writes it between double quotation marks."""
    escaped = sentence.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write(line: str) -> Phrase:
    """Return the remedy that shows what to write."""
    return Phrase(f"write `{line}`", f"`{line}` と書いてください")


def one_of(words: Sequence[str]) -> Phrase:
    """Return a remedy that lists the permitted values."""
    listed = ", ".join(f"`{word}`" for word in words)
    return Phrase(f"write one of {listed}", f"{'、'.join(f'`{word}`' for word in words)} のいずれかを書いてください")
