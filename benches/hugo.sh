#!/usr/bin/env bash
# Renders every edition of a generated newsroom, has Hugo make pages of the same Markdown, and holds the rates per second
# of processor time against each other: benches/hugo.sh [SIZE] [ROUNDS]. Needs GNU time and hugo (Debian: time, hugo).
#
# Hugo makes one page of each text, twice: with the plainest template there is, and with one that says what
# ours says of a release (head, Open Graph, JSON-LD, dates, picture, tags, the same style sheet). In both it makes
# no taxonomies, no feeds and no lists. Ours reads the same files, resolves what they refer to, and makes
# every edition; what it writes to the disk are the newsroom's pages, as many as Hugo's. Two rates are given:
# editions a second, and documents a second. A document is what somebody opens: a mail's HTML and its
# text are two, a page and its press kit's text are two, each post of a thread is one, JSON is one.
#
# Processors of a virtual machine are now fast and now slow. So the sides take turns, in rounds of a few seconds, each side's time is
# held against that of its neighbours in the same round, and the median of those ratios counts. Time is user and system
# together. Hugo runs as it comes, and with GOMAXPROCS=1, where its threads do not wait for each other.
#
# INSTRUCTIONS=1 counts instructions as well, which do not depend on the machine's mood: with `perf` where the processor's counters
# can be read, else with valgrind (Debian: valgrind), which takes minutes. Those of a newsroom half as large are
# subtracted, and with them what starting costs.
set -euo pipefail
cd "$(dirname "$0")/.."
size=${1:-1000}
rounds=${2:-7}
for tool in /usr/bin/time hugo; do
  command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
