"""Finds contradictions in `apps[].accounts`: what one way of telling an application needs, and another forbids."""

from __future__ import annotations

import re

from gateway.settings.forms import check_header_name, check_path_pattern
from gateway.settings.recipes import LEAST_BITS, bits_of, covers, path_of, whole_recipe
from gateway.settings.settings import (
    REDIS_SCHEMES,
    AppAccounts,
    AppSettings,
    ChangeSettings,
    EndedSettings,
    Mode,
    RecipeSettings,
    SecretSource,
    SuccessSettings,
)
from gateway.settings.typed import Reading
from gateway.wire.http1 import TOKEN
from gateway.yaml.mistakes import Phrase

_TARGET = re.compile(r"/(?!/)[!-~]*")
_PATH = re.compile(r"/(?!/)[!-\"$->@-~]*")
_SIGN_OUT = re.compile(r"(?:/(?:\*{1,2}|[^/*?#\s]*))+(?:\?[^?#&=\s]+=[^?#&=\s]*)?")
_COOKIE = re.compile(r"\*?" + TOKEN.decode() + r"*\*?")


def check_accounts(app: AppSettings, at: str, reading: Reading, workers: str) -> None:
    """Note everything in an App's `accounts` that cannot be meant."""
    accounts = app.accounts
    if accounts is None:
        return
    _check_store(accounts, at, reading, workers)
    if accounts.secret.file is not None and accounts.secret.env is not None:
        what = Phrase("a secret from both a file and the environment", "`file` と `env` の両方が書かれています")
        reading.note(f"{at}.secret", what, Phrase("keep `file` or `env`", "どちらか一つにしてください"))
    _check_key(accounts, at, reading)
    _check_mode(app, accounts, at, reading)
    recipe = None if accounts.recipe is None else whole_recipe(accounts.recipe)
    if recipe is not None:
        _check_recipe(recipe, f"{at}.recipe", reading)
    match accounts.tell:
        case "header":
            _check_header(accounts, at, reading)
        case "basic":
            _check_basic(accounts, at, reading)
        case "form":
            _check_form(accounts, recipe, at, reading)
    _check_unused(accounts, at, reading)
    _check_trial(accounts, at, reading)


def check_sign_outs(app: AppSettings, at: str, reading: Reading) -> None:
    """Note sign-out links that cannot be meant."""
    if app.signs_out and app.mode is Mode.FORWARD_AUTH:
        what = Phrase(
            "`signs_out` with `mode: forward_auth`: another proxy forwards the requests, and has its own answers",
            "`mode: forward_auth` では `signs_out` を使えません。応答を返すのは別のプロキシです",
        )
        remedy = Phrase(
            "remove it, and lead the link to `/.sekisho/logout` in the other proxy",
            "取り除き、別のプロキシでリンクを `/.sekisho/logout` に転送してください",
        )
        reading.note(f"{at}.signs_out", what, remedy)
    _check_sign_outs(app.signs_out, f"{at}.signs_out", reading)


def _check_sign_outs(patterns: tuple[str, ...], at: str, reading: Reading) -> None:
    for number, pattern in enumerate(patterns):
        if not _SIGN_OUT.fullmatch(pattern) or path_of(pattern) in ("/*", "/**") or pattern == "/":
            what = Phrase(
                f"`{pattern}` is no sign-out link of an application",
                f"`{pattern}` はアプリケーションのログアウトのリンクとして読めません",
            )
            remedy = Phrase(
                "write `/logout.php`, or a path with one parameter, as in `/index.php?action=logout`",
                "`/logout.php` か、`/index.php?action=logout` のように引数を一つ付けて書いてください",
            )
            reading.note(f"{at}[{number}]", what, remedy)


