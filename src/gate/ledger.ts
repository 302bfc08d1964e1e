// Control `review`, `audit`, `workflow`: the one authority of a deployment. A Durable Object with the audit chain, every
// call and its state, the pins and the release. A thread may ask as often as it likes: `admit` decides again from what the
// Ledger itself holds, in one transaction, and gives each call one lease, once. A killed gate loses nothing: alarms
// carry expiry and wake-ups, rows carry everything else.
import { DurableObject } from "cloudflare:workers";
import type { ThreadEntry } from "../controls/audit/entry.ts";
import type { Release } from "../controls/manifest/release.ts";
import type { z } from "zod";
import type { ChainPage } from "../controls/wire/audit.ts";
import type { FrozenSince } from "../controls/wire/freeze.ts";
import type {
  ApprovalList,
  ApprovalView,
  decisionRequest,
  ExplainAnswer,
  explainRequest,
  gateStatus,
  ToolView,
} from "../controls/wire/gate.ts";
import { openRelease, type Env } from "./env.ts";
import { Admission, notOpen, type AdmitAnswer, type AdmitRequest } from "./ledger/admission.ts";
import type { ReserveAnswer, ReserveRequest } from "./ledger/budget.ts";
import { explainCall } from "./ledger/explain.ts";
import { CallStore, callTables, type CallRow } from "./ledger/call-store.ts";
import { ChainStore, chainTables } from "./ledger/chain-store.ts";
import { FoundThreads, type ThreadAsked, type ThreadNoted } from "./ledger/found-threads.ts";
import { Freeze } from "./ledger/freeze.ts";
import { Limits } from "./ledger/limits.ts";
import type { MessageAnswer, MessageRequest } from "./ledger/messages.ts";
import { openCatalog } from "./tools/catalog.ts";
import { PinStore, pinTables, type Pin, type SeenTool } from "./ledger/pin-store.ts";
import { RefusedSenders, refusedSenderTables, type RefusedSender } from "./ledger/refused-senders.ts";
import { openOverlay } from "./ledger/policy-overlay.ts";
import { Review, type Unheard } from "./ledger/review.ts";
import { HeadSigner } from "./ledger/signer.ts";
import { statusOf } from "./ledger/status.ts";
import { UseStore, useTables } from "./ledger/use-store.ts";
import { VoteStore, voteTables } from "./ledger/vote-store.ts";
import { deliverWakes } from "./ledger/wakes.ts";

const metaTable = "create table if not exists meta (key text primary key, value text not null)";
/** How soon the alarm rings at the earliest. */
const firstWakeRetryMs = 1000;
/** Calls that are ended in one go: each carries all its arguments. */
const batch = 50;

export class Ledger extends DurableObject<Env> {
  readonly #release: Release;
  readonly #chain: ChainStore;
  readonly #calls: CallStore;
  readonly #pins: PinStore;
  readonly #review: Review;
  readonly #limits: Limits;
  readonly #admission: Admission;
  readonly #refusedSenders: RefusedSenders;
  readonly #found: FoundThreads;
  readonly #freeze: Freeze;
  readonly #signer: HeadSigner;
  /** When the alarm is set for, as far as this instance knows; milliseconds since the epoch. */
  #armed: number | undefined;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const sql = state.storage.sql;
    sql.exec(chainTables + callTables + voteTables + pinTables + useTables + refusedSenderTables + metaTable);
    this.#release = openRelease(env);
    this.#chain = new ChainStore(sql, this.#release.manifest.name);
    this.#calls = new CallStore(sql);
    this.#pins = new PinStore(sql);
    this.#review = new Review(this.#chain, this.#calls, new VoteStore(sql), this.#release);
    this.#freeze = new Freeze(sql, this.#chain, this.#calls, this.#review);
    const limited = { release: this.#release, tools: () => openCatalog(this.#release, this.#pins.all()) };
    this.#limits = new Limits(sql, this.#chain, { ...limited, frozen: () => this.#freeze.refusal() }, Date.now());
    this.#admission = new Admission({
      ...{ release: this.#release, chain: this.#chain, calls: this.#calls, pins: this.#pins, review: this.#review },
      ...{ uses: new UseStore(sql), rates: this.#limits.rates, overlay: openOverlay(this.#release, this.#pins) },
      frozen: () => this.#freeze.why(),
    });
    this.#refusedSenders = new RefusedSenders(sql, this.#chain);
    this.#found = new FoundThreads(sql);
    this.#signer = new HeadSigner(this.#chain, (work) => state.waitUntil(work));
    this.#signer.schedule();
  }

