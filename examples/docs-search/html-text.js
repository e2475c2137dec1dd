/**
 * The text of an HTML page in the form of Markdown, as far as search needs it: headings and paragraphs. It reads tags, it
 * does not understand pages; each pattern looks at a character a bounded number of times, whatever the page is like.
 *
 * @param {string} html
 */
export function htmlText(html) {
  return decoded(
    html
      .replace(/<!--[^]*?(?:-->|$)/g, '')
      .replace(/<(script|style|template|svg)\b[^]*?(?:<\/\1\s*>|$)/gi, '')
      .replace(
        /<(h[1-6]|title)\b[^<>]*>([^]{0,500}?)<\/\1\s*>/gi,
        (_, tag, text) => `\n\n# ${text.replace(TAG, '').replace(/\s+/g, ' ').trim()}\n\n`,
      )
      .replace(/<\/?(?:p|div|section|article|li|ul|ol|dl|dt|dd|table|tr|pre|blockquote|br|hr)\b[^<>]*>/gi, '\n\n')
      .replace(TAG, ''),
  );
}

const TAG = /<[a-z/!?][^<>]*>/gi;

const NAMED = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }));

function decoded(text) {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,8}));/gi, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return NAMED.get(name) ?? whole;
    const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal);
    // Half a character would come back from the database as something else.
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code).toWellFormed() : whole;
  });
}
