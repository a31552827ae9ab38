"""Reads `gateway.yaml`, checks the form of each setting, and finds settings that contradict each other.

Every mistake is noted with its place, so that they can be mended in one go. `bounds` has the limits of each number.
`process/configuration` checks what needs the policies as well, or a look at the named files.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from gateway.observe.line_head import LineForm
from gateway.settings.address import read_address
from gateway.settings.bounds import check_bounds
from gateway.settings.case import fold_case
from gateway.settings.check_accounts import check_accounts, check_sign_outs
from gateway.settings.forms import check_header_name, check_path_pattern
from gateway.settings.origin import ascii_name, ascii_url, authority_of, host_of, is_loopback, origin_of
from gateway.settings.settings import (
    ANY,
    REDIS_SCHEMES,
    AppSettings,
    AppSigning,
    AppTraffic,
    AuditSettings,
    Environment,
    Freshness,
    Mode,
    PathTraffic,
    ProviderSettings,
    Reauthenticate,
    SecretSource,
    Settings,
    SigningSettings,
    SyslogSettings,
    TraceSettings,
    UpstreamSettings,
)
from gateway.settings.typed import Reading, read_values
from gateway.wire.http1 import WHOLE_TOKEN
from gateway.yaml.mistakes import Mistakes, Phrase
from gateway.yaml.read import read_secretive_file
from gateway.yaml.tree import Node

_APP_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_HOST = re.compile(r"(?=.{1,253}$)[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,62})(?:\.[0-9A-Za-z_][0-9A-Za-z_-]{0,62})*\.?")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PORT = re.compile(r"[0-9]{1,5}")
_LINK = re.compile(r"(?:https?://[^/\s]|mailto:|tel:|/(?![/\\]))\S*")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_PHONE = re.compile(r"\+?[0-9](?:[0-9 ()-]{3,22})[0-9]")
_WORDS = re.compile(r"(?=.{1,255}\Z)[!-~]+(?: [!-~]+)*")
"""Words as an authorization request carries them (OpenID Connect Core 3.1.2.1), no longer than an `acr` may be."""
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def read_settings(path: Path, reading: Reading) -> Settings | None:
    """Return the settings of a file, with every unreadable value noted; `None` if it has no settings.

    Settings with a mistake noted may be checked further, and must not be run.
    """

    def typed(tree: Node, mistakes: Mistakes) -> Settings | None:
        reading.places.clear()
        reading.broken.clear()
        return read_values(Settings, tree, replace(reading, mistakes=mistakes))

    settings = read_secretive_file(path, reading.mistakes, typed)
    return None if settings is None else _with_ascii_hosts(settings)


def _with_ascii_hosts(settings: Settings) -> Settings:
    """Return the settings with every host name as browsers send it: people may write `https://予約.example.jp`."""

    def of_provider(provider: ProviderSettings) -> ProviderSettings:
        via = None if provider.via is None else ascii_url(provider.via)
        return replace(provider, issuer=ascii_url(provider.issuer), via=via)

    apps = tuple(
        replace(
            app,
            url=ascii_url(app.url),
            upstream=tuple(map(ascii_url, app.upstream)),
            allowed_origins=tuple(map(ascii_url, app.allowed_origins)),
            internal_origins=tuple(map(ascii_url, app.internal_origins)),
            upstream_options=replace(app.upstream_options, server_name=ascii_name(app.upstream_options.server_name)),
            client=None if app.client is None else of_provider(app.client),
        )
        for app in settings.apps
    )
    return replace(
        settings,
        apps=apps,
        provider=of_provider(settings.provider),
        console=replace(settings.console, url=ascii_url(settings.console.url)),
        management_hosts=tuple(map(ascii_name, settings.management_hosts)),
    )


def check_settings(settings: Settings, reading: Reading) -> None:
    """Note everything in the settings that cannot be meant."""
    check_bounds(settings, reading)
    _check_addresses(settings, reading)
    _check_console(settings, reading)
    _check_provider(settings.provider, "provider", reading)
    _check_sessions(settings, reading)
    _check_secret(settings.assertion.keys, "assertion.keys", reading)
    _check_audit(settings.audit, reading)
    _check_signing(settings, reading)
    for number, app in enumerate(settings.apps):
        _check_app(app, f"apps[{number}]", settings, reading)
    _check_apps_together(settings, reading)
    _check_clients_together(settings, reading)
    _check_paths_together(settings, reading)
    _check_workers(settings, reading)
    _check_node(settings, reading)
    _check_traces(settings.traces, reading)
    _check_log_format(settings, reading)
    _check_emulator(settings, reading)


def _check_node(settings: Settings, reading: Reading) -> None:
    if settings.node is not None and _NODE.fullmatch(settings.node) is None:
        reading.note(
            "node",
            Phrase(f"`{settings.node}` is no name of a machine", f"`{settings.node}` は機器の名前として使えません"),
            Phrase(
                "write letters, digits, `.`, `_` and `-`, 64 at most",
                "英数字、`.`、`_`、`-` を 64 文字以内で書いてください",
            ),
        )


def _check_log_format(settings: Settings, reading: Reading) -> None:
    syslog = settings.audit.syslog
    if settings.log.format is LineForm.CONSOLE and syslog is not None and syslog.send == "all":
        reading.note(
            "log.format",
            Phrase(
                "the syslog server would get lines for people, which no program reads",
                "syslog サーバーに、プログラムが読めない形式の行が届きます",
            ),
            Phrase(
                "write `json`, or `audit.syslog.send: audit`", "`json` か `audit.syslog.send: audit` と書いてください"
            ),
        )


def _check_traces(traces: TraceSettings, reading: Reading) -> None:
    if traces.headers is not None:
        _check_secret(traces.headers, "traces.headers", reading)
    if traces.endpoint is None:
        if traces.headers is not None or traces.ca is not None:
            reading.note(
                "traces",
                Phrase("`traces` names no `endpoint`", "`traces` に `endpoint` がありません"),
                Phrase(
                    "add the collector's URL, or remove `traces`",
                    "収集サーバーの URL を書くか、`traces` を削除してください",
                ),
            )
        return
    url = _url(traces.endpoint, "traces.endpoint", reading, ("http", "https"))
    if url is not None and url.path in ("", "/"):
        reading.note(
            "traces.endpoint",
            Phrase("the URL has no path", "URL にパスがありません"),
            Phrase("collectors take traces at `/v1/traces`", "収集サーバーは `/v1/traces` で受け取ります"),
        )
    if url is not None and traces.ca is not None and url.scheme != "https":
        reading.note(
            "traces.ca",
            Phrase(
                "`ca` is given and the endpoint is not https", "`ca` がありますが、`endpoint` が https ではありません"
            ),
            Phrase("write https, or remove `ca`", "https にするか、`ca` を削除してください"),
        )


def split_address(address: str) -> tuple[str, int] | None:
    """Return host and port of `host:port` (`[::1]:8080` for IPv6), or `None`."""
    host, colon, port = address.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > 65535 or not host:
        return None
    host = host.removeprefix("[").removesuffix("]")
    return (host, int(port)) if _is_host(host) else None


def _is_host(text: str) -> bool:
    """Whether the resolver and TLS take it: an address, or a name of labels (RFC 1123 section 2.1, and `_`)."""
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True


def _check_addresses(settings: Settings, reading: Reading) -> None:
    addresses = [("listen", settings.listen), ("management", settings.management)]
    if settings.tls is not None and settings.tls.redirect is not None:
        addresses.append(("tls.redirect", settings.tls.redirect))
    for at, address in addresses:
        if split_address(address) is None:
            what = Phrase(
                f"`{address}` is no address to listen on", f"`{address}` は待ち受けるアドレスとして読めません"
            )
            reading.note(
                at,
                what,
                Phrase("write `host:port`, such as `0.0.0.0:8080`", "`0.0.0.0:8080` のように書いてください"),
            )
    if settings.listen == settings.management:
        what = Phrase("`management` is the address of `listen`", "`management` が `listen` と同じアドレスです")
        reading.note("management", what, Phrase("give it a port of its own", "別のポートにしてください"))
    for number, host in enumerate(settings.management_hosts):
        if not _is_host(host):
            what = Phrase(f"`{host}` is no host name", f"`{host}` はホスト名として読めません")
            reading.note(
                f"management_hosts[{number}]",
                what,
                Phrase(
                    "write `sekisho.internal`, without a port",
                    "`sekisho.internal` のように、ポートなしで書いてください",
                ),
            )
    for number, proxy in enumerate(settings.trusted_proxies):
        try:
            ip_network(proxy)
        except ValueError:
            what = Phrase(f"`{proxy}` is no address or network", f"`{proxy}` はアドレスやネットワークとして読めません")
            reading.note(
                f"trusted_proxies[{number}]",
                what,
                Phrase("write `10.0.0.2` or `10.0.0.0/24`", "`10.0.0.2` か `10.0.0.0/24` のように書いてください"),
            )
    prefix = settings.prefix
    if not re.fullmatch(r"/(?:[A-Za-z0-9._~-]*[A-Za-z0-9_~-]/)+", prefix):
        what = Phrase(f"`{prefix}` cannot be the prefix of our pages", f"`{prefix}` は画面の置き場所にできません")
        reading.note(
            "prefix",
            what,
            Phrase(
                "begin and end it with `/`, as `/.sekisho/` does",
                "`/.sekisho/` のように `/` で始め、`/` で終えてください",
            ),
        )


def _check_console(settings: Settings, reading: Reading) -> None:
    """Note a URL of the console that protects nobody: plain HTTP, a path, or a host that an App's pages share."""
    url, oidc = settings.console.url, settings.console.oidc
    if oidc is not None:
        _check_issuer(oidc.issuer, "console.oidc.issuer", reading)
        if not url:
            what = Phrase("`console.oidc` has no address to come back to", "`console.oidc` の戻り先がありません")
            reading.note("console.oidc", what, Phrase("write `console.url`", "`console.url` を書いてください"))
        if not (oidc.look or oidc.act or oidc.audit or oidc.author):
            what = Phrase("no word of the provider's gives a role", "どの役割にも対応する値がありません")
            remedy = Phrase("write `look: [sekisho-look]`, for example", "例：`look: [sekisho-look]`")
            reading.note("console.oidc", what, remedy)
    if not url:
        return
    try:
        good = origin_of(url) == url.rstrip("/") and (url.startswith("https://") or is_loopback(host_of(url)))
    except ValueError:
        good = False
    if not good or not host_of(url):
        what = Phrase(f"`{url}` cannot be the console's URL", f"`{url}` はコンソールの URL にできません")
        remedy = Phrase(
            "write an https origin without a path: `https://console.city.example.lg.jp`",
            "パスのない https のオリジンを書いてください：`https://console.city.example.lg.jp`",
        )
        reading.note("console.url", what, remedy)
    elif host_of(url) in {host_of(app.url) for app in settings.apps}:
        what = Phrase(
            f"the console shares the host `{host_of(url)}` with an App, and its cookies",
            f"コンソールのホスト `{host_of(url)}` が App と同じで、Cookie も共有されます",
        )
        reading.note("console.url", what, Phrase("give it a host name of its own", "専用のホスト名にしてください"))


