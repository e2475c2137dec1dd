import { isSecretHeader, maybeCounts, saysSecret } from './secret-names.js';

/** Longest name that is looked at, in characters; of a longer one its end, which is what says secret. */
const MAX_NAME = 64;

/** An object or array is followed this far, in characters, for its closing bracket. */
const MAX_BRACKETED = 4_096;

/** What parts a name from its value; for a flag, `--name value`, all up to the space that does. */
const SEPARATOR = /[=:>]|(?<![\w-])--?[A-Za-z][\w-]{1,63}[ \t](?=[^\s=:-])/g;

/** What may stand between a name and its separator, and how much of it. */
const BETWEEN = ' \t?:!+]\\"\'`';
const MAX_BETWEEN = 12;
const QUOTES = '"\'`';

/** Parsers complain like this about what is no secret. */
const UNEXPECTED = /\bunexpected $/i;

/**
 * Up to white space, or to what can only be the next field. Each alternative begins with another character, so there is one
 * way to match and no backtracking.
 */
const BARE =
  /(?:[^\s&,;"'`<\\]|[&,;](?!\s|$|["'`{[]|[\w.-]{1,64}(?: \w{1,16})?\s?[=:])|\\(?!["'`])|["'`](?=\w)|<(?!\/))+/y;

/** Values that say something about a secret, but are none. */
const SAYS_NOTHING =
  /^(?:true|false|null|undefined|none|nil|string|number|boolean|unknown|never|any|object|required|missing|invalid|expired|wrong|incorrect|must|is|was|has|cannot|can't|should|not|no|expected|too|and|or|the|an?)[,;.)}\]]*$/i;

const AUTH_SCHEME = /^(?:bearer|basic|digest|negotiate|token|apikey)$/i;

interface Span {
  from: number;
  to: number;
}

/** Replaces the values of `name=value`, `name: value`, `"name": "value"`, `--name value` and `<name>value</name>` by `mark`. */
export function redactPairs(text: string, mark: string): string {
  let out = '';
  let kept = 0;
  for (const found of text.matchAll(SEPARATOR)) {
    const at = found.index + found[0].length - 1;
    if (at < kept) continue;
    const name = nameBefore(text, at);
    if (name === undefined || (text[at] === '>' && name.before !== '<') || !saysSecret(name.text)) continue;
    const value = valueAfter(text, at, name);
    if (value === undefined || value.to <= value.from) continue;
    out += text.slice(kept, value.from) + mark;
    kept = value.to;
  }
  return kept === 0 ? text : out + text.slice(kept);
}

interface Name {
  text: string;
  /** The character before it, if any. */
  before: string;
  /** The quote that the whole pair stands in, as in `'Cookie: a=b'`; else empty. */
  container: string;
}

/** The name that ends before `at`. Walked backwards by hand, so that what it may cost is bounded. */
function nameBefore(text: string, at: number): Name | undefined {
  // What may stand between: key?: x, key := x, key != x, obj["key"] = x, "key" : x, {\"key\":x}.
  let to = at;
  while (to > at - MAX_BETWEEN && to > 0 && BETWEEN.includes(text[to - 1] ?? '')) to--;
  let from = wordStart(text, to);
  if (from === to) return undefined;
  if (UNEXPECTED.test(text.slice(Math.max(0, from - 12), from))) return undefined;
  // Two words are one name only in `api key: x`; other prose before a name is no part of it.
  if (text[from - 1] === ' ' && /^keys?$/i.test(text.slice(from, to))) from = wordStart(text, from - 1);
  const before = text[from - 1] ?? '';
  const container = to === at && before !== '' && QUOTES.includes(before) ? before : '';
  return { text: text.slice(from, to), before, container };
}

function wordStart(text: string, to: number): number {
  let from = to;
  while (from > 0 && from > to - MAX_NAME && /[\w$.-]/.test(text[from - 1] ?? '')) from--;
  return from;
}

function valueAfter(text: string, at: number, { text: name, container }: Name): Span | undefined {
  let from = at + 1;
  if (text[at] === '>') {
    const inside = restOfLine(text, from, '<');
    return text.startsWith('</', inside.to) ? inside : undefined;
  }
  // An arrow is a pair only after a quoted name, as objects are printed: `'key' => 'x'`.
  if (text[at] === '=' && text[from] === '>' && !/["'`:]/.test(text.slice(at - 2, at))) return undefined;
  if (text[at] === '=' || text[at] === ':')
    from += /^(?:={1,2}|=?>)?/.exec(text.slice(from, from + 2))?.[0].length ?? 0;
  // A path of names, or a URL.
  if (text[from] === ':' || (text[at] === ':' && text[at - 1] === ':') || text.startsWith('//', from)) return undefined;
  while (text[from] === ' ' || text[from] === '\t') from++;
  const first = text[from] ?? '';
  if (first === '' || first === '\r' || first === '\n') return undefined;

  const quote = /^\\{0,8}["'`]/.exec(text.slice(from, from + 9))?.[0];
  if (quote !== undefined && container === '') return quoted(text, from + quote.length, quote);
  const bracketed = (first === '{' || first === '[') && !text.startsWith('[REDACTED]', from);
  if (bracketed) return balanced(text, from);

  const word = bare(text, from);
  if (word === undefined) return undefined;
  const shown = text.slice(word.from, Math.min(word.to, word.from + 16));
  if (SAYS_NOTHING.test(shown)) return undefined;
  if (maybeCounts(name) && /^\d{1,9}[,;.)}\]]*$/.test(shown)) return undefined;
  if (isSecretHeader(name) && text[at] === ':') return restOfLine(text, from, container);
  if (AUTH_SCHEME.test(shown)) {
    const next = /[ \t]{1,4}(?=\S)/y;
    next.lastIndex = word.to;
    if (next.test(text)) return { from, to: bare(text, next.lastIndex)?.to ?? word.to };
  }
  return word;
}

/** Ends at the same quote, escaped as deep as the first was; where there is none on the line, at its end. */
function quoted(text: string, from: number, quote: string): Span {
  const mark = quote.at(-1) ?? '';
  const depth = quote.length - 1;
  let slashes = 0;
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at];
    if (char === '\n') break;
    if (char === mark && slashes <= depth && (depth > 0 || slashes % 2 === 0)) return { from, to: at - slashes };
    slashes = char === '\\' ? slashes + 1 : 0;
    if (depth === 0 && slashes === 2) slashes = 0;
  }
  return { from, to: at };
}

