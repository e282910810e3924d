// Words for times, sizes and states.

import { state } from './store.js';

export const STATUS = { draft: 'Draft', approved: 'Approved', held: 'Held', killed: 'Killed' };
export const ROOMS = { light: 'Light', dark: 'Dark, as the program asks', turned: 'Dark, turned by the program' };

export const plural = (count, word) => `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
export const size = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
export const unique = (list) => [...new Set(list)];

const languages = new Intl.DisplayNames('en', { type: 'language' });
export function languageName(tag) { try { return languages.of(tag); } catch { return tag; } }

export function zone() {
  const name = state.newsroom?.timezone || 'UTC';
  try { new Date().toLocaleDateString('en', { timeZone: name }); return name; } catch { return 'UTC'; }
}

/** The present by the preview's own clock. */
export const now = () => Date.now() + (state.drift || 0);
/** The instant that is looked at: the chosen one, or the present. */
export const seenAt = () => (state.at === null ? now() : state.at);

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
export function fromNow(instant, from = now()) {
  const seconds = (instant - from) / 1000;
  for (const [unit, length] of [['year', 31557600], ['month', 2629800], ['week', 604800], ['day', 86400], ['hour', 3600], ['minute', 60]]) {
    if (Math.abs(seconds) >= length * (unit === 'week' ? 2 : 1)) return relative.format(Math.round(seconds / length), unit);
  }
  return 'now';
}
/** `8 d 20 h`, `3 h 5 min`, `4:59`. */
export function countdown(milliseconds) {
  const all = Math.max(0, Math.floor(milliseconds / 1000));
  const [days, hours, minutes, seconds] = [Math.floor(all / 86400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60, all % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return `${minutes}:${String(seconds).padStart(2, '0')}`;
}
export const shortDay = (when) => `${when.day.split(' ').slice(1, 3).join(' ')}, ${when.time}`;
export const utcWords = (utc) => `${utc.slice(0, 10)} ${utc.slice(11, 16)} UTC`;
export function localWords(instant) {
  return new Date(instant).toLocaleString('en-GB', { timeZone: zone(), weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}

/** When a release may first be shown in public. */
export function lifts(row) { const when = row.embargo || row.publish; return when ? Date.parse(when.utc) : null; }
/** Whether nothing of a release may be public at the instant that is looked at. */
export function embargoed(row) {
  if (row.status === 'killed') return false;
  const instant = lifts(row);
  return instant === null ? row.status === 'draft' : instant > seenAt();
}
