"""Faults between us, the provider and the applications, with their remedies: values, not calls.

Each function judges a measurement and returns a `Finding`. Measuring is `aiohttp_doctor`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from ipaddress import ip_address

from gateway.accounts.recipe import TrialStep
from gateway.errors import StoreFault, UnfitAccountStoreError, UnfitLimitStoreError
from gateway.instant import Instant, tokyo_time
from gateway.yaml.mistakes import Language, Phrase

WORRYING_OFFSET = 2.0
"""Seconds by which a clock may be off before the doctor reports it."""

LONGEST_DATE = 64
"""Characters of a `Date` that are read."""


class Level(StrEnum):
    """The severity of a finding. Any `fail` makes `doctor` exit 2."""

    PASS = "pass"  # noqa: S105 (a level)
    WARN = "warn"
    FAIL = "fail"


SOON = 14 * 86_400.0
"""Seconds before its end in which a certificate ends soon."""

_NOTHING = Phrase("")
_RENEW = Phrase(
    "put a valid certificate there, check the clock, and send SIGHUP",
    "有効な証明書に置き換え、時計を確認してから SIGHUP を送ってください",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    """A short name that does not change: for scripts."""
    subject: str
    """Which client, App, file or store it is about."""
    level: Level
    said: Phrase
    """The finding."""
    remedy: Phrase = _NOTHING
    """The remedy; empty if all is well."""


def passed(check: str, subject: str, said: Phrase) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, subject, Level.PASS, said)


def unreachable(check: str, subject: str, reason: str) -> Finding:
    """Return a finding that nothing could be measured, and why in one word."""
    return Finding(
        check,
        subject,
        Level.FAIL,
        Phrase(f"no usable answer: {reason}", f"使える応答がありません：{reason}"),
        Phrase(
            "check name resolution, the firewall, `via` and `ca`",
            "名前解決、ファイアウォール、`via` と `ca` の設定を確認してください",
        ),
    )


def clock_finding(subject: str, said: str | None, before: Instant, after: Instant, skew: float) -> Finding:
    """Compare our clock with a `Date` header (RFC 9110 section 6.6.1) of an answer that came in between two moments."""
    if said is None:
        # Many providers send none, such as a Keycloak: nothing is wrong, and nothing can be mended.
        return passed(
            "clock",
            subject,
            Phrase(
                "the provider sends no `Date`, so the clocks cannot be compared from here; each sign-in compares `iat`",
                "提供側が `Date` を送らないため、ここでは時計を比べられません。サインインのたびに `iat` を確かめます",
            ),
        )
    try:
        theirs = parsedate_to_datetime(said[:LONGEST_DATE]).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return Finding("clock", subject, Level.WARN, Phrase("no readable `Date`", "`Date` を読み取れません"))
    # A `Date` has whole seconds, and the answer was under way for a while: only what lies outside is offset.
    offset = max(before - theirs - 1, 0.0) or min(after - theirs, 0.0)
    size = abs(offset)
    shown = Phrase(f"our clock is off by {size:.0f} s", f"時計が {size:.0f} 秒ずれています")
    remedy = Phrase(
        "run a time service (chrony, systemd-timesyncd)", "時刻同期（chrony、systemd-timesyncd）を動かしてください"
    )
    if size > skew:
        return Finding("clock", subject, Level.FAIL, shown, remedy)
    if size > WORRYING_OFFSET:
        return Finding("clock", subject, Level.WARN, shown, remedy)
    return passed("clock", subject, Phrase("our clock agrees with the provider's", "時計は提供側と合っています"))


def assertion_finding(subject: str, status: int, error: str) -> Finding:
    """Judge the token endpoint's answer to a good assertion with a code that cannot be good."""
    if error == "invalid_grant":
        return passed(
            "assertion", subject, Phrase("our client assertion is accepted", "クライアント認証は受理されました")
        )
    if error in {"invalid_client", "unauthorized_client"}:
        return Finding(
            "assertion",
            subject,
            Level.FAIL,
            Phrase(f"our client assertion is refused: `{error}`", f"クライアント認証が拒否されました：`{error}`"),
            Phrase(
                "compare `client_id` and the registered JWKS with `sekisho keys jwks`; then `assertion_audience`, "
                "`assertion_algorithm` and the clock",
                "`client_id` と登録済みのJWKSを `sekisho keys jwks` と見比べ、次に `assertion_audience`、"
                "`assertion_algorithm`、時計を確認してください",
            ),
        )
    shown = error or str(status)
    return Finding(
        "assertion",
        subject,
        Level.WARN,
        Phrase(f"cannot tell whether our assertion is accepted: `{shown}`", f"受理されたか判断できません：`{shown}`"),
    )


