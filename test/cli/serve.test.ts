import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Command, treadle } from './command.js';
import { serveStore, temporaryFolder } from './served-store.js';

// Each test starts many processes.
vi.setConfig({ testTimeout: 120_000 });

const KEY = 'an-operators-own-key';
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Keeps all others from writing to a database, so that tasks on it can't get on, until the test lets go. */
function lock(path: string): () => void {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.exec('BEGIN IMMEDIATE');
  return () => db.exec('COMMIT');
}

const EMBED = JSON.stringify({ userId: 'ann', contents: ['a loom weaves cloth', 'a treadle drives the loom'] });

function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/api/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** Submits a task that can't get on, and waits until it is on a thread. */
async function startStuck(url: string): Promise<string> {
  const { out } = await treadle(['submit', 'embed_batch', '--input', EMBED, '--url', url]);
  const id = out.trim();
  const watch = new Command(['show', id, '--watch', '--url', url]);
  await watch.printed(/running/);
  watch.kill('SIGKILL');
  return id;
}

describe('treadle serve', () => {
  it('serves the four tasks of a store, and what they put there is found', async () => {
    const { url, command, db } = await serveStore();
    expect(command.out).toContain(`${db}: embed_batch, rebuild_fts_index, migrate_embeddings, ttl_sweep on 2 threads`);
    expect(command.out).toContain(`pid ${command.pid}\n`);
    const embedded = await treadle(['submit', 'embed_batch', '--input', EMBED, '--wait', '--json', '--url', url]);
    expect(JSON.parse(embedded.out)).toMatchObject({ status: 'completed', result: { stored: 2, skipped: 0 } });
    for (const type of ['rebuild_fts_index', 'migrate_embeddings', 'ttl_sweep']) {
      expect((await treadle(['submit', type, '--wait', '--url', url])).code, type).toBe(0);
    }
    for (const mode of ['text', 'vector', 'hybrid']) {
      const answer = await fetch(`${url}/api/v1/search?q=treadle&user_id=ann&mode=${mode}&limit=1`);
      expect(answer.status).toBe(200);
      const { result } = (await answer.json()) as { result: object[] };
      expect(result, mode).toEqual([
        expect.objectContaining({ user_id: 'ann', namespace: 'default', content: 'a treadle drives the loom' }),
      ]);
    }
    const others = await fetch(`${url}/api/v1/search?q=treadle&user_id=ben`);
    expect(await others.json()).toEqual({ status: 'ok', result: [] });
  });

  it('checks what a search is asked, and has it in the OpenAPI document', async () => {
    const { url } = await serveStore();
    for (const query of [
      'q=x',
      'user_id=ann',
      'q=x&user_id=ann&mode=guess',
      'q=x&user_id=ann&limit=201',
      'q=x&user_id=ann&more=1',
    ]) {
      const answer = await fetch(`${url}/api/v1/search?${query}`);
      expect(answer.status, query).toBe(400);
      expect(await answer.json()).toMatchObject({ status: 'error', error: { code: 'INVALID_ARGUMENT' } });
    }
    const answer = await fetch(`${url}/api/v1/openapi.json`);
    const { paths } = (await answer.json()) as {
      paths: Record<string, { get: { operationId: string; responses: object } }>;
    };
    expect(paths['/api/v1/search']?.get.operationId).toBe('search');
    expect(paths['/api/v1/search']?.get.responses).toHaveProperty('400');
    expect((await fetch(`${url}/api/v1/search`, { method: 'POST' })).status).toBe(405);
  });

  it('refuses a search by vectors of a store whose rows have none', async () => {
    const { url, db } = await serveStore();
    const rows = new Database(db);
    rows
      .prepare(
        'INSERT INTO memories (user_id, namespace, content, content_hash, importance, created_at) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run('ann', 'default', 'never embedded', Buffer.alloc(32), 0.5, Date.now());
    rows.close();
    const answer = await fetch(`${url}/api/v1/search?q=x&user_id=ann&mode=vector`);
    expect(answer.status).toBe(412);
    expect(await answer.json()).toMatchObject({ error: { code: 'FAILED_PRECONDITION' } });
  });

  it('has metrics where Prometheus looks for them', async () => {
    const { url } = await serveStore();
    await treadle(['submit', 'ttl_sweep', '--wait', '--url', url]);
    for (const path of ['/metrics', '/api/v1/metrics']) {
      const answer = await fetch(url + path);
      expect(answer.headers.get('content-type'), path).toMatch(/^text\/plain; version=/);
      expect(await answer.text(), path).toMatch(
        /^treadle_tasks_settled_total\{type="ttl_sweep",status="completed"\} 1$/m,
      );
    }
  });

  it('asks for the key that it was given, on every route', async () => {
    const { url } = await serveStore([], { env: { TREADLE_API_KEY: KEY } });
    const routes = ['/tasks', '/search?q=x&user_id=ann', '/openapi.json', '/events', '/metrics'];
    for (const path of [...routes.map((route) => `/api/v1${route}`), '/metrics', '/']) {
      expect((await fetch(url + path)).status, path).toBe(401);
      const wrong = await fetch(url + path, { headers: { 'x-api-key': 'another-key-of-16' } });
      expect(wrong.status, path).toBe(401);
    }
    const right = await fetch(`${url}/api/v1/tasks`, { headers: { authorization: `Bearer ${KEY}` } });
    expect(right.status).toBe(200);
    expect((await treadle(['pause', '--url', url, '--key', KEY])).code).toBe(0);
  });

  it('listens beyond this machine only with a key, or when it is told that anybody may come', async () => {
    const folder = temporaryFolder();
    const args = ['serve', '--db', join(folder, 'm.db'), '--port', '0', '--host', '0.0.0.0'];
    const refused = await treadle(args);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.errors).toMatch(/^treadle: Others can reach 0\.0\.0\.0: give a key .*--allow-unauthenticated.*\n$/);
    // What a variable gives that is not set; a server would listen on every address.
    const nameless = await treadle([...args.slice(0, -1), '']);
    expect(nameless).toMatchObject({ code: 2, errors: expect.stringContaining('Others can reach') as string });
    expect(existsSync(join(folder, 'm.db'))).toBe(false);
    for (const more of [['--api-key', KEY], ['--allow-unauthenticated']]) {
      const server = new Command([...args, ...more]);
      await server.printed(/^Listening on http:\/\/0\.0\.0\.0:\d+$/m);
      server.kill('SIGTERM');
      expect((await server.ended).code).toBe(0);
    }
    const both = await treadle([...args, '--api-key', KEY, '--allow-unauthenticated']);
    expect(both).toMatchObject({ code: 2, errors: expect.stringContaining('got both') as string });
  });

  it('takes no key that is short or that no header can carry, and does not print it', async () => {
    const db = join(temporaryFolder(), 'm.db');
    const expected =
      'treadle: Expected an API key of at least 16 characters, all of them printable ASCII and no blank, got one of';
    for (const [key, got] of [
      ['hunter2', '7'],
      ['hunter2 and two others', '22 with others'],
      ['hunter2-ключ-от-сервера', '23 with others'],
    ] as const) {
      const refused = await treadle(['serve', '--db', db], { env: { TREADLE_API_KEY: key } });
      expect(refused).toEqual({ code: 2, signal: null, out: '', errors: `${expected} ${got}\n` });
    }
  });

  it('says in a line why it can not begin', async () => {
    const folder = temporaryFolder();
    const text = join(folder, 'text.db');
    writeFileSync(text, 'This is no database, but it is long enough to be taken for one. '.repeat(20));
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const db = join(folder, 'm.db');
    const reasons = [
      [['--db', join(folder, 'missing', 'm.db')], 'directory does not exist'],
      [['--db', folder], 'unable to open'],
      [['--db', text], 'not a database'],
      [['--db', db, '--port', String(port)], 'something listens there already'],
      [['--db', db, '--host', '192.0.2.1', '--api-key', KEY], 'no address of this machine'],
      [['--db', db, '--host', 'no such host'], 'There is no host no such host'],
    ] as const;
    for (const [args, reason] of reasons) {
      const ended = await treadle(['serve', '--port', '0', ...args]);
      expect(ended, reason).toMatchObject({ code: 1, signal: null, out: '' });
      expect(ended.errors).toMatch(/^treadle: .*\n$/);
      expect(ended.errors).toContain(reason);
    }
    expect(readFileSync(text, 'utf8')).toMatch(/^This is no database/);
  });

  it('tells what is wrong with its arguments', async () => {
    for (const args of [
      [],
      ['--db', 'm.db', '--port', '70000'],
      ['--db', 'm.db', '--grace', 'soon'],
      ['--db', 'm.db', '--no'],
    ]) {
      const ended = await treadle(['serve', ...args]);
      expect(ended, args.join(' ')).toMatchObject({ code: 2, out: '' });
      expect(ended.errors).toMatch(/^error: /);
    }
  });
});

