#!/bin/bash
# A private site on loopback that speaks Micropub: django-indieweb, from PyPI.
#
#   tests/endpoints/micropub.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/micropub.sh stop DIR    stops it and removes DIR
#
# The programs come into MICROPUB_PROGRAMS (~/.cache/dateline-micropub unless set); half a minute the first time. Wants python3 with
# venv, and curl. Exit 3: it cannot run here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${MICROPUB_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-micropub}

start() {
    local dir=$1 port token other
    is_new "$dir"
    command -v curl > /dev/null || { say "curl is not installed"; exit 3; }
    wheels "$programs" django-indieweb==0.6.2 Django==5.2.19
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    port=$(free_port)
    "$programs/bin/python" -B "$here/micropub/site.py" "$dir" "$port" > "$dir/tokens" 2> "$dir/log" < /dev/null &
    echo $! > "$dir/pid"
    for _ in $(seq 600); do
        [ -s "$dir/tokens" ] && curl -sf -o /dev/null "http://localhost:$port/state" && break
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.1
    done
    read -r token other < "$dir/tokens" || { say "it did not start; see $dir/log"; stop "$dir" keep; exit 3; }
    echo "export DATELINE_TEST_MICROPUB_URL=http://localhost:$port"
    echo "export DATELINE_TEST_MICROPUB_TOKEN=$token"
    # A token that may do nothing.
    echo "export DATELINE_TEST_MICROPUB_OTHER=$other"
}

stop() { end "$1" tokens "${2:-}"; }

serve "$@"
