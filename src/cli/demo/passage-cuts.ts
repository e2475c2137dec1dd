/** Where a passage begins or ends at best: after this many characters a passage is full. */
const FULL_CHARS = 300;

/** Longest passage, in characters. */
const MAX_CHARS = 900;

/** Shorter ones say too little to be found by: they go with a neighbour, or nowhere. */
const MIN_CHARS = 60;

/** What kind of text a file holds. */
export type TextKind = 'markdown' | 'declarations';

/** A line that begins something new: a heading, a declaration, a comment above a declaration. */
const STARTS: Record<TextKind, RegExp> = {
  markdown: /^#{1,6} /,
  declarations: /^(?:export|declare|interface|type|class|function|namespace)\b|^ {0,4}\/\*\*/,
};

/** A passage and the line it begins at, counted from 1. */
export interface Cut {
  text: string;
  line: number;
}

/**
 * Cuts a text into passages of some 300 to 900 characters, at blank lines, headings and declarations. Lines are never
 * reordered; one that is longer than a passage may be is cut hard.
 */
export function cutPassages(text: string, kind: TextKind): Cut[] {
  const cuts: Cut[] = [];
  let open: Cut = { text: '', line: 1 };
  let number = 0;
  for (const line of text.split(/\r?\n/)) {
    number++;
    const starts = line.trim() === '' || STARTS[kind].test(line);
    if (starts && open.text.length >= FULL_CHARS) open = closed(open, cuts, number);
    for (const piece of pieces(line)) {
      if (open.text.length + piece.length + 1 > MAX_CHARS) open = closed(open, cuts, number);
      // Blank lines between two passages belong to neither.
      if (open.text === '') open = { text: piece.trim() === '' ? '' : piece, line: number };
      else open.text += `\n${piece}`;
    }
  }
  closed(open, cuts, number);
  return cuts;
}

/** Keeps what was open, where it is long enough, and gives what is open now: nothing yet. */
function closed({ text, line }: Cut, cuts: Cut[], number: number): Cut {
  const whole = text.trimEnd();
  if (whole.length >= MIN_CHARS) cuts.push({ text: whole, line });
  return { text: '', line: number };
}

function pieces(line: string): string[] {
  if (line.length <= MAX_CHARS) return [line];
  return Array.from({ length: Math.ceil(line.length / MAX_CHARS) }, (_, at) =>
    line.slice(at * MAX_CHARS, (at + 1) * MAX_CHARS),
  );
}
