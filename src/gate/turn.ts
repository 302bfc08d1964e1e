// The walk of one message, rooms 4 to 10 of docs/design.md section 3, and nothing else. Every step is in the journal
// before the next one starts, so the walk can be killed anywhere and begun again from the top: a call that was admitted
// keeps its lease, a call that was sent is asked after and never sent twice.
import type { JsonObject } from "../boundary.ts";
import { callIdOf } from "../controls/approvals/action.ts";
import type { EntryBody, ThreadEntry } from "../controls/audit/entry.ts";
import type { Release } from "../controls/manifest/release.ts";
import { durationMs } from "../controls/manifest/schema.ts";
import { askModel, ModelError } from "./agent/model.ts";
import { buildPrompt } from "./agent/prompt.ts";
import { askWithRetries } from "./agent/retry.ts";
import type { Journal, JournalCall, Turn } from "./journal.ts";
import type { AdmitAnswer, AdmitRequest } from "./ledger/admission.ts";
import type { CatalogTool } from "./tools/catalog.ts";
import type { AdmittedCall, Outcome, ToolRunner } from "./tools/run.ts";

/** A call is tried again under a new attempt only when the one before provably never left the broker. */
const maxCallAttempts = 3;

export interface Rooms {
  readonly release: Release;
  readonly thread: string;
  readonly user: string;
  readonly journal: Journal;
  /** Runs `work` as one durable commit. */
  readonly commit: <T>(work: () => T) => T;
  readonly admit: (request: AdmitRequest) => Promise<AdmitAnswer>;
  /** Tools that may be offered now. */
  readonly catalog: () => Promise<CatalogTool[]>;
  /** Connects to the server of a tool and compares its pins, unless connected already. */
  readonly prepare: (name: string) => Promise<void>;
  readonly runner: ToolRunner;
}

/** Walks a turn until it is done, has failed, or waits for a person. */
export async function walkTurn(rooms: Rooms, number: number): Promise<void> {
  const began = Date.now();
  const deadline = began + durationMs(rooms.release.manifest.limits.turn_timeout) - currentTurn(rooms, number).activeMs;
  try {
    while (currentTurn(rooms, number).state === "running") {
      const open = rooms.journal.openCalls(number);
      if (open.length === 0) await takeModelStep(rooms, currentTurn(rooms, number), deadline);
      else if (!(await advanceCalls(rooms, number, open))) waitForPerson(rooms, number);
    }
  } finally {
    rooms.commit(() => rooms.journal.addActiveTime(number, Date.now() - began));
  }
}

/** Room 5: one answer of the model, or the end of the turn. */
async function takeModelStep(rooms: Rooms, turn: Turn, deadline: number): Promise<void> {
  const { limits, agent } = rooms.release.manifest;
  const spent = spentLimit(turn, limits, deadline);
  if (spent) return endTurn(rooms, turn, "failed", `I stopped: ${spent}.`, "limit_reached");
  const tools = await rooms.catalog();
  const prompt = buildPrompt(rooms.journal, rooms.release.instructions, turn);
  const budget = limits.tokens_per_turn - turn.tokens;
  try {
    const answer = await askWithRetries((signal) => askModel(agent.model, prompt, tools, budget, signal), deadline);
    const step = turn.steps + 1;
    const calls = answer.calls.map((call, position) => ({ ...call, callId: callIdOf(rooms.thread, turn.turn, step, position) }));
    rooms.commit(() => {
      rooms.journal.addStep(turn.turn, step, answer.text, answer.tokens, calls);
      report(rooms, "model_answered", turn.turn, { step, tokens: answer.tokens, calls: calls.length });
      if (calls.length === 0) finish(rooms, turn, "done", answer.text || "The model gave no answer.");
    });
  } catch (thrown) {
    if (!(thrown instanceof ModelError)) throw thrown;
    endTurn(rooms, turn, "failed", `I could not answer: ${thrown.message}.`, "model_failed");
  }
}

function spentLimit(turn: Turn, limits: Release["manifest"]["limits"], deadline: number): string | undefined {
  if (turn.steps >= limits.steps_per_turn) return `this turn took ${turn.steps} steps, the limit (limits.steps_per_turn)`;
  if (turn.tokens >= limits.tokens_per_turn) return `this turn used its ${limits.tokens_per_turn} tokens (limits.tokens_per_turn)`;
  if (Date.now() >= deadline) return `this turn ran longer than ${limits.turn_timeout} (limits.turn_timeout)`;
  return undefined;
}

