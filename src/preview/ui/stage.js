// Frames of the stage, in which editions are shown, and our own page there that does in them what we may not from here.
//
// A frame shows one edition, looked at in one way. Its text is put into it anew when the release is saved, so that scroll and
// selection stay; what is looked at in another way is loaded behind what is seen and then takes its place.

import { h } from './dom.js';
import { state } from './store.js';

let hand = null;
let ready = false;
let waiting = [];
let number = 0;
/** By name of the frame: the place it belongs to. */
const places = new Map();
/** What frames say that concerns the whole page. */
let heard = () => {};

/** Has our own page on the stage come; `listen` is told of keys and links. */
export function hire(listen) {
  heard = listen;
  if (hand) return;
  hand = h('iframe', { title: 'Keeps the editions current', src: `${state.newsroom.stage}/frame`, hidden: true });
  document.body.append(hand);
}

function order(words) {
  // Texts are handed over as bytes: a message with a long string in it costs the browser several milliseconds more.
  if (ready) hand.contentWindow.postMessage(words, { targetOrigin: state.newsroom.stage, transfer: words.puts?.map(({ bytes }) => bytes) });
  else waiting.push(words);
}

/** A place for a frame in `box`. In a lively one keys and links do something. */
export const place = (box, lively = false) => ({ box, lively, frame: null, coming: null, source: null, what: null, put: null, again: null });

/** Shows the document at `source`; the one that is seen stays until it is there. Whoever knows a newer text by then gives it to `put`. */
export function show(where, source, { title, dark = false, keeps = false, done = () => {} }) {
  where.source = source;
  where.put = null;
  forget(where.coming);
  number += 1;
  const frame = h('iframe', { title, name: `edition-${number}`, tabindex: where.lively ? null : '-1', sandbox: 'allow-same-origin', src: state.newsroom.stage + source, class: dark ? 'coming dark' : 'coming' });
  places.set(frame.name, where);
  where.coming = frame;
  where.done = done;
  frame.addEventListener('load', () => {
    if (where.coming !== frame) return;
    if (where.lively) order({ dress: frame.name, from: keeps && where.frame ? where.frame.name : null });
    else { order({ meet: frame.name }); arrive(where, frame); }
  });
  where.box.append(frame);
}

function arrive(where, frame) {
  if (where.coming !== frame) return;
  forget(where.frame);
  where.frame = frame;
  where.coming = null;
  frame.classList.remove('coming');
  if (where.put) give(where); else where.done();
}

/** Puts `html`, the same edition in the same look, into what is seen. `source` is where it would be loaded from, `again` loads it
 *  where that will not do. */
export function put(where, html, version, source, { done, again }) {
  if (!where.frame && !where.coming) { again(); return; }
  where.put = { html, version };
  where.source = source;
  where.done = done;
  where.again = again;
  if (!where.coming) give(where);
}

/** What is put at once is put in one go, so that it is drawn in one frame. */
let puts = [];
const encoder = new TextEncoder();
function give(where) {
  const { html, version } = where.put;
  if (puts.push({ put: where.frame.name, bytes: encoder.encode(html).buffer, version }) > 1) return;
  queueMicrotask(() => { order({ puts }); puts = []; });
}

/** Leaves a place. */
export function leave(where) {
  forget(where.frame);
  forget(where.coming);
  where.frame = null;
  where.coming = null;
}

function forget(frame) {
  if (!frame) return;
  if (places.delete(frame.name)) order({ gone: [frame.name] });
  frame.remove();
}

addEventListener('message', (event) => {
  if (!hand || event.source !== hand.contentWindow || event.origin !== state.newsroom.stage) return;
  const said = event.data || {};
  if (said.ready) { ready = true; for (const words of waiting.splice(0)) order(words); }
  if (said.dressed) { const where = places.get(said.dressed); if (where?.coming?.name === said.dressed) arrive(where, where.coming); }
  for (const { put: name, version, done } of said.puts ?? []) {
    const where = places.get(name);
    if (where?.frame?.name !== name || where.put?.version !== version) continue;
    where.put = null;
    if (done) where.done(); else where.again();
  }
  if (said.key || said.link) heard(said);
});
