import { type TaskDefinition, defineTask } from '../../engine/define-task.js';

/** The demo's small task: counts words, and says when it began. */
export interface WordCount {
  readonly words: number;
  /** Epoch milliseconds, with fractions: a record's whole ones are too coarse for what is measured here. */
  readonly beganAt: number;
}

const wordCount: TaskDefinition<{ text: string }, WordCount> = defineTask((input) => {
  const beganAt = performance.timeOrigin + performance.now();
  return { words: input.text.match(/\w+/g)?.length ?? 0, beganAt };
});

export default wordCount;
