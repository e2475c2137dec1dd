import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashingEmbedder } from '../../embedders/index.js';
import { type Store, openStore } from '../../store/index.js';
import type { CleanUp } from './clean-up.js';
import { type Corpus, queriesFrom } from './corpus.js';
import type { Interrupt } from './interrupt.js';
import { ProbeProcess } from './probe-process.js';
import type { Screen } from './screen.js';
import { SearchServer, USER_ID } from './search-server.js';

/** What all phases of the demo share. */
export interface Stage {
  readonly screen: Screen;
  readonly cleanUp: CleanUp;
  readonly interrupt: Interrupt;
  readonly corpus: Corpus;
  /** Passages that are in a store before its phase begins, so that the probe finds something from the first request. */
  readonly seeds: readonly string[];
  /** All others: what a phase has to embed. */
  readonly contents: readonly string[];
  readonly directory: string;
  readonly server: SearchServer;
  readonly probe: ProbeProcess;
}

/** How many seeds there are. */
const SEEDS = 200;

const QUERIES = 40;

/** Makes the temporary directory, the server and its probe. All go again with `cleanUp`. */
export async function setUp(parts: Pick<Stage, 'screen' | 'cleanUp' | 'interrupt' | 'corpus'>): Promise<Stage> {
  const { cleanUp, corpus } = parts;
  const directory = mkdtempSync(join(tmpdir(), 'treadle-demo-'));
  cleanUp.add(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  const server = await SearchServer.listen();
  cleanUp.add(() => server.close());
  const seeds: string[] = [];
  const contents: string[] = [];
  const step = Math.floor(corpus.passages.length / SEEDS);
  for (const [at, passage] of corpus.passages.entries()) {
    (at % step === 0 && seeds.length < SEEDS ? seeds : contents).push(passage);
  }
  const queries = queriesFrom(seeds, QUERIES);
  const probe = await ProbeProcess.start(server.port, queries, directory);
  cleanUp.add(() => probe.stop());
  return { ...parts, seeds, contents, directory, server, probe };
}

/** A fresh database with the seeds in it, which the server answers from. */
export async function freshStore(stage: Stage, name: string): Promise<{ store: Store; path: string }> {
  const path = join(stage.directory, `${name}.db`);
  const store = openStore({ path, embedder: hashingEmbedder() });
  stage.cleanUp.add(() => store.close());
  for (const content of stage.seeds) await store.add({ userId: USER_ID, content });
  stage.server.serve(store);
  return { store, path };
}
