"""The configuration reads the files that the settings name, checks them together, and names every mistake at once."""

from __future__ import annotations

import re
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.demo.signing_cards import SigningCards
from gateway.login.jwcrypto_keys import new_key
from gateway.process.configuration import read_configuration
from gateway.yaml.mistakes import Language, Mistakes
from tests.upstream.certificates import certify

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that settings name."""
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "policy.yaml").write_text("policy: p\nrules: [{name: all, allow: everyone}]\n")
    new_key(tmp_path / "keys.jwks", "ES256")
    return tmp_path


def write(folder: Path, sessions: str) -> Path:
    """Write settings with this section on sessions."""
    path = folder / "gateway.yaml"
    path.write_text(
        f"""\
listen: 127.0.0.1:8080
provider: {{environment: emulator, issuer: 'http://localhost:1/x', client_id: RP00000001, keys: {{file: keys.jwks}}}}
sessions: {{secret: {{file: secret}}, {sessions}}}
apps: [{{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}}]
""",
        encoding="utf-8",
    )
    return path


def test_the_password_of_redis_comes_from_its_file(folder: Path) -> None:
    """An ACL user stands in the URL, the password in a file or the environment; neither shows in what is printed."""
    path = write(folder, "store: 'redis://gateway@redis/0', password: {file: password}, timeout: 2s")
    mistakes = Mistakes()

    configuration = read_configuration(path, mistakes, {})

    assert [str(mistake) for mistake in mistakes] == []
    assert configuration is not None
    assert (configuration.redis.password, configuration.redis.timeout) == (PASSWORD, 2.0)
    assert PASSWORD not in repr(configuration)


def test_a_user_without_a_password_is_refused(folder: Path) -> None:
    """Nobody believes to have a user of its own in Redis who has not."""
    path = write(folder, "store: 'redis://gateway@redis/0'")
    mistakes = Mistakes()

    assert read_configuration(path, mistakes, {}) is None
    assert "no `password` is given" in " ".join(str(mistake) for mistake in mistakes)


@pytest.mark.parametrize(
    ("sessions", "environment", "file"),
    [
        ("store: 'redis://redis/0'", {}, "{folder}/sign-outs"),
        (
            "store: 'redis://redis/0'",
            {"STATE_DIRECTORY": "/var/lib/sekisho:/var/lib/more"},
            "/var/lib/sekisho/sign-outs",
        ),
        ("store: 'redis://redis/0'", {"STATE_DIRECTORY": "not/absolute"}, "{folder}/sign-outs"),
        ("store: 'redis://redis/0', sign_outs: waiting", {"STATE_DIRECTORY": "/var/lib/x"}, "{folder}/waiting"),
        ("store: memory", {"STATE_DIRECTORY": "/var/lib/x"}, "None"),
    ],
)
def test_sign_outs_wait_where_the_service_may_write(
    folder: Path, sessions: str, environment: dict[str, str], file: str
) -> None:
    """In systemd's state directory, beside the settings, or where they say; a store in this process is never away."""
    configuration = read_configuration(write(folder, sessions), Mistakes(), environment)

    assert configuration is not None
    assert str(configuration.sign_outs_file) == file.format(folder=folder)


def test_a_folder_for_sign_outs_that_is_not_there_is_refused(folder: Path) -> None:
    """It would be missed on the day Redis is away."""
    mistakes = Mistakes()

    assert read_configuration(write(folder, "store: 'redis://r/0', sign_outs: nowhere/file"), mistakes, {}) is None
    assert "there is no folder" in " ".join(str(mistake) for mistake in mistakes)


def mistakes_of(folder: Path, more: str, *, app: str = "") -> list[str]:
    """Return what is wrong with settings that say `more`, without the folder's name."""
    path = write(folder, "store: memory")
    path.write_text(path.read_text().replace("policy: policy.yaml", f"policy: policy.yaml{app}") + more)
    mistakes = Mistakes()
    read_configuration(path, mistakes, {})
    return [str(mistake).replace(f"{folder}/", "") for mistake in mistakes]


