// Control `rate-limits`: one attempt to ask the model, paid before it is made. Each attempt has a reservation of its own,
// at the most it can cost. It is given back only when provably nothing was asked; when nobody knows (no answer in time, a
// broken connection, an error of the provider, a kill) it stays, because the provider may have answered and charged.
import type { Refusal } from "../../boundary.ts";
import { dailyBudget } from "../../controls/limits/budget.ts";
import type { ReserveAnswer } from "../ledger/budget.ts";
import type { Rooms } from "../turn.ts";
import { mostInputTokens } from "./input-bound.ts";
import { answerTokens, askModel, ModelError, type ModelAnswer, type OfferedTool } from "./model.ts";
import type { Prompt } from "./prompt.ts";

export interface PaidAnswer extends ModelAnswer {
  /** What it was paid from; null without a daily budget. */
  readonly reservation: string | null;
}

/** The day's budget does not pay for this attempt. */
export class BudgetError extends ModelError {
  constructor(refusal: Refusal, canWait: boolean) {
    super(refusal.message, canWait);
    this.name = "BudgetError";
  }
}

/** Asks once. `most` is what the turn may still use, in tokens; `release` reports that a reservation paid for nothing. */
export async function askWithinBudget(
  rooms: Pick<Rooms, "release" | "thread" | "journal" | "reserve">,
  prompt: Prompt,
  tools: readonly OfferedTool[],
  most: number,
  signal: AbortSignal,
  release: (reservation: string) => void,
): Promise<PaidAnswer> {
  const { manifest } = rooms.release;
  const { model } = manifest.agent;
  if (!dailyBudget(manifest)) return { ...(await askModel(model, prompt, tools, most, signal)), reservation: null };
  const asked = { input: mostInputTokens(prompt, tools), output: Math.max(1, Math.min(answerTokens, most)) };
  const entries = rooms.journal.unreported();
  const paid: ReserveAnswer = await rooms.reserve({ thread: rooms.thread, ...asked, entries });
  if ("refusal" in paid) throw new BudgetError(paid.refusal, paid.canWait);
  const { reservation } = paid;
  try {
    return { ...(await askModel(model, prompt, tools, paid.output, signal)), reservation };
  } catch (thrown) {
    // An attempt that was given up may end while the turn does something else: it stays paid.
    if (thrown instanceof ModelError && thrown.isUnused && !signal.aborted) release(reservation);
    throw thrown;
  }
}