def redirect_finding(subject: str, uri: str, status: int, location: str | None) -> Finding:
    """Judge the authorization endpoint's answer to a request with one of our redirect URIs.

    A provider must not redirect to a URI it does not know (RFC 6749 section 4.1.2.1): it shows an error itself.
    """
    if location is not None and location.partition("?")[0] == uri:
        error = "error=" in location
        said = Phrase(f"`{uri}` is registered", f"`{uri}` は登録されています")
        if not error:
            return passed("redirect_uri", subject, said)
        return Finding(
            "redirect_uri",
            subject,
            Level.WARN,
            Phrase(
                f"`{uri}` is registered, and the request was refused", f"`{uri}` は登録済みですが、要求が拒否されました"
            ),
            Phrase(
                "compare scopes and `acr_values` with the contract",
                "スコープと `acr_values` を契約内容と見比べてください",
            ),
        )
    if 200 <= status < 400:
        return passed("redirect_uri", subject, Phrase(f"`{uri}` is accepted", f"`{uri}` は受理されました"))
    return Finding(
        "redirect_uri",
        subject,
        Level.FAIL,
        Phrase(f"`{uri}` is refused with {status}", f"`{uri}` が {status} で拒否されました"),
        Phrase(
            "register it to the letter: `sekisho registration`",
            "一字一句このまま登録してください：`sekisho registration`",
        ),
    )


def post_logout_finding(subject: str, uri: str, status: int) -> Finding:
    """Judge the end-session endpoint's answer to the address that people are to come back to.

    A provider must not send people to an address that is not registered (RP-Initiated Logout 1.0 section 3).
    """
    if status < 400:
        return passed("post_logout_redirect_uri", subject, Phrase(f"`{uri}` is accepted", f"`{uri}` は受理されました"))
    return Finding(
        "post_logout_redirect_uri",
        subject,
        Level.WARN,
        Phrase(
            f"sign-out at the provider is refused with {status}: people end on its error page",
            f"提供側でのサインアウトが {status} で拒否され、利用者にはエラーページが表示されます",
        ),
        Phrase(
            f"register `{uri}` as a post-logout redirect URI: `sekisho registration`",
            f"`{uri}` をサインアウト後のリダイレクトURIとして登録してください：`sekisho registration`",
        ),
    )


def keys_finding(subject: str, ours: tuple[str, ...], algorithms: tuple[str, ...]) -> Finding:
    """Judge whether the provider publishes a key that an ID token we accept could be signed with."""
    if not set(ours) & set(algorithms):
        return Finding(
            "provider_keys",
            subject,
            Level.FAIL,
            Phrase(
                f"no key for {', '.join(algorithms)}; there are: {', '.join(ours) or 'none'}",
                f"{', '.join(algorithms)} の鍵がありません。公開されている鍵：{', '.join(ours) or 'なし'}",
            ),
            Phrase(
                "compare `id_token_algorithms` with the provider's documentation",
                "`id_token_algorithms` を確認してください",
            ),
        )
    return passed("provider_keys", subject, Phrase("the provider's keys can be used", "提供側の鍵を使えます"))


