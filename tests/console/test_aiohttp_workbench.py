"""The workbench over real sockets: who comes in, what is read and written, and what a stranger's page can do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.entry import Action, Outcome
from gateway.console.node import AppFacts
from gateway.console.routes import LONGEST_DRAFT, Place, route_of
from gateway.policy.reading.parse import load_policy
from gateway.workbench.draft import LONGEST_TEXT
from gateway.workbench.file_names import NEW, digest_of
from gateway.yaml.mistakes import Mistakes
from tests.console.conftest import APP, House

POLICIES = Path(__file__).parents[2] / "policies"
LOTTERY = (POLICIES / "lottery.yaml").read_text("utf-8")

PLACES = (Place.WORKBENCH, Place.WORKBENCH_EDIT, Place.WORKBENCH_WORK, Place.WORKBENCH_SAVE)


@pytest.fixture
async def bench(house: House, tmp_path: Path) -> House:
    """An author before a folder with one policy, and the policy in force of an App beside it."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "lottery.yaml").write_text(LOTTERY, "utf-8")
    force = tmp_path / "facility-booking.yaml"
    force.write_bytes((POLICIES / "facility-booking.yaml").read_bytes())
    house.node.workbench = folder
    house.node.apps = (_with_file(force),)
    await house.sign_in("abe")
    house.trail.entries.clear()
    return house


def _with_file(file: Path) -> AppFacts:
    return replace(APP, policy_file=str(file))


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def form(text: str = LOTTERY, file: str = "lottery.yaml", opened: str = "", **more: str) -> dict[str, str]:
    return {"text": text, "file": file, "opened": opened or digest_of(LOTTERY.encode()), "app": ""} | more


async def asked(bench: House, **fields: str) -> Any:
    """Send a draft as the page's script does."""
    token = {"csrf": bench.token_of(Place.WORKBENCH_WORK)}
    answer = await bench.post("workbench/work", form(**fields) | token, Accept="application/json")
    assert answer.status == 200, await answer.text()
    return json.loads(await answer.text())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["sato", "ito", "mori"])
async def test_no_other_role_opens_the_workbench(house: House, name: str, place: Place) -> None:
    """Neither its pages nor its buttons, with the right token for the button."""
    await house.sign_in(name)
    route = route_of(place)
    answer = await (house.get(route.path) if route.method == "GET" else house.press(place, **form()))

    assert answer.status == 403


@pytest.mark.parametrize("place", [Place.WORKBENCH_WORK, Place.WORKBENCH_SAVE])
async def test_another_sites_page_neither_asks_nor_saves(bench: House, place: Place) -> None:
    """Without our token, with that of another button, from another origin, or from a page of the same machine."""
    path = route_of(place).path
    for fields, more in (
        ({}, {}),
        ({"csrf": bench.token_of(Place.SIGN_OUT)}, {}),
        ({"csrf": bench.token_of(place)}, {"Origin": "http://127.0.0.1:1"}),
        ({"csrf": bench.token_of(place)}, {"Sec_Fetch_Site": "same-site"}),
    ):
        answer = await bench.post(path, form("policy: stolen\n") | {"reason": "r"} | fields, **more)
        assert answer.status == 403
    assert bench.node.workbench is not None
    assert (bench.node.workbench / "lottery.yaml").read_text("utf-8") == LOTTERY


async def test_an_author_finds_the_folders_policies_and_those_in_force(bench: House) -> None:
    """The list leads to each."""
    text = await (await bench.get("workbench")).text()

    assert "lottery.yaml" in text
    assert "facility-booking" in text


async def test_a_policy_opens_with_all_that_is_known_of_it(bench: House) -> None:
    """Without a script: the answer is in the page. Its policy lets our files run, and nothing of the page itself."""
    answer = await bench.get("workbench/edit?file=lottery.yaml")
    text = await answer.text()

    assert answer.status == 200
    assert LOTTERY.strip() in unescape(text)
    assert "findings-title" not in text
    for part in ("examples-title", "words-title", "data-title", "compared-title"):
        assert f'id="{part}"' in text
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "<script>" not in text
    assert not re.search(r"""\son[a-z]+=|\sstyle=""", text)
    again = (await bench.get("workbench/edit?file=lottery.yaml")).headers["Content-Security-Policy"]
    assert nonce[1] not in again


async def test_an_edit_is_answered_with_mistakes_at_their_lines(bench: House) -> None:
    """As the script shows them in the editor."""
    text = LOTTERY.replace("require: [open, resident]", "requires: [open, resident]")
    found = await asked(bench, text=text)

    mistakes = [each for each in found["findings"] if each["mistake"]]
    assert any("requires" in text.splitlines()[mistake["line"] - 1] for mistake in mistakes)
    assert all(mistake["text"] in unescape(found["html"]) for mistake in mistakes)


