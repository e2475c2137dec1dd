import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from '../../dist/engine/redact.js';

const SEED = 20_260_101;

/** Characters as random as a key's: a digest of what fast-check chose, which it can't bias towards `aaaa`. */
const randomText = (alphabet: string, length: number) =>
  fc.nat().map((seed) => {
    let text = '';
    for (let block = 0; text.length < length; block++) {
      for (const byte of createHash('sha256').update(`${seed}:${block}`).digest())
        text += alphabet[byte % alphabet.length];
    }
    return text.slice(0, length);
  });

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const ALNUM = LOWER + LOWER.toUpperCase() + DIGITS;
const URL_SAFE = `${ALNUM}-_`;

/** A password that holds what passwords hold, but no white space and nothing that ends an unquoted value. */
const password = randomText(`${ALNUM}!#$%*+.^~`, 12).map((text) => `p${text}w`);
const name = fc.constantFrom(
  'password', 'DB_PASSWORD', 'dbPassword', 'passwd', 'pwd', 'client_secret', 'clientSecret', 'token', 'access_token',
  'refreshToken', 'api_key', 'apiKey', 'api-key', 'X-Api-Key', 'AWS_SECRET_ACCESS_KEY', 'private_key', 'accessKey',
  'authorization', 'cookie', 'Set-Cookie', 'passphrase', 'credentials', 'session.token', 'signingKey', 'sessionId',
); // prettier-ignore

/** Each gives `[secret, the text it stands in]`. */
const shapes: Record<string, fc.Arbitrary<[secret: string, text: string]>> = {
  'password in a URL': password.map((text) => [text, `postgres://admin:${text}@db.internal:5432/app`]),
  'URL with a password only': password.map((text) => [text, `redis://:${text}@cache:6379/0`]),
  'token as the user of a URL': randomText(ALNUM, 40).map((text) => [text, `https://${text}@github.com/a/b.git`]),
  'key=value': fc.tuple(name, password).map(([key, text]) => [text, `${key}=${text}`]),
  'key: value': fc.tuple(name, password).map(([key, text]) => [text, `${key}: ${text}`]),
  'key = "value with spaces"': fc.tuple(name, password).map(([key, text]) => [text, `${key} = "two ${text} words"`]),
  'JSON': fc.tuple(name, password).map(([key, text]) => [text, JSON.stringify({ id: 1, [key]: text, last: true })]),
  'JSON within JSON': fc
    .tuple(name, password)
    .map(([key, text]) => [text, JSON.stringify({ body: JSON.stringify({ [key]: text, last: true }) })]),
  'array of secrets': password.map((text) => [text, JSON.stringify({ tokens: ['x', text], last: true })]),
  'query string': password
    .map((text) => encodeURIComponent(text))
    .map((text) => [text, `GET /a?page=2&access_token=${text}&x=1`]),
  'header': password.map((text) => [text, `authorization: Digest username="bob", response="${text}"`]),
  'cookie header': password.map((text) => [text, `Cookie: theme=dark; sid=${text}; lang=en`]),
  'flag of a command': password.map((text) => [text, `Command failed: mysql --password ${text} --quiet`]),
  'element': password.map((text) => [text, `<password>${text}</password>`]),
  'Bearer': randomText(URL_SAFE, 24).map((text) => [`${text}7`, `Bearer ${text}7`]),
  'Basic': password.map((text) => {
    const encoded = Buffer.from(`bob:${text}`).toString('base64');
    return [encoded, `Basic ${encoded}`];
  }),
  'sk-': randomText(URL_SAFE, 30).map((text) => [text, `sk-${text}1`]),
  'ghp_': fc.tuple(fc.constantFrom('p', 'o', 's', 'u', 'r'), randomText(ALNUM, 36)).map(([kind, text]) => [text, `gh${kind}_${text}`]),
  'github_pat_': randomText(`${ALNUM}_`, 59).map((text) => [text, `github_pat_${text}`]),
  'AKIA': randomText(LOWER.toUpperCase() + DIGITS, 16).map((text) => [text, `AKIA${text}`]),
  'ASIA': randomText(LOWER.toUpperCase() + DIGITS, 16).map((text) => [text, `ASIA${text}`]),
  'AIza': randomText(URL_SAFE, 35).map((text) => [text, `AIza${text}`]),
  'xoxb-': fc.tuple(fc.constantFrom('a', 'b', 'p', 's'), randomText(ALNUM, 24)).map(([kind, text]) => [text, `xox${kind}-12345-${text}`]),
  'JWT': fc.tuple(randomText(URL_SAFE, 60), randomText(URL_SAFE, 43)).map(([body, text]) => {
    const head = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');
    return [text, `${head}.${body}.${text}`];
  }),
  'PEM': fc.tuple(fc.constantFrom('RSA PRIVATE KEY', 'PRIVATE KEY', 'OPENSSH PRIVATE KEY'), randomText(ALNUM, 64)).map(
    ([kind, text]) => [text, `-----BEGIN ${kind}-----\nMIIE\n${text}\n-----END ${kind}-----`],
  ),
  'PEM that was cut': randomText(ALNUM, 20).map((text) => [text, `-----BEGIN PRIVATE KEY-----\nMIIE\n${text}`]),
  'random base 64': randomText(URL_SAFE, 64).map((text) => [text, text]),
  'random hexadecimal': randomText('0123456789abcdef', 64).map((text) => [text, text]),
}; // prettier-ignore

