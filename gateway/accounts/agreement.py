"""Holds an App's `accounts` against its policy, and names what does not fit together.

Nothing here stops the gateway. Each remark has a place, in the policy or in the settings, and a remedy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gateway.accounts.names import read_account_name
from gateway.accounts.recipe import fits
from gateway.headers.telling import can_tell
from gateway.policy.closing import closing
from gateway.policy.conditions import AccountTest, all_needs, leaves
from gateway.policy.policy import Allow, Policy, Rule
from gateway.settings.recipes import covers, path_of, signs_out_of, whole_recipe
from gateway.settings.settings import AppAccounts, AppSettings, HeaderSettings, LogoutSettings, RecipeSettings
from gateway.yaml.mistakes import Phrase


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that does not fit."""

    what: Phrase
    remedy: Phrase
    key: str = ""
    """The setting of the App, from `accounts` or `home` on; empty for a place in the policy."""
    line: int = 0
    """The line in the policy's file."""
    file: str = ""
    """The file of a condition that the policy uses from elsewhere."""


def looks_at_account(policy: Policy, rule: Rule) -> bool:
    """Say whether a rule asks for an account, or whether its verdict depends on one."""
    names = (*rule.require, *rule.disclose)
    tests = [policy.conditions[name].test for name in names if name in policy.conditions]
    return rule.accounts is not None or all_needs(tests).account


def mismatches(
    app: AppSettings, headers: HeaderSettings, policy: Policy, file: str, written: Collection[str]
) -> Iterator[Mismatch]:
    """Yield everything in an App's accounts that does not fit its policy, or itself.

    `file` has the policy. `written` has the keys of the App that its settings write, such as `accounts.recipe.ended`.
    """
    accounts = app.accounts
    if accounts is None:
        return
    if not any(looks_at_account(policy, rule) for rule in policy.rules):
        yield Mismatch(
            Phrase(
                f"no rule of `{file}` mentions accounts: nobody is ever asked for one, and `{app.name}` is told none",
                f"`{file}` のどの規則にも `accounts` がありません。アカウントを尋ねる画面は出ず、"
                f"`{app.name}` にも伝わりません",
            ),
            Phrase(
                "write `accounts: required` or `accounts: offered` in a rule with `allow: signed_in`",
                "`allow: signed_in` の規則に `accounts: required` か `accounts: offered` を書いてください",
            ),
            key="accounts",
        )
    yield from _untold(app.name, accounts, headers, policy)
    if accounts.recipe is None:
        return
    recipe = whole_recipe(accounts.recipe)
    yield from _closed(app, recipe, policy)
    if accounts.tell == "form":
        yield from _form(app, recipe, written)
    else:
        yield from _unused(accounts, written)


def _untold(app: str, accounts: AppAccounts, headers: HeaderSettings, policy: Policy) -> Iterator[Mismatch]:
    """Yield names in a condition that no account can have here."""
    for condition in policy.conditions.values():
        for test in leaves(condition.test):
            for name in sorted(test.names) if isinstance(test, AccountTest) else ():
                if read_account_name(name) == name and can_tell(accounts, headers, name):
                    continue
                yield Mismatch(
                    Phrase(
                        f"the condition `{condition.name}` names the account `{name}`, of which `{app}` cannot be told "
                        f"(`tell: {accounts.tell}`): nobody ever acts for it",
                        f"条件 `{condition.name}` の `{name}` は、`tell: {accounts.tell}` では `{app}` に伝えられない"
                        "アカウント名です。この名義になる人はいません",
                    ),
                    Phrase(
                        "write the name as the application spells it, or remove it",
                        "アプリケーションでのつづりのとおりに書くか、取り除いてください",
                    ),
                    line=condition.line,
                    file=condition.file,
                )


def _closed(app: AppSettings, recipe: RecipeSettings, policy: Policy) -> Iterator[Mismatch]:
    """Yield pages that the policy or the settings offer, and that `closed` closes for everybody."""
    for rule in policy.rules:
        for path in rule.match.path if rule.allow is not Allow.NOBODY else ():
            pattern = _closing_pattern(policy, recipe, path)
            if pattern is not None:
                yield Mismatch(
                    Phrase(
                        f"the rule `{rule.name}` names `{path}`, and `closed: {pattern}` of `{app.name}` closes that "
                        "page for everybody",
                        f"規則 `{rule.name}` の `{path}` は、`{app.name}` の `closed: {pattern}` により、"
                        "だれにも開かれません",
                    ),
                    Phrase(
                        "take one of them out: `closed` counts before every rule",
                        "どちらかを取り除いてください。`closed` はどの規則よりも先に効きます",
                    ),
                    line=rule.line,
                )
    home = path_of(app.home.partition("#")[0])
    pattern = _closing_pattern(policy, recipe, home) if home.startswith("/") else None
    if pattern is not None:
        yield Mismatch(
            Phrase(
                f"`home` is `{app.home}`, and `closed: {pattern}` closes that page for everybody",
                f"`home` の `{app.home}` は、`closed: {pattern}` により、だれにも開かれません",
            ),
            Phrase("name a page that people can reach", "利用者が開ける画面を書いてください"),
            key="home",
        )


