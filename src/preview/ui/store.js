// What is known, and what is looked at; the address keeps the place.

export const state = {
  newsroom: null,
  drift: 0,
  rows: new Map(),
  general: [0, 0],
  version: 0,
  query: '',
  filter: 'all',
  generalFindings: null,
  /** The release that is open, as the desk describes it, and its plan. */
  release: null,
  plan: null,
  /** Editions of the open release by way, as they were last described. */
  editions: new Map(),
  /** `grid`, `large`, `compare` or `calendar`. */
  view: 'grid',
  slug: null,
  way: { audience: null, channel: null, language: null, advance: false },
  notice: null,
  look: { width: 'desktop', room: 'light', part: 'seen', images: true },
  /** Who looks (`id:12` or fields of somebody made up), and what the desk says of them. */
  who: null,
  person: null,
  /** The instant that is looked at; nothing for the present. */
  at: null,
  with: null,
};

export const store = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* private windows have none */ } },
};

/** Asks the desk. */
export async function ask(path) {
  const answer = await fetch(path, { headers: { accept: 'application/json' } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.error || `the preview answered ${answer.status}`), { status: answer.status });
  return body;
}

const part = (text) => encodeURIComponent(text);
export const wayKey = (way) => `${way.audience}/${way.channel}/${way.language}${way.advance ? '~advance' : ''}`;
export const sameWay = (a, b) => wayKey(a) === wayKey(b);

/** Path and query of an edition. */
export function editionPath(way) { return [state.slug, way.audience, way.channel, way.language].map(part).join('/'); }
export function editionQuery(way, extra = {}) {
  const query = new URLSearchParams(extra);
  if (way.advance) query.set('advance', 'true');
  if (state.notice) query.set('notice', state.notice);
  if (state.who) query.set('who', state.who);
  const text = query.toString();
  return text ? `?${text}` : '';
}
/** The document of an edition on the stage. `stamp` makes it another address when it is another edition. */
export function documentPath(way, stamp, look) {
  const extra = { v: stamp };
  if (look.part !== 'seen') extra.part = look.part;
  if (look.room !== 'light') extra.room = look.room;
  if (!look.images) extra.images = 'off';
  return `/edition/${editionPath(way)}/${editionQuery(way, extra)}`;
}

/** How editions are looked at, as the desk is told. */
export function wantedOf({ part, room, images }) {
  const wanted = {};
  if (part !== 'seen') wanted.part = part;
  if (room !== 'light') wanted.room = room;
  if (!images) wanted.images = 'off';
  if (state.notice) wanted.notice = state.notice;
  if (state.who) wanted.who = state.who;
  return wanted;
}

/** Writes the place into the address. */
export function remember() {
  const { view, slug, way, look } = state;
  let path = '';
  if (view === 'calendar') path = '~calendar';
  else if (slug !== null) {
    path = part(slug);
    if (view !== 'grid' && way.audience !== null) path += `/${[way.audience, way.channel, way.language].map(part).join('/')}`;
  }
  const query = new URLSearchParams();
  if (view !== 'grid' && way.advance) query.set('advance', 'yes');
  if (view === 'compare') query.set('compare', state.with ?? '');
  if (state.notice && state.notice !== state.release?.notices?.[0]) query.set('notice', state.notice);
  for (const [key, first] of [['width', 'desktop'], ['room', 'light'], ['part', 'seen']]) if (look[key] !== first) query.set(key, look[key]);
  if (!look.images) query.set('images', 'off');
  if (state.who) query.set('who', state.who);
  if (state.at !== null) query.set('at', new Date(state.at).toISOString());
  const text = query.toString();
  const hash = `#/${path}${text ? `?${text}` : ''}`;
  if (location.hash === hash) return;
  const elsewhere = location.hash.split('?')[0] !== hash.split('?')[0];
  history[elsewhere && location.hash ? 'pushState' : 'replaceState'](null, '', hash);
}

/** Reads the place from the address. */
export function recall() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const options = new URLSearchParams(query);
  const words = path.split('/').filter(Boolean).map((word) => { try { return decodeURIComponent(word); } catch { return word; } });
  state.view = words[0] === '~calendar' ? 'calendar' : options.has('compare') ? 'compare' : words.length > 3 ? 'large' : 'grid';
  if (state.view !== 'calendar') {
    state.slug = words[0] ?? null;
    if (words.length > 3) state.way = { audience: words[1], channel: words[2], language: words[3], advance: options.has('advance') };
  }
  state.notice = options.get('notice');
  state.look = { width: options.get('width') ?? 'desktop', room: options.get('room') ?? 'light', part: options.get('part') ?? 'seen', images: options.get('images') !== 'off' };
  const who = options.get('who');
  if (who !== state.who) state.person = null;
  state.who = who;
  const at = Date.parse(options.get('at') ?? '');
  state.at = Number.isNaN(at) ? null : at;
  state.with = options.get('compare') || null;
}

let toldOfLook = () => {};
/** Whoever listens to the desk is told when something else is looked at. */
export function onLook(tell) { toldOfLook = tell; }
export function lookChanged() { toldOfLook(); }