/** Ends after the bracket that closes the first; all that was looked at where it is not closed. */
function balanced(text: string, from: number): Span | undefined {
  const end = Math.min(text.length, from + MAX_BRACKETED);
  let open = 0;
  for (let at = from; at < end; at++) {
    const char = text[at];
    if (char === '{' || char === '[') open++;
    else if (char === '}' || char === ']') open--;
    if (open === 0) return at - from < 2 ? undefined : { from, to: at + 1 };
  }
  return { from, to: end };
}

function bare(text: string, from: number): Span | undefined {
  BARE.lastIndex = from;
  if (!BARE.test(text)) return undefined;
  let to = BARE.lastIndex;
  // Closing brackets that were opened before the value belong to what is around it.
  while (to > from && /[)\]},;]/.test(text[to - 1] ?? '') && !opens(text, from, to)) to--;
  return { from, to };
}

/** True where the last character of a span closes a bracket that the span opened. Looks back a bounded way. */
function opens(text: string, from: number, to: number): boolean {
  const close = text[to - 1] ?? '';
  if (close === ',' || close === ';') return false;
  const opener = close === ')' ? '(' : close === ']' ? '[' : '{';
  let open = 0;
  for (let at = to - 1; at >= from && at > to - 256; at--) {
    if (text[at] === close) open++;
    else if (text[at] === opener) open--;
    if (open === 0) return true;
  }
  return false;
}

/** Ends before a line break or, where it is not empty, before `stop`. */
function restOfLine(text: string, from: number, stop: string): Span {
  for (let to = from; to < text.length; to++) {
    const char = text[to];
    if (char === '\n' || char === '\r' || char === stop) return { from, to };
  }
  return { from, to: text.length };
}
