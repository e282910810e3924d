// Left: the releases.

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
