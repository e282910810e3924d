// One edition, large.

import { $, choices, h, icon, redraw } from './dom.js';
import { ask, documentPath, editionPath, editionQuery, sameWay, state, wantedOf, wayKey } from './store.js';
import { banner } from './grid.js';
import { go, see } from './moves.js';
import * as stage from './stage.js';
import { ROOMS, embargoed, languageName, size, unique } from './words.js';

/** Where the edition is shown, and which one in which look. */
let stand = null;
let shownKey = null;
let drawnFor = null;
let toolsFor = null;
let turn = 0;

const PARTS = { seen: 'Seen', text: 'Plain text', source: 'Source', headers: 'Headers', feed: 'Feeds' };
const current = () => state.release?.editions.find((way) => sameWay(way, state.way)) ?? null;

/** Keeps what is chosen where the release has it, and takes the nearest where it has not. */
export function settle() {
  const all = state.release?.editions ?? [];
  const pick = (list, field) => (list.some((way) => way[field] === state.way[field]) ? state.way[field] : list[0]?.[field] ?? null);
  const audience = pick(all, 'audience');
  const by = all.filter((way) => way.audience === audience);
  const channel = pick(by.map((way) => way), 'channel');
  const through = by.filter((way) => way.channel === channel);
  const language = pick(through, 'language');
  const advance = through.some((way) => way.language === language && way.advance === state.way.advance) && state.way.advance;
  state.way = { audience, channel, language, advance };
  const notices = state.release?.notices ?? [];
  if (!notices.includes(state.notice)) state.notice = notices[0] ?? null;
}

export async function drawLarge() {
  const way = current();
  const mine = ++turn;
  if (!way) { $('view').replaceChildren(h('div', { class: 'empty' }, icon('alarm', 36), h('h2', null, 'Nothing to show yet'), h('p', null, 'The release has errors. What they are stands beside it.'))); leaveLarge(); return; }
  const shape = JSON.stringify([state.slug, wayKey(way)]);
  if (drawnFor !== shape || !$('view').querySelector('.large')) {
    drawnFor = shape;
    if (stand) stage.leave(stand);
    toolsFor = null;
    const box = h('div', { class: 'stand' });
    stand = stage.place(box, true);
    $('view').replaceChildren(h('div', { class: 'large' }, h('div', { class: 'tools' }), h('div', { class: 'notes' }), h('div', { class: 'canvas' }, h('div', { class: 'sheet' }, h('div', { class: 'around' }), box))));
  }
  draw(way, state.editions.get(wayKey(way)));
  // The same edition in the same look gets its new text where it stands: scroll and selection stay. Another one is loaded, and need
  // not wait for what stands around it.
  const stays = standsFor(way);
  const newer = stays && stand.source !== sourceOf(way);
  if (!stays) load(way);
  try {
    const meta = await ask(`/api/edition/${editionPath(way)}${editionQuery(way, newer ? { ...lookOf(), document: 'true' } : {})}`);
    if (mine !== turn) return;
    if (newer && meta.html !== undefined) write(way, meta, meta.html, meta.version);
    else {
      if (newer) reload(way);
      state.editions.set(wayKey(way), meta);
      draw(way, meta);
    }
  } catch (error) {
    if (mine !== turn) return;
    trouble(error.message);
    // What was seen of it last stays; where nothing was, nothing is shown instead of what the stage says about it.
    if (!stays) { stage.leave(stand); stand.what = null; }
  }
}

function trouble(words) { redraw($('view').querySelector('.notes'), [h('p', { class: 'banner', role: 'alert' }, icon('alarm'), h('span', null, words))]); }

export function leaveLarge() { if (stand) stage.leave(stand); stand = null; drawnFor = null; turn += 1; }

/** Draws what stands around the edition; the desk sends the edition itself. */
export function drawAround() {
  const way = current();
  if (!way || !stand || drawnFor !== JSON.stringify([state.slug, wayKey(way)])) { drawLarge(); return; }
  draw(way, state.editions.get(wayKey(way)));
}