def _closing_pattern(policy: Policy, recipe: RecipeSettings, path: str) -> str | None:
    """Return the pattern of `closed` that closes every page of another pattern."""
    for pattern in recipe.closed:
        for whole in closing(policy, (pattern,)).rules[0].match.path:
            if whole == path or ("*" not in path and covers(whole, path)):
                return pattern
            if whole.endswith("/**") and path.startswith(whole.removesuffix("**")):
                return pattern
    return None


def _form(app: AppSettings, recipe: RecipeSettings, written: Collection[str]) -> Iterator[Mismatch]:
    """Yield gaps of a recipe by which the gateway signs in itself."""
    at = "accounts.recipe"
    shipped = recipe.like is not None
    if recipe.logout == LogoutSettings():
        yield Mismatch(
            Phrase(
                f"the recipe of `{app.name}` has no `logout`: after a sign-out and after a link, a session stays open "
                "at the application until it ends by itself",
                f"`{app.name}` の `recipe` に `logout` がありません。ログアウトや連携の後も、アプリケーション側の"
                "セッションが期限まで開いたままです",
            ),
            Phrase("write `logout: /logout.php`, for example", "例：`logout: /logout.php`"),
            key=at,
        )
    if not signs_out_of(app) and not {"signs_out", f"{at}.signs_out"}.intersection(written):
        shown = path_of(recipe.logout.page) or "/logout.php"
        yield Mismatch(
            Phrase(
                f"the recipe of `{app.name}` has no `signs_out`: a person who follows the application's own sign-out "
                "link stays signed in here, and the gateway signs her in there again",
                f"`{app.name}` の `recipe` に `signs_out` がありません。アプリケーションでログアウトしても、"
                "ここではログインしたままで、次の画面でまたログインした状態になります",
            ),
            Phrase(
                f"write `signs_out: {shown}`, or `signs_out: []` if the application has no such link",
                f"`signs_out: {shown}` と書いてください。リンクがなければ `signs_out: []` と書いてください",
            ),
            key=at,
        )
    if recipe.locks_after is None and not shipped and f"{at}.locks_after" not in written:
        yield Mismatch(
            Phrase(
                f"the recipe of `{app.name}` does not say after how many wrong passwords the application locks an "
                "account: five wrong ones reach it, which may lock people out",
                f"`{app.name}` の `recipe` に `locks_after` がありません。誤ったパスワードが5回まで届くため、"
                "アプリケーションがアカウントをロックすることがあります",
            ),
            Phrase(
                "write `locks_after: 5`, or `locks_after: none` if it never locks",
                "`locks_after: 5` のように書いてください。ロックしないなら `locks_after: none` と書いてください",
            ),
            key=at,
        )
    ended = recipe.ended.location
    if ended and recipe.success.location and fits(ended, recipe.success.location.strip("*")):
        yield Mismatch(
            Phrase(
                f"an answer that leads to `{recipe.success.location}` says both that a login was good and that the "
                "session is over",
                f"`{recipe.success.location}` への転送が、ログインの成功とセッション切れの両方の印になっています",
            ),
            Phrase("write another `ended`", "`ended` を別の条件にしてください"),
            key=f"{at}.ended",
        )
    if ended and "*" not in ended and not any(covers(pattern, ended) for pattern in recipe.closed):
        yield Mismatch(
            Phrase(
                f"`ended` says that the application leads people to `{ended}`, and `closed` leaves that page open",
                f"セッションが切れるとアプリケーションは `{ended}` へ転送しますが、`closed` に含まれていません",
            ),
            Phrase(
                f"add `{ended}` if people can sign in there, or write the page that they reach",
                f"そこでログインできるなら `{ended}` を加えてください",
            ),
            key=f"{at}.closed",
        )
    if recipe.alive and path_of(recipe.alive) in (path_of(recipe.page), path_of(recipe.post)):
        yield Mismatch(
            Phrase(
                f"`alive` is the login page `{recipe.alive}`, which opens without a session",
                f"`alive` がログイン画面（`{recipe.alive}`）です。セッションがなくても開きます",
            ),
            Phrase("name a page that needs a login", "ログインの要る画面を書いてください"),
            key=f"{at}.alive",
        )


def _unused(accounts: AppAccounts, written: Collection[str]) -> Iterator[Mismatch]:
    for key in ("ended", "alive"):
        if f"accounts.recipe.{key}" in written:
            yield Mismatch(
                Phrase(
                    f"`{key}` has no effect with `tell: {accounts.tell}`: the gateway signs nobody in there",
                    f"`tell: {accounts.tell}` では、本人に代わってログインしないため、`{key}` は使われません",
                ),
                Phrase("remove it, or write `tell: form`", "取り除くか、`tell: form` と書いてください"),
                key=f"accounts.recipe.{key}",
            )