def acr_finding(
    subject: str, accepted: tuple[str, ...], supported: tuple[str, ...] | None, *, requires: bool
) -> Finding:
    """Say what can be told of `acr` without a sign-in: the values that the provider names, held to those we accept.

    The value that a person's ID token will bear cannot be seen from here.
    """
    if not accepted:
        return passed(
            "acr",
            subject,
            Phrase(
                "every `acr` is accepted, so how a person was authenticated is the provider's business alone",
                "`acr` を問わないため、本人確認の方法は提供側にすべて任せています",
            ),
        )
    shown = ", ".join(f"`{value}`" for value in accepted)
    words = {word for value in supported or () for word in value.split(" ")}
    if supported is not None and not any(words.issuperset(value.split(" ")) for value in accepted):
        theirs = ", ".join(f"`{value}`" for value in supported[:8]) or "nothing"
        return Finding(
            "acr",
            subject,
            Level.WARN,
            Phrase(
                f"discovery names {theirs}, and sign-ins are held to {shown}",
                f"提供側が挙げる値は {theirs} ですが、{shown} を求める設定です",
            ),
            Phrase(
                "sign in once; if the event says `check=acr`, list what it found in `accept_acr`",
                "一度サインインし、イベントに `check=acr` と出たら、その `found` の値を `accept_acr` に並べてください",
            ),
        )
    absent = Phrase("", "") if requires else Phrase("; one that has none passes", "（`acr` がないものは通します）")
    return passed(
        "acr",
        subject,
        Phrase(
            f"ID tokens are held to {shown}{absent.say(Language.EN)}; what they will say cannot be seen from here",
            f"IDトークンに {shown} を求めます{absent.say(Language.JA)}。実際の値はサインインするまで分かりません",
        ),
    )


def mode_finding(path: str, mode: int | None, *, roots_for_group: bool = False) -> Finding:
    """Judge the mode of a secret's file; `mode` is None if the file does not exist.

    `roots_for_group`: the file is root's, and a group that is not root's has it. So Kubernetes mounts secrets.
    """
    if mode is None:
        return Finding("file_mode", path, Level.FAIL, Phrase("cannot be read", "読み取れません"))
    if roots_for_group and mode & 0o077 == 0o040:
        return Finding(
            "file_mode",
            path,
            Level.WARN,
            Phrase(f"its group may read it: mode {mode & 0o777:04o}", f"グループも読めます：モード {mode & 0o777:04o}"),
            Phrase(
                "see that the gateway's user is alone in the group",
                "グループのメンバーがゲートウェイのユーザーだけか確かめてください",
            ),
        )
    if mode & 0o077:
        return Finding(
            "file_mode",
            path,
            Level.FAIL,
            Phrase(f"others may read it: mode {mode & 0o777:04o}", f"他の利用者が読めます：モード {mode & 0o777:04o}"),
            Phrase(f"chmod 600 {path}", f"chmod 600 {path}"),
        )
    return passed("file_mode", path, Phrase("only its owner reads it", "所有者だけが読めます"))


def certificate_finding(subject: str, dates: tuple[Instant, Instant] | None, now: Instant) -> Finding:
    """Judge the first and the last moment of a certificate; `None` if they cannot be read.

    A certificate ends soon in its last two weeks, or in the last third of a life that is shorter than six weeks.
    """
    check = "certificate"
    if dates is None:
        return Finding(
            check, subject, Level.WARN, Phrase("its dates cannot be read", "有効期間を読み取れません"), _RENEW
        )
    begins, ends = dates
    if now < begins:
        day = f"{tokyo_time(begins):%Y-%m-%d %H:%M} JST"
        said = Phrase(f"the certificate is not valid before {day}", f"証明書は {day} まで有効になりません")
        return Finding(check, subject, Level.FAIL, said, _RENEW)
    day = f"{tokyo_time(ends):%Y-%m-%d %H:%M} JST"
    if now > ends:
        said = Phrase(f"the certificate expired on {day}", f"証明書の期限が切れています（{day}）")
        return Finding(check, subject, Level.FAIL, said, _RENEW)
    if ends - now < min(SOON, (ends - begins) / 3):
        said = Phrase(f"the certificate expires on {day}", f"証明書の期限が近づいています（{day}）")
        return Finding(check, subject, Level.WARN, said, _RENEW)
    return passed(check, subject, Phrase(f"the certificate is valid until {day}", f"証明書は {day} まで有効です"))


