// Control `review`: the decision on one call, made by the Ledger from what the Ledger holds. A thread, or whoever has
// taken it over, may repeat a call, change its arguments after the approval, or ask for two calls under one approval;
// the action hash, the state machine and the one row per call are what stops it.
import type { Action, JsonObject, Refusal } from "../../boundary.ts";
import { hashAction } from "../../controls/approvals/action.ts";
import { deniedWords } from "../../controls/approvals/vote.ts";
import { sha256Hex } from "../../controls/audit/digest.ts";
import type { ThreadEntry } from "../../controls/audit/entry.ts";
import { canonicalJson } from "../../controls/manifest/hash.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { durationMs } from "../../controls/manifest/shapes.ts";
import { decideCall } from "../../controls/policy/decide.ts";
import { openCatalog, type CatalogTool } from "../tools/catalog.ts";
import { findNamedTool } from "../tools/named.ts";
import type { CallRow, CallStore } from "./call-store.ts";
import type { ChainStore } from "./chain-store.ts";
import type { PinStore } from "./pin-store.ts";
import type { Review } from "./review.ts";

export interface AdmitRequest {
  readonly callId: string;
  readonly thread: string;
  readonly turn: number;
  readonly user: string;
  /** The name the model used; server and contract are looked up here. */
  readonly name: string;
  readonly arguments: JsonObject;
  readonly entries: readonly ThreadEntry[];
}

export type AdmitAnswer =
  | {
      readonly state: "leased";
      readonly lease: string;
      readonly server: string;
      readonly tool: string;
      readonly arguments: JsonObject;
    }
  | { readonly state: "held"; readonly reason: string; readonly expires: string }
  | { readonly state: "refused"; readonly refusal: Refusal };

const dayMs = 86_400_000;

export class Admission {
  readonly #release: Release;
  readonly #chain: ChainStore;
  readonly #calls: CallStore;
  readonly #pins: PinStore;
  readonly #review: Review;

  constructor(release: Release, chain: ChainStore, calls: CallStore, pins: PinStore, review: Review) {
    this.#release = release;
    this.#chain = chain;
    this.#calls = calls;
    this.#pins = pins;
    this.#review = review;
  }

  admit(request: AdmitRequest, now: number): AdmitAnswer {
    const tool = openCatalog(this.#release, this.#pins.all()).find((item) => item.name === request.name);
    const call = {
      callId: request.callId,
      server: tool?.server ?? "",
      tool: request.name,
      arguments: request.arguments,
    };
    const named = findNamedTool(this.#release, request.name);
    const decision = decideCall(call, { contract: tool?.contract ?? named?.contract, schema: tool?.checker });
    const row = this.#calls.get(request.callId);
    if (decision.verdict.verdict === "refuse" || !tool) {
      const refusal = decision.verdict.verdict === "refuse" ? decision.verdict.refusal : unknown;
      const isAbsent = named !== undefined && this.#pins.get(named.server, named.tool)?.state === "absent";
      return this.#refuse(request, isAbsent ? absent(request.name) : refusal, now, row);
    }
    const action = this.#action(request, tool, decision.arguments);
    if (row) return this.#again(request, row, action, tool, now);
    const limit = this.#overDay(tool, now);
    if (limit) return this.#refuse(request, limit, now);
    return this.#first(request, action, tool, decision.verdict, now);
  }

  #first(
    request: AdmitRequest,
    action: Action,
    tool: CatalogTool,
    verdict: { verdict: string; rule: string; message?: string },
    now: number,
  ): AdmitAnswer {
    const { effect, impact, review } = tool.contract;
    const held = verdict.verdict === "review";
    const crowded = held ? this.#review.tooMany(request.user, request.thread, request.turn) : undefined;
    if (crowded) return this.#refuse(request, crowded, now);
    const lease = held ? null : crypto.randomUUID();
    const expires = now + durationMs(review?.expires ?? "4h");
    const row: CallRow = {
      ...{ callId: request.callId, thread: request.thread, turn: request.turn, user: request.user },
      ...{ action, actionHash: hashAction(action), effect, impact, reason: verdict.message ?? verdict.rule },
      ...{ state: held ? "held" : "executing", created: now, expires, lease, by: null, note: null },
    };
    this.#calls.insert(row);
    const detail = { tool: action.tool, server: action.server, rule: verdict.rule, actionHash: row.actionHash };
    this.#review.record(held ? "call_held" : "call_admitted", row, detail, now);
    if (lease) return leased(lease, action);
    return { state: "held", reason: row.reason, expires: new Date(expires).toISOString() };
  }

  /** The same call again: after a kill, or after a decision. */
  #again(request: AdmitRequest, row: CallRow, action: Action, tool: CatalogTool, now: number): AdmitAnswer {
    const same = hashAction(action) === row.actionHash && row.thread === request.thread;
    if (row.state === "executing" && row.lease && same) return leased(row.lease, action);
    if ((row.state === "held" || row.state === "approved") && row.expires <= now) {
      this.#review.end(row, "expire", now);
      return refusedBecause("expired", row);
    }
    if (row.state === "held")
      return { state: "held", reason: row.reason, expires: new Date(row.expires).toISOString() };
    if (row.state !== "approved") return refusedBecause(row.state, row);
    if (!same) {
      this.#review.end(row, "void", now);
      return refusedBecause("arguments_changed", row);
    }
    const limit = this.#review.lacking(row) ?? this.#overDay(tool, now);
    if (limit) return this.#refuse(request, limit, now, row);
    const lease = crypto.randomUUID();
    this.#calls.move(row, "execute");
    this.#calls.lease(row.callId, lease, now);
    this.#review.record("call_admitted", row, { approvedBy: row.by, actionHash: row.actionHash }, now);
    return leased(lease, action);
  }

