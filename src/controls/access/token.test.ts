// Control `gateway-tokens`: a token is accepted whole, at its own deployment, and in no other way.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { digestToken, matchToken, mintToken, parseToken, tokenRandomBytes, type TokenKind } from "./token.ts";

const kinds: readonly TokenKind[] = ["ch", "gw", "cli"];

function row(token: { id: string; digest: string }, scope = "chat") {
  return { id: token.id, digest: token.digest, scope };
}

test("a minted token has the published form, and its check digits are a CRC-32 that zlib agrees with", () => {
  for (const kind of kinds) {
    const { token, id } = mintToken(kind, randomBytes(tokenRandomBytes));
    assert.match(token, /\bambit_(?:gw|cli|ch)_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\b/);
    assert.deepEqual(parseToken(token), { kind, id });
    assert.equal(base62Value(token.slice(-6)), BigInt(crc32(token.slice(0, -6))));
  }
});

test("every random byte shows in the token: the largest and smallest values keep their fixed width", () => {
  const high = new Uint8Array(41).fill(255);
  high[40] = 254;
  const low = new Uint8Array(41);
  low[40] = 1;
  for (const bytes of [high, low]) assert.ok("id" in parseToken(mintToken("ch", bytes).token));
  assert.equal(base62Value(mintToken("ch", high).token.split("_")[3] ?? ""), (1n << 256n) - 2n);
  assert.equal(mintToken("ch", low).token.split("_")[3], `${"0".repeat(42)}1`);
});

test("too few random bytes, or bytes that are all the same, make no token", () => {
  assert.throws(() => mintToken("ch", randomBytes(40)), /40 random bytes given, 41 are needed/);
  assert.throws(() => mintToken("ch", new Uint8Array(41)), /all the same/);
  assert.throws(() => mintToken("ch", new Uint8Array(64).fill(7)), /all the same/);
});

test("one changed character anywhere is refused before any row is looked at", () => {
  const { token } = mintToken("gw", randomBytes(41));
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === "x" ? "y" : "x";
    const changed = token.slice(0, at) + other + token.slice(at + 1);
    assert.ok("reason" in parseToken(changed), `position ${at}`);
  }
});

test("anything around the token is refused, and so are cut, joined and foreign forms", () => {
  const { token } = mintToken("ch", randomBytes(41));
  assert.ok("id" in parseToken(token));
  const twins = [
    ` ${token}`,
    `${token} `,
    `${token}\n`,
    `"${token}"`,
    token.slice(0, -1),
    `${token}0`,
    `${token},${token}`,
  ];
  twins.push("", "ambit_ch_", token.toUpperCase(), token.replace("_ch_", "_CH_"), token.replace("_ch_", "_gate_"));
  twins.push(token.replace("ambit", "\u0430mbit"), "x".repeat(1_000_000));
  for (const twin of twins) assert.ok("reason" in parseToken(twin), twin.slice(0, 100));
});

test("arbitrary text is never a token and never throws", () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => "reason" in parseToken(text)));
});

test("the right token finds its row; the same id with another secret does not", () => {
  const bytes = randomBytes(41);
  const mine = mintToken("ch", bytes);
  const forgedBytes = Uint8Array.from(bytes);
  forgedBytes[40] = (bytes[40] ?? 0) ^ 1;
  const forged = mintToken("ch", forgedBytes);
  assert.equal(forged.id, mine.id);
  const rows = [row(mintToken("ch", randomBytes(41))), row(mine, "control")];
  assert.equal(matchToken(mine.token, rows), rows[1]);
  assert.ok("reason" in matchToken(forged.token, rows));
});

test("a token of deployment A is refused by deployment B, in the same words as a wrong secret", () => {
  const a = mintToken("ch", randomBytes(41));
  const b = mintToken("ch", randomBytes(41));
  const wrong = { ...row(b), id: a.id };
  assert.equal("scope" in matchToken(a.token, [row(a)]), true);
  const refusal = matchToken(a.token, [row(b)]);
  assert.deepEqual(refusal, matchToken(a.token, [wrong]));
  assert.deepEqual(refusal, matchToken(a.token, []));
  assert.equal("reason" in refusal && refusal.reason, "token_not_valid");
});

test("a token under another kind is another token", () => {
  const bytes = randomBytes(41);
  const channel = mintToken("ch", bytes);
  const person = mintToken("cli", bytes);
  assert.equal(channel.id, person.id);
  assert.ok("reason" in matchToken(person.token, [row(channel)]));
});

test("a row whose digest is empty, short, upper case or zeros opens for nobody", () => {
  const mine = mintToken("ch", randomBytes(41));
  for (const digest of ["", "0".repeat(64), mine.digest.slice(1), mine.digest.toUpperCase(), `${mine.digest}\n`]) {
    assert.ok("reason" in matchToken(mine.token, [{ id: mine.id, scope: "chat", digest }]), digest);
  }
});

test("no refusal repeats the token", () => {
  const { token } = mintToken("ch", randomBytes(41));
  for (const refusal of [matchToken(token, []), parseToken(`${token}x`), parseToken(`${token.slice(0, -1)}!`)]) {
    assert.ok(!JSON.stringify(refusal).includes(token.slice(9, 40)));
  }
});

test("the digest is SHA-256 of the text", () => {
  assert.equal(digestToken("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

function base62Value(digits: string): bigint {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return [...digits].reduce((sum, digit) => sum * 62n + BigInt(alphabet.indexOf(digit)), 0n);
}
