// Going about: another release, another edition, another reader, another pane.

import { $, h, icon, toast } from './dom.js';
import { ask, lookChanged, recall, remember, sameWay, state } from './store.js';
import { drawCalendar } from './calendar.js';
import { drawCompare, leaveCompare } from './compare.js';
import { drawGrid, leaveGrid } from './grid.js';
import { drawEmbargo, drawHead } from './head.js';
import { drawAround, drawLarge, leaveLarge, settle } from './large.js';
import { askPerson } from './person.js';
import { mark, reveal } from './rail.js';
import { drawPanes, drawSide } from './side.js';

let turn = 0;

/** Asks anew for what is looked at and draws it. What cannot be had now leaves what was seen last. */
export async function refresh({ release = true } = {}) {
  const mine = ++turn;
  if (state.view === 'calendar' || state.slug === null) { draw(); return; }
  // Cards that come meanwhile are of the instant that is looked at now, and so is this.
  drawEmbargo();
  if (release) {
    let found;
    try { found = await ask(`/api/release/${encodeURIComponent(state.slug)}`); } catch (error) {
      if (mine !== turn) return;
      if (error.status === 404) found = null; else { toast(error.message); return; }
    }
    if (mine !== turn) return;
    if (state.release?.slug !== found?.slug) { state.editions.clear(); state.plan = null; }
    state.release = found;
  }
  if (!state.release) { state.slug = null; draw(); return; }
  settle();
  if (state.who && (release || !state.person || state.person.at !== state.at)) {
    await askPerson();
    if (mine !== turn) return;
  }
  draw();
  if (release) askPlan();
}

/** Takes the release as the desk sent it after a save; the editions of the ways that are `sent` come by themselves. */
export async function take(release, sent) {
  if (!release || release.slug !== state.slug) { refresh(); return; }
  turn += 1;
  const mine = turn;
  const was = state.release;
  state.release = release;
  if (was && sameWords(was, release)) return;
  const { way, notice } = state;
  settle();
  // Something else is looked at now, because what was is gone.
  if (!sameWay(way, state.way) || notice !== state.notice) { refresh({ release: false }); return; }
  drawHead();
  if (state.view === 'large') drawAround(); else drawGrid(sent);
  if (state.who) {
    await askPerson();
    if (mine === turn) draw();
  }
}
const sameWords = (a, b) => JSON.stringify({ ...a, version: 0 }) === JSON.stringify({ ...b, version: 0 });

/** The plan is made of the whole newsroom, so it comes after what is looked at. */
export async function askPlan() {
  const { slug, version } = state;
  try {
    const plan = await ask(`/api/plan/${encodeURIComponent(slug)}`);
    if (state.slug !== slug || version !== state.version) return;
    state.plan = plan;
    drawSide();
  } catch (error) { toast(error.message); }
}

export function draw() {
  remember();
  mark();
  if (state.view !== 'grid' || !state.release) leaveGrid();
  if (state.view !== 'large' || !state.release) leaveLarge();
  if (state.view !== 'compare' || !state.release) leaveCompare();
  document.body.dataset.view = state.view;
  if (state.view === 'calendar') drawCalendar();
  else {
    drawHead();
    if (!state.release) $('view').replaceChildren(h('div', { class: 'empty' }, icon('eye', 36), h('h2', null, 'Choose a release'), h('p', null, 'Every audience, channel and language of it is shown here, as its readers will see it.')));
    else if (state.view === 'large') drawLarge();
    else if (state.view === 'compare') drawCompare();
    else drawGrid();
  }
  drawSide();
  drawPanes();
  lookChanged();
}

/** Opens a release. */
export function showRelease(slug) {
  state.generalFindings = null;
  if (state.view === 'calendar') state.view = 'grid';
  if (slug !== state.slug) { state.slug = slug; state.notice = null; if (state.view === 'compare') state.view = 'large'; state.with = null; }
  refresh();
  reveal();
}
/** Opens one edition, large. */
export function open(way) {
  const { audience, channel, language, advance } = way;
  state.way = { audience, channel, language, advance };
  state.view = 'large';
  state.look.part = 'seen';
  draw();
  $('view').focus({ preventScroll: true });
}
/** Another audience, channel, language. */
export function go(change) { Object.assign(state.way, change); settle(); draw(); }

/** Another way of looking: part, room, width, images; view, who, at, notice, with. */
export function see(change) {
  const from = state.view;
  if ('who' in change) state.person = null;
  for (const [name, value] of Object.entries(change)) {
    if (['part', 'room', 'width', 'images'].includes(name)) state.look[name] = value; else state[name] = value;
  }
  if (state.view !== 'grid' && state.view !== 'calendar') settle();
  if ('who' in change || ('at' in change && state.who)) { refresh({ release: false }); return; }
  if (from === 'calendar' && state.slug !== null && !state.release) { refresh(); return; }
  draw();
  if (from !== state.view) $('view').focus({ preventScroll: true });
}

export function pane(to, focus = false) {
  document.body.dataset.pane = to;
  drawPanes();
  if (focus) $(to === 'side' ? 'side' : 'view').focus({ preventScroll: true });
}

addEventListener('hashchange', () => { const { slug } = state; recall(); state.generalFindings = null; refresh({ release: slug !== state.slug || !state.release }); pane('main'); });