def _check_secret(source: SecretSource | None, at: str, reading: Reading) -> None:
    if source is None:
        return
    if source.file is not None and source.env is not None:
        what = Phrase("a secret from both a file and the environment", "`file` と `env` の両方が書かれています")
        reading.note(at, what, Phrase("keep `file` or `env`", "どちらか一つにしてください"))


def without_user(url: str) -> str:
    """Return what was written for a URL without a user and a password: a mistake is said in logs, too."""
    before, at, rest = url.rpartition("@")
    return f"{before[: before.find('//') + 2] if '//' in before else ''}…@{rest}" if at else url


def _url(text: str, at: str, reading: Reading, schemes: tuple[str, ...]) -> SplitResult | None:
    """Return the parts of an absolute URL without userinfo, query and fragment; otherwise note the mistake."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    wrong = (
        parts.scheme not in schemes
        # `urlsplit` takes a scheme in capitals for the same one. A comparison of text does not.
        or not text.startswith(f"{parts.scheme}://")
        or not _is_host(parts.hostname or "")
        or port == 0
        or "@" in parts.netloc
        or bool(parts.query or parts.fragment)
        or not text.isascii()
        or any(character.isspace() for character in text)
    )
    if wrong:
        example = f"{schemes[0]}://host.example:port"
        shown = without_user(text)
        what = Phrase(f"`{shown}` is not a URL that is allowed here", f"`{shown}` は URL として使えません")
        reading.note(at, what, Phrase(f"write it as `{example}`", f"`{example}` の形で書いてください"))
        return None
    return parts


def _check_provider(provider: ProviderSettings, at: str, reading: Reading) -> None:
    if provider.environment in (Environment.PRODUCTION, Environment.SANDBOX) and provider.issuer:
        what = Phrase(
            f"`issuer` and `environment: {provider.environment.value}` both name the provider",
            f"`issuer` と `environment: {provider.environment.value}` の両方が認証サービスを指しています",
        )
        reading.note(
            f"{at}.issuer",
            what,
            Phrase(
                "remove `issuer`, or write `environment: other`",
                "`issuer` を消すか、`environment: other` にしてください",
            ),
        )
    if provider.environment in (Environment.EMULATOR, Environment.OTHER):
        if not provider.issuer:
            what = Phrase("the provider is not named", "認証サービスが指定されていません")
            reading.note(
                at,
                what,
                Phrase(
                    "write `environment: production` or `sandbox`, or an `issuer`",
                    "`environment: production` か `sandbox`、または `issuer` を書いてください",
                ),
            )
        else:
            _check_issuer(provider.issuer, f"{at}.issuer", reading)
    if not provider.client_id:
        reading.note(
            at,
            Phrase("`client_id` is missing", "`client_id` がありません"),
            Phrase("write `client_id: …`", "`client_id: …` を書いてください"),
        )
    _check_secret(provider.keys, f"{at}.keys", reading)
    if provider.keys.file is None and provider.keys.env is None:
        what = Phrase("`keys` is missing", "`keys` がありません")
        reading.note(
            at,
            what,
            Phrase(
                "make them with `sekisho keys new`, and write `keys: {file: …}`",
                "`sekisho keys new` で作り、`keys: {file: …}` と書いてください",
            ),
        )
    _check_secret(provider.via_credentials, f"{at}.via_credentials", reading)
    if provider.via is not None:
        _url(provider.via, f"{at}.via", reading, ("http", "https"))
    _check_assurance(provider, at, reading)
    if not provider.id_token_algorithms:
        reading.note(
            f"{at}.id_token_algorithms",
            Phrase("no algorithm at all", "アルゴリズムがありません"),
            Phrase("write `[ES256]`", "`[ES256]` と書いてください"),
        )


def _check_assurance(provider: ProviderSettings, at: str, reading: Reading) -> None:
    """Check the settings of `acr` and freshness against the abilities of a provider and a token."""
    given = [("acr_values", provider.acr_values or "none")]
    given += [(f"accept_acr[{number}]", value) for number, value in enumerate(provider.accept_acr)]
    for key, value in given:
        if not _WORDS.fullmatch(value):
            what = Phrase(f"`{value}` cannot be an `acr`", f"`{value}` は `acr` の値として読めません")
            remedy = Phrase(
                "write words of ASCII with one space between, or `acr_values: none` to ask for nothing",
                "半角の語を空白一つで区切ってください。何も求めないときは `acr_values: none` と書きます",
            )
            reading.note(f"{at}.{key}", what, remedy)
    takes_any = ANY in provider.accept_acr
    if takes_any and len(provider.accept_acr) > 1:
        what = Phrase("`accept_acr` lists values beside `any`", "`accept_acr` に `any` と他の値が並んでいます")
        reading.note(
            f"{at}.accept_acr", what, Phrase("keep `any` or the list", "`any` か値の一覧のどちらかにしてください")
        )
    asks_nothing = provider.acr_values is None and not provider.accept_acr
    unexplained = takes_any and not provider.any_acr_because
    if provider.environment is Environment.PRODUCTION and (asks_nothing or unexplained):
        what = Phrase(
            "every sign-in would pass, however the person was authenticated",
            "本人確認の方法を問わず、すべてのサインインが通ります",
        )
        remedy = Phrase(
            "list the values in `accept_acr`, or write `accept_acr: any` and in `any_acr_because` the reason",
            "`accept_acr` に値を並べるか、`accept_acr: any` と、その理由を `any_acr_because` に書いてください",
        )
        reading.note(f"{at}.{'acr_values' if asks_nothing else 'accept_acr'}", what, remedy)
    if provider.any_acr_because and not takes_any:
        what = Phrase(
            "`any_acr_because` gives a reason for `accept_acr: any`, which is not there",
            "`any_acr_because` は `accept_acr: any` の理由ですが、`accept_acr: any` がありません",
        )
        reading.note(
            f"{at}.any_acr_because",
            what,
            Phrase("write `accept_acr: any`, or remove the reason", "`accept_acr: any` と書くか、理由を消してください"),
        )
    by = provider.reauthenticate
    if provider.freshness is Freshness.CALLBACK and by in (Reauthenticate.MAX_AGE, Reauthenticate.PROMPT):
        what = Phrase(
            f"`reauthenticate: {by}` with `freshness: callback`: nothing would show that it was done",
            f"`reauthenticate: {by}` と `freshness: callback` では、再認証されたことを確かめられません",
        )
        remedy = Phrase("write `freshness: auth_time`", "`freshness: auth_time` にしてください")
        reading.note(f"{at}.freshness", what, remedy)


def _check_issuer(issuer: str, at: str, reading: Reading) -> None:
    parts = _url(issuer, at, reading, ("https", "http"))
    if parts is not None and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        what = Phrase(f"the issuer `{issuer}` is reached over plain HTTP", f"issuer `{issuer}` が平文の HTTP です")
        reading.note(
            at,
            what,
            Phrase(
                "an issuer begins with `https://` (OpenID Connect Discovery section 3)",
                "`https://` で始めてください（OpenID Connect Discovery 3節）",
            ),
        )


def _check_sessions(settings: Settings, reading: Reading) -> None:
    sessions = settings.sessions
    _check_secret(sessions.secret, "sessions.secret", reading)
    _check_secret(sessions.password, "sessions.password", reading)
    _check_secret(sessions.sentinel_password, "sessions.sentinel_password", reading)
    _check_secret(settings.limits.password, "limits.password", reading)
    _check_secret(settings.limits.sentinel_password, "limits.sentinel_password", reading)
    if sessions.idle > sessions.absolute:
        what = Phrase(
            "`idle` is longer than `absolute`, so it never ends a session",
            "`idle` が `absolute` より長いので、無操作ではセッションが終わりません",
        )
        reading.note("sessions.idle", what, Phrase("make it shorter", "短くしてください"))
    if sessions.stale_for > sessions.absolute:
        what = Phrase(
            "`stale_for` is longer than `absolute`, beyond which no session lives",
            "`stale_for` が `absolute`（セッションの有効期間）より長くなっています",
        )
        reading.note("sessions.stale_for", what, Phrase("make it shorter", "短くしてください"))
    if sessions.store != "memory":
        scheme = sessions.store.partition(":")[0]
        if scheme not in REDIS_SCHEMES or "://" not in sessions.store:
            shown = without_user(sessions.store)
            what = Phrase(f"`{shown}` is no session store", f"`{shown}` はセッションの保存先にできません")
            reading.note(
                "sessions.store",
                what,
                Phrase(
                    "write `memory` or `redis://host:6379/0`",
                    "`memory` か `redis://host:6379/0` のように書いてください",
                ),
            )
            # The store's own reader would say the same in other words.
            reading.broken.add("sessions.store")
        if sessions.secret.file is None and sessions.secret.env is None:
            what = Phrase("`secret` is missing: nothing would seal the sessions", "`secret` がありません")
            reading.note(
                "sessions",
                what,
                Phrase(
                    "write `secret: {file: …}` with 32 random bytes or more in it",
                    "32バイト以上の乱数をファイルに書き、`secret: {file: …}` と書いてください",
                ),
            )


def _check_audit(audit: AuditSettings, reading: Reading) -> None:
    _check_secret(audit.keys, "audit.keys", reading)
    has_keys = audit.keys.file is not None or audit.keys.env is not None
    if audit.directory is not None and not has_keys:
        what = Phrase(
            "`keys` is missing: nothing would sign the audit trail",
            "`keys` がありません。監査証跡に署名できません",
        )
        remedy = Phrase(
            "make them with `sekisho keys new`, and write `keys: {file: …}`",
            "`sekisho keys new` で作り、`keys: {file: …}` と書いてください",
        )
        reading.note("audit", what, remedy)
    if audit.directory is None and (audit.required or audit.mirror is not None):
        key = "required" if audit.required else "mirror"
        what = Phrase(f"`{key}` without a `directory`", f"`directory` がないのに `{key}` が書かれています")
        reading.note(f"audit.{key}", what, Phrase("name the folder of the trail", "証跡を置く場所を書いてください"))
    if audit.keep is not None and audit.keep <= audit.rotate_every:
        what = Phrase("`keep` is not longer than `rotate_every`", "`keep` が `rotate_every` より長くありません")
        reading.note("audit.keep", what, Phrase("make it longer", "長くしてください"))
    if audit.mirror is not None and audit.directory is not None and audit.mirror.parent == audit.directory:
        what = Phrase("`mirror` is in the folder of the trail", "`mirror` が証跡と同じ場所にあります")
        reading.note("audit.mirror", what, Phrase("put it in another place", "別の場所に置いてください"))
    if audit.syslog is not None:
        _check_syslog(audit.syslog, reading)


def _check_verification(signing: SigningSettings, reading: Reading) -> None:
    silent = signing.verify is not None and signing.verify.statement is None
    if silent and "signing.verify.statement" not in reading.broken:
        what = Phrase(
            "`statement` is missing: only a public body, or a private operator with the approval of the responsible "
            "minister (主務大臣認定), may verify these signatures itself",
            "`statement` がありません。署名を検証できるのは、行政機関等か、主務大臣認定を受けた民間事業者に限られます",
        )
        remedy = Phrase(
            "write `statement: public_body` or `statement: approved`, or remove `verify`",
            "`statement: public_body` か `statement: approved` と書くか、`verify` を削除してください",
        )
        reading.note("signing.verify", what, remedy)


def _check_evidence(signing: SigningSettings, settings: Settings, reading: Reading) -> None:
    if signing.evidence is None:
        return
    at = "signing.evidence"
    if signing.evidence.statement is None and f"{at}.statement" not in reading.broken:
        what = Phrase(
            "`statement` is missing: only a public body may keep certificates and signatures as evidence",
            "`statement` がありません。証明書と署名を証拠として保存できるのは行政機関等に限られます",
        )
        remedy = Phrase(
            "write `statement: public_body`, or remove `evidence`",
            "`statement: public_body` と書くか、`evidence` を削除してください",
        )
        reading.note(at, what, remedy)
    if signing.evidence.keep is None and f"{at}.keep" not in reading.broken:
        what = Phrase("`keep` is missing: evidence needs a stated period", "`keep` がありません。保存期間が必要です")
        reading.note(at, what, Phrase("write `keep: 1825d` for five years", "5年なら `keep: 1825d` と書いてください"))
    if signing.operator != "public":
        what = Phrase(
            "`evidence` with `operator: private`: a private operator gets no certificate that it could keep",
            "`operator: private` では `evidence` を使えません。民間事業者は保存できる証明書を受け取りません",
        )
        remedy = Phrase(
            "write `operator: public`, or remove `evidence`",
            "`operator: public` と書くか、`evidence` を削除してください",
        )
        reading.note(at, what, remedy)
    if signing.verify is None and "signing.verify" not in reading.broken:
        what = Phrase(
            "`evidence` without `verify`: a signature that nobody has verified proves nothing later",
            "`verify` がないまま `evidence` を使えません。検証していない署名は、後で証拠になりません",
        )
        remedy = Phrase(
            "write `verify: {statement: public_body, ca: …}`, or remove `evidence`",
            "`verify: {statement: public_body, ca: …}` と書くか、`evidence` を削除してください",
        )
        reading.note(at, what, remedy)
    if "memory" in (settings.limits.store or "memory", settings.sessions.store):
        what = Phrase(
            "`evidence` without a store that forgets nothing: it would end with the process",
            "`evidence` を保存する、失われない保存先がありません。プロセスとともに消えます",
        )
        remedy = Phrase(
            "name a Redis in `limits.store` and in `sessions.store`",
            "`limits.store` と `sessions.store` に Redis を書いてください",
        )
        reading.note(at, what, remedy)


def _check_syslog(syslog: SyslogSettings, reading: Reading) -> None:
    if syslog.to.startswith("unix:/"):
        return
    parts = _url(syslog.to, "audit.syslog.to", reading, ("tls", "tcp"))
    if parts is None:
        return
    if parts.port is None or parts.path:
        what = Phrase(f"`{syslog.to}` names no port", f"`{syslog.to}` にポートがありません")
        reading.note("audit.syslog.to", what, Phrase("write `tls://host:6514`", "`tls://host:6514` と書いてください"))
    elif parts.scheme == "tcp" and not is_loopback(parts.hostname or ""):
        what = Phrase("the audit trail would leave this machine in the clear", "監査証跡が暗号化されずに外へ出ます")
        remedy = Phrase("write `tls://…`; `tcp://` is for loopback", "`tls://…` と書いてください")
        reading.note("audit.syslog.to", what, remedy)


def _check_signing(settings: Settings, reading: Reading) -> None:
    """Note what the law asks of a public body, and parts of an App's signatures that do not fit together."""
    signing = settings.signing
    if signing is not None and signing.operator == "public" and not signing.public_because.strip():
        what = Phrase(
            "`operator: public` without `public_because`: only a public body may verify signatures itself, and a "
            "private operator needs an accreditation for that",
            "`operator: public` に `public_because` がありません。署名を自ら検証できるのは行政機関等だけで、"
            "民間事業者には主務大臣認定が必要です",
        )
        remedy = Phrase(
            "state the legal ground, or write `operator: private`",
            "根拠を書くか、`operator: private` と書いてください",
        )
        reading.note("signing", what, remedy)
    if signing is not None:
        _check_verification(signing, reading)
        _check_evidence(signing, settings, reading)
    for number, app in enumerate(settings.apps):
        if app.signing is not None:
            _check_app_signing(app.signing, f"apps[{number}].signing", settings, reading)


