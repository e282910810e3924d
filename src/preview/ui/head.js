// Middle, above: the release, who looks and at what time.

import { $, choices, h, icon, redraw } from './dom.js';
import { state } from './store.js';
import { choosePerson } from './person.js';
import { see } from './moves.js';
import { pill } from './rail.js';
import { countdown, embargoed, lifts, localWords, now, seenAt } from './words.js';

export function drawHead() {
  const { release } = state;
  if (!release) { $('head').replaceChildren(); $('bar').replaceChildren(); return; }
  const { publish } = release;
  redraw($('head'), [
    h('div', { class: 'over' }, pill(release),
      publish ? h('time', { datetime: publish.utc }, `${publish.day}, ${publish.time} ${publish.zone}`) : h('span', null, 'no date yet'),
      embargoMark(), h('code', null, release.slug)),
    h('h1', null, release.title)]);
  drawBar();
}

/** Says whether the release is under embargo, and counts down. */
export function drawEmbargo() {
  const node = $('embargo');
  if (!node || !state.release) return;
  const next = embargoMark();
  if (!node.isEqualNode(next)) node.replaceWith(next);
}

function embargoMark() {
  const lifting = lifts(state.release);
  const secret = embargoed(state.release);
  const left = lifting === null ? null : lifting - seenAt();
  let words = '';
  if (state.release.status === 'killed') words = '';
  else if (secret) words = left === null ? 'Not public' : `Under embargo, lifts in ${countdown(left)}`;
  else words = 'Public';
  return h('span', { id: 'embargo', class: secret ? 'embargo on' : 'embargo' }, words ? [icon(secret ? 'lock' : 'globe', 13), h('span', null, words)] : null);
}

/** Instants that editors ask about. */
function instants() {
  const lifting = lifts(state.release);
  if (lifting === null) return [[null, 'Now']];
  const hour = 3600000;
  return [[null, 'Now'], [lifting - 48 * hour, 'T−48 h'], [lifting - hour, 'T−1 h'], [lifting, 'T'], [lifting + 24 * hour, 'T+1 d']];
}

export function drawBar() {
  const { release, person, at } = state;
  if (!release) return;
  const focused = document.activeElement?.closest('#bar') ? document.activeElement.dataset.value ?? document.activeElement.id : null;
  const list = instants();
  if (at !== null && !list.some(([value]) => value === at)) list.push([at, localWords(at)]);
  const pick = h('input', { type: 'datetime-local', id: 'instant', class: 'instant', 'aria-label': 'Another time, by this machine’s clock', title: 'Another time', value: local(seenAt()), onchange: (event) => { const value = Date.parse(event.target.value); if (!Number.isNaN(value)) see({ at: value }); } });
  redraw($('bar'), [
    h('div', { class: 'tool' },
      h('span', { class: 'label', id: 'seen-by' }, 'Seen by'),
      h('button', { id: 'who', class: person ? 'who on' : 'who', 'aria-describedby': 'seen-by', onclick: () => choosePerson() }, icon('person'), h('span', null, person ? person.name : 'Everybody'), person ? h('small', null, [person.language, person.zone].filter(Boolean).join(' · ')) : null),
      person ? h('button', { class: 'icon-button', 'aria-label': 'Seen by everybody again', title: 'Everybody', onclick: () => see({ who: null, person: null }) }, icon('close')) : null),
    h('div', { class: 'tool' }, h('span', { class: 'label' }, 'At'), choices('Time', list, at, (value) => see({ at: value })), pick),
    release.notices.length > 1 ? h('div', { class: 'tool' }, h('span', { class: 'label' }, 'As'), choices('Notice', release.notices.map((key) => [key, key[0].toUpperCase() + key.slice(1)]), state.notice, (notice) => see({ notice }))) : null]);
  if (focused) ([...$('bar').querySelectorAll('button, input')].find((node) => (node.dataset.value ?? node.id) === focused))?.focus();
}

function local(instant) {
  const date = new Date(instant - new Date(instant).getTimezoneOffset() * 60000);
  return date.toISOString().slice(0, 16);
}

/** How long it is until the embargo's words change. */
export function pause() {
  const lifting = state.release ? lifts(state.release) : null;
  return lifting !== null && Math.abs(lifting - now()) < 3600000 ? 1000 : 20000;
}