  /** Decides one call and, when it may run now, gives its lease. Idempotent by `callId`. */
  admit(request: AdmitRequest): AdmitAnswer {
    const answer = this.#commit(() => {
      this.#ingest(request.thread, request.entries);
      const waiting = this.#freeze.keepWaiting(request, Date.now());
      if (waiting) return waiting;
      if (this.#openedRelease() !== this.#release.release) return notOpen;
      return this.#admission.admit(request, Date.now());
    });
    return answer;
  }

  /** A message of a sender who is not listed; true when it is the first of this sender in 24 hours. */
  refuseSender(sender: RefusedSender): boolean {
    return this.#commit(() => this.#refusedSenders.note(sender, Date.now()));
  }

  /** Room 3: whether a message may come in. Its thread takes it only after this allowed it. */
  admitMessage(request: MessageRequest): MessageAnswer {
    return this.#commit(() => {
      const answer = this.#limits.messages.admit(request, Date.now());
      if (answer.refusal === null) this.#chain.noteThread(request.thread);
      return answer;
    });
  }

  /** Whether a message of this conversation ever came in. To ask a thread itself would make it, with a file. */
  hasThread(thread: string): boolean {
    return this.#chain.hasThread(thread);
  }

  /** The conversation that the words of a user belong to; null when none is known. */
  findThread(asked: ThreadAsked): string | null {
    return this.#found.find(asked);
  }

  /** From now on a conversation is found by its last exchange, or by the key of the message that went on with it. */
  noteFound(noted: ThreadNoted): void {
    this.#commit(() => this.#found.note(noted));
  }

  /** Reserves what one attempt to ask the model may cost; settled by what the thread reports of it. */
  reserve(request: ReserveRequest): ReserveAnswer {
    return this.#commit(() => {
      this.#ingest(request.thread, request.entries);
      return this.#limits.budget.reserve(request, Date.now());
    });
  }

  /** Takes over what a thread has to report; a repeated report changes nothing. */
  report(thread: string, entries: readonly ThreadEntry[]): void {
    this.#commit(() => this.#ingest(thread, entries));
  }

  /** A person's decision on exactly the action they saw. Returns the call as it is now, or why not. */
  decide(callId: string, decision: z.infer<typeof decisionRequest>): ApprovalView | Unheard {
    const stopped = this.#freeze.refuseDecision(decision.decision);
    if (stopped) return stopped;
    const answer = this.#commit(() => this.#review.decide(callId, decision, Date.now()));
    this.ctx.waitUntil(this.#deliverWakes());
    return answer;
  }

  /** Opens a release with the tools its servers offer: pins them, and voids what was held under another release. */
  open(tools: readonly SeenTool[]): { tools: ToolView[]; voided: number } {
    const ended = this.#commit(() => {
      const before = this.#openedRelease();
      for (const changed of this.#pins.replaceAll(tools)) this.#append("tool_repinned", changed);
      if (before === this.#release.release) return 0;
      const voided = this.#review.endAll(() => this.#calls.waiting(batch), "void", Date.now());
      this.ctx.storage.sql.exec("insert or replace into meta values ('release', ?)", this.#release.release);
      this.#append("release_opened", { release: this.#release.release, before: before ?? null, voided });
      return voided;
    });
    this.ctx.waitUntil(this.#deliverWakes());
    return { tools: this.#pins.views(), voided: ended };
  }

  /** Compares what a server says now with the pins; a changed definition is quarantined from this moment. */
  observe(server: string, seen: readonly SeenTool[]): Pin[] {
    this.#commit(() => {
      for (const { tool, state } of this.#pins.observe(server, seen)) {
        this.#append(state === "pinned" ? "tool_restored" : "tool_quarantined", { server, tool, state });
      }
    });
    return this.#pins.all();
  }

  /** Accepts a changed definition; false when its hash is not the one that was seen. */
  acceptTool(server: string, tool: string, hash: string): boolean {
    return this.#commit(() => {
      const accepted = this.#pins.accept(server, tool, hash);
      if (accepted) this.#append("tool_accepted", { server, tool, hash });
      return accepted;
    });
  }

  /** What would become of a call, decided as `admit` decides and from the same rows; nothing is written. */
  explain(request: z.infer<typeof explainRequest>): ExplainAnswer {
    return explainCall(this.#release, this.#admission, request, Date.now());
  }

  /** For a walk: the freeze, and the pins, null while a deploy only tries this release and may still take it back. */
  standing(): { frozen: FrozenSince | null; pins: Pin[] | null } {
    return { frozen: this.frozen(), pins: this.#openedRelease() === this.#release.release ? this.#pins.all() : null };
  }

  /** Freezes this deployment; of an earlier freeze the words stay. */
  freeze(asked: FrozenSince): FrozenSince | null {
    this.#commit(() => this.#freeze.freeze(asked, Date.now()));
    this.ctx.waitUntil(this.#deliverWakes());
    return this.frozen();
  }

  thaw(by: string): FrozenSince | null {
    this.#commit(() => this.#freeze.thaw(by, Date.now()));
    return this.frozen();
  }

  /** Who froze this deployment, why and when; null when it is not frozen. */
  frozen(): FrozenSince | null {
    return this.#freeze.read();
  }

  /** The oldest calls in `state`, as many as one answer can carry, and how many more there are. */
  approvals(state: CallRow["state"]): ApprovalList {
    const approvals = this.#calls.inState(state).map((row) => this.#review.view(row));
    return { approvals, more: this.#calls.count(state) - approvals.length };
  }

  approval(callId: string): ApprovalView | null {
    const row = this.#calls.get(callId);
    return row ? this.#review.view(row) : null;
  }

  entries(after: number, limit: number): ChainPage {
    const entries = this.#chain.read(after, limit);
    return { entries, signatures: this.#chain.signatures(after, entries.at(-1)?.entry.seq ?? after) };
  }

  status(): z.infer<typeof gateStatus> {
    const standing = { held: this.#calls.count("held"), entries: this.#chain.standing().sequence };
    return statusOf(this.#release, { ...standing, tools: this.#pins.views(), frozen: this.frozen() });
  }

  /** Sets the alarm again, should the engine have forgotten it. */
  resume(): void {
    this.#setAlarm();
  }

  override async alarm(): Promise<void> {
    this.#armed = undefined;
    try {
      const now = Date.now();
      this.#commit(() => this.#review.endAll(() => this.#calls.overdue(now, batch), "expire", now));
    } catch (thrown) {
      // An alarm that throws is tried a few times and then forgotten, and the wake-ups with it.
      console.error(
        JSON.stringify({
          event: "expiry_failed",
          message: thrown instanceof Error ? thrown.message.slice(0, 500) : "",
        }),
      );
    }
    await this.#deliverWakes();
  }

  /** Tells threads that a held call was decided, until each has written it down. */
  async #deliverWakes(): Promise<void> {
    await deliverWakes(this.#calls, this.env);
    this.#setAlarm();
  }

  /**
   * The alarm is the earliest of: a held call runs out, a thread has to be told. Set in the same commit as the rows it
   * is for: killed right after, the Ledger still wakes.
   */
  #setAlarm(): void {
    const next = [this.#calls.nextExpiry(), this.#calls.nextWake()].filter((at) => at !== undefined);
    // Wakes are delivered at once; the alarm is for those that were not.
    const due = next.length === 0 ? undefined : Math.max(Date.now() + firstWakeRetryMs, Math.min(...next));
    if (due === undefined || (this.#armed !== undefined && this.#armed > Date.now() && this.#armed <= due)) return;
    this.#armed = due;
    void this.ctx.storage.setAlarm(due);
  }

  #ingest(thread: string, entries: readonly ThreadEntry[]): void {
    for (const body of this.#chain.appendReport(thread, entries)) {
      this.#limits.budget.settle(thread, body, Date.now());
      this.#review.conclude(thread, body);
    }
  }

  #append(event: string, detail: Parameters<ChainStore["append"]>[0]["detail"]): void {
    this.#chain.append({ v: 1, at: new Date().toISOString(), event, detail });
  }

  #openedRelease(): string | undefined {
    const row = this.ctx.storage.sql.exec("select value from meta where key = 'release'").toArray()[0];
    return row ? String(row["value"]) : undefined;
  }

  #commit<T>(work: () => T): T {
    try {
      const result = this.ctx.storage.transactionSync(work);
      this.#setAlarm();
      this.#signer.schedule();
      return result;
    } catch (thrown) {
      this.#chain.forget();
      this.#limits.forget();
      throw thrown;
    }
  }
}
