// Control `review`: the inbox: held calls of all deployments, and a person's decision on exactly one of them. Who decides is the
// person of the token, whatever a body says, and the hash of the action that was looked at must come with it. The decision goes
// through the supervisor, which writes it down, to the gate with that gate's own token; the gate's rules decide.
import { createHash } from "node:crypto";
import { z } from "zod";
import { printable } from "../../controls/manifest/printable.ts";
import { person } from "../../controls/wire/admin.ts";
import { name } from "../../controls/manifest/shapes.ts";
import { approvalState, approvalView } from "../../controls/wire/gate.ts";
import type { Context } from "../context.ts";
import { inboxItem, placeOf, unreachable, type InboxItem } from "../inbox.ts";
import { readInbox } from "../inbox-stream.ts";
import { limit, pageOf } from "../pages.ts";
import type { Refused } from "../problem.ts";
import { route, type Asked } from "../row.ts";
import { byName, noSuchDeployment } from "./deployments.ts";

const filter = {
  deployment: name.optional().describe("of this deployment"),
  impact: z.enum(["none", "spend", "access", "publish", "customer"]).optional().describe("of this impact"),
  user: person.optional().describe("asked for by this user"),
};
type Filter = { readonly [K in keyof typeof filter]?: z.infer<(typeof filter)[K]> };

const byCall = {
  ...byName,
  callId: z
    .string()
    .regex(/^[a-z0-9_-]{8,80}$/, "the id of a call")
    .describe("the call"),
};

const decision = z.strictObject({
  action: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 hex digits")
    .describe("`actionHash` of the call as it was looked at: nothing else is decided"),
  reason: z.string().max(1000).default("").describe("why, for the audit"),
});

function fits({ deployment, impact, user }: Filter): (item: InboxItem) => boolean {
  return (item) =>
    (deployment ?? item.deployment) === item.deployment &&
    (impact ?? item.impact) === item.impact &&
    (user ?? item.user) === item.user;
}

export const approvalRows = [
  route({
    id: "listApprovals",
    method: "GET",
    path: "/v1/approvals",
    role: "viewer",
    summary:
      "Lists calls that wait for a person, of all deployments, oldest first. Gates that did not answer are named.",
    event: null,
    params: {},
    query: {
      ...filter,
      state: approvalState.default("held").describe("what became of them"),
      limit,
      after: z
        .string()
        .regex(/^[0-9TZ:.-]{1,40}~[a-z0-9-]{1,64}~[A-Za-z0-9_-]{1,80}$/, "a cursor, as `Link` has it")
        .optional()
        .describe("cursor of the page before, from its `Link`"),
    },
    body: null,
    answer: z.strictObject({
      approvals: z.array(inboxItem),
      more: z
        .record(z.string(), z.int())
        .describe("by deployment: how many newer ones did not fit into its gate's answer"),
      unreachable,
    }),
    handle: async ({ inbox }, { query }) => {
      const all = await inbox.list(query.state, query.deployment);
      if ("code" in all) return all;
      const { page, next } = pageOf(all.items.filter(fits(query)), placeOf, query);
      const value = { approvals: page, more: { ...all.more }, unreachable: all.unreachable };
      const etag = createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
      return { value, next, etag };
    },
  }),
  route({
    id: "streamApprovals",
    method: "GET",
    path: "/v1/approvals/stream",
    role: "viewer",
    summary: "Streams what waits for a person: first all that is held, then each call when something about it changed.",
    event: null,
    params: {},
    query: filter,
    body: null,
    type: "text/event-stream",
    answer: z.string(),
    handle: ({ inbox, streams }, { query, actor, signal }) => {
      const reader = readInbox(inbox, fits(query));
      const opened = streams.open({ token: actor.token, signal }, reader.next, reader.end);
      if ("code" in opened) reader.end();
      return opened;
    },
  }),
  route({
    id: "getApproval",
    method: "GET",
    path: "/v1/deployments/{name}/approvals/{callId}",
    role: "viewer",
    summary: "Shows one call: every argument, who approved so far, and who may decide.",
    event: null,
    params: byCall,
    query: {},
    body: null,
    answer: inboxItem,
    handle: async ({ inbox }, { params }) => {
      const found = await inbox.one(params.name, params.callId);
      if ("code" in found) return plain(found, params.name);
      const etag = createHash("sha256").update(JSON.stringify(found.value)).digest("hex").slice(0, 32);
      return { value: found.value, etag };
    },
  }),
  deciding("approve", "approveCall", "Approves a held call: exactly this action, once. It may still wait for others."),
  deciding("deny", "denyCall", "Denies a held call, for good; nobody else is needed."),
];

function deciding(verb: "approve" | "deny", id: string, summary: string) {
  return route({
    id,
    method: "POST",
    path: `/v1/deployments/{name}/approvals/{callId}/${verb}`,
    role: "approver",
    summary,
    event: "decision_passed_on",
    params: byCall,
    query: {},
    body: decision,
    answer: inboxItem,
    handle: (context, asked) => decide(context, verb, asked),
  });
}

type AskedToDecide = Pick<
  Asked<{ readonly name: string; readonly callId: string }, unknown, z.infer<typeof decision>>,
  "params" | "body" | "actor"
>;

async function decide(
  { host }: Context,
  verb: "approve" | "deny",
  { params, body, actor }: AskedToDecide,
): Promise<{ readonly value: InboxItem } | Refused> {
  const path = `/v1/deployments/${params.name}/gate/control/approvals/${params.callId}`;
  const { action: actionHash, reason } = body;
  // It is shown to people and stands in the chain.
  const sent = { decision: verb, actionHash, by: actor.by, note: printable(reason, 1000) };
  const done = await host.ask({ method: "POST", path, body: sent, answer: approvalView, actor, timeoutMs: 30_000 });
  if (!("code" in done)) return { value: { deployment: params.name, ...done.value } };
  if (done.status !== 403 && done.status !== 409) return plain(done, params.name);
  const field = done.code === "arguments_changed" ? "action" : done.field;
  return { ...done, field, decision: done.decision ?? { layer: "gate", rule: "review", reason: done.code } };
}

/** A gate knows neither its deployment's name in a path nor what a caller calls a field. */
function plain(refused: Refused, deployment: string): Refused {
  if (refused.code === "no_such_deployment") return noSuchDeployment(deployment);
  return refused.code === "not_found" ? { ...refused, code: "no_such_call", field: "callId" } : refused;
}
