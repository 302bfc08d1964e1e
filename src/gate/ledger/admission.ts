// Control `review`: the decision on one call, made by the Ledger from what the Ledger holds. A thread, or whoever has
// taken it over, may repeat a call, change its arguments after the approval, or ask for two calls under one approval;
// the action hash, the state machine and the one row per call are what stops it.
import type { Action, JsonObject, Refusal } from "../../boundary.ts";
import { hashAction, hashPolicy } from "../../controls/approvals/action.ts";
import { deniedWords } from "../../controls/approvals/vote.ts";
import type { ThreadEntry } from "../../controls/audit/entry.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { durationMs } from "../../controls/manifest/shapes.ts";
import { decideCall } from "../../controls/policy/decide.ts";
import type { Overlay } from "../../controls/policy/overlay.ts";
import type { Decision } from "../../controls/policy/question.ts";
import { openCatalog, type CatalogTool } from "../tools/catalog.ts";
import { findNamedTool } from "../tools/named.ts";
import type { CallRow, CallStore } from "./call-store.ts";
import type { ChainStore } from "./chain-store.ts";
import type { PinStore } from "./pin-store.ts";
import type { Rates } from "./rates.ts";
import type { Review } from "./review.ts";
import type { UseStore } from "./use-store.ts";

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

/** While a deploy only tries a release, nothing runs under it. */
export const notOpen: AdmitAnswer = {
  state: "refused",
  refusal: {
    control: "redeploys",
    reason: "release_not_open",
    message: "this release was never opened by a deploy; deploy it again",
  },
};

/** What the Ledger holds and a decision rests on. */
export interface Desk {
  readonly release: Release;
  readonly chain: ChainStore;
  readonly calls: CallStore;
  readonly pins: PinStore;
  readonly uses: UseStore;
  readonly rates: Rates;
  readonly review: Review;
  /** Why nothing may run now, or null. */
  readonly frozen: () => string | null;
  readonly overlay?: Overlay | undefined;
}

/** Who asks for which call; what `policy explain` asks about is one that nobody made. */
export type Wish = Omit<AdmitRequest, "entries">;

export class Admission {
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  admit(request: AdmitRequest, now: number): AdmitAnswer {
    const row = this.#desk.calls.get(request.callId);
    if (row && isOver(row)) return refusedBecause(row.state, row);
    const { decision, tool } = this.consider(request, now, row);
    if (decision.verdict.verdict === "refuse") return this.#refuse(request, decision.verdict.refusal, now, row);
    if (!tool) throw new Error(`${request.name} is no tool and was not refused`);
    const action = this.#action(request, tool, decision.arguments);
    return row ? this.#again(request, row, action, tool, now) : this.#first(request, action, tool, decision, now);
  }

  /** Decides from what the Ledger holds now, and writes nothing. */
  consider(wish: Wish, now: number, row?: CallRow): { decision: Decision; tool: CatalogTool | undefined } {
    const { release, pins, uses, review, frozen, overlay } = this.#desk;
    const { callId, thread, turn, name } = wish;
    const user = row?.user ?? wish.user;
    const tool = openCatalog(release, pins.all()).find((item) => item.name === name);
    const named = findNamedTool(release, name);
    const contract = tool?.contract ?? named?.contract;
    const where = { server: tool?.server ?? named?.server ?? "", tool: tool?.tool ?? named?.tool ?? name };
    const call = { callId, ...where, arguments: wish.arguments };
    const decision = decideCall(call, {
      ...{ frozen: frozen(), contract, schema: tool?.checker, overlay },
      ...{ mode: release.manifest.mode, unattended: release.manifest.unattended },
      isAbsent: pins.get(where.server, where.tool)?.state === "absent",
      used: uses.used({ callId, thread, turn, user, ...where }, contract, now, overlay !== undefined),
      place: { user, thread, turn, channel: thread.slice(0, thread.indexOf(":")) },
      approvals: row && row.state !== "held" ? review.approvers(row) : null,
    });
    return { decision, tool };
  }

