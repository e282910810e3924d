// Our own hand on the stage. The frames in which editions are shown stand beside this one and belong to the same origin; they
// run no scripts, whatever is in them, and this page does for them what needs one: it puts a new text in the place of the
// old, hands on keys, and keeps links from leading away. It makes no HTML itself and shows nothing.

import { merge } from './merge.js';

// Known with its first words; until then nothing but "ready" is said.
let desk = null;
/** By frame, the newest version that it was given. */
const given = new Map();

const decoder = new TextDecoder();
const tell = (words) => parent.postMessage(words, desk || '*');

/** The frame of this name, if it is one of the stage's and stands in the desk's page. */
function find(name) {
  for (let at = 0; at < parent.length; at += 1) {
    try { if (parent[at].name === name && parent[at] !== self) return parent[at]; } catch { /* of another origin, or about to become ours */ }
  }
  return null;
}

/** Puts `html` in the place of what the frame shows. The document stays, and with it all that its policies forbid; the parser
 *  is that of a page in which no script may run. `false` where only loading will do. */
function put(inner, html) {
  const { document: old } = inner;
  if (old.readyState === 'loading' || !old.location.pathname.startsWith('/edition/')) return false;
  const next = new inner.DOMParser().parseFromString(html, 'text/html');
  // The document's policies forbid all of these already, but for connections that are opened ahead.
  for (const node of next.querySelectorAll('script, link, base, meta[http-equiv], iframe, frame, object, embed')) node.remove();
  if (next.compatMode !== old.compatMode) return false;
  merge(old.documentElement, next.documentElement);
  return true;
}

/** Has a frame that was just loaded take over the place of another, and hand on what is done in it. */
function dress(inner, before) {
  if (before) inner.scrollTo({ left: before.scrollX, top: before.scrollY, behavior: 'instant' });
  inner.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    tell({ key: event.key, shift: event.shiftKey });
  });
  inner.document.addEventListener('click', (event) => {
    const link = event.target.closest && event.target.closest('a[href]');
    if (!link || link.getAttribute('href').startsWith('#')) return;
    event.preventDefault();
    tell({ link: link.href });
  });
}

/** Puts a text into the frame of its name, and says whether that was possible. */
function putOne({ put: name, bytes, version }) {
  if (typeof name !== 'string' || !(bytes instanceof ArrayBuffer)) return null;
  // What is older than what is seen never comes after it.
  if ((given.get(name) ?? 0) > version) return null;
  given.set(name, version);
  let done = false;
  try { const inner = find(name); done = inner !== null && put(inner, decoder.decode(bytes)); } catch { /* a page that the browser made itself, such as an error */ }
  return { put: name, version, done };
}

addEventListener('message', (event) => {
  if (event.source !== parent || typeof event.data !== 'object' || !event.data) return;
  desk = event.origin;
  const { puts, dress: loaded, from, meet } = event.data;
  if (Array.isArray(puts)) tell({ puts: puts.map(putOne).filter(Boolean) });
  if (typeof loaded === 'string') {
    try { const inner = find(loaded); if (inner) dress(inner, typeof from === 'string' ? find(from) : null); } catch { /* as above */ }
    tell({ dressed: loaded });
  }
  // The first touch of a frame takes a while, and is not left to the first save.
  if (typeof meet === 'string') requestIdleCallback(() => { try { void find(meet)?.DOMParser; } catch { /* as above */ } });
  if (Array.isArray(event.data.gone)) for (const frame of event.data.gone) given.delete(frame);
});

tell({ ready: true });
