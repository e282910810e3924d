// The editors' page. Everything it shows comes from the API as data and is put in as text; it makes
// no HTML from strings (the content security policy would not let it).
'use strict';

const $ = (id) => document.getElementById(id);

/** Makes an element: h('p', { class: 'x', onclick }, child, 'text', …). */
function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const DRAWN = {
  mail: 'M2.5 4.5h11v8h-11zM2.5 5l5.5 4.2L13.5 5',
  globe: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM2 8h12M8 2c2 1.8 2.6 4 2.6 6S10 12.2 8 14c-2-1.8-2.6-4-2.6-6S6 3.8 8 2z',
  mastodon: 'M3 10V6.2C3 4 4.4 2.8 8 2.8S13 4 13 6.2c0 3-1.6 4-5 4-1 0-2-.1-2-.1.1 1.6 2 2 4.6 1.5M5.8 8V6.3c0-1.8 2.2-1.8 2.2 0v1M10.2 8V6.3c0-1.8-2.2-1.8-2.2 0',
  bluesky: 'M8 7.4C7.2 5.6 5 3.2 3.2 2.9c-1-.2-1.4.8-1.2 2.2.2 2 .6 3.6 3.4 3.4-2.4.4-3 1.8-1.6 3.2 2 2 3.4-.4 4.2-2.4.8 2 2.2 4.4 4.2 2.4 1.4-1.4.8-2.8-1.6-3.2 2.8.2 3.2-1.4 3.4-3.4.2-1.4-.2-2.4-1.2-2.2C11 3.2 8.8 5.6 8 7.4z',
  webhook: 'M6 3H5C4 3 3.8 3.6 3.8 4.5v2c0 .9-.4 1.5-1.3 1.5.9 0 1.3.6 1.3 1.5v2C3.8 12.4 4 13 5 13h1M10 3h1c1 0 1.2.6 1.2 1.5v2c0 .9.4 1.5 1.3 1.5-.9 0-1.3.6-1.3 1.5v2c0 .9-.2 1.5-1.2 1.5h-1',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3 14 14',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M12.8 3.2l-1.1 1.1M4.3 11.7l-1.1 1.1',
  moon: 'M13.2 9.4A5.6 5.6 0 0 1 6.6 2.8a5.6 5.6 0 1 0 6.6 6.6z',
  desktop: 'M2 3h12v8H2zM6 13.5h4M8 11v2.5',
  phone: 'M5 1.8h6v12.4H5zM7.2 12.2h1.6',
  clip: 'M11.5 6.5 7 11a2 2 0 0 1-2.8-2.8l5-5a1.4 1.4 0 0 1 2 2L6.4 10',
  check: 'M3 8.5 6.5 12 13 4.5',
  list: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01',
  eye: 'M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z',
  flag: 'M3.5 14V2.5M3.5 3h8l-1.8 2.7L11.5 8.5h-8',
  alarm: 'M8 2.2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1',
};
const KIND_ICON = { smtp: 'mail', newsroom: 'globe', mastodon: 'mastodon', bluesky: 'bluesky', webhook: 'webhook', file: 'file' };