def _check_store(accounts: AppAccounts, at: str, reading: Reading, workers: str) -> None:
    url = accounts.store.url
    if not url:
        what = Phrase("`store` is missing: nothing would keep the links", "`store` がありません。連携を保存できません")
        remedy = Phrase(
            "write `store: sqlite:/var/lib/sekisho/accounts.db` or `redis://host:6379/1`",
            "`store: sqlite:/var/lib/sekisho/accounts.db` か `redis://host:6379/1` と書いてください",
        )
        reading.note(at, what, remedy)
        return
    scheme, _, rest = url.partition(":")
    here = f"{at}.store.url" if f"{at}.store.url" in reading.places else f"{at}.store"
    if url == "memory":
        if workers != "1":
            what = Phrase(
                "several workers cannot share links that are in memory",
                "メモリ上の連携は複数のワーカーで共有できません",
            )
            reading.note(
                here,
                what,
                Phrase("write `sqlite:/path` or `redis://…`", "`sqlite:/path` か `redis://…` と書いてください"),
            )
    elif scheme == "sqlite" and rest and not rest.startswith("/"):
        whole = (reading.base / rest).absolute()
        what = Phrase(
            f"`{url}` is a relative path: a command in another folder would open another store",
            f"`{url}` は相対パスです。別のフォルダーで動かしたコマンドが、別の保存先を開いてしまいます",
        )
        remedy = Phrase(
            f"write the whole path, as in `sqlite:{whole}`", f"`sqlite:{whole}` のように、絶対パスで書いてください"
        )
        reading.note(here, what, remedy)
    elif not (scheme == "sqlite" and rest.startswith("/")) and not (scheme in REDIS_SCHEMES and rest.startswith("/")):
        what = Phrase(f"`{url}` is no store of accounts", f"`{url}` はアカウントの保存先にできません")
        remedy = Phrase(
            "write `sqlite:/var/lib/sekisho/accounts.db` or `redis://host:6379/1`",
            "`sqlite:/var/lib/sekisho/accounts.db` か `redis://host:6379/1` と書いてください",
        )
        reading.note(here, what, remedy)


def _check_key(accounts: AppAccounts, at: str, reading: Reading) -> None:
    if not accounts.key.sources:
        what = Phrase(
            "`key` is missing: the store would name persons in the clear",
            "`key` がありません。だれの連携かが平文で保存されてしまいます",
        )
        remedy = Phrase(
            "write `key: {file: …}` with 32 random bytes or more in it, or `key: {command: […]}`",
            "32 バイト以上の乱数を入れた `key: {file: …}` か、`key: {command: […]}` を書いてください",
        )
        reading.note(at, what, remedy)
    elif accounts.key.sources > 1:
        what = Phrase("the key comes from two places", "鍵の出どころが二つあります")
        remedy = Phrase(
            "keep one of `file`, `env` and `command`", "`file`・`env`・`command` のどれか一つにしてください"
        )
        reading.note(f"{at}.key", what, remedy)


def _check_mode(app: AppSettings, accounts: AppAccounts, at: str, reading: Reading) -> None:
    if app.mode is Mode.FORWARD_AUTH and accounts.tell == "form":
        what = Phrase(
            "`tell: form` with `mode: forward_auth`: another proxy forwards the requests, and the gateway cannot sign "
            "in at the application",
            "`mode: forward_auth` では `tell: form` を使えません。リクエストを送るのは別のプロキシで、"
            "関所はアプリケーションにログインできません",
        )
        remedy = Phrase("write `mode: proxy`, or `tell: header`", "`mode: proxy` か `tell: header` と書いてください")
        reading.note(f"{at}.tell", what, remedy)
    if app.mode is Mode.FORWARD_AUTH and accounts.recipe is not None:
        what = Phrase(
            "`recipe` with `mode: forward_auth`: the gateway has no way to the application's login",
            "`mode: forward_auth` では `recipe` を使えません。アプリケーションのログイン画面に届きません",
        )
        remedy = Phrase(
            "write `mode: proxy`, or remove `recipe` and have the office link accounts",
            "`mode: proxy` にするか、`recipe` を削除して窓口で連携してください",
        )
        reading.note(f"{at}.recipe", what, remedy)


