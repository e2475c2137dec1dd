import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventLog, frameOf } from '../../dist/http/event-log.js';
import { EventStream } from '../../dist/http/event-stream.js';
import type { EventSubject } from '../../dist/http/event-subject.js';
import { openingAt, openingOfAll } from '../../dist/http/event-opening.js';
import { ProgressBoard } from '../../dist/http/progress-board.js';
import { ManualClock } from '../support/manual-clock.js';

const subject = (owner: string | null): EventSubject => ({ taskId: 't', type: 'x', owner, group: null });
const line = (text: string) => ({ task_id: 't', task_type: 'x', at: 1, text });
const EVERYTHING = { taskId: null, owner: null, type: null, group: null };

test('keeps the newest events that there is room for, and counts bytes of UTF-8', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 20 }),
      (maxBytes, texts) => {
        const log = new EventLog(maxBytes);
        const sizes: number[] = [];
        for (const text of texts) {
          const { n, frame } = log.append('log', line(text), subject(null), false);
          sizes.push(frame.byteLength);
          expect(frame.toString()).toBe(frameOf('log', line(text), log.newestId).toString());
          expect(n).toBe(sizes.length);
          const kept = sizes.slice(log.first - 1);
          const total = kept.reduce((sum, size) => sum + size, 0);
          expect(log.bytes).toBe(total);
          expect(total <= maxBytes || kept.length === 1).toBe(true);
          // Nothing goes that there is room for.
          if (log.first > 1) expect(total + (sizes[log.first - 2] as number)).toBeGreaterThan(maxBytes);
          expect(log.get(log.first - 1)).toBeUndefined();
          expect(log.get(log.first)?.n).toBe(log.first);
        }
      },
    ),
  );
});

test('takes the memory that it counts, whatever else is copied meanwhile', () => {
  const log = new EventLog(2 ** 20);
  const kept = new Map<ArrayBufferLike, number>();
  for (let at = 0; at < 100; at++) {
    const { frame } = log.append('log', line(`line ${at}`), subject(null), false);
    // As each reader gets a copy.
    for (let reader = 0; reader < 100; reader++) Buffer.concat([frame]);
    kept.set(frame.buffer, frame.buffer.byteLength);
  }
  expect([...kept.values()].reduce((sum, bytes) => sum + bytes, 0)).toBe(log.bytes);
});

test('knows its own places alone', () => {
  const log = new EventLog(300);
  const start = log.newestId;
  expect(log.placeOf(start)).toBe(0);
  while (log.first < 4) log.append('log', line('a line'), subject(null), false);
  expect(log.placeOf(start)).toBe('expired');
  expect(log.placeOf(log.newestId)).toBe(log.newest);
  const epoch = start.slice(0, -2);
  expect(log.placeOf(`${epoch}-${log.first - 1}`)).toBe(log.first - 1);
  expect(log.placeOf(`${epoch}-${log.first - 2}`)).toBe('expired');
  for (const id of [
    `${epoch}-${log.newest + 1}`,
    `${epoch}-01`,
    `${epoch}-1e0`,
    `${epoch}- 1`,
    epoch,
    '',
    '-',
    '1',
    'x-1',
  ]) {
    expect([id, log.placeOf(id)]).toEqual([id, 'unknown']);
  }
  expect(new EventLog(300).placeOf(start)).toBe('unknown');
});

test('the data of an event is one line, whatever is in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const lines = frameOf('log', line(text), 'e-1')
        .toString()
        .split(/\r\n|\r|\n/);
      expect(lines.slice(0, 2)).toEqual(['id: e-1', 'event: log']);
      expect(lines.slice(3)).toEqual(['', '']);
      expect(JSON.parse((lines[2] as string).slice('data: '.length))).toEqual(JSON.parse(JSON.stringify(line(text))));
    }),
  );
});

/** One step of a reader's life, or of the server's. */
type Step = { kind: 'event'; owner: string; burst: boolean } | { kind: 'read' } | { kind: 'leave' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      owner: fc.constantFrom('ann', 'ben'),
      burst: fc.boolean(),
    }),
    weight: 5,
  },
  { arbitrary: fc.constant({ kind: 'read' as const }), weight: 2 },
  { arbitrary: fc.constant({ kind: 'leave' as const }), weight: 1 },
);

test('a reader that goes away at any moment and comes back with its last id gets each event once, or a reset', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 150 }),
      fc.integer({ min: 100, max: 6_000 }),
      fc.constantFrom(null, 'ann'),
      fc.integer({ min: 0, max: 3_000 }),
      async (steps, logBytes, owner, maxBehindBytes) => {
        const log = new EventLog(logBytes);
        const progress = new ProgressBoard(new ManualClock(), 100, () => {});
        let lastId = log.newestId;
        /** What the reader should see, and what it has seen since the last reset. */
        let expected: string[] = [];
        let seen: string[] = [];
        let reader = open();
        let made = 0;
        for (const next of steps) {
          if (next.kind === 'event') {
            const { owner: whose, burst } = next;
            const text = `${made++}`;
            if (owner === null || owner === whose) expected.push(text);
            const entry = log.append('log', line(text), subject(whose), false);
            reader.stream.onEntry(entry, { bytes: burst ? Infinity : 0 });
          } else if (next.kind === 'leave') {
            await reader.leave();
            reader = open();
          } else {
            await reader.read();
          }
        }
        for (let tries = 0; reader.over || !caughtUp(); tries++) {
          expect(tries).toBeLessThan(1_000);
          if (reader.over) reader = open();
          await reader.read();
        }
        expect(seen).toEqual(expected);

        function caughtUp(): boolean {
          return seen.length === expected.length;
        }

        function open() {
          const place = log.placeOf(lastId);
          const opening = typeof place === 'number' ? openingAt(place) : openingOfAll(log, place);
          const state = { over: false };
          const stream = new EventStream({ log, progress }, opening, {
            filter: { ...EVERYTHING, owner },
            maxBehindBytes,
            reopen: () => openingOfAll(log, 'expired'),
            breakConnection: null,
            onOver: () => {
              state.over = true;
            },
          });
          const body = stream.body.getReader();
          let reading: Promise<void> | null = null;
          return {
            stream,
            get over() {
              return state.over;
            },
            // One that was dropped is gone already.
            leave: () => body.cancel().catch(() => {}),
            /** Takes one piece, where there is one by now. */
            read: async () => {
              reading ??= body.read().then(
                ({ value }) => {
                  reading = null;
                  if (value !== undefined) take(Buffer.from(value).toString());
                },
                () => {
                  reading = null;
                },
              );
              for (let turn = 0; turn < 10; turn++) await Promise.resolve();
            },
          };
        }

        function take(text: string): void {
          for (const frame of text.split('\n\n').slice(0, -1)) {
            const [, id, name, data] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(frame) ?? [];
            lastId = id as string;
            if (name === 'reset') {
              // It asks for everything again: what was told until then is known.
              seen = [];
              const place = Number(id?.split('-').at(-1));
              expected = expected.filter((said) => Number(said) >= place);
            } else {
              seen.push((JSON.parse(data as string) as { text: string }).text);
            }
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
