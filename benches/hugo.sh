#!/usr/bin/env bash
# Renders every edition of a generated newsroom, then has Hugo make pages of the same Markdown, and prints
# both rates per second of processor time: benches/hugo.sh [SIZE]. Hugo's site has the plainest template
# there is, no taxonomies, no feeds. Needs GNU time and hugo (Debian: time, hugo).
set -euo pipefail
cd "$(dirname "$0")/.."
size=${1:-1000}
for tool in /usr/bin/time hugo; do
  command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
bench=$(cargo bench --bench newsroom --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
"$bench" --generate "$room/newsroom" "$size"

mkdir -p "$room/hugo/content" "$room/hugo/layouts/_default"
cat >"$room/hugo/config.toml" <<'TOML'
baseURL = "https://news.halden.example/"
disableKinds = ["taxonomy", "term", "RSS", "sitemap", "robotsTXT", "404", "section", "home"]
TOML
echo '<!doctype html><title>{{ .Title }}</title><h1>{{ .Title }}</h1>{{ .Content }}' \
  >"$room/hugo/layouts/_default/single.html"
# The same bodies: front matter cut down to the title, `:::` lines gone.
find "$room/newsroom/releases" -name '*.md' | while read -r file; do
  name=${file#"$room/newsroom/releases/"}
  name=${name//\//-}
  awk '/^---$/ { edge++; print; next } edge == 1 && /^title:/ { print "title: \"" substr($0, 8) "\"" }
    edge > 1 && !/^:::/' "$file" >"$room/hugo/content/${name//./-}.md"
done
files=$(find "$room/hugo/content" -name '*.md' | wc -l)

timed() { /usr/bin/time -o "$room/time" -f '%U %S %e %M' "$@"; }
rate() { awk -v n="$1" '{ c = $1 + $2; printf "%.2f s of processor time, %.2f s, %d MiB, %.0f a second of processor time\n", c, $3, $4 / 1024, n / c }' "$room/time"; }

for round in 1 2 3; do
  timed "$bench" --render "$room/newsroom" "$room/out" >"$room/told"
  editions=$(cut -d ' ' -f 1 "$room/told")
  echo "dateline, $(cat "$room/told"): $(rate "$editions")"
  rm -rf "$room/hugo/public" "$room/hugo/resources"
  timed hugo --quiet --source "$room/hugo"
  pages=$(find "$room/hugo/public" -name '*.html' | wc -l)
  [ "$pages" -ge "$files" ] || { echo "Hugo made $pages pages of $files files" >&2; exit 1; }
  echo "hugo, $pages pages: $(rate "$pages")"
done
