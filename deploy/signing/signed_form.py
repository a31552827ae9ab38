"""Make the document again that a person signed for a form, and check the signature. Copy this file.

    document = signed_document(request.get_data(), "児童手当の申請")
    if not signature_holds(document, signature, certificate): ...

The check needs the package `cryptography`. The body is the request's own, byte for byte: a framework may lose the order
of the fields. The title is the rule's `title.ja`. `signature` and `certificate` are in Base64, as the gateway gives
them. The check tells that the certificate's key signed this document. `sekisho signature verify` tells whether the
certificate itself is good.
"""

import base64
import hashlib
import re
import sys
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

NOT_DRAWN = re.compile(
    "[\x00-\x1f\\\\\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def _one_line(text):
    return NOT_DRAWN.sub(lambda found: f"\\u{{{ord(found[0]):X}}}", text)


def signed_document(body, title, charset="utf-8"):
    """Return the document of a form: `body` is application/x-www-form-urlencoded, in the application's charset."""
    fields = []
    for part in body.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b" ").partition(b"=")
            fields.append((unquote_to_bytes(name).decode(charset), unquote_to_bytes(value).decode(charset)))
    lines = ["Sekisho form 1", "Title: " + _one_line(title), f"Fields: {len(fields)}", ""]
    for number, (name, value) in enumerate(fields, start=1):
        lines.append(f"[{number}] {_one_line(name)}")
        lines += ["| " + _one_line(line) for line in value.split("\r\n")]
    return "".join(line + "\n" for line in lines).encode("utf-8")


def signature_holds(document, signature, certificate):
    """Whether the key of a certificate has signed a document."""
    key = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
    try:
        key.verify(base64.b64decode(signature), document, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


if __name__ == "__main__":
    # signed_form.py BODY TITLE [SIGNATURE CERTIFICATE]: the files' names, and the title itself.
    with open(sys.argv[1], "rb") as file:
        made = signed_document(file.read(), sys.argv[2])
    print(base64.b64encode(hashlib.sha256(made).digest()).decode("ascii"))
    if len(sys.argv) > 3:
        with open(sys.argv[3]) as signature, open(sys.argv[4]) as certificate:
            if not signature_holds(made, signature.read(), certificate.read()):
                sys.exit(1)