async def test_a_question_is_judged(bench: House) -> None:
    """With and without a script."""
    question = {"q_request": "POST /enter", "q_at": "2026-12-05", "q_nobody": "1"}

    assert "Asks for a sign-in" in (await asked(bench, **question))["html"]
    page = await bench.press(Place.WORKBENCH_WORK, **form(**question))
    text = await page.text()
    assert "Asks for a sign-in" in text
    assert 'value="POST /enter"' in text


async def test_saving_writes_the_file_and_the_audit_trail(bench: House) -> None:
    """With the author's reason; the page opens again and says so."""
    changed = LOTTERY.replace("2026-12-10", "2026-12-20")

    answer = await bench.press(Place.WORKBENCH_SAVE, **form(changed), reason="the period is longer")

    assert answer.status == 303
    assert answer.headers["Location"] == "/console/workbench/edit?file=lottery.yaml"
    assert bench.node.workbench is not None
    assert (bench.node.workbench / "lottery.yaml").read_text("utf-8") == changed
    (entry,) = bench.trail.entries
    assert (entry.action, entry.outcome, entry.operator) == (Action.POLICY_SAVED, Outcome.DONE, "abe")
    assert (entry.object, entry.reason) == ("lottery.yaml", "the period is longer")
    assert "Saved." in await (await bench.get("workbench/edit?file=lottery.yaml")).text()


async def test_a_file_that_changed_meanwhile_stays_and_the_text_is_kept(bench: House) -> None:
    """The author sees her text again, and pressing once more changes nothing."""
    assert bench.node.workbench is not None
    file = bench.node.workbench / "lottery.yaml"
    file.write_text("policy: somebody-elses\n")

    for _ in range(2):
        answer = await bench.press(Place.WORKBENCH_SAVE, **form("policy: mine\n"), reason="r")
        assert answer.status == 409
        assert "policy: mine" in await answer.text()
        assert file.read_text() == "policy: somebody-elses\n"


@pytest.mark.parametrize("name", ["../stolen.yaml", "/tmp/stolen.yaml", ".hidden.yaml", "a.txt", "none/a.yaml", ""])
async def test_nothing_is_written_outside_of_the_folder(bench: House, name: str, tmp_path: Path) -> None:
    """A form may bring any name."""
    before = everything(tmp_path)

    answer = await bench.press(Place.WORKBENCH_SAVE, **form("policy: p\n", name, NEW), reason="r")

    assert answer.status == 400
    assert everything(tmp_path) == before


@pytest.mark.parametrize("query", ["file=../facility-booking.yaml", "file=/etc/passwd", "app=none", "", "file=a.txt"])
async def test_nothing_is_read_outside_of_the_folder(bench: House, query: str) -> None:
    """There is no such policy."""
    assert (await bench.get(f"workbench/edit?{query}")).status == 404


@pytest.mark.parametrize("place", [Place.WORKBENCH_WORK, Place.WORKBENCH_SAVE])
@pytest.mark.parametrize(
    "name", ["../secret.yaml", "../secret.txt", "ROOT/secret.yaml", "link.yaml", "out/secret.yaml"]
)
async def test_a_draft_is_compared_with_no_file_outside_of_the_folder(
    bench: House, name: str, place: Place, tmp_path: Path
) -> None:
    """A comparison quotes every line of the other file, and a form may bring any name, also that of a link."""
    folder = bench.node.workbench
    assert folder is not None
    for secret in ("secret.yaml", "secret.txt"):
        (tmp_path / secret).write_text("key: canary\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "out").symlink_to(tmp_path)
    name = name.replace("ROOT", str(tmp_path))

    for opened in ("0" * 64, digest_of(b"key: canary\n")):
        answer = await bench.press(place, **form("policy: p\n", name, opened), reason="r")
        assert "canary" not in await answer.text()
    found = await asked(bench, text="policy: p\n", file=name)
    assert "canary" not in json.dumps(found)


async def test_a_file_in_another_charset_is_opened_as_it_is_meant(bench: House) -> None:
    """A Japanese editor writes CP932. A save must not turn each sign into a mark of damage."""
    assert bench.node.workbench is not None
    file = bench.node.workbench / "cp932.yaml"
    file.write_bytes(LOTTERY.replace("\n", "\r\n").encode("cp932"))

    page = unescape(await (await bench.get("workbench/edit?file=cp932.yaml")).text())
    assert LOTTERY in page
    assert "UTF-8" in page
    answer = await bench.press(
        Place.WORKBENCH_SAVE, **form(file="cp932.yaml", opened=digest_of(file.read_bytes())), reason="r"
    )
    assert answer.status == 303
    assert file.read_bytes() == LOTTERY.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [(b"policy: \x81\xff\xfd\n", 422, "CP932"), (b"#" * (LONGEST_TEXT + 1), 413, "128 KiB")],
)
async def test_a_file_that_the_workbench_cannot_hold_is_not_opened(
    bench: House, data: bytes, status: int, words: str
) -> None:
    """Its page says why, and no form could spoil the file."""
    assert bench.node.workbench is not None
    (bench.node.workbench / "odd.yaml").write_bytes(data)

    answer = await bench.get("workbench/edit?file=odd.yaml")

    assert answer.status == status
    text = await answer.text()
    assert words in text
    assert "<textarea" not in text


