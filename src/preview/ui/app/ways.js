// Middle, above: for whom, by which channel and in which language the edition is shown.

function ways() { return state.release?.editions ?? []; }

/** Keeps what is chosen where the release has it, and takes the nearest where it has not. */
function settle() {
  const { at } = state;
  const all = ways();
  const pick = (list, key) => (list.some((way) => way[key] === at[key]) ? at[key] : list[0]?.[key] ?? null);
  at.audience = pick(all, 'audience');
  const by = all.filter((way) => way.audience === at.audience);
  at.channel = pick(by, 'channel');
  const through = by.filter((way) => way.channel === at.channel);
  at.language = pick(through, 'language');
  if (!through.some((way) => way.language === at.language && way.advance === at.advance)) at.advance = false;
  const notices = state.release?.notices ?? [];
  if (!notices.includes(at.notice)) at.notice = notices[0] ?? null;
}

/** One row of choices, of which one is taken. */
function seg(name, choices, chosen, choose, tight) {
  return h('div', { class: tight ? 'seg tight' : 'seg', role: 'tablist', 'aria-label': name },
    choices.map(([value, ...label]) => h('button', {
      role: 'tab', 'aria-selected': String(value === chosen), title: typeof label.at(-1) === 'object' && label.length === 1 ? value : null,
      onclick: () => choose(value),
    }, ...label)));
}
const unique = (list) => [...new Set(list)];

function drawHead() {
  const { release } = state;
  if (!release) { $('head').replaceChildren(); $('ways').replaceChildren(); return; }
  const publish = release.publish;
  $('head').replaceChildren(
    h('div', { class: 'over' },
      h('span', { class: `pill ${release.status}` }, STATUS[release.status]),
      publish ? h('time', { datetime: publish.utc }, `${publish.day}, ${publish.time} ${publish.zone}`) : 'no date yet',
      h('code', null, release.slug)),
    h('h1', null, release.title));
  const all = ways();
  if (!all.length) { $('ways').replaceChildren(); return; }
  const { at, look } = state;
  const audiences = unique(all.map((way) => way.audience));
  const tabs = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Audiences' }, audiences.map((key) => h('button', {
    role: 'tab', 'aria-selected': String(key === at.audience), onclick: () => go({ audience: key }),
  }, all.find((way) => way.audience === key).audience_name)));
  const by = all.filter((way) => way.audience === at.audience);
  const channels = unique(by.map((way) => way.channel));
  const through = by.filter((way) => way.channel === at.channel);
  const languages = unique(through.map((way) => way.language));
  const kind = through[0]?.kind;
  const framed = kind === 'smtp' || kind === 'newsroom';
  const advance = through.some((way) => way.language === at.language && way.advance);
  const controls = [
    seg('Channel', channels.map((key) => [key, icon(KIND_ICON[by.find((way) => way.channel === key).kind]), key]), at.channel, (channel) => go({ channel })),
    languages.length > 1 ? seg('Language', languages.map((key) => [key, h('span', { class: 'lang' }, key)]), at.language, (language) => go({ language })) : null,
    release.notices.length > 1 ? seg('Notice', release.notices.map((key) => [key, key[0].toUpperCase() + key.slice(1)]), at.notice, (notice) => go({ notice })) : null,
    advance ? seg('Embargo', [[true, 'Advance'], [false, 'Release']], at.advance, (value) => go({ advance: value })) : null,
    h('span', { class: 'grow' }),
    kind === 'smtp' ? seg('Part', [['html', 'Mail'], ['text', 'Text'], ['headers', 'Headers']], look.part, (value) => see({ part: value })) : null,
    framed && (kind === 'newsroom' || look.part === 'html') ? seg('Reader’s colours', [[false, icon('sun')], [true, icon('moon')]], look.dark, (value) => see({ dark: value }), true) : null,
    framed ? seg('Width', [['desktop', icon('desktop')], ['phone', icon('phone')]], look.width, (value) => see({ width: value }), true) : null,
  ];
  for (const [node, names] of [[controls[6], ['Light', 'Dark']], [controls[7], ['Desktop', 'Phone']]]) {
    node?.querySelectorAll('button').forEach((button, index) => { button.title = names[index]; button.setAttribute('aria-label', names[index]); });
    node?.classList.add('wide');
  }
  controls[6]?.classList.remove('wide');
  $('ways').replaceChildren(tabs, h('div', { class: 'controls' }, controls.filter(Boolean)));
}