  #overDay(tool: CatalogTool, now: number): Refusal | undefined {
    const bound = tool.contract.max["per_day"];
    if (bound === undefined || this.#calls.leasedSince(tool.server, tool.tool, now - dayMs) < bound) return undefined;
    const message = `${tool.tool} ran ${bound} times in the last 24 hours, the limit in the deployment file`;
    return { control: "workflow", reason: "limit_reached", field: "max.per_day", message };
  }

  /** Nothing that was decided before about this call holds any longer: what is refused does not run. */
  #refuse(request: AdmitRequest, refusal: Refusal, now: number, row?: CallRow): AdmitAnswer {
    if (row?.state === "held" || row?.state === "approved") this.#review.end(row, "void", now);
    if (row?.state === "executing") this.#calls.move(row, "fail");
    const { callId, thread, turn, name } = request;
    const { control, reason, field } = refusal;
    const detail = { tool: name.slice(0, 64), control, reason, field: field?.slice(0, 128) ?? null };
    this.#chain.append({ v: 1, at: new Date(now).toISOString(), event: "call_refused", thread, turn, callId, detail });
    return { state: "refused", refusal };
  }

  #action(request: AdmitRequest, tool: CatalogTool, args: JsonObject): Action {
    return {
      v: 1,
      deployment: this.#release.manifest.name,
      release: this.#release.release,
      thread: request.thread,
      turn: request.turn,
      callId: request.callId,
      server: tool.server,
      tool: tool.tool,
      toolHash: tool.toolHash,
      arguments: args,
      fileHashes: {},
      policyHash: sha256Hex(canonicalJson(tool.contract)),
    };
  }
}

function leased(lease: string, action: Action): AdmitAnswer {
  return { state: "leased", lease, server: action.server, tool: action.tool, arguments: action.arguments };
}

function absent(tool: string): Refusal {
  const message = `the server no longer offers "${tool}"; the tool comes back by itself when the server offers it again`;
  return { control: "least-privilege", reason: "tool_absent", field: tool, message };
}

const unknown: Refusal = { control: "least-privilege", reason: "unknown_tool", message: "there is no such tool" };

const endedWords: Readonly<Record<string, string>> = {
  expired: "nobody decided in time, so it did not run; nobody denied it",
  voided: "a new release replaced the one this call was asked under",
  arguments_changed: "the call is not the one that was approved",
  executing: "this call is already under way with other arguments",
};

function refusedBecause(reason: string, row: CallRow): AdmitAnswer {
  const message = reason === "denied" ? deniedWords(row) : (endedWords[reason] ?? "this call already ran");
  return { state: "refused", refusal: { control: "review", reason, message } };
}
