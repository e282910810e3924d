#!/bin/bash
# A private PostgreSQL on loopback and a socket, for the ledger of several daemons.
#
#   tests/endpoints/postgres.sh start DIR     starts it below DIR, which is new or empty; prints lines to eval
#   tests/endpoints/postgres.sh restart DIR   ends it as a crash would, and starts it again
#   tests/endpoints/postgres.sh stop DIR      stops it and removes DIR
#
# Needs no root: as root it runs as `postgres` (PostgreSQL refuses root), and installs what is missing with apt-get. Nothing
# that is installed or running on the machine is changed. Exit 3: it cannot run here.
set -euo pipefail

say() { echo "postgres.sh: $*" >&2; }

install() {
    bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
    [ -n "$bin" ] || bin=$(dirname "$(command -v initdb || true)" 2>/dev/null)
    [ -x "$bin/initdb" ] && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { say "there is no PostgreSQL"; exit 3; }
    say "installing postgresql"
    # policy-rc.d keeps apt from starting the machine-wide server.
    local policy=/usr/sbin/policy-rc.d made=
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy && made=1; }
    {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
    } >&2 || { [ -n "$made" ] && rm -f $policy; say "apt-get failed"; exit 3; }
    [ -z "$made" ] || rm -f $policy
    bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
}

# Runs a command as whoever may run PostgreSQL.
as_owner() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

pg_ctl() {
    (cd "$dir" && as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 "$@") >&2
}

# A certificate for 127.0.0.1 by an authority of its own (ca.pem), and an authority that signed nothing (other.pem).
certificates() {
    command -v openssl >/dev/null || return 1
    mkdir "$dir/tls"
    (
        cd "$dir/tls"
        new=(openssl req -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
        for name in ca other; do
            "${new[@]}" -x509 -days 30 -subj "/CN=$name" -keyout $name.key -out $name.pem
        done
        "${new[@]}" -subj /CN=server -keyout server.key -out server.csr
        echo "subjectAltName=IP:127.0.0.1,DNS:localhost" > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out server.pem
        chmod 600 server.key
    ) >/dev/null 2>&1 || return 1
    [ "$(id -u)" != 0 ] || chown -R postgres "$dir/tls"
}

start() {
    dir=$(realpath -m "$1")
    install
    [ -z "$(ls -A "$dir" 2>/dev/null)" ] || { say "$dir is not empty"; exit 2; }
    local port password
    port=$(free_port)
    password=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
    mkdir -p "$dir"
    chmod 700 "$dir"
    printf '%s\n' "$password" > "$dir/password"
    [ "$(id -u)" != 0 ] || chown -R postgres "$dir"
    (cd "$dir" && as_owner "$bin/initdb" -D "$dir/data" -U dateline --auth=scram-sha-256 \
        --pwfile="$dir/password" --encoding=UTF8 --locale=C.UTF-8 --data-checksums) >&2
    # Durable as in earnest; a socket's path is short, and nobody else can reach it.
    cat > "$dir/more.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
max_connections = 300
shared_buffers = 256MB
max_wal_size = 4GB
log_min_messages = fatal
CONF
    certificates && cat >> "$dir/more.conf" <<CONF
ssl = on
ssl_cert_file = '$dir/tls/server.pem'
ssl_key_file = '$dir/tls/server.key'
CONF
    cat "$dir/more.conf" >> "$dir/data/postgresql.conf"
    pg_ctl start || { say "see $dir/log"; exit 3; }
    (cd "$dir" && PGPASSWORD=$password "$bin/createdb" -h 127.0.0.1 -p "$port" -U dateline dateline) >&2
    echo "export DATELINE_TEST_POSTGRES='postgres://dateline:$password@127.0.0.1:$port/dateline'"
    echo "export DATELINE_TEST_POSTGRES_DIR='$dir'"
    [ ! -e "$dir/tls/server.pem" ] || echo "export DATELINE_TEST_POSTGRES_CA='$dir/tls'"
}

restart() {
    dir=$(realpath "$1")
    install
    pg_ctl -m immediate restart
}

stop() {
    dir=$(realpath "$1")
    [ -d "$dir/data" ] && [ -f "$dir/more.conf" ] || { say "$dir is not ours"; exit 2; }
    install
    pg_ctl -m fast stop || true
    rm -rf "$dir"
}

case "${1:-}" in
    start | restart | stop) "$1" "${2:?a folder}" ;;
    *) say "start DIR, restart DIR or stop DIR"; exit 2 ;;
esac
