// What a gate and the broker say to each other over a deployment's one door (a unix socket; HTTP with the full URL in
// the request line). The socket is the identity: there is no deployment name in any request, so none can be forged.
// Internal names end in `.internal` and are answered by the broker itself; everything else is egress.
import { z } from "zod";
import { signature } from "./audit.ts";

/** Host names the broker answers itself. */
export const doorHosts = {
  model: "model.internal",
  records: "records.internal",
  sign: "sign.internal",
  outcome: "outcome.internal",
  verify: "verify.internal",
} as const;

/** Request header: `<callId>.<attempt>`; makes the broker keep the outcome of this request. Stripped before dialling. */
export const callHeader = "x-ambit-call";
/** Response header the broker alone may set: why it did not pass an answer on. Stripped from upstream answers. */
export const brokerHeader = "x-ambit-broker";
/** All headers with this prefix are Ambit's own and are stripped at every border. */
export const ownHeaderPrefix = "x-ambit-";

/** `<callId>.<attempt>`, the key of the broker's `forwarded` table. */
export const callKeyPattern = /^[a-z0-9_-]{8,80}\.[1-9][0-9]{0,3}$/;

/**
 * Why the broker did not pass an upstream answer on (value of `brokerHeader`).
 * `refused`: the broker's own rules forbid it, nothing was dialled. `unreachable`: no byte of the request was sent.
 * `broken`: bytes were sent and no whole answer came: nobody knows what the other side did.
 * `too_large`: the answer came and was over the cap; it counts as answered. `overloaded`: this deployment has too many
 * requests under way; nothing was sent.
 */
const brokerWord = z.enum(["refused", "unreachable", "broken", "too_large", "overloaded"]);
export type BrokerWord = z.infer<typeof brokerWord>;

/** JSON body beside a `brokerHeader`. Status 403 for refused, 429 overloaded, 502 for the rest. */
export const brokerProblem = z.strictObject({
  word: brokerWord,
  /** Rule that decided, such as `host_not_allowed`, `private_address`, `url.userinfo`, `connect_failed`. */
  reason: z.string().max(64),
  message: z.string().max(500),
});
export type BrokerProblem = z.infer<typeof brokerProblem>;

/** `GET http://outcome.internal/<callId>.<attempt>`: what became of a forwarded call. Always 200. */
export const outcomeAnswer = z.discriminatedUnion("state", [
  /** The broker never forwarded it and now never will: the key is burnt (see broker/outcome.ts). */
  z.strictObject({ state: z.literal("not_forwarded") }),
  z.strictObject({
    state: z.literal("answered"),
    status: z.int(),
    contentType: z.string(),
    /** The body as text, at most `maxAnswerBytes`. */
    body: z.string(),
    /** SHA-256 of the body, hex. */
    hash: z.string(),
  }),
  /** Cut in between, or still under way in another request. */
  z.strictObject({ state: z.literal("unknown") }),
]);
export type OutcomeAnswer = z.infer<typeof outcomeAnswer>;

/** Largest answer of a tool server that is passed on, bytes. */
export const maxAnswerBytes = 4_194_304;
/** Largest answer of a model that is passed on, bytes. */
export const maxModelAnswerBytes = 8_388_608;
/** Largest request body a gate may send through its door, bytes. */
export const maxDoorRequestBytes = 4_194_304;

/** `POST http://records.internal/<view>` */
export const recordRequest = z.strictObject({
  params: z.record(z.string(), z.union([z.string().max(4096), z.number().finite(), z.boolean(), z.null()])),
});
export const recordAnswer = z.strictObject({
  rows: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.null()]))),
  /** True when the view holds more than `max_rows`. */
  truncated: z.boolean(),
});
export type RecordAnswer = z.infer<typeof recordAnswer>;

/**
 * `POST http://sign.internal/head`: asks for a signature over the new head of this deployment's gate chain.
 * The broker recomputes the head from the one it signed last and the digests in between, and refuses with 409 when it
 * does not get there: a cut or rewritten chain cannot be signed.
 */
export const signRequest = z.strictObject({
  /** Sequence number of the last entry, 1-based. */
  sequence: z.int().min(1),
  head: z.string().regex(/^[0-9a-f]{64}$/),
  /** Entry digests from the broker's last signed sequence + 1 up to `sequence`, in order. */
  digests: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(2000),
});
export const signAnswer = signature;
/** 409 body: where the broker stands. */
export const signConflict = z.strictObject({ sequence: z.int().min(0), head: z.string(), message: z.string() });

/**
 * `POST http://verify.internal/webhook`: the raw body of a webhook and its three headers as they came, byte for byte. No
 * secret is named: the broker takes the one that this deployment's release names under `channels.webhook`. Always 200.
 */
export const verifyAnswer = z.discriminatedUnion("isSigned", [
  /** `secret`: name of the secret that signed it. */
  z.strictObject({ isSigned: z.literal(true), secret: z.string() }),
  z.strictObject({
    isSigned: z.literal(false),
    reason: z.string().max(64),
    message: z.string().max(500),
    field: z.string().max(64),
  }),
]);
/** The headers that a webhook is signed by. */
export const webhookHeaders = {
  id: "webhook-id",
  timestamp: "webhook-timestamp",
  signature: "webhook-signature",
} as const;
/** Longest of these headers, characters. */
export const maxWebhookHeaderLength = 2048;
/** Largest body of a webhook, bytes: strangers may send one. */
export const maxWebhookBytes = 262_144;