def store_finding(subject: str, fault: StoreFault | None, *, check: str = "store") -> Finding:
    """Judge whether a store takes every command that its work needs; `fault` is why not.

    `check` is `store` for that of sessions and pending logins, `limit_store` for that of limits, and
    `account_store` for one of accounts.
    """
    if fault is None:
        said = Phrase("takes every command that is needed", "必要な命令をすべて受け付けます")
        return passed(check, subject, said)
    remedy = Phrase("check address, password and `ca`", "アドレス、パスワード、`ca` を確認してください")
    if fault is StoreFault.REFUSED:
        remedy = Phrase(
            "check the password, and compare the user's rights in Redis with the line in docs/sessions.md",
            "パスワードと、Redis の利用者の権限（docs/sessions.md の ACL の行）を確認してください",
        )
    said = Phrase(f"cannot be used: {fault}", f"使えません：{fault}")
    return Finding(check, subject, Level.FAIL, said, remedy)


def unfit_finding(
    subject: str, unfit: UnfitLimitStoreError | UnfitAccountStoreError, *, check: str = "limit_store"
) -> Finding:
    """Report a store that may forget what it has counted or linked."""
    return Finding(check, subject, Level.FAIL, Phrase(str(unfit)), Phrase(unfit.remedy))


_LOOK_AT_SUCCESS = Phrase(
    "sign in by hand, and compare status, `Location` and cookies of the answer with `success`",
    "手動でログインし、応答のステータス・`Location`・Cookie を `success` と見比べてください",
)
_LOOK_AT_PAGE = Phrase(
    "open the login page by hand, and compare its address and its fields with `page`, `user` and `password`",
    "ログイン画面を手動で開き、アドレスと入力欄の名前を `page`・`user`・`password` と見比べてください",
)
_LOOK_AT_ENDED = Phrase(
    "open that page with and without a login, and compare the answers with `ended`",
    "そのページをログインした状態としていない状態で開き、応答を `ended` と見比べてください",
)
_LOOK_AT_LOGOUT = Phrase(
    "sign out by hand, and compare the requests with `logout`: many applications ask once more, by a form or a link",
    "手動でログアウトし、要求を `logout` と見比べてください。確認の画面があるときは `submit` か `link` が要ります",
)
_TRIAL: Mapping[TrialStep, tuple[Level, Phrase, Phrase]] = {
    TrialStep.AWAY: (
        Level.FAIL,
        Phrase("the application does not answer", "アプリケーションが応答しません"),
        Phrase(
            "look at `upstream`, and at the application's own log",
            "`upstream` とアプリケーションのログを確認してください",
        ),
    ),
    TrialStep.NO_PAGE: (
        Level.FAIL,
        Phrase("the login page does not answer with 200", "ログイン画面が 200 を返しません"),
        _LOOK_AT_PAGE,
    ),
    TrialStep.NO_FORM: (
        Level.FAIL,
        Phrase("no form of the login page has both fields", "ログイン画面に、両方の入力欄を持つフォームがありません"),
        _LOOK_AT_PAGE,
    ),
    TrialStep.ANY_PASSWORD: (
        Level.FAIL,
        Phrase(
            "a wrong password is taken for a good login: everybody could take every account",
            "誤ったパスワードがログイン成功とみなされます。だれでも他人のアカウントを連携できてしまいます",
        ),
        _LOOK_AT_SUCCESS,
    ),
    TrialStep.WRONG_REFUSED: (
        Level.PASS,
        Phrase("a wrong password is refused", "誤ったパスワードは拒否されます"),
        _NOTHING,
    ),
    TrialStep.REFUSED: (
        Level.FAIL,
        Phrase(
            "the trial account's password is not taken for a good login",
            "試験用アカウントのログインが成功とみなされません",
        ),
        _LOOK_AT_SUCCESS,
    ),
    TrialStep.SIGNED_IN: (
        Level.PASS,
        Phrase("the trial account is signed in", "試験用アカウントでログインできます"),
        _NOTHING,
    ),
    TrialStep.NO_NAME: (
        Level.FAIL,
        Phrase("no cookie says the account's name", "アカウント名を示す Cookie がありません"),
        Phrase(
            "compare the cookies of a login with `account_cookie`",
            "ログイン時の Cookie を `account_cookie` と見比べてください",
        ),
    ),
    TrialStep.ALIVE: (
        Level.PASS,
        Phrase(
            "`alive` and `ended` tell whether a session is over", "`alive` と `ended` でセッション切れを判断できます"
        ),
        _NOTHING,
    ),
    TrialStep.NOT_ALIVE: (
        Level.FAIL,
        Phrase(
            "`ended` takes a fresh session for one that is over",
            "ログイン直後のセッションが `ended` で切れたとみなされます",
        ),
        _LOOK_AT_ENDED,
    ),
    TrialStep.NEVER_ENDS: (
        Level.FAIL,
        Phrase("`ended` does not notice that there is no session", "セッションがないことを `ended` で判断できません"),
        _LOOK_AT_ENDED,
    ),
    TrialStep.CHANGE_READY: (
        Level.PASS,
        Phrase("the form of a new password is as `change` says", "パスワード変更の画面は `change` のとおりです"),
        _NOTHING,
    ),
    TrialStep.CHANGE_AWAY: (
        Level.FAIL,
        Phrase(
            "`change.page` does not answer with 200 in a session: no such page, or it asks for something first",
            "ログインした状態でも `change.page` が 200 を返しません。画面がないか、先に別の確認を求めています",
        ),
        Phrase(
            "sign in by hand, open the page, and compare its address with `change.page`",
            "手動でログインして画面を開き、アドレスを `change.page` と見比べてください",
        ),
    ),
    TrialStep.NO_CHANGE: (
        Level.FAIL,
        Phrase(
            "no form of `change.page` has all the fields of `change`",
            "`change.page` に、`change` の入力欄がすべてあるフォームがありません",
        ),
        Phrase(
            "open it by hand, and compare the names of its fields with `old`, `new` and `repeat`",
            "手動で開き、入力欄の名前を `old`・`new`・`repeat` と見比べてください",
        ),
    ),
    TrialStep.CHANGE_SHORT: (
        Level.FAIL,
        Phrase(
            "the form of `change` takes fewer than 12 signs, which could be guessed",
            "`change` のフォームに 12 文字を入力できません。推測できる長さのパスワードになります",
        ),
        Phrase("write `passwords: kept` in place of `changed`", "`passwords: kept` にしてください"),
    ),
    TrialStep.NO_LOGOUT: (
        Level.WARN,
        Phrase(
            "`logout` is missing: the application's session outlives a sign-out",
            "`logout` がないため、サインアウト後もアプリケーションのセッションが残ります",
        ),
        Phrase("write `logout: /logout`", "`logout: /logout` のように書いてください"),
    ),
    TrialStep.SIGNED_OUT: (
        Level.PASS,
        Phrase("the session is over after the logout", "ログアウト後はセッションが切れます"),
        _NOTHING,
    ),
    TrialStep.STILL_IN: (
        Level.FAIL,
        Phrase("the session is still open after the logout", "ログアウト後もセッションが残っています"),
        _LOOK_AT_LOGOUT,
    ),
    TrialStep.LOGOUT_ASKED: (
        Level.WARN,
        Phrase(
            "the logout was asked for, and nothing tells whether the session is over",
            "ログアウトを送りましたが、セッションが切れたかは判断できません",
        ),
        Phrase("write `alive: /page-that-needs-a-login`", "`alive` にログインが必要なページを書いてください"),
    ),
}


