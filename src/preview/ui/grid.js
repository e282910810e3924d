// The grid: a row for each audience, a live card for each of its channels and languages.

import { $, h, icon, kindIcon, redraw } from './dom.js';
import { ask, documentPath, editionPath, editionQuery, lookChanged, state, wayKey } from './store.js';
import { open } from './moves.js';
import * as stage from './stage.js';
import { embargoed, fromNow, languageName, now, plural, seenAt, shortDay } from './words.js';

/** How wide a screen a card is a picture of, and how much of it is shown. */
const WIDE = { smtp: 640, ses: 640, postmark: 640, newsroom: 980, wordpress: 980 };
const wide = (kind) => WIDE[kind] ?? 420;

/** How wide a bar is with which a frame scrolls, where it takes a place of its own: cards hide it beside what they show. */
function measureBar() {
  const box = h('div', { class: 'bar-measure' });
  document.body.append(box);
  document.documentElement.style.setProperty('--bar', `${box.offsetWidth - box.clientWidth}px`);
  box.remove();
}

/** Cards by way: { node, way, stand, sha, wanted, seen }. */
const cards = new Map();
let drawnFor = null;

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = cards.get(entry.target.dataset.way);
    if (!card || card.node !== entry.target) continue;
    card.seen = entry.isIntersecting;
    if (card.seen) load(card);
    lookChanged();
  }
}, { rootMargin: '200px', scrollMargin: '300px' });
const measure = new ResizeObserver((entries) => {
  for (const entry of entries) entry.target.style.setProperty('--k', String(entry.contentRect.width / Number(entry.target.dataset.wide)));
});

/** What somebody's answers say of a way: nothing if it does not reach them. */
function reaches(way) {
  if (!state.person) return { due: way.due, local: null };
  if (way.public) return { due: way.due, local: null };
  const answer = state.person.answers.find((one) => one.audience === way.audience && ['gets', 'round-up'].includes(one.outcome));
  if (!answer || (answer.channel && answer.channel !== way.channel)) return null;
  if (answer.outcome === 'gets' && (answer.language !== way.language || answer.advance !== way.advance)) return null;
  if (answer.outcome === 'round-up' && state.person.language && way.language !== state.person.language
    && state.release.editions.some((other) => other.audience === way.audience && other.language === state.person.language)) return null;
  return { due: answer.due ?? way.due, local: answer.local };
}

/** Draws the cards. Those of the ways that are `sent` by the desk are not asked for. */
export function drawGrid(sent = null) {
  const { release } = state;
  const view = $('view');
  const key = JSON.stringify([release.slug, release.editions.map(wayKey), state.who]);
  if (key !== drawnFor || !view.querySelector('.grid')) {
    drawnFor = key;
    dismiss();
    measureBar();
    const rows = new Map();
    for (const way of release.editions) {
      if (!reaches(way)) continue;
      if (!rows.has(way.audience)) rows.set(way.audience, []);
      rows.get(way.audience).push(make(way));
    }
    const sections = [...rows].map(([audience, list]) => {
      const way = release.editions.find((one) => one.audience === audience);
      return h('section', { class: `row n${Math.min(list.length, 4)}`, 'aria-label': way.audience_name },
        h('h2', null, way.audience_name, h('small', null, plural(list.length, 'edition'))),
        h('div', { class: 'cards' }, list.map((card) => card.node)));
    });
    view.replaceChildren(h('div', { class: 'grid scroll', 'data-scroll': 'grid' }, banner(), sections.length ? sections : nothing(), outside()));
    for (const card of cards.values()) { watcher.observe(card.node); measure.observe(card.pane); }
  } else {
    const old = view.querySelector('.banner');
    const next = banner();
    if (old && next) old.replaceWith(next); else if (old) old.remove(); else if (next) view.querySelector('.grid').prepend(next);
    view.querySelector('.outside')?.replaceWith(outside() ?? '');
  }
  for (const card of cards.values()) {
    card.way = release.editions.find((way) => wayKey(way) === wayKey(card.way)) ?? card.way;
    dress(card);
    if (sent?.has(wayKey(card.way)) && card.stand.source) continue;
    card.wanted = null;
    if (card.seen) load(card);
  }
}

/** Forgets what is drawn; the next drawing begins anew. */
export function leaveGrid() { drawnFor = null; dismiss(); }

