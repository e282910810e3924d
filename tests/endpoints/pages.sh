#!/bin/bash
# Two judges of HTML that nobody here wrote: the Nu HTML Checker (needs Java 17) and axe (needs Chromium).
#
#   tests/endpoints/pages.sh start DIR   installs them from npm into DIR, unless they are there; prints a line to eval
#   tests/endpoints/pages.sh stop DIR    removes what it installed
#
# DIR may be kept from run to run. Exit 3: they cannot be had here.
set -euo pipefail

versions=(vnu-jar@26.9.27 axe-core@4.14.1)

say() { echo "pages.sh: $*" >&2; }

start() {
    local dir=$1
    command -v java >/dev/null || { say "there is no java"; exit 3; }
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    if [ "$(cat "$dir/versions" 2>/dev/null)" != "${versions[*]}" ]; then
        command -v npm >/dev/null || { say "there is no npm"; exit 3; }
        npm install --prefix "$dir" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "${versions[@]}" >&2 ||
            { say "npm cannot install ${versions[*]}"; exit 3; }
        echo "${versions[*]}" > "$dir/versions"
    fi
    echo "export DATELINE_TEST_PAGES=$dir"
}

stop() {
    [ -f "$1/versions" ] || { say "$1 is not ours"; exit 2; }
    rm -rf "$1/node_modules" "$1/versions"
}

case "${1:-}" in
    start | stop) "$1" "${2:?a folder}" ;;
    *) say "start DIR or stop DIR"; exit 2 ;;
esac
