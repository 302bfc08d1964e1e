// Control `rate-limits`: the most tokens that a provider can count for what it is sent. An attacker wants a text that
// costs more than was reserved for it. No tokenizer makes more tokens of a text than it has bytes, and JSON has at least
// the bytes of what it holds; what a provider adds on its own is bounded apart.
import type { OfferedTool } from "./model.ts";
import type { Prompt } from "./prompt.ts";

/** Tokens that a provider adds to each request, message and tool, and once where there are tools at all. */
const added = { request: 64, message: 16, tool: 64, tools: 640 };

/** Most tokens that this prompt can be counted as. */
export function mostInputTokens(prompt: Prompt, tools: readonly OfferedTool[]): number {
  const sent = JSON.stringify([prompt, tools.map(({ name, description, schema }) => [name, description, schema])]);
  const own = added.request + prompt.length * added.message + tools.length * added.tool;
  return new TextEncoder().encode(sent).length + own + (tools.length > 0 ? added.tools : 0);
}

/** What the shortest message of a deployment can be counted as, at most. */
export function shortestInputTokens(instructions: string, tools: readonly OfferedTool[]): number {
  const user = { role: "user" as const, content: [{ type: "text" as const, text: "" }] };
  return mostInputTokens([{ role: "system", content: instructions }, user], tools);
}
