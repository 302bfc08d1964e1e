// What the processes say to each other of their audit chains. Each of the four writers hands out pages of its chain for one
// deployment; the broker signs their heads and seals an export. Unknown keys are refused.
import { z } from "zod";
import { chainEntry } from "../audit/entry.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);
export const standing = z.strictObject({ sequence: z.int().min(0), head: hash });

/** When an export was made, UTC, ISO 8601. */
export const exportTime = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);

/** The broker's signature over a head: Ed25519 over `ambit-head-v1\n<chain>\n<sequence>\n<head>`, base64. */
export const signature = z.strictObject({
  sequence: z.int().min(1),
  head: hash,
  signature: z.string(),
  /** Public key, base64 of the raw 32 bytes. */
  key: z.string(),
});
export type Signature = z.infer<typeof signature>;

/** Entries that a page may hold, and digests that a writer sends at once to have a head signed. */
export const pageEntries = 500;

/**
 * A page of a chain: entries after the number that was asked for, in order, and the signatures over heads among them.
 * - gate: `GET /control/audit?after=N`
 * - front, `health.sock`, and broker, `control.sock`: `GET /chains/<deployment>?after=N`
 * - supervisor: `GET /v1/deployments/<name>/audit/<writer>?after=N`, for all but the gate's
 */
export const chainPage = z.strictObject({
  entries: z.array(z.strictObject({ entry: chainEntry, head: hash })).max(pageEntries),
  signatures: z.array(signature),
});
export type ChainPage = z.infer<typeof chainPage>;

/**
 * Front and broker: `GET /chains`: how many entries the chain of each deployment has; the broker adds its public key, how far it signed each gate's chain, and
 * the names of chains that it signs no further, because they do not follow from what it signed.
 */
export const chainLengths = z.strictObject({ lengths: z.record(z.string(), z.int().min(0)) });
export const brokerChains = chainLengths.extend({
  key: z.string(),
  gates: z.record(z.string(), z.int().min(0)),
  disputed: z.array(z.string()),
});

const length = z.int().min(0).nullable();
/**
 * Supervisor, `GET /v1/audit`: how many entries each chain has, also of deployments that are gone, without asking a gate: of
 * a gate's chain, how far the broker signed it. Null: its writer does not answer now. Whoever follows the chains asks this
 * again and again, and asks for pages of what has grown.
 */
export const hostChains = z.strictObject({
  deployments: z.array(
    z.strictObject({
      name: z.string(),
      isThere: z.boolean(),
      lengths: z.strictObject({ admin: length, broker: length, front: length, gate: length }),
    }),
  ),
});
export type HostChains = z.infer<typeof hostChains>;

/** One standing for each of the four chains of a deployment. */
export const standings = z.strictObject({ admin: standing, broker: standing, front: standing, gate: standing });
export type Standings = z.infer<typeof standings>;

/**
 * Broker, `POST /chains/<deployment>/seal`, and supervisor, `POST /v1/deployments/<name>/audit/seal`: the last line of an
 * export.
 */
export const sealRequest = z.strictObject({
  exported: exportTime,
  /** SHA-256 of every byte before the seal. */
  hash,
  /** Number of the seal's own line. */
  line: z.int().min(2),
  chains: standings,
});
export type SealRequest = z.infer<typeof sealRequest>;
/** The broker's key and, for each chain, the head that it signed last. */
export const sealAnswer = sealRequest.extend({
  v: z.literal(1),
  kind: z.literal("seal"),
  deployment: z.string(),
  witness: standings,
  key: z.string(),
  /** Ed25519 over `ambit-seal-v1\n` and the canonical JSON of all members but this one, base64. */
  signature: z.string(),
});
export type Seal = z.infer<typeof sealAnswer>;

/** Supervisor, `GET /v1/deployments/<name>/audit`: the broker's public key. */
export const witnessKey = z.strictObject({ key: z.string() });
