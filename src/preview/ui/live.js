// The news from the desk.
//
// The desk is told what is looked at, and sends that with the news of a save: nothing has to be asked for. What is looked at
// comes first; the list, the findings and the plan follow when it has been drawn.

import { $, say, toast } from './dom.js';
import { ask, onLook, state, wantedOf, wayKey } from './store.js';
import { feedCard, settleCards, waysInSight } from './grid.js';
import { key } from './keys.js';
import { feedLarge, settleLarge } from './large.js';
import { askPlan, refresh, take } from './moves.js';
import { drawBrand, drawList, drawRows, groups, reveal } from './rail.js';
import { drawSide } from './side.js';
import * as stage from './stage.js';

/** The desk is told of another look when it has lasted so long. */
const LASTING = 150;
/** What is not looked at is drawn so long after what is. */
const AFTERWARDS = 120;
/** The plan is asked for when nothing was saved for so long. */
const CALM = 400;

function live(word, kind) {
  const node = $('live');
  node.textContent = word;
  node.className = `live ${kind}`;
}

const told = (error) => toast(error.message);

/** Asks for the whole newsroom. */
export async function everything() {
  const newsroom = await ask('/api/newsroom');
  state.newsroom = newsroom;
  state.drift = Math.abs(Date.parse(newsroom.now) - Date.now()) > 60000 ? Date.parse(newsroom.now) - Date.now() : 0;
  state.version = newsroom.version;
  state.general = newsroom.general;
  state.rows = new Map(newsroom.releases.map((row) => [row.slug, row]));
  stage.hire((said) => { if (said.key) key(said.key); if (said.link) toast(`Links rest in the preview: ${said.link}`); });
  drawBrand();
  drawList();
  if (state.slug === null || !state.rows.has(state.slug)) {
    const first = groups().find(([title]) => title === 'Upcoming')?.[1][0] ?? groups()[0]?.[1][0];
    state.slug = first?.slug ?? null;
  }
  await refresh();
  reveal('center');
}

/** What is looked at, in words that are the same as long as it is. */
function sight() {
  const { view, slug, way, look, notice, who } = state;
  if (!['grid', 'large'].includes(view) || slug === null || !state.release) return null;
  return JSON.stringify([view, slug, notice, who, look.room, look.images, view === 'large' ? [wayKey(way), look.part] : null]);
}

/** What the desk is to send after a save. */
function open() {
  if (sight() === null) return null;
  const large = state.view === 'large';
  const pick = ({ audience, channel, language, advance }) => ({ audience, channel, language, advance });
  const { near, seen } = large ? { near: state.way.audience === null ? [] : [state.way], seen: 1 } : waysInSight();
  return { slug: state.slug, ways: near.map(pick), seen, wanted: wantedOf(large ? state.look : { ...state.look, part: 'seen' }) };
}

/** The stream that is listened to: { source, open, text, sight, version }; the one that will take its place; whether it is sending. */
let current = null;
let next = null;
let sending = false;
let lost = false;

export function follow() {
  listen();
  onLook(() => {
    clearTimeout(timer);
    timer = setTimeout(() => { if (JSON.stringify(open()) !== (next ?? current).text) listen(); }, LASTING);
  });
}
let timer;

