import { isRandomRun } from './random-runs.js';

/** `-----BEGIN … KEY-----` to its end, or to the end of a text that was cut. */
const PEM = /-----BEGIN [A-Z\d ]{1,60}-----[\s\S]*?(?:-----END [A-Z\d ]{1,60}-----|$)/g;

/** What stands between `://` and `@`. A password may hold a slash, against the standard; a port before it is none. */
const URL_CREDENTIALS =
  /(:\/\/)([^\s/?#@"'`<>:[]{0,256}:(?!\d{1,5}[/?#])[^\s@"'`<>/][^\s@"'`<>]{0,512}|[^\s/?#"'`<>]{1,1024})@/g;

/** A user name alone is no secret: `ssh://git@host`. */
const PLAIN_USER = /^[a-z][a-z._-]{0,31}$/i;

/**
 * Tokens that say by their first characters what they are. Each pattern is a fixed beginning and one greedy run, so that
 * it either fails within a few characters or takes the run whole.
 */
const TOKENS: readonly RegExp[] = [
  /(?<![A-Za-z\d])(?:gh[a-z]_[A-Za-z\d]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_[A-Za-z\d]{30,}|hf_[A-Za-z\d]{24,})/g,
  /(?<![A-Za-z\d])(?:AKIA|ASIA)[A-Z\d]{12,}/g,
  /(?<![A-Za-z\d])AIza[\w-]{30,}/g,
  /(?<![A-Za-z\d])(?:xox[a-z]|xapp)-[\w-]{8,}/g,
  /(?<![A-Za-z\d])[sr]k_(?:live|test)_[A-Za-z\d]{10,}|(?<![A-Za-z\d])whsec_[A-Za-z\d+/=]{16,}/g,
  /(?<![A-Za-z\d])SG\.[\w-]{16,}\.[\w-]{16,}|(?<![A-Za-z\d])ya29\.[\w-]{16,}/g,
  /(?<![A-Za-z\d])eyJ[\w-]{14,}(?:\.[\w-]*)*/g,
  /(?<=hooks\.slack\.com\/services\/)[\w/]{16,}/g,
];

/** Words with hyphens can begin with sk- too (`sk-learn-contrib-estimators`); only keys have digits or capitals. */
const SK_TOKEN = /(?<![A-Za-z\d])sk-[\w-]{12,}/g;

const SCHEME = /(?<![A-Za-z\d])(bearer|basic)([ \t]{1,4})([\w.~+/-]{6,}={0,2})/gi;

const RUN = /[\w+/-]{24,}={0,2}/g;

/** How far around a run the words are read that explain it, in characters. */
const CONTEXT = 24;

/** Replaces what looks like a secret wherever it stands by `mark`. */
export function redactShapes(text: string, mark: string): string {
  let out = text.replace(PEM, mark);
  out = out.replace(URL_CREDENTIALS, (whole, slashes: string, userInfo: string) => {
    const colon = userInfo.indexOf(':');
    const user = colon === -1 ? userInfo : userInfo.slice(0, colon);
    if (colon === -1 && PLAIN_USER.test(user)) return whole;
    return PLAIN_USER.test(user) ? `${slashes}${user}:${mark}@` : `${slashes}${mark}@`;
  });
  for (const token of TOKENS) out = out.replace(token, mark);
  out = out.replace(SK_TOKEN, (whole) => (/[\dA-Z]/.test(whole.slice(3)) ? mark : whole));
  out = out.replace(SCHEME, (whole, scheme: string, space: string, credentials: string) =>
    isCredentials(scheme, credentials) ? `${scheme}${space}${mark}` : whole,
  );
  return out.replace(RUN, (run: string, at: number, all: string) => {
    const before = all.slice(Math.max(0, at - CONTEXT), at);
    const after = all.slice(at + run.length, at + run.length + CONTEXT);
    return isRandomRun(run, before, after) ? mark : run;
  });
}

/** Tells `Bearer mF_9.B5f-4` from "bearer authentication", and `Basic YTpi` (it decodes to `a:b`) from "basic rules". */
function isCredentials(scheme: string, credentials: string): boolean {
  if (scheme.toLowerCase() === 'bearer') {
    if (credentials.length >= 32 && !credentials.includes('-')) return true;
    return /\d/.test(credentials)
      ? credentials.length >= 8
      : credentials.length >= 16 && /[a-z][A-Z]/.test(credentials);
  }
  if (credentials.endsWith('=')) return true;
  return /^[\x20-\x7e]{0,96}:/.test(Buffer.from(credentials.slice(0, 128), 'base64').toString('latin1'));
}
