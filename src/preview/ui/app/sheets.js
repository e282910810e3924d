// What stands on the stage: a mail, a post, JSON.

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
