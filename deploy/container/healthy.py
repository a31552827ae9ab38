"""The image's health check: ends with 0 while the gateway answers its health path, as a balancer asks it.

It uses the standard library alone and starts within a tenth of a second, since it runs every few seconds.
`SEKISHO_HEALTH` names the URL; change it where `listen`, `tls` or `prefix` are not as in the shipped settings.
"""

import http.client
import os
import ssl
import sys
from urllib.parse import urlsplit

SECONDS = 2.0


def main() -> str | None:
    """Ask once; return the reason why the gateway is not healthy."""
    url = urlsplit(os.environ["SEKISHO_HEALTH"])
    if url.scheme == "https":
        # It asks its own container. The certificate is for the public name, and not for this address.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(url.netloc, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=SECONDS)
    try:
        connection.request("GET", url.path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url.geturl()}: {error}"
    finally:
        connection.close()
    return None if status == http.client.OK else f"{url.geturl()}: status {status}"


if __name__ == "__main__":
    sys.exit(main())
