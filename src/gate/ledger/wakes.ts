// Control `review`: telling threads that a held call was decided. A thread that cannot be told now, because something is
// killed or a disk is full, is told again, ever more rarely, until it has written it down: no decision is lost.
import { openThread, type Env } from "../env.ts";
import type { CallStore } from "./call-store.ts";

const firstRetryMs = 1000;
const slowestRetryMs = 60_000;

/** Tells every thread that is due; what did not work is due again later. */
export async function deliverWakes(calls: CallStore, env: Env): Promise<void> {
  for (const wake of calls.dueWakes(Date.now())) {
    const row = calls.get(wake.callId);
    try {
      if (row) await openThread(env, row.thread).wake(row.callId);
      calls.dropWake(wake.callId);
    } catch {
      const pause = Math.min(slowestRetryMs, firstRetryMs * 2 ** Math.min(wake.attempts, 10));
      calls.retryWake(wake.callId, Date.now() + pause);
    }
  }
}
