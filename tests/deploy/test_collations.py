"""Real collations of MariaDB against our comparison of accounts' names."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from gateway.accounts.names import fold_account, typed_account_name
from tests.conftest import program
from tests.deploy.test_real_applications import mariadb

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

COLLATIONS = ("utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci", "utf8mb4_uca1400_ai_ci")
AT_ONCE = 2_000


def test_names_that_a_database_takes_for_one_are_one(tmp_path: Path) -> None:
    """Of every letter of the first plane, and some beyond it: if a person can type both names, they are one here."""
    signs = [chr(code) for code in (*range(0x20, 0xD800), *range(0xE000, 0x10000), *range(0x20000, 0x20100), 0x1F600)]
    names = [name for sign in signs for name in (f"a{sign}b", f"{sign}{sign}") if typed_account_name(name) == name]
    assert len(names) > 40_000
    # A database may take a sign for nothing at all, for a blank, or for two letters.
    names += ["ab", "a b", "ab ", "assb", "aeb", "a0b", "aib"]
    script = ["SET NAMES utf8mb4; CREATE TEMPORARY TABLE names (n INT, name VARCHAR(9)) CHARACTER SET utf8mb4;"]
    for first in range(0, len(names), AT_ONCE):
        values = (
            f"({n}, _utf8mb4 x'{names[n].encode().hex()}')" for n in range(first, min(first + AT_ONCE, len(names)))
        )
        script.append(f"INSERT INTO names VALUES {','.join(values)};")  # noqa: S608 - numbers and hexadecimals
    script += [f"SELECT '{each}', n, HEX(WEIGHT_STRING(name COLLATE {each})) FROM names;" for each in COLLATIONS]  # noqa: S608
    with mariadb(tmp_path) as socket:
        command = [program("mariadb"), "--no-defaults", f"--socket={socket}", "-u", "root", "-N", "-B", "wordpress"]
        said = subprocess.run(command, input="\n".join(script), capture_output=True, text=True, check=True).stdout

    one: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for line in said.splitlines():
        collation, number, weight = line.split("\t")
        one[collation, weight].add(int(number))
    assert len(one) > 4 * 20_000
    apart = [
        (collation, sorted(names[each] for each in same))
        for (collation, _), same in one.items()
        if len({fold_account(names[each]) for each in same}) > 1
    ]
    assert not apart, apart[:40]
