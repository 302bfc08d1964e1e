// Control `workflow`: the freeze switch, kept where a gate cannot reach it. Whoever holds a deployment wants the switch to
// hang on its own answer, or a kill in the middle to leave it open. Must stay true: what is frozen is on disk before
// anything is told; front, broker and Ledger each stop it alone, in this order; one that was not reached is told until it
// was, and again at every start. Thawing goes the other way round and is on disk last but for front: until all of it went
// well the deployment is frozen.
import type { z } from "zod";
import { printable } from "../../controls/manifest/printable.ts";
import type {
  FreezeAnswer,
  FreezePlace,
  FreezePlaces,
  freezeRequest,
  FrozenSince,
  thawRequest,
} from "../../controls/wire/freeze.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import { markOpen } from "./folders.ts";
import type { Host } from "./host.ts";
import { makeProblem, noSuchDeployment } from "./problem.ts";

/** A gate that hangs must not keep whoever froze it waiting. */
const gateMs = 1500;
/** The broker is ours: one that is busy gets its time. */
const brokerMs = 5000;
/** Whoever thaws can try again; until it was answered, all stays frozen. */
const thawMs = 5000;
/** How soon a place that was not reached is told again, at first and in the end. */
const againMs = 1000;
const slowestAgainMs = 30_000;

type Answered = { readonly answer: FreezeAnswer } | { readonly problem: Problem };

const unreached = "not reached yet";
const open: FreezePlaces = { front: "open", broker: "open", ledger: "open" };

export class Freezer {
  readonly #host: Host;
  readonly #turns = new Map<string, Promise<unknown>>();
  /** What each place of a frozen deployment was last known to do. */
  readonly #places = new Map<string, FreezePlaces>();
  readonly #again = new Map<string, { readonly timer: NodeJS.Timeout; readonly pauseMs: number }>();
  /** How often each was frozen: a thaw that is under way must not undo a freeze that came after it. */
  readonly #asked = new Map<string, number>();

  constructor(host: Host) {
    this.#host = host;
  }

  isFrozen(name: string): boolean {
    return this.#host.registry.frozen(name) !== undefined;
  }

  /** As a list of deployments shows it. */
  view(name: string): (FrozenSince & { places: FreezePlaces }) | null {
    const frozen = this.#host.registry.frozen(name);
    if (frozen === undefined) return null;
    const places = this.#places.get(name) ?? { front: unreached, broker: unreached, ledger: unreached };
    return { ...frozen, places };
  }

  /** Freezes a deployment, or says how frozen it is. Does not wait for a gate that does not answer. */
  async freeze(name: string, asked: z.infer<typeof freezeRequest>): Promise<Answered> {
    const { registry, log } = this.#host;
    if (registry.find(name) === undefined) return { problem: noSuchDeployment(name) };
    const [by, reason] = [printable(asked.by, 254), printable(asked.reason, 1000)];
    const since = { by, reason, at: new Date().toISOString() };
    try {
      registry.freeze(name, since);
    } catch (error) {
      // A full disk is no reason to let it go on: all three are told, and the next start will not know of it.
      await this.#tellAll(name, since);
      const detail = `${name} is stopped but that could not be written (${describe(error)}): free space on the disk and freeze it again`;
      return { problem: makeProblem(500, "not_on_disk", detail) };
    }
    log.event("frozen", { deployment: name, by, why: reason });
    this.#asked.set(name, (this.#asked.get(name) ?? 0) + 1);
    // At once, whatever else is under way: a thaw sees that it came too late.
    const places = await this.#apply(name);
    return { answer: { name, frozen: registry.frozen(name) ?? null, places } };
  }

