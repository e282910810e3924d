#!/usr/bin/env bash
# Renders every edition of a generated newsroom, then has Hugo make pages of the same Markdown, and prints
# both rates per second of processor time: benches/hugo.sh [SIZE]. Needs GNU time and hugo (Debian: time, hugo).
#
# Hugo makes one page of each text, twice: with the plainest template there is, and with one that says what
# ours says of a release (head, Open Graph, JSON-LD, dates, picture, tags, the same style sheet). In both it makes
# no taxonomies, no feeds and no lists. Ours reads the same files, resolves what they refer to, and makes
# every edition; what it writes to the disk are the newsroom's pages, as many as Hugo's. Two rates are given:
# editions a second, and documents a second. A document is what somebody opens: a mail's HTML and its
# text are two, a page and its press kit's text are two, each post of a thread is one, JSON is one.
set -euo pipefail
cd "$(dirname "$0")/.."
size=${1:-1000}
for tool in /usr/bin/time hugo; do
  command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
# BENCH names the benchmark where it is built already.
bench=${BENCH:-$(cargo bench --bench newsroom --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')}
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
files=$(find "$room/rich/content" -name '*.md' | wc -l)

timed() { /usr/bin/time -o "$room/time" -f '%U %S %e %M' "$@"; }
rate() { awk -v n="$1" -v what="$2" '{ c = $1 + $2; printf "%s: %d in %.2f s of processor time (%.2f s, %d MiB): %.0f a second\n", what, n, c, $3, $4 / 1024, n / c }' "$room/time"; }

uptime
for round in 1 2 3; do
  timed "$bench" --render "$room/newsroom" "$room/out" >"$room/told"
  rate "$(cut -d ' ' -f 1 "$room/told")" "dateline, editions"
  rate "$(cut -d ' ' -f 3 "$room/told")" "dateline, documents"
  for site in plain rich; do
    rm -rf "$room/$site/public" "$room/$site/resources"
    timed hugo --quiet --source "$room/$site"
    pages=$(find "$room/$site/public" -name '*.html' | wc -l)
    [ "$pages" -ge "$files" ] || { echo "Hugo made $pages pages of $files files" >&2; exit 1; }
    rate "$pages" "hugo, $site pages"
  done
done
