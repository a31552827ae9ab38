"""The samples for applications whose forms are signed, each run as its owner would run it."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.demo.deck import deck
from gateway.demo.signing_cards import SigningCards, as_base64
from gateway.signing.digest import sha256_base64
from gateway.signing.document import canonical
from tests.deploy.samples import command_of

SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "signing"
TITLE = "児童手当の申請 \\ 第1号"
FORMS = (
    [("氏名", "髙橋　花子"), ("memo", "one\r\n\r\ntwo\nthree\tfour\\"), ("empty", ""), ("a.b", "1"), ("a.b", "2")],
    [("a\r\nb", "\u202e1000円\U000e0041 𠮷 = & + %41"), ("", "a|b"), ("[2] x", "| y\r\n")],
    [("a", "\u200b\u2060\ufeff\ufffb\x7f\x85\xad\u061c\u2028\u206f")],
)
CARDS = SigningCards()


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("sample", ["signed_form.py", "signed_form.php", "SignedForm.java"])
def test_an_application_makes_the_document_again_and_checks_it(sample: str, tmp_path: Path) -> None:
    """The same hash as ours for every form, a right signature, and none over a changed form."""
    run = command_of(SAMPLES / sample, tmp_path)
    card = deck(datetime.now(UTC).date())[0]
    (tmp_path / "certificate").write_text(as_base64(CARDS.certificate(card, datetime.now(UTC))))

    for number, fields in enumerate(FORMS):
        made = canonical(fields, TITLE)
        signature = CARDS.sign(card, hashlib.sha256(made).digest())
        (tmp_path / "signature").write_text(base64.b64encode(signature).decode())
        (tmp_path / "form").write_text(urlencode(fields))
        (tmp_path / "changed").write_text(urlencode([*fields, ("amount", "1000000")]))

        def tried(form: str) -> tuple[int, str]:
            files = [str(tmp_path / name) for name in ("signature", "certificate")]
            done = subprocess.run(
                [*run, str(tmp_path / form), TITLE, *files],
                capture_output=True,
                timeout=60,
                check=False,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            )
            assert not done.stderr, done.stderr
            return done.returncode, done.stdout.decode().strip()

        assert tried("form") == (0, sha256_base64(made)), number
        assert tried("changed")[0] == 1