# In memory where there is room: neither side's disk is to be measured.
base=${TMPDIR:-/tmp}
[ -w /dev/shm ] && base=/dev/shm
room=$(mktemp -d -p "$base")
trap 'rm -rf "$room"' EXIT
# BENCH names the benchmark where it is built already.
bench=${BENCH:-$(cargo bench --bench newsroom --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')}

# A newsroom of so many releases below a folder, and Hugo's two sites of the same texts.
make() {
  local room=$1 size=$2
  "$bench" --generate "$room/newsroom" "$size"
  for site in plain rich; do
    mkdir -p "$room/$site/content" "$room/$site/layouts/_default" "$room/$site/layouts/partials"
    cat >"$room/$site/config.toml" <<'TOML'
baseURL = "https://news.halden.example/"
title = "Halden Motors Newsroom"
timeZone = "Europe/Stockholm"
buildFuture = true
disableKinds = ["taxonomy", "term", "RSS", "sitemap", "robotsTXT", "404", "section", "home"]
TOML
  done
  echo '<!doctype html><title>{{ .Title }}</title><h1>{{ .Title }}</h1>{{ .Content }}' \
    >"$room/plain/layouts/_default/single.html"
  cat >"$room/rich/layouts/_default/single.html" <<'HTML'
<!doctype html>
<html lang="{{ .Params.language }}" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ .Title }} · {{ .Site.Title }}</title>
<meta name="description" content="{{ .Params.summary }}">
<link rel="canonical" href="{{ .Permalink }}">
<meta property="og:type" content="article">
<meta property="og:site_name" content="{{ .Site.Title }}">
<meta property="og:title" content="{{ .Title }}">
<meta property="og:description" content="{{ .Params.summary }}">
<meta property="og:url" content="{{ .Permalink }}">
<meta property="article:published_time" content="{{ .Date.UTC.Format "2006-01-02T15:04:05Z" }}">
{{ with .Params.picture }}<meta property="og:image" content="{{ $.Permalink }}{{ . }}">
<meta name="twitter:card" content="summary_large_image">
{{ else }}<meta name="twitter:card" content="summary">
{{ end }}<script type="application/ld+json">{{ dict "@context" "https://schema.org" "@type" "NewsArticle" "headline" .Title "description" .Params.summary "inLanguage" .Params.language "datePublished" .Date "dateModified" .Date "mainEntityOfPage" .Permalink "url" .Permalink "author" (dict "@type" "Organization" "name" "Halden Motors") "publisher" (dict "@type" "Organization" "name" "Halden Motors") | jsonify | safeJS }}</script>
<style>{{ partial "style.html" . | safeCSS }}</style>
</head>
<body>
<header class="bar"><div><a class="mark" href="/">Halden Motors</a><nav><a href="/">All news</a></nav></div></header>
<main id="text">
<article>
<h1>{{ .Title }}</h1>
{{ with .Params.subtitle }}<p class="subtitle">{{ . }}</p>
{{ end }}<p class="meta"><time datetime="{{ .Date.UTC.Format "2006-01-02T15:04:05Z" }}">{{ .Date.Format "2 January 2006 15:04 MST" }}</time></p>
{{ with .Params.picture }}<figure><img src="{{ . }}" alt="{{ $.Title }}"><figcaption>Halden Motors</figcaption></figure>
{{ end }}<div class="body">
{{ .Content }}</div>
<p class="end" aria-hidden="true">###</p>
<section><h2>Press contacts</h2><ul class="people"><li><strong>Press office</strong></li></ul></section>
{{ with .Params.tags }}<ul class="tags">
{{ range . }}<li><a href="/tags/{{ . | urlize }}/" rel="tag">{{ . }}</a></li>
{{ end }}</ul>
{{ end }}</article>
</main>
<footer class="foot"><div><span>Halden Motors</span><a href="/">All news</a></div></footer>
</body>
</html>
HTML
  sed 's/{{[^}]*}}/#0b5d6b/g' templates/newsroom/style.hbs >"$room/rich/layouts/partials/style.html"
  # The same bodies, without `:::` lines; the front matter as Hugo writes it.
  find "$room/newsroom/releases" -name '*.md' | while read -r file; do
    name=${file#"$room/newsroom/releases/"}
    name=${name//\//-}
    awk '/^---$/ { edge++; if (edge == 2) { if (day) print "date: " day; print "tags: [ev]" } print; next }
      edge == 1 && /^(title|subtitle):/ { key = $1; sub(/^[a-z]+: */, ""); gsub(/"/, ""); print key " \"" $0 "\"" }
      edge == 1 && /^summary:/ { getline; sub(/^ +/, ""); gsub(/"/, ""); print "summary: \"" $0 "\"" }
      edge == 1 && /^language:/ { print }
      edge == 1 && /^publish:/ { day = substr($2, 1, 10) }
      edge == 1 && /^  - file:/ { print "picture: " $3 }
      edge > 1 && !/^:::/' "$file" >"$room/rich/content/${name//./-}.md"
  done
  cp "$room"/rich/content/*.md "$room/plain/content/"
}

make "$room" "$size"
files=$(find "$room/rich/content" -name '*.md' | wc -l)

# What one side does: `ours`, or `plain` or `rich` by Hugo.
side() {
  local room=$1 side=$2
  shift 2
  if [ "$side" = ours ]; then
    rm -rf "$room/out"
    "$@" "$bench" --render "$room/newsroom" "$room/out" >"$room/told"
  else
    rm -rf "$room/$side/public" "$room/$side/resources"
    "$@" hugo --quiet --source "$room/$side"
  fi
}

# Runs a side and notes its processor time in seconds.
timed() {
  local name=$1
  shift
  side "$room" "$@" /usr/bin/time -o "$room/time" -f '%U %S'
  awk '{ print $1 + $2 }' "$room/time" >>"$room/$name"
}

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

uptime
for ((round = 1; round <= rounds; round++)); do
  timed ours.1 ours
  GOMAXPROCS=1 timed plain.1 plain
  timed plain.n plain
  timed ours.2 ours
  GOMAXPROCS=1 timed rich.1 rich
  timed rich.n rich
  timed ours.3 ours
done
for site in plain rich; do
  pages=$(find "$room/$site/public" -name '*.html' | wc -l)
  [ "$pages" -ge "$files" ] || { echo "Hugo made $pages pages of $files files" >&2; exit 1; }
done
editions=$(cut -d ' ' -f 1 "$room/told")
documents=$(cut -d ' ' -f 3 "$room/told")
cat "$room"/ours.[123] >"$room/ours"
told() { awk -v n="$2" -v t="$(median "$room/$1")" -v what="$3" 'BEGIN { printf "%-44s %7d in %5.2f s: %6.0f a second\n", what, n, t, n / t }'; }
echo "Medians of $rounds rounds, processor time:"
told ours "$editions" 'dateline, editions'
told ours "$documents" 'dateline, documents'
for site in plain rich; do
  told "$site.n" "$files" "hugo, $site pages"
  told "$site.1" "$files" "hugo, $site pages, GOMAXPROCS=1"
done
echo 'Ours to theirs, a second of processor time each, medians of the ratios of each round:'
for site in plain rich; do
  for procs in n 1; do
    what="$site pages"
    [ "$procs" = n ] || what="$what, GOMAXPROCS=1"
    # The neighbours of the plain site are the first two of ours, those of the rich one the last two.
    before=$room/ours.1 behind=$room/ours.2
    [ "$site" = plain ] || { before=$room/ours.2 behind=$room/ours.3; }
    paste "$before" "$behind" "$room/$site.$procs" |
      awk -v e="$editions" -v p="$files" '{ print (e / (($1 + $2) / 2)) / (p / $3) }' >"$room/ratios"
    awk -v r="$(median "$room/ratios")" -v d="$documents" -v e="$editions" -v what="$what" \
      -v low="$(sort -g "$room/ratios" | head -n 1)" -v high="$(sort -g "$room/ratios" | tail -n 1)" \
      'BEGIN { printf "  %-30s editions %5.1f (%.1f to %.1f), documents %5.1f\n", what, r, low, high, r * d / e }'
  done
done
[ -n "${INSTRUCTIONS:-}" ] || exit 0

# Instructions of one side in user mode.
counted() {
  if perf stat -x , -e instructions:u true 2>&1 | grep -q '^[0-9]'; then
    side "$1" "$2" perf stat -x , -o "$1/count" -e instructions:u
    awk -F , '/instructions/ { print $1 }' "$1/count"
  else
    # Valgrind runs one thread at a time, and Go's way of interrupting others confuses it.
    GODEBUG=asyncpreemptoff=1 GOMAXPROCS=1 side "$1" "$2" \
      valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$1/count" >/dev/null
    awk '/Collected/ { print $4 }' "$1/count"
  fi
}
half=$room/half
mkdir "$half"
make "$half" $((size / 2))
less=$(find "$half/rich/content" -name '*.md' | wc -l)
for side in ours plain rich; do
  whole=$(counted "$room" "$side")
  part=$(counted "$half" "$side")
  all=$files few=$less
  [ "$side" = ours ] && all=$editions && few=$(cut -d ' ' -f 1 "$half/told")
  awk -v whole="$whole" -v part="$part" -v n=$((all - few)) -v what="$side" \
    'BEGIN { printf "instructions, %s: %.0f for each edition or page\n", what, (whole - part) / n }'
done
