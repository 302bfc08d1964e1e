// Room 11, `gate/channels`: what a turn has said so far, for whoever listens while it walks. A turn never waits for a
// listener: it writes to its journal, and whoever listens reads there, from any place, as often as it likes. So a listener
// that leaves loses nothing, one that comes back hears the same words from the start, and a kill changes none of them.
import type { Journal, TurnState } from "./journal.ts";
import { Bell, untilRung } from "./bell.ts";
import { drain } from "./drain.ts";
import { shownCalls, type ShownCall } from "./shown-calls.ts";
import type { Usage } from "./usage.ts";

/** What a turn said, from a place on. */
export interface Told {
  readonly state: TurnState;
  /** Seconds since the epoch. */
  readonly created: number;
  /** What comes after the first `from` characters. */
  readonly text: string;
  readonly usage: Usage;
  readonly held: readonly ShownCall[];
  /** Whether nothing was said in this conversation after this turn. */
  readonly isLast: boolean;
}

export class Tail {
  readonly #journal: Journal;
  readonly #changed = new Bell();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Something was written. */
  announce(): void {
    this.#changed.ring();
  }

  /** Waits up to `waitMs` for words after the first `from` characters, or the end. Null when there is no such turn. */
  async read(turn: number, from: number, waitMs: number): Promise<Told | null> {
    const until = Date.now() + waitMs;
    for (;;) {
      const told = this.#told(turn, from);
      const left = until - Date.now();
      if (!told || told.text !== "" || hasEnded(told.state) || left <= 0 || drain.isClosing) return told;
      await untilRung([this.#changed, drain.closing], left);
    }
  }

  #told(turn: number, from: number): Told | null {
    const row = this.#journal.turn(turn);
    if (!row) return null;
    const { state, reply, steps, accepted } = row;
    // The last step of a turn that is done is its reply.
    const before = state === "done" ? steps - 1 : steps;
    const said = Array.from({ length: Math.max(0, before) }, (_, at) => this.#journal.stepText(turn, at + 1));
    const all = [...said.filter((text) => text !== "").map((text) => `${text}\n\n`), hasEnded(state) ? reply : ""];
    return {
      ...{ state, text: all.join("").slice(from), created: Math.floor(accepted / 1000) },
      ...{ usage: this.#journal.usage(turn), isLast: this.#journal.isLast(turn) },
      held: state === "waiting" ? shownCalls(this.#journal, turn) : [],
    };
  }
}

/** Done, failed, or waiting for a person: nothing more is said until somebody else does something. */
export function hasEnded(state: TurnState): boolean {
  return state !== "queued" && state !== "running";
}
