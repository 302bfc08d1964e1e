// One conversation of one user: a Durable Object that keeps the journal and has at most one turn walking. Whoever sends
// a message gets its turn number once it is on disk; from then on an alarm sees to it that the turn is walked to its end,
// whatever is killed. Nobody waits for a client here.
import { DurableObject } from "cloudflare:workers";
import type { Refusal } from "../boundary.ts";
import { sha256Hex } from "../controls/audit/digest.ts";
import type { Release } from "../controls/manifest/release.ts";
import { durationMs } from "../controls/manifest/shapes.ts";
import type { TurnAnswer } from "../controls/wire/gate.ts";
import { Alarm } from "./alarm.ts";
import { Bell, untilRung } from "./bell.ts";
import { isStillListed } from "./channels/still-listed.ts";
import { drain } from "./drain.ts";
import { openLedger, openRelease, type Env } from "./env.ts";
import { noteWork } from "./heartbeat.ts";
import { Journal, type Turn } from "./journal.ts";
import { endReplaced } from "./replaced.ts";
import { hasEnded, Tail, type Told } from "./tail.ts";
import { shownCalls } from "./shown-calls.ts";
import type { Submission, Submitted } from "./submission.ts";
import { keyReused, maxQueued, tooManyQueued } from "./too-many.ts";
import { openCatalog, type CatalogTool } from "./tools/catalog.ts";
import { ToolServerFault } from "./tools/fault.ts";
import { connectMs, ToolServer } from "./tools/mcp.ts";
import { findNamedTool, toolNames } from "./tools/named.ts";
import { openWhenBack } from "./tools/reopen.ts";
import { ToolRunner } from "./tools/run.ts";
import { dismissTurn, giveUp, walkTurn, type Rooms } from "./turn.ts";
import { walking } from "./walking.ts";

/** How soon after a kill a turn goes on, milliseconds. */
const resumeMs = 2000;
/** Walks of a turn that begin at one place, get no further and are begun again: by kills, crashes and exceptions. */
const maxWalks = 10;
/** However short the timeout of a tool is, connecting to its server takes a few round trips, milliseconds. */
const leastConnectMs = 5000;
/** How rarely what cannot go on is tried in the end, milliseconds. */
const slowestResumeMs = 60_000;
/** How soon after a thaw a turn goes on that was not told of it. */
const frozenPauseMs = 10_000;
/** How soon a turn is looked at again that waits for the next release, or for this one to be accepted. */
const releasePauseMs = 100;

