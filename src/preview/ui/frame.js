// Shows one rendered edition at a time, without flicker: the next one loads behind the one that is
// seen, takes over its scroll position, and then its place. What is shown runs no scripts; this
// page is not part of it.
'use strict';

// Known with its first words; until then nothing but "ready" is said.
let parentOrigin = null;
let shown = null;
let coming = null;
let shownKey = null;

const tell = (words) => parent.postMessage(words, parentOrigin || '*');

function dress(frame) {
  const inner = frame.contentWindow;
  try {
    inner.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      tell({ key: event.key, shift: event.shiftKey });
    });
    inner.document.addEventListener('click', (event) => {
      const link = event.target.closest && event.target.closest('a[href]');
      if (!link) return;
      const address = link.getAttribute('href');
      if (address.startsWith('#')) return;
      event.preventDefault();
      tell({ link: link.href });
    });
  } catch { /* a page that the browser made itself, such as an error */ }
}

addEventListener('message', (event) => {
  if (event.source !== parent || typeof event.data !== 'object' || !event.data) return;
  parentOrigin = event.origin;
  const { load, key, dark, version, label } = event.data;
  if (typeof load !== 'string' || !load.startsWith('/edition/')) return;
  if (coming) coming.remove();
  const frame = document.createElement('iframe');
  coming = frame;
  frame.className = dark ? 'coming dark' : 'coming';
  frame.setAttribute('sandbox', 'allow-same-origin');
  frame.title = typeof label === 'string' ? label : 'Edition';
  frame.addEventListener('load', () => {
    if (coming !== frame) return;
    try {
      if (shown && shownKey === key) {
        const { scrollX, scrollY } = shown.contentWindow;
        frame.contentWindow.scrollTo({ left: scrollX, top: scrollY, behavior: 'instant' });
      }
    } catch { /* as above */ }
    dress(frame);
    frame.classList.remove('coming');
    if (shown) shown.remove();
    shown = frame;
    shownKey = key;
    coming = null;
    tell({ shown: key, version });
  });
  frame.src = load;
  document.body.append(frame);
});

tell({ ready: true });
