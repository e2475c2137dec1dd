/** A part of a text, and what to highlight in it. */
export interface Snippet {
  /** The part, with `…` where text was left out before, after or between. It is plain text: whoever makes HTML of it escapes it. */
  readonly text: string;
  /** The pieces of `text` that match the query: from `start` up to, not including, `end`, in UTF-16 code units. In order, apart. */
  readonly highlights: readonly (readonly [start: number, end: number])[];
}

const ELLIPSIS = '…';
// As in FTS5's own unicode61.
const WORD = /[\p{L}\p{N}\p{Co}][\p{L}\p{N}\p{Co}\p{M}]*/gu;

/** Turns the three marks in a text (highlight begins, ends, text left out) into what they mean. */
export function markedSnippet(marked: string, [open, close, cut]: readonly [string, string, string]): Snippet {
  let text = '';
  let start = 0;
  const highlights: [number, number][] = [];
  for (const part of marked.split(new RegExp(`([${open}${close}${cut}])`))) {
    if (part === open) start = text.length;
    else if (part === close) highlights.push([start, text.length]);
    else text += part === cut ? ELLIPSIS : part;
  }
  return trimmed({ text, highlights });
}

/** The first `words` words of a text. */
export function beginningOf(text: string, words: number): Snippet {
  let left = words;
  for (const { index } of text.matchAll(WORD)) {
    if (left === 0) return trimmed({ text: text.slice(0, index).trimEnd() + ELLIPSIS, highlights: [] });
    left--;
  }
  return trimmed({ text, highlights: [] });
}

/** Cuts what is longer than `limit` UTF-16 code units, which few words can be, to about that around its first highlight. */
export function clipped(snippet: Snippet, limit: number): Snippet {
  const { text, highlights } = snippet;
  if (text.length <= limit) return snippet;
  const first = highlights[0] ?? [0, 0];
  const from = first[1] <= limit ? 0 : characterStart(text, Math.max(0, first[0] - (limit >> 2)));
  const to = characterStart(text, Math.min(text.length, from + limit));
  const inside = highlights.map(([start, end]) => [Math.max(start, from), Math.min(end, to)] as const);
  const [before, after] = [from > 0 ? ELLIPSIS : '', to < text.length ? ELLIPSIS : ''];
  const shift = before.length - from;
  return {
    text: before + text.slice(from, to) + after,
    highlights: inside.filter(([start, end]) => start < end).map(([start, end]) => [start + shift, end + shift]),
  };
}

function trimmed({ text, highlights }: Snippet): Snippet {
  const shift = text.length - text.trimStart().length;
  return { text: text.trim(), highlights: highlights.map(([start, end]) => [start - shift, end - shift]) };
}

/** `at`, or one less where that is between the halves of a surrogate pair. */
function characterStart(text: string, at: number): number {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff ? at - 1 : at;
}
