// Control `workflow`: what would become of a call that nobody made, for an operator who writes a contract. The very
// decision that `admit` makes, from the same rows, in a turn of its own; it writes nothing and gives no lease.
// How many calls a user may make at all (`limits`) is not asked: that is taken, and cannot be looked at.
import type { z } from "zod";
import type { Verdict } from "../../boundary.ts";
import { requirementOf } from "../../controls/approvals/vote.ts";
import { modelName } from "../../controls/manifest/model-name.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { ExplainAnswer, explainRequest, Ruling } from "../../controls/wire/gate.ts";
import type { Admission } from "./admission.ts";
import { findNamedTool } from "../tools/named.ts";

/** As `explainAnswer` says it; `now` is in milliseconds since the epoch. */
export function explainCall(
  release: Release,
  admission: Admission,
  { tool, user, arguments: args }: z.infer<typeof explainRequest>,
  now: number,
): ExplainAnswer {
  const name = modelName(tool);
  const place = { callId: "call_explained", thread: "api:explained", turn: 0, user };
  const { decision } = admission.consider({ ...place, name, arguments: args }, now);
  const { verdict, would, decidedBy, rules } = decision;
  const contract = findNamedTool(release, name)?.contract;
  const { role, count } = requirementOf(contract, release.manifest, user);
  const isHeld = verdict.verdict === "review" || would?.verdict === "review";
  return {
    ...rulingOf(verdict),
    mode: release.manifest.mode,
    enforced: would && rulingOf(would),
    decidedBy,
    rules: [...rules],
    review: isHeld ? { role, count, expires: contract?.review?.expires ?? "4h" } : null,
  };
}

function rulingOf(verdict: Verdict): Ruling {
  if (verdict.verdict === "allow") return { verdict: "run", reason: null, field: null, message: verdict.rule };
  if (verdict.verdict === "review") return { verdict: "hold", reason: null, field: null, message: verdict.message };
  const { reason, field, message } = verdict.refusal;
  return { verdict: "refuse", reason, field: field ?? null, message };
}
