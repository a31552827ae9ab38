"""Nothing waits for a disk or a name server on the event loop: a file system that hangs would stop everybody."""

from __future__ import annotations

import asyncio
import html
import re
import signal
from pathlib import Path

import aiohttp

from gateway.login.jwcrypto_keys import load_keys, new_key
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.flows.test_provider_outage import NAVIGATION
from tests.login.stand_in import StandIn

WATCHED = Path(__file__).with_name("watched_loop.py")

POLICY = """\
policy: watched
purpose: {ja: 確認のため}
conditions:
  adult: {age: {at_least: 18}}
  resident: {residence: {in: [東京都渋谷区]}}
rules:
  - {name: shut, match: {path: /shut/**}, allow: nobody}
  - {name: open, match: {path: /open/**}, allow: everyone}
  - {name: facts, match: {path: /facts/**}, require: [adult, resident], disclose: [subject, name, address, birthdate]}
  - {name: rest, allow: signed_in, disclose: [subject]}
"""


class Browser:
    """Navigates, keeps cookies and presses forms."""

    def __init__(self, gateway: GatewayProcess, provider: StandIn, http: aiohttp.ClientSession) -> None:
        self._gateway = gateway
        self._provider = provider
        self._http = http
        self.cookies: dict[str, str] = {}
        self.page = ""

    async def go(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Return the status and where it leads."""
        port = self._gateway.port
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        origin = f"http://{HOST}:{port}"
        headers = {**NAVIGATION, "Host": f"{HOST}:{port}", **({"Cookie": cookie} if cookie else {})}
        if form is not None:
            headers |= {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        url = f"http://127.0.0.1:{port}{path.removeprefix(origin)}"
        method = "GET" if form is None else "POST"
        async with self._http.request(method, url, headers=headers, data=form, allow_redirects=False) as answer:
            self.cookies |= {name: morsel.value for name, morsel in answer.cookies.items()}
            self.page = await answer.text()
            return answer.status, answer.headers.get("Location", "")

    async def press(self) -> tuple[int, str]:
        """Send the page's first form."""
        form = re.search(r"<form\b[^>]*>.*?</form>", self.page, re.DOTALL)
        assert form is not None, self.page
        action = re.search(r'action="([^"]*)"', form[0])
        assert action is not None
        inputs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[0])
        return await self.go(html.unescape(action[1]), {name: html.unescape(value) for name, value in inputs})

    async def sign_in(self, path: str) -> None:
        """Sign in by the notice, where there is one, and arrive."""
        status, location = await self.go(path)
        while status != 303:
            status, location = await self.press()
        query = self._provider.authorize(location).decode()
        status, back = await self.go(f"/.sekisho/callback?{query}")
        assert status == 303, self.page
        assert (await self.go(back))[0] == 200, self.page


async def test_the_loop_waits_for_no_disk_and_no_name_server(tmp_path: Path, redis_url: str) -> None:
    """Public pages, refusals, sign-ins, a step-up, mistakes, health, metrics, reloads, a changed policy, a sign-out."""
    flag, log = tmp_path / "watch", tmp_path / "watched.log"
    with application() as upstream:
        more = "assertion: {keys: {file: assertion.jwks}}\n"
        gateway = GatewayProcess(tmp_path, upstream, redis_url, policy=POLICY, more=more)
        new_key(tmp_path / "assertion.jwks", "ES256")
        provider = StandIn(CLIENT, lambda: load_keys(tmp_path / "keys.jwks").public_jwks())
        await provider.start()
        text = gateway.settings.read_text(encoding="utf-8")
        text = text.replace("http://localhost:1/api/realms/main", provider.issuer)
        text = text.replace("client_id:", "contracted: [name, address, birthdate]\n  client_id:")
        text = text.replace(
            "    policy: policy.yaml\n", "    policy: policy.yaml\n    headers: {encoding: raw, charset: cp932}\n"
        )
        gateway.settings.write_text(text, encoding="utf-8")
        gateway.program = [str(WATCHED)]
        gateway.environment = {"WATCH_FLAG": str(flag), "WATCH_LOG": str(log)}
        await asyncio.to_thread(gateway.start)
        flag.touch()
        try:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
                browser = Browser(gateway, provider, http)

                async def walk() -> None:
                    assert (await browser.go("/open/1"))[0] == 200
                    assert (await browser.go("/shut/1"))[0] == 403
                    assert (await browser.go("/open/a;b"))[0] == 400
                    await browser.sign_in("/rest")
                    await browser.sign_in("/facts/1")
                    await browser.go("/.sekisho/me")
                    assert (await browser.go("/.sekisho/nowhere"))[0] == 404
                    assert (await browser.go("/.sekisho/callback?code=x&state=y"))[0] == 400
                    for path in ("/livez", "/readyz", "/metrics"):
                        assert (await asyncio.to_thread(gateway.ask_management, path))[0] == 200
                    await browser.go("/.sekisho/logout")
                    await browser.press()
                    browser.cookies.clear()

                await walk()
                assert gateway.process is not None
                gateway.process.send_signal(signal.SIGHUP)
                assert await asyncio.to_thread(gateway.next_notice) == "RELOADING=1"
                assert await asyncio.to_thread(gateway.next_notice) == "READY=1"
                await walk()
                (tmp_path / "policy.yaml").write_text(POLICY.replace("shut/**", "closed/**"), encoding="utf-8")
                await asyncio.to_thread(gateway.wait_for_event, "policies_adopted")
                assert (await browser.go("/closed/1"))[0] == 403
        finally:
            flag.unlink()
            await asyncio.to_thread(gateway.stop)
            await provider.stop()
    seen = log.read_text()
    assert not seen, "\n".join(sorted(set(seen.splitlines())))
