import type { WireThread } from '../../client/index.js';
import { cleanLine } from '../print/clean-text.js';
import { bytes, count, duration } from '../print/figures.js';
import type { Output } from '../print/output.js';
import { printedTable } from '../print/table.js';

/** `treadle threads` for people. `now` in epoch seconds. */
export function threadLines(threads: readonly WireThread[], now: number, output: Output): string[] {
  if (threads.length === 0) return ['No threads.'];
  const rows = threads.map((thread) => [
    String(thread.thread_id),
    thread.overdue ? `${thread.state}, ${output.paint('red', 'OVERDUE')}` : thread.state,
    cleanLine(thread.task_id ?? ''),
    cleanLine(thread.task_type ?? ''),
    thread.phase ?? '',
    itemsOf(thread),
    ago(thread.since, now),
    ago(thread.last_heartbeat_at, now),
    thread.heap_used_bytes === null ? '' : bytes(thread.heap_used_bytes),
  ]);
  return printedTable(
    [
      { title: 'THREAD', align: 'right' },
      { title: 'STATE' },
      { title: 'TASK' },
      { title: 'TYPE', shrinkTo: 12 },
      { title: 'PHASE', drop: 2 },
      { title: 'ITEMS', drop: 1 },
      { title: 'FOR', align: 'right' },
      { title: 'HEARTBEAT', align: 'right' },
      { title: 'HEAP', align: 'right', drop: 3 },
    ],
    rows,
    output,
  );
}

/** `200–450`, of which the first is meant and the last is not; `1 of 12 packed`. */
function itemsOf({ items_from: from, items_to: to, packed }: WireThread): string {
  const pack = packed !== null && packed > 1 ? `1 of ${count(packed)} packed` : '';
  if (from === null || to === null) return pack;
  return `${count(from)}–${count(to)}${pack === '' ? '' : `, ${pack}`}`;
}

function ago(at: number | null, now: number): string {
  return at === null ? '' : duration(now - at);
}
