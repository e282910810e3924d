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
