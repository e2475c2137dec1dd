import { type TaskContext, defineBatch } from 'treadle/task';
import { Gate } from './gate.js';

interface Model {
  /** Counts how often a model is loaded. */
  readonly loaded: SharedArrayBuffer;
}

/** Needs a model, which is kept per thread. An item is a gate that it passes, or null. */
export default defineBatch({
  each: (gate: SharedArrayBuffer | null, ctx: TaskContext, { loaded }: Model): void => {
    ctx.perThread('model', () => new Gate(loaded).arrive());
    if (gate !== null) new Gate(gate).pass();
  },
});