def test_every_file_that_cannot_be_used_is_named_at_once(folder: Path) -> None:
    """Each at the setting that names it, so that no traceback comes after them."""
    (folder / "junk.pem").write_text("junk")

    said = mistakes_of(
        folder,
        "tls: {certificate: none.pem}\naliases: nowhere/aliases\nswitches: nowhere/on.json\naccess_log: nowhere/log\n",
        app=", upstream_options: {ca: none-ca.pem, certificate: junk.pem}, "
        "client: {issuer: 'http://localhost:2/x', client_id: RP2, keys: {file: none.jwks}, ca: junk.pem}",
    )

    paths = "write a path from `/`, or one from the folder of this file"
    assert [line.partition(" ")[2] for line in said] == [
        f"`none-ca.pem` cannot be read: No such file or directory, {paths}",
        (
            "`junk.pem` does not have the needed content, "
            "expected: a certificate with its chain, and its key without passphrase"
        ),
        f"`none.jwks` cannot be read: No such file or directory, {paths}",
        "`junk.pem` does not have the needed content, expected: certificates in PEM",
        f"`none.pem`: there is no such file, {paths}",
        "there is no folder `nowhere`, create it, or name another",
        "there is no folder `nowhere`, create it, or name another",
        "there is no folder `nowhere`, create it, or name another",
    ], said
    assert all(re.match(r"gateway\.yaml:\d+:\d+: ", line) for line in said)


def test_a_file_of_nearly_that_name_is_offered(folder: Path) -> None:
    """A slip in a path is mended by its owner, who sees the right name."""
    (folder / "client-keys.jwks").write_text("{}")

    said = mistakes_of(
        folder,
        "",
        app=", client: {issuer: 'http://localhost:2/x', client_id: RP2, keys: {file: client-key.jwks}}",
    )

    assert [line.partition(" ")[2] for line in said] == [
        "`client-key.jwks` cannot be read: No such file or directory, did you mean `client-keys.jwks`?"
    ]


LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'


def test_a_logo_comes_from_its_file(folder: Path) -> None:
    """The route has the file's content, as it was when the settings were read."""
    (folder / "mark.svg").write_text(LOGO)
    path = write(folder, "store: memory")
    path.write_text(path.read_text().replace("policy: policy.yaml", "policy: policy.yaml, brand: {logo: mark.svg}"))
    configuration = read_configuration(path, Mistakes(), {})
    (folder / "mark.svg").write_text("something else")

    assert configuration is not None
    (route,) = configuration.table(None, {}).named.values()
    assert route.logo is not None
    assert route.logo.content == LOGO.encode()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("no.svg", None, "cannot be read"),
        ("mark.svg", LOGO.replace("<path", "<script/><path"), "`<script>`"),
        ("mark.gif", "GIF89a", "neither a PNG nor an SVG"),
        ("long.svg", LOGO + " " * 30_000, "smaller than 20,480 bytes"),
    ],
)
def test_a_logo_that_cannot_be_shown_is_refused(folder: Path, file: str, content: str | None, said: str) -> None:
    """At the setting that names it, with the remedy."""
    if content is not None:
        (folder / file).write_text(content)

    (line,) = mistakes_of(folder, "", app=f", brand: {{logo: {file}}}")

    assert line.startswith("gateway.yaml:")
    assert file in line
    assert said in line


def test_files_that_can_be_used_are_no_mistake(folder: Path) -> None:
    """A certificate with its key, a CA, a file of aliases that is not there yet."""
    certificate, key = certify(folder, "localhost")

    assert (
        mistakes_of(
            folder,
            f"tls: {{certificate: {certificate.name}, key: {key.name}}}\naliases: aliases\naccess_log: log\n",
            app=f", upstream_options: {{ca: {certificate.name}}}",
        )
        == []
    )


