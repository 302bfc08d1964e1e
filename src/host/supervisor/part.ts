// Control `runtime`: keeps one process alive, alone. A part that was taken over wants to spin, to hang, to eat memory, or
// to die so often that the machine is busy starting it; each ends in a kill and a start that waits longer every time.
// No part waits for another: what one does here never delays the rest.
import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "./log.ts";
import { backoffMs, partTimes, type PartTimes } from "./part-times.ts";
import { readAnonymous, readPss } from "./process-tree.ts";
import type { Slots } from "./slots.ts";

export interface PartSpec {
  readonly name: string;
  readonly uid: number;
  /** Starts the process; throws when that is impossible. */
  start(): ChildProcess;
  /** Rejects when the part is not well, or when this life is over. */
  probe(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Asks the process to end by itself. */
  terminate(pid: number): void;
  /** Removes all that is left of the last life. Called after every end, before the next start. */
  clear(): Promise<void>;
  /** Called each time the part became ready. */
  onReady?(): void;
  /** How long it may take to end by itself, ms. */
  readonly graceMs: number;
  /** Bytes of memory of its own above which it is killed; null where the kernel holds the limit. Asked per start. */
  polledMemory(): number | null;
}

export type PartState = "starting" | "ready" | "backing_off" | "stopped";

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a line says to a person: a part may write JSON with an `error` in it. */
function plainWords(line: string): string {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "error" in value ? String(value.error) : line;
  } catch {
    return line;
  }
}

/** Ends what a part has forked and left: it was the leader of a group of its own. */
function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGKILL");
  } catch {
    // Nothing is left.
  }
}

/** One supervised process with its restarts. */
export class Part {
  readonly spec: PartSpec;
  readonly #log: Log;
  readonly #slots: Slots | null;
  readonly #times: PartTimes;
  readonly #over = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;
  #state: PartState = "starting";
  #lives = 0;
  #failures = 0;
  #lastWords = "";
  #killedFor = "";
  #clearing: Promise<void> | undefined;
  #run: Promise<void> | undefined;

  constructor(spec: PartSpec, log: Log, slots: Slots | null = null, times: PartTimes = partTimes) {
    this.spec = spec;
    this.#log = log;
    this.#slots = slots;
    this.#times = times;
    this.#first.promise.catch(() => undefined);
  }

  get state(): PartState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get restarts(): number {
    return Math.max(0, this.#lives - 1);
  }

  /** Proportional set size in bytes, null when not running. */
  readPss(): number | null {
    return this.pid === null ? null : readPss(this.pid);
  }

  /** Begins the first life. */
  start(): this {
    this.#run ??= this.#keepAlive();
    return this;
  }

  /** Resolves when the first life is ready; rejects when it ended before that. */
  ready(): Promise<void> {
    return this.#first.promise;
  }

  /** Ends it for good: asks, waits `graceMs` or until `atOnce`, kills, and resolves when nothing of it is left. */
  async stop(atOnce?: AbortSignal): Promise<void> {
    this.#over.abort();
    const child = this.#child;
    if (child?.pid !== undefined) this.spec.terminate(child.pid);
    const kill = (): void => void child?.kill("SIGKILL");
    const killer = setTimeout(kill, this.spec.graceMs);
    atOnce?.addEventListener("abort", kill);
    if (atOnce?.aborted) kill();
    await this.#run;
    clearTimeout(killer);
    atOnce?.removeEventListener("abort", kill);
    this.#state = "stopped";
  }

  /** Ends this life; the next one follows by itself. */
  kill(why: string): void {
    this.#log.event("part_killed", { part: this.spec.name, why });
    this.#killedFor = why;
    this.#child?.kill("SIGKILL");
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      this.#state = "starting";
      const release = (await this.#slots?.take()) ?? (() => undefined);
      const late = setTimeout(release, this.#times.slotMs);
      if (!signal.aborted) await this.#live(release);
      clearTimeout(late);
      release();
      const why = this.#killedFor || plainWords(this.#lastWords) || "without a word";
      this.#first.reject(new Error(`${this.spec.name} ended before it was ready: ${why}`));
      if (signal.aborted) break;
      this.#state = "backing_off";
      await delay(backoffMs(this.#failures++, this.#times), undefined, { signal }).catch(() => undefined);
    }
    this.#first.reject(new Error(`${this.spec.name} was stopped`));
    this.#state = "stopped";
  }

  /** One life, from its start until nothing of it is left. */
  async #live(onSettled: () => void): Promise<void> {
    const started = performance.now();
    const life = new AbortController();
    this.#lives++;
    this.#lastWords = this.#killedFor = "";
    try {
      // What could not be cleared last time may still hold the data: no start beside it.
      await this.#clear();
      const child = (this.#child = this.spec.start());
      const ended = this.#follow(child);
      this.#log.event("part_started", { part: this.spec.name, pid: child.pid ?? 0, uid: this.spec.uid });
      void this.#watch(started, life.signal, onSettled).catch((error: unknown) => {
        if (!life.signal.aborted) this.kill(words(error));
      });
      const how = await ended;
      this.#log.event("part_ended", { part: this.spec.name, how, after_ms: Math.round(performance.now() - started) });
    } catch (error) {
      this.#lastWords = words(error);
      this.#log.event("part_not_started", { part: this.spec.name, why: words(error) });
    }
    life.abort();
    this.#child = undefined;
    this.#state = "backing_off";
    await this.#clear().catch((error: unknown) =>
      this.#log.event("part_not_cleared", { part: this.spec.name, why: words(error) }),
    );
  }

  /** One clearing at a time: a second one still under way could kill the next life. */
  #clear(): Promise<void> {
    this.#clearing ??= this.spec.clear().finally(() => (this.#clearing = undefined));
    return this.#clearing;
  }

