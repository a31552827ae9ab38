"""The office's list of accounts as CSV, in and out: one row a person's link, or an account without one.

    アカウント,コード,種別,名義,役割
    tanaka,7K2M-9QRS-T3VW-XY4Z,個人,,
    club,7K2M-9QRS-T3VW-XY4Z,団体,卓球クラブ,代表者

An export has the person's mark in place of the code, which nobody can compute from it, and no password. An import
takes marks as well, so that a store can move.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeVar
from unicodedata import normalize

from gateway.accounts.accounts import Account, LinkState, Record, is_title
from gateway.accounts.marks import Marks, is_mark, marks_of_code
from gateway.accounts.names import fold_account, read_account_name
from gateway.identity import AccountKind, Role
from gateway.instant import rfc3339
from gateway.policy.reading.sheets import cell_text, columns_of, decoded, head_of, known_head, note_outside, rows_of
from gateway.policy.subject_code import fold_code
from gateway.session.seal import Secrets
from gateway.yaml.mistakes import Mistakes, Phrase, Where, one_of

LONGEST_FILE = 64 * 1024 * 1024
"""Bytes of a list."""

HEADS: Mapping[str, tuple[str, ...]] = {
    "account": ("アカウント", "利用者番号", "ログインID"),
    "code": ("コード", "本人のコード", "本人コード"),
    "kind": ("種別",),
    "title": ("名義", "団体名"),
    "role": ("役割",),
    "mark": ("しるし",),
    "evidence": ("根拠",),
    "since": ("連携日時",),
    "state": ("状態",),
}
"""The columns, and the Japanese words for each; the first is the one to recommend. The last three are an export's."""

_Word = TypeVar("_Word", AccountKind, Role, LinkState)

_KINDS = {"person": AccountKind.PERSON, "個人": AccountKind.PERSON} | {
    "group": AccountKind.GROUP,
    "団体": AccountKind.GROUP,
}
_ROLES = {"representative": Role.REPRESENTATIVE, "代表者": Role.REPRESENTATIVE} | {
    "member": Role.MEMBER,
    "構成員": Role.MEMBER,
}
_NO_NAME = re.compile(r"=|\d(?:\.\d+)?E\+\d+\Z", re.ASCII)
"""Formulas, and numbers as Excel shortens them: a name may be `1e5`, and Excel writes `1E+05`."""
_STATES: Mapping[str, LinkState] = {state.value: state for state in LinkState}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an import."""

    line: int
    account: Account
    person: Marks | None
    """`None`: the account is made known, and nobody is linked to it."""
    role: Role | None
    """`None`: a known member keeps hers."""
    kind_said: bool = True
    """False: the row leaves the kind of a known account as it is."""
    title_said: bool = True
    """False: the row leaves the title of a known account as it is."""
    state: LinkState = LinkState.ACTIVE
    """The state of the link, which an export has."""

    def account_beside(self, known: Account | None) -> Account:
        """Return the account as it is after the row; `known` is the one of before."""
        if known is None:
            return self.account
        return replace(
            self.account,
            kind=self.account.kind if self.kind_said else known.kind,
            title=self.account.title if self.title_said else known.title,
        )


def read_accounts(data: bytes, file: str, app: str, keys: Secrets, mistakes: Mistakes) -> list[Row]:
    """Return the rows of a list in UTF-8 or CP932; each mistake is noted with its line and column."""
    text = decoded(data, file, mistakes)
    rows = None if text is None else rows_of(text, file, mistakes)
    if rows is None:
        return []
    head = head_of(rows, file, lambda cell: known_head(cell, HEADS) is not None, mistakes)
    if head is None:
        mistakes.add(Where(file), Phrase("the list is empty", "一覧が空です"))
        return []
    columns = columns_of(rows[head], HEADS, {}, Where(file, head + 1), mistakes)
    if "account" not in columns:
        what = Phrase("no column names the account", "アカウントの列がありません")
        mistakes.add(Where(file, head + 1), what, Phrase("name it `account`", "列名を「アカウント」としてください"))
    if len(mistakes):
        return []
    found: list[Row] = []
    said: dict[tuple[object, ...], object] = {}
    for line, cells in enumerate(rows[head + 1 :], head + 2):
        if any(map(str.strip, cells)):
            row = _row(_named(cells, columns, Where(file, line), mistakes), Where(file, line), app, keys, mistakes)
            if row is None:
                continue
            _note_contradictions(row, said, Where(file, line), mistakes)
            found.append(row)
    return found


def _note_contradictions(row: Row, said: dict[tuple[object, ...], object], where: Where, mistakes: Mistakes) -> None:
    """Note a row that says something else than a row before it; `said` has what those have said."""
    account, person = fold_account(row.account.name), row.person
    if row.kind_said and said.setdefault(("kind", account), row.account.kind) is not row.account.kind:
        mistakes.add(where, Phrase("another row gives this account another kind", "ほかの行と種別が異なります"))
    if row.title_said and said.setdefault(("title", account), row.account.title) != row.account.title:
        mistakes.add(where, Phrase("another row gives this account another title", "ほかの行と名義が異なります"))
    if person is not None and row.role and said.setdefault(("role", account, person.first), row.role) is not row.role:
        mistakes.add(where, Phrase("another row gives this person another role", "ほかの行と役割が異なります"))


def _named(cells: list[str], columns: list[str], start: Where, mistakes: Mistakes) -> Mapping[str, str]:
    """Return a row's cells by their columns; a text that no name stands above is noted."""
    named: dict[str, str] = {}
    for number, (cell, key) in enumerate(zip_longest(map(str.strip, cells), columns, fillvalue=""), 1):
        if key:
            named[key] = cell
        elif cell:
            note_outside(cell, Where(start.file, start.line, number), mistakes)
    return named


