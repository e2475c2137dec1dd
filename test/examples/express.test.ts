import { describe, expect, it } from 'vitest';
import { temporaryPath } from '../support/memories.js';
import { memoryServerTests } from './memory-server-tests.js';
import { ServerProcess } from './server-process.js';

const SCRIPT = 'examples/express/server.js';

memoryServerTests(SCRIPT);

describe('its timer', () => {
  it('sweeps away what has expired', async () => {
    const server = await ServerProcess.start(SCRIPT, { DATABASE: temporaryPath(), SWEEP: '* * * * * *' });
    const { body } = await server.post('/users/ann/memories', { texts: ['soon gone', 'as soon'], ttlMs: 1 });
    await server.settled(`/users/ann/tasks/${body.taskId}`);
    expect(await server.line(/^Swept away [1-9]/)).toBe('Swept away 2');
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null, errors: '' });
  });
});
