// The walk of one message, rooms 4 to 10 of docs/design.md section 3, and nothing else. Every step is in the journal
// before the next one starts, so the walk can be killed anywhere and begun again from the top: a call that was admitted
// keeps its lease, a call that was sent is asked after and never sent twice.
import type { JsonObject } from "../boundary.ts";
import { callIdOf } from "../controls/approvals/action.ts";
import type { EntryBody, ThreadEntry } from "../controls/audit/entry.ts";
import type { Release } from "../controls/manifest/release.ts";
import { durationMs } from "../controls/manifest/shapes.ts";
import { answeredDetail } from "./agent/answered.ts";
import { leastTokens, ModelError } from "./agent/model.ts";
import { buildPrompt } from "./agent/prompt.ts";
import { askWithRetries } from "./agent/retry.ts";
import { askWithinBudget, BudgetError } from "./agent/within-budget.ts";
import { parseArguments } from "./arguments.ts";
import type { CallEnding, Journal, JournalCall, Turn } from "./journal.ts";
import type { AdmitAnswer, AdmitRequest } from "./ledger/admission.ts";
import type { ReserveAnswer, ReserveRequest } from "./ledger/budget.ts";
import type { CatalogTool } from "./tools/catalog.ts";
import type { AdmittedCall, Outcome, ToolRunner } from "./tools/run.ts";

/** A call is tried again under a new attempt only when the one before provably did not run. */
const maxCallAttempts = 3;
/** Of the turns before, a prompt holds this many characters for each token that a turn may use: about half of them. */
const charsBeforePerToken = 2;
const maxCharsBefore = 400_000;
const frozenWords = "this deployment is frozen by its operator";

export interface Rooms {
  readonly release: Release;
  readonly thread: string;
  readonly user: string;
  readonly journal: Journal;
  /** Runs `work` as one durable commit. */
  readonly commit: <T>(work: () => T) => T;
  readonly admit: (request: AdmitRequest) => Promise<AdmitAnswer>;
  /** Reserves what a model call may cost; asked only when the file sets a daily budget. */
  readonly reserve: (request: ReserveRequest) => Promise<ReserveAnswer>;
  /** Tools that may be offered now. */
  readonly catalog: () => readonly CatalogTool[];
  /** Connects to the server of a tool and compares its pins, unless connected already. */
  readonly prepare: (name: string) => Promise<void>;
  readonly runner: ToolRunner;
  /** Asked before each step that would reach out. */
  readonly isFrozen: () => Promise<boolean>;
}

/** Walks a turn until it is done, has failed, or waits for a person. */
export async function walkTurn(rooms: Rooms, number: number): Promise<void> {
  const began = Date.now();
  const deadline = began + durationMs(rooms.release.manifest.limits.turn_timeout) - currentTurn(rooms, number).activeMs;
  try {
    while (currentTurn(rooms, number).state === "running") {
      const open = rooms.journal.openCalls(number);
      if (open.length === 0) await takeModelStep(rooms, currentTurn(rooms, number), deadline);
      else if (!(await advanceCalls(rooms, open, deadline))) waitForPerson(rooms, number);
    }
  } finally {
    rooms.commit(() => rooms.journal.addActiveTime(number, Date.now() - began));
  }
}

/**
 * Gives up what keeps a turn from going on, and that is no refusal: an answer that ends the gate each time it is read, an
 * exception that comes again each time. First its calls are given up, then the turn: the user gets an answer, and what
 * nobody knows is said.
 */
export function giveUp(rooms: Rooms, number: number): void {
  const open = rooms.journal.openCalls(number);
  for (const call of open.filter(({ state, woken }) => state !== "held" || woken)) {
    if (call.state === "executing")
      endCall(rooms, call, "unknown", `[ambit] It is not known whether ${call.name} ran. Do not repeat it.`);
    else endCall(rooms, call, "failed", "[ambit] the call did not run: something kept this turn from going on");
  }
  const why = "something kept this turn from going on; the operator's log says what";
  if (open.length === 0) endTurn(rooms, currentTurn(rooms, number), "failed", `I stopped: ${why}.`, "gave_up");
}

/** Ends a turn whose user was taken off the list: what was sent ends as it ends, and nothing else moves. */
export async function dismissTurn(rooms: Rooms, number: number): Promise<void> {
  const sent = rooms.journal.openCalls(number).filter(({ state }) => state === "executing");
  for (const call of sent) await recover(rooms, call);
  const why = "whoever asked is not listed any more";
  for (const call of rooms.journal.openCalls(number))
    endCall(rooms, call, "failed", `[ambit] the call did not run: ${why}`);
  endTurn(rooms, currentTurn(rooms, number), "failed", `I stopped: ${why}.`, "sender_not_listed");
}

