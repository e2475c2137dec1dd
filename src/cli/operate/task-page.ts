import type { WireRecord } from '../../client/index.js';
import { bar } from '../print/bar.js';
import { cleanJson, cleanLine, cleanLines } from '../print/clean-text.js';
import { count, duration } from '../print/figures.js';
import type { Output } from '../print/output.js';
import { isOver, itemsCell, leftCell, rateCell, statusCell } from './task-cells.js';

const BAR_CELLS = 20;
const LABEL_CELLS = 12;

/** Everything of a record, for people. `now` in epoch seconds. */
export function taskPage(record: WireRecord, now: number, output: Output): string[] {
  const { started_at: startedAt, completed_at: completedAt } = record;
  const end = completedAt ?? now;
  return [
    `${output.paint('bold', cleanLine(record.task_id))}  ${cleanLine(record.task_type)}  ${statusCell(record, output)}`,
    ...field('stage', record.stage),
    ...field('progress', progressOf(record)),
    ...field('resource', record.resource_id),
    ...field('group', record.group),
    ...field('priority', record.priority === 0 ? null : String(record.priority)),
    ...field('rerun of', record.rerun_of),
    ...field('submitted', moment(record.created_at, now)),
    ...field(
      'started',
      startedAt === null ? null : `${moment(startedAt, now)}, after ${duration(startedAt - record.created_at)}`,
    ),
    ...field('ended', completedAt === null ? null : moment(completedAt, now)),
    ...field('took', startedAt === null ? null : duration(end - startedAt)),
    ...field('meta', record.meta === null ? null : cleanJson(record.meta)),
    ...resultLines(record),
    ...errorLines(record, output),
    ...failedItemLines(record),
    ...messageLines(record),
  ];
}

/** How far it is, in a line: `running   45 %  450/1,000  120/s  4 s left`. */
export function taskLine(record: WireRecord, output: Output): string {
  return [cleanLine(record.task_id), statusCell(record, output), cleanLine(record.stage ?? ''), progressFigures(record)]
    .filter((part) => part !== '')
    .join('  ');
}

function field(label: string, value: string | null): string[] {
  return value === null || value === '' ? [] : [`  ${label.padEnd(LABEL_CELLS)}${cleanLine(value)}`];
}

function moment(at: number, now: number): string {
  return `${new Date(at * 1_000).toISOString()}, ${duration(now - at)} ago`;
}

function progressOf(record: WireRecord): string {
  const drawn = bar(record.progress, BAR_CELLS);
  const figures = figuresOf(record).join(', ');
  return [drawn, figures].filter((part) => part !== '').join('   ');
}

function progressFigures(record: WireRecord): string {
  const percent = record.progress === null ? [] : [`${Math.floor(record.progress * 100)} %`];
  return [...percent, ...figuresOf(record)].join('  ');
}

function figuresOf(record: WireRecord): string[] {
  const left = leftCell(record);
  return [itemsCell(record), rateCell(record), left === '' ? '' : `${left} left`].filter((part) => part !== '');
}

function resultLines(record: WireRecord): string[] {
  if (record.status !== 'completed') return [];
  return field(
    'result',
    record.result_omitted ? 'left out: too large, or nothing that JSON can say' : cleanJson(record.result),
  );
}

function errorLines({ error, error_code: code }: WireRecord, output: Output): string[] {
  if (error === null) return [];
  const [first = '', ...rest] = cleanLines(error);
  return [
    `  ${'error'.padEnd(LABEL_CELLS)}${output.paint('red', cleanLine(code ?? ''))} ${first}`,
    ...rest.map((line) => `${' '.repeat(LABEL_CELLS + 2)}${line}`),
  ];
}

function failedItemLines({ failed_items: { count: all, items } }: WireRecord): string[] {
  if (all === 0) return [];
  const shown = items.length < all ? `, the first ${count(items.length)} of them:` : ':';
  return [
    `  ${count(all)} failed ${all === 1 ? 'item' : 'items'}${shown}`,
    ...items.map(({ index, error, error_code: code }) => `    #${index}  ${cleanLine(code)}  ${cleanLine(error)}`),
  ];
}

function messageLines(record: WireRecord): string[] {
  const { messages } = record;
  if (messages.length === 0) return [];
  return [
    isOver(record) ? '  messages:' : '  messages so far:',
    ...messages.map(({ at, text }) => `    ${new Date(at * 1_000).toISOString().slice(11, 23)}  ${cleanLine(text)}`),
  ];
}