function dismiss() {
  for (const card of cards.values()) { watcher.unobserve(card.node); measure.unobserve(card.pane); stage.leave(card.stand); }
  cards.clear();
}

/** The ways of the cards that are near what is seen, those in view first, and how many of them are. */
export function waysInSight() {
  const near = [...cards.values()].filter((card) => card.seen);
  const height = innerHeight;
  const inView = new Set(near.filter((card) => { const { top, bottom } = card.node.getBoundingClientRect(); return bottom > 0 && top < height; }));
  return { near: [...near.filter((card) => inView.has(card)), ...near.filter((card) => !inView.has(card))].map((card) => card.way), seen: inView.size };
}

export function banner() {
  const { release } = state;
  if (release.stale) return h('p', { class: 'banner', role: 'alert' }, icon('alarm'), h('span', null, 'This is the last good version. The release has errors now, so it cannot be rendered or planned. They stand beside it.'));
  if (release.reason && ['held', 'killed'].includes(release.status)) return h('p', { class: 'banner quiet' }, icon('flag'), h('span', null, `${release.status === 'held' ? 'Held' : 'Killed'}: ${release.reason}`));
  return null;
}

function nothing() {
  const { release, person } = state;
  if (person) return h('div', { class: 'empty' }, icon('person', 36), h('h2', null, `${person.name} gets nothing of this`), h('p', null, 'Why stands below.'));
  if (release.broken) return h('div', { class: 'empty' }, icon('alarm', 36), h('h2', null, 'Nothing to show yet'), h('p', null, 'The release has errors. What they are stands beside it; as soon as they are mended, it appears here.'));
  return h('div', { class: 'empty' }, icon('list', 36), h('h2', null, 'No audience, no channel'), h('p', null, 'Name one in the release’s “audiences:”.'));
}

/** Why somebody does not get a release by other ways. */
function outside() {
  if (!state.person) return null;
  const others = state.person.answers.filter((answer) => !['gets', 'round-up', 'public'].includes(answer.outcome));
  if (!others.length && !state.person.suppressed) return null;
  return h('section', { class: 'outside' }, h('h2', null, 'Not by'),
    state.person.suppressed ? h('p', null, icon('flag'), `must not be contacted: ${state.person.suppressed}`) : null,
    h('ul', null, others.map((answer) => h('li', null, h('b', null, answer.audience_name), ' ', answer.words))));
}

function make(way) {
  const pane = h('div', { class: 'pane', 'data-wide': String(wide(way.kind)), inert: true });
  const card = { way, pane, stand: stage.place(pane), sha: null, wanted: null, seen: false, foot: h('p', { class: 'foot' }), marks: h('span', { class: 'marks' }) };
  card.button = h('button', { class: 'open', onclick: () => open(card.way) });
  card.node = h('article', { class: `card ${way.kind}`, 'data-way': wayKey(way) },
    h('div', { class: 'card-head' }, kindIcon(way.kind, 15), h('h3', null, card.button), card.marks), pane, card.foot);
  cards.set(wayKey(way), card);
  return card;
}

