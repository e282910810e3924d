#!/bin/bash
# A private Synapse (Matrix) on loopback, with an account in a room.
#
#   tests/endpoints/synapse.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/synapse.sh stop DIR    stops it and removes DIR
#
# The program comes from PyPI into SYNAPSE_PROGRAMS (~/.cache/dateline-synapse unless set), which takes minutes the first time. Wants
# python3 with venv, and curl. Exit 3: it cannot run here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

programs=${SYNAPSE_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-synapse}

install() {
    [ -e "$programs/complete" ] && return
    say "installing into $programs; this takes minutes"
    (python3 -m venv "$programs" && "$programs/bin/pip" install --quiet matrix-synapse==1.163.2 && touch "$programs/complete") >&2 ||
        { say "pip failed"; exit 3; }
}

# An account, its token and a room of its own, by the API.
account() {
    python3 - "$1" "$2" <<'PY'
import json, sys, urllib.request
server, password = sys.argv[1:]
def post(path, body, token=None):
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{server}/_matrix/client/v3/{path}", json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=30))
identifier = {"type": "m.id.user", "user": "press"}
token = post("login", {"type": "m.login.password", "identifier": identifier, "password": password})["access_token"]
room = post("createRoom", {"preset": "private_chat", "name": "News"}, token)["room_id"]
print(f"export DATELINE_TEST_MATRIX_URL={server}\nexport DATELINE_TEST_MATRIX_TOKEN={token}\nexport DATELINE_TEST_MATRIX_ROOM='{room}'")
PY
}

start() {
    local dir=$1 port password
    is_new "$dir"
    install
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    port=$(free_port)
    password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
    cat > "$dir/more.yaml" <<YAML
listeners:
  - {port: $port, type: http, tls: false, bind_addresses: ['127.0.0.1'], resources: [{names: [client, media]}]}
trusted_key_servers: []
suppress_key_server_warning: true
registration_shared_secret: $password
enable_registration: false
presence: {enabled: false}
rc_message: {per_second: 1000, burst_count: 1000}
url_preview_enabled: false
public_baseurl: http://localhost:$port/
database: {name: sqlite3, args: {database: $dir/homeserver.db}}
media_store_path: $dir/media
YAML
    (
        cd "$dir"
        "$programs/bin/python" -m synapse.app.homeserver --server-name localhost --config-path "$dir/home.yaml" --data-directory "$dir" \
            --generate-config --report-stats=no > "$dir/log" 2>&1
        exec "$programs/bin/python" -m synapse.app.homeserver -c "$dir/home.yaml" -c "$dir/more.yaml" >> "$dir/log" 2>&1 < /dev/null
    ) &
    echo $! > "$dir/pid"
    for _ in $(seq 600); do
        curl -sf -o /dev/null "http://127.0.0.1:$port/_matrix/client/versions" && break
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || { say "it ended; see $dir/log"; exit 3; }
        sleep 0.1
    done
    "$programs/bin/register_new_matrix_user" -u press -p "$password" --no-admin -k "$password" "http://127.0.0.1:$port" >> "$dir/log" 2>&1 &&
        account "http://localhost:$port" "$password" || { say "no account; see $dir/log"; stop "$dir" keep; exit 3; }
}

stop() { end "$1" more.yaml "${2:-}"; }

serve "$@"
