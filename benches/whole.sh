#!/usr/bin/env bash
# Times `dateline check` and `dateline plan` as whole programs: benches/whole.sh [SIZE] [ROUNDS].
# It generates a newsroom of SIZE releases (10,000) and a contact book of 10,000, and prints wall time,
# processor time and peak memory of the first run, of the next ones, and after one release was edited.
# Needs GNU time (Debian: time).
set -euo pipefail
cd "$(dirname "$0")/.."
size=${1:-10000}
rounds=${2:-3}
[ -x /usr/bin/time ] || { echo "install GNU time: apt-get install time" >&2; exit 1; }

cargo build --release --quiet
dateline=${CARGO_TARGET_DIR:-target}/release/dateline
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
bench=$(cargo bench --bench newsroom --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
"$bench" --generate "$room" "$size"
"$dateline" --newsroom "$room" contacts import "$room/contacts.csv" \
  --basis legitimate-interest --source register --date 2026-01-02 >/dev/null

# Exit code 1 says that there are findings, and is fine.
run() {
  local what=$1
  shift
  /usr/bin/time -o "$room/.time" -f '%e s, %U s user, %S s system, %M KiB at most' \
    "$dateline" --newsroom "$room" "$@" >"$room/.out" 2>"$room/.err" || true
  printf '%-24s %s\n' "$what" "$(tail -n 1 "$room/.time")"
}

for command in check plan; do
  run "$command, first" "$command"
  for ((round = 1; round <= rounds; round++)); do run "$command, again" "$command"; done
  for ((round = 1; round <= rounds; round++)); do
    edited=$(find "$room/releases" -name '*.md' | sort | tail -n 1)
    printf '\nEdited %s.\n' "$round" >>"$edited"
    run "$command, one edit" "$command"
  done
done
