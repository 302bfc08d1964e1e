// What the model is shown: the operator's instructions and what the gate itself delivered. Nothing a caller claims about
// the past is read. A call that still waits for a person is shown as waiting, never as an answer. A long conversation, or
// a name that a provider would refuse, must not make every later turn of a thread fail: the past is cut and made plain.
import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import { parseArguments } from "../arguments.ts";
import type { Journal, JournalCall, Turn } from "../journal.ts";

export type Prompt = LanguageModelV4Prompt;

const waiting = "This call waits for a person to decide. It has not run. Do not repeat it.";
const leftOutNote = "[ambit] Earlier turns of this conversation are not shown: it has grown too long.";

/** The conversation up to and including `turn`; of the turns before it the last ones, `maxBefore` characters at most. */
export function buildPrompt(journal: Journal, instructions: string, turn: Turn, maxBefore: number): Prompt {
  const { turns, leftOut } = journal.turnsBefore(turn.turn, maxBefore);
  const prompt: Prompt = [{ role: "system", content: leftOut ? `${instructions}\n\n${leftOutNote}` : instructions }];
  for (const before of turns) {
    addTurn(prompt, journal, before);
    if (before.state !== "waiting") prompt.push({ role: "assistant", content: [{ type: "text", text: before.reply }] });
  }
  addTurn(prompt, journal, turn);
  return prompt;
}

function addTurn(prompt: Prompt, journal: Journal, turn: Turn): void {
  prompt.push({ role: "user", content: [{ type: "text", text: turn.text }] });
  const calls = Map.groupBy(journal.callsOfTurn(turn.turn), (call) => call.step);
  for (const [step, ofStep] of calls) {
    const text = journal.stepText(turn.turn, step);
    const said = text === "" ? [] : [{ type: "text" as const, text }];
    prompt.push({ role: "assistant", content: [...said, ...ofStep.map(asToolCall)] });
    prompt.push({ role: "tool", content: ofStep.map(asToolResult) });
  }
}

/** The gate's own call ids pair calls with results: models reuse theirs. */
function asToolCall(call: JournalCall) {
  const parsed = parseArguments(call.arguments);
  // What could not even be decided on is not shown to a provider either, which wants a plain object.
  const input = "reason" in parsed ? {} : parsed.arguments;
  return { type: "tool-call" as const, toolCallId: call.callId, toolName: plainName(call.name), input };
}

function asToolResult(call: JournalCall) {
  const output = { type: "text" as const, value: call.result ?? waiting };
  return { type: "tool-result" as const, toolCallId: call.callId, toolName: plainName(call.name), output };
}

/** Providers refuse a conversation with any other name in it, also one that their own model chose. */
function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64) || "_";
}