/** Room 5: one answer of the model, or the end of the turn. */
async function takeModelStep(rooms: Rooms, turn: Turn, deadline: number): Promise<void> {
  const { limits } = rooms.release.manifest;
  const budget = limits.tokens_per_turn - turn.tokens;
  const before = Math.min(maxCharsBefore, limits.tokens_per_turn * charsBeforePerToken);
  const prompt = buildPrompt(rooms.journal, rooms.release.instructions, turn, before);
  const spent = spentLimit(turn, limits, deadline, leastTokens(prompt));
  if (spent) return endTurn(rooms, turn, "failed", `I stopped: ${spent}.`, "limit_reached");
  const release = (reservation: string) =>
    rooms.commit(() => report(rooms, "budget_released", turn.turn, { reservation }));
  const began = Date.now();
  try {
    const ask = async (signal: AbortSignal) => {
      if (await rooms.isFrozen()) throw new ModelError(frozenWords, false);
      return askWithinBudget(rooms, prompt, rooms.catalog(), budget, signal, release);
    };
    const { text, input, output, reservation, ...answer } = await askWithRetries(ask, deadline);
    const cost = answeredDetail(rooms.release.manifest.agent.model, { input, output, reservation }, Date.now() - began);
    const step = turn.steps + 1;
    const calls = answer.calls.map((call, position) => ({
      ...call,
      callId: callIdOf(rooms.thread, turn.turn, step, position),
    }));
    rooms.commit(() => {
      rooms.journal.addStep(turn.turn, step, text, { input, output }, calls);
      report(rooms, "model_answered", turn.turn, { step, calls: calls.length, ...cost });
      if (calls.length === 0) finish(rooms, turn, "done", text || "The model gave no answer.");
    });
  } catch (thrown) {
    if (!(thrown instanceof ModelError)) throw thrown;
    const stopped =
      thrown instanceof BudgetError ? "budget_spent" : thrown.message === frozenWords ? "frozen" : undefined;
    const said = stopped ? "I stopped" : "I could not answer";
    endTurn(rooms, turn, "failed", `${said}: ${thrown.message}.`, stopped ?? "model_failed");
  }
}

function spentLimit(
  turn: Turn,
  limits: Release["manifest"]["limits"],
  deadline: number,
  next: number,
): string | undefined {
  const { steps_per_turn, tokens_per_turn, turn_timeout } = limits;
  if (turn.steps >= steps_per_turn) return `this turn took ${turn.steps} steps, the limit (limits.steps_per_turn)`;
  if (turn.tokens >= tokens_per_turn) return `this turn used its ${tokens_per_turn} tokens (limits.tokens_per_turn)`;
  if (turn.tokens + next > tokens_per_turn) {
    return `what the model would have to read now is more than what is left of ${tokens_per_turn} tokens (limits.tokens_per_turn)`;
  }
  if (Date.now() >= deadline) return `this turn ran longer than ${turn_timeout} (limits.turn_timeout)`;
  return undefined;
}

/** Rooms 6 to 9 for each open call, in order. False when all that are left wait for a person. */
async function advanceCalls(rooms: Rooms, open: readonly JournalCall[], deadline: number): Promise<boolean> {
  let moved = false;
  for (const call of open) {
    if (call.state === "held" && !call.woken) continue;
    moved = true;
    // A call that was let through, or that a person decided, is not lost to a clock that ran before.
    const isLate = call.state === "planned" && call.attempt === 0 && Date.now() >= deadline;
    if (isLate)
      endCall(rooms, call, "failed", "[ambit] the call did not run: the turn ran out of time (limits.turn_timeout)");
    else if (call.state === "executing") await recover(rooms, call);
    else await admitAndRun(rooms, call);
  }
  return moved;
}

async function admitAndRun(rooms: Rooms, call: JournalCall): Promise<void> {
  if (call.attempt >= maxCallAttempts)
    return endCall(rooms, call, "failed", "[ambit] the call did not run: it could not be sent");
  const parsed = parseArguments(call.arguments);
  if ("reason" in parsed) return refuseCall(rooms, call, parsed);
  // The Ledger will say what becomes of it; its server is not even connected to.
  if (!(await rooms.isFrozen())) await rooms.prepare(call.name);
  const { thread, user, journal } = rooms;
  const entries = journal.unreported();
  const place = { callId: call.callId, thread, turn: call.turn, user };
  const answer = await rooms.admit({ ...place, name: call.name, arguments: parsed.arguments, entries });
  if (answer.state === "held")
    return rooms.commit(() => {
      confirm(rooms, entries);
      journal.hold(call.callId, answer.reason, answer.expires);
    });
  if (answer.state === "refused") {
    const { reason, message } = answer.refusal;
    return rooms.commit(() => {
      confirm(rooms, entries);
      // The Ledger wrote its own entry for it.
      journal.end(call.callId, "refused", `[ambit] refused (${reason}): ${message}`, []);
    });
  }
  const { server, tool } = answer;
  const sent = { callId: call.callId, attempt: call.attempt + 1, started: Date.now() };
  rooms.commit(() => {
    confirm(rooms, entries);
    journal.execute(sent, server, tool, answer.arguments);
  });
  settle(rooms, call, await rooms.runner.run(admitted(call, sent, server, tool, answer.arguments)));
}

