from __future__ import annotations

import os

import pytest

from gateway.portal.operators import Role, new_token, read_operators


def test_a_token_says_who() -> None:
    """Another token, an old one, or none says nobody."""
    sato, line_of_sato = new_token("sato", os.urandom(32))
    suzuki, line_of_suzuki = new_token("suzuki@city", os.urandom(32))
    operators = read_operators(f"# 2026-11\n{line_of_sato}\n\n{line_of_suzuki}  # until March\n")

    assert operators.names == ("sato", "suzuki@city")
    assert [operator and operator.name for operator in map(operators.who, (sato, suzuki))] == ["sato", "suzuki@city"]
    assert operators.who(sato[:-1]) is None
    assert operators.who("") is None
    assert operators.who("é" * 40) is None


def test_the_file_opens_nothing() -> None:
    """A reader of the file has no token, and the file's content does not appear in a traceback."""
    token, line = new_token("sato", os.urandom(32))
    operators = read_operators(line)

    assert token not in line
    assert operators.who(line.split()[1]) is None
    assert line.split()[1] not in repr(operators)


def test_every_mistake_is_named_at_once() -> None:
    """By line, and without a hash."""
    _, line = new_token("sato", bytes(32))
    text = "\n".join(["sato", "sa to ko", f"さとう {'0' * 64}", "ito xyz", line, line, f"ito {line.split()[1]}"])

    with pytest.raises(ValueError, match="line 1") as caught:
        read_operators(text)

    message = str(caught.value)
    assert [f"line {number}:" in message for number in range(1, 8)] == [True, True, True, True, False, True, True]
    assert line.split()[1] not in message


def test_a_line_has_the_roles_that_it_names() -> None:
    """A line of an earlier version names none, and its token may look and act as it could."""
    token, line = new_token("sato", bytes(32), [Role.AUDIT, Role.LOOK])
    old, old_line = new_token("ito", os.urandom(32))
    operators = read_operators(f"{line}\n{old_line}")

    sato, ito = operators.who(token), operators.who(old)

    assert line.endswith(" look audit")
    assert sato is not None
    assert sato.roles == {Role.LOOK, Role.AUDIT}
    assert ito is not None
    assert ito.roles == {Role.LOOK, Role.ACT}
    with pytest.raises(ValueError, match="line 1: a word behind the hash is no role: write look, act"):
        read_operators(f"{line} boss")
    with pytest.raises(ValueError, match=r"a word behind the hash is no role, did you mean `audit`\?"):
        read_operators(f"{line} audits")


@pytest.mark.parametrize(
    "form", ["{t} sato look", "{h} sato look", "sato {t} look", "sato {h} {t}", "{t} {h} x", "sato {h}{t}"]
)
def test_no_mistake_repeats_a_token(form: str) -> None:
    """Words in another order, and a token in the place of its hash, are named by their line."""
    token, line = new_token("sato", bytes(32))
    hash_ = line.split()[1]

    with pytest.raises(ValueError, match="line 1:") as caught:
        read_operators(form.format(t=token, h=hash_))

    assert token not in str(caught.value)
    assert hash_ not in str(caught.value)


def test_an_empty_file_admits_nobody() -> None:
    """Empty is never a yes."""
    operators = read_operators("")

    assert operators.names == ()
    assert operators.who("") is None


@pytest.mark.parametrize(("name", "random"), [("", bytes(32)), ("a b", bytes(32)), ("sato", bytes(31))])
def test_a_token_is_made_of_enough(name: str, random: bytes) -> None:
    """A name that cannot stand in the file, or too few random bytes, is refused."""
    with pytest.raises(ValueError, match=r"no name|made of"):
        new_token(name, random)
