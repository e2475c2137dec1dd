/**
 * How much memory a model takes in a process of its own: `node static-memory.js small large threads shared|own` has each
 * thread load the small model and then, all at the same time, the large one, and prints the bytes between as JSON.
 */
import { type EmbedderModule, loadEmbedder } from 'treadle/embedders';
import { staticModel } from 'treadle/embedders/static';
import { TaskManager, taskModule, taskType } from 'treadle';
import type embedding from './embedding.task.js';
import { Gate } from './gate.js';

const [small = '', large = '', count = '', how] = process.argv.slice(2);
const threads = Number(count);

function modelIn(folder: string): EmbedderModule {
  return how === 'shared' ? staticModel({ folder }) : { module: 'treadle/embedders/static', options: { folder } };
}

const module = taskModule<typeof embedding>(new URL('./embedding.task.js', import.meta.url));
const largeModel = modelIn(large);
const tasks = new TaskManager({
  types: { small: taskType(module, { data: modelIn(small) }), large: taskType(module, { data: largeModel }) },
  threads: { max: threads },
});

async function rssWith(type: 'small' | 'large'): Promise<{ rss: number; vectors: number[][] }> {
  const gate = new Gate();
  const all = await Promise.all(
    Array.from({ length: threads }, () => tasks.submit(type, { input: { text: 'w2 w3', gate: gate.buffer } })),
  );
  await gate.arrived(threads);
  // Every thread has its model now, and waits.
  const { rss } = process.memoryUsage();
  gate.open();
  const results = await Promise.all(all.map((task) => task.result()));
  if (new Set(results.map(({ threadId }) => threadId)).size !== threads)
    throw new Error('A thread ran two of the tasks');
  return { rss, vectors: results.map(({ vector }) => vector) };
}

const before = await rssWith('small');
const after = await rssWith('large');
const host = await loadEmbedder(largeModel);
const vector = [...(await host.embed(['w2 w3']))];
const { rss } = process.memoryUsage();
const same = after.vectors.every((other) => other.every((number, at) => number === vector[at]));
console.log(JSON.stringify({ bytes: after.rss - before.rss, withHost: rss - before.rss, same }));
await tasks.close();