function svg(tag, attributes) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
function icon(name, size = 16) {
  const root = svg('svg', { viewBox: '0 0 16 16', width: size, height: size, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.4, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' });
  root.append(svg('path', { d: DRAWN[name] || DRAWN.file }));
  return root;
}

// ---- What is known, and what is looked at

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

// ---- The address keeps the place

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

// ---- Left: the releases

const STATUS = { draft: 'Draft', approved: 'Approved', held: 'Held', killed: 'Killed' };
const FILTERS = [
  ['all', 'All', () => true],
  ['upcoming', 'Upcoming', (row) => row.publish && Date.parse(row.publish.utc) >= Date.now() && row.status !== 'killed'],
  ['drafts', 'Drafts', (row) => row.status === 'draft'],
  ['problems', 'To mend', (row) => row.errors + row.warnings > 0],
];

function matches(row) {
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = [row.title, row.slug, row.status, row.publish?.day, ...row.tags, ...row.audiences, ...row.languages].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}
function groups() {
  const now = Date.now();
  const keep = FILTERS.find(([key]) => key === state.filter)[2];
  const rows = [...state.rows.values()].filter((row) => keep(row) && matches(row));
  const time = (row) => Date.parse(row.publish.utc);
  const undated = rows.filter((row) => !row.publish).sort((a, b) => a.slug.localeCompare(b.slug));
  const dated = rows.filter((row) => row.publish);
  const upcoming = dated.filter((row) => time(row) >= now).sort((a, b) => time(a) - time(b) || a.slug.localeCompare(b.slug));
  const past = dated.filter((row) => time(row) < now).sort((a, b) => time(b) - time(a) || a.slug.localeCompare(b.slug));
  const found = [];
  if (undated.length) found.push(['Without a date', undated]);
  if (upcoming.length) found.push(['Upcoming', upcoming]);
  for (const row of past) {
    const month = new Date(time(row)).toLocaleDateString('en', { month: 'long', year: 'numeric', timeZone: zone() });
    if (found.at(-1)?.[0] !== month) found.push([month, []]);
    found.at(-1)[1].push(row);
  }
  return found;
}
function zone() {
  const name = state.newsroom?.timezone || 'UTC';
  try { new Date().toLocaleDateString('en', { timeZone: name }); return name; } catch { return 'UTC'; }
}

function badge(row) {
  return [
    row.errors ? h('span', { class: 'count error', title: plural(row.errors, 'error') }, String(row.errors)) : null,
    row.warnings ? h('span', { class: 'count warning', title: plural(row.warnings, 'warning') }, String(row.warnings)) : null,
  ];
}
const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

function drawList(fresh = new Set()) {
  const list = $('list');
  const scroll = list.scrollTop;
  const nodes = [];
  for (const [title, rows] of groups()) {
    nodes.push(h('h2', null, title));
    for (const row of rows) {
      const chosen = row.slug === state.at.slug;
      nodes.push(h('button', {
        class: fresh.has(row.slug) ? 'item fresh' : 'item', role: 'option', id: `item-${row.slug}`, tabindex: '-1',
        'aria-selected': String(chosen), 'data-slug': row.slug, onclick: () => { open(row.slug); pane('main'); },
      },
      h('span', { class: 't' }, row.title),
      h('span', { class: 'm' },
        row.publish ? h('time', { datetime: row.publish.utc }, `${row.publish.day.replace(/^\S+ /, '')}, ${row.publish.time}`) : h('span', null, 'no date'),
        row.languages.length > 1 ? h('span', { class: 'langs' }, row.languages.join(' · ')) : null,
        h('span', { class: 'grow' }),
        row.status !== 'approved' ? h('span', { class: `pill ${row.status}` }, STATUS[row.status]) : null,
        badge(row))));
    }
  }
  if (!nodes.length) nodes.push(h('p', { class: 'none' }, state.rows.size ? 'No release matches.' : 'No releases yet. Start one with “dateline new”.'));
  list.replaceChildren(...nodes);
  list.scrollTop = scroll;
  const filters = FILTERS.map(([key, name, keep]) => {
    const count = [...state.rows.values()].filter(keep).length;
    return h('button', { 'aria-pressed': String(state.filter === key), onclick: () => { state.filter = key; drawList(); } }, name, h('span', { class: 'n' }, String(count)));
  });
  $('filters').replaceChildren(...filters);
  const [errors, warnings] = state.general;
  const general = $('general');
  general.hidden = errors + warnings === 0;
  general.replaceChildren(icon('flag'), h('span', null, 'Settings, audiences, templates'), ...badge({ errors, warnings }).filter(Boolean));
}

function drawBrand() {
  const { newsroom } = state;
  $('newsroom').textContent = newsroom.name || 'Newsroom';
  document.title = `${newsroom.name || 'Newsroom'} · Dateline preview`;
  $('mark').replaceChildren(h('img', { src: newsroom.has_logo ? '/logo' : '/icon.svg', alt: '', class: newsroom.has_logo ? '' : 'plain' }));
  const accent = newsroom.colors?.accent;
  if (/^#[0-9a-f]{3,8}$/i.test(accent || '')) document.documentElement.style.setProperty('--brand', accent);
}

// ---- Middle: the edition

function ways() { return state.release?.editions ?? []; }

/** Keeps what is chosen where the release has it, and takes the nearest where it has not. */
function settle() {
  const { at } = state;
  const all = ways();
  const pick = (list, key) => (list.some((way) => way[key] === at[key]) ? at[key] : list[0]?.[key] ?? null);
  at.audience = pick(all, 'audience');
  const by = all.filter((way) => way.audience === at.audience);
  at.channel = pick(by, 'channel');
  const through = by.filter((way) => way.channel === at.channel);
  at.language = pick(through, 'language');
  if (!through.some((way) => way.language === at.language && way.advance === at.advance)) at.advance = false;
  const notices = state.release?.notices ?? [];
  if (!notices.includes(at.notice)) at.notice = notices[0] ?? null;
}

/** One row of choices, of which one is taken. */
function seg(name, choices, chosen, choose, tight) {
  return h('div', { class: tight ? 'seg tight' : 'seg', role: 'tablist', 'aria-label': name },
    choices.map(([value, ...label]) => h('button', {
      role: 'tab', 'aria-selected': String(value === chosen), title: typeof label.at(-1) === 'object' && label.length === 1 ? value : null,
      onclick: () => choose(value),
    }, ...label)));
}
const unique = (list) => [...new Set(list)];

function drawHead() {
  const { release } = state;
  if (!release) { $('head').replaceChildren(); $('ways').replaceChildren(); return; }
  const publish = release.publish;
  $('head').replaceChildren(
    h('div', { class: 'over' },
      h('span', { class: `pill ${release.status}` }, STATUS[release.status]),
      publish ? h('time', { datetime: publish.utc }, `${publish.day}, ${publish.time} ${publish.zone}`) : 'no date yet',
      h('code', null, release.slug)),
    h('h1', null, release.title));
  const all = ways();
  if (!all.length) { $('ways').replaceChildren(); return; }
  const { at, look } = state;
  const audiences = unique(all.map((way) => way.audience));
  const tabs = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Audiences' }, audiences.map((key) => h('button', {
    role: 'tab', 'aria-selected': String(key === at.audience), onclick: () => go({ audience: key }),
  }, all.find((way) => way.audience === key).audience_name)));
  const by = all.filter((way) => way.audience === at.audience);
  const channels = unique(by.map((way) => way.channel));
  const through = by.filter((way) => way.channel === at.channel);
  const languages = unique(through.map((way) => way.language));
  const kind = through[0]?.kind;
  const framed = kind === 'smtp' || kind === 'newsroom';
  const advance = through.some((way) => way.language === at.language && way.advance);
  const controls = [
    seg('Channel', channels.map((key) => [key, icon(KIND_ICON[by.find((way) => way.channel === key).kind]), key]), at.channel, (channel) => go({ channel })),
    languages.length > 1 ? seg('Language', languages.map((key) => [key, h('span', { class: 'lang' }, key)]), at.language, (language) => go({ language })) : null,
    release.notices.length > 1 ? seg('Notice', release.notices.map((key) => [key, key[0].toUpperCase() + key.slice(1)]), at.notice, (notice) => go({ notice })) : null,
    advance ? seg('Embargo', [[true, 'Advance'], [false, 'Release']], at.advance, (value) => go({ advance: value })) : null,
    h('span', { class: 'grow' }),
    kind === 'smtp' ? seg('Part', [['html', 'Mail'], ['text', 'Text'], ['headers', 'Headers']], look.part, (value) => see({ part: value })) : null,
    framed && (kind === 'newsroom' || look.part === 'html') ? seg('Reader’s colours', [[false, icon('sun')], [true, icon('moon')]], look.dark, (value) => see({ dark: value }), true) : null,
    framed ? seg('Width', [['desktop', icon('desktop')], ['phone', icon('phone')]], look.width, (value) => see({ width: value }), true) : null,
  ];
  for (const [node, names] of [[controls[6], ['Light', 'Dark']], [controls[7], ['Desktop', 'Phone']]]) {
    node?.querySelectorAll('button').forEach((button, index) => { button.title = names[index]; button.setAttribute('aria-label', names[index]); });
    node?.classList.add('wide');
  }
  controls[6]?.classList.remove('wide');
  $('ways').replaceChildren(tabs, h('div', { class: 'controls' }, controls.filter(Boolean)));
}

