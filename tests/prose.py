"""Reads the project's English: docstrings, comments, messages and pages, as sentences with their places."""

from __future__ import annotations

import ast
import gc
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LONGEST = 40
"""Words of a sentence. A longer one is two."""

_NO_SUBJECT = re.compile(r"(What|Who|Whoever|Whatever|Whichever|Whose|Whom|Where)\b")
_CONTINUES = re.compile(r"(And|Or|Nor|Also|Else|So that)\b(?!,)")
_PRONOUNS = re.compile(r"\b(whoever|whatever|whichever|whosever)\b", re.IGNORECASE)
_CODE = re.compile(r"``[^`]*``|`[^`]*`")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_QUOTE = re.compile(r"「[^」]*」|\"[^\"]*\"")
_END = re.compile(r"(?<=[.!?])[\"'”)]*\s+(?=[\"'“(`*]*[A-Z`])")
_MARKUP = re.compile(r"^\s*(<|INSERT|SELECT|UPDATE|DELETE)|[{};]\s*$|\n.*\n")
_COMMENT = re.compile(r"\s*(?:#+|//|/?\*+)(?: (?P<said>.*?))?(?:\s*\*/)?")
_FOR_PEOPLE = re.compile(r"(?:\b(?:title|description|summary|en)\"?:|^\w+ =) \"?(?P<said>[^\[{\"][^{}\"]*)")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and where it stands."""

    file: str
    line: int
    text: str
    of_code: bool = False
    """Whether it stands in a docstring or a comment, beside a name or a line that it must not continue."""

    @property
    def faults(self) -> tuple[str, ...]:
        """The breaches of the rule, in words."""
        text = _CODE.sub("x", _LINK.sub(r"\1", self.text))
        text = _QUOTE.sub("x", text)
        found = []
        if _NO_SUBJECT.match(text.lstrip("*_ (")) and not text.rstrip("*_ )").endswith("?"):
            found.append("begins with a clause instead of who acts")
        if self.of_code and _CONTINUES.match(text.lstrip("*_ (")):
            found.append("continues what stands before it, and has no subject")
        if _PRONOUNS.search(text):
            found.append("has a pronoun that no reader can look up")
        if len(re.findall(r"[A-Za-z0-9][\w'’.-]*", text)) > LONGEST:
            found.append(f"has more than {LONGEST} words")
        if len(re.findall(r":(?=\s|$)", text)) > 1:
            found.append("has two colons")
        return tuple(found)


def sentences(file: str, line: int, text: str) -> Iterator[Sentence]:
    """Yield the sentences of a text whose first line is `line`. Blocks of code and tables are left out."""
    number = line
    for block in re.split(r"(\n[ \t]*\n|\n(?=[ \t]*(?:[-*]|\d+\.) ))", text):
        stripped = block.strip()
        code = all(part.startswith("    ") for part in block.strip("\n").splitlines())
        if stripped and not code and not stripped.startswith((">>>", "|")):
            flat = " ".join(part.strip() for part in block.splitlines())
            for part in _END.split(flat):
                said = re.sub(r"^([-*]|\d+\.)\s+", "", part.strip()).lstrip("#* ").strip()
                if len(said) > 3 and not _mostly_japanese(said):
                    yield Sentence(file, number + block[: len(block) - len(block.lstrip("\n"))].count("\n"), said)
        number += block.count("\n")


def _mostly_japanese(text: str) -> bool:
    return len(_JAPANESE.findall(text)) * 2 > len(text)


def of_python(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a module's docstrings and comments."""
    for each in _of_source(str(path.relative_to(ROOT)), path.read_text("utf-8")):
        yield replace(each, of_code=True)


def _of_source(name: str, source: str) -> Iterator[Sentence]:
    for node in ast.walk(_parsed(source)):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for statement in body:
            if (
                isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str)
            ):
                yield from sentences(name, statement.lineno, _without_fields(inspect.cleandoc(statement.value.value)))
    yield from _comments(name, source)


def _parsed(source: str) -> ast.Module:
    # A collection in the midst of it makes CPython 3.11 miscount its recursion (`SystemError`).
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def _without_fields(text: str) -> str:
    """Return a docstring without the heads of Google's sections, which are no sentences."""
    return re.sub(r"^[ \t]*(Raises|Returns|Yields|Args):[ \t]*$", "", text, flags=re.MULTILINE)


def _comments(name: str, source: str) -> Iterator[Sentence]:
    """Yield the sentences of comments; lines of comment that follow each other are one text."""
    first = last = 0
    text: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        said = token.string.lstrip("#").strip()
        if re.match(r"(noqa|type:|fmt:|pragma|---|!|pyright|ruff)", said):
            continue
        if token.start[0] == last + 1 and text:
            text.append(said)
        else:
            if text:
                yield from sentences(name, first, "\n".join(text))
            first, text = token.start[0], [said]
        last = token.start[0]
    if text:
        yield from sentences(name, first, "\n".join(text))