def _check_header(accounts: AppAccounts, at: str, reading: Reading) -> None:
    name = accounts.header
    if not name:
        what = Phrase("`tell: header` without the header's name", "`tell: header` にヘッダーの名前がありません")
        reading.note(
            at, what, Phrase("write `header: X-Remote-User`", "`header: X-Remote-User` のように書いてください")
        )
    else:
        check_header_name(name, f"{at}.header", reading)


def _is_given(source: SecretSource) -> bool:
    return source.file is not None or source.env is not None


def _check_basic(accounts: AppAccounts, at: str, reading: Reading) -> None:
    if not _is_given(accounts.secret):
        what = Phrase(
            "`tell: basic` without `secret`: anybody could send the same field",
            "`tell: basic` に `secret` がありません。だれでも同じヘッダーを送れます",
        )
        reading.note(at, what, Phrase("write `secret: {file: …}`", "`secret: {file: …}` と書いてください"))


def _check_form(accounts: AppAccounts, recipe: RecipeSettings | None, at: str, reading: Reading) -> None:
    if recipe is None:
        what = Phrase("`tell: form` without `recipe`", "`tell: form` に `recipe` がありません")
        remedy = Phrase(
            "describe the login page under `recipe`, or name a shipped one",
            "`recipe` にログイン画面を書くか、用意されたものの名前を書いてください",
        )
        reading.note(at, what, remedy)
        return
    here = f"{at}.recipe"
    if not recipe.closed:
        what = Phrase(
            "`tell: form` without `closed`: people could sign in at the application past the card",
            "`tell: form` に `closed` がありません。カードなしでアプリケーションにログインできてしまいます",
        )
        remedy = Phrase(
            f"write `closed: [{path_of(recipe.page) or '/login'}, …]` with every page of login and passwords",
            f"ログインとパスワードの画面をすべて `closed: [{path_of(recipe.page) or '/login'}, …]` に書いてください",
        )
        reading.note(here, what, remedy)
    else:
        for path in dict.fromkeys(path_of(target) for target in (recipe.page, recipe.post) if target):
            if not any(covers(pattern, path) for pattern in recipe.closed):
                what = Phrase(
                    f"`closed` leaves `{path}` open, by which people could get around the card",
                    f"`{path}` が `closed` に含まれていません。カードなしで使えてしまいます",
                )
                reading.note(f"{here}.closed", what, Phrase(f"add `{path}`", f"`{path}` を加えてください"))
    ended = recipe.ended
    if ended == EndedSettings():
        what = Phrase(
            "`tell: form` without `ended`: a person whose session at the application is over would stay signed out",
            "`tell: form` に `ended` がありません。アプリケーションのセッションが切れたことを判断できません",
        )
        remedy = Phrase(
            f"write `ended: {{location: {path_of(recipe.page) or '/login'}}}`",
            f"`ended: {{location: {path_of(recipe.page) or '/login'}}}` と書いてください",
        )
        reading.note(here, what, remedy)
    if accounts.passwords is None and f"{at}.passwords" not in reading.broken:
        what = Phrase(
            "citizens' own passwords would be kept, sealed, and nothing states that",
            "住民自身のパスワードを暗号化して保存しますが、その明示がありません",
        )
        remedy = Phrase(
            "write `passwords: changed` if the recipe has `change`, or `passwords: kept`",
            "`recipe` に `change` があれば `passwords: changed`、なければ `passwords: kept` と書いてください",
        )
        reading.note(at, what, remedy)
    if accounts.passwords == "changed":
        _check_change(recipe, here, reading)


def _check_change(recipe: RecipeSettings, at: str, reading: Reading) -> None:
    """Note what a change of passwords lacks: a half one would take an account from everybody."""
    change = recipe.change
    for key, value in (("page", change.page), ("new", change.new)):
        if not value:
            what = Phrase(
                f"`passwords: changed` without `change.{key}`", f"`passwords: changed` に `change.{key}` がありません"
            )
            remedy = Phrase(
                "describe the form under `change`, or write `passwords: kept`",
                "`change` にパスワード変更の画面を書くか、`passwords: kept` と書いてください",
            )
            reading.note(at, what, remedy)
            return
    for path in dict.fromkeys(path_of(target) for target in (change.page, change.post)):
        if recipe.closed and not any(covers(pattern, path) for pattern in recipe.closed):
            what = Phrase(
                f"`closed` leaves `{path}` open, by which people could change the gateway's password",
                f"`{path}` が `closed` に含まれていません。関所が設定したパスワードを変更できてしまいます",
            )
            reading.note(f"{at}.closed", what, Phrase(f"add `{path}`", f"`{path}` を加えてください"))