def _check_app_signing(signing: AppSigning, at: str, settings: Settings, reading: Reading) -> None:
    if settings.signing is None:
        what = Phrase("`signing` of an App without the gateway's own", "全体の `signing` がありません")
        reading.note(
            at, what, Phrase("write `signing: {}` beside `apps`", "`apps` と並べて `signing: {}` と書いてください")
        )
    _check_secret(signing.token, f"{at}.token", reading)
    if (signing.token is None) != (not signing.addresses):
        what = Phrase(
            "`token` and `from` belong together: one without the other lets no application in",
            "`token` と `from` は両方が必要です",
        )
        reading.note(at, what, Phrase("write both, or none", "両方を書くか、両方を消してください"))
    for number, address in enumerate(signing.addresses):
        try:
            ip_network(address)
        except ValueError:
            what = Phrase(
                f"`{address}` is no address or network", f"`{address}` はアドレスやネットワークとして読めません"
            )
            reading.note(
                f"{at}.from[{number}]",
                what,
                Phrase("write `10.0.0.5` or `10.0.0.0/24`", "`10.0.0.5` か `10.0.0.0/24` のように書いてください"),
            )
    names = Counter(consent.name for consent in signing.consents)
    for number, consent in enumerate(signing.consents):
        here = f"{at}.consents[{number}]"
        if _APP_NAME.fullmatch(consent.name) is None or names[consent.name] > 1:
            what = Phrase(f"`{consent.name}` cannot name a consent", f"`{consent.name}` は同意の名前にできません")
            reading.note(
                f"{here}.name",
                what,
                Phrase(
                    "use a-z, 0-9 and `-`, and each name once",
                    "半角の小文字、数字、`-` を使い、同じ名前は一度だけ使ってください",
                ),
            )
        for key, words in (("receiver", consent.receiver), ("purpose", consent.purpose)):
            if not words.get("ja", "").strip():
                what = Phrase(f"`{key}` has no Japanese words", f"`{key}` に日本語がありません")
                reading.note(here, what, Phrase(f"write `{key}: {{ja: …}}`", f"`{key}: {{ja: …}}` と書いてください"))
        if not consent.items:
            what = Phrase("a consent to nothing", "同意の対象がありません")
            reading.note(f"{here}.items", what, Phrase("name the items", "項目を書いてください"))
        for key, url in (("withdraw", consent.withdraw), ("details", consent.details)):
            if url or key == "withdraw":
                _url(url, f"{here}.{key}", reading, ("https",))