def test_a_key_that_cannot_sign_as_asked_is_refused(folder: Path) -> None:
    """Each sign-in would otherwise fail at its last step."""
    path = write(folder, "store: memory")
    path.write_text(path.read_text().replace("client_id: RP00000001", "client_id: R, assertion_algorithm: RS256"))
    mistakes = Mistakes()

    assert read_configuration(path, mistakes, {}) is None
    assert "is for ES256 and not RS256" in mistakes.say()


def test_a_keep_that_will_not_be_honoured_is_refused(folder: Path) -> None:
    """Each name is named with its line, why it will not pass, and what to do; a harmless one is not."""
    path = write(folder, "store: memory")
    kept = "X-User-Id, X-Script-Name, X-HTTP-Method-Override, X-Citizen"
    one = f"headers: {{keep: [{kept}], pass: [X-CSRF-Token, Host]}}"
    another = "{name: b, url: 'http://b.localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml"
    text = path.read_text().replace("policy: policy.yaml}]", f"policy: policy.yaml,\n{one}}},\n {another},")
    path.write_text(f"{text.rstrip()} headers: {{names: {{subject: X-Citizen}}}}}}]\n")
    mistakes = Mistakes()

    assert read_configuration(path, mistakes, {}) is None
    said = [str(mistake).removeprefix(f"{path}:") for mistake in mistakes]
    assert [re.findall(r"`([^`]+)`", mistake)[0] for mistake in said] == [
        "X-Script-Name",
        "X-HTTP-Method-Override",
        "X-Citizen",
        "Host",
    ]
    assert all(mistake.startswith("5:") for mistake in said)
    assert "method_override: both" in said[1]


def test_a_worker_that_would_be_refused_is_remarked(folder: Path) -> None:
    """A policy that names the usual script in the root tells of an application that has one."""
    (folder / "policy.yaml").write_text(
        "policy: p\nrules:\n  - {name: w, match: {path: [/sw.js, /app/sw.js]}, allow: everyone}\n"
        "  - {name: all, allow: everyone}\n"
    )

    configuration = read_configuration(write(folder, "store: memory"), Mistakes(), {})

    assert configuration is not None
    said = [str(remark) for remark in configuration.remarks if "service worker" in str(remark)]
    assert len(said) == 1
    assert "`/sw.js`" in said[0]
    assert "`/.sekisho/`" in said[0]


ADULTS = """policy: p
purpose: {ja: 確認のため}
conditions: {adult: {age: {at_least: 18}, if_not: {ja: 十八歳以上の方, en: Adults}}}
rules: [{name: all, require: [adult]}]
"""
NAMED = "operator: {ja: 区, en: City}, contact: 'https://city.example/'"


@pytest.mark.parametrize(
    ("policy", "more", "remarks"),
    [
        (ADULTS, "", ["`operator` and `contact`"]),
        (ADULTS, "operator: {ja: 区, en: City}", ["no `contact`"]),
        (ADULTS, "operator: {ja: 区, en: City}, contact: {phone: 03-1234-5678}", []),
        (ADULTS, "contact: {counter: {ja: 5階, en: 5th floor}}", ["no `operator`"]),
        (ADULTS, "contact: {hours: {ja: 平日, en: weekdays}}", ["`operator` and `contact`"]),
        ("policy: p\nrules: [{name: all, allow: everyone}]\n", "", []),
        ("policy: p\nrules: [{name: all, allow: signed_in}]\n", "", []),
    ],
)
def test_an_app_that_reads_cards_and_names_nobody_is_remarked(
    folder: Path, policy: str, more: str, remarks: list[str]
) -> None:
    """The person must read for whom the facts are and whom to ask; the remark says from when this is refused."""
    said = remarked(folder, policy, more, "asks for facts")

    assert len(said) == len(remarks)
    assert all(word in line and "0.2" in line for word, line in zip(remarks, said, strict=True))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (NAMED, ["`policy: purpose`"]),
        (NAMED + ", brand: {service: 予約}", ["`brand.service`", "`policy: purpose`"]),
        (NAMED + ", languages: [ja, ja-simple]", []),
    ],
)
def test_a_text_without_english_is_remarked_where_english_pages_are_offered(
    folder: Path, more: str, named: list[str]
) -> None:
    """A page must not change its language in the middle, unless the App offers no English at all."""
    said = remarked(folder, ADULTS, more, "speak Japanese")

    assert len(said) == bool(named)
    assert all(name in said[0] for name in named)