  /** Thaws a deployment in all three places, or leaves it frozen and says what did not answer. */
  async thaw(name: string, asked: z.infer<typeof thawRequest>): Promise<Answered> {
    const { registry, busy, log } = this.#host;
    if (registry.find(name) === undefined) return { problem: noSuchDeployment(name) };
    if (busy.has(name)) {
      const detail = `a deploy or a thaw of ${name} is under way: wait for it and try again`;
      return { problem: makeProblem(409, "deploy_under_way", detail) };
    }
    busy.add(name);
    try {
      const failed = await this.inTurn(name, () => this.#thaw(name, printable(asked.by, 254)));
      if (failed === undefined) return { answer: { name, frozen: null, places: open } };
      log.event("not_thawed", { deployment: name, why: failed });
      return { problem: makeProblem(503, "not_thawed", failed) };
    } finally {
      busy.delete(name);
    }
  }

  /** A part has just started: it is told again what is frozen. */
  onReady(name: string): void {
    if (!this.isFrozen(name)) return;
    this.inTurn(name, () => this.#apply(name)).catch((error: unknown) =>
      this.#host.log.event("freeze_failed", { deployment: name, why: describe(error) }),
    );
  }

  /** One thing at a time per deployment: what is told last is what counts. */
  inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    const settled = result.catch(() => undefined);
    this.#turns.set(name, settled);
    void settled.then(() => this.#turns.get(name) === settled && this.#turns.delete(name));
    return result;
  }

  /** The host ends: nothing is told any more. */
  stop(): void {
    for (const { timer } of this.#again.values()) clearTimeout(timer);
  }

  async #apply(name: string): Promise<FreezePlaces> {
    const frozen = this.#host.registry.frozen(name);
    if (frozen === undefined) return open;
    const places = await this.#tellAll(name, frozen);
    this.#places.set(name, places);
    this.#tellAgain(name, Object.values(places).includes(unreached));
    return places;
  }

  /** In this order: nothing new comes in, nothing leaves, nothing is let through. */
  async #tellAll(name: string, since: FrozenSince): Promise<FreezePlaces> {
    const front = await this.#reach(name, "front", async () => markOpen(this.#host.places, name, false));
    const broker = await this.#reach(name, "broker", () => this.#host.link.setFrozen(name, true, brokerMs));
    const ledger = await this.#reach(name, "ledger", () => this.#tellLedger(name, "freeze", since, gateMs));
    return { front, broker, ledger };
  }

  #tellAgain(name: string, isNeeded: boolean): void {
    const before = this.#again.get(name);
    clearTimeout(before?.timer);
    this.#again.delete(name);
    if (!isNeeded) return;
    const pauseMs = before === undefined ? againMs : Math.min(slowestAgainMs, before.pauseMs * 2);
    this.#again.set(name, { timer: setTimeout(() => this.onReady(name), pauseMs).unref(), pauseMs });
  }

  async #reach(name: string, place: string, tell: () => Promise<void>): Promise<FreezePlace> {
    try {
      await tell();
      return "frozen";
    } catch (error) {
      this.#host.log.event("freeze_not_reached", { deployment: name, place, why: describe(error) });
      return unreached;
    }
  }

  /** Why it stays frozen, or undefined. */
  async #thaw(name: string, by: string): Promise<string | undefined> {
    const { registry, link, places, log, gates } = this.#host;
    const asked = this.#asked.get(name);
    const requireLast = (): void => {
      if (this.#asked.get(name) !== asked) throw new Error("it was frozen again meanwhile");
    };
    try {
      await this.#tellLedger(name, "thaw", { by }, thawMs);
      requireLast();
      await link.setFrozen(name, false, thawMs);
      requireLast();
      if (registry.isPinDue(name)) await gates.get(name)?.pin();
      requireLast();
      registry.thaw(name, by);
    } catch (error) {
      const isFrozen = this.isFrozen(name);
      await this.#apply(name);
      const end = isFrozen ? "it stays frozen" : "it was not frozen";
      return `${name} could not be thawed (${describe(error)}): ${end}; look at ambit status, and try again or deploy it again`;
    }
    markOpen(places, name, true);
    this.#places.delete(name);
    log.event("thawed", { deployment: name, by });
    return undefined;
  }

  async #tellLedger(name: string, what: "freeze" | "thaw", body: object, timeoutMs: number): Promise<void> {
    const gate = this.#host.gates.get(name);
    if (gate === undefined) throw new Error("its gate does not run");
    await gate.tell(`/control/${what}`, body, timeoutMs);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