def _check_app(app: AppSettings, at: str, settings: Settings, reading: Reading) -> None:
    if not _APP_NAME.fullmatch(app.name):
        what = Phrase(f"`{app.name}` cannot name an App", f"`{app.name}` はアプリの名前にできません")
        reading.note(
            f"{at}.name",
            what,
            Phrase("use a-z, 0-9 and `-`, a letter first", "半角の小文字、数字、`-` を使い、文字で始めてください"),
        )
    parts = _url(app.url, f"{at}.url", reading, ("https", "http"))
    if parts is not None:
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            what = Phrase(
                f"`{app.url}` would carry people's facts over plain HTTP",
                f"`{app.url}` では、本人の情報が平文の HTTP で流れます",
            )
            reading.note(
                f"{at}.url",
                what,
                Phrase(
                    "a public origin begins with `https://`; `http://` is for loopback",
                    "公開の URL は `https://` で始めてください。`http://` は自分の機器の中だけで使えます",
                ),
            )
        if parts.path not in ("", "/") and not re.fullmatch(r"(?:/[A-Za-z0-9_~.-]+)+", parts.path):
            what = Phrase(f"`{parts.path}` cannot be an App's path", f"`{parts.path}` は App のパスにできません")
            reading.note(
                f"{at}.url",
                what,
                Phrase(
                    "plain segments, without a `/` behind the last",
                    "`/yoyaku` のように書き、最後に `/` を付けないでください",
                ),
            )
        if f"{parts.path}/".startswith(settings.prefix):
            reading.note(
                f"{at}.url",
                Phrase("the App lies within our own pages", "App が Sekisho 自身のページの下にあります"),
                Phrase("choose another path", "別のパスにしてください"),
            )
    if app.mode is Mode.PROXY and not app.upstream:
        reading.note(
            at,
            Phrase("`upstream` is missing", "`upstream` がありません"),
            Phrase("write `upstream: http://host:port`", "`upstream: http://host:port` を書いてください"),
        )
    _check_upstreams(app, at, reading)
    _check_no_circle(app, at, settings, reading)
    if not app.policy.file.name:
        reading.note(
            at,
            Phrase(
                "`policy` is missing: nothing says who may pass", "`policy` がありません。だれを通すかが決まりません"
            ),
            Phrase("write `policy: policies/….yaml`", "`policy: policies/….yaml` を書いてください"),
        )
    for key, origins in (("allowed_origins", app.allowed_origins), ("internal_origins", app.internal_origins)):
        for number, origin in enumerate(origins):
            origin_parts = _url(origin, f"{at}.{key}[{number}]", reading, ("https", "http"))
            if origin_parts is not None and origin_parts.path:
                what = Phrase(f"`{origin}` is more than an origin", f"`{origin}` はオリジンより長くなっています")
                reading.note(
                    f"{at}.{key}[{number}]",
                    what,
                    Phrase("scheme, host and port, and nothing behind", "スキーム、ホスト、ポートだけを書いてください"),
                )
    for number, cookie in enumerate(app.application_cookies):
        if not WHOLE_TOKEN.fullmatch(cookie):
            what = Phrase(f"`{cookie}` cannot name a cookie", f"`{cookie}` は Cookie の名前にできません")
            reading.note(
                f"{at}.application_cookies[{number}]",
                what,
                Phrase("write the cookie's name alone", "Cookie の名前だけを書いてください"),
            )
    _check_traffic(app, f"{at}.traffic", reading)
    _check_headers(app, at, reading)
    _check_links(app, at, reading)
    check_accounts(app, f"{at}.accounts", reading, settings.workers)
    check_sign_outs(app, at, reading)
    _check_plate(app, at, reading)
    if app.client is not None:
        _check_provider(app.client, f"{at}.client", reading)


