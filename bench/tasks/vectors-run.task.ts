import { defineBatch, transfer } from 'treadle/task';
import { vector, viewsOfBlock } from './numbers.js';

/** One vector for each row of a chunk: in memory of its own, or views of one block, which is given away or not. */
export default defineBatch({
  run: (rows: readonly number[], _context, memory: 'own' | 'block' | 'given block') => {
    if (memory === 'own') return rows.map(vector);
    const views = viewsOfBlock(rows[0] ?? 0, rows.length);
    return memory === 'block' ? views : transfer(views);
  },
});
