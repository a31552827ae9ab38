"""`sekisho signature …`: the documents that people sign with their cards."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets as randomness
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, assert_never

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.audit.entry import Action
from gateway.bounded_files import read_file
from gateway.commands.recorded import Deed, Operator, Reason, recorded
from gateway.commands.sessions import no_client, no_pseudonym
from gateway.commands.terminal import (
    DEFAULT_CONFIG,
    EXIT_USERS,
    ConfigFile,
    fail,
    language,
    say,
    say_json,
    store_away,
    typed_or_read,
    write_document,
)
from gateway.errors import StoreUnavailableError
from gateway.instant import tokyo_time
from gateway.process.configuration import Configuration, read_configuration, read_signing_authorities
from gateway.redis_client import close_redis, make_redis, parse_redis_url
from gateway.request.returned_form import LARGEST_RETURNED
from gateway.request.signed_form import signed_fields
from gateway.session.seal import Secrets
from gateway.session.session import PSEUDONYM
from gateway.settings.check import check_settings, read_settings
from gateway.settings.typed import Reading
from gateway.signing.digest import digest_info_base64, sha256_base64
from gateway.signing.document import canonical
from gateway.signing.evidence import Evidence, KeptEvidence, name_of
from gateway.signing.profile import Validity
from gateway.signing.redis_store import EVIDENCE, RedisByteStore
from gateway.signing.signature import is_id
from gateway.signing.verification import LONGEST_CERTIFICATE, Holds, Refusal
from gateway.signing.verification import verify as verify_signature
from gateway.yaml.mistakes import Mistakes, Phrase, Where

app = typer.Typer(name="signature", help="The documents that people sign with their cards.", no_args_is_help=True)


@app.command()
def document(
    form: Annotated[
        str,
        typer.Argument(help="A file with the body that the browser sent; `-` reads standard input.", metavar="FORM"),
    ],
    title: Annotated[str, typer.Option(help="The rule's `title`.")],
    charset: Annotated[
        Literal["utf-8", "cp932", "euc-jp"], typer.Option(help="The App's `charset`, if the form is not in UTF-8.")
    ] = "utf-8",
    write: Annotated[
        Literal["document", "sha256", "digest-info"],
        typer.Option(help="The document itself, or its hash in Base64: plain, or as DER DigestInfo."),
    ] = "document",
) -> None:
    """Write the document that a person signs for a form, byte for byte, or its hash."""
    try:
        body = sys.stdin.buffer.read(LARGEST_RETURNED + 1) if form == "-" else read_file(Path(form), LARGEST_RETURNED)
        fields = signed_fields(body.rstrip(b"\r\n"), charset)
        made = None if fields is None else canonical(fields, title)
    except OSError as error:
        raise _refused(_unreadable(form, error)) from None
    if made is None:
        raise _refused(
            Phrase(
                f"`{form}` is not a form that can be signed: it is application/x-www-form-urlencoded as browsers write "
                f"it, in the App's charset, of at most {LARGEST_RETURNED} bytes",
                f"`{form}` は署名できるフォームではありません。ブラウザーが送る application/x-www-form-urlencoded で、"
                f"アプリの文字コード、{LARGEST_RETURNED} バイトまでのものです",
            )
        )
    match write:
        case "document":
            write_document(made)
        case "sha256":
            say(sha256_base64(made))
        case "digest-info":
            say(digest_info_base64(made))
        case _:
            assert_never(write)


LARGEST_DOCUMENT = 64 * 1024 * 1024
"""Bytes of a document that the command reads."""

LONGEST_SIGNATURE = 4096
"""Bytes of a signature, or of its Base64."""

_REASONS = {
    Refusal.CERTIFICATE_UNREADABLE: Phrase("the certificate cannot be read", "証明書を読み取れません"),
    Refusal.KEY_UNSUPPORTED: Phrase(
        "the certificate has no RSA key of 2048 bits or more", "証明書の鍵が 2048 ビット以上の RSA ではありません"
    ),
    Refusal.SIGNATURE_WRONG: Phrase(
        "the signature is not by this certificate over this document",
        "この証明書による、この文書への署名ではありません",
    ),
    Refusal.SIGNATURE_OF_BARE_HASH: Phrase(
        "the signature is over the hash without its DigestInfo; ask for it with `digest_info: true`",
        "DigestInfo のないハッシュ値への署名です。`digest_info: true` で求めてください",
    ),
    Refusal.ISSUER_UNKNOWN: Phrase(
        "no configured authority has issued the certificate", "証明書の発行者が、設定した認証局にありません"
    ),
    Refusal.ISSUER_WRONG: Phrase(
        "the authority that the certificate names has not signed it", "証明書に、名乗っている認証局の署名がありません"
    ),
    Refusal.CERTIFICATE_EXPIRED: Phrase("a certificate had expired then", "その時点で証明書の有効期間が過ぎています"),
    Refusal.CERTIFICATE_NOT_YET_VALID: Phrase(
        "a certificate was not yet valid then", "その時点で証明書の有効期間が始まっていません"
    ),
    Refusal.NOT_FOR_SIGNING: Phrase("it is not a signing certificate", "署名用電子証明書ではありません"),
    Refusal.EXTENSION_UNKNOWN: Phrase(
        "the certificate has a critical extension that is unknown here", "証明書に、解釈できない必須の拡張があります"
    ),
    Refusal.REVOKED: Phrase("the certificate was reported as revoked", "証明書は失効していると報告されています"),
    Refusal.REPORTED_EXPIRED: Phrase(
        "the certificate was reported as expired", "証明書は有効期限切れと報告されています"
    ),
    Refusal.VALIDITY_UNKNOWN: Phrase(
        "nothing was reported about revocation; give `--validity` as the agency reported it",
        "失効の有無が報告されていません。デジタル庁の報告を `--validity` で指定してください",
    ),
}


@app.command()
def verify(
    document: Annotated[Path, typer.Argument(help="The document that was signed, byte for byte.", metavar="DOCUMENT")],
    signature: Annotated[Path, typer.Option(help="The signature: bytes, or Base64.", metavar="FILE")],
    certificate: Annotated[Path, typer.Option(help="The certificate: DER, PEM or Base64.", metavar="FILE")],
    validity: Annotated[
        Validity, typer.Option(help="The validity of the certificate as the agency reported it.")
    ] = Validity.UNKNOWN,
    at: Annotated[
        str, typer.Option("--at", help="The time of the signature (ISO 8601, with its offset); now without it.")
    ] = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Verify a signature over a document, and its certificate up to an authority of `signing.verify`; exit 2 if bad.

    Only a public body may do this, or a private operator with 主務大臣認定: the settings must say so.
    """
    authorities = _authorities(config)
    try:
        signed_at = datetime.fromisoformat(at) if at else datetime.now().astimezone()
    except ValueError:
        signed_at = None
    if signed_at is None or signed_at.tzinfo is None:
        raise _refused(
            Phrase(
                "`--at` must be a time with its offset, such as `2026-11-29T12:00:00+09:00`",
                "`--at` は `2026-11-29T12:00:00+09:00` のように、時差まで書いてください",
            )
        )
    found = verify_signature(
        document=_read(document, LARGEST_DOCUMENT),
        signature=_decoded(_read(signature, LONGEST_SIGNATURE)),
        certificate=_der(_read(certificate, 2 * LONGEST_CERTIFICATE)),
        authorities=authorities,
        signed_at=signed_at,
        reported=validity,
    )
    if isinstance(found, Holds):
        say("good", found.serial, sha256_base64(_read(document, LARGEST_DOCUMENT)))
        return
    for reason in found.reasons:
        say(reason.value, _REASONS[reason].say(language()), error=True)
    raise typer.Exit(EXIT_USERS)


