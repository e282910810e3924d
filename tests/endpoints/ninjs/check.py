"""Holds items of ninjs against the IPTC's JSON Schema, with python-jsonschema, formats included.

    check.py SCHEMAS FILE…   says what is wrong, one line each; ends with 1 if anything is
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

folder, files = pathlib.Path(sys.argv[1]), sys.argv[2:]
schemas = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
[ninjs] = [schema for schema in schemas if "/ninjs-schema_3.1" in schema.get("$id", "")]
# What it refers to is the other schema in the folder; nothing is fetched.
registry = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema, default_specification=DRAFT202012)) for schema in schemas
)
validator = Draft202012Validator(ninjs, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
wrong = 0
for name in files:
    for error in validator.iter_errors(json.loads(pathlib.Path(name).read_text())):
        wrong += 1
        print(f"{pathlib.Path(name).name}: {error.json_path}: {error.message[:300]}")
sys.exit(wrong > 0)
