"""python3 check.py PROGRAMS FILE: verifies one webhook as Standard Webhooks' own library for Python does; what it does not believe ends with 1."""

import json
import sys

programs, file = sys.argv[1:]
sys.path.insert(0, f"{programs}/python")

from standardwebhooks import Webhook  # noqa: E402

with open(file, encoding="utf-8") as given:
    request = json.load(given)
try:
    Webhook(request["secret"]).verify(request["body"], request["headers"])
except Exception as error:  # the library's own, and what a broken request does to it
    sys.exit(f"{type(error).__name__}: {error}")
