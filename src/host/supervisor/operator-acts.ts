// Controls `audit`, `review`: what the operator decides in a gate is on the admin chain before the gate hears of it. A gate
// that was taken over can say yes to its own held calls; it cannot make an entry of a person here, nor take one away.
import { z } from "zod";
import { parseSafely } from "../../controls/wire/parse.ts";
import type { Detail } from "../chain-table.ts";
import { acceptToolRequest, decisionRequest } from "../../controls/wire/gate.ts";

export interface Act {
  readonly event: string;
  readonly detail: Detail;
  readonly callId?: string;
}

/** The Ledger's part of the freeze switch, told past the switch itself. */
const ledgerActs: Readonly<Record<string, string>> = {
  "/control/freeze": "ledger_freeze_passed_on",
  "/control/thaw": "ledger_thaw_passed_on",
};
const decisionPath = /^\/control\/approvals\/([a-z0-9_-]{8,80})$/;

/** The act that a request to a gate is, or null. One that cannot be read is one too: the gate may read it otherwise. */
export function actOf(method: string, target: string, body: Buffer): Act | null {
  if (method !== "POST") return null;
  // As the gate reads it: dot segments and a query do not lead past this.
  const path = URL.parse(target, "http://gate/")?.pathname ?? "";
  const callId = decisionPath.exec(path)?.[1];
  if (callId !== undefined) {
    const parsed = parseSafely(decisionRequest, parse(body)).data;
    if (parsed === undefined) return { event: "decision_passed_on", callId, detail: { decision: "unreadable" } };
    const { by, actionHash, decision } = parsed;
    return { event: "decision_passed_on", callId, detail: { decision, by, actionHash } };
  }
  const ledger = ledgerActs[path];
  if (ledger !== undefined) {
    const by = parseSafely(z.object({ by: z.string().max(254) }), parse(body)).data?.by ?? "unreadable";
    return { event: ledger, detail: { by } };
  }
  if (path !== "/control/tools/accept") return null;
  const accepted = parseSafely(acceptToolRequest, parse(body)).data;
  return { event: "tool_accepted", detail: accepted === undefined ? { tool: "unreadable" } : { ...accepted } };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
