// Time limits of a gate. The engine frees an object that has been idle for ten seconds, and a clock that still runs is
// work: `AbortSignal.timeout(600_000)` keeps its whole conversation in memory for ten minutes after the answer came, and a
// few hundred of those end the gate. So every clock here stops with the work that it limits.

/**
 * Runs `work` with a signal that aborts after `limitMs` milliseconds; what `work` reads of an answer belongs inside it.
 * Whether `work` honours the signal is its own affair.
 */
export async function withLimit<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new DOMException("the time is over", "TimeoutError")), limitMs);
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for `work`, at most `limitMs` milliseconds; undefined when the time is over first. */
export async function atMost<T>(limitMs: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), limitMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
