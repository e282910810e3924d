#!/bin/bash
# A stranger who holds our ninjs against the IPTC's JSON Schema: python-jsonschema, from PyPI.
#
#   tests/endpoints/ninjs.sh start SCHEMAS   prints lines to eval
#
# No registry of packages carries the schema, so you fetch it: SCHEMAS is a folder with ninjs-schema_3.1.json of iptc.org/std/ninjs and
# GeoJSON.json of geojson.org/schema, which it refers to. The program comes into NINJS_PROGRAMS (~/.cache/dateline-ninjs unless set). Nothing is
# started. Exit 3: it cannot run here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${NINJS_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-ninjs}
wheels=("jsonschema[format-nongpl]==4.26.0")

say() { echo "ninjs.sh: $*" >&2; }

install() {
    [ "$(cat "$programs/versions" 2>/dev/null)" = "${wheels[*]}" ] && return
    (
        python3 -m venv "$programs"
        timeout 200 "$programs/bin/pip" install --quiet --disable-pip-version-check "${wheels[@]}"
        echo "${wheels[*]}" > "$programs/versions"
    ) >&2 || { say "pip failed, or took too long"; exit 3; }
}

case "${1:-}" in
    start)
        schemas=$(realpath "${2:?a folder with the schemas}")
        grep -qs '/ninjs-schema_3.1' "$schemas"/*.json || { say "$schemas has no schema of ninjs 3.1"; exit 3; }
        install
        echo "export DATELINE_TEST_NINJS=$(printf %q "$programs/bin/python $here/ninjs/check.py $schemas")"
        ;;
    *) say "start SCHEMAS"; exit 2 ;;
esac