def _authorities(config: Path) -> tuple[x509.Certificate, ...]:
    mistakes = Mistakes()
    reading = Reading(config.parent, mistakes, {"": Where(str(config))})
    settings = read_settings(config, reading)
    if settings is not None:
        check_settings(settings, reading)
    signing = None if settings is None else settings.signing
    if settings is not None and not len(mistakes) and (signing is None or signing.verify is None):
        what = Phrase(
            "`signing.verify` is missing: only a public body, or a private operator with 主務大臣認定, may verify",
            "`signing.verify` がありません。検証できるのは行政機関等か、主務大臣認定を受けた民間事業者に限られます",
        )
        remedy = Phrase("write `signing: {verify: {statement: …, ca: …}}`")
        mistakes.add(Where(str(config)), what, remedy)
    authorities = () if settings is None else read_signing_authorities(settings, reading)
    if len(mistakes):
        raise fail(mistakes)
    return authorities


def _read(file: Path, most: int) -> bytes:
    try:
        return read_file(file, most)
    except OSError as error:
        raise _refused(_unreadable(str(file), error)) from None


def _decoded(data: bytes) -> bytes:
    """Return the bytes that a file holds as they are, or as standard Base64, which the provider gives."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except ValueError:
        return data


def _der(data: bytes) -> bytes:
    if data.lstrip().startswith(b"-----BEGIN"):
        try:
            return x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
        except ValueError:
            return b""
    return _decoded(data)


# Evidence


Id = Annotated[str, typer.Option("--id", help="One signature, by its id; `-` reads it from stdin.")]
Pseudonym = Annotated[
    str, typer.Option("--pseudonym", help="All signatures with this pseudonym, as the audit shows it.")
]
Client = Annotated[str, typer.Option("--client", help="With --subject: the client whose subject it is.")]
Subject = Annotated[
    str, typer.Option("--subject", help="With --client: all signatures of this person; `-` reads it from stdin.")
]


@app.command()
def export(
    reason: Reason,
    id_: Id = "",
    pseudonym: Pseudonym = "",
    client: Client = "",
    subject: Subject = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write the evidence of a signature, or of a person's signatures, as JSON; it holds name and address."""
    _with_evidence(Action.SIGNATURE_EXPORTED, _Asked(id_, pseudonym, client, subject), reason, operator, config)


