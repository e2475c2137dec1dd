import { expect, test } from 'vitest';
import { EventLog } from '../../dist/http/event-log.js';
import { EventStream } from '../../dist/http/event-stream.js';
import { openingAt } from '../../dist/http/event-opening.js';
import { ProgressBoard } from '../../dist/http/progress-board.js';
import { ManualClock } from '../support/manual-clock.js';
import { createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import { readEvents } from './event-reader.js';
import { startApiServer } from './live-server.js';

const authenticate = () => ({ owner: 'ann' });

/** A task of ann's that is running until the gate opens, and a way to say that it got on. */
async function running(tasks: ReturnType<typeof createTestManager>) {
  const gate = new Gate();
  const task = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
  await gate.arrived();
  // Asking is what finds out that it runs.
  const { record } = task;
  const advance = (itemsDone: number): void =>
    void tasks.emit('progress', { ...record, progress: { ...record.progress, itemsDone } });
  return { task, gate, advance };
}

test('progress is told once a turn and task, the newest alone, without an id', async () => {
  const clock = new ManualClock();
  const server = await startApiServer({ api: { authenticate, clock, events: { progressEveryMs: 250 } } });
  const first = await running(server.tasks);
  const second = await running(server.tasks);
  const reader = await readEvents(server, '/events');
  const { id } = await reader.until('ready');
  const told = (): unknown[] =>
    reader.events.flatMap(({ event, id: place, data }) =>
      event === 'progress' ? [[data.task_id === first.task.id ? 1 : 2, data.items_done, place]] : [],
    );
  for (const done of [1, 2, 3]) first.advance(done);
  second.advance(10);
  clock.advance(249);
  first.advance(4);
  clock.advance(1);
  await reader.until((event) => event.event === 'progress' && event.data.items_done === 4);
  expect(told()).toEqual([
    [2, 10, null],
    [1, 4, null],
  ]);
  // What is said between turns waits for the next, and a turn has nothing to say twice.
  clock.advance(1_000);
  second.advance(11);
  clock.advance(250);
  await reader.until((event) => event.event === 'progress' && event.data.items_done === 11);
  expect(told()).toEqual([
    [2, 10, null],
    [1, 4, null],
    [2, 11, null],
  ]);
  expect(reader.lastEventId()).toBe(id);
  // Who comes back gets no progress of before, nor does anybody once the task is over.
  first.advance(5);
  first.gate.open();
  await reader.until((event) => event.event === 'completed' && event.data.task_id === first.task.id);
  clock.advance(250);
  second.gate.open();
  await reader.until((event) => event.event === 'completed' && event.data.task_id === second.task.id);
  expect(told()).toHaveLength(3);
  const again = await readEvents(server, '/events', { lastEventId: id });
  await again.until((event) => event.event === 'completed' && event.data.task_id === second.task.id);
  expect(again.events.map(({ event }) => event)).toEqual(['completed', 'completed']);
});

test('with progressEveryMs 0 each one is told at once', async () => {
  const clock = new ManualClock();
  const server = await startApiServer({ api: { authenticate, clock, events: { progressEveryMs: 0 } } });
  const { task, advance, gate } = await running(server.tasks);
  const reader = await readEvents(server, `/tasks/${task.id}/events`);
  await reader.until('snapshot');
  for (const done of [1, 2, 3]) {
    advance(done);
    await reader.until((event) => event.event === 'progress' && event.data.items_done === done);
  }
  gate.open();
  expect(await reader.over).toBe('ended');
});

test('the progress that a manager samples comes through', async () => {
  const clock = new ManualClock();
  const server = await startApiServer({ tasks: createTestManager({ clock }) });
  const gate = new Gate();
  const input = { action: 'progress' as const, steps: [[3, 4]] as const, gate: gate.buffer };
  const task = await server.tasks.submit('fault', { input, owner: 'ann' });
  const reader = await readEvents(server, `/tasks/${task.id}/events`);
  await reader.until('snapshot');
  await gate.arrived();
  clock.advance(100);
  expect(await reader.until('progress')).toMatchObject({ id: null, data: { task_id: task.id, progress: 0.75 } });
  gate.open();
  expect(await reader.over).toBe('ended');
});

test('a reader that is behind hears of progress when it has caught up, at its turn, and only of the newest', async () => {
  const clock = new ManualClock();
  const log = new EventLog(100_000);
  const streams: EventStream[] = [];
  const progress = new ProgressBoard(clock, 100, (version) => {
    for (const stream of streams) stream.onProgressTurn(version);
  });
  const filter = { taskId: null, owner: null, type: null, group: null };
  const stream = new EventStream({ log, progress }, openingAt(0), {
    filter,
    maxBehindBytes: 10_000,
    reopen: () => openingAt(0),
    breakConnection: null,
    onOver: () => {},
  });
  streams.push(stream);
  const { tasks } = await startApiServer();
  const { task, gate } = await running(tasks);
  const advance = (itemsDone: number): void => {
    const { record } = task;
    progress.put({ ...record, progress: { ...record.progress, itemsDone } });
  };
  const subject = { taskId: 'other', type: 'x', owner: null, group: null };
  const body = stream.body.getReader();
  const read = async (): Promise<string> => Buffer.from((await body.read()).value ?? []).toString();
  const say = (text: string): void =>
    void stream.onEntry(log.append('log', { task_id: 'other', task_type: 'x', at: 1, text }, subject, false), {
      bytes: 0,
    });
  say('while it does not take anything');
  advance(1);
  clock.advance(100);
  advance(2);
  clock.advance(100);
  expect(eventsIn(await read())).toEqual(['log']);
  // Now it takes everything there is, and has missed its turn: it is given another.
  const late = read();
  await Promise.resolve();
  clock.advance(99);
  say('before its turn');
  expect(eventsIn(await late)).toEqual(['log']);
  const next = read();
  await Promise.resolve();
  clock.advance(1);
  const text = await next;
  expect(eventsIn(text)).toEqual(['progress']);
  expect(text).toContain('"items_done":2');
  expect(clock.timers).toBe(0);
  gate.open();

  function eventsIn(frames: string): string[] {
    return [...frames.matchAll(/^event: (.*)$/gm)].map(([, name]) => name as string);
  }
});

test('a quiet reader does not lose its place to what is not for it', async () => {
  const server = await startApiServer({ api: { events: { replayBytes: 2_000, maxBehindBytes: 2_000 } } });
  const reader = await readEvents(server, '/events', { as: 'ann' });
  await reader.until('ready');
  const gate = new Gate();
  const mine = await server.tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
  await gate.arrived();
  const one = await readEvents(server, `/tasks/${mine.id}/events`);
  await one.until('snapshot');
  for (let at = 0; at < 30; at++) {
    const other = await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ben' });
    await other.settled();
  }
  gate.open();
  expect(await one.over).toBe('ended');
  await reader.until('completed');
  for (const { events } of [reader, one]) expect(events.map(({ event }) => event)).not.toContain('reset');
});
