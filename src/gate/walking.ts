// Control `rate-limits`: how many turns of one user walk at once, over all conversations. Whoever opens a thousand
// conversations takes the share of one user, not the gate: the rest of them wait, first come first served, and when many
// wait already, no new conversation is taken. In memory on purpose: the slots live in the process that walks, so a crash
// frees them with the walks, and what was waiting comes back by its alarm and queues again.
import { personKey } from "../controls/access/people.ts";

/** Turns of one user that walk at once. */
export const maxWalking = 4;
/** Conversations of one user that may wait for that. */
export const maxWaiting = 32;

interface Line {
  walking: number;
  readonly waiting: (() => void)[];
}

export class Walking {
  readonly #lines = new Map<string, Line>();

  /** Whether so many conversations of this user wait that another one would have to wait too long. */
  isCrowded(user: string): boolean {
    return (this.#lines.get(personKey(user))?.waiting.length ?? 0) >= maxWaiting;
  }

  /** Runs `walk` when it is this user's turn. */
  async run<T>(user: string, walk: () => Promise<T>): Promise<T> {
    const key = personKey(user);
    const line = this.#lines.get(key) ?? { walking: 0, waiting: [] };
    this.#lines.set(key, line);
    if (line.walking < maxWalking) line.walking++;
    // Whoever ends hands its place on.
    else await new Promise<void>((resolve) => line.waiting.push(resolve));
    try {
      return await walk();
    } finally {
      this.#leave(key, line);
    }
  }

  /** Users that something is remembered of. */
  get size(): number {
    return this.#lines.size;
  }

  #leave(key: string, line: Line): void {
    const next = line.waiting.shift();
    if (next) return next();
    line.walking--;
    if (line.walking === 0) this.#lines.delete(key);
  }
}

/** The turns of this process; all its objects share one memory. */
export const walking = new Walking();
