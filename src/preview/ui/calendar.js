// The calendar: a month of releases.

import { $, h, icon, redraw } from './dom.js';
import { state } from './store.js';
import { badges } from './rail.js';
import { STATUS, embargoed, now, shortDay, zone } from './words.js';

/** Another month than the present one. */
let shown = null;

/** The day on the newsroom's clock, as `2026-12-01`. */
const local = (instant) => new Intl.DateTimeFormat('en-CA', { timeZone: zone(), year: 'numeric', month: '2-digit', day: '2-digit' }).format(instant);

/** The month that is shown, as `2026-12`. */
const monthShown = () => shown ?? local(now()).slice(0, 7);

function turn(by) {
  const [year, number] = monthShown().split('-').map(Number);
  shown = new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7);
  drawCalendar();
}

export function drawCalendar() {
  const today = local(now());
  const month = monthShown();
  const [year, number] = month.split('-').map(Number);
  const byDay = new Map();
  for (const row of state.rows.values()) {
    if (!row.publish) continue;
    const day = local(Date.parse(row.publish.utc));
    if (!byDay.has(day)) byDay.set(day, []);
    byDay.get(day).push(row);
  }
  const listed = (row, ...more) => h('a', { class: `due ${row.status}`, href: `#/${encodeURIComponent(row.slug)}`, title: `${STATUS[row.status]}: ${row.title}` }, ...more, h('span', { class: 'what' }, row.title));
  const first = new Date(Date.UTC(year, number - 1, 1));
  const start = Date.UTC(year, number - 1, 1 - ((first.getUTCDay() + 6) % 7));
  const weeks = [];
  const inSight = [];
  for (let week = 0; week < 6; week += 1) {
    const days = [];
    const found = [];
    for (let day = 0; day < 7; day += 1) {
      const date = new Date(start + (week * 7 + day) * 86400000).toISOString().slice(0, 10);
      const rows = (byDay.get(date) ?? []).sort((a, b) => a.publish.utc.localeCompare(b.publish.utc));
      found.push(...rows);
      days.push(h('td', { class: [date.startsWith(month) ? '' : 'other', date === today ? 'today' : ''].join(' ').trim() || null, 'aria-current': date === today ? 'date' : null },
        h('span', { class: 'd' }, String(Number(date.slice(8)))),
        rows.map((row) => listed(row, h('span', { class: 'when' }, row.publish.time, embargoed(row) ? icon('lock', 11) : null, badges(row))))));
    }
    if (week > 3 && !days.some((day) => !day.classList.contains('other'))) break;
    weeks.push(h('tr', null, days));
    inSight.push(...found);
  }
  const name = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(first);
  const undated = [...state.rows.values()].filter((row) => !row.publish);
  $('head').replaceChildren();
  $('bar').replaceChildren();
  redraw($('view'), [h('div', { class: 'month scroll' },
    h('div', { class: 'month-head' }, h('h1', null, name),
      h('button', { class: 'icon-button before', 'aria-label': 'The month before', onclick: () => turn(-1) }, icon('back')),
      h('button', { class: 'quiet-button', onclick: () => { shown = null; drawCalendar(); } }, 'Today'),
      h('button', { class: 'icon-button after', 'aria-label': 'The month after', onclick: () => turn(1) }, icon('next'))),
    h('table', null, h('caption', { class: 'sr' }, `Releases in ${name}, times in ${zone()}`),
      h('thead', null, h('tr', null, ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'].map((day) => h('th', { scope: 'col' }, h('span', { class: 'long' }, day), h('span', { class: 'short', 'aria-hidden': 'true' }, day.slice(0, 1)))))),
      h('tbody', null, weeks)),
    // Where days are too narrow for words, they stand below.
    inSight.length ? h('section', { class: 'agenda' }, inSight.map((row) => listed(row, h('span', { class: 'when' }, shortDay(row.publish), embargoed(row) ? icon('lock', 11) : null, badges(row))))) : null,
    undated.length ? h('section', { class: 'undated' }, h('h2', null, 'Without a date'), undated.map((row) => listed(row))) : null)]);
}
