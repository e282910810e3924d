// Right: findings, times, the plan; and the inbox of whoever looks.

import { $, h, icon, kindIcon, redraw, toast } from './dom.js';
import { state, wayKey } from './store.js';
import { open, pane } from './moves.js';
import { badges } from './rail.js';
import { fromNow, now, plural, shortDay, utcWords } from './words.js';

async function copy(text) {
  try { await navigator.clipboard.writeText(text); toast(`Copied ${text}`); } catch { toast(text); }
}

function findingCard(finding) {
  const lines = finding.excerpt.flatMap(([number, text]) => {
    if (number !== finding.line) return [h('div', { class: 'l' }, h('i', null, String(number)), text || ' ')];
    const signs = [...text];
    const from = finding.column - 1;
    const to = Math.min(signs.length, from + finding.width);
    return [h('div', { class: 'l hit' }, h('i', null, String(number)), signs.slice(0, from).join(''), h('mark', null, signs.slice(from, to).join('')), signs.slice(to).join('') || ' ')];
  });
  const place = `${finding.file}:${finding.line}:${finding.column}`;
  const short = `${finding.file.split('/').at(-1)}:${finding.line}`;
  return h('div', { class: `finding ${finding.severity}` },
    h('p', { class: 'code' }, h('span', null, finding.severity === 'error' ? 'Error' : 'Warning', ' · ', finding.code)),
    h('p', { class: 'message' }, finding.message),
    finding.excerpt.length ? h('div', { class: 'lines', tabindex: '0', role: 'group', 'aria-label': `Line ${finding.line} of ${finding.file}` }, lines) : null,
    finding.hint ? h('p', { class: 'hint' }, finding.hint) : null,
    h('p', { class: 'jump' },
      finding.opens ? h('a', { class: 'place', href: finding.opens, title: `Open ${place} in the editor` }, icon('pen', 13), `Open ${short}`) : null,
      h('button', { class: 'place', title: `Copy ${place}`, onclick: () => copy(place) }, finding.opens ? 'Copy' : `Copy ${short}`)));
}

function findingsSection(title, findings, fine) {
  if (!findings.length && !fine) return null;
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  return h('section', { class: 'findings' },
    h('h2', null, title, badges({ errors, warnings: findings.length - errors })),
    findings.length ? findings.map(findingCard) : h('p', { class: 'fine' }, icon('check'), fine));
}

const ACTIONS = { create: 'new', update: 'changed', correct: 'corrects', kill: 'withdraws', none: 'issued', blocked: 'blocked' };

function planSection() {
  const { release, plan } = state;
  const kinds = new Map(release.editions.map((way) => [way.channel, way.kind]));
  const names = new Map(release.editions.map((way) => [way.audience, way.audience_name]));
  const planned = plan?.counted;
  const groups = planned ? plan.groups : release.due;
  if (!groups.length && !(planned && plan.left_out.length)) return null;
  const draft = release.status !== 'approved';
  return h('section', { class: 'plan' }, h('h2', null, planned ? 'The plan as of now' : draft ? 'Would leave' : 'Leaves'),
    plan?.trouble ? h('p', { class: 'note' }, plan.trouble) : null,
    h('ul', { class: 'due' }, groups.map((due) => {
      const action = due.action ? ACTIONS[due.action] : null;
      const why = due.reason;
      return h('li', null, h('button', { class: 'd', 'data-way': wayKey(due), title: `${due.day ?? due.due.day}, ${due.time ?? due.due.time} · ${utcWords(due.utc ?? due.due.utc)}`, onclick: () => { open(due); pane('main'); } },
        kindIcon(kinds.get(due.channel)),
        h('b', null, names.get(due.audience) || due.audience),
        h('time', { datetime: due.utc ?? due.due.utc }, shortDay(due.due ?? due)),
        h('small', null, [due.channel, due.language.toUpperCase(), due.advance ? 'advance copy' : null, due.round_up ? 'round-up' : null, planned ? plural(due.recipients, 'recipient') : null].filter(Boolean).join(' · '),
          action ? h('span', { class: `action ${due.action}` }, action) : null),
        why ? h('small', { class: due.action === 'blocked' ? 'why blocked' : 'why' }, why) : null));
    })),
    planned && plan.left_out.length ? h('details', { open: $('side').querySelector('details')?.open }, h('summary', null, `${plural(plan.left_out.reduce((sum, out) => sum + out.contacts, 0), 'contact')} left out`), h('ul', { class: 'left-out' }, plan.left_out.map((out) => h('li', null, h('b', null, String(out.contacts)), ` of ${names.get(out.audience) || out.audience} ${out.reason}`)))) : null,
    planned ? null : h('p', { class: 'note' }, `On the newsroom’s clock, ${state.newsroom.timezone}. Without a contact book nobody can be counted.`));
}