let frame = null;
let frameReady = false;
let frameWants = null;
const frameKey = () => JSON.stringify([state.at, state.look.width]);

/** Has the frame load the edition as it is now. The frame itself stays, so nothing flickers. */
function loadFrame() {
  frameWants = {
    load: `/edition/${wayPath()}/${wayQuery({ v: String(state.version), ...(state.look.dark ? { dark: 'true' } : {}) })}`,
    key: frameKey(), dark: state.look.dark,
  };
  if (frameReady) frame.contentWindow.postMessage(frameWants, state.newsroom.stage);
}
function makeFrame() {
  frameReady = false;
  frame = h('iframe', { title: 'The edition as its readers see it', sandbox: 'allow-scripts allow-same-origin', src: `${state.newsroom.stage}/frame` });
  return frame;
}
addEventListener('message', (event) => {
  if (!frame || event.source !== frame.contentWindow || event.origin !== state.newsroom.stage) return;
  const said = event.data || {};
  if (said.ready) { frameReady = true; if (frameWants) frame.contentWindow.postMessage(frameWants, state.newsroom.stage); }
  if (said.shown) document.body.dataset.shown = String(state.version);
  if (said.key) key(said.key, null);
  if (said.link) toast(`Links rest in the preview: ${said.link}`);
});