def trial_finding(subject: str, step: TrialStep) -> Finding:
    """Say how one step of a trial of a recipe ended."""
    level, said, remedy = _TRIAL[step]
    return Finding("recipe", subject, level, said, remedy)


def sentinels_finding(subject: str, answers: Mapping[str, str]) -> Finding:
    """Judge whether a failover would take place, by each sentinel's answer to `SENTINEL CKQUORUM`.

    `answers` has one word for each sentinel's address: `ok`, `noquorum`, `unknown` for a sentinel that does not know
    the service, or the fault of one that does not answer.
    """
    check = "sentinels"
    good = [place for place, answer in answers.items() if answer == "ok"]
    if len(good) == len(answers):
        return passed(
            check, subject, Phrase(f"{len(good)} agree and have a quorum", f"{len(good)} 台で定足数があります")
        )
    shown = ", ".join(f"`{place}`: {answer}" for place, answer in answers.items() if answer != "ok")
    said = Phrase(
        f"{len(good)} of {len(answers)} have a quorum; {shown}", f"定足数を確認できたのは {len(good)} 台です。{shown}"
    )
    remedy = Phrase(
        "start the sentinels that are away, and compare `sentinel monitor` of each with the service's name here",
        "停止中の Sentinel を起動し、各 Sentinel の `sentinel monitor` の名前をこの設定と見比べてください",
    )
    return Finding(check, subject, Level.WARN if good else Level.FAIL, said, remedy)


