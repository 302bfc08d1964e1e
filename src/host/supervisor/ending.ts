// Control `runtime`, `redeploys`: how a host is told to end, and how its turns are let go. The first word gives turns that
// walk the time they may have; what has not ended by then is parked: its journal is on disk and goes on with the next
// start, exactly as after a kill. A second word ends all at once. An attacker wants an end that waits for ever, or one in
// which a turn that was cut off runs a call twice: the wait is bounded, and nothing here remembers anything.
import type { Gate } from "./gate.ts";

/** Signals that mean: end in order. */
const endSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
/** A terminal and a service manager tell the whole group, and `up` hands on what it was told: that is one word. */
const oneWordMs = 500;

export interface Order {
  /** How long turns that walk may take to end, milliseconds. */
  readonly drainMs: number;
  /** Aborted when nothing may take any time. */
  readonly atOnce: AbortSignal;
}

export interface Word {
  readonly why: string;
  readonly drainMs: number;
}

/** Who may tell a host to end, and what was said. */
export class Ending {
  readonly #word = Promise.withResolvers<Word>();
  readonly #hurry = new AbortController();
  readonly #drainMs: number;
  #first: number | undefined;

  /** `drainMs` counts where whoever tells it says nothing else. */
  constructor(drainMs: number) {
    this.#drainMs = drainMs;
    for (const signal of endSignals) process.on(signal, () => this.tell(signal));
  }

  get word(): Promise<Word> {
    return this.#word.promise;
  }

  get atOnce(): AbortSignal {
    return this.#hurry.signal;
  }

  tell(why: string, drainMs = this.#drainMs): void {
    const now = performance.now();
    this.#first ??= now;
    this.#word.resolve({ why, drainMs });
    if (now - this.#first > oneWordMs) this.#hurry.abort();
  }
}

/** Lets turns of all gates end; returns the gates that answered. None of them starts another turn. */
export async function drainGates(gates: readonly Gate[], { drainMs, atOnce }: Order): Promise<Gate[]> {
  const answers = await Promise.all(
    gates.map((gate) => gate.part.state === "ready" && gate.drain(drainMs, false, atOnce)),
  );
  return gates.filter((_, index) => answers[index] === true);
}

/** Lets go whoever waits for a turn: only now, because whoever is let go may ask again at once. */
export async function letGo(gates: readonly Gate[], { atOnce }: Order): Promise<void> {
  await Promise.all(gates.map((gate) => gate.drain(0, true, atOnce)));
}