HOMES = """policy: p
rules:
  - {name: about, match: {path: /about}, allow: everyone}
  - {name: closed, match: {path: /closed}, allow: nobody}
  - {name: rest, match: {path: /mine}, allow: signed_in}
"""


@pytest.mark.parametrize(
    ("home", "open_to_all"),
    [
        ("/about", True),
        ("/about?from=portal", True),
        ("https://city.example/", True),
        ("/mine", False),
        ("/closed", False),
        ("/nowhere", False),
        ("//city.example/", False),
    ],
)
def test_a_home_that_leads_into_a_sign_in_is_remarked(folder: Path, home: str, open_to_all: bool) -> None:
    """The operator learns it from `check`, and not from a page of ours that has no way home."""
    said = remarked(folder, HOMES, f"home: '{home}'", "`home` of")

    assert [home in line for line in said] == [True] * (not open_to_all)


def remarked(folder: Path, policy: str, more: str, word: str) -> list[str]:
    """Return the remarks with a word in them, about settings with these entries of the App."""
    (folder / "policy.yaml").write_text(policy)
    path = write(folder, "store: memory")
    text = path.read_text().replace("policy: policy.yaml", f"policy: policy.yaml, {more}".rstrip(", "))
    path.write_text(text.replace("keys: {file: keys.jwks}", "keys: {file: keys.jwks}, contracted: [birthdate]"))
    mistakes = Mistakes()
    configuration = read_configuration(path, mistakes, {})
    assert configuration is not None, mistakes.say()
    return [str(remark) for remark in configuration.remarks if word in str(remark)]


@pytest.mark.parametrize("key", ["keep_form: true", "returns_from: https://pay.example"])
def test_a_form_that_cannot_be_kept_is_remarked(folder: Path, key: str) -> None:
    """In forward-auth mode another proxy has it; in proxy mode there is nothing to say."""
    path = write(folder, "store: memory")
    rule = f"{{name: pay, match: {{path: /pay}}, allow: signed_in, {key}}}"
    (folder / "policy.yaml").write_text(f"policy: p\nrules: [{rule}]\n")
    text = path.read_text()
    said = []
    for mode in (text, text.replace("upstream: 'http://127.0.0.1:1'", "mode: forward_auth")):
        path.write_text(f"{mode}trusted_proxies: [127.0.0.1]\n")
        configuration = read_configuration(path, Mistakes(), {})
        assert configuration is not None
        said.append([str(remark) for remark in configuration.remarks if "does nothing" in str(remark)])

    assert said[0] == []
    (remark,) = said[1]
    assert f"`{key.partition(':')[0]}` of `pay` does nothing" in remark


@pytest.mark.parametrize(("ask", "remarks"), [("per_rule", 1), ("once", 0)])
def test_a_form_that_reads_the_card_again_is_remarked_where_the_app_does_not_ask_once(
    folder: Path, ask: str, remarks: int
) -> None:
    """With `ask: once` the first sign-in has asked for all of it."""
    path = write(folder, "store: memory")
    form = "{name: form, match: {path: /a, method: POST}, allow: signed_in, disclose: [name], purpose: {ja: 確認}}"
    (folder / "policy.yaml").write_text(f"policy: p\nrules: [{form}, {{name: rest, allow: signed_in}}]\n")
    text = path.read_text().replace("RP00000001,", "RP00000001, contracted: [name],")
    path.write_text(text.replace("upstream: 'http://127.0.0.1:1'", f"upstream: 'http://127.0.0.1:1', ask: {ask}"))
    mistakes = Mistakes()

    configuration = read_configuration(path, mistakes, {})

    assert configuration is not None, mistakes.say()
    assert len([remark for remark in configuration.remarks if "reads the card again" in str(remark)]) == remarks