  /** Resolves when the process and all that held its output are gone: only then may a next life touch its data. */
  #follow(child: ChildProcess): Promise<string> {
    const { name } = this.spec;
    const remember = (line: string): void => void (this.#lastWords = line);
    if (child.stdout !== null) this.#log.follow(name, child.stdout, remember);
    if (child.stderr !== null) this.#log.follow(name, child.stderr, remember);
    return new Promise((resolve) => {
      child.once("error", (error) => resolve(words(error)));
      child.once("close", (code, signal) => resolve(signal ?? `exit ${code ?? "?"}`));
      child.once("exit", () => {
        killGroup(child.pid);
        void this.#clear().catch(() => undefined);
      });
    });
  }

  async #watch(started: number, signal: AbortSignal, onSettled: () => void): Promise<void> {
    const poll = this.#pollMemory(signal);
    try {
      await this.#untilReady(started, signal);
      onSettled();
      if (signal.aborted) return;
      this.#state = "ready";
      this.#log.event("part_ready", { part: this.spec.name, after_ms: Math.round(performance.now() - started) });
      this.#first.resolve();
      this.spec.onReady?.();
      await this.#whileWell(signal);
    } finally {
      clearInterval(poll);
    }
  }

  async #untilReady(started: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = Math.ceil(started + this.#times.readyMs - performance.now());
      if (signal.aborted) return;
      if (left <= 0) throw new Error(`not ready after ${this.#times.readyMs} ms`);
      try {
        return await this.spec.probe(left, signal);
      } catch {
        await delay(20);
      }
    }
  }

  async #whileWell(signal: AbortSignal): Promise<void> {
    const born = performance.now();
    while (!signal.aborted) {
      await delay(this.#times.probeEveryMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (performance.now() - born > this.#times.calmMs) this.#failures = 0;
      try {
        await this.spec.probe(this.#times.probeMs, signal);
      } catch {
        // Twice, because the machine itself may have slept between two lines of ours.
        if (!signal.aborted) await this.spec.probe(this.#times.probeMs, signal);
      }
    }
  }

  #pollMemory(signal: AbortSignal): NodeJS.Timeout | undefined {
    const limit = this.spec.polledMemory();
    if (limit === null) return undefined;
    return setInterval(() => {
      const used = this.pid === null || signal.aborted ? 0 : readAnonymous(this.pid);
      if (used > limit) this.kill(`uses ${used} bytes of memory, ${limit} are allowed`);
    }, this.#times.memoryEveryMs);
  }
}
