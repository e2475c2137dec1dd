/** Words that name a secret when a name ends in them: `dbPassword`, `X-Auth-Token`, `refresh_token`. */
const SECRET_WORDS = new Set(
  (
    'password passwords passwd passphrase passcode pwd pw pass secret secrets token tokens authorization auth ' +
    'cookie cookies credential credentials creds apikey apikeys jwt bearer csrf xsrf otp sid sessionid phpsessid jsessionid'
  ).split(' '),
);

/** Words written without a break, as in `dbpassword` or `accesstoken`. The short ones would match `compass` and `author`. */
const GLUED = /(?:password|passwd|passphrase|secret|token|apikey|accesskey|secretkey|privatekey|authkey|credentials)$/;

/** What kind of key is secret: `api-key`, `privateKey`, `AWS_SECRET_ACCESS_KEY`. */
const KEY_KINDS = new Set(
  'api access private secret signing signature encryption master account auth ssh deploy session service shared license'.split(
    ' ',
  ),
);

/** Words that may follow without changing what is held: `password_hash`, `secretKeyBase`, `tokenValue`. */
const TRAILING = new Set(
  'value hash old new current confirm confirmation repeat plain raw base base64 b64 encoded text string data header'.split(
    ' ',
  ),
);

/** Whole headers that are one secret up to the end of their line. */
const SECRET_HEADER = /^(?:(?:proxy-)?authorization|(?:set-)?cookie2?|x-amz-security-token)$/i;

/** Names that count things as often as they hide them: `tokens: 512`, `pass: 12`, `auth: 1`. */
const COUNTING = new Set(['tokens', 'pass', 'auth', 'cookies', 'secrets', 'credentials', 'passwords']);

/**
 * True where a name says that its value is secret. Takes snake_case, kebab-case, camelCase, dots and single spaces.
 *
 * @example saysSecret('x-api-key') // true
 * @example saysSecret('max_token_count') // false: it counts them
 */
export function saysSecret(name: string): boolean {
  const words = wordsOf(name);
  while (words.length > 1 && (TRAILING.has(words.at(-1) ?? '') || /^\d+$/.test(words.at(-1) ?? ''))) words.pop();
  const last = (words.at(-1) ?? '').replace(/\d+$/, '');
  const kind = words.at(-2) ?? '';
  if (last === 'key' || last === 'keys') return KEY_KINDS.has(kind) || GLUED.test(`${kind}key`);
  if (last === 'id') return kind === 'session';
  return SECRET_WORDS.has(last) || GLUED.test(last);
}

/** True where a number beside this name is a count rather than a secret. */
export function maybeCounts(name: string): boolean {
  return COUNTING.has(wordsOf(name).at(-1) ?? '');
}

/** True for an HTTP header that is secret to the end of its line. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name);
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z\d])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$& ')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '');
}
