"""The steps from the written files to people's first sign-in."""

from __future__ import annotations

import pytest

from gateway.setup.next_steps import next_steps, say_steps
from gateway.setup.questions import Provider, Question, Service
from gateway.yaml.mistakes import Language

BASE = {Question.POLICY: "library", Question.URL: "http://localhost:8080/", Question.RUN: Service.NONE}


def commands(provider: Provider, run: Service = Service.NONE) -> list[str]:
    steps = next_steps({**BASE, Question.PROVIDER: provider, Question.RUN: run}, "/etc/sekisho", "sekisho")
    return [command for step in steps for command in step.commands]


def test_the_emulator_knows_the_callback() -> None:
    """The redirect URI has no doubled slash: it is compared to the letter."""
    (emulator,) = (each for each in commands(Provider.EMULATOR) if each.startswith("sekisho emulator"))
    assert "--redirect-uri http://localhost:8080/.sekisho/callback" in emulator


def test_the_agency_gets_its_forms_and_the_operator_a_rehearsal() -> None:
    """Nobody starts before `doctor` has looked."""
    found = commands(Provider.SANDBOX)
    assert "sekisho registration -c /etc/sekisho/gateway.yaml" in found
    assert found.index("sekisho doctor -c /etc/sekisho/gateway.yaml") < found.index(
        "sekisho run -c /etc/sekisho/gateway.yaml"
    )


def test_a_service_is_installed_by_commands() -> None:
    """The service manager starts it; no command runs it by hand."""
    found = commands(Provider.PRODUCTION, Service.SYSTEMD)
    assert "systemctl enable --now sekisho" in found
    assert not any(" run -c " in command for command in found)


def test_the_package_has_brought_account_and_unit() -> None:
    """In its folder two commands are left; in another folder the person does everything herself."""

    def at(folder: str) -> tuple[str, ...]:
        answers = {**BASE, Question.PROVIDER: Provider.PRODUCTION, Question.RUN: Service.SYSTEMD}
        return next_steps(answers, folder, "sekisho", packaged=True)[-1].commands

    assert at("/etc/sekisho") == ("systemd-tmpfiles --create sekisho.conf", "systemctl enable --now sekisho")
    assert "useradd --system" in at("/srv/sekisho")[0]


@pytest.mark.parametrize("provider", [Provider.EMULATOR, Provider.SANDBOX])
def test_a_container_is_checked_by_its_own_image(provider: Provider) -> None:
    """The image's user reads the files, and the image's version judges them before it serves."""
    found = commands(provider, Service.CONTAINER)

    check = found.index("docker compose --file /etc/sekisho/compose.yaml run --rm gateway check")
    assert found[check + 1] == "docker compose --file /etc/sekisho/compose.yaml up --detach"
    assert "chown 10001 /etc/sekisho/client-keys.jwks /etc/sekisho/secret /etc/sekisho/state" in found[:check]
    assert not any(" run -c " in command for command in found)


@pytest.mark.parametrize("language", list(Language))
def test_the_page_names_who_does_each_step(language: Language) -> None:
    """Each step has a number, its words and the person."""
    steps = next_steps({**BASE, Question.PROVIDER: Provider.SANDBOX}, "/etc/sekisho", "sekisho")
    page = say_steps(steps, language)

    for number, step in enumerate(steps, 1):
        assert f"{number}. {step.what.say(language)} ({step.who.say(language)})" in page