def _check_trial(accounts: AppAccounts, at: str, reading: Reading) -> None:
    trial = accounts.trial
    if trial is None:
        return
    if accounts.recipe is None:
        what = Phrase("`trial` without `recipe`: there is nothing to try", "`recipe` がないため `trial` は使われません")
        reading.note(
            f"{at}.trial",
            what,
            Phrase("write `recipe`, or remove `trial`", "`recipe` を書くか、`trial` を取り除いてください"),
        )
    for key, source in (("user", trial.user), ("password", trial.password)):
        if (source.file is None) == (source.env is None):
            what = Phrase(f"`{key}` needs one source", f"`{key}` の読み込み元を一つ書いてください")
            remedy = Phrase(f"write `{key}: {{file: …}}`", f"`{key}: {{file: …}}` と書いてください")
            reading.note(f"{at}.trial", what, remedy)


def _check_unused(accounts: AppAccounts, at: str, reading: Reading) -> None:
    """Note keys of another way of telling: their writer believes that they do something."""
    unused = {
        "header": (accounts.header, "header"),
        "secret": (_is_given(accounts.secret), "basic"),
        "passwords": (accounts.passwords, "form"),
    }
    for key, (written, tell) in unused.items():
        if written and accounts.tell != tell:
            what = Phrase(
                f"`{key}` has no effect without `tell: {tell}`", f"`{key}` は `tell: {tell}` のときだけ使われます"
            )
            reading.note(f"{at}.{key}", what, Phrase("remove it", "取り除いてください"))
    if accounts.recipe is not None and accounts.recipe.change != ChangeSettings() and accounts.passwords != "changed":
        what = Phrase(
            "`change` has no effect without `passwords: changed`",
            "`change` は `passwords: changed` のときだけ使われます",
        )
        remedy = Phrase("write it, or remove `change`", "`passwords: changed` と書くか、取り除いてください")
        reading.note(f"{at}.recipe.change", what, remedy)


def _check_recipe(recipe: RecipeSettings, at: str, reading: Reading) -> None:
    for key, value in (("page", recipe.page), ("user", recipe.user), ("password", recipe.password)):
        if not value:
            what = Phrase(f"the recipe has no `{key}`", f"`recipe` に `{key}` がありません")
            reading.note(at, what, Phrase(f"write `{key}: …`", f"`{key}: …` を書いてください"))
    _check_targets(
        (
            ("page", recipe.page),
            ("post", recipe.post),
            ("alive", recipe.alive),
            ("logout.page", recipe.logout.page),
        ),
        at,
        reading,
    )
    for number, pattern in enumerate(recipe.closed):
        check_path_pattern(pattern, f"{at}.closed[{number}]", reading)
    _check_sign_outs(recipe.signs_out, f"{at}.signs_out", reading)
    _check_cookie(recipe.account_cookie, f"{at}.account_cookie", reading)
    if recipe.forgets_after is not None and recipe.locks_after is None:
        what = Phrase(
            "`forgets_after` without `locks_after`: there is nothing to forget",
            "`locks_after` がないため `forgets_after` は使われません",
        )
        reading.note(
            f"{at}.forgets_after", what, Phrase("write `locks_after` as well", "`locks_after` も書いてください")
        )
    _check_success(recipe.success, f"{at}.success", reading)
    ended = recipe.ended
    _check_paths((("location", ended.location),), f"{at}.ended", reading)
    _check_form_of_change(recipe.change, f"{at}.change", reading)
    logout = recipe.logout
    if not logout.page and (logout.submit or logout.link):
        what = Phrase("`logout` names no `page`", "`logout` に `page` がありません")
        reading.note(f"{at}.logout", what, Phrase("write `page: /logout`", "`page: /logout` と書いてください"))
    if logout.submit and logout.link:
        what = Phrase(
            "`logout` both submits a form and follows a link", "`logout` に `submit` と `link` の両方があります"
        )
        reading.note(f"{at}.logout.link", what, Phrase("keep one of them", "どちらか一つにしてください"))