describe('treadle serve, told to end', () => {
  it('lets running tasks end, answers who reads meanwhile, and refuses new tasks', async () => {
    const { command, url, db } = await serveStore(['--concurrency', '1']);
    const unlock = lock(db);
    const id = await startStuck(url);
    const waiting = (await treadle(['submit', 'ttl_sweep', '--url', url])).out.trim();
    const watch = new Command(['show', id, '--watch', '--url', url]);
    await watch.printed(/running/);

    command.kill('SIGTERM');
    await command.printed(/^SIGTERM: no further tasks; those that run have 30 s to end/m);
    const refused = await post(url, { task_type: 'ttl_sweep' });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    const ps = await treadle(['ps', '--url', url]);
    expect(ps.code).toBe(0);
    expect(ps.out).toMatch(new RegExp(`^CLOSING for .*, at most \\d+ s more: waits for ${id}$`, 'm'));
    expect((await treadle(['show', waiting, '--url', url])).out).toContain('ttl_sweep  cancelled');
    const paused = await treadle(['pause', '--url', url]);
    expect(paused).toMatchObject({ code: 1, errors: expect.stringContaining('The server is closing') as string });

    unlock();
    const seen = await watch.ended;
    expect(seen.code).toBe(0);
    expect(seen.out).toContain('{"stored":2,"skipped":0}');
    const { code, signal, out, errors } = await command.ended;
    expect({ code, signal, errors }).toEqual({ code: 0, signal: null, errors: '' });
    expect(out).toMatch(new RegExp(`^Stopped; 1 cancelled before they began: ${waiting}$`, 'm'));
  });

  it('ends at once at the second signal, and says what it cut short', async () => {
    const { command, url, db } = await serveStore();
    const unlock = lock(db);
    const id = await startStuck(url);
    command.kill('SIGINT');
    await command.printed(/^SIGINT: /m);
    command.kill('SIGTERM');
    await command.printed(new RegExp(`^Stopped; .*1 interrupted: ${id}`, 'm'));
    unlock();
    expect(await command.ended).toMatchObject({ code: 143, signal: null, errors: '' });
  });

  it('cuts short what does not end within --grace', async () => {
    const { command, url, db } = await serveStore(['--grace', '50ms']);
    const unlock = lock(db);
    const id = await startStuck(url);
    command.kill('SIGTERM');
    await command.printed(new RegExp(`^Stopped; .*1 interrupted: ${id}`, 'm'));
    unlock();
    expect(await command.ended).toMatchObject({ code: 0, signal: null, errors: '' });
  });

  it('goes on when nobody reads any more what it prints', async () => {
    const { command, url } = await serveStore();
    command.stopReading();
    expect((await treadle(['ps', '--url', url])).code).toBe(0);
    command.kill('SIGTERM');
    expect(await command.ended).toMatchObject({ code: 0, errors: '' });
  });
});