/** Killed after `executing` was written: ask what became of it. */
export async function recover(rooms: Rooms, call: JournalCall): Promise<void> {
  if (call.server === null || call.tool === null || call.bound === null)
    throw new Error(`call ${call.callId} executes nothing`);
  settle(rooms, call, await rooms.runner.recover(admitted(call, call, call.server, call.tool, call.bound)));
}

function settle(rooms: Rooms, call: JournalCall, outcome: Outcome): void {
  if (outcome.ended !== "not_forwarded") return endCall(rooms, call, outcome.ended, outcome.text, outcome.labels);
  rooms.commit(() => {
    rooms.journal.planAgain(call.callId);
    report(rooms, "call_planned_again", call.turn, { tool: call.name.slice(0, 64), why: outcome.why }, call.callId);
  });
}

function admitted(
  call: JournalCall,
  { attempt, started }: Pick<JournalCall, "attempt" | "started">,
  server: string,
  tool: string,
  bound: JsonObject,
): AdmittedCall {
  return { callId: call.callId, attempt, started, server, tool, arguments: bound, place: `${call.turn}/${call.step}` };
}

/** Room 9 and 10: the labelled result and its audit entry, in one commit. */
export function endCall(
  rooms: Rooms,
  call: JournalCall,
  ending: CallEnding,
  text: string,
  labels: Parameters<Journal["end"]>[3] = [],
): void {
  rooms.commit(() => {
    rooms.journal.end(call.callId, ending, text, labels);
    report(rooms, `call_${ending}`, call.turn, { tool: call.name.slice(0, 64), characters: text.length }, call.callId);
  });
}

/** What cannot even be put before the Ledger. */
function refuseCall(
  rooms: Rooms,
  call: JournalCall,
  refusal: { reason: string; field: string; message: string },
): void {
  const { reason, field, message } = refusal;
  const detail = { tool: call.name.slice(0, 64), control: "least-privilege", reason, field: field.slice(0, 128) };
  rooms.commit(() => {
    rooms.journal.end(call.callId, "refused", `[ambit] refused (${reason}): ${message}`, []);
    report(rooms, "call_refused", call.turn, detail, call.callId);
  });
}

function waitForPerson(rooms: Rooms, turn: number): void {
  const held = rooms.journal.openCalls(turn);
  const lines = held.map(
    (call) =>
      `- ${call.name}: ${call.reason ?? "needs a decision"} (call ${call.callId}, until ${call.expires ?? "?"})`,
  );
  const reply = `This waits for a person to decide:\n${lines.join("\n")}`;
  rooms.commit(() => rooms.journal.setTurnState(turn, "waiting", withUnknown(rooms, turn, reply)));
}

export function endTurn(rooms: Rooms, turn: Turn, state: "done" | "failed", reply: string, why: string): void {
  rooms.commit(() => finish(rooms, turn, state, reply, why));
}

function finish(rooms: Rooms, turn: Turn, state: "done" | "failed", reply: string, why: string | null = null): void {
  rooms.journal.setTurnState(turn.turn, state, withUnknown(rooms, turn.turn, reply));
  report(rooms, "turn_closed", turn.turn, { state, why, characters: reply.length });
}

/** That something may have happened is said by the gate itself: the model may leave it out, or say the opposite. */
function withUnknown(rooms: Rooms, turn: number, reply: string): string {
  const lines = rooms.journal
    .unknownCalls(turn)
    .map(({ name, callId }) => `[ambit] It is not known whether ${name} ran (call ${callId}). A person has to look.`);
  return [reply, ...lines].join("\n");
}

function report(rooms: Rooms, event: string, turn: number, detail: EntryBody["detail"], callId?: string): void {
  const at = new Date().toISOString();
  rooms.journal.report({
    v: 1,
    at,
    event,
    thread: rooms.thread,
    turn,
    ...(callId === undefined ? {} : { callId }),
    detail,
  });
}

function confirm(rooms: Rooms, entries: readonly ThreadEntry[]): void {
  const last = entries.at(-1);
  if (last) rooms.journal.confirmReported(last.n);
}

function currentTurn(rooms: Rooms, number: number): Turn {
  const turn = rooms.journal.turn(number);
  if (!turn) throw new Error(`thread ${rooms.thread} has no turn ${number}`);
  return turn;
}
