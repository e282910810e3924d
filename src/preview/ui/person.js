// Who looks: somebody of the contact book, or somebody made up.

import { $, h, icon, toast } from './dom.js';
import { ask, state } from './store.js';
import { see } from './moves.js';
import { languageName } from './words.js';

/** Asks what the release and the inbox are for whoever looks. */
export async function askPerson() {
  const query = new URLSearchParams({ who: state.who });
  if (state.at !== null) query.set('at', new Date(state.at).toISOString());
  try {
    const { person, answers, inbox } = await ask(`/api/person/${encodeURIComponent(state.slug ?? '')}?${query}`);
    state.person = { ...person, answers, inbox, at: state.at };
  } catch (error) {
    toast(error.message);
    state.who = null;
    state.person = null;
  }
}

export function choosePerson() {
  const box = $('people');
  const results = h('ul', { class: 'found', 'aria-label': 'Contacts' });
  const take = (who) => { box.close(); see({ who }); };
  let turn = 0;
  const find = async (words) => {
    const mine = ++turn;
    try {
      const { contacts } = await ask(`/api/contacts?q=${encodeURIComponent(words)}`);
      if (mine !== turn) return;
      results.replaceChildren(...(contacts.length ? contacts.map((one) => h('li', null, h('button', { onclick: () => take(one.who) }, h('b', null, one.name), h('span', null, one.address), h('small', null, one.about)))) : [h('li', { class: 'none' }, 'Nobody in the contact book matches.')]));
    } catch (error) { results.replaceChildren(h('li', { class: 'none' }, error.message)); }
  };
  const field = (name, label, more = {}) => h('label', null, h('span', null, label), h('input', { name, autocomplete: 'off', ...more }));
  const form = h('form', { class: 'made-up', onsubmit: (event) => {
    event.preventDefault();
    const data = new URLSearchParams();
    for (const [name, value] of new FormData(event.target)) if (value.trim()) data.set(name, value.trim());
    if (!data.has('name')) data.set('name', 'Somebody');
    take(data.toString());
  } },
  h('h3', null, 'Or make somebody up'),
  h('div', { class: 'fields' },
    field('name', 'Name', { placeholder: 'Alex Reader' }),
    h('label', null, h('span', null, 'Language'), h('select', { name: 'language' }, h('option', { value: '' }, 'not said'), state.newsroom.languages.map((tag) => h('option', { value: tag }, languageName(tag))))),
    field('timezone', 'Time zone', { placeholder: state.newsroom.timezone, list: 'zones' }),
    field('kind', 'Kind', { placeholder: 'blogger' }),
    field('beat', 'Beat', { placeholder: 'ev, family' }),
    field('region', 'Region', { placeholder: 'EU' }),
    field('tags', 'Tags'),
    h('label', null, h('span', null, 'Basis'), h('select', { name: 'basis' }, h('option', { value: '' }, 'not said'), ['consent', 'legitimate-interest', 'contract'].map((basis) => h('option', { value: basis }, basis)))),
    h('label', { class: 'tick' }, h('input', { type: 'checkbox', name: 'embargo_ok', value: 'yes' }), h('span', null, 'keeps embargoes'))),
  h('datalist', { id: 'zones' }, Intl.supportedValuesOf('timeZone').map((zone) => h('option', { value: zone }))),
  h('p', { class: 'end' }, h('button', { type: 'submit', class: 'primary' }, 'See as this person')));
  form.querySelector('.primary').type = 'submit';
  const book = state.newsroom.book
    ? [h('label', { class: 'search' }, h('span', null, icon('search')), h('input', { type: 'search', 'aria-label': 'Search the contact book', placeholder: 'Search the contact book', autocomplete: 'off', spellcheck: 'false', oninput: (event) => find(event.target.value) })), results]
    : [h('p', { class: 'note' }, 'There is no contact book here: this newsroom has no ledger yet, or it was started with --files-only.')];
  box.replaceChildren(h('div', { class: 'dialog-head' }, h('h2', { id: 'people-title' }, 'Seen by whom?'), h('button', { class: 'icon-button', 'aria-label': 'Close', onclick: () => box.close() }, icon('close'))), ...book, form);
  box.showModal();
  if (state.newsroom.book) find('');
  box.querySelector('input')?.focus();
}
