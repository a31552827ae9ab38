"""A configuration that goes to another process arrives as it was, and policies that are there already stay there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from joserfc import jws

from gateway.login.jwcrypto_keys import new_key
from gateway.policy.subject_code import show_code, subject_code
from gateway.process.configuration import Configuration, read_configuration
from gateway.process.packed import PolicyMissingError, packing, unpacking
from gateway.process.slices import at_once
from gateway.yaml.mistakes import Mistakes

APPS = 45
PEOPLE = 2_300
POLICY = """\
policy: p{number}
conditions:
  blocked: {{subject: {{in: blocked.yaml}}}}
  welcome: {{not: blocked}}
rules: [{{name: all, require: [welcome]}}]
examples: [{{title: everybody, at: 2026-11-29, who: {{}}, request: GET /, expect: allow}}]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings of more Apps, and a list of more people, than fit into one part."""
    new_key(tmp_path / "keys.jwks", "ES256")
    entries = (f"- {{subject: {show_code(subject_code('RP1', str(number)))}}}\n" for number in range(PEOPLE))
    (tmp_path / "blocked.yaml").write_text("".join(entries))
    apps = []
    for number in range(APPS):
        name = f"policy-{min(number, 1)}.yaml"
        (tmp_path / name).write_text(POLICY.format(number=number))
        apps.append(f"- {{name: a{number}, url: 'http://a{number}.localhost:1', upstream: 'http://127.0.0.1:1'")
        apps[-1] += f", policy: {name}}}"
    path = tmp_path / "gateway.yaml"
    provider = "{environment: emulator, issuer: 'http://localhost:1/x', client_id: RP1, keys: {file: keys.jwks}}"
    lines = ["listen: 127.0.0.1:9", f"provider: {provider}", "sessions: {store: memory}", "apps:", *apps]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def read(settings: Path, known: Configuration | None = None) -> Configuration:
    mistakes = Mistakes()
    before = {} if known is None else known.known
    configuration = read_configuration(settings, mistakes, {}, before, remarking=False)
    assert configuration is not None, mistakes.say()
    return configuration


def test_a_configuration_arrives_as_it_was(settings: Path) -> None:
    """Every App, place and entry of a list; only a policy's examples, which were run, stay behind."""
    configuration = read(settings)

    arrived = at_once(unpacking(at_once(packing(configuration)), {}))

    assert len(arrived.settings.apps) == APPS
    without = {file: replace(policy, examples=()) for file, policy in configuration.policies.items()}
    assert arrived.policies == without
    assert {len(entries) for policy in arrived.policies.values() for entries in policy.lists.values()} == {PEOPLE}
    assert arrived.settings == configuration.settings
    assert arrived.places == configuration.places
    assert arrived.known == configuration.known


def test_keys_that_have_signed_arrive_as_well(settings: Path) -> None:
    """A library's key keeps objects of another library once it has signed, and these cannot go anywhere."""
    folder = settings.parent
    new_key(folder / "assertion.jwks", "ES256")
    settings.write_text(settings.read_text() + "\nassertion: {keys: {file: assertion.jwks}}\n", encoding="utf-8")
    configuration = read(settings)
    assert configuration.assertion_keys is not None
    token = configuration.assertion_keys.sign({"sub": "x"})
    for keys in configuration.client_keys.values():
        jws.serialize_compact({"alg": keys.signing.alg}, b"x", keys.signing.key)

    arrived = at_once(unpacking(at_once(packing(configuration)), {}))

    assert arrived.assertion_keys is not None
    assert arrived.assertion_keys.published == configuration.assertion_keys.published
    assert len(arrived.assertion_keys.sign({"sub": "x"})) == len(token)
    assert {client: keys.private_jwks() for client, keys in arrived.client_keys.items()} == {
        client: keys.private_jwks() for client, keys in configuration.client_keys.items()
    }


def test_no_part_is_large(settings: Path) -> None:
    """A part is unpacked without a pause: its size is the time for which the loop stands still."""
    packed = at_once(packing(read(settings)))

    parts = [*packed.head, *(part for parts in packed.policies.values() for part in parts)]
    assert max(map(len, parts)) < 200_000
    assert len(parts) > 8


def test_a_policy_whose_files_are_the_same_is_not_parsed_again(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One policy that changed costs one policy, also beside a thousand others."""
    before = read(settings)
    changed = settings.with_name("policy-0.yaml")
    with changed.open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    parsed: list[Path] = []
    original = read_configuration.__globals__["load_policy"]

    def load_policy(file: Path, mistakes: Mistakes) -> object:
        parsed.append(file)
        return original(file, mistakes)

    monkeypatch.setitem(read_configuration.__globals__, "load_policy", load_policy)
    fresh = at_once(unpacking(at_once(packing(read(settings, before))), before.policies))

    assert parsed == [changed]
    other = settings.with_name("policy-1.yaml")
    assert fresh.policies[other] is before.policies[other]
    assert fresh.policies[changed].version != before.policies[changed].version


def test_a_changed_list_is_a_changed_policy(settings: Path) -> None:
    """A policy is all the files that it was read from."""
    before = read(settings)
    with settings.with_name("blocked.yaml").open("a", encoding="utf-8") as file:
        file.write(f"- {{subject: {show_code(subject_code('RP1', 'one more'))}}}\n")

    fresh = read(settings, before)

    assert {len(entries) for policy in fresh.policies.values() for entries in policy.lists.values()} == {PEOPLE + 1}
    assert len(fresh.policies) == 2


def test_a_known_policy_is_held_to_the_settings_of_today(settings: Path) -> None:
    """The policy is the same and its App has another contract: the mistake is named though nothing is parsed."""
    text = "policy: p\nconditions: {adult: {age: {at_least: 18}}}\npurpose: {ja: 確認}\n"
    text += "rules: [{name: r, require: [adult]}]\n"
    settings.with_name("policy-0.yaml").write_text(text, encoding="utf-8")
    written = settings.read_text(encoding="utf-8")
    settings.write_text(written.replace("client_id: RP1", "client_id: RP1, contracted: [birthdate]"), encoding="utf-8")
    before = read(settings)
    settings.write_text(written, encoding="utf-8")
    mistakes = Mistakes()

    assert read_configuration(settings, mistakes, {}, before.known, remarking=False) is None
    assert "birthdate" in mistakes.say()


def test_a_process_that_lacks_a_policy_takes_nothing(settings: Path) -> None:
    """It keeps the configuration that it has, instead of one with a hole."""
    configuration = read(settings)
    packed = at_once(packing(configuration, configuration.known))
    assert not packed.policies

    with pytest.raises(PolicyMissingError):
        at_once(unpacking(packed, {}))