@app.command()
def erase(
    reason: Reason,
    id_: Id = "",
    pseudonym: Pseudonym = "",
    client: Client = "",
    subject: Subject = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Erase the evidence of a signature, or of a person's signatures, before its period ends."""
    _with_evidence(Action.SIGNATURE_ERASED, _Asked(id_, pseudonym, client, subject), reason, operator, config)


class _Asked(NamedTuple):
    id: str
    pseudonym: str
    client: str
    subject: str


def _with_evidence(action: Action, asked: _Asked, reason: str, operator: str, config: Path) -> None:
    """Find the evidence that is asked for, and export or erase it, on the record."""
    ways = (bool(asked.id), bool(asked.pseudonym), bool(asked.client and asked.subject))
    if not reason.strip() or sum(ways) != 1 or bool(asked.client) != bool(asked.subject):
        raise _refused(
            Phrase(
                "give a reason, and one of --id, --pseudonym, or --client with --subject",
                "理由と、--id、--pseudonym、--client と --subject のいずれかを指定してください",
            )
        )
    try:
        asyncio.run(_do_with_evidence(action, asked, reason, operator, config))
    except StoreUnavailableError as error:
        raise store_away("signature", error) from None


async def _do_with_evidence(action: Action, asked: _Asked, reason: str, operator: str, config: Path) -> None:
    async with _kept(config) as (configuration, secrets, kept):
        names = _names(configuration, secrets, asked)
        settings = configuration.settings
        with recorded(config, action, operator=operator, reason=reason, settings=settings) as deed:
            found = await _found(kept, names)
            for each in found[:1]:
                deed.tell(client_id=each.client_id, pseudonym=each.pseudonym)
            if asked.id and not found:
                raise _refused(Phrase("no evidence of this signature is kept", "この署名の証拠は保存されていません"))
            if action is Action.SIGNATURE_ERASED:
                await _erase(kept, found, deed)
            else:
                deed.tell(count=len(found))
        if action is Action.SIGNATURE_EXPORTED:
            # The record is written before anything is handed out.
            say_json(json.dumps([_as_json(each) for each in found], ensure_ascii=False, indent=2))


async def _erase(kept: KeptEvidence, found: list[Evidence], deed: Deed) -> None:
    erased = 0
    try:
        for each in found:
            erased += await kept.erase(each.id)
    finally:
        # A store that went away in the middle has erased a part, which the record counts.
        deed.tell(count=erased)
    say(Phrase(f"evidence of {erased} signatures erased", f"署名 {erased} 件の証拠を消去しました").say(language()))


def _names(configuration: Configuration, secrets: Secrets, asked: _Asked) -> str | frozenset[str]:
    """Return the name of one record of evidence, or the pseudonyms of a person."""
    if asked.id:
        id_ = typed_or_read(asked.id)
        if not is_id(id_):
            raise _refused(
                Phrase(
                    "an id of a signature has 43 letters, digits, `-` and `_`",
                    "署名の番号は、英数字、`-`、`_` の 43 文字です",
                )
            )
        return name_of(id_)
    if asked.pseudonym:
        if not PSEUDONYM.fullmatch(asked.pseudonym):
            raise _refused(no_pseudonym())
        return frozenset({asked.pseudonym})
    clients = configuration.clients()
    if asked.client not in clients:
        raise _refused(no_client(asked.client, clients))
    people = configuration.aliases.same_person(asked.client, typed_or_read(asked.subject))
    made = (secrets.pseudonyms(asked.client, person) for person in people)
    return frozenset(pseudonym for pseudonyms in made for pseudonym in pseudonyms)


async def _found(kept: KeptEvidence, names: str | frozenset[str]) -> list[Evidence]:
    now = time.time()
    if isinstance(names, str):
        one = await kept.find(names, now)
        return [] if one is None else [one]
    return [each async for each in kept.of_person(names, now)]


@asynccontextmanager
async def _kept(config: Path) -> AsyncIterator[tuple[Configuration, Secrets, KeptEvidence]]:
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    store, secrets = configuration.settings.limits.store, configuration.secrets
    # Evidence outlives the setting: an operator who has removed it must still reach what is kept.
    if store is None or store == "memory" or secrets is None:
        raise _refused(
            Phrase(
                "no evidence is kept: `limits.store` or `sessions.store` is no Redis",
                "証拠は保存されていません。`limits.store` か `sessions.store` が Redis ではありません",
            )
        )
    options = configuration.limits_redis
    redis = make_redis(parse_redis_url(store), options)
    try:
        bytes_ = RedisByteStore(redis, timeout=options.timeout, prefix=EVIDENCE)
        yield configuration, secrets, KeptEvidence(bytes_, secrets, randomness.token_bytes)
    finally:
        await close_redis(redis)


def _as_json(evidence: Evidence) -> dict[str, object]:
    return {
        "id": evidence.id,
        "app": evidence.app,
        "client_id": evidence.client_id,
        "pseudonym": evidence.pseudonym,
        "title": dict(evidence.title),
        "hash": evidence.hash,
        "digest_info": evidence.digest_info,
        "document": base64.b64encode(evidence.document).decode(),
        "transaction": evidence.transaction,
        "signature": evidence.signature,
        "certificate": evidence.certificate,
        "validity": "not_told" if evidence.validity is None else evidence.validity.value,
        "signed_at": tokyo_time(evidence.signed_at).isoformat(timespec="seconds"),
        "ends_at": tokyo_time(evidence.ends_at).isoformat(timespec="seconds"),
    }


def _unreadable(file: str, error: OSError) -> Phrase:
    why = error.strerror or error
    return Phrase(f"`{file}` cannot be read: {why}", f"`{file}` を読めません（{why}）")


def _refused(why: Phrase) -> typer.Exit:
    say(f"sekisho signature: {why.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)
