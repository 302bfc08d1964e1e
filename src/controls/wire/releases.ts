// Control `redeploys`: what is said between the command line, the admin process and the supervisor of releases: what one
// would change, what ran, what waits for a second person. Whoever accepts growth sends back the hash of exactly the
// difference that was shown; anything else is refused.
import { z } from "zod";
import { isPrintable } from "../manifest/printable.ts";
import { releaseSchema } from "../manifest/release.ts";

/**
 * Supervisor, beside the routes in wire/control.ts:
 * - `POST /v1/deployments/<name>/diff` diffRequest -> authorityDiff: what that release would change here; nothing is done
 * - `GET  /v1/deployments/<name>/releases` -> releaseList, newest first, with what waits for a second person
 * - `POST /v1/deployments/<name>/rollback` rollbackRequest -> deployAnswer, or 202 proposalView
 * - `GET  /v1/deployments/<name>/proposals/<release>` -> proposalView
 * - `POST /v1/deployments/<name>/proposals/<release>` proposalDecision -> proposalDecided (wire/control.ts)
 * - `DELETE /v1/deployments/<name>` removeRequest -> removeAnswer
 */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const person = z.string().min(1).max(254).refine(isPrintable, "one line without control or invisible characters");
/** How long turns that walk may take to end on the release before, milliseconds. */
export const maxDrainMs = 30_000;
const drainMs = z.int().min(0).max(maxDrainMs).default(maxDrainMs);

const authorityChange = z.strictObject({
  kind: z.string(),
  subject: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
});

/** What a release may do beside the one that runs; `from` is null when none runs, or none that can be read. */
export const authorityDiff = z.strictObject({
  from: sha256.nullable(),
  to: sha256,
  /** What is sent back as `accept`. */
  hash: sha256,
  grew: z.array(authorityChange),
  shrank: z.array(authorityChange),
  /** Steers it and grants nothing. */
  changed: z.array(authorityChange),
});
export type AuthorityDiffView = z.infer<typeof authorityDiff>;

/** Longest request that brings a release. */
export const maxDeployBytes = 2_097_152;

/** `PUT /v1/deployments/<name>` */
export const deployRequest = z.strictObject({
  release: releaseSchema,
  /** Release that must be the one that runs now, null for none; left out, whatever runs is replaced. */
  expects: z.string().nullable().optional(),
  /** `hash` of the difference whose growth is accepted; needed where there is growth and something runs already. */
  accept: sha256.optional(),
  /** Who deploys, as the surface knows them. */
  by: person.default("operator"),
  drainMs,
});
export const diffRequest = z.strictObject({ release: releaseSchema });

export const rollbackRequest = z.strictObject({
  /** A release that ran, or the first digits of one; left out, the one that ran before. */
  release: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/, "8 to 64 hex digits of a release that ran")
    .optional(),
  by: person.default("operator"),
  drainMs,
});

export const proposalView = z.strictObject({
  release: sha256,
  /** The release it was compared with: another deploy in between voids it. */
  against: sha256,
  state: z.enum(["open", "deployed", "failed", "denied", "void", "expired"]),
  by: z.string(),
  at: z.string(),
  expires: z.string(),
  /** Role whose members must agree, how many, and who did. */
  role: z.string(),
  needed: z.int(),
  approvals: z.array(z.strictObject({ by: z.string(), at: z.string() })),
  authority: authorityDiff,
});
export type ProposalView = z.infer<typeof proposalView>;

export const proposalDecision = z.strictObject({ decision: z.enum(["approve", "deny"]), by: person, drainMs });

const releaseView = z.strictObject({
  release: sha256,
  at: z.string(),
  by: z.string(),
  /** Hash of the difference it was deployed with; null for a first one. */
  diff: sha256.nullable(),
  /** `ran`, or why it did not. */
  outcome: z.string(),
  running: z.boolean(),
});
export type ReleaseView = z.infer<typeof releaseView>;
export const releaseList = z.strictObject({ releases: z.array(releaseView), proposals: z.array(proposalView) });
export type ReleaseList = z.infer<typeof releaseList>;

export const removeRequest = z.strictObject({
  /** The name once more. */
  confirm: z.string(),
  by: person.default("operator"),
});
export const removeAnswer = z.strictObject({
  name: z.string(),
  /** File with the audit chains; where they could not be sealed, folder with the gate's own file, or null when it had none. */
  kept: z.string().nullable(),
  /** Why the chains could not be sealed; null when they were. */
  notSealed: z.string().nullable(),
});
