import type { TaskRecord } from '../engine/task-record.js';
import { type WireRecord, toWire } from './wire-record.js';

/**
 * How much JSON the records of a page are together, as long as there is more than one. Characters. Results are up to 64 KiB
 * of numbers each, and the event loop stands still while a page is made.
 */
const MAX_PAGE_CHARACTERS = 2 ** 20;

/** A page of records as `read` has it, and as it goes over HTTP: with fewer records where it would be too large. */
export function recordPage<Page extends { readonly records: readonly TaskRecord[] }>(
  read: (size: { readonly limit?: number }) => Page,
  limit: number | undefined,
): Page & { readonly result: readonly WireRecord[] } {
  const page = read(limit === undefined ? {} : { limit });
  const result = fitting(page.records);
  if (result.length === page.records.length) return { ...page, result };
  // Read again: so what its cursor says fits what is on it.
  const shorter = read({ limit: result.length });
  return { ...shorter, result: shorter.records.map(toWire) };
}

function fitting(records: readonly TaskRecord[]): WireRecord[] {
  const result: WireRecord[] = [];
  let characters = 0;
  for (const record of records) {
    const wire = toWire(record);
    characters += JSON.stringify(wire).length;
    if (characters > MAX_PAGE_CHARACTERS && result.length > 0) break;
    result.push(wire);
  }
  return result;
}
