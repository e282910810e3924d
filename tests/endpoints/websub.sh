#!/bin/bash
# A private WebSub hub on loopback: Flask-WebSub, from PyPI.
#
#   tests/endpoints/websub.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/websub.sh stop DIR    stops it and removes DIR
#
# The programs come into WEBSUB_PROGRAMS (~/.cache/dateline-websub unless set); half a minute the first time. Wants python3 with venv,
# and curl. Exit 3: it cannot run here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${WEBSUB_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-websub}
wheels=(Flask-WebSub==0.4.1 celery==5.7.0 Flask==3.1.3 Werkzeug==3.1.9 requests==2.34.2)

say() { echo "websub.sh: $*" >&2; }

install() {
    [ "$(cat "$programs/versions" 2>/dev/null)" = "${wheels[*]}" ] && return
    say "installing into $programs"
    (
        python3 -m venv "$programs"
        timeout 200 "$programs/bin/pip" install --quiet --disable-pip-version-check "${wheels[@]}"
        echo "${wheels[*]}" > "$programs/versions"
    ) >&2 || { say "pip failed, or took too long"; exit 3; }
}

start() {
    local dir=$1 port
    [ -z "$(ls -A "$dir" 2>/dev/null)" ] || { say "$dir is not empty"; exit 2; }
    command -v curl > /dev/null || { say "curl is not installed"; exit 3; }
    install
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    "$programs/bin/python" -B "$here/websub/hub.py" "$dir" "$port" > "$dir/log" 2>&1 < /dev/null &
    echo $! > "$dir/pid"
    for _ in $(seq 600); do
        curl -sf -o /dev/null "http://localhost:$port/" && break
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || { say "it ended; see $dir/log"; exit 3; }
        sleep 0.1
    done
    echo "export DATELINE_TEST_WEBSUB_HUB=http://localhost:$port/hub"
}

stop() {
    local dir=$1 pid
    [ -r "$dir/pid" ] && [ -e "$dir/log" ] || { say "$dir is not ours"; exit 2; }
    pid=$(cat "$dir/pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    rm -rf "$dir"
}

case "${1:-}" in
    start | stop) "$1" "${2:?a folder}" ;;
    *) say "start DIR or stop DIR"; exit 2 ;;
esac
