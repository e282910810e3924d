#!/usr/bin/env bash
# Issues one release of about 30 KiB to a list and sends it to smtp-sink, then sends as much with Postfix's
# smtp-source over as many connections: benches/drain.sh [RECIPIENTS [CONNECTIONS...]], else 100000 and 4 16. Prints time,
# peak memory and both rates. Durable intents are on, as always. The program is built, or is $DATELINE.
# Needs GNU time, git, smtp-sink and smtp-source (Debian: time, git, postfix). Where LISTMONK_POOL names what
# benches/listmonk/main.go becomes, that sends as much as well.
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-100000}
shift || true
if (($#)); then all=("$@"); else all=(4 16); fi
for tool in /usr/bin/time git smtp-sink smtp-source; do
  command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
if [ -z "${DATELINE:-}" ]; then
  cargo build --release --quiet
  DATELINE="${CARGO_TARGET_DIR:-target}/release/dateline"
fi
dateline=$(realpath "$DATELINE")
parent=$(mktemp -d)
port=$((20000 + RANDOM % 10000))
smtp-sink -u nobody "127.0.0.1:$port" 512 &
sink=$!
trap 'kill "$sink"; rm -rf "$parent"' EXIT

# A newsroom of its own for each number of connections.
newsroom() {
  local connections=$1
  mkdir -p "$room/releases" "$room/audiences"
  cp -r templates "$room/"
  cat >"$room/dateline.yaml" <<YAML
name: Halden Motors Newsroom
organization: Halden Motors
url: https://news.halden.example
timezone: Europe/Stockholm
language: en
languages: [en]
contacts:
  press-office: { name: Astrid Wennerlöf, title: Head of Press, email: press@halden.example }
boilerplate:
  halden: { en: Halden Motors builds cars. }
channels:
  relay:
    kind: smtp
    host: 127.0.0.1
    port: $port
    tls: none
    from: "Halden Motors Press <press@news.halden.example>"
    postal_address: "Halden Motors AB, Box 1961, 400 00 Göteborg, Sweden"
    list_id: press.news.halden.example
    unsubscribe_url: https://news.halden.example/unsubscribe
    limits: { connections: $connections }
ledger: { folder: state }
YAML
  printf 'name: Everybody\nchannels: [relay]\nmembers:\n  where: kind = reader\n' >"$room/audiences/everybody.yaml"
  {
    echo 'email,name,kind'
    for ((n = 1; n <= count; n++)); do echo "reader-$n@desk-$((n % 997)).example,Reader $n,reader"; done
  } >"$room/contacts.csv"
}

# The release, due as soon as there is a ledger: what was public before that would be held.
release() {
  {
    printf -- '---\ntitle: The year at Halden Motors\nsummary: What was built.\ndateline: Gothenburg\n'
    printf 'publish: %s[UTC]\nstatus: approved\nlanguage: en\n' "$(date -u -d "+2 seconds" +%Y-%m-%dT%H:%M:%S)"
    printf 'audiences: [everybody]\ncontacts: [press-office]\nboilerplate: [halden]\n---\n'
    for ((n = 1; n <= 16; n++)); do
      printf 'In week %s the plant in Lysekil built %s cars, and each of them was driven before it left. ' "$n" $((900 + n))
      printf 'Workshops load the new software in less than an hour, and nothing changes for owners who like their car as it is.\n\n'
    done
  } >"$room/releases/the-year.md"
  git -C "$room" init -q
  git -C "$room" add releases audiences templates dateline.yaml
  git -C "$room" -c user.name=bench -c user.email=bench@halden.example commit -qm 'the year'
}

timed() {
  local what=$1
  shift
  /usr/bin/time -o "$room/time" -f '%e %U %S %M' "$@" >"$room/out" 2>"$room/err" || { tail -n 5 "$room/out" "$room/err" >&2; exit 1; }
  awk -v n="$count" -v what="$what" '{ printf "%s: %d in %s s, %.0f a second, %.0f µs of processor time each, %d MiB at most\n",
    what, n, $1, n / ($1 + 0.001), ($2 + $3) * 1e6 / n, $4 / 1024 }' "$room/time"
}

for connections in "${all[@]}"; do
  room=$parent/$connections
  newsroom "$connections"
  echo "$connections connections"
  timed import "$dateline" --newsroom "$room" contacts import "$room/contacts.csv" \
    --basis consent --source form --date 2026-01-02
  release
  timed plan "$dateline" --newsroom "$room" plan
  timed issue "$dateline" --newsroom "$room" issue
  "$dateline" --newsroom "$room" render the-year --out "$room/mail" >/dev/null
  size=$(find "$room/mail" -name '*.eml' -printf '%s\n' | sort -n | tail -n 1)
  echo "one mail has $size bytes"
  sleep 2
  timed dispatch "$dateline" --newsroom "$room" dispatch
  "$dateline" --newsroom "$room" status
  timed smtp-source smtp-source -s "$connections" -l "$size" -m "$count" \
    -f press@halden.example -t reader@desk.example "127.0.0.1:$port"
  if [ -n "${LISTMONK_POOL:-}" ]; then
    timed "listmonk's pool" "$LISTMONK_POOL" "$port" "$count" "$connections" "$size"
  fi
  rm -rf "$room"
done
