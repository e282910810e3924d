#!/usr/bin/env bash
# A contact book of many people: time and peak memory of reading it in, planning for it and writing it out:
# benches/book.sh [CONTACTS], else 1000000. `plan` is what would be sent, with nothing written: one release to everybody, and one to
# a half with another language and a window by each reader's zone. The program is built, or is $DATELINE.
# Needs GNU time (Debian: time).
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-1000000}
[ -x /usr/bin/time ] || { echo "install GNU time: apt-get install time" >&2; exit 1; }
if [ -z "${DATELINE:-}" ]; then
  cargo build --release --quiet
  DATELINE="${CARGO_TARGET_DIR:-target}/release/dateline"
fi
dateline=$(realpath "$DATELINE")
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
mkdir -p "$room/releases" "$room/audiences"
cp -r templates "$room/"
cat >"$room/dateline.yaml" <<'YAML'
name: Halden Motors Newsroom
organization: Halden Motors
url: https://news.halden.example
timezone: Europe/Stockholm
language: en
languages: [en, sv]
contacts:
  press-office: { name: Astrid Wennerlöf, title: Head of Press, email: press@halden.example }
boilerplate:
  halden: { en: Halden Motors builds cars., sv: Halden Motors bygger bilar. }
channels:
  relay:
    kind: smtp
    host: 127.0.0.1
    port: 25
    tls: none
    from: "Halden Motors Press <press@news.halden.example>"
    postal_address: "Halden Motors AB, Box 1961, 400 00 Göteborg, Sweden"
    list_id: press.news.halden.example
    unsubscribe_url: https://news.halden.example/unsubscribe
ledger: { folder: state }
YAML
printf 'name: Everybody\nchannels: [relay]\nmembers:\n  where: kind in [reader, trade]\n' >"$room/audiences/everybody.yaml"
{
  printf 'name: Trade media\nchannels: [relay]\nmembers:\n  where: kind = trade\nlanguages: [en, sv]\n'
  printf 'window: { days: Mon-Fri, hours: "08:00-18:00", zone: recipient }\n'
} >"$room/audiences/trade.yaml"
for release in everybody trade; do
  for language in '' .sv; do
    {
      printf -- '---\ntitle: The year at Halden Motors, for %s%s\nsummary: What was built.\ndateline: Gothenburg\n' "$release" "$language"
      [ -n "$language" ] && printf 'language: sv\n' || {
        printf 'publish: %s[UTC]\nstatus: approved\nlanguage: en\naudiences: [%s]\n' "$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%S)" "$release"
        printf 'contacts: [press-office]\nboilerplate: [halden]\n'
      }
      printf -- '---\nIn this year the plant in Lysekil built 940 cars.\n'
    } >"$room/releases/the-year-$release$language.md"
  done
done
awk -v count="$count" 'BEGIN {
  split("Europe/Stockholm Europe/Berlin America/New_York Asia/Tokyo", zones, " ")
  print "email,name,kind,language,timezone,organization"
  for (n = 1; n <= count; n++)
    print "reader-" n "@desk-" n % 997 ".example,Reader " n "," (n % 2 ? "reader" : "trade") "," (n % 3 ? "en" : "sv") "," zones[n % 4 + 1] ",Desk " n % 997
}' >"$room/contacts.csv"

run() {
  local what=$1
  shift
  /usr/bin/time -o "$room/time" -f '%e s, %U s user, %S s system, %M KiB at most' \
    "$dateline" --newsroom "$room" "$@" >"$room/out" 2>"$room/err" || { tail -n 5 "$room/out" "$room/err" >&2; exit 1; }
  printf '%-24s %s\n' "$what" "$(tail -n 1 "$room/time")"
}

consent=(--basis legitimate-interest --source register --date 2026-01-02)
echo "$count contacts:"
run 'import, dry run' contacts import "$room/contacts.csv" "${consent[@]}" --dry-run
run 'import' contacts import "$room/contacts.csv" "${consent[@]}"
run 'plan' plan
tail -n 1 "$room/out"
run 'plan, JSON' plan --format json
run 'check' check
run 'export' contacts export --out "$room/exported.csv"
echo "$(($(wc -l <"$room/exported.csv") - 1)) contacts exported"
