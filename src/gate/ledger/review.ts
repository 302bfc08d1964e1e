// Control `review`: what people, and the clock, do to a call that waits. An attacker wants a decision that fits another
// action, a second use of one, a decision after the end, or a vote of somebody who may not. Every step goes through the
// rules of votes and the state machine, is written to the chain in the same commit, and leaves a wake-up for the thread.
import type { Refusal } from "../../boundary.ts";
import { decideTransition } from "../../controls/approvals/machine.ts";
import { decideHold } from "../../controls/approvals/hold.ts";
import { approversOf, decideVote, requirementOf, tallyVotes, type Requirement } from "../../controls/approvals/vote.ts";
import type { EntryBody } from "../../controls/audit/entry.ts";
import { printable } from "../../controls/manifest/printable.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { ApprovalView } from "../../controls/wire/gate.ts";
import { viewCall, type CallRow, type CallStore } from "./call-store.ts";
import type { ChainStore } from "./chain-store.ts";
import type { VoteStore } from "./vote-store.ts";

/** A person's decision, with the hash of the action that was shown. */
export interface Decision {
  readonly decision: "approve" | "deny";
  readonly actionHash: string;
  readonly by: string;
  readonly note: string;
}

/** Why a decision does not count. */
export interface Unheard {
  readonly refused: string;
  readonly message: string;
  readonly field?: string | undefined;
}

const endings: Readonly<Record<string, "succeed" | "fail" | "lose">> = {
  call_done: "succeed",
  call_failed: "fail",
  call_unknown: "lose",
};

export class Review {
  readonly #chain: ChainStore;
  readonly #calls: CallStore;
  readonly #votes: VoteStore;
  readonly #release: Release;

  constructor(chain: ChainStore, calls: CallStore, votes: VoteStore, release: Release) {
    this.#chain = chain;
    this.#calls = calls;
    this.#votes = votes;
    this.#release = release;
  }

  /** Takes a decision on exactly the action that was shown; `now` is in milliseconds since the epoch. */
  decide(callId: string, decision: Decision, now: number): ApprovalView | Unheard {
    const row = this.#calls.get(callId);
    if (!row) return { refused: "not_found", message: `there is no held call ${callId}` };
    if (row.actionHash !== decision.actionHash) {
      return { refused: "arguments_changed", message: "the action is not the one that was shown; look at it again" };
    }
    if (row.state === "held" && row.expires <= now) this.end(row, "expire", now);
    const current = this.#calls.get(callId) ?? row;
    const next = decideTransition(current.state, decision.decision);
    if (typeof next !== "string") return unheard(next);
    // Until a deploy has opened its release, this process may only be trying it: other people may decide under it.
    if (row.action.release !== this.#release.release) return anotherRelease;
    return this.#vote(current, decision, now);
  }

  /** Ends a call that waits: its time is over, or its release is. The thread is told. */
  end(row: CallRow, event: "expire" | "void", now: number): void {
    const next = this.#calls.move(row, event);
    this.#calls.addWake(row.callId, now);
    this.record(`call_${next}`, row, { ...this.#approvalsOf(row), actionHash: row.actionHash }, now);
  }

  /** Ends all calls that `next` gives, in its portions, and says how many; it must give them no second time. */
  endAll(next: () => CallRow[], event: "expire" | "void", now: number): number {
    let count = 0;
    for (let rows = next(); rows.length > 0; rows = next()) {
      for (const row of rows) this.end(row, event, now);
      count += rows.length;
    }
    return count;
  }

  /** An entry of a thread that says how an admitted call ended moves that call along. */
  conclude(thread: string, body: EntryBody): void {
    const event = endings[body.event];
    const row = event && body.callId ? this.#calls.get(body.callId) : undefined;
    if (event && row?.state === "executing" && row.thread === thread) this.#calls.move(row, event);
  }

  /** Why an approved call may not run after all: too few of those who approved it may. */
  lacking(row: CallRow): Refusal | undefined {
    const { state, given, needed } = tallyVotes(this.#requirement(row), this.#votes.of(row.callId));
    if (state === "approved") return undefined;
    const message = `${given} of ${needed} people who may approve this call have`;
    return { control: "review", reason: "not_approved", message };
  }

  /** People whose approval of this call counts. */
  approvers(row: CallRow): string[] {
    return approversOf(this.#requirement(row), this.#votes.of(row.callId));
  }

  /** Why one more call of this turn may not wait for a person, if it may not. */
  tooMany(user: string, thread: string, turn: number): Refusal | undefined {
    return decideHold(this.#calls.heldOf(user, thread, turn));
  }

  /** What an approver sees of a call: who approved so far, and what they wrote only when the call waits no more. */
  view(row: CallRow): ApprovalView {
    const requirement = this.#requirement(row);
    const votes = this.#votes.of(row.callId).filter(({ decision }) => decision === "approve");
    const approvals = votes.map(({ by, note, at }) => {
      return { by, at: new Date(at).toISOString(), note: row.state === "held" ? null : note };
    });
    return { ...viewCall(row), role: requirement.role, needed: requirement.count, approvals };
  }

  /** One entry of the chain about a call. */
  record(event: string, row: CallRow, detail: EntryBody["detail"], now: number): void {
    const { callId, thread, turn } = row;
    this.#chain.append({ v: 1, at: new Date(now).toISOString(), event, thread, turn, callId, detail });
  }

  #vote(row: CallRow, { decision, by, note: written }: Decision, now: number): ApprovalView | Unheard {
    const tally = decideVote(this.#requirement(row), this.#votes.of(row.callId), { by, decision });
    if ("reason" in tally) return unheard(tally);
    const note = printable(written, 1000);
    const before = this.#approvalsOf(row);
    const { given, needed } = tally;
    this.#votes.add(row.callId, { by, decision, note, at: now });
    // What is written stays out of the chain until nobody can be led by it any more.
    if (decision === "approve")
      this.record("approval_given", row, { by, given, needed, actionHash: row.actionHash }, now);
    if (tally.state !== "held") {
      this.#calls.move(row, decision, { by, note });
      this.#calls.addWake(row.callId, now);
      this.record(`call_${tally.state}`, row, { by, note, ...before, actionHash: row.actionHash }, now);
    }
    return this.view(this.#calls.get(row.callId) ?? row);
  }

  /** Approvals before the end, with what was written, for the entry about the end. */
  #approvalsOf(row: CallRow): { approvals?: { by: string; note: string }[] } {
    const given = this.#votes.of(row.callId).filter(({ decision }) => decision === "approve");
    return given.length === 0 ? {} : { approvals: given.map(({ by, note }) => ({ by, note })) };
  }

  #requirement(row: CallRow): Requirement {
    const { server, tool } = row.action;
    const { manifest } = this.#release;
    return requirementOf(manifest.servers[server]?.tools[tool], manifest, row.user);
  }
}

function unheard({ reason, message, field }: Refusal): Unheard {
  return { refused: reason, message, field };
}

const anotherRelease: Unheard = {
  refused: "another_release",
  message: "this call was asked under another release than the one that runs now",
};