const initials = (name) => name.split(/\s+/).filter((word) => /^\p{L}/u.test(word)).slice(0, 2).map((word) => [...word][0].toUpperCase()).join('') || '•';
const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const bareName = (mailbox) => mailbox.replace(/\s*<.*$/, '').replace(/^"|"$/g, '') || mailbox;

function mailSheet(mail) {
  const { look, release } = state;
  const publish = release.publish;
  const subject = [...mail.subject].length;
  const top = [
    h('div', { class: 'inbox' },
      h('div', { class: 'avatar', 'aria-hidden': 'true' }, initials(bareName(mail.from))),
      h('div', null,
        h('div', { class: 'row' }, h('span', { class: 'who' }, bareName(mail.from)), publish ? h('span', { class: 'when' }, publish.time) : null),
        h('div', { class: 'line', title: mail.preheader }, h('b', null, mail.subject), mail.preheader))),
    h('div', { class: 'fields' },
      h('span', null, h('b', null, 'From'), mail.from),
      mail.reply_to ? h('span', null, h('b', null, 'Reply to'), mail.reply_to) : null,
      h('span', { class: subject > 78 ? 'over' : null }, h('b', null, 'Subject'), `${subject} characters`),
      h('span', null, h('b', null, 'Size'), size(mail.size)),
      mail.attachments.map(([name, , bytes]) => h('span', { class: 'attached' }, icon('clip', 13), `${name}, ${size(bytes)}`))),
  ];
  if (look.part === 'text') return [...top, h('pre', { class: 'plain', 'data-scroll': 'text' }, mail.text)];
  if (look.part === 'headers') return [...top, h('dl', { class: 'heads', 'data-scroll': 'headers' }, mail.headers.flatMap(([name, value]) => [h('dt', null, name), h('dd', null, value)]))];
  return [...top, 'frame'];
}

function postCard(post, index, edition) {
  const { social, kind } = edition;
  const share = post.length / post.limit;
  const ring = svg('svg', { viewBox: '0 0 24 24', width: 22, height: 22, class: 'ring', 'aria-hidden': 'true' });
  const round = 2 * Math.PI * 9;
  ring.append(svg('circle', { cx: 12, cy: 12, r: 9 }), svg('circle', { cx: 12, cy: 12, r: 9, class: `arc${share > 1 ? ' over' : share > 0.9 ? ' near' : ''}`, 'stroke-dasharray': `${Math.min(1, share) * round} ${round}` }));
  const pictures = post.images.map((at) => edition.assets[at]).filter(Boolean);
  const total = social.posts.length;
  return h('article', { class: `post ${kind}` },
    h('div', { class: 'avatar', 'aria-hidden': 'true' }, initials(social.author)),
    h('div', null,
      h('header', null, h('strong', null, social.author), h('span', null, `${state.at.channel}${total > 1 ? ` · ${index + 1} of ${total}` : ''}`)),
      h('p', { class: 'text', lang: state.at.language }, post.text.map(([words, target]) => (target ? h('a', { title: target }, words) : words))),
      pictures.length ? h('div', { class: pictures.length > 1 ? 'pictures many' : 'pictures' }, pictures.map((picture) => h('figure', null,
        h('img', { src: `/api/edition/${wayPath()}/${part(picture.name)}${wayQuery({ v: String(state.version) })}`, alt: picture.alt }),
        h('figcaption', null, picture.alt ? h('span', { class: 'alt', title: picture.alt }, h('b', null, 'ALT'), picture.alt) : h('span', { class: 'alt missing' }, 'no alternative text'))))) : null,
      h('footer', null,
        post.bytes ? h('span', { class: post.bytes[0] > post.bytes[1] ? 'over' : 'bytes' }, `${post.bytes[0]} of ${post.bytes[1]} bytes`) : null,
        h('span', { class: share > 1 ? 'over' : null }, `${post.length} / ${post.limit}`), ring)));
}

