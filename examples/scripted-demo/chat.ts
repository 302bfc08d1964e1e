// The scripted model's side of the OpenAI chat-completions protocol: a request becomes one typed conversation. Callers
// send whatever they like, so everything is parsed before it is looked at, and what is not understood is refused with
// the field's name. Nothing is remembered between requests: the messages are all this model knows.
import { createHash } from "node:crypto";
import { z } from "zod";

export type JsonObject = Record<string, unknown>;

export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly text: string;
}

/** A tool the request offers: its name as offered, and the argument names its schema has. */
export interface OfferedTool {
  readonly name: string;
  readonly properties: readonly string[];
}

/** A call the model made earlier, at which message, and what came back (undefined: nothing yet). */
export interface Exchange {
  readonly at: number;
  readonly tool: string;
  readonly args: JsonObject;
  readonly result: string | undefined;
}

export interface Conversation {
  readonly messages: readonly Message[];
  readonly tools: readonly OfferedTool[];
  readonly exchanges: readonly Exchange[];
  /** Index of the last user message: what stands after it belongs to the turn being answered. */
  readonly turnStart: number;
  /** Text of the last user message. */
  readonly asked: string;
}

export interface ChatRequest {
  readonly model: string;
  readonly conversation: Conversation;
  readonly stream: boolean;
  /** SHA-256 of the messages, hexadecimal. */
  readonly hash: string;
  /** Characters of messages and tools, from which token counts are estimated. */
  readonly size: number;
}

/** A model answer: text, calls, or both. `arguments` is raw text because some modes must be able to break it. */
export interface Step {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

const textPart = z.looseObject({ text: z.string().default("") });
const content = z.union([z.string(), z.array(textPart)]).nullish();
const toolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content,
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().optional(),
});
const parameters = z.looseObject({ properties: z.record(z.string(), z.unknown()).default({}) });
const tool = z.looseObject({ function: z.looseObject({ name: z.string(), parameters: parameters.nullish() }) });
const request = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1).max(10_000),
  tools: z.array(tool).max(1000).nullish(),
  stream: z.boolean().nullish(),
});
type WireMessage = z.infer<typeof message>;

/** Parses a request body (already JSON). Anything else than a chat-completions request gives `{ error }`. */
export function parseChatRequest(body: unknown): ChatRequest | { readonly error: string } {
  const parsed = request.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { error: `${issue?.path.join(".") ?? "body"}: ${issue?.message ?? "not a chat-completions request"}` };
  }
  const { model, messages, tools, stream } = parsed.data;
  const text = JSON.stringify(messages);
  return {
    model,
    conversation: conversationOf(messages, tools ?? []),
    stream: stream === true,
    hash: createHash("sha256").update(text).digest("hex"),
    size: text.length + JSON.stringify(tools ?? []).length,
  };
}

function conversationOf(wire: WireMessage[], tools: z.infer<typeof tool>[]): Conversation {
  const messages = wire.map(
    (one) => ({ role: one.role === "developer" ? "system" : one.role, text: textOf(one) }) as const,
  );
  const turnStart = messages.findLastIndex((one) => one.role === "user");
  return {
    messages,
    tools: tools.map(({ function: offered }) => ({
      name: offered.name,
      properties: Object.keys(offered.parameters?.properties ?? {}),
    })),
    exchanges: exchangesOf(wire),
    turnStart,
    asked: messages[turnStart]?.text ?? "",
  };
}

function textOf(one: WireMessage): string {
  if (typeof one.content === "string") return one.content;
  return (one.content ?? []).map((part) => part.text).join("\n");
}

function exchangesOf(wire: WireMessage[]): Exchange[] {
  const results = new Map<string, string>();
  for (const one of wire) if (one.role === "tool") results.set(one.tool_call_id ?? "", textOf(one));
  return wire.flatMap((one, at) =>
    (one.tool_calls ?? []).map((call) => ({
      at,
      tool: call.function.name,
      args: parseObject(call.function.arguments),
      result: results.get(call.id),
    })),
  );
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    // A call this model broke on purpose comes back broken: it has no arguments worth reading.
    return {};
  }
}

/** The offered tool of that name, if there is one. */
export function offeredTool(conversation: Conversation, toolName: string): OfferedTool | undefined {
  return conversation.tools.find((one) => one.name === toolName);
}

/** A call with those arguments that the offered schema names; undefined when the tool is not offered. */
export function callOf(
  conversation: Conversation,
  toolName: string,
  args: JsonObject,
): Step["calls"][number] | undefined {
  const offered = offeredTool(conversation, toolName);
  if (offered === undefined) return undefined;
  const named = Object.entries(args).filter(([name]) => offered.properties.includes(name));
  return { name: offered.name, arguments: JSON.stringify(Object.fromEntries(named)) };
}
