// The other side is the official library of standardwebhooks.com: what it signs is believed, and each row is one step away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { decideWebhook, maxSignatures, type SignedMessage } from "./webhook.ts";

const now = Date.UTC(2026, 0, 1, 12);
const seconds = now / 1000;
const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const otherSecret = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
const text = JSON.stringify({ type: "message.created", data: { user: "amy", text: "h\u00e9llo \ud83d\ude80" } });

const sign = (body = text, id = "msg_1", at = seconds, by = secret): string =>
  new Webhook(by).sign(id, new Date(at * 1000), body);

function signed(change: Partial<SignedMessage> = {}): SignedMessage {
  const body = new TextEncoder().encode(text);
  return { id: "msg_1", timestamp: String(seconds), signature: sign(), body, ...change };
}

const reasonOf = (change: Partial<SignedMessage>, by = secret, at = now) => {
  const refusal = decideWebhook(signed(change), by, at);
  return refusal ? `${refusal.reason} ${refusal.field}` : "believed";
};

const bytes = (body: string): Uint8Array => new TextEncoder().encode(body);
const wrong = `v1,${Buffer.alloc(32).toString("base64")}`;
const notSigned = "signature_not_valid webhook-signature";
const badSignature = "bad_request webhook-signature";

const rows: readonly (readonly [
  name: string,
  allowed: Partial<SignedMessage>,
  refused: Partial<SignedMessage>,
  string,
])[] = [
  ["one byte of the body", {}, { body: bytes(text.replace("amy", "bob")) }, notSigned],
  ["a space after the body", {}, { body: bytes(`${text} `) }, notSigned],
  ["an empty body", { body: bytes(""), signature: sign("") }, { body: bytes("") }, notSigned],
  ["another id", { id: "msg_2", signature: sign(text, "msg_2") }, { id: "msg_2" }, notSigned],
  [
    "another second",
    { timestamp: String(seconds + 1), signature: sign(text, "msg_1", seconds + 1) },
    { timestamp: String(seconds + 1) },
    notSigned,
  ],
  ["another secret", {}, { signature: sign(text, "msg_1", seconds, otherSecret) }, notSigned],
  ["the scheme of a public key", {}, { signature: sign().replace("v1,", "v1a,") }, notSigned],
  ["a signature without its last byte", {}, { signature: `v1,${Buffer.alloc(31).toString("base64")}` }, notSigned],
  [
    "one of two signatures",
    { signature: `${sign(text, "msg_1", seconds, otherSecret)} ${sign()}` },
    { signature: `${wrong} ${wrong}` },
    notSigned,
  ],
  ["other schemes beside", { signature: `v1a,AAAA v9,AAAA ${sign()}` }, { signature: "v1a,AAAA v9,AAAA" }, notSigned],
  [
    "five signatures",
    { signature: `${`${wrong} `.repeat(maxSignatures - 1)}${sign()}` },
    { signature: `${`${wrong} `.repeat(maxSignatures)}${sign()}` },
    "too_many_signatures webhook-signature",
  ],
  ["no signature", {}, { signature: "" }, badSignature],
  ["no scheme", {}, { signature: sign().slice(3) }, badSignature],
  ["a space before", {}, { signature: ` ${sign()}` }, badSignature],
  ["two headers joined", {}, { signature: `${wrong}, ${sign()}` }, badSignature],
  ["base64 for URLs", {}, { signature: "v1,____" }, badSignature],
  ["no id", {}, { id: "" }, "bad_request webhook-id"],
  [
    "an id of 129",
    { id: "x".repeat(128), signature: sign(text, "x".repeat(128)) },
    { id: "x".repeat(129) },
    "bad_request webhook-id",
  ],
  ["an id with a full stop", {}, { id: "msg.1", signature: sign(text, "msg.1") }, "bad_request webhook-id"],
  ["two ids joined", {}, { id: "msg_1, msg_1" }, "bad_request webhook-id"],
  ["a time that is no number", {}, { timestamp: "1e9" }, "bad_request webhook-timestamp"],
  ["a time with words after it", {}, { timestamp: `${seconds}x` }, "bad_request webhook-timestamp"],
  ["a negative time", {}, { timestamp: `-${seconds}` }, "bad_request webhook-timestamp"],
  ["a fraction", {}, { timestamp: `${seconds}.0` }, "bad_request webhook-timestamp"],
];

for (const [name, allowed, refused, reason] of rows) {
  test(`${name}: refused, and one step away believed`, () => {
    assert.equal(reasonOf(allowed), "believed");
    assert.equal(reasonOf(refused), reason);
  });
}

test("five minutes are near enough, and one second more is not, before and after", () => {
  for (const [away, expected] of [
    [300, "believed"],
    [-300, "believed"],
    [301, "timestamp_not_valid webhook-timestamp"],
    [-301, "timestamp_not_valid webhook-timestamp"],
  ] as const) {
    const timestamp = String(seconds + away);
    assert.equal(reasonOf({ timestamp, signature: sign(text, "msg_1", seconds + away) }), expected, String(away));
  }
});

test("a secret that is not whsec_ and 24 to 64 bytes signs nothing, not even what its bytes did sign", () => {
  const of = (length: number) => `whsec_${Buffer.alloc(length, 7).toString("base64")}`;
  for (const by of [of(24), of(64)])
    assert.equal(reasonOf({ signature: sign(text, "msg_1", seconds, by) }, by), "believed");
  const bad = [of(23), of(65), of(24).slice(6), `WHSEC_${of(24).slice(6)}`, `${of(24)} `, "whsec_", "", "whsec_\u00e9"];
  for (const by of bad) assert.equal(reasonOf({}, by), "secret_not_usable channels.webhook.secret", by);
});

test("bytes that are no text are signed as bytes: two that read alike are two bodies", () => {
  const [one, other] = [Uint8Array.of(0xff), Uint8Array.of(0xfe)];
  const signature = new Webhook(secret).sign("msg_1", new Date(now), new TextDecoder().decode(one));
  assert.equal(reasonOf({ body: one, signature }), notSigned);
  assert.equal(reasonOf({ body: other, signature }), notSigned);
});