function coloured(value) {
  const out = [];
  const put = (kind, text) => out.push(h('span', { class: kind }, text));
  const write = (item, indent) => {
    if (item === null || typeof item !== 'object') { put(typeof item === 'string' ? 's' : 'v', JSON.stringify(item)); return; }
    const list = Array.isArray(item);
    const entries = list ? item.map((one) => [null, one]) : Object.entries(item);
    if (!entries.length) { put('p', list ? '[]' : '{}'); return; }
    put('p', list ? '[' : '{');
    entries.forEach(([name, one], at) => {
      out.push(`\n${indent}  `);
      if (name !== null) { put('k', JSON.stringify(name)); put('p', ': '); }
      write(one, `${indent}  `);
      if (at < entries.length - 1) put('p', ',');
    });
    out.push(`\n${indent}`);
    put('p', list ? ']' : '}');
  };
  write(value, '');
  return out;
}

function emptyStage(sign, title, ...words) {
  return h('div', { class: 'empty' }, icon(sign, 40), h('h2', null, title), ...words);
}

let sheetKey = null;
function drawStage() {
  const { release, edition, problem, look } = state;
  const stage = $('stage');
  const keep = Object.fromEntries([...stage.querySelectorAll('[data-scroll]')].map((node) => [node.dataset.scroll, node.scrollTop]));
  stage.classList.toggle('stale', Boolean(release?.stale));
  const banner = [];
  if (release?.stale) banner.push(h('div', { class: 'banner' }, icon('alarm'), 'This is the last good version. The release has errors now, so it cannot be rendered or planned.', h('button', { onclick: () => pane('side') }, 'See the findings')));
  else if (release?.reason && (release.status === 'held' || release.status === 'killed')) banner.push(h('div', { class: 'banner quiet' }, icon('flag'), `${STATUS[release.status]}: ${release.reason}`));
  const put = (canvas) => {
    if (!canvas.contains(frame)) { frame = null; frameWants = null; }
    sheetKey = null;
    stage.replaceChildren(...banner, canvas);
  };
  if (!release) {
    put(h('div', { class: 'canvas' }, emptyStage('eye', 'Choose a release', h('p', null, 'Every audience, channel and language of it is shown here, as its readers will see it.'))));
  } else if (problem) {
    put(h('div', { class: 'canvas' }, emptyStage('alarm', 'This edition cannot be rendered', h('pre', null, problem))));
  } else if (!ways().length) {
    put(h('div', { class: 'canvas' }, release.broken
      ? emptyStage('alarm', 'Nothing to show yet', h('p', null, 'The release has errors. What they are stands beside it; as soon as they are mended, it appears here.'))
      : emptyStage('list', 'No audience, no channel', h('p', null, 'Name one in the release’s “audiences:”.'))));
  } else if (!edition) {
    put(h('div', { class: 'canvas' }));
  } else if (edition.social) {
    put(h('div', { class: 'canvas scroll', 'data-scroll': 'thread' }, h('div', { class: 'thread' }, edition.social.posts.map((post, at) => postCard(post, at, edition)))));
  } else if (edition.mail || edition.page) {
    const phone = look.width === 'phone';
    const content = edition.mail ? mailSheet(edition.mail) : [
      h('div', { class: 'address' }, h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('span', { class: 'bar', title: edition.page.url }, edition.page.url.replace(/^https?:\/\//, ''))),
      'frame',
    ];
    const classes = ['sheet', edition.page && 'page', phone && 'phone', look.dark && 'dark-room'].filter(Boolean).join(' ');
    const framed = content.at(-1) === 'frame';
    const nextKey = framed ? `${Boolean(edition.mail)}` : null;
    if (framed && frame && frame.isConnected && sheetKey === nextKey) {
      // Everything around the frame is drawn anew; the frame stays where it is, or it would load again.
      const sheet = frame.parentElement;
      sheet.className = classes;
      while (sheet.firstChild !== frame) sheet.firstChild.remove();
      frame.before(...content.slice(0, -1));
      for (const old of stage.querySelectorAll('.banner')) old.remove();
      stage.prepend(...banner);
    } else {
      put(h('div', { class: 'canvas' }, h('div', { class: classes }, framed ? [...content.slice(0, -1), makeFrame()] : content)));
      sheetKey = nextKey;
    }
    if (framed) loadFrame();
  } else {
    put(h('div', { class: 'canvas' }, h('div', { class: 'sheet' }, h('pre', { class: 'json', 'data-scroll': 'json' }, coloured(edition.json)))));
  }
  for (const node of stage.querySelectorAll('[data-scroll]')) node.scrollTop = keep[node.dataset.scroll] ?? 0;
  if (!frame) document.body.dataset.shown = String(state.version);
}

// ---- Right: findings and times

function findingCard(finding) {
  const lines = finding.excerpt.flatMap(([number, text]) => {
    if (number !== finding.line) return [h('div', { class: 'l' }, h('i', null, String(number)), text || ' ')];
    const signs = [...text];
    const from = finding.column - 1;
    const to = Math.min(signs.length, from + finding.width);
    const blank = signs.slice(0, from).map((sign) => (sign === '\t' ? '\t' : ' ')).join('');
    return [
      h('div', { class: 'l hit' }, h('i', null, String(number)), signs.slice(0, from).join(''), h('em', null, signs.slice(from, to).join('')), signs.slice(to).join('') || ' '),
      h('div', { class: 'l caret', 'aria-hidden': 'true' }, h('i', null, ''), blank + '^'.repeat(Math.max(1, to - from))),
    ];
  });
  const place = `${finding.file}:${finding.line}:${finding.column}`;
  return h('article', { class: `finding ${finding.severity}` },
    h('div', { class: 'code' }, h('span', null, finding.code), h('button', { class: 'place', title: `${place}: copy`, onclick: () => copy(place) }, `${finding.file.split('/').at(-1)}:${finding.line}`)),
    h('p', null, finding.message),
    finding.excerpt.length ? h('div', { class: 'source' }, lines) : null,
    finding.hint ? h('p', { class: 'hint' }, finding.hint) : null);
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
function fromNow(utc) {
  const seconds = (Date.parse(utc) - Date.now()) / 1000;
  for (const [unit, length] of [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]]) {
    if (Math.abs(seconds) >= length * (unit === 'week' ? 2 : 1)) return relative.format(Math.round(seconds / length), unit);
  }
  return 'now';
}
const utcWords = (utc) => `${utc.slice(0, 10)} ${utc.slice(11, 16)} UTC`;

function findingsSection(title, findings) {
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  return h('section', null,
    h('h2', null, title, badge({ errors, warnings: findings.length - errors })),
    findings.length ? findings.map(findingCard) : h('p', { class: 'fine' }, icon('check'), 'Nothing found. It reads well.'));
}

function drawSide() {
  const { release, at } = state;
  const side = $('side');
  const scroll = side.scrollTop;
  const sections = [];
  if (state.generalFindings) sections.push(findingsSection('Settings, audiences, templates', state.generalFindings));
  if (release) {
    if (!state.generalFindings) sections.push(findingsSection('Findings', release.findings));
    if (release.times.length) {
      sections.push(h('section', null, h('h2', null, 'Times'), h('dl', { class: 'times' }, release.times.flatMap((moment) => [
        h('dt', null, moment.name),
        h('dd', null, h('b', null, `${moment.day}, ${moment.time} ${moment.zone}`), h('small', null, `${utcWords(moment.utc)} · ${fromNow(moment.utc)}`)),
      ]))));
    }
    if (release.due.length) {
      const kinds = new Map(release.editions.map((way) => [way.channel, way.kind]));
      const names = new Map(release.editions.map((way) => [way.audience, way.audience_name]));
      const draft = release.status !== 'approved';
      sections.push(h('section', null, h('h2', null, draft ? 'Would leave' : 'Leaves'), h('div', { class: 'due' }, release.due.map((due) => {
        const here = due.audience === at.audience && due.channel === at.channel && due.language === at.language && due.advance === at.advance;
        const why = due.reason || (due.action === 'blocked' ? 'blocked' : null);
        return h('button', { class: here ? 'd here' : 'd', title: `${due.day}, ${due.time} ${due.zone} · ${utcWords(due.utc)}`, onclick: () => { go({ audience: due.audience, channel: due.channel, language: due.language, advance: due.advance }); pane('main'); } },
          icon(KIND_ICON[kinds.get(due.channel)] || 'file'),
          h('b', null, names.get(due.audience) || due.audience),
          h('time', { datetime: due.utc }, `${due.day.split(' ').slice(1, 3).join(' ')}, ${due.time}`),
          h('small', { class: due.action === 'blocked' ? 'blocked' : null }, [due.channel, due.language.toUpperCase(), due.advance ? 'advance copy' : null, why].filter(Boolean).join(' · ')));
      })), h('p', { class: 'note' }, `On the newsroom’s clock, ${state.newsroom.timezone}. Recipients stand in the contact book, which the preview does not read; “dateline plan” counts them.`)));
    }
  }
  side.replaceChildren(...sections);
  side.scrollTop = scroll;
  const counts = state.release ? badge(state.release).filter(Boolean) : [];
  const shown = document.body.dataset.pane;
  $('panes').replaceChildren(...[['rail', 'Releases', 'list'], ['main', 'Preview', 'eye'], ['side', 'Findings', 'flag']].map(([to, name, sign]) => h('button', { 'data-to': to, 'aria-current': String(shown === to), onclick: () => pane(to) }, icon(sign), name, ...(to === 'side' ? counts : []))));
}

// ---- Going about

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

const KEYS = [
  [['j', 'k'], 'next, previous release'], [['1', '…', '9'], 'audience'], [['c'], 'next channel'], [['l'], 'next language'],
  [['t'], 'mail, text, headers'], [['p'], 'phone or desktop'], [['d'], 'reader’s colours, light or dark'], [['f'], 'findings'], [['/'], 'search'], [['?'], 'these keys'],
];
function step(by) {
  const items = [...$('list').querySelectorAll('.item')];
  const at = items.findIndex((item) => item.dataset.slug === state.at.slug);
  const next = items[at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + by))];
  if (next) open(next.dataset.slug);
}
function cycle(field, list) {
  if (list.length > 1) go({ [field]: list[(list.indexOf(state.at[field]) + 1) % list.length] });
}
/** Does what a key asks for; whether it asked for anything. */
function key(name) {
  const by = ways().filter((way) => way.audience === state.at.audience);
  if (name === 'j' || name === 'ArrowDown') step(1);
  else if (name === 'k' || name === 'ArrowUp') step(-1);
  else if (/^[1-9]$/.test(name)) { const audience = unique(ways().map((way) => way.audience))[Number(name) - 1]; if (audience) go({ audience }); }
  else if (name === 'c') cycle('channel', unique(by.map((way) => way.channel)));
  else if (name === 'l') cycle('language', unique(by.filter((way) => way.channel === state.at.channel).map((way) => way.language)));
  else if (name === 't') see({ part: { html: 'text', text: 'headers', headers: 'html' }[state.look.part] });
  else if (name === 'p') see({ width: state.look.width === 'phone' ? 'desktop' : 'phone' });
  else if (name === 'd') see({ dark: !state.look.dark });
  else if (name === 'f') pane(document.body.dataset.pane === 'side' ? 'main' : 'side');
  else if (name === '/') { pane('rail'); $('search').focus(); $('search').select(); }
  else if (name === '?') help();
  else if (name === 'Escape') pane('main');
  else return false;
  return true;
}
function help() {
  const box = $('help');
  if (box.open) { box.close(); return; }
  box.replaceChildren(h('h2', null, 'Keys'), h('dl', null, KEYS.flatMap(([keys, words]) => [h('dt', null, keys.map((name) => (name === '…' ? '…' : h('kbd', null, name)))), h('dd', null, words)])));
  box.showModal();
}
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === $('search')) {
    if (event.key === 'Escape') { event.target.value = ''; state.query = ''; drawList(); event.target.blur(); }
    if (event.key === 'Enter') { step(0); event.target.blur(); pane('main'); }
    return;
  }
  // Inside scrolling text the arrows scroll.
  if (event.key.startsWith('Arrow') && event.target.closest?.('#stage, #side')) return;
  if (key(event.key)) event.preventDefault();
});

// ---- Live

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
