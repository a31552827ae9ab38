"""`sekisho keys …`, as an operator types it."""

import json
import stat
from pathlib import Path

from typer.testing import CliRunner, Result

from gateway.cli import app

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


def sekisho(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(arguments))


def test_a_key_lives_from_new_to_retired(tmp_path: Path) -> None:
    """Made, published beside its follower, replaced as the one that signs, and removed at last."""
    file = str(tmp_path / "keys.jwks")

    first = sekisho("keys", "new", file).stdout.split("\t")[0]
    second = sekisho("keys", "new", file, "--alg", "RS256").stdout.split("\t")[0]
    assert sekisho("keys", "list", file).stdout.splitlines() == [
        f"{first}\tES256\tsigns",
        f"{second}\tRS256\tpublished",
    ]
    assert sekisho("keys", "retire", file, first).exit_code == 2
    assert sekisho("keys", "rotate", file).stdout == f"{second}\tsigns\n"
    assert sekisho("keys", "retire", file, first).exit_code == 0

    assert sekisho("keys", "list", file).stdout == f"{second}\tRS256\tsigns\n"


def test_a_kid_that_begins_like_an_option_is_a_kid(tmp_path: Path) -> None:
    """A thumbprint is base64url, so one in 64 begins with a hyphen."""
    file = tmp_path / "keys.jwks"
    sekisho("keys", "new", str(file))
    keys = json.loads(file.read_text())
    keys["keys"][0]["kid"] = "-9XYHahu0lsEvQVboEJNbtb4-veH8FYyHvwd64ZZHTI"
    file.write_text(json.dumps(keys))
    sekisho("keys", "new", str(file))
    sekisho("keys", "rotate", str(file))

    result = sekisho("keys", "retire", str(file), keys["keys"][0]["kid"])

    assert (result.exit_code, result.stdout) == (0, f"{keys['keys'][0]['kid']}\tretired\n")


def test_what_is_printed_opens_nothing(tmp_path: Path) -> None:
    """No command prints a private member, and the file is its owner's alone."""
    file = tmp_path / "keys.jwks"
    sekisho("keys", "new", str(file))
    private = json.loads(file.read_text())["keys"][0]["d"]

    printed = [sekisho("keys", command, str(file)).output for command in ("list", "jwks", "new", "rotate")]

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert private not in "".join(printed)
    for key in json.loads(printed[1])["keys"]:
        assert not PRIVATE_MEMBERS & key.keys()
        assert key["use"] == "sig"


def test_a_file_that_others_can_read_is_told_of(tmp_path: Path) -> None:
    """Exit 2, with what to type."""
    file = tmp_path / "keys.jwks"
    sekisho("keys", "new", str(file))
    file.chmod(0o640)

    result = sekisho("keys", "list", str(file))

    assert result.exit_code == 2
    assert f"chmod 600 {file}" in result.output


def test_a_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    """Exit 2, no traceback, and nothing of the file's contents."""
    file = tmp_path / "keys.jwks"
    file.write_text('{"keys": [{"kty": "EC", "d": "SECRET"}]}')

    result = sekisho("keys", "jwks", str(file))

    assert result.exit_code == 2
    assert str(file) in result.output
    assert "SECRET" not in result.output


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The command writes the new key into the file that the link leads to, and keeps the file's mode and place."""
    real = tmp_path / "real" / "keys.jwks"
    real.parent.mkdir()
    link = tmp_path / "current.jwks"
    first = sekisho("keys", "new", str(real)).stdout.split("\t")[0]
    link.symlink_to(Path("real") / "keys.jwks")

    second = sekisho("keys", "new", str(link)).stdout.split("\t")[0]
    sekisho("keys", "rotate", str(link))

    assert link.is_symlink()
    assert [key["kid"] for key in json.loads(real.read_text())["keys"]] == [second, first]
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["current.jwks", "real"]
    assert [path.name for path in real.parent.iterdir()] == ["keys.jwks"]


def test_a_link_to_a_file_that_is_not_there_yet_makes_it(tmp_path: Path) -> None:
    """A folder of secrets may be filled through links."""
    link = tmp_path / "keys.jwks"
    (tmp_path / "real").mkdir()
    link.symlink_to(tmp_path / "real" / "keys.jwks")

    assert sekisho("keys", "new", str(link)).exit_code == 0

    assert link.is_symlink()
    assert (tmp_path / "real" / "keys.jwks").is_file()


def test_a_name_that_leads_to_no_end_is_refused() -> None:
    """A device that never ends does not take the machine's memory."""
    result = sekisho("keys", "list", "/dev/zero")

    assert result.exit_code == 2
    assert "File too large" in result.output
