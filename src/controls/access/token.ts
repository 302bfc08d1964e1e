// Control `gateway-tokens`: the form of a token, and telling a real one from a forged one.
// An attacker wants to guess a token, to learn from answers or timing which ids exist, or to use a token of one
// deployment at another. So: 256 random bits, one expression that anchors both ends, a digest in the row and never the
// token, a comparison in constant time, and the same work and the same refusal whether or not the id is known.
// The check digits are no protection: they let a scanner tell a leaked token from a look-alike without asking anybody.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Refusal } from "../../boundary.ts";

/** `ch` channel, `gw` server to server, `cli` a person's command line. */
export type TokenKind = "ch" | "gw" | "cli";

/** What is kept of a token: never the token itself. */
export interface TokenRow {
  /** `digestToken` of the whole token, 64 lower-case hex digits. */
  readonly digest: string;
  readonly scope: string;
  /** The public part, 12 base62 characters. */
  readonly id: string;
}

/** Random bytes `mintToken` wants: 9 for the id, 32 for the secret. */
export const tokenRandomBytes = 41;

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const form = /^ambit_(ch|gw|cli)_([0-9A-Za-z]{12})_[0-9A-Za-z]{43}_([0-9A-Za-z]{6})$/;
const longest = "ambit_cli_".length + 12 + 1 + 43 + 1 + 6;
const digestForm = /^[0-9a-f]{64}$/;
/** Compared against when the id is unknown. SHA-256 of nothing known. */
const nobody = "0".repeat(64);
const text = new TextEncoder();

/**
 * Makes a token out of at least 41 random bytes. The token is shown once; keep `id` and `digest`.
 * Throws when the bytes are too few or all the same: that is a broken caller, not a refusal.
 */
export function mintToken(kind: TokenKind, random: Uint8Array): { token: string; id: string; digest: string } {
  if (random.length < tokenRandomBytes) {
    throw new Error(`mintToken: ${random.length} random bytes given, ${tokenRandomBytes} are needed`);
  }
  const used = random.subarray(0, tokenRandomBytes);
  if (used.every((byte) => byte === used[0])) throw new Error("mintToken: the random bytes are all the same");
  // 71 bits always fit 12 base62 digits; 72 do not, and folding them would give some ids twice the chance of others.
  const id = base62(toInteger(used.subarray(0, 9)) & ((1n << 71n) - 1n), 12);
  const head = `ambit_${kind}_${id}_${base62(toInteger(used.subarray(9)), 43)}_`;
  const token = head + checkOf(head);
  return { token, id, digest: digestToken(token) };
}

/** Checks form and check digits offline. A token that parses is well formed, not valid: only `matchToken` says that. */
export function parseToken(token: string): { kind: TokenKind; id: string } | Refusal {
  const parts = token.length <= longest ? form.exec(token) : null;
  const [, kind, id, check] = parts ?? [];
  if (kind === undefined || id === undefined || check === undefined) {
    return notValid("the token does not have the form ambit_KIND_ID_SECRET_CHECK: send it whole and unchanged");
  }
  if (checkOf(token.slice(0, -6)) !== check) {
    return notValid("the check digits of the token do not fit the rest: it was mistyped or cut");
  }
  return { kind: kind as TokenKind, id };
}

/** SHA-256 of the token's text, hex. A slow hash would add nothing: the secret has 256 bits. */
export function digestToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/**
 * Finds the row a presented token belongs to. `rows` are those of one deployment: a token of another one is simply
 * unknown here. Unknown id and wrong secret cost one digest and one comparison each and are refused in the same words.
 */
export function matchToken<Row extends TokenRow>(token: string, rows: readonly Row[]): Row | Refusal {
  const parsed = parseToken(token);
  if ("reason" in parsed) return parsed;
  const row = rows.find((candidate) => candidate.id === parsed.id && digestForm.test(candidate.digest));
  const equal = timingSafeEqual(text.encode(digestToken(token)), text.encode(row?.digest ?? nobody));
  return row !== undefined && equal
    ? row
    : notValid("no live token of this deployment fits: it was revoked, replaced, or belongs to another deployment");
}

function notValid(message: string): Refusal {
  return { control: "gateway-tokens", reason: "token_not_valid", message };
}

function toInteger(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** Base62, left-padded with `0` to `width` digits. */
function base62(value: bigint, width: number): string {
  let digits = "";
  for (let rest = value; rest > 0n; rest /= 62n) digits = alphabet.charAt(Number(rest % 62n)) + digits;
  return digits.padStart(width, "0");
}

/** CRC-32 (ISO-HDLC, as in zip and PNG) of every character before the check, last underscore included. */
function checkOf(head: string): string {
  let crc = 0xffffffff;
  for (const byte of text.encode(head)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return base62(BigInt(~crc >>> 0), 6);
}
