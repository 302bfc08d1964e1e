// A step as the OpenAI protocol writes it, whole or as server-sent events. Deterministic: ids come from the hash of the
// messages and the creation time is fixed, so the same request gets the same bytes.
import type { ChatRequest, Step } from "./chat.ts";

export const modelName = "scripted-demo";

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

const created = Date.UTC(2026, 0, 1) / 1000;

/** Token counts at four characters a token, rounded up: plausible, not exact. */
export function estimateUsage(request: ChatRequest, step: Step): Usage {
  const written =
    step.text.length + step.calls.reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);
  const [prompt_tokens, completion_tokens] = [Math.ceil(request.size / 4), Math.ceil(written / 4)];
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

function head(object: string, hash: string) {
  return { id: `chatcmpl-${hash.slice(0, 24)}`, object, created, model: modelName };
}

function wireCalls(step: Step, hash: string) {
  return step.calls.map((call, index) => ({
    id: `call_${hash.slice(0, 16)}_${index}`,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
}

function finishReason(step: Step): string {
  return step.calls.length > 0 ? "tool_calls" : "stop";
}

/** The body of an answer that is not streamed. */
export function wholeAnswer(step: Step, usage: Usage, hash: string): string {
  const calls = wireCalls(step, hash);
  const message = {
    role: "assistant",
    content: step.text === "" ? null : step.text,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
  const choices = [{ index: 0, message, finish_reason: finishReason(step) }];
  return JSON.stringify({ ...head("chat.completion", hash), choices, usage });
}

/** The events of a streamed answer, in order. Usage is always sent, in a last chunk without choices. */
export function streamedAnswer(step: Step, usage: Usage, hash: string): string[] {
  const chunk = (choices: object[], more: object = {}) =>
    `data: ${JSON.stringify({ ...head("chat.completion.chunk", hash), choices, ...more })}\n\n`;
  const delta = (content: object) => chunk([{ index: 0, delta: content, finish_reason: null }]);
  const events = [delta({ role: "assistant", content: "" })];
  for (const piece of pieces(step.text)) events.push(delta({ content: piece }));
  for (const [index, call] of wireCalls(step, hash).entries()) {
    events.push(delta({ tool_calls: [{ index, ...call, function: { name: call.function.name, arguments: "" } }] }));
    for (const piece of pieces(call.function.arguments)) {
      events.push(delta({ tool_calls: [{ index, function: { arguments: piece } }] }));
    }
  }
  events.push(chunk([{ index: 0, delta: {}, finish_reason: finishReason(step) }]));
  events.push(chunk([], { usage }), "data: [DONE]\n\n");
  return events;
}

/** Cuts a text into at most about 64 pieces of at least 24 characters, never inside a surrogate pair. */
function pieces(text: string): string[] {
  const size = Math.max(24, Math.ceil(text.length / 64));
  const found: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = start + size;
    if (/[\uD800-\uDBFF]/.test(text[end - 1] ?? "")) end += 1;
    found.push(text.slice(start, end));
    start = end;
  }
  return found;
}
