// The start.

import { $, icon, toast } from './dom.js';
import { recall, state, store } from './store.js';
import { drawEmbargo, pause } from './head.js';
import { help } from './keys.js';
import { ended, everything, follow, showGeneral } from './live.js';
import { pane, see, showRelease } from './moves.js';
import { drawList } from './rail.js';
import { drawSide } from './side.js';

function theme(value) {
  const dark = value ? value === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  $('theme').replaceChildren(icon(dark ? 'sun' : 'moon'));
  $('theme').setAttribute('aria-label', dark ? 'A light desk' : 'A dark desk');
  $('theme').title = dark ? 'A light desk' : 'A dark desk';
}

$('search-icon').append(icon('search'));
// Links to releases keep who looks, and when.
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('#list a, .month a');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  showRelease(decodeURIComponent(link.hash.slice(2)));
  pane('main');
});
$('keys').append(icon('keys'));
$('keys').addEventListener('click', help);
$('search').addEventListener('input', (event) => { state.query = event.target.value; drawList(); });
$('theme').addEventListener('click', () => { const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'; store.set('dateline-theme', next); theme(next); });
$('calendar').addEventListener('click', () => { see({ view: 'calendar' }); pane('main'); });
$('general').addEventListener('click', () => { showGeneral().catch((error) => toast(error.message)); pane('side', true); });
for (const box of document.querySelectorAll('dialog')) box.addEventListener('click', (event) => { if (event.target === box) box.close(); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (!store.get('dateline-theme')) theme(); });

(function tick() { drawEmbargo(); setTimeout(tick, pause()); }());
setInterval(() => { if (!document.hidden && state.release) drawSide(); }, 60000);

theme(store.get('dateline-theme'));
recall();
everything().then(follow).catch(ended);