/** Takes an edition that the desk sent. */
export function feedLarge(way, { edition, html, error, version }) {
  if (!stand || drawnFor !== JSON.stringify([state.slug, wayKey(way)])) return;
  turn += 1;
  if (error) { trouble(error); return; }
  write(way, edition, html, version);
}

/** Puts a newer text of the edition that is shown in its place. */
function write(way, edition, html, version) {
  // What stands around it is drawn with it: not before, for a frame of its own would hold up the one that matters.
  const around = () => {
    state.editions.set(wayKey(way), edition);
    draw(current() ?? way, edition);
  };
  stage.put(stand, html, version, sourceOf(way), { done: () => { around(); seen(); }, again: () => { around(); reload(way); } });
}

/** All that the desk sends has been sent: what was not is as it was. */
export function settleLarge() { if (stand?.frame && !stand.coming && !stand.put) seen(); }

/** Says in the page which version is shown, for those who wait for it. */
function seen() { document.body.dataset.shown = String(state.version); }

function draw(way, meta) {
  const { look, release } = state;
  const root = $('view').querySelector('.large');
  const focused = document.activeElement?.closest('.tools') ? [document.activeElement.parentElement.getAttribute('aria-label'), document.activeElement.dataset.value] : null;
  const all = release.editions;
  const by = all.filter((one) => one.audience === way.audience);
  const through = by.filter((one) => one.channel === way.channel);
  const languages = unique(through.map((one) => one.language));
  const parts = meta?.parts ?? ['seen'];
  const part = parts.includes(look.part) ? look.part : 'seen';
  const mails = Boolean(meta?.mail) || ['smtp', 'ses', 'postmark'].includes(way.kind);
  const audiences = h('select', { 'aria-label': 'Audience', onchange: (event) => go({ audience: event.target.value }) }, unique(all.map((one) => one.audience)).map((audience) => h('option', { value: audience, selected: audience === way.audience }, all.find((one) => one.audience === audience).audience_name)));
  // A save seldom changes what can be chosen, and whoever holds a menu open keeps it.
  const tools = JSON.stringify([all.map((one) => [wayKey(one), one.audience_name]), wayKey(way), look, parts, mails, Boolean(meta?.page)]);
  if (toolsFor !== tools) root.querySelector('.tools').replaceChildren(...[
    h('button', { class: 'quiet-button back', onclick: () => see({ view: 'grid' }) }, icon('grid'), h('span', null, 'All cards')),
    audiences,
    choices('Channel', unique(by.map((one) => one.channel)).map((channel) => [channel, channel]), way.channel, (channel) => go({ channel })),
    languages.length > 1 ? choices('Language', languages.map((language) => [language, language.toUpperCase()]), way.language, (language) => go({ language })) : null,
    through.some((one) => one.language === way.language && one.advance) ? choices('Embargo', [[true, 'Advance'], [false, 'Release']], way.advance, (advance) => go({ advance })) : null,
    h('span', { class: 'grow' }),
    h('div', { class: 'looks' }, parts.length > 1 ? choices('Side', parts.map((name) => [name, PARTS[name]]), part, (value) => see({ part: value })) : null,
      choices('Reader’s colours', [['light', ROOMS.light, 'sun'], ['dark', ROOMS.dark, 'moon'], mails ? ['turned', ROOMS.turned, 'turned'] : null].filter(Boolean), look.room, (room) => see({ room })),
      mails || meta?.page ? choices('Pictures', [[true, 'With pictures', 'picture'], [false, 'Pictures blocked', 'blocked']], look.images, (images) => see({ images })) : null,
      choices('Width', [['desktop', 'Desktop', 'desktop'], ['phone', 'Phone', 'phone']], look.width, (width) => see({ width })),
      h('button', { class: 'quiet-button', id: 'compare', onclick: () => see({ view: 'compare' }) }, icon('compare'), h('span', null, 'Compare'))),
  ].filter(Boolean));
  toolsFor = tools;
  if (focused) root.querySelector(`.tools [aria-label="${CSS.escape(focused[0])}"] [data-value="${CSS.escape(focused[1] ?? '')}"]`)?.focus();
  const notes = [banner(), embargoed(release) && !release.stale ? h('p', { class: 'banner secret' }, icon('lock'), h('span', null, way.advance ? 'An advance copy: marked EMBARGOED, for those alone who keep embargoes.' : 'Under embargo: nobody may see this yet.')) : null,
    meta?.releases?.length ? h('p', { class: 'banner quiet' }, icon('list'), h('span', null, `A round-up of ${meta.releases.length}: ${meta.releases.join(', ')}`)) : null];
  redraw(root.querySelector('.notes'), notes);
  root.classList.toggle('stale', Boolean(release.stale));
  const sheet = root.querySelector('.sheet');
  sheet.className = ['sheet', meta?.page ? 'page' : '', meta?.social || meta?.chat || meta?.json ? 'narrow' : '', look.width === 'phone' ? 'phone' : ''].filter(Boolean).join(' ');
  redraw(sheet.querySelector('.around'), meta ? around(meta, way) : []);
}

