import { createHash } from 'node:crypto';
import { type TaskDefinition, defineTask } from '../../engine/define-task.js';

/** The demo's long task: a loop without a pause, which takes minutes unless it is told to stop. It asks whether it is. */
const hashChain: TaskDefinition<{ rounds: number }, string> = defineTask((input, context) => {
  let digest = createHash('sha256').update('treadle').digest();
  for (let round = 0; round < input.rounds; round++) {
    if (round % 64 === 0) {
      context.throwIfCancelled();
      context.progress(round, input.rounds);
    }
    digest = createHash('sha256').update(digest).digest();
  }
  return digest.toString('hex');
});

export default hashChain;
