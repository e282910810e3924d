// Elements. Everything the page shows comes from the API as data and is put in as text; it makes no HTML from strings (the
// content security policy would not let it).

import { mergeChildren } from './merge.js';

export const $ = (id) => document.getElementById(id);

/** Makes an element: h('p', { class: 'x', onclick }, child, 'text', …). */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  if (tag === 'button') node.type = 'button';
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const DRAWN = {
  mail: 'M2.5 4.5h11v8h-11zM2.5 5l5.5 4.2L13.5 5',
  globe: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM2 8h12M8 2c2 1.8 2.6 4 2.6 6S10 12.2 8 14c-2-1.8-2.6-4-2.6-6S6 3.8 8 2z',
  mastodon: 'M3 10V6.2C3 4 4.4 2.8 8 2.8S13 4 13 6.2c0 3-1.6 4-5 4-1 0-2-.1-2-.1.1 1.6 2 2 4.6 1.5M5.8 8V6.3c0-1.8 2.2-1.8 2.2 0v1M10.2 8V6.3c0-1.8-2.2-1.8-2.2 0',
  bluesky: 'M8 7.4C7.2 5.6 5 3.2 3.2 2.9c-1-.2-1.4.8-1.2 2.2.2 2 .6 3.6 3.4 3.4-2.4.4-3 1.8-1.6 3.2 2 2 3.4-.4 4.2-2.4.8 2 2.2 4.4 4.2 2.4 1.4-1.4.8-2.8-1.6-3.2 2.8.2 3.2-1.4 3.4-3.4.2-1.4-.2-2.4-1.2-2.2C11 3.2 8.8 5.6 8 7.4z',
  chat: 'M2.5 3h11v8H8l-3 2.8V11H2.5z',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3 14 14',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M12.8 3.2l-1.1 1.1M4.3 11.7l-1.1 1.1',
  moon: 'M13.2 9.4A5.6 5.6 0 0 1 6.6 2.8a5.6 5.6 0 1 0 6.6 6.6z',
  turned: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 2v12M8 5h4.500M8 8h6M8 11h4.500',
  desktop: 'M2 3h12v8H2zM6 13.5h4M8 11v2.5',
  phone: 'M5 1.8h6v12.4H5zM7.2 12.2h1.6',
  picture: 'M2 3h12v10H2zM2 11l3.500-3.500L8 10l3-3 3 3M5.500 6h.01',
  blocked: 'M2 3h12v10H2zM2 13 14 3',
  clip: 'M11.5 6.5 7 11a2 2 0 0 1-2.8-2.8l5-5a1.4 1.4 0 0 1 2 2L6.4 10',
  check: 'M3 8.5 6.5 12 13 4.5',
  list: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01',
  eye: 'M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z',
  flag: 'M3.5 14V2.5M3.5 3h8l-1.8 2.7L11.5 8.5h-8',
  alarm: 'M8 2.2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1',
  lock: 'M4 7.500h8V14H4zM5.500 7.500V5a2.500 2.500 0 0 1 5 0v2.500',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.800V8l2.300 1.500',
  person: 'M8 2.500a2.700 2.700 0 1 0 0 5.400 2.700 2.700 0 0 0 0-5.400zM2.800 14c.4-3 2.400-4.300 5.200-4.300s4.800 1.300 5.200 4.300',
  compare: 'M2 3h5v10H2zM9 3h5v10H9zM11.500 6v4M3.500 8h2',
  calendar: 'M2.500 3.500h11v10h-11zM2.500 6.500h11M5.500 2v3M10.500 2v3',
  grid: 'M2.500 2.500h4.500v4.500H2.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500H2.500zM9 9h4.500v4.500H9z',
  back: 'M9.500 3.500 5 8l4.500 4.500',
  next: 'M6.500 3.500 11 8l-4.500 4.500',
  close: 'M4 4l8 8M12 4l-8 8',
  keys: 'M1.500 4h13v8h-13zM4 6.500h.01M6.500 6.500h.01M9 6.500h.01M11.500 6.500h.01M5 9.500h6',
  pen: 'M3 13l.6-2.800L10.800 3 13 5.200 5.800 12.400z',
};
const KIND_ICON = { smtp: 'mail', ses: 'mail', postmark: 'mail', newsroom: 'globe', wordpress: 'globe', ghost: 'globe', mastodon: 'mastodon', bluesky: 'bluesky', webhook: 'chat', file: 'file' };
export const kindIcon = (kind, size) => icon(KIND_ICON[kind] || 'chat', size);

export function icon(name, size = 16) {
  const space = 'http://www.w3.org/2000/svg';
  const root = document.createElementNS(space, 'svg');
  const set = { viewBox: '0 0 16 16', width: size, height: size, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.4, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' };
  for (const [key, value] of Object.entries(set)) root.setAttribute(key, value);
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', DRAWN[name] || DRAWN.file);
  root.append(path);
  return root;
}

/** One row of choices, of which one is taken. A choice is [value, label, icon?]; with an icon the label is read, not seen. */
export function choices(name, list, chosen, choose) {
  return h('div', { class: 'seg', role: 'group', 'aria-label': name }, list.map(([value, label, sign]) => h('button', {
    'aria-pressed': String(value === chosen), 'aria-label': sign ? label : null, title: sign ? label : null, 'data-value': String(value), onclick: () => choose(value),
  }, sign ? icon(sign) : label)));
}

/** What does something is kept as it is, or replaced: a click on it does what it was made for. */
const acts = (node) => node.nodeType === 1 && node.matches('button, a, input, select, form');
/** Draws the children of a node anew and leaves those that are the same, so that what is selected or has the focus stays. */
export function redraw(node, children) { mergeChildren(node, children.flat(3).filter(Boolean), acts); }

let toastTimer;
export function toast(words) {
  const box = $('toast');
  box.textContent = words;
  box.hidden = false;
  say(words);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, 3600);
}
/** For those who listen. */
export function say(words) { $('say').textContent = words; }