const surroundings = fc.string({
  unit: fc.constantFrom(...Array.from('ab Z9 .,;:-_/=&?"\'{}()[]<>\n\t@#\\é😀\ud800')),
  maxLength: 40,
});

/** Milliseconds of the fastest of three rounds: the others were disturbed. */
const fastest = (text: string) => {
  let bestMs = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    redact(text);
    bestMs = Math.min(bestMs, performance.now() - start);
  }
  return bestMs;
};

describe('redact', () => {
  it.each(Object.entries(shapes))('removes what was planted: %s', (_, shape) => {
    fc.assert(
      fc.property(shape, surroundings, surroundings, ([secret, text], before, after) => {
        // A secret that begins in the middle of a word has no shape, so something that is no word stands around it.
        expect(redact(`${before} ${text}\n${after}`)).not.toContain(secret);
        expect(redact(`${before}\n${text}`)).not.toContain(secret);
        expect(redact(text)).not.toContain(secret);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('gives the same when run again', () => {
    const anyText = fc.oneof(
      surroundings,
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constantFrom(
        '[REDACTED]',
        'password',
        '=',
        ': ',
        'token',
        '://',
        '@',
        'Bearer ',
        'sk-',
        '"',
        "'",
        '\\"',
        '--',
        '<pwd>',
        '</',
        '[',
        '{',
        '=>',
      ),
      ...Object.values(shapes).map((shape) => shape.map(([, text]) => text)),
    );
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 8 }), (parts) => {
        const once = redact(parts.join(''));
        expect(redact(once)).toBe(once);
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });

  it('leaves lone surrogates and all else of a harmless text alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('\ud800', '\udfff', '😀', 'é', 'a', ' ', '\n', '\0') }), (text) => {
        expect(redact(text)).toBe(text);
      }),
      { seed: SEED },
    );
  });

  it.each([
    ['postgres://admin:hunter2@db/app', 'postgres://admin:[REDACTED]@db/app'],
    ['redis://:hunter2@cache:6379', 'redis://[REDACTED]@cache:6379'],
    ['amqp://app:a/b+c@mq', 'amqp://app:[REDACTED]@mq'],
    ['failed (password=hunter2)', 'failed (password=[REDACTED])'],
    ['?token=abc&user=bob', '?token=[REDACTED]&user=bob'],
    ['Server=x;Password=abc;User Id=bob', 'Server=x;Password=[REDACTED];User Id=bob'],
    ['{"password":"a \\"b\\" c","user":"bob"}', '{"password":"[REDACTED]","user":"bob"}'],
    ["{ user: 'bob', pass: 'abc' }", "{ user: 'bob', pass: '[REDACTED]' }"],
    ["Map(1) { 'secret' => 'abc' }", "Map(1) { 'secret' => '[REDACTED]' }"],
    ['api key: abc', 'api key: [REDACTED]'],
    ["curl -H 'Cookie: a=b; c=d' https://x", "curl -H 'Cookie: [REDACTED]' https://x"],
    ['Authorization: Bearer abc def\nHost: x', 'Authorization: [REDACTED]\nHost: x'],
    ['authorization=Basic abc rest', 'authorization=[REDACTED] rest'],
    ['Authorization failed for Bearer mF_9.B5f-4.1JqM', 'Authorization failed for Bearer [REDACTED]'],
    ['mysql --password hunter2 --quiet', 'mysql --password [REDACTED] --quiet'],
    ['obj["apiKey"] = "abc"', 'obj["apiKey"] = "[REDACTED]"'],
  ])('redacts %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  const UUID = '808989fd-3a6e-4af2-b607-737323a176f6';
  const HASH = '3f2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c';

  it.each([
    'task-123',
    'disk-full',
    'risk-assessment-of-everything-else',
    'task V1StGXR8_Z5jdHi6B-myT failed',
    UUID,
    `task-${UUID} is gone`,
    `dist/assets/index-${HASH}.js`,
    `index.${HASH}.chunk.js`,
    `/var/cache/${HASH}/entry`,
    `C:\\cache\\${HASH}\\entry`,
    `commit ${HASH}`,
    'sha512-C6pjTEt9VR1O3TCSSeqtmHEIXwTbJv/I1A9vO+S/gXBsl8dqLvJgWZeLiBk7hEaJZLJXmlDPxqIvSNKWQ==',
    'Unexpected token } in JSON at position 3',
    "Unexpected token: '}'",
    'password: must be at least 8 characters',
    'the secret is out, the cookie too',
    'max_tokens: 512, tokens=12, tokenCount=5, tokenizer: fast, author: Bob, token: null',
    'apiKey: string; token?: undefined',
    'convertUTF8ToUTF16LEAndBase64Url CipherChaCha20Poly1305Types ERR_HTTP2_NO_SOCKET_MANIPULATION',
    'createVariableDeclarationListFromSourceFile',
    '@img/sharp-libvips-linuxmusl-x64@1.2.3 needs sk-learn-contrib-estimators',
    'https://registry.example/@scope/pkg/-/pkg-1.0.0.tgz',
    'http://localhost:5173/@id/foo',
    'ssh://git@github.com/a/b',
    'file:///C:/pkg@1.0.0/index.js',
    'Basic authentication, bearer authentication, basic TypeScript',
    'const next = tokens.map((token) => token.value)',
    'std::token::parse',
    "Error: ENOENT: no such file or directory, open '/app/data/notes.db'",
    [
      "TypeError: Cannot read properties of undefined (reading 'token')",
      '    at Object.<anonymous> (/app/node_modules/.pnpm/foo@1.2.3_abcdefabcdefabcdefabcdefabcdefab/node_modules/foo/index.js:1:2)',
      '    at token (file:///app/src/auth.ts:12:5)',
      '    at node:internal/modules/esm/module_job:343:25',
    ].join('\n'),
  ])('leaves %s as it is', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('takes time in proportion to the text, whatever the text', () => {
    const pieces = [
      '=', 'a:', 'password=', 'password="', 'token=a&', '://a:b', 'x://aaaa@', '://', 'sk-', 'eyJ-', '-----BEGIN A-----',
      '-----END ', '-', 'a', 'aA1', ' ', 'token={', 'secret=[[', "'", '\\', 'password=\\"', ';a', 'unexpected token:', '--password ',
      '--a ', 'Basic ', 'Bearer a', '<password>', 'a/', 'key ', 'token=)', 'xoxb-', 'cookie: a', 'a@', '\ud800', '\n',
    ]; // prettier-ignore
    for (const piece of pieces) {
      const long = piece.repeat(Math.ceil(1_048_576 / piece.length));
      const short = long.slice(0, 65_536);
      // 16 times the text: 16 times the time where it is linear, 256 times where it is quadratic. Half a millisecond of grace
      // for those so quick that the clock is what is measured.
      expect(fastest(long), JSON.stringify(piece)).toBeLessThan(64 * (fastest(short) + 0.5));
    }
  }, 120_000);
});