function inboxSection() {
  const { person } = state;
  if (!person) return null;
  return h('section', { class: 'inbox-of' }, h('h2', null, `${person.name}, ${state.at === null ? 'now' : fromNow(state.at)}`),
    h('p', { class: 'note' }, [person.address, ...person.fields.map(([name, value]) => `${name} ${value}`), person.embargo_ok ? 'keeps embargoes' : null].filter(Boolean).join(' · ') || 'Nothing more is known.'),
    person.inbox.length ? h('ul', { class: 'due' }, person.inbox.map((mail) => h('li', null, h('a', { class: mail.slug === state.slug ? 'd here' : 'd', href: `#/${encodeURIComponent(mail.slug)}?who=${encodeURIComponent(state.who)}` }, icon('mail'), h('b', null, mail.title), h('time', { datetime: mail.local.utc }, shortDay(mail.local)), h('small', null, [mail.language.toUpperCase(), mail.advance ? 'advance copy' : null, `${mail.local.zone}`].filter(Boolean).join(' · '))))))
      : h('p', { class: 'note' }, 'No mail of the last weeks by then.'));
}

export function drawSide() {
  const { release } = state;
  const side = $('side');
  const scroll = side.scrollTop;
  const sections = [];
  if (state.generalFindings) sections.push(findingsSection('Settings, audiences, templates', state.generalFindings, 'Nothing found.'));
  if (release && state.view !== 'calendar') {
    if (!state.generalFindings) {
      const facts = release.findings.filter((finding) => finding.code.startsWith('fact-'));
      sections.push(findingsSection('Findings', release.findings.filter((finding) => !finding.code.startsWith('fact-')), facts.length ? null : 'Nothing found. It reads well.'));
      sections.push(findingsSection('Names and figures that differ', facts));
    }
    sections.push(inboxSection());
    if (release.times.length) {
      sections.push(h('section', null, h('h2', null, 'Times'), h('dl', { class: 'times' }, release.times.flatMap((moment) => [
        h('dt', null, moment.name),
        h('dd', null, h('b', null, `${moment.day}, ${moment.time} ${moment.zone}`), h('small', null, `${utcWords(moment.utc)} · ${fromNow(Date.parse(moment.utc), now())}`)),
      ]))));
    }
    sections.push(planSection());
  }
  redraw(side, sections);
  side.scrollTop = scroll;
  drawPanes();
}

export function drawPanes() {
  const shown = document.body.dataset.pane;
  const row = state.release ?? { errors: 0, warnings: 0 };
  const focused = document.activeElement?.closest('#panes')?.contains(document.activeElement) ? document.activeElement.dataset.to : null;
  $('panes').replaceChildren(...[['rail', 'Releases', 'list'], ['main', 'Preview', 'eye'], ['side', 'Findings', 'flag']].map(([to, name, sign]) => h('button', { 'data-to': to, 'aria-current': shown === to ? 'true' : null, onclick: () => pane(to) }, icon(sign), name, ...(to === 'side' ? badges(row).filter(Boolean) : []))));
  if (focused) $('panes').querySelector(`[data-to="${focused}"]`)?.focus();
}
