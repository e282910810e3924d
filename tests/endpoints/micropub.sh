#!/bin/bash
# A private site on loopback that speaks Micropub: django-indieweb, from PyPI.
#
#   tests/endpoints/micropub.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/micropub.sh stop DIR    stops it and removes DIR
#
# The programs come into MICROPUB_PROGRAMS (~/.cache/dateline-micropub unless set); half a minute the first time. Wants python3 with
# venv, and curl. Exit 3: it cannot run here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=${MICROPUB_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-micropub}
wheels=(django-indieweb==0.6.2 Django==5.2.19)

say() { echo "micropub.sh: $*" >&2; }

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
    local dir=$1 port token other
    [ -z "$(ls -A "$dir" 2>/dev/null)" ] || { say "$dir is not empty"; exit 2; }
    command -v curl > /dev/null || { say "curl is not installed"; exit 3; }
    install
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
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

stop() {
    local dir=$1 pid
    [ -r "$dir/pid" ] && [ -e "$dir/tokens" ] || { say "$dir is not ours"; exit 2; }
    pid=$(cat "$dir/pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    [ "${2:-}" = keep ] || rm -rf "$dir"
}

case "${1:-}" in
    start | stop) "$1" "${2:?a folder}" ;;
    *) say "start DIR or stop DIR"; exit 2 ;;
esac
