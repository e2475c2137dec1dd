import type { Figure, Goal, Spread } from './row.js';

/** A figure as people read it: three digits that count, no more. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-GB', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  });
}

export function valueText({ value, unit }: Figure): string {
  return unit === '×' ? `${numberText(value)} ×` : `${numberText(value)} ${unit}`;
}

export function spreadText(spread: Spread | null): string {
  return spread === null ? '' : `${numberText(spread.low)} – ${numberText(spread.high)}`;
}

export function goalText(goal: Goal | null): string {
  if (goal === null) return '';
  return 'atLeast' in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
}

export function metText(met: boolean | null): string {
  return met === null ? '' : met ? 'yes' : 'no';
}
