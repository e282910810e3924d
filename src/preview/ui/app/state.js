// What is known, and what is looked at; the address keeps the place.

const state = {
  newsroom: null,
  rows: new Map(),
  general: [0, 0],
  version: 0,
  release: null,
  edition: null,
  problem: null,
  query: '',
  filter: 'all',
  at: { slug: null, audience: null, channel: null, language: null, advance: false, notice: null },
  look: { width: 'desktop', dark: false, part: 'html' },
};

const store = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* private windows have none */ } },
};

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: 'application/json' } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.error || `the preview answered ${answer.status}`), { status: answer.status });
  return body;
}

const part = (text) => encodeURIComponent(text);
function wayPath() {
  const { slug, audience, channel, language } = state.at;
  return [slug, audience, channel, language].map(part).join('/');
}
function wayQuery(extra = {}) {
  const query = new URLSearchParams(extra);
  if (state.at.advance) query.set('advance', 'true');
  if (state.at.notice) query.set('notice', state.at.notice);
  const text = query.toString();
  return text ? `?${text}` : '';
}

function remember() {
  const { slug, audience, channel, language, advance, notice } = state.at;
  const words = [slug ?? '', audience, channel, language].filter((word) => word !== null).map(part);
  if (advance) words.push('~advance');
  if (notice) words.push(`~${part(notice)}`);
  const { width, dark, part: shown } = state.look;
  const options = [width !== 'desktop' && width, dark && 'dark', shown !== 'html' && shown].filter(Boolean).join('+');
  const hash = `#/${words.join('/')}${options ? `?${options}` : ''}`;
  if (location.hash !== hash) history.replaceState(null, '', hash);
}
function recall() {
  const [path, options = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const words = path.split('/').filter((word, at) => word || at === 0).map((word) => { try { return decodeURIComponent(word); } catch { return word; } });
  const marks = words.filter((word) => word.startsWith('~')).map((word) => word.slice(1));
  const [slug = null, audience = null, channel = null, language = null] = words.filter((word) => !word.startsWith('~'));
  state.at = { slug: slug || null, audience, channel, language, advance: marks.includes('advance'), notice: marks.find((mark) => mark !== 'advance') || null };
  const set = options.split('+');
  state.look = { width: set.includes('phone') ? 'phone' : 'desktop', dark: set.includes('dark'), part: ['text', 'headers'].find((name) => set.includes(name)) || 'html' };
}