def of_page(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a Markdown page: paragraphs and list items, cells of tables, not code."""
    name = str(path.relative_to(ROOT))
    text = path.read_text("utf-8")
    text = re.sub(r"^```.*?^```", lambda m: "\n" * m.group().count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", lambda m: "\n" * m.group().count("\n"), text, flags=re.DOTALL)
    number = 0
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if not said or said.startswith(("#", ">", "![")):
            continue
        # A bar in code, or an escaped one, does not end a cell.
        cells = re.split(r"(?<!\\)\|(?=(?:[^`]*`[^`]*`)*[^`]*$)", said.strip("|")) if said.startswith("|") else [said]
        for cell in cells:
            yield from sentences(name, number, re.sub(r"^([-*]|\d+\.)\s+", "", cell.strip()))


def of_messages(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a module's strings: errors, help texts, remarks, log texts."""
    yield from messages(str(path.relative_to(ROOT)), path.read_text("utf-8"))


def messages(name: str, source: str) -> Iterator[Sentence]:
    """Yield the sentences of the strings in a Python source. A value in one of them counts as one word."""
    tree = _parsed(source)
    data = {id(part) for node in ast.walk(tree) for part in _no_messages(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr) or id(node) in data or (text := _text_of(node)) is None:
            continue
        if len(re.findall(r"[A-Za-z]{2,}(?= )", text)) > 1 and not _MARKUP.search(text):
            yield from sentences(name, node.lineno, text)


def _no_messages(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the strings that are no message: docstrings, parts of a larger string, and lists of words."""
    body = getattr(node, "body", None)
    if isinstance(body, list):
        yield from (each.value for each in body if isinstance(each, ast.Expr))
    if isinstance(node, ast.JoinedStr):
        yield from node.values
    if isinstance(node, ast.Attribute) and node.attr == "split":
        yield node.value


def _text_of(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text_of(part) or "x" for part in parts)
        case _:
            return None


def of_texts(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a file that is not Python: its comments, and the values of its keys for people."""
    yield from texts_in(str(path.relative_to(ROOT)), path.read_text("utf-8"))


def texts_in(name: str, source: str) -> Iterator[Sentence]:
    """Yield the sentences of the text of such a file."""
    first, text = 0, ""
    for number, line in enumerate([*source.splitlines(), ""], 1):
        if comment := _COMMENT.fullmatch(line):
            first = first if text else number
            text += (comment["said"] or "") + "\n"
            continue
        if text:
            yield from sentences(name, first, text)
            text = ""
        for key in _FOR_PEOPLE.finditer(line):
            yield from sentences(name, number, key["said"])


HELD = ("gateway", "tools", "benchmarks", "tests")
"""Folders whose docstrings and comments keep the rule."""


def modules() -> list[Path]:
    """Return the modules that keep the rule."""
    found = [path for folder in HELD for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "node_modules" not in path.parts]


def pages() -> list[Path]:
    """Return the English pages, which keep the rule."""
    found = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    return [path for path in found if not path.name.endswith(".ja.md")]


LISTS = ("headers/families.py",)
"""Modules of the gateway whose strings are lists of header names."""


def talking() -> list[Path]:
    """Return the modules whose strings people read: those of the product."""
    return [path for path in sorted((ROOT / "gateway").rglob("*.py")) if not str(path).endswith(LISTS)]


def texts() -> list[Path]:
    """Return the files for people that are not Python: configurations, policies, the portal's texts."""
    suffixes = {".conf", ".java", ".json", ".mjs", ".php", ".service", ".socket", ".toml", ".yaml", ".yml", ""}
    found = [path for folder in ("deploy", "grafana", "policies") for path in sorted((ROOT / folder).rglob("*"))]
    found += [ROOT / "gateway" / "portal" / "messages" / "en.toml", ROOT / "Makefile"]
    return [path for path in found if path.is_file() and path.suffix in suffixes]


def every() -> Iterator[Sentence]:
    """Yield every sentence of ours, file by file."""
    for read, paths in READERS.items():
        for path in paths():
            yield from read(path)


READERS = {of_python: modules, of_page: pages, of_messages: talking, of_texts: texts}
"""Every kind of file with the reader of its sentences."""


if __name__ == "__main__":
    import sys

    wanted = sys.argv[1:]
    for sentence in every():
        if sentence.faults and (not wanted or any(sentence.file.startswith(place) for place in wanted)):
            sys.stdout.write(f"{sentence.file}:{sentence.line}: {', '.join(sentence.faults)}: {sentence.text}\n")
