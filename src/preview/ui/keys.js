// What keys do.

import { $, h, icon } from './dom.js';
import { state, sameWay } from './store.js';
import { drawList } from './rail.js';
import { go, open, pane, see, showRelease } from './moves.js';
import { unique } from './words.js';

const KEYS = [
  [['j', 'k'], 'next, previous release'], [['Enter'], 'first card large'], [['Esc'], 'back to all cards'], [['←', '→'], 'card before, after'],
  [['1', '…', '9'], 'audience'], [['c'], 'next channel'], [['l'], 'next language'], [['t'], 'mail, text, source, headers'],
  [['p'], 'phone or desktop'], [['d'], 'reader’s colours'], [['i'], 'pictures on or off'], [['x'], 'compare'], [['w'], 'seen by whom'],
  [['f'], 'findings'], [['m'], 'calendar'], [['/'], 'search'], [['?'], 'these keys'],
];

function step(by) {
  const items = [...$('list').querySelectorAll('.item')];
  const at = items.findIndex((item) => item.dataset.slug === state.slug);
  const next = items[at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + by))];
  if (next) showRelease(next.dataset.slug);
}
function beside(by) {
  const all = state.release?.editions ?? [];
  const at = all.findIndex((way) => sameWay(way, state.way));
  if (all.length && state.view === 'large') go({ ...pickWay(all[(at + by + all.length) % all.length]) });
}
const pickWay = ({ audience, channel, language, advance }) => ({ audience, channel, language, advance });
function cycle(field, list) { if (list.length > 1) go({ [field]: list[(list.indexOf(state.way[field]) + 1) % list.length] }); }
const after = (list, value) => list[(list.indexOf(value) + 1) % list.length];

/** Does what a key asks for; whether it asked for anything. */
export function key(name) {
  const all = state.release?.editions ?? [];
  const by = all.filter((way) => way.audience === state.way.audience);
  const { look } = state;
  if (name === 'j') step(1);
  else if (name === 'k') step(-1);
  else if (name === 'ArrowRight' && state.view === 'large') beside(1);
  else if (name === 'ArrowLeft' && state.view === 'large') beside(-1);
  else if (/^[1-9]$/.test(name)) { const audience = unique(all.map((way) => way.audience))[Number(name) - 1]; if (audience) { state.view = 'large'; go({ audience }); } }
  else if (name === 'c') cycle('channel', unique(by.map((way) => way.channel)));
  else if (name === 'l') cycle('language', unique(by.filter((way) => way.channel === state.way.channel).map((way) => way.language)));
  else if (name === 't') see({ part: after(['seen', 'text', 'source', 'headers'], look.part) });
  else if (name === 'p') see({ width: after(['desktop', 'phone'], look.width) });
  else if (name === 'd') see({ room: after(['light', 'dark', 'turned'], look.room) });
  else if (name === 'i') see({ images: !look.images });
  else if (name === 'x') see({ view: state.view === 'compare' ? 'large' : 'compare' });
  else if (name === 'w') $('who')?.click();
  else if (name === 'm') see({ view: state.view === 'calendar' ? 'grid' : 'calendar' });
  else if (name === 'f') pane(document.body.dataset.pane === 'side' ? 'main' : 'side', true);
  else if (name === '/') { pane('rail'); $('search').focus(); $('search').select(); }
  else if (name === '?') help();
  else if (name === 'Escape') { if (document.body.dataset.pane !== 'main') pane('main'); else if (state.view !== 'grid') see({ view: 'grid' }); }
  else return false;
  return true;
}

export function help() {
  const box = $('help');
  if (box.open) { box.close(); return; }
  box.replaceChildren(h('div', { class: 'dialog-head' }, h('h2', { id: 'help-title' }, 'Keys'), h('button', { class: 'icon-button', 'aria-label': 'Close', onclick: () => box.close() }, icon('close'))),
    h('dl', null, KEYS.map(([keys, words]) => h('div', null, h('dt', null, keys.map((name) => (name === '…' ? '…' : h('kbd', null, name)))), h('dd', null, words)))));
  box.showModal();
}

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  const { target } = event;
  if (target === $('search')) {
    if (event.key === 'Escape') { target.value = ''; state.query = ''; drawList(); target.blur(); }
    if (event.key === 'Enter') { target.blur(); const first = $('list').querySelector('.item'); if (first) showRelease(first.dataset.slug); pane('main'); }
    return;
  }
  if (target.matches?.('input, select, textarea')) return;
  // On buttons and links Enter does what they say.
  if (event.key === 'Enter') {
    if (!target.closest?.('a, button') && state.view === 'grid' && state.release?.editions.length) { open(state.release.editions[0]); event.preventDefault(); }
    return;
  }
  if (key(event.key)) event.preventDefault();
});
