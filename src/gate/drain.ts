// Control `redeploys`: the end of a release's process in good order. No turn starts any more, those that walk go on, what
// comes meanwhile is on disk for the next release, and whoever waits for an answer is let go in time to ask that one. In
// memory on purpose: it is this process that ends; a release that is not replaced after all comes back as a new one.
import { Bell } from "./bell.ts";

/** How often it is looked whether a turn still walks, milliseconds. */
const everyMs = 5;

export class Drain {
  #isOn = false;
  #walking = 0;
  /** Rings when nobody may be kept waiting. */
  readonly closing = new Bell();
  #isClosing = false;

  /** True once no turn may start. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** True once nobody may be kept waiting. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Counts a turn that walks. */
  async walk(walk: () => Promise<void>): Promise<void> {
    this.#walking++;
    try {
      await walk();
    } finally {
      this.#walking--;
    }
  }

  /** Lets turns that walk end, for up to `limitMs`. Says how many still walk. */
  async run(limitMs: number): Promise<number> {
    this.#isOn = true;
    for (const until = Date.now() + limitMs; this.#walking > 0 && Date.now() < until;)
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    return this.#walking;
  }

  /** Lets everybody go who waits for a turn. */
  letGo(): void {
    this.#isClosing = true;
    this.closing.ring();
  }
}

/** Of this process; all its objects share one memory. */
export const drain = new Drain();
