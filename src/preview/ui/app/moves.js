// Going about: another release, another edition, another pane.

let turn = 0;
async function refresh({ release = true } = {}) {
  const mine = ++turn;
  const { slug } = state.at;
  if (slug === null) { state.release = null; state.edition = null; state.problem = null; draw(); return; }
  if (release) {
    let found;
    try { found = await ask(`/api/release/${part(slug)}`); } catch (error) { if (mine !== turn) return; found = null; if (error.status !== 404) toast(error.message); }
    if (mine !== turn) return;
    state.release = found;
  }
  if (!state.release) { state.at.slug = null; draw(); return; }
  settle();
  state.problem = null;
  let edition = null;
  if (state.at.audience !== null) {
    try { edition = await ask(`/api/edition/${wayPath()}${wayQuery()}`); } catch (error) { if (mine !== turn) return; state.problem = error.message; }
    if (mine !== turn) return;
  }
  state.edition = edition;
  draw();
}
function draw() { remember(); drawHead(); drawStage(); drawSide(); mark(); }
function mark() {
  for (const item of $('list').querySelectorAll('.item')) item.setAttribute('aria-selected', String(item.dataset.slug === state.at.slug));
}
function open(slug) {
  if (slug === state.at.slug && !state.generalFindings) return;
  state.generalFindings = null;
  state.at = { ...state.at, slug, notice: null };
  mark();
  refresh();
  document.getElementById(`item-${slug}`)?.scrollIntoView({ block: 'nearest' });
}
function go(change) { Object.assign(state.at, change); settle(); refresh({ release: false }); }
function see(change) { Object.assign(state.look, change); draw(); }
function pane(to) { document.body.dataset.pane = to; drawSide(); }

let toastTimer;
function toast(words) {
  const box = $('toast');
  box.textContent = words;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, 3200);
}
async function copy(text) {
  try { await navigator.clipboard.writeText(text); toast(`Copied ${text}`); } catch { toast(text); }
}

function theme(value) {
  const dark = value ? value === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  $('theme').replaceChildren(icon(dark ? 'sun' : 'moon'));
}
