import type { WireRecord, WireStats } from '../../client/index.js';
import { bar } from '../print/bar.js';
import { cleanLine } from '../print/clean-text.js';
import { count, duration } from '../print/figures.js';
import type { Output } from '../print/output.js';
import { printedTable } from '../print/table.js';
import type { Overview } from './overview.js';
import { itemsCell, leftCell, rateCell, statusCell } from './task-cells.js';

const NO_TASKS = 'No tasks to show; --all shows settled ones too.';

/** `treadle ps` for people. `now` in epoch seconds. */
export function overviewLines({ stats, tasks, more }: Overview, now: number, output: Output): string[] {
  const types = typeLines(stats, now, output);
  return [
    ...headLines(stats, now, output),
    ...(types.length === 0 ? [] : ['', ...types]),
    '',
    ...(tasks.length === 0 ? [NO_TASKS] : taskLines(tasks, now, output)),
    ...(more ? ['… and more: see --limit, --status and --type'] : []),
  ];
}

function headLines(stats: WireStats, now: number, output: Output): string[] {
  const { pending, running, cancelling, completed, failed, cancelled, threads, closing } = stats;
  const overdue = threads.overdue === 0 ? '' : `, ${output.paint('red', `${threads.overdue} OVERDUE`)}`;
  const lines = [
    `${count(running)} running, ${count(cancelling)} cancelling, ${count(pending)} pending; ` +
      `${count(completed)} completed, ${count(failed)} failed, ${count(cancelled)} cancelled`,
    `${count(running + cancelling)} of ${count(stats.max_concurrent)} slots, ` +
      `${count(threads.busy)} of ${count(threads.max)} threads busy${overdue}; ${count(stats.history)} settled ones kept`,
  ];
  if (stats.paused) lines.push(`${output.paint('yellow', 'PAUSED')}: nothing further begins until \`treadle resume\``);
  if (closing !== null) lines.push(closingLine(closing, now, output));
  return lines;
}

function closingLine(closing: NonNullable<WireStats['closing']>, now: number, output: Output): string {
  const { since, deadline, waiting_for: ids } = closing;
  const left = deadline === null ? '' : `, at most ${duration(deadline - now)} more`;
  const waits = ids.length === 0 ? 'for nothing any more' : `for ${ids.map(cleanLine).join(', ')}`;
  return `${output.paint('yellow', 'CLOSING')} for ${duration(now - since)}${left}: waits ${waits}`;
}

function typeLines({ types }: WireStats, now: number, output: Output): string[] {
  const rows = Object.entries(types)
    .filter(
      ([, each]) => each.pending + each.running + each.cancelling + each.completed + each.failed + each.cancelled > 0,
    )
    .map(([name, each]) => [
      cleanLine(name),
      count(each.pending),
      each.oldest_pending_at === null ? '' : duration(now - each.oldest_pending_at),
      count(each.running + each.cancelling),
      count(each.completed),
      count(each.cancelled),
      each.failed === 0 ? '0' : output.paint('red', count(each.failed)),
      Object.entries(each.failures)
        .map(([code, times]) => `${cleanLine(code)} ${count(times)}`)
        .join(', '),
    ]);
  if (rows.length === 0) return [];
  return printedTable(
    [
      { title: 'TYPE', shrinkTo: 12 },
      { title: 'PENDING', align: 'right' },
      { title: 'OLDEST', align: 'right' },
      { title: 'RUNNING', align: 'right' },
      { title: 'COMPLETED', align: 'right', drop: 1 },
      { title: 'CANCELLED', align: 'right', drop: 2 },
      { title: 'FAILED', align: 'right' },
      { title: 'FAILURES', shrinkTo: 30 },
    ],
    rows,
    output,
  );
}

function taskLines(tasks: readonly WireRecord[], now: number, output: Output): string[] {
  // Where there is little room, figures say more.
  const barCells = output.columns < 100 ? 0 : 12;
  const rows = tasks.map((record) => [
    cleanLine(record.task_id),
    cleanLine(record.task_type),
    statusCell(record, output),
    cleanLine(record.resource_id ?? ''),
    cleanLine(record.stage ?? ''),
    bar(record.progress, barCells),
    itemsCell(record),
    rateCell(record),
    leftCell(record),
    duration(now - record.created_at),
  ]);
  return printedTable(
    [
      { title: 'TASK' },
      { title: 'TYPE', shrinkTo: 12 },
      { title: 'STATUS', shrinkTo: 10 },
      { title: 'RESOURCE', shrinkTo: 8, drop: 2 },
      { title: 'STAGE', shrinkTo: 8, drop: 1 },
      { title: 'PROGRESS' },
      { title: 'ITEMS', align: 'right' },
      { title: 'RATE', align: 'right', drop: 3 },
      { title: 'LEFT', align: 'right' },
      { title: 'AGE', align: 'right' },
    ],
    rows,
    output,
  );
}