def upstream_finding(subject: str, url: str, *, answers: bool) -> Finding:
    """Judge whether an application's server takes our connections."""
    if answers:
        return passed("upstream", subject, Phrase(f"`{url}` takes connections", f"`{url}` に接続できます"))
    return Finding(
        "upstream",
        subject,
        Level.FAIL,
        Phrase(f"`{url}` takes no connection", f"`{url}` に接続できません"),
        Phrase(
            "is the application running, and does it listen there?",
            "アプリケーションが起動し、そこで待ち受けているか確認してください",
        ),
    )


def outer_proxy_finding(subject: str, url: str, plain: int | None, spoofed: int | None) -> Finding:
    """Judge whether the proxy in front of a forward-auth App asks us about a client's own identity headers.

    `plain` and `spoofed` are the statuses of two requests through it, the second with a header that only we may
    write; `None` is no answer. We refuse such a question, so where it is not refused we have not been asked, or not
    with all of the client's headers.
    """
    remedy = Phrase(
        "compare its configuration with `deploy/forward-auth`: it must ask with all headers of each request",
        "前段のプロキシの設定を `deploy/forward-auth` と見比べ、すべてのヘッダーを添えて問い合わせてください",
    )
    if plain is None or spoofed is None:
        said = Phrase(f"`{url}` does not answer from here", f"`{url}` にここから接続できません")
        return Finding("outer_proxy", subject, Level.WARN, said, remedy)
    if spoofed not in (400, 403):
        said = Phrase(
            f"`{url}` answers {spoofed} to a client that writes an identity header itself",
            f"`{url}` は、本人確認ヘッダーを自分で書いた要求に {spoofed} を返します",
        )
        return Finding("outer_proxy", subject, Level.FAIL, said, remedy)
    if plain in (400, 403):
        said = Phrase(
            f"`{url}` answers {plain} to everybody, so this check says nothing",
            f"`{url}` は誰にでも {plain} を返すため、判断できません",
        )
        return Finding("outer_proxy", subject, Level.WARN, said)
    return passed(
        "outer_proxy",
        subject,
        Phrase("a client's own identity headers are refused", "利用者が書いた本人確認ヘッダーは拒否されます"),
    )


def bypass_finding(subject: str, address: str, *, answers_publicly: bool) -> Finding:
    """Judge whether the application can be reached without us.

    `address` is where we reach it; `answers_publicly`: its port also answers at the App's public name, where
    browsers come in. A client that reaches it there writes the identity headers itself.
    """
    remedy = Phrase(
        "let it listen on loopback or a network of our own, and verify the assertion in the application",
        "ループバックか専用ネットワークだけで待ち受けさせ、アプリケーション側でアサーションを検証してください",
    )
    if answers_publicly:
        said = Phrase(
            "the application answers without the gateway, on its public name", "公開名の別ポートから直接到達できます"
        )
        return Finding("bypass", subject, Level.FAIL, said, remedy)
    try:
        where = ip_address(address)
    except ValueError:
        return Finding(
            "bypass", subject, Level.WARN, Phrase("its address is unknown", "アドレスが分かりません"), remedy
        )
    if where.is_loopback:
        said = Phrase("the application listens on this machine alone", "このマシンの中だけで待ち受けています")
        return passed("bypass", subject, said)
    if where.is_global:
        said = Phrase(f"`{address}` is a public address", f"`{address}` は公開アドレスです")
        return Finding("bypass", subject, Level.FAIL, said, remedy)
    said = Phrase(f"`{address}` is reachable for its whole network", f"`{address}` は同じネットワークから到達できます")
    return Finding("bypass", subject, Level.WARN, said, remedy)
