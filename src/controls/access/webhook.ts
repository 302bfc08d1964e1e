// Control `allowlists`: whether a webhook was signed, now, by whoever holds the channel's secret, as standardwebhooks.com
// says. An attacker wants to speak as a listed user: by a signature for another body, id or time, by one that was true
// yesterday, by a thousand guesses in one request, or by a parser that reads the signed bytes in two ways. So the key is in
// one form, every header in one form, the comparison takes one time, and whatever is not exactly right is refused.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Refusal } from "../../boundary.ts";

/** What is signed, and by what: three headers as they came, and the bytes of the body. */
export interface SignedMessage {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: Uint8Array;
}

/** How far the time of a webhook may lie from ours, milliseconds. */
export const webhookToleranceMs = 300_000;
/** Signatures of one webhook: while its secret is replaced a sender signs with two. */
export const maxSignatures = 5;

/** Without a full stop, which parts what is signed. */
const idForm = /^[\x21-\x2d\x2f-\x7e]{1,128}$/;
const timestampForm = /^[1-9][0-9]{0,11}$/;
/** Scheme and signature, more of them after one space each. */
const signatureForm = /^[a-z0-9]{1,8},[A-Za-z0-9+/=]{1,256}(?: [a-z0-9]{1,8},[A-Za-z0-9+/=]{1,256})*$/;
const ours = /^v1,([A-Za-z0-9+/]{43}=)$/;
const secretForm = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;
const keyBytes = { least: 24, most: 64 } as const;
/** In words. */
export const signingForm = `whsec_ and base64 of ${keyBytes.least} to ${keyBytes.most} bytes`;

/**
 * Why this message is not believed, if it is not. `secret` is `whsec_` and base64 of 24 to 64 bytes; `now` is milliseconds
 * since the epoch. The reason `secret_not_usable` is the operator's affair, every other one the sender's.
 */
export function decideWebhook(message: SignedMessage, secret: string, now: number): Refusal | undefined {
  const { id, timestamp, signature, body } = message;
  if (!idForm.test(id)) {
    return refuse("bad_request", "webhook-id", "1 to 128 visible ASCII characters without a full stop, once");
  }
  if (!timestampForm.test(timestamp)) {
    return refuse("bad_request", "webhook-timestamp", "seconds since 1970 as a whole number, once");
  }
  if (!signatureForm.test(signature)) {
    return refuse(
      "bad_request",
      "webhook-signature",
      "v1,BASE64, and more of them after one space each, in one header",
    );
  }
  const signatures = signature.split(" ");
  if (signatures.length > maxSignatures) {
    return refuse("too_many_signatures", "webhook-signature", `at most ${maxSignatures} signatures are looked at`);
  }
  if (Math.abs(now - Number(timestamp) * 1000) > webhookToleranceMs) {
    const words = "more than five minutes from this machine's clock: send it again with the time of sending";
    return refuse("timestamp_not_valid", "webhook-timestamp", words);
  }
  if (!canSign(secret)) return refuse("secret_not_usable", "channels.webhook.secret", `is not ${signingForm}`);
  const right = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
  // All of them, so that the time tells nothing of which one was right.
  const equal = signatures.filter((given) => isEqual(given, right));
  if (equal.length > 0) return undefined;
  const words = "no signature fits this body, id and time: sign the raw body with the secret of this channel";
  return refuse("signature_not_valid", "webhook-signature", words);
}

/** Whether a secret is of the form that signs webhooks. */
export function canSign(secret: string): boolean {
  const { length } = keyOf(secret);
  return length >= keyBytes.least && length <= keyBytes.most;
}

function keyOf(secret: string): Uint8Array {
  return bytesOf(secretForm.exec(secret)?.[1]);
}

function isEqual(given: string, right: Uint8Array): boolean {
  const bytes = bytesOf(ours.exec(given)?.[1]);
  return bytes.length === right.length && timingSafeEqual(bytes, right);
}

/** Bytes of base64 whose form was checked; none of nothing. */
function bytesOf(base64 = ""): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function refuse(reason: string, field: string, message: string): Refusal {
  return { control: "allowlists", reason, field, message };
}
