// Left: the releases.

import { $, h, icon } from './dom.js';
import { state } from './store.js';
import { STATUS, embargoed, fromNow, lifts, now, plural, shortDay, zone } from './words.js';

const FILTERS = [
  ['all', 'All', () => true],
  ['upcoming', 'Upcoming', (row) => row.publish && Date.parse(row.publish.utc) >= now() && row.status !== 'killed'],
  ['drafts', 'Drafts', (row) => row.status === 'draft'],
  ['problems', 'To mend', (row) => row.errors + row.warnings > 0],
];

function matches(row) {
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = [row.title, row.slug, row.status, row.publish?.day, ...row.tags, ...row.audiences, ...row.languages].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The releases that are listed, under headings. */
export function groups() {
  const present = now();
  const keep = FILTERS.find(([key]) => key === state.filter)[2];
  const rows = [...state.rows.values()].filter((row) => keep(row) && matches(row));
  const time = (row) => Date.parse(row.publish.utc);
  const undated = rows.filter((row) => !row.publish).sort((a, b) => a.slug.localeCompare(b.slug));
  const dated = rows.filter((row) => row.publish);
  const upcoming = dated.filter((row) => time(row) >= present).sort((a, b) => time(a) - time(b) || a.slug.localeCompare(b.slug));
  const past = dated.filter((row) => time(row) < present).sort((a, b) => time(b) - time(a) || a.slug.localeCompare(b.slug));
  const found = [];
  if (undated.length) found.push(['Without a date', undated]);
  if (upcoming.length) found.push(['Upcoming', upcoming]);
  const month = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: zone() });
  for (const row of past) {
    const name = month.format(time(row));
    if (found.at(-1)?.[0] !== name) found.push([name, []]);
    found.at(-1)[1].push(row);
  }
  return found;
}

export function badges({ errors, warnings }) {
  return [
    errors ? h('span', { class: 'count error', title: plural(errors, 'error') }, String(errors), h('span', { class: 'sr' }, errors === 1 ? ' error' : ' errors')) : null,
    warnings ? h('span', { class: 'count warning', title: plural(warnings, 'warning') }, String(warnings), h('span', { class: 'sr' }, warnings === 1 ? ' warning' : ' warnings')) : null,
  ];
}
export const pill = (row) => h('span', { class: `pill ${row.status}` }, STATUS[row.status]);

function item(row) {
  const secret = embargoed(row);
  const lifting = lifts(row);
  return h('a', { class: 'item', href: `#/${encodeURIComponent(row.slug)}`, 'data-slug': row.slug, 'aria-current': row.slug === state.slug && state.view !== 'calendar' ? 'page' : null },
    h('span', { class: 't' }, row.title),
    h('span', { class: 'm' },
      row.publish ? h('time', { datetime: row.publish.utc }, shortDay(row.publish)) : h('span', null, 'no date'),
      row.languages.length > 1 ? h('span', { class: 'langs' }, row.languages.join(' · ')) : null,
      h('span', { class: 'grow' }),
      secret ? h('span', { class: 'secret', title: lifting ? `Under embargo, lifts ${fromNow(lifting)}` : 'Not public' }, icon('lock', 13), h('span', { class: 'sr' }, 'under embargo')) : null,
      row.status !== 'approved' ? pill(row) : null,
      badges(row)));
}

const drawn = new Map();
/** What says where a row stands in the list, and whether it does. */
const place = (row) => `${row.publish?.utc} ${FILTERS.find(([key]) => key === state.filter)[2](row) && matches(row)}`;
/** So many rows stand in one list; the browser draws the lists that are near what is seen. */
const TOGETHER = 40;

function together(title, items) {
  const list = h('ul', { 'aria-label': title }, items);
  list.style.containIntrinsicSize = `auto ${items.length * 66}px`;
  return list;
}

export function drawList() {
  const list = $('list');
  const scroll = list.scrollTop;
  drawn.clear();
  const nodes = [];
  for (const [title, rows] of groups()) {
    nodes.push(h('h2', null, title));
    const items = rows.map((row) => { const node = item(row); drawn.set(row.slug, [node, place(row)]); return h('li', null, node); });
    for (let at = 0; at < items.length; at += TOGETHER) nodes.push(together(title, items.slice(at, at + TOGETHER)));
  }
  if (!nodes.length) nodes.push(h('p', { class: 'none' }, state.rows.size ? 'No release matches.' : 'No releases yet. Start one with “dateline new”.'));
  list.replaceChildren(...nodes);
  list.scrollTop = scroll;
  drawFilters();
}

/** Draws rows that changed, each in its place; the whole list only where a place changed. */
export function drawRows(rows, fresh) {
  if (rows.some((row) => { const is = place(row); return (drawn.get(row.slug)?.[1] ?? is.replace('true', 'false')) !== is; })) drawList();
  else for (const row of rows) {
    const node = item(row);
    const old = drawn.get(row.slug)?.[0];
    // It is filtered out, and was before.
    if (!old) continue;
    const focused = document.activeElement === old;
    old.replaceWith(node);
    if (focused) node.focus({ preventScroll: true });
    drawn.set(row.slug, [node, place(row)]);
  }
  for (const slug of fresh) {
    const node = drawn.get(slug)?.[0];
    node?.classList.add('fresh');
    setTimeout(() => node?.classList.remove('fresh'), 1200);
  }
  drawFilters();
}

function drawFilters() {
  const all = [...state.rows.values()];
  const focused = document.activeElement?.closest('#filters') ? document.activeElement.dataset.key : null;
  $('filters').replaceChildren(...FILTERS.map(([key, name, keep]) => h('button', {
    'aria-pressed': String(state.filter === key), 'data-key': key, onclick: () => { state.filter = key; drawList(); },
  }, name, ' ', h('span', { class: 'n' }, String(all.filter(keep).length)))));
  if (focused) $('filters').querySelector(`[data-key="${focused}"]`)?.focus();
  const [errors, warnings] = state.general;
  $('general').hidden = errors + warnings === 0;
  $('general').replaceChildren(icon('flag'), h('span', null, 'Settings and templates'), ...badges({ errors, warnings }).filter(Boolean));
  $('calendar').replaceChildren(icon('calendar'), h('span', null, 'Calendar'));
  if (state.view === 'calendar') $('calendar').setAttribute('aria-current', 'page'); else $('calendar').removeAttribute('aria-current');
}

/** Marks the release that is open. */
export function mark() {
  for (const node of $('list').querySelectorAll('[aria-current]')) node.removeAttribute('aria-current');
  if (state.view !== 'calendar') drawn.get(state.slug)?.[0].setAttribute('aria-current', 'page');
  if (state.view === 'calendar') $('calendar').setAttribute('aria-current', 'page'); else $('calendar').removeAttribute('aria-current');
}
export function reveal(how = 'nearest') { drawn.get(state.slug)?.[0].scrollIntoView({ block: how }); }

export function drawBrand() {
  const { newsroom } = state;
  $('newsroom').textContent = newsroom.name || 'Newsroom';
  document.title = `${newsroom.name || 'Newsroom'} · Dateline preview`;
  $('mark').replaceChildren(h('img', { src: newsroom.has_logo ? '/logo' : '/icon.svg', alt: '', class: newsroom.has_logo ? '' : 'plain' }));
}
