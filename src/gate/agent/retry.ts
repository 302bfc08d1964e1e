// Asking a model again is safe, because an answer only becomes a step once it is in the journal; no tool call is ever
// repeated here. A model's server wants to be waited for without end, or to be asked without end: neither goes past the
// deadline, whether the attempt honours its signal or not.
import { withLimit } from "../time-limit.ts";
import { ModelError } from "./model.ts";

export const maxAttempts = 4;
const firstPauseMs = 500;
/** One attempt may take this long, milliseconds. */
const attemptMs = 120_000;

/** Asks until the model answers, the attempts are used up or `deadline` (milliseconds since the epoch) is reached. */
export async function askWithRetries<T>(ask: (signal: AbortSignal) => Promise<T>, deadline: number): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const left = deadline - Date.now();
    if (left <= 0) throw new ModelError("the turn ran out of time", false);
    try {
      return await withLimit(Math.min(attemptMs, left), (signal) => endWith(signal, ask));
    } catch (thrown) {
      if (!(thrown instanceof ModelError) || !thrown.retry || attempt === maxAttempts) throw thrown;
      const pause = Math.max(thrown.waitMs, firstPauseMs * 2 ** (attempt - 1));
      // A pause that ends after the deadline would only hide why the model did not answer.
      if (Date.now() + pause >= deadline) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function endWith<T>(signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const end = () => reject(new ModelError("the model did not answer in time", true));
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([ask(signal), promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
