#!/bin/bash
# A private WebSub hub on loopback: Flask-WebSub, from PyPI.
#
#   tests/endpoints/websub.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/websub.sh stop DIR    stops it and removes DIR
#
# The programs come into WEBSUB_PROGRAMS (~/.cache/dateline-websub unless set); half a minute the first time. Wants python3 with venv,
# and curl. Exit 3: it cannot run here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${WEBSUB_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-websub}

start() {
    local dir=$1 port
    is_new "$dir"
    command -v curl > /dev/null || { say "curl is not installed"; exit 3; }
    wheels "$programs" Flask-WebSub==0.4.1 celery==5.7.0 Flask==3.1.3 Werkzeug==3.1.9 requests==2.34.2
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    port=$(free_port)
    "$programs/bin/python" -B "$here/websub/hub.py" "$dir" "$port" > "$dir/log" 2>&1 < /dev/null &
    echo $! > "$dir/pid"
    for _ in $(seq 600); do
        curl -sf -o /dev/null "http://localhost:$port/" && break
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || { say "it ended; see $dir/log"; exit 3; }
        sleep 0.1
    done
    echo "export DATELINE_TEST_WEBSUB_HUB=http://localhost:$port/hub"
}

stop() { end "$1" log "${2:-}"; }

serve "$@"
