#!/bin/bash
# Software that nobody here wrote, to judge mails by: dkimpy (PyPI), opendkim (Debian) and mailauth (npm) verify signatures;
# rspamd and SpamAssassin (Debian) weigh; dnsmasq (Debian) is the DNS that they ask.
#
#   tests/endpoints/judges.sh start DIR         installs and starts them below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/judges.sh verify DIR FILE…  what the three say about the DKIM signatures of each mail: one line of JSON each
#   tests/endpoints/judges.sh weigh DIR FILE    what rspamd and SpamAssassin say about a mail: one line of JSON
#   tests/endpoints/judges.sh stop DIR          stops them and removes DIR
#
# The keys of selectors `rsa` and `ed25519` of news.halden.example are made below DIR/keys by openssl, and so are their DNS records.
# Wants Debian, and root to install what is missing. Nothing that runs on the machine is changed.
# Exit 3: it cannot run here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
domain=news.halden.example
say() { echo "judges.sh: $*" >&2; }

free_ports() {
    python3 - "$1" <<'PY'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])
PY
}

install() {
    local missing=() package policy=/usr/sbin/policy-rc.d made=
    for package in opendkim dnsmasq-base rspamd spamassassin python3-venv; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    if ((${#missing[@]})); then
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { say "not installed: ${missing[*]}"; exit 3; }
        say "installing ${missing[*]}"
        [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy && made=1; }
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2 ||
            { [ -z "$made" ] || rm -f $policy; say "apt-get failed"; exit 3; }
        [ -z "$made" ] || rm -f $policy
    fi
    command -v node npm >/dev/null || { say "node and npm are missing"; exit 3; }
    python3 -m venv "$dir/python" >&2 && "$dir/python/bin/pip" install -q dkimpy==1.1.8 pynacl==1.5.0 >&2 || { say "pip failed"; exit 3; }
    mkdir -p "$dir/node"
    (cd "$dir/node" && npm init -y >/dev/null && npm install --no-audit --no-fund --silent mailauth@4 >&2) || { say "npm failed"; exit 3; }
}

# The text that publishes a key, made of what openssl says alone.
published() {
    if [ "$1" = rsa ]; then
        echo "v=DKIM1; k=rsa; p=$(openssl pkey -in "$dir/keys/rsa.pem" -pubout -outform DER | base64 -w0)"
    else
        # RFC 8463: the 32 bytes alone, which are the last of what openssl writes.
        echo "v=DKIM1; k=ed25519; p=$(openssl pkey -in "$dir/keys/ed25519.pem" -pubout -outform DER | tail -c 32 | base64 -w0)"
    fi
}

keys() {
    mkdir -p "$dir/keys"
    (umask 077
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/keys/rsa.pem" 2>/dev/null
    openssl genpkey -algorithm ed25519 -out "$dir/keys/ed25519.pem" 2>/dev/null)
    local kind
    for kind in rsa ed25519; do
        published $kind > "$dir/keys/$kind.txt"
        # dnsmasq and opendkim want long texts in parts of at most 255 characters, or whole.
        echo "txt-record=$kind._domainkey.$domain,$(sed 's/.\{200\}/"&",/g; s/,$//' <<< "$(cat "$dir/keys/$kind.txt")" | sed 's/",\([^"]*\)$/","\1"/')" >> "$dir/dns.conf"
        echo "$kind._domainkey.$domain $(cat "$dir/keys/$kind.txt")" >> "$dir/opendkim.dns"
    done
}

# rspamd 3.4 knows no tree walk and no public suffix `example`, so the sender's own domain has a policy as well.
dns() {
    cat >> "$dir/dns.conf" <<CONF
port=$dns
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
local=/#/
pid-file=$dir/dnsmasq.pid
txt-record=$domain,v=spf1 ip4:198.51.100.7 -all
txt-record=_dmarc.halden.example,v=DMARC1; p=reject
txt-record=_dmarc.$domain,v=DMARC1; p=reject
mx-host=$domain,relay.halden.example,10
mx-host=halden.example,relay.halden.example,10
address=/relay.halden.example/198.51.100.7
address=/$domain/198.51.100.7
ptr-record=7.100.51.198.in-addr.arpa,relay.halden.example
CONF
    # A comma or a semicolon inside of a text is one only in quotes.
    sed -i 's#txt-record=\(_dmarc[^,]*\),\(.*\)#txt-record=\1,"\2"#; s#txt-record=\(news[^,]*\),\(v=spf1.*\)#txt-record=\1,"\2"#' "$dir/dns.conf"
    dnsmasq --conf-file="$dir/dns.conf" --user="$(id -un)" >&2
}

rspamd_configuration() {
    local conf=$dir/rspamd
    mkdir -p "$conf/local.d" "$conf/override.d" "$conf/db" "$conf/log" "$conf/run"
    cat > "$conf/override.d/options.inc" <<CONF
filters = "chartable,dkim,regexp";
dns { nameserver = ["127.0.0.1:$dns"]; timeout = 2s; }
local_addrs = [];
cache_file = "$conf/db/symbols.cache";
tempdir = "$conf/db";
CONF
    local module
    for module in rbl surbl phishing fuzzy_check asn neural greylist ratelimit replies history_redis mx_check; do
        echo 'enabled = false;' > "$conf/override.d/$module.conf"
    done
    echo "bind_socket = \"127.0.0.1:$rspamd\"; count = 1;" > "$conf/override.d/worker-normal.inc"
    echo "bind_socket = \"127.0.0.1:$controller\"; count = 1; password = \"judge\"; secure_ip = \"127.0.0.1\";" > "$conf/override.d/worker-controller.inc"
    echo 'enabled = false;' > "$conf/override.d/worker-proxy.inc"
    echo 'enabled = false;' > "$conf/override.d/worker-fuzzy.inc"
    chown -R _rspamd "$conf" 2>/dev/null || true
}

start() {
    dir=$(realpath "$1")
    [ -z "$(ls -A "$dir" 2>/dev/null)" ] || { say "$dir is not empty"; exit 2; }
    install
    read -r dns rspamd controller < <(free_ports 3)
    echo "$rspamd" > "$dir/rspamd.port"
    echo "$dns" > "$dir/dns.port"
    chmod 755 "$dir"
    keys
    dns
    cat > "$dir/opendkim.conf" <<CONF
Mode v
TestDNSData $dir/opendkim.dns
OmitHeaders *
Syslog no
CONF
    rspamd_configuration
    rspamd -f -u _rspamd -g _rspamd -c /etc/rspamd/rspamd.conf --var=LOCAL_CONFDIR="$dir/rspamd" --var=DBDIR="$dir/rspamd/db" \
        --var=LOGDIR="$dir/rspamd/log" --var=RUNDIR="$dir/rspamd/run" > "$dir/rspamd/out" 2>&1 &
    echo $! > "$dir/rspamd.pid"
    disown
    # It compiles its patterns first, for seconds or for minutes.
    for _ in $(seq 3000); do
        (: < /dev/tcp/127.0.0.1/"$rspamd") 2>/dev/null && break
        kill -0 "$(cat "$dir/rspamd.pid")" 2>/dev/null || break
        sleep 0.1
    done
    (: < /dev/tcp/127.0.0.1/"$rspamd") 2>/dev/null || { say "rspamd did not start; see $dir/rspamd"; stop "$dir" keep; exit 3; }
    echo "export DATELINE_TEST_JUDGES=$dir"
    echo "export DATELINE_TEST_JUDGES_DNS=127.0.0.1:$dns"
}

verify() {
    dir=$(realpath "$1"); shift
    mapfile -t files < <(realpath "$@")
    set -- "${files[@]}"
    DIR=$dir "$dir/python/bin/python" "$here/judges/dkimpy.py" "$@" > "$dir/dkimpy.out"
    (cd "$dir/node" && DIR=$dir node "$here/judges/mailauth.cjs" "$@") > "$dir/mailauth.out"
    : > "$dir/opendkim.out"
    local file
    for file in "$@"; do
        # It says how many signatures hold by whether it is content; asked for each by leaving out the other.
        python3 "$here/judges/opendkim.py" "$dir" "$file" >> "$dir/opendkim.out"
    done
    paste -d' ' "$dir/dkimpy.out" "$dir/mailauth.out" "$dir/opendkim.out" |
        while read -r dkimpy mailauth opendkim; do
            echo "{\"dkimpy\":$dkimpy,\"mailauth\":$mailauth,\"opendkim\":$opendkim}"
        done
}

weigh() {
    dir=$(realpath "$1")
    # As if it had come from the relay's address; the trace headers of this machine are not the relay's.
    local judged
    judged=$(curl -s --data-binary @"$2" -H 'IP: 198.51.100.7' -H 'Helo: relay.halden.example' -H 'From: press@news.halden.example' \
        -H 'Rcpt: jane@paper.example' -H 'Hostname: relay.halden.example' "http://127.0.0.1:$(cat "$dir/rspamd.port")/checkv2")
    local spam
    spam=$(spamassassin -L -t < "$2" 2>/dev/null | tr -d '\n' | grep -o 'X-Spam-Status: [^=]*score=[-0-9.]*[^X]*tests=[A-Z0-9_,[:space:]]*' | head -1)
    python3 - "$judged" "$spam" <<'PY'
import json, re, sys
rspamd = json.loads(sys.argv[1])
score = re.search(r"score=(-?[0-9.]+)", sys.argv[2])
tests = re.search(r"tests=([A-Z0-9_,\s]*)", sys.argv[2])
print(json.dumps({
    "rspamd": {"score": rspamd["score"], "symbols": {name: round(s["score"], 2) for name, s in rspamd["symbols"].items()}},
    "spamassassin": {"score": float(score[1]) if score else None, "tests": re.sub(r"\s", "", tests[1]) if tests else ""},
}))
PY
}

stop() {
    local dir=$1 pid file
    [ -d "$dir/keys" ] || { say "$dir is not ours"; exit 2; }
    for file in "$dir/dnsmasq.pid" "$dir/rspamd.pid"; do
        [ -r "$file" ] || continue
        pid=$(tr -d ' \n' < "$file")
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    done
    [ "${2:-}" = keep ] || rm -rf "$dir"
}

case "${1:-}" in
    start | stop) "$1" "${2:?a folder}" ;;
    verify | weigh) [ $# -ge 3 ] || { say "$1 DIR FILE"; exit 2; }; "$@" ;;
    *) say "start DIR, verify DIR FILE…, weigh DIR FILE or stop DIR"; exit 2 ;;
esac
