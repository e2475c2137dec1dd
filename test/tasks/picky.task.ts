import { defineBatch, range } from 'treadle/task';
import { Gate } from './gate.js';

/** Numbers from 10 on; every third is refused until the gate is open. */
export default defineBatch({
  plan: (input: { refused: SharedArrayBuffer; to?: number }) => range(10, input.to ?? 10),
  each: (item: number, _, input): number => {
    if (item % 3 === 0 && !new Gate(input.refused).isOpen) throw new Error(`not ${item}`);
    return item;
  },
});