function listen() {
  const what = open();
  const text = JSON.stringify(what);
  next?.source.close();
  const source = new EventSource(`/api/events${what ? `?open=${encodeURIComponent(text)}` : ''}`);
  const stream = { source, open: what, text, sight: sight(), version: 0, ways: new Set(what?.ways.map(wayKey)) };
  next = stream;
  const on = (name, handle) => source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  on('hello', ({ version }) => {
    live('live', 'on');
    stream.version = version;
    if (stream === next && !sending) adopt();
    else if (stream === current) missed(lost);
  });
  on('reset', () => { if (stream === current) { sending = false; everything().catch(told); } });
  on('change', (change) => { stream.version = change.version; if (stream === current) changed(change); });
  const mine = ({ version }) => stream === current && version >= state.version && stream.sight === sight();
  on('editions', ({ version, editions }) => {
    const feed = () => {
      if (version < state.version || stream.sight !== sight()) return;
      for (const news of editions) (state.view === 'large' ? feedLarge : feedCard)(what.ways[news.at], { ...news, version });
    };
    if (!mine({ version })) return;
    if (editions[0].at >= what.seen) { afterFrame(feed); return; }
    document.body.dataset.told = String(version);
    feed();
  });
  // What stands around the editions must not hold up the frame that shows them.
  on('release', (news) => { stream.release = news; });
  on('settled', (news) => {
    if (stream !== current) return;
    sending = false;
    const { release } = stream;
    stream.release = null;
    if (mine(news)) {
      if (state.view === 'large') settleLarge(); else settleCards(what.ways);
      if (release) afterFrame(() => { if (news.version >= state.version && stream.sight === sight()) take(release.release, stream.ways); });
    }
    if (next) adopt();
  });
  source.addEventListener('error', () => { if (stream === current) { lost ||= sending; sending = false; live(source.readyState === EventSource.CLOSED ? 'ended; open the new address' : 'not connected', 'off'); } });
}

/** Does something when the frame that is due has been made; at once where none is, in a tab behind others. */
function afterFrame(run) { if (document.hidden) run(); else requestAnimationFrame(() => setTimeout(run)); }

/** From now on the newer stream is listened to. */
function adopt() {
  if (next.version === 0) return;
  current?.source.close();
  current = next;
  next = null;
  // For those who wait for it: what is saved from now on is put into what is seen.
  document.body.dataset.followed = current.sight ?? '';
  missed();
}

/** Asks for what was told while nobody listened. */
function missed(more = false) { lost = false; if (more || current.version !== state.version) everything().catch(told); }

function changed(change) {
  if (change.version <= state.version) return;
  state.version = change.version;
  state.general = change.general;
  const { slug } = state;
  const mine = slug !== null && (change.touched.includes(slug) || change.rows.some((row) => row.slug === slug) || change.removed.includes(slug));
  for (const gone of change.removed) state.rows.delete(gone);
  for (const row of change.rows) state.rows.set(row.slug, row);
  if (change.all) { everything().catch(told); return; }
  // Where something else is looked at than the desk knows of, it is asked for.
  sending = current.open !== null;
  if (current.sight === null || current.sight !== sight() || change.removed.includes(slug)) {
    if (mine || state.view === 'calendar') refresh(); else document.body.dataset.shown = String(state.version);
  }
  later(change, mine);
}

let waiting = null;

/** Draws what is not looked at, some frames later. */
function later(change, mine) {
  if (!waiting) {
    waiting = { rows: new Map(), touched: new Set(), removed: false, mine: false };
    setTimeout(() => {
      const { rows, touched, removed, mine: open } = waiting;
      waiting = null;
      if (removed) drawList(); else drawRows([...rows.values()].filter((row) => state.rows.has(row.slug)), touched);
      if (state.view !== 'calendar') drawSide();
      if (open) say('The release was saved and is shown anew.');
      pulse();
      if (state.generalFindings) showGeneral().catch(told);
    }, AFTERWARDS);
  }
  for (const row of change.rows) waiting.rows.set(row.slug, row);
  for (const slug of change.touched) waiting.touched.add(slug);
  waiting.removed ||= change.removed.length > 0;
  if (mine) {
    waiting.mine = true;
    clearTimeout(planning);
    planning = setTimeout(() => { if (state.slug !== null && state.view !== 'calendar') askPlan(); }, CALM);
  }
}
let planning;

/** A ring around the mark that says “live”. It does not move: that would be a frame each sixtieth of a second, of a page that
 *  has other things to do. */
function pulse() {
  const { classList } = $('live');
  classList.add('pulse');
  clearTimeout(pulsing);
  pulsing = setTimeout(() => classList.remove('pulse'), 600);
}
let pulsing;

export function ended(error) { live('ended; open the new address', 'off'); toast(error.message); }

export async function showGeneral() {
  state.generalFindings = await ask('/api/findings');
  drawSide();
}
