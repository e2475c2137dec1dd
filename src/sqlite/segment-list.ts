/** A b-tree of its own in which FTS5 keeps entries that were indexed together. */
export interface Segment {
  readonly id: number;
  readonly firstPage: number;
  readonly lastPage: number;
  /** Entries name an origin, by which a segment is told that one of them is gone. */
  readonly firstOrigin: number;
  readonly lastOrigin: number;
  readonly tombstonePages: number;
  readonly tombstones: number;
  readonly entries: number;
}

/** Segments that are merged together, into one of the next level. */
export interface SegmentLevel {
  /** How many of the segments, the first ones, are being merged. */
  readonly merging: number;
  readonly segments: readonly Segment[];
}

/** What an index of `contentless_delete` is made of. */
export interface SegmentList {
  /** Changes with the settings of the index. */
  readonly cookie: number;
  /** Pages that were ever written, from which FTS5 tells when to merge. */
  readonly written: number;
  readonly levels: readonly SegmentLevel[];
}

// What follows the cookie where segments have origins.
const MARK = Buffer.from([0xff, 0, 0, 1]);
const FIELDS = [
  'id',
  'firstPage',
  'lastPage',
  'firstOrigin',
  'lastOrigin',
  'tombstonePages',
  'tombstones',
  'entries',
] as const satisfies readonly (keyof Segment)[];

/**
 * Reads row 10 of an FTS5 `_data` table.
 *
 * @throws Error when it is not of the one form that a `contentless_delete` table has
 * @see https://sqlite.org/src/file/ext/fts5/fts5_index.c "Structure record"
 */
export function readSegmentList(block: Buffer): SegmentList {
  if (!block.subarray(4, 8).equals(MARK))
    throw new Error(`Expected a list of FTS5 segments, got ${block.toString('hex')}`);
  const next = numbersOf(block, 8);
  const [levelCount, segmentCount, written] = [next(), next(), next()];
  const levels = Array.from({ length: levelCount }, () => {
    const [merging, count] = [next(), next()];
    const segments = Array.from(
      { length: count },
      () => Object.fromEntries(FIELDS.map((field) => [field, next()])) as unknown as Segment,
    );
    return { merging, segments };
  });
  const list = { cookie: block.readUInt32BE(0), written, levels };
  if (segmentsOf(list).length !== segmentCount) {
    throw new Error(`Expected ${segmentCount} FTS5 segments, got ${segmentsOf(list).length}`);
  }
  return list;
}

/** The opposite of {@link readSegmentList}. */
export function writeSegmentList(list: SegmentList): Buffer {
  const cookie = Buffer.alloc(4);
  cookie.writeUInt32BE(list.cookie);
  const levels = list.levels.flatMap(({ merging, segments }) => [
    merging,
    segments.length,
    ...segments.flatMap((segment) => FIELDS.map((field) => segment[field])),
  ]);
  const numbers = [list.levels.length, segmentsOf(list).length, list.written, ...levels];
  return Buffer.concat([cookie, MARK, writeTotals(numbers)]);
}

/** All segments, of whatever level. */
export function segmentsOf(list: SegmentList): Segment[] {
  return list.levels.flatMap(({ segments }) => segments);
}

/** The highest id of a segment; 0 where there is none. */
export function lastSegment(list: SegmentList): number {
  return Math.max(0, ...segmentsOf(list).map(({ id }) => id));
}

/** The highest origin that an entry can name; 0 where there is none. */
export function lastOrigin(list: SegmentList): number {
  return Math.max(0, ...segmentsOf(list).map((segment) => segment.lastOrigin));
}

/** A list with segments of another index on one of its levels, with ids and origins above those that it has. */
export function withSegments(list: SegmentList, level: number, segments: readonly Segment[]): SegmentList {
  const [id, origin] = [lastSegment(list), lastOrigin(list)];
  const added: Segment[] = [];
  for (const { firstOrigin, lastOrigin: last, ...segment } of segments) {
    added.push({ ...segment, id: id + segment.id, firstOrigin: origin + firstOrigin, lastOrigin: origin + last });
  }
  const levels = [...list.levels];
  while (levels.length <= level) levels.push({ merging: 0, segments: [] });
  const { merging = 0, segments: there = [] } = levels[level] ?? {};
  levels[level] = { merging, segments: [...there, ...added] };
  return { ...list, levels };
}

/** Reads row 1 of an FTS5 `_data` table: how many entries there are, and how many words each column has in all. */
export function readTotals(block: Buffer): number[] {
  const next = numbersOf(block, 0);
  const totals: number[] = [];
  for (let left = next.left(); left > 0; left = next.left()) totals.push(next());
  return totals;
}

/** The opposite of {@link readTotals}. */
export function writeTotals(totals: readonly number[]): Buffer {
  return Buffer.from(totals.flatMap(varint));
}

/** Reads one of SQLite's variable-length integers after the other: https://sqlite.org/fileformat2.html#varint */
function numbersOf(block: Buffer, from: number): (() => number) & { left(): number } {
  let at = from;
  const next = (): number => {
    let value = 0;
    for (;;) {
      const byte = block[at++];
      if (byte === undefined) throw new Error(`Expected another number in ${block.toString('hex')}`);
      value = value * 128 + (byte & 127);
      // Beyond that there would be a ninth byte, of eight bits. No count is that large.
      if (value > Number.MAX_SAFE_INTEGER) throw new Error(`Expected no number above 2^53 in ${block.toString('hex')}`);
      if (byte < 128) return value;
    }
  };
  return Object.assign(next, { left: () => block.length - at });
}

function varint(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(128 + (rest % 128));
  return bytes;
}
