// The news from the desk.

import { $, say, toast } from './dom.js';
import { ask, state } from './store.js';
import { refresh } from './moves.js';
import { drawBrand, drawList, drawRows, groups, reveal } from './rail.js';
import { drawSide } from './side.js';

function live(word, kind) {
  const node = $('live');
  node.textContent = word;
  node.className = `live ${kind}`;
}

/** Asks for the whole newsroom. */
export async function everything() {
  const newsroom = await ask('/api/newsroom');
  state.newsroom = newsroom;
  state.drift = Math.abs(Date.parse(newsroom.now) - Date.now()) > 60000 ? Date.parse(newsroom.now) - Date.now() : 0;
  state.version = newsroom.version;
  state.general = newsroom.general;
  state.rows = new Map(newsroom.releases.map((row) => [row.slug, row]));
  drawBrand();
  drawList();
  if (state.slug === null || !state.rows.has(state.slug)) {
    const first = groups().find(([title]) => title === 'Upcoming')?.[1][0] ?? groups()[0]?.[1][0];
    state.slug = first?.slug ?? null;
  }
  await refresh();
  reveal('center');
}

const told = (error) => toast(error.message);

export function follow() {
  const news = new EventSource('/api/events');
  news.addEventListener('hello', (event) => {
    live('live', 'on');
    if (state.newsroom && JSON.parse(event.data).version !== state.version) everything().catch(told);
  });
  news.addEventListener('reset', () => everything().catch(told));
  news.addEventListener('change', (event) => {
    const change = JSON.parse(event.data);
    state.version = change.version;
    state.general = change.general;
    // What is looked at comes first, the list after it.
    const { slug } = state;
    const mine = slug !== null && (change.touched.includes(slug) || change.rows.some((row) => row.slug === slug) || change.removed.includes(slug));
    for (const gone of change.removed) state.rows.delete(gone);
    for (const row of change.rows) state.rows.set(row.slug, row);
    if (change.all) { everything().catch(told); return; }
    if (mine || state.view === 'calendar') refresh(); else document.body.dataset.shown = String(state.version);
    if (change.removed.length) drawList(); else drawRows(change.rows, change.touched);
    const node = $('live');
    node.className = 'live on';
    void node.offsetWidth;
    node.className = 'live on pulse';
    if (mine) say('The release was saved and is shown anew.');
    if (state.generalFindings) showGeneral().catch(told);
  });
  news.addEventListener('error', () => live(news.readyState === EventSource.CLOSED ? 'ended; open the new address' : 'not connected', 'off'));
}

export function ended(error) { live('ended; open the new address', 'off'); toast(error.message); }

export async function showGeneral() {
  state.generalFindings = await ask('/api/findings');
  drawSide();
}
