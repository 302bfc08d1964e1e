// Control `review`: what people, and the clock, do to a call that waits. An attacker wants a decision that fits another
// action, a second use of one, or a decision after the end. Every step goes through the state machine, is written to the
// chain in the same commit, and leaves a wake-up for the thread.
import { decideTransition } from "../../controls/approvals/machine.ts";
import type { EntryBody } from "../../controls/audit/entry.ts";
import { printable } from "../../controls/manifest/printable.ts";
import type { CallRow, CallStore } from "./call-store.ts";
import type { ChainStore } from "./chain-store.ts";

/** A person's decision, with the hash of the action that was shown. */
export interface Decision {
  readonly decision: "approve" | "deny";
  readonly actionHash: string;
  readonly by: string;
  readonly note: string;
}

export class Review {
  readonly #chain: ChainStore;
  readonly #calls: CallStore;

  constructor(chain: ChainStore, calls: CallStore) {
    this.#chain = chain;
    this.#calls = calls;
  }

  /** Takes a decision on exactly the action that was shown; `now` is in milliseconds since the epoch. */
  decide(callId: string, decision: Decision, now: number): CallRow | { refused: string; message: string } {
    const row = this.#calls.get(callId);
    if (!row) return { refused: "not_found", message: `there is no held call ${callId}` };
    if (row.actionHash !== decision.actionHash) {
      return { refused: "arguments_changed", message: "the action is not the one that was shown; look at it again" };
    }
    if (row.state === "held" && row.expires <= now) this.end(row, "expire", now);
    const current = this.#calls.get(callId) ?? row;
    const next = decideTransition(current.state, decision.decision);
    if (typeof next !== "string") return { refused: next.reason, message: next.message };
    const note = printable(decision.note, 1000);
    this.#calls.move(current, decision.decision, { by: decision.by, note });
    this.#calls.addWake(callId, now);
    this.record(`call_${next}`, current, { by: decision.by, note, actionHash: row.actionHash }, now);
    return this.#calls.get(callId) ?? current;
  }

  /** Ends a call that waits: its time is over, or its release is. The thread is told. */
  end(row: CallRow, event: "expire" | "void", now: number): void {
    const next = this.#calls.move(row, event);
    this.#calls.addWake(row.callId, now);
    this.record(`call_${next}`, row, { actionHash: row.actionHash }, now);
  }

  /** One entry of the chain about a call. */
  record(event: string, row: CallRow, detail: EntryBody["detail"], now: number): void {
    const { callId, thread, turn } = row;
    this.#chain.append({ v: 1, at: new Date(now).toISOString(), event, thread, turn, callId, detail });
  }
}
