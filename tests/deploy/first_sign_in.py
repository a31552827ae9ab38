"""Signs one person in at the emulator, as a browser does, with the standard library alone.

`python3 first_sign_in.py URL` asks for a page that needs a sign-in, chooses the first test card, and prints the status
and the body that the application answered with. It ends with 1 if the application was not reached.
"""

from __future__ import annotations

import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request

NAVIGATION = {
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-User": "?1",
}
PATIENCE = 60.0


def sign_in(url: str) -> tuple[int, str, str]:
    """Return the status, the address and the body of the page, after a sign-in."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
    browser.addheaders = list(NAVIGATION.items())
    with browser.open(url, timeout=PATIENCE) as page:
        address, text = page.geturl(), page.read().decode()
    action = re.search(r'<form[^>]*action="([^"]+)"', text)
    if 'name="card"' not in text or action is None:
        raise SystemExit(f"no page of test cards at {address}:\n{text[:2_000]}")
    chosen = urllib.parse.urlencode({"card": "1", "response": "normal"}).encode()
    with browser.open(urllib.parse.urljoin(address, action[1]), chosen, timeout=PATIENCE) as page:
        return page.status, page.geturl(), page.read().decode()


if __name__ == "__main__":
    status, address, body = sign_in(sys.argv[1])
    sys.stdout.write(f"{status} {address}\n{body}\n")
    sys.exit(address != sys.argv[1])
