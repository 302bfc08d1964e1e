// Room 11: waiting for what another request brings about. No promise that is raced again and again: one that is pending keeps
// each of its races, about 300 bytes, and the one that means the end of the process is pending until then; turn by turn that
// would fill the gate. Here whoever waits is forgotten when the wait is over, and by time as well: the engine ends the
// request of a caller who has gone in the middle.

/** An ended wait that was not taken back is forgotten after so long, milliseconds. */
const forgottenMs = 1000;

export class Bell {
  readonly #waiting = new Map<() => void, number>();

  /** Wakes everybody who waits. */
  ring(): void {
    const woken = [...this.#waiting.keys()];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }

  add(wake: () => void, now: number, mostMs: number): void {
    for (const [other, until] of this.#waiting) if (until < now) this.#waiting.delete(other);
    this.#waiting.set(wake, now + mostMs + forgottenMs);
  }

  delete(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  get size(): number {
    return this.#waiting.size;
  }
}

/** Waits until one of them rings, at most `mostMs`. */
export async function untilRung(bells: readonly Bell[], mostMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const timer = setTimeout(wake, mostMs);
  for (const bell of bells) bell.add(wake, Date.now(), mostMs);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    for (const bell of bells) bell.delete(wake);
  }
}
