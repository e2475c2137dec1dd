import { corpus } from '../runner/corpus.js';
import { medianFigure, ratioFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import type { Effort, Measured, Row } from '../runner/row.js';
import { THREADS } from '../runner/threads.js';
import { type Embedded, Embedding } from '../scenarios/embedding.js';

const GOAL = { atLeast: 0.95 };

/** Row 5. */
export const embedCorpus: Row = {
  number: 5,
  question: 'Embedding a real corpus on two threads',
  goal: 'at least 0.95 × two bare Workers that run the same function',
  about: `Passages of the Markdown and type declarations in \`node_modules\` are embedded by the hashing embedder, and every number of
every vector is compared with what inline gives. Treadle has one task whose items are the passages and whose result is one vector a passage. The
bare Workers are up already; each gets every other passage in one message and gives one block of vectors back without a copy, which is the
least a program by hand can do, with no progress, no cancel and no retry. Times include sending and receiving.`,
  shortfall: `the vectors of a chunk are cloned on their way to the main thread, where the bare Workers give theirs away without a
copy, and a run of less than half a second also has the ramp-up from one item to a full chunk in it.`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const texts = corpus(quick ? 4_000 : 20_000);
  await using embedding = new Embedding(texts);
  await embedding.ready();
  const perSecond = (embed: () => Promise<Embedded>) => async (): Promise<number> => {
    const { ms, check } = await embed();
    check();
    return (texts.length / ms) * 1_000;
  };
  const { treadle, bare, inline } = await interleave(
    {
      treadle: perSecond(() => embedding.treadle()),
      bare: perSecond(() => embedding.bareWorkers()),
      inline: perSecond(() => embedding.inline()),
    },
    rounds,
  );
  return {
    config: { threads: THREADS, passages: texts.length },
    figures: [
      ratioFigure('Treadle against two bare Workers', treadle, bare, GOAL),
      ratioFigure('Treadle against inline', treadle, inline),
      ratioFigure('two bare Workers against inline', bare, inline),
      medianFigure('Treadle', 'passages/s', treadle),
      medianFigure('two bare Workers', 'passages/s', bare),
      medianFigure('inline', 'passages/s', inline),
    ],
  };
}
