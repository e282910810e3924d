// Makes what is shown the same as what should be, and touches nothing that is the same already: it keeps its place, what is
// selected in it and what has the focus. Used by the desk for its own parts, and on the stage for editions.

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;

/** Makes `old` the same as `next`, of which nodes are taken. What is `whole` is never mended, but replaced if it is another:
 *  something hangs on it that cannot be seen, such as what a click on it does. */
export function merge(old, next, whole = () => false) {
  if (old.nodeType !== 1) { write(old, next.nodeValue); return; }
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  mergeChildren(old, [...next.childNodes], whole);
}

/** Writes the letters that differ, and none beside them: who has selected other words of the paragraph keeps them. */
function write(old, text) {
  const was = old.nodeValue;
  if (was === text) return;
  const most = Math.min(was.length, text.length);
  let start = 0;
  while (start < most && was[start] === text[start]) start += 1;
  let end = 0;
  while (end < most - start && was[was.length - 1 - end] === text[text.length - 1 - end]) end += 1;
  old.replaceData(start, was.length - start - end, text.slice(start, text.length - end));
}

/** Makes `is` the children of `old`. */
export function mergeChildren(old, is, whole = () => false) {
  const was = [...old.childNodes];
  let start = 0;
  while (start < was.length && start < is.length && was[start].isEqualNode(is[start])) start += 1;
  let end = 0;
  while (end < was.length - start && end < is.length - start && was[was.length - 1 - end].isEqualNode(is[is.length - 1 - end])) end += 1;
  const gone = was.slice(start, was.length - end);
  const come = is.slice(start, is.length - end);
  const behind = was[was.length - end] ?? null;
  for (const [at, node] of come.entries()) {
    if (at >= gone.length) old.insertBefore(node, behind);
    else if (gone[at].isEqualNode(node)) continue;
    else if (alike(gone[at], node) && !whole(gone[at])) merge(gone[at], node, whole);
    else gone[at].replaceWith(node);
  }
  for (const node of gone.slice(come.length)) node.remove();
}
