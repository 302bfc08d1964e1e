// One conversation of one user: a Durable Object that keeps the journal and has at most one turn walking. Whoever sends
// a message gets its turn number once it is on disk; from then on an alarm sees to it that the turn is walked to its end,
// whatever is killed. Nobody waits for a client here.
import { DurableObject } from "cloudflare:workers";
import type { Refusal } from "../boundary.ts";
import { sha256Hex } from "../controls/audit/digest.ts";
import type { Release } from "../controls/manifest/release.ts";
import type { TurnAnswer } from "../controls/wire/gate.ts";
import { openLedger, openRelease, type Env } from "./env.ts";
import { Journal } from "./journal.ts";
import { openCatalog, recordServer, type CatalogTool } from "./tools/catalog.ts";
import { ToolServer } from "./tools/mcp.ts";
import { ToolRunner } from "./tools/run.ts";
import { walkTurn, type Rooms } from "./turn.ts";

const maxQueued = 10;
/** How soon after a kill a turn goes on, and how often a turn that cannot go on is tried, milliseconds. */
const resumeMs = 2000;

export interface Submission {
  readonly key: string;
  readonly user: string;
  readonly channel: string;
  readonly text: string;
  readonly idempotency: string | null;
}

export class Thread extends DurableObject<Env> {
  readonly #release: Release;
  readonly #journal: Journal;
  readonly #runner: ToolRunner;
  readonly #servers = new Map<string, ToolServer>();
  #driving: Promise<void> | undefined;
  #catalog: CatalogTool[] | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#release = openRelease(env);
    this.#journal = new Journal(state.storage.sql);
    this.#runner = new ToolRunner(this.#release, (name) => this.#server(name));
  }

  /** Room 4: the message is on disk when this returns. The same idempotency key gives the same turn. */
  submit(message: Submission): { turn: number } | Refusal {
    const textHash = sha256Hex(message.text);
    const before = message.idempotency === null ? undefined : this.#journal.turnByKey(message.idempotency);
    if (before) return before.textHash === textHash ? { turn: before.turn } : keyReused;
    if (this.#journal.queuedTurns() >= maxQueued) return tooManyQueued;
    const turn = this.#commit(() => {
      this.#journal.setMeta("key", message.key);
      this.#journal.setMeta("user", message.user);
      const number = this.#journal.addTurn(message.text, textHash, message.idempotency, Date.now());
      const detail = { channel: message.channel, user: message.user, characters: message.text.length, textHash };
      this.#journal.report({ v: 1, at: now(), event: "turn_opened", thread: message.key, turn: number, detail });
      return number;
    });
    this.#goOn();
    return { turn };
  }

  /** A held call was decided. The Ledger asks until this returns. */
  wake(callId: string): void {
    if (!this.#journal.call(callId)) return;
    this.#journal.wake(callId);
    this.#goOn();
  }

  /** Where a turn stands; waits up to `waitMs` for it to end or to need a person. Null when there is no such turn. */
  async answer(turn: number, waitMs: number): Promise<Omit<TurnAnswer, "thread"> | null> {
    const until = Date.now() + waitMs;
    for (;;) {
      const row = this.#journal.turn(turn);
      if (!row) return null;
      const left = until - Date.now();
      if ((row.state !== "queued" && row.state !== "running") || left <= 0) {
        const held = this.#journal.openCalls(turn).filter((call) => call.state === "held");
        const shown = held.map(({ callId, name, reason, expires }) => ({
          ...{ callId, tool: name, reason: reason ?? "", expires: expires ?? "" },
        }));
        return { turn, state: row.state, reply: row.reply, held: shown };
      }
      await Promise.race([this.#changed.promise, new Promise((resolve) => setTimeout(resolve, left))]);
    }
  }

  /** After a kill this is what goes on; while a turn walks, it keeps the object alive. */
  override async alarm(): Promise<void> {
    await this.#drive();
    if (this.#hasWork()) await this.ctx.storage.setAlarm(Date.now() + resumeMs);
  }

  /** Walks now; the alarm, part of the same commit, walks on after a kill. */
  #goOn(): void {
    void this.ctx.storage.setAlarm(Date.now() + resumeMs);
    this.ctx.waitUntil(this.#drive());
  }

  #drive(): Promise<void> {
    this.#driving ??= this.#walkAll().finally(() => {
      this.#driving = undefined;
    });
    return this.#driving;
  }

  async #walkAll(): Promise<void> {
    try {
      for (let turn = this.#journal.nextTurn(); turn !== undefined; turn = this.#journal.nextTurn()) {
        if (turn.state !== "running") this.#journal.setTurnState(turn.turn, "running", turn.reply);
        this.#catalog = undefined;
        await walkTurn(this.#rooms(), turn.turn);
        this.#announce();
      }
      await this.#flush();
    } catch (thrown) {
      // The journal stands; the alarm goes on from it.
      console.error(JSON.stringify({ event: "turn_interrupted", message: thrown instanceof Error ? thrown.message : "" }));
    }
  }

  #hasWork(): boolean {
    return this.#journal.nextTurn() !== undefined || this.#journal.unreported().length > 0;
  }

  #announce(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #flush(): Promise<void> {
    for (let entries = this.#journal.unreported(); entries.length > 0; entries = this.#journal.unreported()) {
      await openLedger(this.env).report(this.#key(), entries);
      this.#journal.confirmReported(entries.at(-1)?.n ?? 0);
    }
  }

  #rooms(): Rooms {
    return {
      release: this.#release,
      thread: this.#key(),
      user: this.#journal.meta("user") ?? "",
      journal: this.#journal,
      commit: (work) => this.#commit(work),
      admit: (request) => openLedger(this.env).admit(request),
      catalog: () => this.#offered(),
      prepare: (name) => this.#prepare(name),
      runner: this.#runner,
    };
  }

  async #offered(): Promise<CatalogTool[]> {
    this.#catalog ??= openCatalog(this.#release, await openLedger(this.env).pins());
    return this.#catalog;
  }

  /** A server that cannot be reached is not compared; its call will say that it did not run. */
  async #prepare(name: string): Promise<void> {
    const tool = (await this.#offered()).find((item) => item.name === name);
    if (!tool || tool.server === recordServer) return;
    const server = this.#server(tool.server);
    if (server.connected) return;
    try {
      const seen = await server.listTools();
      this.#catalog = openCatalog(this.#release, await openLedger(this.env).observe(tool.server, seen));
    } catch {
      server.reset();
    }
  }

  #server(name: string): ToolServer {
    const url = this.#release.manifest.servers[name]?.url;
    if (url === undefined) throw new Error(`no server ${name} in this release`);
    const known = this.#servers.get(name) ?? new ToolServer(name, url);
    this.#servers.set(name, known);
    return known;
  }

  #key(): string {
    const key = this.#journal.meta("key");
    if (key === undefined) throw new Error("a thread without a message");
    return key;
  }

  #commit<T>(work: () => T): T {
    return this.ctx.storage.transactionSync(work);
  }
}

function now(): string {
  return new Date().toISOString();
}

const keyReused: Refusal = {
  control: "schemas",
  reason: "idempotency_key_reused",
  field: "Idempotency-Key",
  message: "this key was used for another message; use a new key",
};

const tooManyQueued: Refusal = {
  control: "rate-limits",
  reason: "too_many_messages",
  message: `${maxQueued} messages of this conversation wait already; wait for an answer first`,
};
