// What callers may ask of a gate (over its `in.sock`) and what it answers. `/v1/*` is for channels and needs a token of
// scope `chat`; `/control/*` is for the operator and needs a token of scope `control`. Unknown keys are refused.
import { z } from "zod";
import { isPrintable } from "../manifest/printable.ts";
import { frozenSince } from "./freeze.ts";
import { authorityDiff, maxDrainMs } from "./releases.ts";

export const threadIdPattern = /^[A-Za-z0-9_-]{1,64}$/;
/**
 * Names the conversation in a request that has no field for it, and in its answer. Of Ambit's own headers the only one that
 * a caller may send and, but for the request id, the only one that a gate may answer; its value is a thread id.
 */
export const threadHeader = "x-ambit-thread";
/** In an answer of a gate: for whom the request was, for the front's access log; see `writeUser`. Never leaves the front. */
export const userHeader = "x-ambit-user";
/** A user's name as `userHeader` has it. */
export const writtenUser = /^[A-Za-z0-9@_.!~*'()%-]{1,2300}$/;
export function writeUser(user: string): string {
  return encodeURIComponent(user.toWellFormed()).replaceAll("%40", "@");
}
const threadId = z.string().regex(threadIdPattern, "1 to 64 letters, digits, _ and -");

const place = z.string().min(1).max(254).refine(isPrintable, "one line without control or invisible characters");

/**
 * `POST /v1/messages`. Optional headers: `Idempotency-Key` (1 to 128 visible ASCII characters; the same key gives the
 * same turn) and `Prefer: wait=SECONDS` (RFC 7240; up to 30: answered with 200 and the turn when it ends in time).
 */
export const messageRequest = z.strictObject({
  user: z.string().min(1).max(254).describe("who is speaking, as the channel knows them"),
  thread: threadId.optional().describe("conversation to go on with; left out, a new one starts"),
  text: z.string().min(1).max(100_000),
  room: place.optional().describe("room it was said in, where the channel has rooms"),
  workspace: place.optional().describe("workspace it was said in, where the channel has workspaces"),
});
/** The one path to which strangers may send a body: it has a share of the front's places of its own. */
export const webhookPath = "/v1/webhooks";
/**
 * `POST /v1/webhooks`, without a token: signed as standardwebhooks.com says, `webhook-id` being the key of a retry. `data`
 * is a message as above; what is signed is the whole body and the time in the header, not the one in the body.
 */
export const webhookRequest = z.strictObject({
  type: z.literal("message.created", { error: 'the only type there is: "message.created"' }),
  timestamp: z.iso.datetime({ offset: true, error: "when it happened, such as 2026-01-31T12:00:00Z" }),
  data: messageRequest,
});
/** 202: the message is on disk and will be answered, whatever dies. */
export const messageAccepted = z.strictObject({ thread: threadId, turn: z.int() });

/** People copy it into a command out of what a gate said, which may have been taken over. */
const callId = z.string().regex(/^[A-Za-z0-9_-]{1,80}$/);

/** A call that waits for a person, as shown to whoever asked. */
export const heldCall = z.strictObject({
  callId,
  tool: z.string(),
  reason: z.string(),
  expires: z.string(),
});

/** `GET /v1/threads/<thread>/turns/<turn>?user=<who>[&wait=<ms, at most 30000>][&channel=webhook]`: `api` when left out. */
export const turnAnswer = z.strictObject({
  thread: threadId,
  turn: z.int(),
  /** `queued` behind another turn, `running`, `waiting` for a person, `done`, `failed` (reply says why). */
  state: z.enum(["queued", "running", "waiting", "done", "failed"]),
  reply: z.string(),
  held: z.array(heldCall),
});
export type TurnAnswer = z.infer<typeof turnAnswer>;

export const approvalState = z.enum([
  "held",
  "approved",
  "denied",
  "expired",
  "voided",
  "executing",
  "done",
  "failed",
  "unknown",
]);
export type ApprovalState = z.infer<typeof approvalState>;

/** `GET /control/approvals[?state=held]` and `GET /control/approvals/<callId>` */
export const approvalView = z.strictObject({
  callId,
  state: approvalState,
  thread: z.string(),
  turn: z.int(),
  user: z.string(),
  server: z.string(),
  tool: z.string(),
  /** Every argument after binding, in full. */
  arguments: z.record(z.string(), z.json()),
  effect: z.string(),
  impact: z.string(),
  reason: z.string(),
  /** SHA-256 of the exact action, hex: what a person approves. */
  actionHash: z.string(),
  /** A part of cursors. */
  created: z.string().regex(/^[0-9TZ:.-]{1,40}$/),
  expires: z.string(),
  by: z.string().nullable(),
  note: z.string().nullable(),
  /** The role whose members may decide; null when the deployment file names none and anybody but who asked may. */
  role: z.string().nullable(),
  /** How many different people must approve. */
  needed: z.int(),
  /** Who approved so far, oldest first; what they wrote only when the call waits no more. */
  approvals: z.array(z.strictObject({ by: z.string(), at: z.string(), note: z.string().nullable() })),
});
/** `GET /control/approvals`: the oldest as far as they fit, and how many more there are. */
export const approvalList = z.strictObject({ approvals: z.array(approvalView), more: z.int() });
export type ApprovalList = z.infer<typeof approvalList>;
export type ApprovalView = z.infer<typeof approvalView>;

/** `POST /control/approvals/<callId>`: a decision on exactly this action. */
export const decisionRequest = z.strictObject({
  decision: z.enum(["approve", "deny"]),
  /** Must equal the held action's hash: a person approves what they saw. */
  actionHash: z.string().regex(/^[0-9a-f]{64}$/),
  by: z.string().min(1).max(254).refine(isPrintable, "one line without control or invisible characters"),
  note: z.string().max(1000).default(""),
});

/**
 * `POST /control/drain`: no further turn starts; answered when none walks any more, or after `limitMs`. `letGo` then answers
 * whoever waits for a turn: to be asked for when no new request can come in.
 */
export const drainRequest = z.strictObject({ limitMs: z.int().min(0).max(maxDrainMs), letGo: z.boolean() });
/** How many turns still walk: the next release ends them. */
export const drainAnswer = z.strictObject({ walking: z.int() });

/** `POST /control/pin`: list every named tool of every server and pin its definition. */
const toolView = z.strictObject({
  server: z.string(),
  tool: z.string(),
  /** `pinned`; `quarantined`: the server now says something else; `absent`: the server no longer has it. */
  state: z.enum(["pinned", "quarantined", "absent"]),
  hash: z.string(),
  /** Hash of what the server says now, when it differs. */
  seen: z.string().nullable(),
});
export type ToolView = z.infer<typeof toolView>;
/** `voided`: held calls of the release before that are over. */
export const pinAnswer = z.strictObject({ tools: z.array(toolView), voided: z.int() });
/** `POST /control/tools/accept` */
export const acceptToolRequest = z.strictObject({
  server: z.string().max(64),
  tool: z.string().max(64),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** `GET /control/status` */
export const gateStatus = z.strictObject({
  deployment: z.string(),
  release: z.string(),
  held: z.int(),
  entries: z.int(),
  tools: z.array(toolView),
  /** `observe`: what policy would refuse or hold happens all the same. Not for production. */
  mode: z.enum(["enforce", "observe"]),
  unattended: z.boolean(),
  /** As the Ledger has it. */
  frozen: frozenSince.nullable(),
});

/** `POST /control/policy/explain`: what would become of a call; nothing is written and nothing runs. */
export const explainRequest = z.strictObject({
  tool: z.string().min(1).max(64).describe("the tool, as the deployment file names it"),
  user: z.string().min(1).max(254).describe("who would ask, for bounds of one user"),
  arguments: z.record(z.string(), z.json()),
});
const ruling = z.strictObject({
  verdict: z.enum(["run", "hold", "refuse"]),
  /** Machine word of a refusal. */
  reason: z.string().nullable(),
  field: z.string().nullable(),
  message: z.string(),
});
export type Ruling = z.infer<typeof ruling>;
export const explainAnswer = z.strictObject({
  ...ruling.shape,
  mode: z.enum(["enforce", "observe"]),
  /** In observe mode: what enforcing would say, when that is not `run`. */
  enforced: ruling.nullable(),
  /** Name of the rule that decides. */
  decidedBy: z.string(),
  /** In the order they are asked; those after a refusal are not. */
  rules: z.array(
    z.strictObject({
      rule: z.string(),
      outcome: z.enum(["ok", "review", "refuse"]),
      field: z.string().nullable(),
      message: z.string(),
    }),
  ),
  /** Who would decide, when it would be held. */
  review: z.strictObject({ role: z.string().nullable(), count: z.int(), expires: z.string() }).nullable(),
});
export type ExplainAnswer = z.infer<typeof explainAnswer>;

/** Which rule of which layer refused, as an operator looks it up. */
export const decision = z.strictObject({ layer: z.string(), rule: z.string(), reason: z.string() });
export type Decision = z.infer<typeof decision>;

/** RFC 9457 problem document; `decision` is there when a rule refused. */
export const problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  /** Dotted path of the field at fault. */
  field: z.string().optional(),
  /** Words for the sender of a refused message; there once a day, so that no channel answers a stranger twice. */
  reply: z.string().optional(),
  decision: decision.optional(),
  /** Where a release may do more and nobody accepted it: what. */
  authority: authorityDiff.optional(),
});
export type Problem = z.infer<typeof problem>;

/** Largest request body a gate reads, bytes. */
export const maxGateRequestBytes = 1_048_576;