describe('the package', () => {
  /** An install of the package with what it depends on, and no optional peer. */
  function installWithout(peers: readonly string[]): string {
    const modules = join(temporaryFolder(), 'node_modules');
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
      'dependencies' | 'peerDependencies',
      Record<string, string>
    >;
    const there = Object.keys({ ...dependencies, ...peerDependencies }).filter((name) => !peers.includes(name));
    for (const name of there) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
    const home = join(modules, 'treadle');
    cpSync(join(ROOT, 'dist'), join(home, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(home, 'package.json'));
    return resolve(home, 'dist/cli/main.js');
  }

  it('says what to install where something is missing that a command needs', async () => {
    const missing = ['commander', 'hono', 'zod', 'log-update', 'eventsource-parser'];
    expect(await treadle(['ps'], { main: installWithout(missing) })).toEqual({
      code: 1,
      signal: null,
      out: '',
      errors: 'treadle: treadle needs what is not installed: npm i commander\n',
    });
    const main = installWithout(missing.slice(1));
    expect(await treadle(['serve', '--db', 'm.db'], { main })).toMatchObject({
      code: 1,
      errors: 'treadle: treadle serve needs what is not installed: npm i hono zod\n',
    });
    expect(await treadle(['ps'], { main })).toMatchObject({
      code: 1,
      errors: 'treadle: treadle ps needs what is not installed: npm i eventsource-parser log-update\n',
    });
    expect(await treadle(['--version'], { main })).toMatchObject({ code: 0, errors: '' });
  });

  it('has the command, and not the demo', async () => {
    const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
    });
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).toContain('dist/cli/main.js');
    expect(paths).toContain('dist/cli/serve/serve.js');
    expect(paths.filter((path) => path.startsWith('dist/cli/demo'))).toEqual([]);
    const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: { treadle: string } };
    expect(readFileSync(join(ROOT, bin.treadle), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });
});
