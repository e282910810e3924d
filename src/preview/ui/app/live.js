// The news from the desk, and the start.

function live(word, kind) {
  const node = $('live');
  node.textContent = word;
  node.className = `live ${kind}`;
}

async function everything() {
  const newsroom = await ask('/api/newsroom');
  state.newsroom = newsroom;
  state.version = newsroom.version;
  state.general = newsroom.general;
  state.rows = new Map(newsroom.releases.map((row) => [row.slug, row]));
  drawBrand();
  drawList();
  if (state.at.slug === null || !state.rows.has(state.at.slug)) {
    const first = groups().find(([title]) => title === 'Upcoming')?.[1][0] ?? groups()[0]?.[1][0];
    state.at.slug = first?.slug ?? null;
  }
  await refresh();
  document.getElementById(`item-${state.at.slug}`)?.scrollIntoView({ block: 'center' });
}

function follow() {
  const news = new EventSource('/api/events');
  news.addEventListener('hello', (event) => {
    live('live', 'on');
    if (state.newsroom && JSON.parse(event.data).version !== state.version) everything().catch((error) => toast(error.message));
  });
  news.addEventListener('reset', () => everything().catch((error) => toast(error.message)));
  news.addEventListener('change', (event) => {
    const change = JSON.parse(event.data);
    state.version = change.version;
    state.general = change.general;
    for (const slug of change.removed) state.rows.delete(slug);
    for (const row of change.rows) state.rows.set(row.slug, row);
    drawList(new Set(change.touched));
    const node = $('live');
    node.className = 'live on';
    void node.offsetWidth;
    node.className = 'live on pulse';
    if (change.all) { everything().catch((error) => toast(error.message)); return; }
    const { slug } = state.at;
    if (slug === null || change.removed.includes(slug) || change.touched.includes(slug) || change.rows.some((row) => row.slug === slug)) refresh();
    else document.body.dataset.shown = String(state.version);
    if (state.generalFindings) showGeneral();
  });
  news.addEventListener('error', () => live(news.readyState === EventSource.CLOSED ? 'ended; open the new address' : 'not connected', 'off'));
}

async function showGeneral() {
  state.generalFindings = await ask('/api/findings');
  drawSide();
}

$('search-icon').append(icon('search'));
$('search').addEventListener('input', (event) => { state.query = event.target.value; drawList(); });
$('theme').addEventListener('click', () => { const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'; store.set('dateline-theme', next); theme(next); });
$('general').addEventListener('click', () => { showGeneral().catch((error) => toast(error.message)); pane('side'); });
$('help').addEventListener('click', (event) => { if (event.target === $('help')) $('help').close(); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (!store.get('dateline-theme')) theme(); });
addEventListener('hashchange', () => { recall(); refresh(); });
setInterval(() => { if (!document.hidden && state.release) drawSide(); }, 60000);

theme(store.get('dateline-theme'));
recall();
everything().then(follow).catch((error) => { live('ended; open the new address', 'off'); toast(error.message); });
