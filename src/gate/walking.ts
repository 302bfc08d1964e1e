// Control `rate-limits`: the share of one user, over all conversations. Whoever opens a thousand of them takes the share
// of one user, not the gate: so many walk at once, the rest wait, first come first served, and when many wait already, no
// new conversation is taken. Walks that one user has at once also begin apart: with a model that answers at once, whoever
// comes next would else wait for the work of all of them. In memory on purpose: the places live in the process that walks,
// so a crash frees them with the walks, and what was waiting comes back by its alarm and queues again.
import { personKey } from "../controls/access/people.ts";

/** Turns of one user that walk at once: most of that time a turn waits for its model. */
export const maxWalking = 16;
/** How far apart walks that one user has at once begin: while somebody else is about, and while nobody is; milliseconds. */
export const apartMs = { about: 50, alone: 15 } as const;
/** Whoever began a walk so recently is about, milliseconds. */
const aboutMs = 1000;
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
  readonly #apart: { readonly about: number; readonly alone: number };
  readonly #lines = new Map<string, Line>();
  /** When the last walk of a user began, or will; whoever began longest ago first. */
  readonly #began = new Map<string, number>();

  constructor(apart: { readonly about: number; readonly alone: number } = apartMs) {
    this.#apart = apart;
  }

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
      await this.#takeTurns(key, line);
      return await walk();
    } finally {
      if (line.walking.get(thread) === place) this.#leave(key, line, thread);
    }
  }

  /** Users that walk or wait. */
  get size(): number {
    return this.#lines.size;
  }

  async #takeTurns(key: string, line: Line): Promise<void> {
    const now = Date.now();
    for (const [user, at] of this.#began) {
      if (Math.abs(now - at) < aboutMs) break;
      this.#began.delete(user);
    }
    const last = this.#began.get(key) ?? 0;
    const isAlone = this.#began.size === (this.#began.has(key) ? 1 : 0);
    // Whoever asks one thing after the other takes nobody's share.
    const isOneByOne = line.walking.size === 1;
    const apart = isAlone ? this.#apart.alone : this.#apart.about;
    const at = isOneByOne ? now : Math.min(Math.max(now, last + apart), now + aboutMs);
    this.#began.delete(key);
    this.#began.set(key, at);
    if (at > now) await new Promise((resolve) => setTimeout(resolve, at - now));
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
