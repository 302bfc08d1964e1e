// What a tool said, reduced to text for the model and values to label. A tool server is untrusted: it may answer with
// 50 MB, with something that is no answer, or with parts nobody asked for.
import type { Json } from "../../boundary.ts";

/** Text of one result that is shown to the model, characters. */
export const maxResultChars = 200_000;
const maxParts = 200;

export interface ToolResult {
  readonly text: string;
  /** For labelling: structured content when there is some, otherwise the text, parsed when it is JSON. */
  readonly value: Json;
  /** The server says that the call failed. */
  readonly isError: boolean;
}

interface RawResult {
  readonly content?: unknown;
  readonly structuredContent?: unknown;
  readonly isError?: unknown;
}

/** Reduces an MCP `tools/call` result. Parts other than text are named, not shown. Never throws, whatever was answered. */
export function reduceResult(raw: RawResult): ToolResult {
  const parts: unknown[] = Array.isArray(raw.content) ? raw.content : [];
  const texts = parts.slice(0, maxParts).map(showPart);
  if (parts.length > maxParts) texts.push(`[${parts.length - maxParts} more parts left out]`);
  const structured = raw.structuredContent;
  const text = texts.length > 0 ? texts.join("\n") : structured === undefined ? "" : writeJson(structured);
  const value = structured === undefined ? parseOrText(text) : (structured as Json);
  return { text: cut(text), value, isError: raw.isError === true };
}

function showPart(part: unknown): string {
  const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown };
  if (type === "text" && typeof text === "string") return text;
  return `[${typeof type === "string" ? type.slice(0, 30) : "part without a type"} left out]`;
}

/** The JSON-RPC response inside the kept body of a Streamable HTTP answer (JSON, or server-sent events). */
export function parseKeptAnswer(contentType: string, body: string): RawResult | { readonly error: string } | undefined {
  const texts = /^text\/event-stream\b/i.test(contentType) ? eventData(body) : [body];
  for (const text of texts) {
    const message = parseOrText(text) as { result?: RawResult; error?: { message?: unknown } } | null | string;
    if (message === null || typeof message !== "object") continue;
    const { result, error } = message;
    if (typeof result === "object" && result !== null && !Array.isArray(result)) return pickMembers(result);
    if (error) return { error: showError(error.message) };
  }
  return undefined;
}

/** What a result may have, and no `error` that would make it look like a refusal. */
function pickMembers({ content, structuredContent, isError }: RawResult): RawResult {
  return { content, structuredContent, isError };
}

/** Data of each event (WHATWG HTML, server-sent events). */
function eventData(body: string): string[] {
  const lines = body.replaceAll(/\r\n?/g, "\n");
  return lines.split("\n\n").map((event) =>
    event
      .split("\n")
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).replace(/^ /, ""))
      .join("\n"),
  );
}

function showError(message: unknown): string {
  return typeof message === "string" ? message.slice(0, 500).toWellFormed() : "no reason given";
}

/** `JSON.stringify` throws on nesting that `JSON.parse` let through. */
function writeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "[the answer is nested too deeply to show]";
  }
}

function parseOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function cut(text: string): string {
  if (text.length <= maxResultChars) return text.toWellFormed();
  return `${text.slice(0, maxResultChars).toWellFormed()}\n[cut by ambit: ${text.length} characters, ${maxResultChars} shown]`;
}