/** Names, times and marks of a card. */
function dress(card) {
  const { way } = card;
  const reach = reaches(way) ?? { due: way.due, local: null };
  const when = reach.due;
  const instant = when ? Date.parse(when.utc) : null;
  const there = instant !== null && instant <= seenAt();
  const secret = embargoed(state.release);
  redraw(card.button, [h('b', null, way.channel), h('span', { class: 'lang', title: languageName(way.language) }, way.language), h('span', { class: 'sr' }, `${way.audience_name}${way.advance ? ', advance copy' : ''}${way.round_up ? ', round-up' : ''}: open large`)]);
  redraw(card.marks, [
    way.round_up ? h('span', { class: 'chip', title: 'In a round-up' }, icon('list', 11), h('span', null, 'Round-up')) : null,
    secret ? h('span', { class: 'chip secret', title: way.advance ? 'Advance copy, under embargo' : 'Under embargo' }, icon('lock', 11), h('span', null, way.advance ? 'Advance' : 'Embargo')) : null,
  ]);
  card.node.classList.toggle('later', state.at !== null && instant !== null && !there);
  card.node.classList.toggle('stale', Boolean(state.release.stale));
  const meta = state.editions.get(wayKey(way));
  const line = meta?.mail ? h('span', { class: 'subject' }, meta.mail.subject)
    : meta?.social ? h('span', { class: meta.social.some((post) => post.length > post.limit) ? 'subject over' : 'subject' }, meta.social.map((post) => `${post.length}/${post.limit}`).join(' + '), meta.social.length > 1 ? ` in ${meta.social.length} posts` : '')
      : meta?.page ? h('span', { class: 'subject' }, meta.page.url.replace(/^https?:\/\//, ''))
        : h('span', { class: 'subject' }, meta?.title ?? ' ');
  const time = when ? h('time', { datetime: when.utc, title: reach.local ? `${reach.local.day}, ${reach.local.time} ${reach.local.zone} by their clock` : `${when.day}, ${when.time} ${when.zone}` },
    there ? icon('check', 12) : icon('clock', 12), shortDay(when), reach.local && reach.local.zone !== when.zone ? h('em', null, `${reach.local.time} ${reach.local.zone}`) : null, h('em', { class: state.at === null ? 'rel' : null }, state.at === null ? fromNow(instant, now()) : there ? 'has it' : 'not yet')) : h('span', { class: 'none' }, 'no time yet');
  redraw(card.foot, [line, time]);
}

const lookOfCards = () => ({ part: 'seen', room: state.look.room, images: state.look.images });
const wantedBy = (look) => JSON.stringify([state.version, look, state.who, state.notice]);

async function load(card) {
  const look = lookOfCards();
  const asked = wantedBy(look);
  if (card.wanted === asked) return;
  card.wanted = asked;
  let meta;
  try { meta = await ask(`/api/edition/${editionPath(card.way)}${editionQuery(card.way)}`); } catch (error) {
    if (card.wanted === asked) fail(card, error.message);
    return;
  }
  if (card.wanted !== asked || !cards.has(wayKey(card.way))) return;
  arrived(card, meta);
  const source = sourceOf(card, meta, look);
  if (card.sha === source) { done(card); return; }
  card.sha = source;
  stage.show(card.stand, source, { title: titleOf(card), dark: look.room !== 'light', done: () => done(card) });
}

const titleOf = ({ way }) => `${way.audience_name}, ${way.channel}, ${languageName(way.language)}`;

/** Where a card's edition would be loaded from. */
const sourceOf = (card, meta, look) => documentPath(card.way, `${meta.sha}${state.who ?? ''}`, look);

/** Notes what a card's edition is now. */
function arrived(card, meta) {
  card.node.classList.remove('failed');
  card.node.querySelector('.why')?.remove();
  state.editions.set(wayKey(card.way), meta);
  dress(card);
}

function fail(card, words) {
  // What was seen last stays; the error stands over it.
  card.node.classList.add('failed');
  card.node.querySelector('.why')?.remove();
  card.pane.after(h('p', { class: 'why', role: 'alert' }, icon('alarm', 14), words));
}

/** Takes an edition that the desk sent. */
export function feedCard(way, { edition, html, error, version }) {
  const card = cards.get(wayKey(way));
  if (!card) return;
  if (error) { fail(card, error); return; }
  const look = lookOfCards();
  const source = sourceOf(card, edition, look);
  // Whatever was asked for is older than this.
  card.wanted = wantedBy(look);
  const before = card.sha;
  card.sha = source;
  // What stands around it is drawn with it: a frame of its own would hold up the one that matters.
  const ready = () => { arrived(card, edition); done(card); };
  const reload = () => stage.show(card.stand, source, { title: titleOf(card), dark: look.room !== 'light', done: ready });
  if (before === null) reload(); else stage.put(card.stand, html, version, source, { done: ready, again: reload });
}

/** All that the desk sends of these ways has been sent: what was not is as it was. */
export function settleCards(ways) {
  for (const way of ways) {
    const card = cards.get(wayKey(way));
    // One that has only just been made is still to ask for what it shows.
    if (!card || card.sha === null) continue;
    card.wanted = wantedBy(lookOfCards());
    if (card.stand.frame && !card.stand.coming && !card.stand.put) done(card);
  }
}

/** Says in the page which version a card shows, for those who wait for it. */
function done(card) { card.node.dataset.shown = String(state.version); }
