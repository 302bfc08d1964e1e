// Control `secrets`: what may stand in a log line. Nothing that logs is meant to hold a secret; this is for what slips in with
// somebody else's words: an address with a password in it, a provider's error that repeats the key it was sent, a header in
// a stack trace. An attacker wants a key that is written a little differently, or text that a terminal obeys. By shape alone:
// a secret that looks like any word is not found here. Asked once, where lines leave the supervisor.

/** What stands in place of a secret. */
export const mark = "[secret]";
/** Longest text of one member, characters; longest list and object, members; deepest nesting. */
export const maxText = 2000;
const maxMembers = 100;
const maxDepth = 8;

/**
 * Members whose value is never shown, whatever it is, but for a number, a boolean and null: by the last words of their name,
 * asked with `_` between the words (`dbPassword`, `OPENAI_API_KEY`, `x-api-key`).
 */
const secretKey =
  /(?:^|[^a-z])(?:authorization|cookie|pass(?:word|wd|phrase)?|pwd|secrets?|credentials?|(?:api|access|private|signing)[^a-z]?key|token)$/;
const isSecretKey = (key: string): boolean =>
  secretKey.test(key.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase());

/** `name: value` and `name=value` in text; quotes of JSON and of JSON in JSON may stand between. */
const named =
  /\b((?:proxy-)?authorization|(?:set-)?cookie)(\\*["']?\s{0,4}[:=]\s{0,4}\\*["']?)(?!\[secret\])[^"'\r\n\\]{1,4096}/gi;
const pair =
  /((?<![a-z])(?:pass(?:word|wd|phrase)?|pwd|client[-_]?secret|secret|(?:access|refresh|id|auth|session|security)[-_]?token|token|(?:x[-_])?api[-_]?key|private[-_]?key|sig(?:nature)?|credential))(\\*["']?\s{0,4}(?:=|:(?!\/\/))\s{0,4}\\*["']?)(?!\[secret\])([^\s&"'<>,;\\)\]}]{4,4096})/gi;
/** The same in one word with an upper case letter in it, which `pair` cannot see. */
const camel =
  /([a-z0-9](?:Password|Passwd|Passphrase|Secret|Token|ApiKey|AccessKey|PrivateKey))(\\*["']?\s{0,4}(?:=|:(?!\/\/))\s{0,4}\\*["']?)(?!\[secret\])([^\s&"'<>,;\\)\]}]{4,4096})/g;
const privateKey = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g;
const userInfo = /([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@"'<>]{1,512}@/gi;
/** Schemes of Authorization, and keys that say by their first letters what they are. */
const shapes = [
  /\b(Bearer|Basic|Digest)\s+(?!\[secret\])[A-Za-z0-9._~+/=-]{6,}/gi,
  /\b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{12,}/g,
  /\bwhsec_[A-Za-z0-9+/=_-]{6,}/g,
  /\bambit_(?:ch|cli)_[A-Za-z0-9_-]{6,}/g,
  /\b(?:gh[opsur]|github_pat|glpat|npm|hf|xox[abeprs])[-_][A-Za-z0-9_-]{10,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bAIza[A-Za-z0-9_-]{30,}/g,
  /\bSG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g,
  /\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?/g,
];

/** Text without what looks like a secret, cut to `maxText`. JSON is read as JSON, and its members are cut. */
export function stripText(text: string, depth = 0): string {
  const inner = depth < maxDepth ? stripJson(text, depth) : undefined;
  if (inner !== undefined) return inner;
  let shown = text
    .replace(privateKey, mark)
    .replace(userInfo, `$1${mark}@`)
    .replace(named, `$1$2${mark}`)
    .replace(pair, `$1$2${mark}`)
    .replace(camel, `$1$2${mark}`);
  for (const shape of shapes) shown = shown.replace(shape, mark);
  return shown.length > maxText ? `${shown.slice(0, maxText).toWellFormed()}... [${shown.length} characters]` : shown;
}

/** Any value as JSON that may be logged. */
export function stripValue(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return stripText(value, depth);
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object") return null;
  if (depth >= maxDepth) return "[deeper]";
  if (value instanceof Error) return stripError(value, depth);
  if (Array.isArray(value)) {
    const kept = value.slice(0, maxMembers).map((item) => stripValue(item, depth + 1));
    return value.length > maxMembers ? [...kept, `[${value.length} items]`] : kept;
  }
  const entries = Object.entries(value).slice(0, maxMembers);
  return Object.fromEntries(entries.map(([key, item]) => [stripText(key, maxDepth), stripMember(key, item, depth)]));
}

/** One line of a log: JSON in which no character moves a cursor or turns text round. */
export function stripLine(fields: Readonly<Record<string, unknown>>): string {
  return visible(JSON.stringify(stripValue(fields)));
}

function stripMember(key: string, value: unknown, depth: number): unknown {
  const isPlain = value === null || typeof value === "number" || typeof value === "boolean";
  return isSecretKey(key) && !isPlain ? mark : stripValue(value, depth + 1);
}

function stripError(error: Error, depth: number): unknown {
  const cause = error.cause === undefined ? {} : { cause: stripValue(error.cause, depth + 1) };
  return { error: stripText(error.name, depth), message: stripText(error.message, depth), ...cause };
}

/** Undefined when it is no JSON object or list. */
function stripJson(text: string, depth: number): string | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.stringify(stripValue(JSON.parse(text), depth + 1));
  } catch {
    return undefined;
  }
}

/** JSON leaves some characters as they are that a terminal obeys or that turn text round; here they are `\uXXXX` too. */
function visible(json: string): string {
  const escape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (text) => text.split("").map(escape).join(""));
}
