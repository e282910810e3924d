"""Reads mails with Python's own parser, strictly, and says what it found: a line of JSON each.

Mails come on stdin, each with its length in decimal on a line before it.
"""
import email.policy
import hashlib
import json
import sys
from email.parser import BytesParser

policy = email.policy.default
parser = BytesParser(policy=policy)


def digest(part):
    """The text's digest, with the line ends that it had before it was a mail."""
    text = part.get_content().replace("\r\n", "\n").rstrip("\n")
    return hashlib.sha256(text.encode()).hexdigest()


source = sys.stdin.buffer
while line := source.readline():
    raw = source.read(int(line))
    message = parser.parsebytes(raw)
    defects = [repr(defect) for part in message.walk() for defect in part.defects]
    for name, value in message.items():
        defects += [f"{name}: {defect!r}" for defect in getattr(value, "defects", ())]
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    to = message["To"].addresses
    print(json.dumps({
        "defects": defects,
        "subject": str(message["Subject"]),
        "to": [(one.display_name, one.addr_spec) for one in to],
        "from": [(one.display_name, one.addr_spec) for one in message["From"].addresses],
        "id": str(message["Message-ID"]),
        "plain": digest(plain),
        "html": digest(html),
        "longest": max(len(line) for line in raw.split(b"\r\n")),
    }))
