import { once } from 'node:events';
import { connect } from 'node:net';
import { openStore } from 'treadle/store';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryPath } from '../support/memories.js';
import { lock } from './database-lock.js';
import { type Answer, ServerProcess } from './server-process.js';

const TEXTS = ['A loom weaves cloth.', 'The treadle drives the loom.', 'Cats sleep all day.'];

/** What any of the example servers must do. @param script relative to the repository */
export function memoryServerTests(script: string): void {
  const start = (path: string = temporaryPath(), env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> =>
    ServerProcess.start(script, { DATABASE: path, ...env });

  describe(script, () => {
    it('embeds what is posted, says how far it is, and finds it in each mode', async () => {
      const server = await start();
      const { status, headers, body } = await server.post('/users/ann/memories', { texts: TEXTS });
      expect(status).toBe(202);
      expect(headers.get('location')).toBe(`/users/ann/tasks/${body.taskId}`);
      const task = await server.settled(`/users/ann/tasks/${body.taskId}`);
      expect(task).toMatchObject({
        taskId: body.taskId,
        status: 'completed',
        progress: { itemsDone: 3, itemsTotal: 3, fraction: 1 },
        result: { stored: 3, skipped: 0 },
        error: null,
      });
      for (const mode of ['text', 'vector', 'hybrid']) {
        const found = await server.get(`/users/ann/search?q=which+looms+are+weaving&mode=${mode}&limit=1`);
        expect([mode, found.status, found.body.hits.length]).toEqual([mode, 200, 1]);
        expect(found.body.hits[0]).toMatchObject({ content: TEXTS[0], snippet: { text: TEXTS[0] } });
        expect(Object.keys(found.body.hits[0].lists)).toEqual(mode === 'hybrid' ? ['text', 'vector'] : [mode]);
      }
      expect((await server.get('/users/ann/search?q=loom')).body.hits).toHaveLength(3);
    });

    it('shows a user nothing of another', async () => {
      const server = await start();
      const { body } = await server.post('/users/ann/memories', { texts: TEXTS });
      await server.settled(`/users/ann/tasks/${body.taskId}`);
      for (const path of [`/users/bob/tasks/${body.taskId}`, '/users/ann/tasks/none']) {
        expect(await server.get(path)).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
      }
      expect((await server.get('/users/bob/search?q=loom')).body).toEqual({ hits: [] });
    });

    it('refuses bad requests with 400 and says what it expects', async () => {
      const server = await start();
      const expectRefused = ({ status, body }: Answer, message: RegExp): void => {
        expect([status, body.error.message]).toEqual([400, expect.stringMatching(message)]);
        expect(body.error.code).toMatch(/\w/);
      };
      const memories = '/users/ann/memories';
      expectRefused(await server.post(memories, '{'), /JSON/);
      expectRefused(await server.post(memories, {}), /texts/);
      expectRefused(await server.post(memories, { texts: [] }), /texts/);
      expectRefused(await server.post(memories, { texts: ['a', ''] }), /texts/);
      expectRefused(await server.post(memories, { texts: [{}] }), /texts/);
      expectRefused(await server.get('/users/ann/search'), /\bq\b/);
      expectRefused(await server.get('/users/ann/search?q=a&q=b'), /\bq\b/);
      expectRefused(await server.get('/users/ann/search?q=a&mode=fuzzy'), /mode/);
      expectRefused(await server.get('/users/ann/search?q=a&limit=0'), /limit/);
      expectRefused(await server.get('/users/ann/search?q=a&limit=many'), /limit/);
    });

    it('refuses the same texts while they are at work with 409, and more than it can queue with 429', async () => {
      const path = temporaryPath();
      const server = await start(path, { TREADLE_MAX_CONCURRENT_TASKS: '1' });
      const unlock = lock(path);
      const first = await server.post('/users/ann/memories', { texts: TEXTS });
      expect(await server.post('/users/ann/memories', { texts: TEXTS })).toMatchObject({
        status: 409,
        body: { error: { code: 'DUPLICATE_TASK', taskId: first.body.taskId } },
      });
      // Somebody else's are no duplicate.
      const others = await Promise.all(
        Array.from({ length: 110 }, (_, n) => server.post(`/users/user${n}/memories`, { texts: TEXTS })),
      );
      const refused = others.filter(({ status }) => status === 429);
      // One is in progress, 100 wait.
      expect(others.filter(({ status }) => status === 202)).toHaveLength(100);
      expect(refused).toHaveLength(10);
      for (const { body, headers } of refused) {
        expect(body.error.code).toBe('QUEUE_FULL');
        expect(headers.get('retry-after')).toBe('1');
      }
      unlock();
      expect(await server.settled(`/users/ann/tasks/${first.body.taskId}`)).toMatchObject({ status: 'completed' });
      // Settled, so it is no duplicate any more.
      const again = await server.post('/users/ann/memories', { texts: TEXTS });
      expect(await server.settled(`/users/ann/tasks/${again.body.taskId}`)).toMatchObject({
        result: { stored: 0, skipped: 3 },
      });
    });

    it.each(['SIGTERM', 'SIGINT'] as const)('on %s ends with 0 once what it works on is stored', async (signal) => {
      const path = temporaryPath();
      const server = await start(path);
      const unlock = lock(path);
      expect(await server.post('/users/ann/memories', { texts: TEXTS })).toMatchObject({ status: 202 });
      server.kill(signal);
      await server.line(/^Stopping$/);
      unlock();
      expect(await server.ended).toEqual({ code: 0, signal: null, errors: '' });
      const store = openStore({ path });
      onTestFinished(() => store.close());
      expect(store.count('ann')).toBe(3);
    });

    it('answers 503 to what comes by an open connection while it stops', async () => {
      const server = await start();
      const { hostname, port } = new URL(server.url);
      const socket = connect(Number(port), hostname).setEncoding('utf8');
      onTestFinished(() => void socket.destroy());
      let answers = '';
      socket.on('data', (part: string) => (answers += part));
      const body = JSON.stringify({ texts: TEXTS });
      const head = `POST /users/ann/memories HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n`;
      // A request whose body is late keeps the connection open. The server has begun with it when it says `continue`.
      socket.write(`${head}expect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`);
      await once(socket, 'data');
      server.kill('SIGTERM');
      await server.line(/^Stopping$/);
      socket.write(`${body}${head}content-length: ${body.length}\r\n\r\n${body}`);
      await once(socket, 'close');
      expect(answers.match(/HTTP\/1\.1 \d+/g)).toContain('HTTP/1.1 503');
      expect(await server.ended).toMatchObject({ code: 0, signal: null });
    });

    it('does not start on a database that is not one', async () => {
      const server = new ServerProcess(script, { DATABASE: `${temporaryPath()}/none.db` });
      const { code, errors } = await server.ended;
      expect(code).toBe(1);
      expect(errors).toMatch(/directory does not exist/);
    });
  });
}