@pytest.mark.parametrize("data", [LOTTERY.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + LOTTERY.encode()])
async def test_the_version_is_that_of_the_file_as_it_is_saved(bench: House, data: bytes) -> None:
    """It is printed for the approval, and the gateway tells it where it judges: a mark or CRLF counts in both."""
    assert bench.node.workbench is not None
    file = bench.node.workbench / "lottery.yaml"
    file.write_bytes(data)
    policy = load_policy(file, Mistakes())
    assert policy is not None

    found = await asked(bench, opened=digest_of(data))

    assert policy.version in found["html"]
    assert "They are the same." in found["html"]


async def test_the_policy_in_force_opens_and_is_saved_as_a_new_file(bench: House) -> None:
    """It lies elsewhere: the gateway's file stays as it is."""
    text = await (await bench.get("workbench/edit?app=booking")).text()
    assert "policy: facility-booking" in unescape(text)

    new = form("policy: draft\nrules:\n  - {name: all, allow: signed_in}\n", "draft.yaml", NEW)
    answer = await bench.press(Place.WORKBENCH_SAVE, **new, reason="r")

    assert answer.status == 303
    assert bench.node.workbench is not None
    assert (bench.node.workbench / "draft.yaml").is_file()
    again = await bench.press(Place.WORKBENCH_SAVE, **new, reason="r")
    assert again.status == 409


async def test_a_file_in_force_is_not_saved_with_mistakes(bench: House) -> None:
    """The gateway would go on with the old one, and nobody would know why."""
    assert bench.node.workbench is not None
    file = bench.node.workbench / "lottery.yaml"
    bench.node.apps = (_with_file(file),)

    answer = await bench.press(Place.WORKBENCH_SAVE, **form("policy: [\n"), reason="r")

    assert answer.status == 409
    assert file.read_text("utf-8") == LOTTERY
    good = await bench.press(Place.WORKBENCH_SAVE, **form(LOTTERY + "# longer\n"), reason="r")
    assert good.status == 303


async def test_without_a_folder_an_author_looks_and_tries(bench: House) -> None:
    """Nothing is saved, and no file beside the policy in force is read for her."""
    bench.node.workbench = None

    page = await (await bench.get("workbench/edit?app=booking")).text()
    assert 'action="/console/workbench/save"' not in page
    refused = await bench.press(Place.WORKBENCH_SAVE, **form(file="a.yaml", opened=NEW), reason="r")
    assert refused.status == 400


async def test_a_draft_is_bounded(bench: House) -> None:
    """By the form's bytes, and by its own."""
    long = await bench.press(Place.WORKBENCH_WORK, **form("#" * (LONGEST_TEXT + 1)))
    assert long.status == 413
    longer = await bench.press(Place.WORKBENCH_WORK, **form("a" * LONGEST_DRAFT))
    assert longer.status == 413
    japanese = "# " + "あ" * (LONGEST_TEXT // 3 - 10) + "\n"
    assert (await bench.press(Place.WORKBENCH_WORK, **form(japanese))).status == 200


async def test_a_draft_cannot_put_anything_into_the_page(bench: House) -> None:
    """Neither into the page nor into the part that the script shows."""
    canary = "</textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
    text = f"policy: p\ntitle: {{ja: '{canary}'}}\nrules:\n  - {{name: '{canary}', allow: signed_in}}\n"

    page = await (await bench.press(Place.WORKBENCH_WORK, **form(text, q_request=f"GET /{canary}"))).text()
    part = (await asked(bench, text=text, q_request="GET /"))["html"]

    assert "<script>alert" not in page + part
    assert "<img src=x" not in page + part
