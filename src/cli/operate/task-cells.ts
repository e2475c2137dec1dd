import type { WireRecord } from '../../client/index.js';
import { cleanLine } from '../print/clean-text.js';
import { count, duration, rate } from '../print/figures.js';
import type { Output, Style } from '../print/output.js';

/** Whether a task is over otherwise than it should. */
export function hasFailed({ status }: WireRecord): boolean {
  return status === 'failed' || status === 'cancelled';
}

const STYLES: { readonly [Status in WireRecord['status']]: Style } = {
  pending: 'dim',
  running: 'cyan',
  cancelling: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'yellow',
};

/** `running (attempt 2)`, `failed: TASK_TIMEOUT`. */
export function statusCell(record: WireRecord, output: Output): string {
  const { status, error_code: code, attempt, stopping } = record;
  const remarks = [
    ...(stopping === null ? [] : [`stopping: ${stopping}`]),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
  ];
  const more = `${code === null ? '' : `: ${cleanLine(code)}`}${remarks.length === 0 ? '' : ` (${remarks.join(', ')})`}`;
  return output.paint(STYLES[status], status) + more;
}

/** `620/1,000`, or `620` where nobody knows how many there are; nothing for a task without items. */
export function itemsCell({ items_done: done, items_total: total }: WireRecord): string {
  if (total === null) return done === 0 ? '' : count(done);
  return `${count(done)}/${count(total)}`;
}

export function rateCell(record: WireRecord): string {
  return isOver(record) || record.rate === null ? '' : rate(record.rate);
}

/** How long it will take still. */
export function leftCell(record: WireRecord): string {
  return isOver(record) || record.eta_seconds === null ? '' : duration(record.eta_seconds);
}

export function isOver({ completed_at: at }: WireRecord): boolean {
  return at !== null;
}