def _check_form_of_change(change: ChangeSettings, at: str, reading: Reading) -> None:
    _check_targets((("page", change.page), ("post", change.post)), at, reading)
    if not re.fullmatch(r"[!-~]+", change.alphabet):
        what = Phrase("`alphabet` has a sign that no password field takes", "`alphabet` に使えない文字があります")
        remedy = Phrase("write visible signs of ASCII", "空白以外の ASCII 文字で書いてください")
        reading.note(f"{at}.alphabet", what, remedy)
    elif bits_of(change.alphabet, change.length) < LEAST_BITS:
        what = Phrase(
            f"{change.length} signs of this alphabet can be guessed", f"この文字で {change.length} 字では推測できます"
        )
        remedy = Phrase(
            f"write a longer `alphabet`, or a `length` that makes {LEAST_BITS} bits",
            f"`alphabet` を増やすか、`length` を {LEAST_BITS} ビット以上になる長さにしてください",
        )
        reading.note(f"{at}.length" if f"{at}.length" in reading.places else at, what, remedy)


def _check_targets(targets: tuple[tuple[str, str], ...], at: str, reading: Reading) -> None:
    for key, target in targets:
        if target and (not _TARGET.fullmatch(target) or "#" in target):
            what = Phrase(
                f"`{target}` is no path of the application", f"`{target}` はアプリケーションのパスとして読めません"
            )
            remedy = Phrase(
                "begin it with `/`, and percent-encode what is not ASCII",
                "`/` で始め、ASCII 以外は % で符号化してください",
            )
            reading.note(f"{at}.{key}", what, remedy)


def _check_paths(paths: tuple[tuple[str, str], ...], at: str, reading: Reading) -> None:
    for key, path in paths:
        if path and not _PATH.fullmatch(path):
            what = Phrase(f"`{path}` is no path", f"`{path}` はパスとして読めません")
            remedy = Phrase(
                "write a path without a query, such as `/login.php`",
                "`/login.php` のように、クエリなしのパスを書いてください",
            )
            reading.note(f"{at}.{key}", what, remedy)


def _check_cookie(name: str, at: str, reading: Reading) -> None:
    if name and (_COOKIE.fullmatch(name) is None or not name.strip("*")):
        what = Phrase(f"`{name}` cannot name a cookie", f"`{name}` は Cookie の名前にできません")
        remedy = Phrase(
            "write its name, with `*` for any ending", "名前を書いてください。端の `*` は任意の文字列を表します"
        )
        reading.note(at, what, remedy)


def _check_success(success: SuccessSettings, at: str, reading: Reading) -> None:
    if success == SuccessSettings():
        what = Phrase(
            "nothing tells a good login from a wrong password", "ログインの成功と失敗を区別する条件がありません"
        )
        remedy = Phrase(
            "write `success: {status: 302, not_location: /login.php}`, for example",
            "例：`success: {status: 302, not_location: /login.php}`",
        )
        reading.note(at, what, remedy)
    _check_paths((("location", success.location), ("not_location", success.not_location)), at, reading)
    _check_cookie(success.cookie, f"{at}.cookie", reading)
    if success.text_present and success.text_present == success.text_absent:
        what = Phrase("a page cannot have a text and not have it", "`text_present` と `text_absent` が同じ文です")
        reading.note(f"{at}.text_absent", what, Phrase("keep one of them", "どちらか一つにしてください"))
    if success.location and success.not_location:
        what = Phrase("`location` and `not_location` together", "`location` と `not_location` の両方があります")
        reading.note(f"{at}.not_location", what, Phrase("keep one of them", "どちらか一つにしてください"))
