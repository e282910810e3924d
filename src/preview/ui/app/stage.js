// Middle, below: the edition. Mails and pages are in a frame of another origin.

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