const initials = (name) => name.split(/\s+/).filter((word) => /^\p{L}/u.test(word)).slice(0, 2).map((word) => [...word][0].toUpperCase()).join('') || '•';
const bareName = (mailbox) => mailbox.replace(/\s*<.*$/, '').replace(/^"|"$/g, '') || mailbox;

function around(meta, way) {
  if (meta.page) return [h('div', { class: 'address' }, h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('span', { class: 'url', title: meta.page.url }, meta.page.url.replace(/^https?:\/\//, '')), h('span', { class: 'bytes' }, size(meta.page.size)))];
  if (!meta.mail) return [];
  const { mail } = meta;
  const subject = [...mail.subject].length;
  return [
    h('div', { class: 'inbox' },
      h('span', { class: 'avatar', 'aria-hidden': 'true' }, initials(bareName(mail.from))),
      h('div', null,
        h('div', { class: 'line' }, h('b', null, bareName(mail.from)), way.due ? h('span', { class: 'when' }, way.due.time) : null),
        h('div', { class: 'line' }, h('span', { class: 'subject' }, mail.subject)),
        h('div', { class: 'line soft' }, mail.preheader))),
    h('div', { class: 'fields' },
      h('span', { class: 'whom' }, h('b', null, 'To'), mail.to),
      mail.reply_to ? h('span', { class: 'whom' }, h('b', null, 'Reply to'), mail.reply_to) : null,
      h('span', { class: subject > 78 ? 'over' : null }, h('b', null, 'Subject'), `${subject} characters`),
      h('span', { class: mail.size > 102000 ? 'over' : null }, h('b', null, 'Size'), size(mail.size)),
      mail.attachments.map(([name, , bytes]) => h('span', { class: 'attached' }, icon('clip', 13), `${name}, ${size(bytes)}`))),
  ];
}

const sourceOf = (way) => documentPath(way, String(state.version), state.look);

/** How it is looked at, as the desk is asked. */
function lookOf() {
  const { part, room, images } = wantedOf(state.look);
  return Object.fromEntries(Object.entries({ part, room, images }).filter(([, value]) => value !== undefined));
}

/** All that makes it another document than one with an older text. */
const whatOf = (way) => JSON.stringify([state.slug, wayKey(way), lookOf(), state.notice, state.who]);
const standsFor = (way) => Boolean(stand.frame || stand.coming) && stand.what === whatOf(way);

/** Has it loaded where nothing else will do. */
function reload(way) { stand.source = null; load(way); }

/** Has the edition come as it is now. The one that is seen stays until then, so nothing flickers. */
function load(way) {
  const source = sourceOf(way);
  if (stand.source === source && (stand.frame || stand.coming)) return;
  const key = JSON.stringify([state.slug, wayKey(way), state.look.part, state.look.width]);
  stand.what = whatOf(way);
  stage.show(stand, source, {
    title: `${way.audience_name}, ${way.channel}, ${languageName(way.language)}`, dark: state.look.room !== 'light', keeps: shownKey === key,
    done: () => { shownKey = key; seen(); },
  });
}
