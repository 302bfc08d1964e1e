// What a tool of the examples answers: a value as JSON, or an error that the caller may read. An answer can be held back
// after its work is committed: the gap in which a caller that is killed cannot know what became of its call.
import { setTimeout as wait } from "node:timers/promises";
import type { CallToolResult } from "@modelcontextprotocol/server";

export type Answer = (result: CallToolResult) => Promise<CallToolResult>;

/** Answers `delayMs` late. */
export function answerAfter(delayMs: number): Answer {
  return async (result) => {
    if (delayMs > 0) await wait(delayMs);
    return result;
  };
}

export function shown(value: object): CallToolResult {
  return { content: [{ type: "text", text: JSON.stringify(value) }], structuredContent: { ...value } };
}

export function absent(message: string): CallToolResult {
  return { isError: true, content: [{ type: "text", text: message }] };
}

export function found(value: object | undefined, message: string): CallToolResult {
  return value === undefined ? absent(message) : shown(value);
}
