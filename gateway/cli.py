"""The command line: `sekisho`. Exit 0 when it went well, 2 for the user's mistake, 1 for ours.

Commands stay thin: what they show is made by the steps, so that a test needs no terminal.
Groups of commands live in `commands/`, one file a group; this page has those a stranger meets first.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Literal, assert_never

import typer

from gateway import __version__
from gateway.commands import (
    accounts,
    apps,
    audit,
    completion,
    contract,
    doctor,
    fleet,
    init,
    keys,
    limits,
    operators,
    policy,
    registration,
    sessions,
    signature,
    subjects,
    support,
    switch,
    upgrade_check,
    verify,
    workbench,
)
from gateway.commands.terminal import (
    DEFAULT_CONFIG,
    EXIT_OURS,
    EXIT_USERS,
    ConfigFile,
    fail,
    language,
    lossy_standard_error,
    say,
    say_text,
)
from gateway.login.aiohttp_doctor import examine_files
from gateway.login.doctor import Level
from gateway.setup.questions import EMULATOR_CLIENT, EMULATOR_PORT
from gateway.yaml.mistakes import Mistakes, Where

app = typer.Typer(
    name="sekisho",
    help="An identity-aware gateway: My Number card sign-in in front of applications without a login of their own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(policy.app)
app.add_typer(keys.app)
app.add_typer(sessions.app)
app.add_typer(switch.app)
app.add_typer(operators.app)
app.add_typer(limits.app)
app.add_typer(apps.app)
app.add_typer(contract.app)
app.add_typer(subjects.app)
app.add_typer(accounts.app)
app.add_typer(signature.app)
app.add_typer(audit.app)
app.command()(init.init)
app.command()(verify.verify)
app.command()(support.support)
app.command()(registration.registration)
app.command()(doctor.doctor)
app.command()(fleet.fleet)
app.command()(workbench.workbench)
app.command()(completion.completion)
app.command()(upgrade_check.upgrade_check)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"sekisho {__version__}")
        raise typer.Exit


@app.callback()
def sekisho(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Take the options that stand before every command."""


@app.command()
def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    SIGHUP reads settings, policies and keys anew. SIGUSR1 opens the logs again.
    """
    from gateway.process.run import run_gateway  # noqa: PLC0415 - the server's libraries are not needed to say --help

    raise typer.Exit(run_gateway(config))


@app.command()
def check(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Read settings and policies as `run` would, and name every mistake with its place."""
    from gateway.process.configuration import read_configuration  # noqa: PLC0415

    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None or len(mistakes):
        raise fail(mistakes)
    remarks = Mistakes()
    remarks.extend(configuration.remarks)
    for key, finding in doctor.examine_certificates(configuration):
        where = configuration.places.get(key, Where(str(config)))
        match finding.level:
            case Level.FAIL:
                mistakes.add(where, finding.said, finding.remedy)
            case Level.WARN:
                remarks.add(where, finding.said, finding.remedy)
            case Level.PASS:
                pass
            case _:
                assert_never(finding.level)
    if len(mistakes):
        raise fail(mistakes)
    for finding in examine_files(doctor.secret_files(configuration)):
        # The gateway runs with them all the same, so they are remarks here.
        if finding.level is Level.FAIL:
            remarks.add(Where(finding.subject), finding.said, finding.remedy)
    for remark in remarks:
        say(f"remark: {remark.say(language())}")
    say_text(configuration.summary(language()))


@app.command()
def demo(
    port: Annotated[int, typer.Option(envvar="PORT", help="The port to open in a browser.", min=1, max=65535)] = 8080,
) -> None:
    """Start provider, gateway and five old applications on this machine, to try it out."""
    import uvloop  # noqa: PLC0415

    from gateway.demo.demo import run_demo  # noqa: PLC0415

    # The demo runs on the same event loop as the gateway, so that it shows the real behaviour.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise typer.Exit(runner.run(run_demo(port)))


@app.command()
def emulator(
    port: Annotated[int, typer.Option(help="The port to serve on, on loopback.", min=1, max=65535)] = EMULATOR_PORT,
    client_id: Annotated[str, typer.Option(help="The client that may sign people in.")] = EMULATOR_CLIENT,
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="A redirect URI of the client; repeat for more.")
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="The client's public keys, a JWKS file.", exists=True, dir_okay=False)
    ] = None,
    signing: Annotated[
        Literal["none", "private", "government"],
        typer.Option(help="The client's use of the signature API, as a private operator or a public body."),
    ] = "none",
) -> None:
    """Stand in for the Digital Authentication service, strictly, on loopback; no real person can sign in."""
    from gateway.demo.emulator import EmulatorClient, run_emulator  # noqa: PLC0415
    from gateway.demo.emulator_signing import SigningContract  # noqa: PLC0415

    home = "http://localhost:8080"
    where = tuple(redirect_uri or (f"{home}/.sekisho/callback",))
    keys = jwks or f"{home}/.sekisho/keys/client"
    items = frozenset({"name", "address", "birthdate", "gender"})
    try:
        contract = None if signing == "none" else SigningContract(government=signing == "government")
        client = EmulatorClient(client_id, where, keys, contracted=items, signing=contract)
        asyncio.run(run_emulator(port, (client,), ready=lambda issuer: say(f"issuer: {issuer}")))
    except (OSError, ValueError) as error:
        say(f"sekisho emulator: {error}", error=True)
        raise typer.Exit(EXIT_USERS) from None


def main() -> None:
    """Run the command line; a usage mistake exits 2, an unexpected error exits 1 and says its place."""
    with lossy_standard_error():
        try:
            app()
        except Exception:  # noqa: BLE001 - the last stop: whatever gets here is ours, and says where it comes from
            say("sekisho has failed because of a bug of its own:", error=True)
            say_text(traceback.format_exc(), error=True)
            sys.exit(EXIT_OURS)
