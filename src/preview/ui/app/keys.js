// What keys do.

const KEYS = [
  [['j', 'k'], 'next, previous release'], [['1', '…', '9'], 'audience'], [['c'], 'next channel'], [['l'], 'next language'],
  [['t'], 'mail, text, headers'], [['p'], 'phone or desktop'], [['d'], 'reader’s colours, light or dark'], [['f'], 'findings'], [['/'], 'search'], [['?'], 'these keys'],
];
function step(by) {
  const items = [...$('list').querySelectorAll('.item')];
  const at = items.findIndex((item) => item.dataset.slug === state.at.slug);
  const next = items[at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + by))];
  if (next) open(next.dataset.slug);
}
function cycle(field, list) {
  if (list.length > 1) go({ [field]: list[(list.indexOf(state.at[field]) + 1) % list.length] });
}
/** Does what a key asks for; whether it asked for anything. */
function key(name) {
  const by = ways().filter((way) => way.audience === state.at.audience);
  if (name === 'j' || name === 'ArrowDown') step(1);
  else if (name === 'k' || name === 'ArrowUp') step(-1);
  else if (/^[1-9]$/.test(name)) { const audience = unique(ways().map((way) => way.audience))[Number(name) - 1]; if (audience) go({ audience }); }
  else if (name === 'c') cycle('channel', unique(by.map((way) => way.channel)));
  else if (name === 'l') cycle('language', unique(by.filter((way) => way.channel === state.at.channel).map((way) => way.language)));
  else if (name === 't') see({ part: { html: 'text', text: 'headers', headers: 'html' }[state.look.part] });
  else if (name === 'p') see({ width: state.look.width === 'phone' ? 'desktop' : 'phone' });
  else if (name === 'd') see({ dark: !state.look.dark });
  else if (name === 'f') pane(document.body.dataset.pane === 'side' ? 'main' : 'side');
  else if (name === '/') { pane('rail'); $('search').focus(); $('search').select(); }
  else if (name === '?') help();
  else if (name === 'Escape') pane('main');
  else return false;
  return true;
}
function help() {
  const box = $('help');
  if (box.open) { box.close(); return; }
  box.replaceChildren(h('h2', null, 'Keys'), h('dl', null, KEYS.flatMap(([keys, words]) => [h('dt', null, keys.map((name) => (name === '…' ? '…' : h('kbd', null, name)))), h('dd', null, words)])));
  box.showModal();
}
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === $('search')) {
    if (event.key === 'Escape') { event.target.value = ''; state.query = ''; drawList(); event.target.blur(); }
    if (event.key === 'Enter') { step(0); event.target.blur(); pane('main'); }
    return;
  }
  // Inside scrolling text the arrows scroll.
  if (event.key.startsWith('Arrow') && event.target.closest?.('#stage, #side')) return;
  if (key(event.key)) event.preventDefault();
});