def _check_traffic(app: AppSettings, at: str, reading: Reading) -> None:
    """Note `off`, which would silently mean another limit than none, and patterns that can fit nothing."""
    places: list[tuple[str, AppTraffic | PathTraffic]] = [(at, app.traffic)]
    places += [(f"{at}.paths[{number}]", each) for number, each in enumerate(app.traffic.paths)]
    for where, each in places:
        for key in ("body", "connect", "answer", "stream_idle", "tunnel_idle"):
            if f"{where}.{key}" in reading.places and getattr(each, key, None) is None:
                what = Phrase(
                    f"`{key}` of an App is a value of its own, or is left out",
                    f"アプリの `{key}` に `off` は書けません",
                )
                remedy = Phrase(
                    "write a large value to take the common limit away, or leave the key out",
                    "全体の制限を外すには大きな値を書き、全体と同じでよければ項目を取り除いてください",
                )
                reading.note(f"{where}.{key}", what, remedy)
    for number, each in enumerate(app.traffic.paths):
        for place, pattern in enumerate(each.path):
            check_path_pattern(pattern, f"{at}.paths[{number}].path[{place}]", reading)


def _check_headers(app: AppSettings, at: str, reading: Reading) -> None:
    listed = (("strip", app.headers.strip), ("keep", app.headers.keep), ("pass", app.headers.passed or ()))
    for key, names in listed:
        for number, name in enumerate(names):
            if not WHOLE_TOKEN.fullmatch(name):
                what = Phrase(f"`{name}` cannot name a header", f"`{name}` はヘッダー名として使えません")
                remedy = Phrase("write the header's name alone", "ヘッダーの名前だけを書いてください")
                reading.note(f"{at}.headers.{key}[{number}]", what, remedy)
    for fact, name in app.headers.names.items():
        check_header_name(name, f"{at}.headers.names.{fact}", reading)


