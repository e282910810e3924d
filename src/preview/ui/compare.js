// Two editions beside each other, with what differs marked.

import { $, h, icon, redraw } from './dom.js';
import { ask, editionPath, editionQuery, sameWay, state, wayKey } from './store.js';
import { go, see } from './moves.js';
import { languageName, plural } from './words.js';

let issued = null;
let issuedOf = null;
let turn = 0;

export function leaveCompare() { turn += 1; }

const label = (way) => `${way.audience_name} · ${way.channel} · ${languageName(way.language)}${way.advance ? ' · advance' : ''}`;

export async function drawCompare() {
  const mine = ++turn;
  const { release, slug } = state;
  const way = release.editions.find((one) => sameWay(one, state.way));
  if (!way) { $('view').replaceChildren(h('div', { class: 'empty' }, icon('compare', 36), h('h2', null, 'Nothing to compare yet'))); return; }
  if (issuedOf !== slug) {
    issuedOf = slug;
    issued = [];
    ask(`/api/issued/${encodeURIComponent(slug)}`).then(({ parts }) => { if (issuedOf !== slug) return; issued = parts; if (mine === turn) tools(way); }).catch(() => {});
  }
  if (!$('view').querySelector('.compare')) $('view').replaceChildren(h('div', { class: 'compare scroll', 'data-scroll': 'compare' }, h('div', { class: 'tools' }), h('div', { class: 'pages' })));
  const others = release.editions.filter((one) => !sameWay(one, way) && !one.advance);
  state.with ??= others.length ? `way:${wayKey(others.find((one) => one.language === way.language && one.audience !== way.audience) ?? others[0])}` : 'commit:HEAD';
  tools(way);
  const pages = $('view').querySelector('.pages');
  let found;
  try { found = await ask(`/api/compare/${editionPath(way)}${editionQuery(way, { with: state.with })}`); } catch (error) {
    if (mine === turn) pages.replaceChildren(h('p', { class: 'banner', role: 'alert' }, icon('alarm'), h('span', null, error.message)));
    return;
  }
  if (mine !== turn) return;
  const side = (words, there, lang) => h('td', { lang }, words.map(([text, same]) => (same ? text : h(there, null, text))));
  redraw(pages, [
    h('p', { class: found.differ ? 'verdict' : 'verdict fine', role: 'status' }, found.differ ? `${plural(found.differ, 'paragraph')} of ${found.pairs.length} ${found.differ === 1 ? 'differs' : 'differ'}` : 'Both say the same, word for word.'),
    h('table', { class: found.history ? 'history' : null }, h('caption', { class: 'sr' }, 'The words of both editions, paragraph beside paragraph'),
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, found.left.label), h('th', { scope: 'col' }, found.right.label))),
      h('tbody', null, found.pairs.map((pair, at) => h('tr', { class: [pair.same ? 'same' : 'differs', at === 0 ? 'title' : ''].join(' ').trim() }, side(pair.left, found.history ? 'del' : 'mark', found.left.language), side(pair.right, found.history ? 'ins' : 'mark', found.right.language)))))]);
}

function tools(way) {
  const { release } = state;
  const box = $('view').querySelector('.compare .tools');
  if (!box) return;
  const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
  const choose = (event) => {
    const [audience, channel, rest] = event.target.value.split('/');
    const [language, advance] = rest.split('~');
    state.with = null;
    go({ audience, channel, language, advance: advance === 'advance' });
  };
  const [kind, which] = [state.with.split(':')[0], state.with.slice(state.with.indexOf(':') + 1)];
  const option = (value, words) => h('option', { value, selected: value === state.with }, words);
  const commit = h('input', { 'aria-label': 'Commit, branch or tag', value: kind === 'commit' ? which : '', placeholder: 'main, HEAD~3, v1', spellcheck: 'false', autocomplete: 'off', list: 'revisions' });
  box.replaceChildren(
    h('button', { class: 'quiet-button back', onclick: () => see({ view: 'large' }) }, icon('back'), h('span', null, 'Back')),
    h('select', { 'aria-label': 'This edition', onchange: choose }, release.editions.map((one) => h('option', { value: wayKey(one), selected: sameWay(one, way) }, label(one)))),
    h('span', { class: 'label' }, 'beside'),
    h('select', { 'aria-label': 'The other', onchange: (event) => see({ with: event.target.value }) },
      h('optgroup', { label: 'Today, for others' }, release.editions.filter((one) => !sameWay(one, way) && !one.advance).map((one) => option(`way:${wayKey(one)}`, label(one)))),
      issued.length ? h('optgroup', { label: 'As it was issued' }, issued.map((part) => option(`issued:${part.sha}`, `${part.day}, ${part.time} · ${part.notice} · ${part.audience} · ${part.channel} · ${part.language}`))) : null,
      h('optgroup', { label: 'As it was committed' }, option('commit:HEAD', 'The last commit'), kind === 'commit' && which !== 'HEAD' ? option(state.with, which) : null)),
    h('form', { class: 'commit', onsubmit: (event) => { event.preventDefault(); if (commit.value.trim()) see({ with: `commit:${commit.value.trim()}` }); } }, h('span', { class: 'label' }, 'or a commit'), commit, h('datalist', { id: 'revisions' }, ['HEAD', 'HEAD~1', 'main'].map((value) => h('option', { value }))), h('button', { class: 'quiet-button' }, 'Compare')));
  box.querySelector('form button').type = 'submit';
  if (focused) box.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}
