"""What opendkim says about each DKIM signature of a file: a line of JSON, from the first signature to the last.

It says whether a mail passes, so it is asked once for each signature, with the others taken out.
"""
import json
import re
import subprocess
import sys

folder, path = sys.argv[1:3]
message = open(path, "rb").read()
head, _, body = message.partition(b"\r\n\r\n")
fields = re.split(rb"\r\n(?![ \t])", head)
signatures = [at for at, field in enumerate(fields) if field.lower().startswith(b"dkim-signature:")]
verdicts = []
for kept in signatures:
    rest = [field for at, field in enumerate(fields) if at == kept or at not in signatures]
    one = folder + "/opendkim.eml"
    with open(one, "wb") as file:
        file.write(b"\r\n".join(rest) + b"\r\n\r\n" + body)
    done = subprocess.run(["opendkim", "-x", folder + "/opendkim.conf", "-t", one, "-vv"], capture_output=True, text=True)
    said = done.stdout + done.stderr
    print(said, file=sys.stderr)
    verdicts.append(bool(re.search(r"verification \(s=\S+, d=\S+, \d+-bit key.*succeeded", said)))
print(json.dumps(verdicts, separators=(",", ":")))
