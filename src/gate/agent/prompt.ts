// What the model is shown: the operator's instructions and what the gate itself delivered. Nothing a caller claims about
// the past is read. A call that still waits for a person is shown as waiting, never as an answer.
import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import type { Journal, JournalCall, Turn } from "../journal.ts";

export type Prompt = LanguageModelV4Prompt;

const waiting = "This call waits for a person to decide. It has not run. Do not repeat it.";

/** The conversation up to and including `turn`. */
export function buildPrompt(journal: Journal, instructions: string, turn: Turn): Prompt {
  const prompt: Prompt = [{ role: "system", content: instructions }];
  for (const before of journal.turnsBefore(turn.turn)) {
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
  return { type: "tool-call" as const, toolCallId: call.callId, toolName: call.name, input: parseOrEmpty(call.arguments) };
}

function asToolResult(call: JournalCall) {
  const output = { type: "text" as const, value: call.result ?? waiting };
  return { type: "tool-result" as const, toolCallId: call.callId, toolName: call.name, output };
}

/** A model may send arguments that are no JSON; the provider wants an object back. */
function parseOrEmpty(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