def write_accounts(records: Iterable[Record]) -> Iterable[str]:
    """Yield the lines of an export; a record without a link has one line."""
    yield _line([HEADS[key][0] for key in ("account", "kind", "title", "role", "mark", "evidence", "since", "state")])
    for record in records:
        account = record.account
        known = [_safe(account.name), account.kind.value, _safe(account.title)]
        if not record.links:
            yield _line([*known, "", "", "", "", ""])
        for link in record.links:
            role = "" if link.role is None else link.role.value
            yield _line([*known, role, link.mark, link.evidence.value, rfc3339(link.since), link.state.value])


def _line(cells: list[str]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue()


def _safe(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; an import takes the sign away again."""
    return f"'{text}" if _begins_a_formula(text) or text[:1] == "'" else text


def _row(cells: Mapping[str, str], where: Where, app: str, keys: Secrets, mistakes: Mistakes) -> Row | None:
    before = len(mistakes)
    name = read_account_name(_plain(_value(cells.get("account", ""), where, mistakes)))
    if name is None and len(mistakes) == before:
        mistakes.add(where, Phrase("this is no account's name", "アカウント名として読めません"))
    title = _plain(cell_text(cells.get("title", ""), where, mistakes, free=True))
    if not is_title(title):
        mistakes.add(
            where, Phrase("the title is too long, or not printable", "名義が長すぎるか、使えない文字があります")
        )
    role, kind = (
        _word(cells.get("role", ""), _ROLES, where, mistakes),
        _word(cells.get("kind", ""), _KINDS, where, mistakes),
    )
    state = _word(cells.get("state", ""), _STATES, where, mistakes)
    if role is not None and kind is AccountKind.PERSON:
        mistakes.add(where, Phrase("only a group has roles", "役割は団体のアカウントだけにあります"))
    person = _person(cells, where, app, keys, mistakes)
    if len(mistakes) > before or name is None:
        return None
    # A row with a role speaks of a group.
    said = kind is not None or role is not None
    kind = kind or (AccountKind.PERSON if role is None else AccountKind.GROUP)
    account = Account(app, name, kind, title)
    return Row(where.line, account, person, role, said, bool(title), state or LinkState.ACTIVE)


def _value(cell: str, where: Where, mistakes: Mistakes) -> str:
    """Return a cell as its author sees it; an error, a formula and a number that Excel has shortened are noted."""
    text = cell_text(cell, where, mistakes, free=True)
    if text == cell and _NO_NAME.match(normalize("NFKC", cell)):
        cell_text(cell, where, mistakes, free=False)
    return text


def _person(cells: Mapping[str, str], where: Where, app: str, keys: Secrets, mistakes: Mistakes) -> Marks | None:
    code, mark = cells.get("code", ""), cells.get("mark", "")
    if code and mark:
        what = Phrase(
            "this row names a person twice: by a code and by a mark",
            "この行は、コードとしるしの両方で本人を示しています",
        )
        mistakes.add(where, what, Phrase("leave one of both cells empty", "どちらか一方を空欄にしてください"))
        return None
    for key, said in (("role", "役割"), ("state", "状態")):
        if cells.get(key, "") and not (code or mark):
            what = Phrase(
                f"this row has a {key}, and names no person who would get it",
                f"{said}が書かれていますが、だれのものかわかりません",
            )
            remedy = Phrase(
                f"write the person's code or mark, or leave the {key} empty",
                f"本人のコードかしるしを書くか、{said}を空欄にしてください",
            )
            mistakes.add(where, what, remedy)
    if code:
        folded = fold_code(normalize("NFKC", code))
        if folded is None:
            what = Phrase(
                "this is not the code of a person: one character is wrong",
                "本人のコードではありません。一文字違っています",
            )
            mistakes.add(where, what, Phrase("ask her to read it out again", "もう一度読み上げてもらってください"))
            return None
        return marks_of_code(keys, app, folded)
    if mark and not is_mark(keys, mark):
        what = Phrase(
            "no key of this App has made this mark", "このしるしは、このアプリの鍵で作られたものではありません"
        )
        mistakes.add(where, what)
        return None
    return Marks((mark,)) if mark else None


def _word(written: str, words: Mapping[str, _Word], where: Where, mistakes: Mistakes) -> _Word | None:
    found = words.get(normalize("NFKC", written).lower())
    if written and found is None:
        mistakes.add(where, Phrase(f"`{written}` is none of them", f"`{written}` は使えません"), one_of(tuple(words)))
    return found


def _plain(text: str) -> str:
    bare = text[1:]
    return bare if text[:1] == "'" and (_begins_a_formula(bare) or bare[:1] == "'" or not bare) else text


def _begins_a_formula(text: str) -> bool:
    """Say whether a spreadsheet may take a text for a formula; a Japanese one takes full-width signs as well."""
    return normalize("NFKC", text[:1])[:1] in ("=", "+", "-", "@", "\t", "\N{MINUS SIGN}")
