"""Writes a policy in the house's form: keys in the order of the guide, a line for each thing that is looked up.

It changes no rule, no order of rules and no comment. A file with a mistake has no form; the slips of a Japanese
keyboard can be mended first, sign by sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any
from unicodedata import normalize

from gateway.policy.reading.schema import policy_schema
from gateway.yaml.layout import Path, comments_of, lay_out
from gateway.yaml.mistakes import Mistake, Mistakes
from gateway.yaml.read import read_yaml
from gateway.yaml.slips import SLIPS, repair, without_unseen
from gateway.yaml.tree import Items, Node, Scalar, Table

_WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ＿]+")

_MOST_ROUNDS = 20
"""Rounds of mending: one sign may hide the next."""


class NotTheSameError(Exception):
    """The form would change what the policy says; a fault of ours, and nothing may be written."""


def house_form(text: str) -> str:
    """Return a policy without mistakes in the house's form.

    Raises:
        NotTheSameError: the result would say something else, or lack a comment.

    """
    laid_out = lay_out(text, _order, _is_block)
    before, after = (_meaning(read_yaml(each, "policy", Mistakes())) for each in (text, laid_out))
    if before != after or sorted(comments_of(text)) != sorted(comments_of(laid_out)):
        raise NotTheSameError
    return laid_out


def _is_block(path: Path, count: int) -> bool:
    match path:
        case () | ("conditions" | "rules" | "examples",) | ("rules" | "examples", "*"):
            return True
        case ("conditions", _):
            return count > 1
        case _:
            return False


@cache
def _order(path: Path) -> Sequence[str]:
    """Return the keys of a table in the order in which the guide and the schema list them."""
    schemas: list[dict[str, Any]] = [_schema()]
    for key in path:
        schemas = [inner for schema in schemas for inner in _inner(schema, key)]
    for schema in schemas:
        for each in _alternatives(schema):
            if "properties" in each:
                return tuple(each["properties"])
    return ()


@cache
def _schema() -> dict[str, Any]:
    return policy_schema()


def _alternatives(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for each in schema.get("anyOf", ()):
        yield from _alternatives(each)


def _inner(schema: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    for each in _alternatives(schema):
        found = each.get("items") if key == "*" else each.get("properties", {}).get(key)
        found = found if found is not None or key == "*" else each.get("additionalProperties")
        if isinstance(found, dict):
            yield found


def _meaning(node: Node | None) -> object:
    """Return all that a reader of the tree sees, but for the order of keys."""
    match node:
        case Table():
            # The order of conditions is theirs, as their mistakes and words follow it.
            return {entry.key: _meaning(entry.value) for entry in node}
        case Items():
            return [_meaning(item) for item in node]
        case Scalar():
            return node.text
        case None:
            return None


def mended(text: str, mistakes_of: Callable[[str], Mistakes]) -> str:
    """Return a text in which each mistake is mended whose message shows a line that is certain, and no other.

    `mistakes_of`: returns the mistakes of a text. Signs in sentences, names and addresses are none, and stay.
    """
    text = without_unseen(text, "policy", Mistakes())
    best, fewest = text, len(mistakes_of(text))
    for indent in (2, 1):
        # A full-width space is two columns wide, so two is what its author saw.
        candidate = repair(text, indent, "policy").text
        count = len(mistakes_of(candidate))
        if count < fewest:
            best, fewest = candidate, count
    for _ in range(_MOST_ROUNDS):
        better = _one_round(best, mistakes_of)
        if better == best:
            break
        best = better
    return best


def _one_round(text: str, mistakes_of: Callable[[str], Mistakes]) -> str:
    """Return a text with fewer mistakes, each of those that are gone mended as its message says; or the same text."""
    found = list(mistakes_of(text))
    together = _without_signs(_with_fixes(text, found), mistakes_of)
    if together != text and len(mistakes_of(together)) < len(found):
        return together
    for mistake in found:
        alone = _with_fixes(text, [mistake])
        if alone != text and len(mistakes_of(alone)) < len(found):
            return alone
    return text


def _with_fixes(text: str, mistakes: Sequence[Mistake]) -> str:
    """Write the text that each mistake says is certain, where the old one still stands."""
    lines = text.split("\n")
    for mistake in reversed(mistakes):
        number, column, fix = mistake.line - 1, mistake.column - 1, mistake.fix
        if fix is not None and number < len(lines) and lines[number].startswith(fix.old, column):
            line = lines[number]
            lines[number] = line[:column] + fix.new + line[column + len(fix.old) :]
    return "\n".join(lines)


def _without_signs(text: str, mistakes_of: Callable[[str], Mistakes]) -> str:
    """Write the plain sign at the place of each mistake that is a full-width one."""
    lines = text.split("\n")
    for mistake in reversed(list(mistakes_of(text))):
        number, column = mistake.where.line - 1, mistake.where.column - 1
        line = lines[number] if number < len(lines) else ""
        sign = line[column : column + 1]
        wide = _WIDE.match(line, column)
        if wide is not None:
            lines[number] = line[:column] + normalize("NFKC", wide[0]) + line[wide.end() :]
        elif sign in SLIPS:
            plain = SLIPS[sign][1]
            # `８：３０` is a time, and its colon no key's.
            of_time = plain == ":" and line[column + 1 : column + 2].isdecimal() and line[:column][-1:].isdecimal()
            behind = " " if plain in ",:" and not of_time and not line[column + 1 :].startswith(" ") else ""
            lines[number] = line[:column] + plain + behind + line[column + 1 :]
    return "\n".join(lines)