@pytest.mark.parametrize(("line", "remarks"), [("8KiB", 0), ("16KiB", 1)])
def test_a_return_target_that_outer_proxies_do_not_take_is_remarked(folder: Path, line: str, remarks: int) -> None:
    """A sign-in leads back to a link as long as a request line, in the head of one answer."""
    path = write(folder, "store: memory")
    path.write_text(f"{path.read_text()}traffic: {{request_line: {line}}}\n")
    mistakes = Mistakes()

    configuration = read_configuration(path, mistakes, {})

    assert configuration is not None, mistakes.say()
    assert len([each for each in configuration.remarks if "back after the sign-in" in str(each)]) == remarks


@pytest.mark.parametrize(
    ("network", "remarks"),
    [
        ("10.0.0.2", 0),
        ("10.0.0.0/8", 0),
        ("fc00::/7", 0),
        ("104.16.0.0/13", 0),
        ("2400:cb00::/32", 0),
        ("0.0.0.0/0", 1),
        ("128.0.0.0/1", 1),
        ("::/0", 1),
        ("2000::/3", 1),
        ("::ffff:0:0/96", 1),
        ("::ffff:10.0.0.0/104", 0),
    ],
)
def test_proxies_that_are_everybody_are_remarked(folder: Path, network: str, remarks: int) -> None:
    """A network of a carrier, or of one's own, may be a proxy's; half of the internet may not."""
    path = write(folder, "store: memory")
    path.write_text(f"{path.read_text()}trusted_proxies: ['{network}']\n")
    mistakes = Mistakes()

    configuration = read_configuration(path, mistakes, {})

    assert configuration is not None, mistakes.say()
    assert len([each for each in configuration.remarks if "trusts clients themselves" in str(each)]) == remarks


def test_a_head_that_outer_proxies_do_not_take_is_remarked(folder: Path) -> None:
    """The longest name and address count, and the cookies that `traffic.headers` admits; nothing stops."""
    path = write(folder, "store: memory")
    (folder / "policy.yaml").write_text(
        "policy: p\npurpose: {ja: 確認}\nrules: [{name: all, allow: signed_in, disclose: [subject, name, address]}]\n"
    )
    text = path.read_text().replace("RP00000001,", "RP00000001, contracted: [name, address],")
    text = text.replace("upstream: 'http://127.0.0.1:1'", "mode: forward_auth")
    said: dict[str, list[str]] = {}
    for headers in ("32KiB", "64KiB"):
        path.write_text(f"{text}trusted_proxies: [127.0.0.1]\ntraffic: {{headers: {headers}}}\n")
        mistakes = Mistakes()
        configuration = read_configuration(path, mistakes, {})
        assert configuration is not None, mistakes.say()
        said[headers] = [str(remark) for remark in configuration.remarks if "bytes long" in str(remark)]

    assert said["32KiB"] == []
    (remark,) = said["64KiB"]
    assert "outer proxies take 61440" in remark
    assert int(re.findall(r"can become (\d+) bytes", remark)[0]) > 64 * 1024


