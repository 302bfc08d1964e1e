// Control `workflow`: the Ledger's part of the freeze switch. Whoever steers the model wants one more call while the
// operator looks: a call that was approved before, one whose lease was given and not used, one that is asked for again.
// Must stay true: while frozen no lease is given and none is given again, nobody can approve, and the chain says who froze,
// who thawed and why. What is held stays held, and what is under way is still written down as it ends.
import type { Refusal } from "../../boundary.ts";
import { printable } from "../../controls/manifest/printable.ts";
import { frozenSince, type FrozenSince } from "../../controls/wire/freeze.ts";
import type { AdmitAnswer, AdmitRequest } from "./admission.ts";
import type { CallStore } from "./call-store.ts";
import type { ChainStore } from "./chain-store.ts";
import type { Review, Unheard } from "./review.ts";

const frozenRefusal: Refusal = {
  control: "workflow",
  reason: "frozen",
  message: "this deployment is frozen by its operator; nothing runs until it is thawed",
};

const key = "frozen";

export class Freeze {
  readonly #sql: SqlStorage;
  readonly #chain: ChainStore;
  readonly #calls: CallStore;
  readonly #review: Review;

  constructor(sql: SqlStorage, chain: ChainStore, calls: CallStore, review: Review) {
    this.#sql = sql;
    this.#chain = chain;
    this.#calls = calls;
    this.#review = review;
  }

  /** Who froze this deployment, why and when; null when it is not frozen. */
  read(): FrozenSince | null {
    const row = this.#sql.exec("select value from meta where key = ?", key).toArray()[0];
    return row ? frozenSince.parse(JSON.parse(String(row["value"]))) : null;
  }

  /** Freezes; again is fine and changes nothing. Approvals that were not used yet are over. */
  freeze(asked: FrozenSince, now: number): void {
    if (this.read()) return;
    const since = { ...asked, by: printable(asked.by, 254), reason: printable(asked.reason, 1000) };
    this.#sql.exec("insert or replace into meta values (?, ?)", key, JSON.stringify(since));
    this.#append("frozen", { by: since.by, reason: since.reason, since: since.at }, now);
    this.#review.endAll(() => this.#calls.inState("approved"), "void", now);
  }

  /** Thaws; again is fine and changes nothing. */
  thaw(by: string, now: number): void {
    const since = this.read();
    if (!since) return;
    this.#sql.exec("delete from meta where key = ?", key);
    this.#append("thawed", { by: printable(by, 254), frozenBy: since.by, since: since.at }, now);
  }

  /** Why nothing may run now, for whoever asked for it; null when it may. What the operator wrote is not for the model. */
  why(): string | null {
    return this.read() ? "its operator stopped it" : null;
  }

  /** Why no message is taken now. */
  refusal(): Refusal | undefined {
    return this.read() ? frozenRefusal : undefined;
  }

  /** While frozen nobody can approve; what is denied is over. */
  refuseDecision(decision: "approve" | "deny"): Unheard | undefined {
    const refusal = decision === "deny" ? undefined : this.refusal();
    return refusal && { refused: refusal.reason, message: refusal.message };
  }

  /** While frozen a call that waits for a person goes on waiting; all others are for admission, which refuses what would run. */
  keepWaiting({ callId, thread }: AdmitRequest, now: number): AdmitAnswer | undefined {
    const row = this.read() ? this.#calls.get(callId) : undefined;
    if (row?.state !== "held" || row.thread !== thread || row.expires <= now) return undefined;
    return { state: "held", reason: row.reason, expires: new Date(row.expires).toISOString() };
  }

  #append(event: string, detail: Parameters<ChainStore["append"]>[0]["detail"], now: number): void {
    this.#chain.append({ v: 1, at: new Date(now).toISOString(), event, detail });
  }
}
