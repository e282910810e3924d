"""What dkimpy says about each DKIM signature of each file: a line of JSON, from the first signature to the last."""
import json
import os
import sys

import dkim

records = dict(line.split(" ", 1) for line in open(os.environ["DIR"] + "/opendkim.dns").read().splitlines())


def txt(name, timeout=5):
    found = records.get(name.decode().rstrip("."))
    return found.encode() if found else None


for path in sys.argv[1:]:
    message = open(path, "rb").read()
    verifier = dkim.DKIM(message)
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    verdicts = []
    for index in range(count):
        try:
            verdicts.append(bool(dkim.DKIM(message).verify(index, dnsfunc=txt)))
        except dkim.DKIMException:
            verdicts.append(False)
    print(json.dumps(verdicts, separators=(",", ":")))
