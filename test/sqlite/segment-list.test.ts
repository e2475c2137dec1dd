import Sqlite from 'better-sqlite3';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIndex } from '../../dist/sqlite/fts-index.js';
import {
  readSegmentList,
  readTotals,
  segmentsOf,
  writeSegmentList,
  writeTotals,
} from '../../dist/sqlite/segment-list.js';

function blocks(entries: number): { list: Buffer; totals: Buffer } {
  const db = new Sqlite(':memory:');
  createIndex(db, 'entries', 1, 'unicode61');
  const add = db.prepare(`INSERT INTO entries (rowid, scope, content) VALUES (?, 'all', ?)`);
  for (let n = 1; n <= entries; n++) add.run(n, `word${n} in text ${n % 300}`);
  db.prepare('DELETE FROM entries WHERE rowid % 9 = 1').run();
  const block = (id: number): Buffer =>
    db.prepare('SELECT block FROM entries_data WHERE id = ?').pluck().get(id) as Buffer;
  const both = { list: block(10), totals: block(1) };
  db.close();
  return both;
}

describe('a list of segments', () => {
  it.each([0, 1, 5, 40, 3_000])('is written as FTS5 writes it, of an index that got %i entries', (entries) => {
    const { list, totals } = blocks(entries);
    const read = readSegmentList(list);
    expect(segmentsOf(read).length > 0).toBe(entries > 0);
    expect(writeSegmentList(read)).toEqual(list);
    expect(writeTotals(readTotals(totals))).toEqual(totals);
    if (entries > 0) expect(readTotals(totals)).toEqual([entries, entries, 4 * entries]);
  });

  it('is read as it was written, whatever its numbers', () => {
    const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    const segment = fc.record({
      id: number,
      firstPage: number,
      lastPage: number,
      firstOrigin: number,
      lastOrigin: number,
      tombstonePages: number,
      tombstones: number,
      entries: number,
    });
    const level = fc.record({ merging: number, segments: fc.array(segment) });
    const lists = fc.record({ cookie: fc.nat({ max: 2 ** 32 - 1 }), written: number, levels: fc.array(level) });
    fc.assert(
      fc.property(lists, (list) => {
        expect(readSegmentList(writeSegmentList(list))).toEqual(list);
      }),
    );
    fc.assert(
      fc.property(fc.array(number), (totals) => {
        expect(readTotals(writeTotals(totals))).toEqual(totals);
      }),
    );
  });

  it('is refused where it is of another form, or is cut short', () => {
    const { list } = blocks(40);
    expect(() => readSegmentList(Buffer.from('000000000209', 'hex'))).toThrow('Expected a list of FTS5 segments');
    expect(() => readSegmentList(list.subarray(0, -3))).toThrow('Expected another number');
  });
});