def _check_links(app: AppSettings, at: str, reading: Reading) -> None:
    """Hold links on our own pages to what a browser follows as a link: `javascript:` would be a program."""
    without = "" if app.without_card is None else app.without_card.url
    if app.home and not app.home.startswith(("/", "https://")):
        what = Phrase(
            f"`{app.home}` is no path of this App and no https URL",
            f"`{app.home}` は、この App のパスでも https の URL でもありません",
        )
        reading.note(
            f"{at}.home",
            what,
            Phrase(
                "write `/` and a path, or `https://` and a host",
                "`/` で始まるパスか、`https://` で始まる URL を書いてください",
            ),
        )
    links = (("privacy_policy", app.privacy_policy), ("contact.url", app.contact.url), ("without_card.url", without))
    for key, link in links:
        if link and not _LINK.fullmatch(link):
            what = Phrase(f"`{link}` cannot be a link on our pages", f"`{link}` は画面のリンクにできません")
            reading.note(
                f"{at}.{key}",
                what,
                Phrase(
                    "write `https://…`, `mailto:…`, `tel:…`, or a path from `/`",
                    "`https://…`、`mailto:…`、`tel:…`、または `/` で始まるパスを書いてください",
                ),
            )


def _check_plate(app: AppSettings, at: str, reading: Reading) -> None:
    """Hold the name plate, the telephone and the languages to what the pages can show."""
    colour, phone = app.brand.colour, app.contact.phone
    if colour and not _COLOUR.fullmatch(colour):
        what = Phrase(f"`{colour}` is no colour", f"`{colour}` は色として読めません")
        remedy = Phrase(
            "write `#` and six hexadecimal digits in quotes: `'#0a6b3d'`",
            "`'#0a6b3d'` のように、`#` と16進数6桁を引用符で囲んで書いてください",
        )
        reading.note(f"{at}.brand.colour", what, remedy)
    if phone and not _PHONE.fullmatch(phone):
        what = Phrase(f"`{phone}` is no telephone number", f"`{phone}` は電話番号として読めません")
        remedy = Phrase(
            "write digits with hyphens, as `03-1234-5678`, and anything else under `hours`",
            "`03-1234-5678` のように半角の数字とハイフンで書き、ほかのことは `hours` に書いてください",
        )
        reading.note(f"{at}.contact.phone", what, remedy)
    for number, language in enumerate(app.languages):
        if language in app.languages[:number]:
            what = Phrase(f"`{language}` is there twice", f"`{language}` が二度書かれています")
            reading.note(f"{at}.languages[{number}]", what, Phrase("remove one of them", "一つにしてください"))


