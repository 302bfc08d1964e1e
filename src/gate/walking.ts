// Control `rate-limits`: how many turns of one user walk at once, over all conversations. Whoever opens a thousand
// conversations takes the share of one user, not the gate: the rest of them wait, first come first served, and when many
// wait already, no new conversation is taken. In memory on purpose: the places live in the process that walks, so a crash
// frees them with the walks, and what was waiting comes back by its alarm and queues again.
import { personKey } from "../controls/access/people.ts";

/** Turns of one user that walk at once. */
export const maxWalking = 2;
/** Conversations of one user that may wait for that. */
export const maxWaiting = 32;

/** One walk, or one that will be. */
interface Place {
  readonly go: () => void;
}

/** Conversations of one user, in the order in which they came. */
interface Line {
  readonly walking: Map<string, Place>;
  readonly waiting: Map<string, Place>;
}

export class Walking {
  readonly #lines = new Map<string, Line>();

  /** Whether so many conversations of this user wait that another one would have to wait too long. */
  isCrowded(user: string): boolean {
    return (this.#lines.get(personKey(user))?.waiting.size ?? 0) >= maxWaiting;
  }

  /**
   * Runs `walk` when it is this user's turn. A conversation walks one turn at a time: when it comes again, the engine has
   * ended its object in the middle (a commit that failed does that), nobody will give back the place it had, and it
   * takes that over.
   */
  async run<T>(user: string, thread: string, walk: () => Promise<T>): Promise<T> {
    const key = personKey(user);
    const line = this.#lines.get(key) ?? { walking: new Map<string, Place>(), waiting: new Map<string, Place>() };
    this.#lines.set(key, line);
    const { promise, resolve } = Promise.withResolvers<void>();
    const place: Place = { go: resolve };
    line.waiting.delete(thread);
    if (line.walking.has(thread) || line.walking.size < maxWalking) line.walking.set(thread, place);
    else {
      line.waiting.set(thread, place);
      await promise;
    }
    try {
      return await walk();
    } finally {
      if (line.walking.get(thread) === place) this.#leave(key, line, thread);
    }
  }

  /** Users that something is remembered of. */
  get size(): number {
    return this.#lines.size;
  }

  /** Whoever ends hands its place on. */
  #leave(key: string, line: Line, thread: string): void {
    line.walking.delete(thread);
    const [next] = line.waiting;
    if (next) {
      const [waiting, place] = next;
      line.waiting.delete(waiting);
      line.walking.set(waiting, place);
      place.go();
    }
    if (line.walking.size === 0) this.#lines.delete(key);
  }
}

/** The turns of this process; all its objects share one memory. */
export const walking = new Walking();