  #first(
    request: AdmitRequest,
    action: Action,
    tool: CatalogTool,
    { verdict, would }: Decision,
    now: number,
  ): AdmitAnswer {
    if (verdict.verdict === "refuse") throw new Error("a refused call is not kept");
    const { effect, impact, review } = tool.contract;
    const held = verdict.verdict === "review";
    const { user, thread, turn } = request;
    const crowded = held ? this.#desk.review.tooMany(user, thread, turn) : this.#desk.rates.takeCall(request, now);
    if (crowded) return this.#refuse(request, crowded, now);
    const lease = held ? null : crypto.randomUUID();
    const expires = now + durationMs(review?.expires ?? "4h");
    const row: CallRow = {
      ...{ callId: request.callId, thread, turn, user },
      ...{ action, actionHash: hashAction(action), effect, impact, reason: held ? verdict.message : verdict.rule },
      ...{ state: held ? "held" : "executing", created: now, expires, lease, by: null, note: null },
    };
    this.#desk.calls.insert(row);
    this.#recordWould(row, would, now);
    if (!held) this.#use(row, tool, action, now);
    const detail = { tool: action.tool, server: action.server, rule: verdict.rule, actionHash: row.actionHash };
    this.#desk.review.record(held ? "call_held" : "call_admitted", row, detail, now);
    if (lease) return leased(lease, action);
    return { state: "held", reason: row.reason, expires: new Date(expires).toISOString() };
  }

  /** The same call again: after a kill, or after a decision. */
  #again(request: AdmitRequest, row: CallRow, action: Action, tool: CatalogTool, now: number): AdmitAnswer {
    const same = hashAction(action) === row.actionHash && row.thread === request.thread;
    if (row.state === "executing" && row.lease && same) return leased(row.lease, action);
    if ((row.state === "held" || row.state === "approved") && row.expires <= now) {
      this.#desk.review.end(row, "expire", now);
      return refusedBecause("expired", row);
    }
    if (row.state === "held")
      return { state: "held", reason: row.reason, expires: new Date(row.expires).toISOString() };
    if (isOutdated(row, action)) return this.#refuse(request, outdated, now, row);
    if (row.state !== "approved") return refusedBecause(row.state, row);
    if (!same) {
      this.#desk.review.end(row, "void", now);
      return refusedBecause("arguments_changed", row);
    }
    const lacking = this.#desk.review.lacking(row) ?? this.#desk.rates.takeCall(request, now);
    if (lacking) return this.#refuse(request, lacking, now, row);
    const lease = crypto.randomUUID();
    this.#desk.calls.move(row, "execute");
    this.#desk.calls.lease(row.callId, lease, now);
    this.#use(row, tool, action, now);
    this.#desk.review.record("call_admitted", row, { approvedBy: row.by, actionHash: row.actionHash }, now);
    return leased(lease, action);
  }

  /** The bounds are used up in the commit that gives the lease, and not while a call only waits. */
  #use(row: CallRow, tool: CatalogTool, action: Action, now: number): void {
    const { callId, user, thread, turn } = row;
    const place = { callId, user, thread, turn, server: tool.server, tool: tool.tool };
    this.#desk.uses.add(place, tool.contract, action.arguments, now);
  }

  /** In observe mode what would have stopped the call is written, and the call goes on. */
  #recordWould(row: CallRow, would: Decision["would"], now: number): void {
    if (!would) return;
    if (would.verdict === "review") {
      const detail = { tool: row.action.tool, rule: would.rule };
      return this.#desk.review.record("call_would_hold", row, detail, now);
    }
    const { control, reason, field } = would.refusal;
    const detail = { tool: row.action.tool, control, reason, field: field?.slice(0, 128) ?? null };
    this.#desk.review.record("call_would_refuse", row, detail, now);
  }

  /** Nothing that was decided before about this call holds any longer: what is refused does not run. */
  #refuse(request: AdmitRequest, refusal: Refusal, now: number, row?: CallRow): AdmitAnswer {
    if (row?.state === "held" || row?.state === "approved") this.#desk.review.end(row, "void", now);
    if (row?.state === "executing") this.#desk.calls.move(row, "fail");
    const { callId, thread, turn, name } = request;
    const { control, reason, field } = refusal;
    const detail = { tool: name.slice(0, 64), control, reason, field: field?.slice(0, 128) ?? null };
    this.#desk.chain.append({
      v: 1,
      at: new Date(now).toISOString(),
      event: "call_refused",
      thread,
      turn,
      callId,
      detail,
    });
    return { state: "refused", refusal };
  }

  #action(request: AdmitRequest, tool: CatalogTool, args: JsonObject): Action {
    return {
      v: 1,
      deployment: this.#desk.release.manifest.name,
      release: this.#desk.release.release,
      thread: request.thread,
      turn: request.turn,
      callId: request.callId,
      server: tool.server,
      tool: tool.tool,
      toolHash: tool.toolHash,
      arguments: args,
      fileHashes: {},
      policyHash: hashPolicy(tool.contract, this.#desk.release.policy),
    };
  }
}

function leased(lease: string, action: Action): AdmitAnswer {
  return { state: "leased", lease, server: action.server, tool: action.tool, arguments: action.arguments };
}

/** A thread asks again only for what did not run: a lease that was not used under its own release and tool is over. */
function isOutdated(row: CallRow, { thread, release, toolHash }: Action): boolean {
  const { action } = row;
  const isChanged = action.release !== release || action.toolHash !== toolHash;
  return row.state === "executing" && row.thread === thread && isChanged;
}

const outdated: Refusal = {
  control: "review",
  reason: "voided",
  message: "a new release or another definition of the tool came in between, so it did not run",
};

/** What was decided about it, or became of it, stands. */
function isOver(row: CallRow): boolean {
  return row.state !== "held" && row.state !== "approved" && row.state !== "executing";
}

const endedWords: Readonly<Record<string, string>> = {
  expired: "nobody decided in time, so it did not run; nobody denied it",
  voided: "a new release or a freeze came in between, so it did not run",
  arguments_changed: "the call is not the one that was approved",
  executing: "this call is already under way with other arguments",
};

function refusedBecause(reason: string, row: CallRow): AdmitAnswer {
  const message = reason === "denied" ? deniedWords(row) : (endedWords[reason] ?? "this call already ran");
  return { state: "refused", refusal: { control: "review", reason, message } };
}