def _check_upstreams(app: AppSettings, at: str, reading: Reading) -> None:
    prefixes: set[str] = set()
    for number, upstream in enumerate(app.upstream):
        where = f"{at}.upstream[{number}]"
        if not upstream.startswith("unix:") and _url(upstream, where, reading, ("http", "https")) is None:
            continue
        try:
            prefixes.add(read_address(upstream).prefix)
        except ValueError as error:
            reading.note(where, Phrase(str(error), f"使えません（{error}）"))
    if len(prefixes) > 1:
        what = Phrase("the upstreams have different paths", "アップストリームのパスが揃っていません")
        reading.note(
            f"{at}.upstream",
            what,
            Phrase("one request must mean the same to each of them", "どのアップストリームも同じパスにしてください"),
        )
    _check_upstream_options(app.upstream_options, f"{at}.upstream_options", reading)


def _check_no_circle(app: AppSettings, at: str, settings: Settings, reading: Reading) -> None:
    """Note an upstream that is a listener of ours: each request would come back until nothing is left to serve it."""
    ours = [address for address in map(split_address, (settings.listen, settings.management)) if address is not None]
    here = {port for host, port in ours if is_loopback(host) or host in _EVERY_ADDRESS}
    for number, upstream in enumerate(app.upstream):
        try:
            parts = urlsplit(upstream)
            port = parts.port
        except ValueError:
            continue
        if port in here and is_loopback(parts.hostname or ""):
            what = Phrase(
                f"`{upstream}` is the gateway itself: a request would never reach an application",
                f"`{upstream}` はゲートウェイ自身です。リクエストがアプリケーションに届きません",
            )
            remedy = Phrase("write the application's own port", "アプリケーションのポートを書いてください")
            reading.note(f"{at}.upstream[{number}]", what, remedy)


def _check_upstream_options(options: UpstreamSettings, at: str, reading: Reading) -> None:
    if options.server_name and not _is_host(options.server_name):
        what = Phrase(
            f"`{options.server_name}` is no name of a server",
            f"`{options.server_name}` はサーバーの名前として読めません",
        )
        reading.note(
            f"{at}.server_name", what, Phrase("write the name in its certificate", "証明書にある名前を書いてください")
        )
    if options.key is not None and options.certificate is None:
        reading.note(
            f"{at}.key",
            Phrase("a key without its certificate", "鍵だけがあり、証明書がありません"),
            Phrase("write `certificate: …` as well", "`certificate: …` も書いてください"),
        )
    if options.health is not None and not re.fullmatch(r"/[!-~]*", options.health.path):
        what = Phrase(f"`{options.health.path}` cannot be asked for", f"`{options.health.path}` はパスとして使えません")
        reading.note(
            f"{at}.health.path",
            what,
            Phrase(
                "begin it with `/`, and percent-encode what is not ASCII",
                "`/` で始め、ASCII でない文字はパーセント符号化してください",
            ),
        )


def _check_paths_together(settings: Settings, reading: Reading) -> None:
    """A path is read before its App is known, so all Apps of a host read it alike, or a rule would fit nothing."""
    first: dict[str, AppSettings] = {}
    for number, app in enumerate(settings.apps):
        other = first.setdefault(_place(app.url)[0], app)
        for key, mine, theirs in (("paths", app.paths, other.paths), ("stack", {*app.stack}, {*other.stack})):
            if mine != theirs:
                what = Phrase(
                    f"`{app.name}` and `{other.name}` are on one host and have different `{key}`",
                    f"`{app.name}` と `{other.name}` は同じホストにあるのに `{key}` が異なります",
                )
                remedy = Phrase(
                    f"write the same `{key}` for every App of the host, or give one of them a host of its own",
                    f"同じホストのアプリには同じ `{key}` を書くか、別のホストに分けてください",
                )
                reading.note(f"apps[{number}].{key}", what, remedy)
        if app.paths.merge_slashes and app.paths.empty_segments == "keep":
            what = Phrase(
                f"`{app.name}` both merges and keeps empty segments",
                f"`{app.name}` に、空の区切りをまとめる設定と残す設定の両方があります",
            )
            reading.note(
                f"apps[{number}].paths.empty_segments",
                what,
                Phrase("keep one of the two settings", "どちらか一つの設定にしてください"),
            )
        if app.paths.ignore_case and settings.prefix != fold_case(settings.prefix):
            what = Phrase(
                f"our pages lie in `{settings.prefix}`, and `{app.name}` has its paths in lower case",
                f"Sekisho のページは `{settings.prefix}` にあり、`{app.name}` はパスを小文字にします",
            )
            reading.note("prefix", what, Phrase("write it in lower case", "小文字で書いてください"))


