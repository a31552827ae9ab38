"""The browsers of the two-node test, in a process of their own: `python -m tests.deploy.traffic FACTS`.

It reads the name of a phase a line, and answers with the counts of the phase before as a line of JSON. FACTS is a file
of JSON with addresses by name, the public origin and the CA.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
PUBLIC = 0.05
"""Seconds between two public requests of one browser."""
BROWSERS = 4
PEOPLE = 8
"""People who are signed in and look at their own page every half second."""
SIGN_IN = 1.0
"""Seconds between two sign-ins of new people."""
SCRAPE = 1.0


class Resolver(AbstractResolver):
    """Knows the names of the test alone."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the one address."""
        return [
            ResolveResult(
                hostname=host,
                host=self._addresses[host],
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Hold nothing."""


class Traffic:
    """All browsers, and the counts of the present phase."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.origin: str = facts["origin"]
        self.management: dict[str, str] = facts["management"]
        self.tls = ssl.create_default_context(cafile=facts["ca"])
        self.addresses: dict[str, str] = facts["addresses"]
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self.scraped: dict[str, list[float]] = {name: [] for name in self.management}
        self.people = 0
        self.going = True

    def session(self) -> aiohttp.ClientSession:
        """Return a browser of its own."""
        connector = aiohttp.TCPConnector(ssl=self.tls, resolver=Resolver(self.addresses))
        jar = aiohttp.CookieJar()
        return aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=60))

    def note(self, what: str, fault: str = "") -> None:
        """Count an outcome, and keep the first words about faults."""
        self.counts[what] += 1
        if fault and len(self.faults) < 40:
            self.faults.append(f"{time.strftime('%H:%M:%S')} {what}: {fault[:200]}")

    async def look_around(self) -> None:
        """Ask for public pages."""
        async with self.session() as browser:
            while self.going:
                await asyncio.sleep(PUBLIC)
                for path in ("/", "/facilities/42"):
                    try:
                        async with browser.get(self.origin + path, headers=NAVIGATION, allow_redirects=False) as page:
                            text = await page.text()
                            self.counts["asked"] += 1
                            good = page.status == 200
                            self.note("public" if good else "public failed", "" if good else f"{page.status} {text}")
                    except (aiohttp.ClientError, TimeoutError) as error:
                        self.note("public failed", repr(error))

    async def sign_in(self, browser: aiohttp.ClientSession) -> str:
        """Sign a new person in; return nothing, or the reason why it failed."""
        self.people += 1
        number = self.people
        page = f"{self.origin}/mypage"
        async with browser.get(page, headers=NAVIGATION, allow_redirects=False) as begun:
            self.counts["asked"] += 1
            if begun.status != 303:
                return f"begun: {begun.status}"
            location = begun.headers["Location"]
        if urlsplit(location).netloc == urlsplit(self.origin).netloc:
            return f"begun: {location}"
        async with browser.get(location) as card:
            action = re.search(r'action="([^"]+)"', await card.text())
        if action is None:
            return "the provider has no form"
        choice = {"response": "normal", "card": str(1_000 + number)}
        async with browser.post(urljoin(location, action[1]), data=choice, allow_redirects=False) as back:
            callback = back.headers["Location"]
        async with browser.get(callback, headers=NAVIGATION, allow_redirects=False) as ended:
            self.counts["asked"] += 1
            if ended.status != 303:
                return f"ended: {ended.status} {(await ended.text())[:200]}"
        return ""

    async def live(self) -> None:
        """Sign in once, and look at the own page again and again."""
        async with self.session() as browser:
            while self.going:
                try:
                    why = await self.sign_in(browser)
                except (aiohttp.ClientError, TimeoutError) as error:
                    why = repr(error)
                if not why:
                    break
                self.note("person not in", why)
                await asyncio.sleep(1)
            self.note("person in")
            while self.going:
                await asyncio.sleep(0.5)
                try:
                    async with browser.get(f"{self.origin}/mypage", headers=NAVIGATION, allow_redirects=False) as page:
                        await page.read()
                        self.counts["asked"] += 1
                        # The application leads a person without an account to where she opens one.
                        if page.status == 200 or page.headers.get("Location") == "/reserve":
                            self.note("own page")
                        elif page.status == 503:
                            self.note("own page 503")
                        elif page.status in {302, 303, 401}:
                            self.note("signed out", f"{page.status} {page.headers.get('Location')}")
                        else:
                            self.note("own page failed", f"{page.status}")
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.note("own page failed", repr(error))

    async def newcomers(self) -> None:
        """Sign new people in, one a second."""
        while self.going:
            await asyncio.sleep(SIGN_IN)
            async with self.session() as browser:
                try:
                    why = await self.sign_in(browser)
                except (aiohttp.ClientError, TimeoutError) as error:
                    why = repr(error)
            self.note("sign-in failed" if why else "sign-in", why)

    async def scrape(self) -> None:
        """Read each gateway's count of requests every second."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            while True:
                await asyncio.sleep(SCRAPE)
                for name in self.management:
                    await self._scrape_one(http, name)

    async def _scrape_one(self, http: aiohttp.ClientSession, name: str) -> None:
        try:
            async with http.get(self.management[name], headers={"Host": f"{name}:9464"}) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return
        found = re.findall(r'^sekisho_requests_total\{[^}]*app="booking"[^}]*\} (\S+)$', text, re.MULTILINE)
        if found:
            self.scraped[name].append(sum(map(float, found)))

    async def settle(self) -> None:
        """Read the counts once more, after the requests under way have been counted."""
        await asyncio.sleep(3 * SCRAPE)

    def phase_over(self) -> dict[str, Any]:
        """Return the counts of the phase, and begin another."""
        told = {"counts": dict(self.counts), "faults": self.faults, "scraped": self.scraped}
        self.counts, self.faults = Counter(), []
        self.scraped = {name: values[-1:] for name, values in self.scraped.items()}
        return told


async def run(facts: dict[str, Any]) -> None:
    """Browse until standard input ends. A phase whose name begins with `quiet` has no browsers."""
    traffic = Traffic(facts)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    scraping = asyncio.create_task(traffic.scrape())
    browsing: list[asyncio.Task[None]] = []
    while line := await reader.readline():
        if line.startswith(b"quiet"):
            traffic.going = False
            await asyncio.gather(*browsing)
            browsing = []
            await traffic.settle()
        elif not browsing:
            traffic.going = True
            kinds = [*[traffic.look_around] * BROWSERS, *[traffic.live] * PEOPLE, traffic.newcomers]
            browsing = [asyncio.create_task(kind()) for kind in kinds]
        sys.stdout.write(json.dumps(traffic.phase_over()) + "\n")
        sys.stdout.flush()
    scraping.cancel()


if __name__ == "__main__":
    asyncio.run(run(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
