// Control `audit`: refusals, written down without being a way to fill a disk. Whoever may be refused at will wants a million
// entries, or one entry to be lost in them. So of each kind one entry is written at once and then at most one in a minute,
// with a count of what came between; and there are only so many kinds at a time.

/** Between two entries of one kind, milliseconds. */
export const tallyMs = 60_000;
/** Kinds that are told apart at one time; what is beyond them is counted together. */
export const maxKinds = 16;

/** What the rest is counted as. */
export const otherKinds = "other";

export interface Counted {
  readonly kind: string;
  /** How often it happened since the last entry of this kind. */
  readonly count: number;
}

export class Tally {
  readonly #kinds = new Map<string, { since: number; count: number }>();

  /**
   * Counts one.
   * @param now milliseconds since 1970
   * @returns what is to be written at once, or null when it is only counted
   */
  note(kind: string, now: number): Counted | null {
    const own = this.#kinds.has(kind) || this.#kinds.size < maxKinds - 1 ? kind : otherKinds;
    const known = this.#kinds.get(own);
    if (known !== undefined) {
      known.count += 1;
      return null;
    }
    this.#kinds.set(own, { since: now, count: 0 });
    return { kind: own, count: 1 };
  }

  /** What was counted and whose minute is over; kinds of which nothing came in a minute are forgotten. */
  due(now: number): Counted[] {
    const over = [...this.#kinds].filter(([, { since }]) => now - since >= tallyMs || now < since);
    return over.flatMap(([kind, known]) => {
      const { count } = known;
      if (count === 0) this.#kinds.delete(kind);
      Object.assign(known, { since: now, count: 0 });
      return count === 0 ? [] : [{ kind, count }];
    });
  }

  /** Everything that was counted and not written: before an orderly end. */
  rest(): Counted[] {
    const counted = [...this.#kinds].map(([kind, { count }]) => ({ kind, count }));
    this.#kinds.clear();
    return counted.filter(({ count }) => count > 0);
  }
}