def _check_clients_together(settings: Settings, reading: Reading) -> None:
    """One `client_id` is one client: of two sets of settings for it, one would hold for both, unsaid."""
    known = {settings.provider.client_id: settings.provider}
    for number, app in enumerate(settings.apps):
        if app.client is not None and known.setdefault(app.client.client_id, app.client) != app.client:
            what = Phrase(
                f"`{app.client.client_id}` has different settings in another App",
                f"`{app.client.client_id}` の設定が、ほかの App と違います",
            )
            remedy = Phrase(
                "leave `client` out for the common client, and repeat the same settings wherever another one is meant",
                "共通のクライアントなら `client` を書かず、別のクライアントなら、どの App にも同じ設定を書いてください",
            )
            reading.note(f"apps[{number}].client", what, remedy)


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _place(url: str) -> tuple[str, str]:
    """Return what a route is found by: host and port as browsers write them, and the path."""
    try:
        return authority_of(url), urlsplit(url).path.rstrip("/")
    except ValueError:
        return url, ""


def _place_as_read(app: AppSettings) -> tuple[str, str]:
    """Return an App's place with its path as requests are read that come to it."""
    host, path = _place(app.url)
    return host, fold_case(path) if app.paths.ignore_case else path


def _check_apps_together(settings: Settings, reading: Reading) -> None:
    if not settings.apps:
        reading.note(
            "apps",
            Phrase("no App at all", "App がありません"),
            Phrase("write one under `apps:`", "`apps:` の下に書いてください"),
        )
    names = Counter(app.name for app in settings.apps)
    urls = Counter(_place_as_read(app) for app in settings.apps)
    clients: dict[str, tuple[str, str]] = {}
    clearing: dict[str, AppSettings] = {}
    for number, app in enumerate(settings.apps):
        at = f"apps[{number}]"
        if names[app.name] > 1:
            reading.note(
                f"{at}.name",
                Phrase(f"two Apps are named `{app.name}`", f"`{app.name}` という名前の App が二つあります"),
                Phrase("give each its own name", "それぞれ別の名前にしてください"),
            )
        if urls[_place_as_read(app)] > 1:
            reading.note(
                f"{at}.url",
                Phrase(f"two Apps have the URL `{app.url}`", f"URL が `{app.url}` の App が二つあります"),
                Phrase("give each its own", "それぞれ別のものにしてください"),
            )
        origin = _place(app.url)[0]
        client = app.client or settings.provider
        first = clients.setdefault(origin, (app.name, client.client_id))
        if first[1] != client.client_id:
            what = Phrase(
                f"`{app.name}` and `{first[0]}` share an origin but not a client",
                f"`{app.name}` と `{first[0]}` は同じオリジンなのに、クライアントが違います",
            )
            reading.note(
                f"{at}.client",
                what,
                Phrase(
                    "Apps of one origin share one client: their cookie is one",
                    "同じオリジンの App は Cookie が同じなので、同じクライアントにしてください",
                ),
            )
        _check_clearing(app, clearing.setdefault(origin, app), f"{at}.next_person.clear", reading)


def _check_clearing(app: AppSettings, first: AppSettings, at: str, reading: Reading) -> None:
    """Note an App whose `clear` differs from that of the first App of its origin."""
    wanted, theirs = sorted(app.next_person.clear), sorted(first.next_person.clear)
    if wanted == theirs:
        return
    what = Phrase(
        f"`{app.name}` has {wanted} cleared and `{first.name}`, on the same host, {theirs}",
        f"同じホストの `{app.name}`（{wanted}）と `{first.name}`（{theirs}）で、消去するものが異なります",
    )
    remedy = Phrase(
        "write the same `clear` for all Apps of one host: a browser keeps what they store in one place",
        "ブラウザーはホストごとにまとめて保存するため、同じホストのアプリの `clear` を揃えてください",
    )
    reading.note(at, what, remedy)


def _check_workers(settings: Settings, reading: Reading) -> None:
    if settings.workers != "auto" and not re.fullmatch(r"[1-9]\d{0,2}", settings.workers):
        what = Phrase(
            f"`{settings.workers}` is no number of workers", f"`{settings.workers}` はワーカーの数として読めません"
        )
        reading.note(
            "workers", what, Phrase("write `auto`, or a number from 1", "`auto` か、1以上の数を書いてください")
        )
    elif settings.workers != "1" and "memory" in (settings.sessions.store, settings.limits.store):
        what = Phrase(
            "several workers cannot share what is in memory", "メモリ上のデータは複数のワーカーで共有できません"
        )
        reading.note(
            "workers", what, Phrase("write `workers: 1`, or use Redis", "`workers: 1` にするか、Redis を使ってください")
        )


def _check_emulator(settings: Settings, reading: Reading) -> None:
    """The emulator confirms every identity: a gateway that others can reach must not believe it."""
    clients = [("provider", settings.provider)]
    clients += [(f"apps[{n}].client", app.client) for n, app in enumerate(settings.apps) if app.client is not None]
    if all(client.environment is not Environment.EMULATOR for _, client in clients):
        return
    remedy = Phrase(
        "the emulator is for loopback only (`*.localhost` counts)", "エミュレーターは自分のマシンの中だけで使えます"
    )
    address = split_address(settings.listen)
    if address is not None and not is_loopback(address[0]):
        reading.note(
            "listen",
            Phrase(
                f"`{settings.listen}` can be reached by others", f"`{settings.listen}` には、ほかの機器から接続できます"
            ),
            remedy,
        )
    for at, client in clients:
        host = _hostname(client.issuer)
        if client.environment is Environment.EMULATOR and client.issuer and not is_loopback(host):
            reading.note(
                f"{at}.issuer",
                Phrase(
                    f"`{client.issuer}` is not on this machine", f"`{client.issuer}` は、この機器の中ではありません"
                ),
                remedy,
            )
    for number, app in enumerate(settings.apps):
        if not is_loopback(_hostname(app.url)):
            reading.note(
                f"apps[{number}].url",
                Phrase(f"`{app.url}` is not on this machine", f"`{app.url}` は、この機器の中ではありません"),
                remedy,
            )
