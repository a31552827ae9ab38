"""Ask for signatures by the gateway's API, from a Python application. Copy this file.

    api = Signatures("https://app.example/.sekisho/signatures", token)
    asked = api.ask({"title": "契約書", "media_type": "text/plain", "document": text, "return_to": "/signed",
        "subject": subject}, key)
    # Keep asked["id"], and send the browser to asked["url"]. When it comes back to /signed:
    found = api.read(asked["id"])
    if found["state"] == "signed":
        ...  # keep what you need of it, and then:
        api.confirm(asked["id"])

`text` is the document in Base64. `subject` is the person who is to sign, as the header X-Verified-Subject names her:
without it, the first person who opens the URL signs. `key` is a word of your own for this request, such as the number
of your contract with a random part: a request that is sent again with the same key leads to the same signature.
"""

import json
import sys
import urllib.request


class Signatures:
    """The API for one application."""

    def __init__(self, url, token):
        """Take the URL of the API, and the application's token."""
        self.url = url
        self.token = token

    def ask(self, asked, key):
        """Ask for a signature; returns its `id`, and the `url` for the person's browser."""
        return self._call("POST", self.url, json.dumps(asked).encode("utf-8"), {"Idempotency-Key": key})

    def read(self, signature):
        """Return the state of a signature, and its result once it is there. It can be read again."""
        return self._call("GET", self.url + "/" + signature)

    def confirm(self, signature):
        """Let the gateway forget a signature: the application has kept what it needs."""
        self._call("DELETE", self.url + "/" + signature)

    def _call(self, method, url, body=None, more=None):
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
        headers.update(more or {})
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 (the application's own URL)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (the application's own URL)
            text = answer.read()
        return json.loads(text) if text else None


if __name__ == "__main__":
    # signatures.py URL TOKEN ask KEY JSON | read ID | confirm ID
    api = Signatures(sys.argv[1], sys.argv[2])
    if sys.argv[3] == "ask":
        print(json.dumps(api.ask(json.loads(sys.argv[5]), sys.argv[4])))
    elif sys.argv[3] == "read":
        print(json.dumps(api.read(sys.argv[4])))
    else:
        api.confirm(sys.argv[4])