export class Thread extends DurableObject<Env> {
  readonly #release: Release;
  readonly #journal: Journal;
  readonly #tail: Tail;
  readonly #alarm: Alarm;
  readonly #runner: ToolRunner;
  readonly #servers = new Map<string, ToolServer>();
  #driving: Promise<void> | undefined;
  #catalog: readonly CatalogTool[] = [];
  /** How often in a row the walk was interrupted. */
  #interruptions = 0;
  /** What waits here waits for a thaw, which also says so, or for a release. */
  #pauseMs: number | undefined;
  readonly #changed = new Bell();

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.#release = openRelease(env);
    this.#journal = new Journal(state.storage.sql);
    this.#tail = new Tail(this.#journal);
    this.#alarm = new Alarm((at) => void state.storage.setAlarm(at));
    this.#runner = new ToolRunner(this.#release, (name) => this.#server(name));
  }

  /** Room 4: the message is on disk when this returns. Its answer is waited for up to `waitMs`; null when that is 0. */
  async submit(message: Submission, waitMs: number): Promise<Submitted | Refusal> {
    const taken = this.#take(message);
    if ("reason" in taken) return taken;
    return { ...taken, answer: waitMs > 0 ? await this.answer(taken.turn, waitMs) : null };
  }

  /** The same idempotency key gives the same turn. */
  #take(message: Submission): { turn: number } | Refusal {
    const textHash = sha256Hex(message.text);
    const before = message.idempotency === null ? undefined : this.#journal.turnByKey(message.idempotency);
    if (before) return before.textHash === textHash ? { turn: before.turn } : keyReused;
    if (this.#journal.queuedTurns() >= maxQueued) return tooManyQueued;
    const turn = this.#commit(() => {
      this.#journal.setMeta("key", message.key);
      this.#journal.setMeta("user", message.user);
      const number = this.#journal.addTurn(message.text, textHash, message.idempotency, Date.now());
      const { channel, user, place, text } = message;
      const detail = { channel, user, ...place, characters: text.length, textHash };
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
      if (hasEnded(row.state) || left <= 0 || drain.isClosing) {
        return { turn, state: row.state, reply: row.reply, held: shownCalls(this.#journal, turn) };
      }
      await untilRung([this.#changed, drain.closing], left);
    }
  }

  /** What a turn said after its first `from` characters; waits up to `waitMs` for more. Null when there is no such turn. */
  tell(turn: number, from: number, waitMs: number): Promise<Told | null> {
    return this.#tail.read(turn, from, waitMs);
  }

  /** Goes on, should the engine have forgotten the alarm of this thread, whose name is `key`. */
  resume(key: string): void {
    if (this.#hasWork()) this.#goOn();
    else noteWork(key, false);
  }

  /** After a kill this is what goes on; while a turn walks, it keeps the object alive. */
  override async alarm(): Promise<void> {
    this.#alarm.rang();
    await this.#drive();
    const hasWork = this.#hasWork();
    noteWork(this.#key(), hasWork);
    if (!hasWork) return;
    const soon = Math.min(slowestResumeMs, resumeMs * 2 ** Math.min(this.#interruptions, 10));
    this.#alarm.ringIn(this.#pauseMs ?? soon, Date.now());
  }

  /** Walks now; the alarm, part of the same commit or of one before, walks on after a kill. */
  #goOn(): void {
    this.#alarm.ringWithin(resumeMs, Date.now());
    noteWork(this.#key(), true);
    this.ctx.waitUntil(this.#drive());
  }

  #drive(): Promise<void> {
    this.#driving ??= this.#walkAll().finally(() => {
      this.#driving = undefined;
    });
    return this.#driving;
  }

  async #walkAll(): Promise<void> {
    this.#pauseMs = undefined;
    try {
      // Whatever came while the last entries were on their way is walked as well.
      do {
        for (let turn = this.#journal.nextTurn(); turn !== undefined; turn = this.#journal.nextTurn()) {
          const next = turn;
          if (!(await walking.run(this.#user(), this.#key(), () => this.#walk(next)))) return this.#rest();
          this.#announce();
        }
        await this.#flush();
      } while (this.#journal.nextTurn() !== undefined);
      this.#interruptions = 0;
    } catch (thrown) {
      // The journal stands; the alarm goes on from it.
      this.#interruptions += 1;
      console.error(
        JSON.stringify({
          event: "turn_interrupted",
          message: thrown instanceof Error ? thrown.message.slice(0, 500) : "",
        }),
      );
    }
  }

  /** False when it may not be walked now. */
  async #walk({ turn, state }: Turn): Promise<boolean> {
    // The process ends: the next release walks it, and perhaps at once.
    if (drain.isOn) return this.#waitFor(releasePauseMs);
    const { frozen, pins } = await openLedger(this.env)
      .standing()
      .catch((thrown: unknown) => {
        this.#startWalk(turn);
        throw thrown;
      });
    // A turn that walks stops in good order; one that waits goes on when it is thawed.
    if (frozen && state !== "running") {
      await this.#flush();
      return this.#waitFor(frozenPauseMs);
    }
    // A deploy is trying this release: nothing moves under it before it was accepted.
    if (!pins || drain.isOn) return this.#waitFor(frozen ? frozenPauseMs : releasePauseMs);
    this.#catalog = openCatalog(this.#release, pins);
    const { release } = this.#release;
    const isListed = isStillListed(this.#release, this.#key(), this.#user());
    const walkOwn = isListed ? walkTurn : dismissTurn;
    const walk = this.#journal.walkedBy(turn, release) === release ? walkOwn : endReplaced;
    this.#startWalk(turn);
    await drain.walk(() => walk(this.#rooms(), turn));
    return true;
  }

  #waitFor(pauseMs: number): false {
    this.#pauseMs = pauseMs;
    return false;
  }

  /** Whoever walks next has an alarm to do it by: this process may be gone by then. */
  #rest(): void {
    if (this.#pauseMs === releasePauseMs) this.#alarm.ringIn(releasePauseMs, Date.now());
  }

  #startWalk(turn: number): void {
    if (this.#journal.startWalk(turn) > maxWalks) giveUp(this.#rooms(), turn);
  }

  #hasWork(): boolean {
    return this.#journal.nextTurn() !== undefined || this.#journal.unreported().length > 0;
  }

  #announce(): void {
    this.#changed.ring();
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
      user: this.#user(),
      journal: this.#journal,
      commit: (work) => this.#commit(work),
      admit: (request) => openLedger(this.env).admit(request),
      reserve: (request) => openLedger(this.env).reserve(request),
      catalog: () => this.#catalog,
      prepare: (name) => this.#prepare(name),
      runner: this.#runner,
      isFrozen: async () => (await openLedger(this.env).frozen()) !== null,
    };
  }

  /**
   * A server that cannot be reached, or says nothing that can be compared, stays closed: its call will say that it did not
   * run, and why. Also done for a tool that is quarantined: its server may have taken the change back.
   */
  async #prepare(name: string): Promise<void> {
    const named = findNamedTool(this.#release, name);
    if (!named) return;
    const server = this.#server(named.server);
    if (server.isOpen) return;
    try {
      const limitMs = Math.min(connectMs, Math.max(leastConnectMs, durationMs(named.contract.timeout)));
      const { tools } = await openWhenBack(server, toolNames(this.#release, named.server), limitMs);
      this.#catalog = openCatalog(this.#release, await openLedger(this.env).observe(named.server, tools));
    } catch (thrown) {
      if (thrown instanceof ToolServerFault) return;
      server.reset();
      throw thrown;
    }
  }

  #server(name: string): ToolServer {
    const url = this.#release.manifest.servers[name]?.url;
    if (url === undefined) throw new Error(`no server ${name} in this release`);
    const known = this.#servers.get(name) ?? new ToolServer(name, url);
    this.#servers.set(name, known);
    return known;
  }

  #user(): string {
    return this.#journal.meta("user") ?? "";
  }

  #key(): string {
    const key = this.#journal.meta("key");
    if (key === undefined) throw new Error("a thread without a message");
    return key;
  }

  #commit<T>(work: () => T): T {
    const result = this.ctx.storage.transactionSync(work);
    this.#tail.announce();
    return result;
  }
}

function now(): string {
  return new Date().toISOString();
}