def test_spans_need_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake says how to install it."""
    path = write(folder, "store: memory")
    path.write_text(path.read_text() + "traces: {endpoint: 'http://127.0.0.1:4318/v1/traces'}\n")
    with_it, without_it = Mistakes(), Mistakes()

    assert read_configuration(path, with_it, {}) is not None
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "opentelemetry.sdk.trace", raising=False)
    monkeypatch.delitem(sys.modules, "opentelemetry.sdk", raising=False)

    assert read_configuration(path, without_it, {}) is None
    (said,) = (str(mistake) for mistake in without_it)
    assert "`pip install 'sekisho[otel]'`" in said


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Authorization: Bearer abc\nX-Scope:  a b \n", {"Authorization": "Bearer abc", "X-Scope": "a b"}),
        ("", {}),
        ("correct-horse-battery-staple\n", None),
        ("A: b\r\x00\n", None),
        ("名: b\n", None),
    ],
)
def test_header_fields_for_the_collector_come_from_a_file(
    text: str, fields: dict[str, str] | None, folder: Path
) -> None:
    """A line of another form is named by its number, since it may hold a token."""
    (folder / "otlp").write_text(text, encoding="utf-8")
    path = write(folder, "store: memory")
    path.write_text(path.read_text() + "traces: {endpoint: 'http://h/v1/traces', headers: {file: otlp}}\n")
    mistakes = Mistakes()

    configuration = read_configuration(path, mistakes, {})

    if fields is None:
        assert configuration is None
        assert any("line 1 is no header field" in str(mistake) for mistake in mistakes)
        assert not any(text.strip() in str(mistake) for mistake in mistakes)
    else:
        assert configuration is not None, [str(mistake) for mistake in mistakes]
        assert configuration.trace_headers == fields


@pytest.mark.parametrize(
    "rule",
    ["{name: all, allow: signed_in, accounts: offered}", "{name: all, require: [linked]}"],
)
def test_a_rule_that_looks_at_accounts_needs_an_app_that_has_some(folder: Path, rule: str) -> None:
    """Otherwise each of its requests would fail; with accounts, key and store the same policy is good."""
    conditions = "conditions: {linked: {account: linked}}\n"
    (folder / "policy.yaml").write_text(f"policy: p\n{conditions}rules: [{rule}]\n")
    (folder / "accounts.key").write_text(secrets.token_hex(32))

    assert any("looks at accounts" in mistake for mistake in mistakes_of(folder, ""))
    accounts = ", accounts: {store: memory, key: {file: accounts.key}, header: X-User}"
    assert mistakes_of(folder, "", app=accounts) == []


def test_the_key_of_accounts_may_come_from_a_program(folder: Path) -> None:
    """A key service's program prints it; a program that fails, or prints no key, is named."""
    (folder / "policy.yaml").write_text("policy: p\nrules: [{name: all, allow: signed_in, accounts: required}]\n")
    (folder / "accounts.key").write_text(secrets.token_hex(32))

    def found(*command: str) -> list[str]:
        written = ", ".join(f"'{word}'" for word in command)
        return mistakes_of(
            folder, "", app=f", accounts: {{store: memory, key: {{command: [{written}]}}, header: X-User}}"
        )

    assert found("/bin/cat", str(folder / "accounts.key")) == []
    assert any("ended with 1" in mistake for mistake in found("/bin/false"))
    assert any("FileNotFoundError" in mistake for mistake in found("/no/such/program"))
    assert any("bytes" in mistake for mistake in found("/bin/echo", "short"))


def test_a_private_operator_is_told_that_no_result_is_verified(folder: Path) -> None:
    """Only its PF operator opens the certificate, so `verify` is for the command alone."""
    authority = folder / "ca.pem"
    authority.write_bytes(SigningCards().authority(datetime.now(UTC)).public_bytes(Encoding.PEM))
    path = write(folder, "store: memory")
    path.write_text(path.read_text() + f"\nsigning: {{verify: {{statement: approved, ca: {authority}}}}}\n")
    mistakes = Mistakes()

    configuration = read_configuration(path, mistakes, {})

    assert configuration is not None, mistakes.say()
    assert any("verifies no result of a private operator" in str(remark) for remark in configuration.remarks)


def test_a_policy_that_is_not_there_is_a_mistake_of_the_settings(folder: Path) -> None:
    """The line that names it is told, with the file that was meant."""
    path = write(folder, "store: memory")
    path.write_text(path.read_text().replace("policy: policy.yaml", "policy: polcy.yaml"))
    mistakes = Mistakes()

    assert read_configuration(path, mistakes, {}) is None
    (mistake,) = mistakes
    assert (mistake.file, mistake.line) == (str(path), 4)
    assert "polcy.yaml`: there is no such file, did you mean `policy.yaml`?" in str(mistake)
    assert "`policy.yaml` のことですか" in mistake.say(Language.JA)