/** Rooms 6 to 9 for each open call, in order. False when all that are left wait for a person. */
async function advanceCalls(rooms: Rooms, turn: number, open: readonly JournalCall[]): Promise<boolean> {
  let moved = false;
  for (const call of open) {
    if (call.state === "held" && !call.woken) continue;
    moved = true;
    if (call.state === "executing") await recover(rooms, call);
    else await admitAndRun(rooms, call);
  }
  return moved || rooms.journal.openCalls(turn).length === 0;
}

async function admitAndRun(rooms: Rooms, call: JournalCall): Promise<void> {
  const args = parseArguments(call.arguments);
  if (!args) return endCall(rooms, call, "call_failed", "[ambit] the arguments are not a JSON object; send them again", []);
  await rooms.prepare(call.name);
  const { thread, user, journal } = rooms;
  const entries = journal.unreported();
  const answer = await rooms.admit({ callId: call.callId, thread, turn: call.turn, user, name: call.name, arguments: args, entries });
  if (answer.state === "held") return rooms.commit(() => {
    confirm(rooms, entries);
    journal.hold(call.callId, answer.reason, answer.expires);
  });
  if (answer.state === "refused") {
    const { reason, message } = answer.refusal;
    rooms.commit(() => confirm(rooms, entries));
    return endCall(rooms, call, null, `[ambit] refused (${reason}): ${message}`, []);
  }
  const attempt = call.attempt + 1;
  rooms.commit(() => {
    confirm(rooms, entries);
    journal.execute(call.callId, attempt, answer.server, answer.tool, answer.arguments);
  });
  await settle(rooms, call, await rooms.runner.run(admitted(call, attempt, answer)));
}

/** Killed after `executing` was written: ask what became of it. */
async function recover(rooms: Rooms, call: JournalCall): Promise<void> {
  if (call.server === null || call.tool === null || call.bound === null) throw new Error(`call ${call.callId} executes nothing`);
  const known = { server: call.server, tool: call.tool, arguments: call.bound };
  await settle(rooms, call, await rooms.runner.recover(admitted(call, call.attempt, known)));
}

async function settle(rooms: Rooms, call: JournalCall, outcome: Outcome): Promise<void> {
  if (outcome.ended !== "not_forwarded") return endCall(rooms, call, `call_${outcome.ended}`, outcome.text, outcome.labels);
  const attempt = (rooms.journal.call(call.callId)?.attempt ?? 0) + 1;
  if (attempt > maxCallAttempts) return endCall(rooms, call, "call_failed", "[ambit] the call did not run: it could not be sent", []);
  const row = rooms.journal.call(call.callId);
  if (!row?.server || !row.tool || !row.bound) throw new Error(`call ${call.callId} executes nothing`);
  const { server, tool, bound } = row;
  rooms.commit(() => rooms.journal.execute(call.callId, attempt, server, tool, bound));
  await settle(rooms, call, await rooms.runner.run(admitted(call, attempt, { server, tool, arguments: bound })));
}

function admitted(
  call: JournalCall,
  attempt: number,
  to: { readonly server: string; readonly tool: string; readonly arguments: JsonObject },
): AdmittedCall {
  return { callId: call.callId, attempt, server: to.server, tool: to.tool, arguments: to.arguments, place: `${call.turn}/${call.step}` };
}

/** Room 9 and 10: the labelled result and its audit entry, in one commit. The Ledger wrote its own entry for a refusal. */
function endCall(rooms: Rooms, call: JournalCall, event: string | null, text: string, labels: Parameters<Journal["end"]>[2]): void {
  rooms.commit(() => {
    rooms.journal.end(call.callId, text, labels);
    if (event) report(rooms, event, call.turn, { tool: call.name.slice(0, 64), characters: text.length }, call.callId);
  });
}

function waitForPerson(rooms: Rooms, turn: number): void {
  const held = rooms.journal.openCalls(turn);
  const lines = held.map((call) => `- ${call.name}: ${call.reason ?? "needs a decision"} (call ${call.callId}, until ${call.expires ?? "?"})`);
  rooms.commit(() => rooms.journal.setTurnState(turn, "waiting", `This waits for a person to decide:\n${lines.join("\n")}`));
}

function endTurn(rooms: Rooms, turn: Turn, state: "done" | "failed", reply: string, why: string): void {
  rooms.commit(() => finish(rooms, turn, state, reply, why));
}

function finish(rooms: Rooms, turn: Turn, state: "done" | "failed", reply: string, why: string | null = null): void {
  rooms.journal.setTurnState(turn.turn, state, reply);
  report(rooms, "turn_closed", turn.turn, { state, why, characters: reply.length });
}

function report(rooms: Rooms, event: string, turn: number, detail: EntryBody["detail"], callId?: string): void {
  const at = new Date().toISOString();
  rooms.journal.report({ v: 1, at, event, thread: rooms.thread, turn, ...(callId === undefined ? {} : { callId }), detail });
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

function parseArguments(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
