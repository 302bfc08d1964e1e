// Asking a model again is safe, because an answer only becomes a step once it is in the journal; no tool call is ever
// repeated here.
import { ModelError, type ModelAnswer } from "./model.ts";

export const maxAttempts = 4;
const firstPauseMs = 500;
/** One attempt may take this long, milliseconds. */
const attemptMs = 120_000;

/** Asks until the model answers, the attempts are used up or `deadline` (milliseconds since the epoch) is reached. */
export async function askWithRetries(
  ask: (signal: AbortSignal) => Promise<ModelAnswer>,
  deadline: number,
): Promise<ModelAnswer> {
  for (let attempt = 1; ; attempt++) {
    const left = deadline - Date.now();
    if (left <= 0) throw new ModelError("the turn ran out of time", false);
    try {
      return await ask(AbortSignal.timeout(Math.min(attemptMs, left)));
    } catch (thrown) {
      if (!(thrown instanceof ModelError) || !thrown.retry || attempt === maxAttempts) throw thrown;
      const pause = Math.max(thrown.waitMs, firstPauseMs * 2 ** (attempt - 1));
      await new Promise((resolve) => setTimeout(resolve, Math.min(pause, Math.max(0, deadline - Date.now()))));
    }
  }
}
