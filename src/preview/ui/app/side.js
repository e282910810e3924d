// Right: findings and times.

function findingCard(finding) {
  const lines = finding.excerpt.flatMap(([number, text]) => {
    if (number !== finding.line) return [h('div', { class: 'l' }, h('i', null, String(number)), text || ' ')];
    const signs = [...text];
    const from = finding.column - 1;
    const to = Math.min(signs.length, from + finding.width);
    const blank = signs.slice(0, from).map((sign) => (sign === '\t' ? '\t' : ' ')).join('');
    return [
      h('div', { class: 'l hit' }, h('i', null, String(number)), signs.slice(0, from).join(''), h('em', null, signs.slice(from, to).join('')), signs.slice(to).join('') || ' '),
      h('div', { class: 'l caret', 'aria-hidden': 'true' }, h('i', null, ''), blank + '^'.repeat(Math.max(1, to - from))),
    ];
  });
  const place = `${finding.file}:${finding.line}:${finding.column}`;
  return h('article', { class: `finding ${finding.severity}` },
    h('div', { class: 'code' }, h('span', null, finding.code), h('button', { class: 'place', title: `${place}: copy`, onclick: () => copy(place) }, `${finding.file.split('/').at(-1)}:${finding.line}`)),
    h('p', null, finding.message),
    finding.excerpt.length ? h('div', { class: 'source' }, lines) : null,
    finding.hint ? h('p', { class: 'hint' }, finding.hint) : null);
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
function fromNow(utc) {
  const seconds = (Date.parse(utc) - Date.now()) / 1000;
  for (const [unit, length] of [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]]) {
    if (Math.abs(seconds) >= length * (unit === 'week' ? 2 : 1)) return relative.format(Math.round(seconds / length), unit);
  }
  return 'now';
}
const utcWords = (utc) => `${utc.slice(0, 10)} ${utc.slice(11, 16)} UTC`;

function findingsSection(title, findings) {
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  return h('section', null,
    h('h2', null, title, badge({ errors, warnings: findings.length - errors })),
    findings.length ? findings.map(findingCard) : h('p', { class: 'fine' }, icon('check'), 'Nothing found. It reads well.'));
}

function drawSide() {
  const { release, at } = state;
  const side = $('side');
  const scroll = side.scrollTop;
  const sections = [];
  if (state.generalFindings) sections.push(findingsSection('Settings, audiences, templates', state.generalFindings));
  if (release) {
    if (!state.generalFindings) sections.push(findingsSection('Findings', release.findings));
    if (release.times.length) {
      sections.push(h('section', null, h('h2', null, 'Times'), h('dl', { class: 'times' }, release.times.flatMap((moment) => [
        h('dt', null, moment.name),
        h('dd', null, h('b', null, `${moment.day}, ${moment.time} ${moment.zone}`), h('small', null, `${utcWords(moment.utc)} · ${fromNow(moment.utc)}`)),
      ]))));
    }
    if (release.due.length) {
      const kinds = new Map(release.editions.map((way) => [way.channel, way.kind]));
      const names = new Map(release.editions.map((way) => [way.audience, way.audience_name]));
      const draft = release.status !== 'approved';
      sections.push(h('section', null, h('h2', null, draft ? 'Would leave' : 'Leaves'), h('div', { class: 'due' }, release.due.map((due) => {
        const here = due.audience === at.audience && due.channel === at.channel && due.language === at.language && due.advance === at.advance;
        const why = due.reason || (due.action === 'blocked' ? 'blocked' : null);
        return h('button', { class: here ? 'd here' : 'd', title: `${due.day}, ${due.time} ${due.zone} · ${utcWords(due.utc)}`, onclick: () => { go({ audience: due.audience, channel: due.channel, language: due.language, advance: due.advance }); pane('main'); } },
          icon(KIND_ICON[kinds.get(due.channel)] || 'file'),
          h('b', null, names.get(due.audience) || due.audience),
          h('time', { datetime: due.utc }, `${due.day.split(' ').slice(1, 3).join(' ')}, ${due.time}`),
          h('small', { class: due.action === 'blocked' ? 'blocked' : null }, [due.channel, due.language.toUpperCase(), due.advance ? 'advance copy' : null, why].filter(Boolean).join(' · ')));
      })), h('p', { class: 'note' }, `On the newsroom’s clock, ${state.newsroom.timezone}. Recipients stand in the contact book, which the preview does not read; “dateline plan” counts them.`)));
    }
  }
  side.replaceChildren(...sections);
  side.scrollTop = scroll;
  const counts = state.release ? badge(state.release).filter(Boolean) : [];
  const shown = document.body.dataset.pane;
  $('panes').replaceChildren(...[['rail', 'Releases', 'list'], ['main', 'Preview', 'eye'], ['side', 'Findings', 'flag']].map(([to, name, sign]) => h('button', { 'data-to': to, 'aria-current': String(shown === to), onclick: () => pane(to) }, icon(sign), name, ...(to === 'side' ? counts : []))));
}
