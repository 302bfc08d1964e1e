// How a demo is told to end, at any moment: by a signal, or because nobody reads it any more. The first word ends it in
// order; at the second one it ends at once, and the kernel takes along what it started.
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export class Ending {
  readonly #abort = new AbortController();
  #code = 1;
  #first: number | undefined;

  constructor() {
    for (const signal of Object.keys(codes) as (keyof typeof codes)[])
      process.on(signal, () => this.tell(codes[signal]));
    // Whoever read this has gone (`demo | head`).
    process.stdout.on("error", () => this.tell(1));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Exit code once it was told. */
  get code(): number {
    return this.#code;
  }

  tell(code: number): void {
    const now = performance.now();
    // A terminal tells the whole group, and somebody may hand on what it was told: that is one word.
    if (this.#first !== undefined && now - this.#first > 500) process.exit(code);
    this.#first ??= now;
    this.#code = code;
    this.#abort.abort();
  }

  /** What `work` comes to, or undefined when it was told to end before. */
  async orEnd<T>(work: Promise<T>): Promise<T | undefined> {
    work.catch(() => undefined);
    if (this.signal.aborted) return undefined;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const end = () => resolve(undefined);
    this.signal.addEventListener("abort", end, { once: true });
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.signal.removeEventListener("abort", end);
    }
  }
}
