#!/bin/bash
# A private snac on loopback: a small server that speaks Mastodon's API.
#
#   tests/endpoints/snac.sh start DIR   starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/snac.sh stop DIR    stops it and removes DIR
#
# Takes the program in SNAC, or `snac`, or fetches Debian's package without installing it. Version 2.75 deletes
# nothing (a demo that posts there ends with a problem that says so) and knows no visibility "unlisted"; 2.96 does both. Exit 3: it cannot run here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# Debian's package, from the release or its backports, unpacked below DIR. The machine's apt is left alone.
fetch() {
    local apt=$1/apt codename suite key=/usr/share/keyrings/debian-archive-keyring.gpg
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    for suite in "$codename" "$codename-backports"; do
        echo "deb [signed-by=$key] http://deb.debian.org/debian $suite main" >> "$apt/sources.list"
    done
    local options=(-qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$apt/state/lists" -o Dir::Cache="$apt/cache" -o Debug::NoLocking=1
        -o APT::Sandbox::User="$(id -un)")
    (cd "$apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" download snac2) >&2 &&
        dpkg -x "$apt"/snac2_*.deb "$1/unpacked"
}

# The account's token, by the way a browser would take: an app, a log-in, a code.
token() {
    python3 - "$1" press "$2" <<'PY'
import json, sys, urllib.parse, urllib.request
server, login, password = sys.argv[1:]
def post(path, **fields):
    body = urllib.parse.urlencode(fields).encode()
    return urllib.request.urlopen(server + path, body, timeout=20).read().decode()
out_of_band = "urn:ietf:wg:oauth:2.0:oob"
scopes = "read write"
app = json.loads(post("/api/v1/apps", client_name="Dateline", redirect_uris=out_of_band, scopes=scopes))
code = post("/oauth/x-snac-login", login=login, passwd=password, redir=out_of_band, cid=app["client_id"], state="")
answer = post("/oauth/token", grant_type="authorization_code", code=code.strip(), redirect_uri=out_of_band,
              client_id=app["client_id"], client_secret=app["client_secret"], scope=scopes)
print(json.loads(answer)["access_token"])
PY
}

start() {
    local dir=$1 snac port url password token use
    is_new "$dir"
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    snac=${SNAC:-$(command -v snac || true)}
    if [ -z "$snac" ]; then
        say "fetching snac2"
        fetch "$dir" || { say "apt has no snac2 here"; exit 3; }
        snac=$dir/unpacked/usr/bin/snac
    fi
    port=$(free_port)
    url=http://localhost:$port
    # It asks for address, port, host, prefix and the administrator's mail address.
    printf '%s\n' 127.0.0.1 "$port" "localhost:$port" '' admin@halden.example |
        $snac init "$dir/data" > "$dir/log" 2>&1 || { say "see $dir/log"; exit 3; }
    python3 - "$dir/data/server.json" <<'PY'
import json, sys
settings = json.load(open(sys.argv[1]))
settings.update(protocol="http", disable_email_notifications=True)
json.dump(settings, open(sys.argv[1], "w"))
PY
    password=$($snac adduser "$dir/data" press < /dev/null 2>&1 | tee -a "$dir/log" | grep -oP 'password is:? *\K\S+') ||
        { say "no account; see $dir/log"; exit 3; }
    $snac httpd "$dir/data" >> "$dir/log" 2>&1 < /dev/null &
    echo $! > "$dir/pid"
    for _ in $(seq 200); do
        curl -sf -o /dev/null "$url/api/v1/instance" && break
        sleep 0.05
    done
    token=$(token "$url" "$password") || { say "no token; see $dir/log"; stop "$dir" keep; exit 3; }
    for use in TEST DEMO; do
        echo "export DATELINE_${use}_MASTODON_URL=$url"
        echo "export DATELINE_${use}_MASTODON_TOKEN=$token"
    done
}

stop() { end "$1" data "${2:-}"; }

serve "$@"
