// For the tests of the scripted model: writes conversations the way a client sends them, and reads answers back.
import assert from "node:assert/strict";
import type { ChatRequest, Conversation, JsonObject, Step } from "./chat.ts";
import { parseChatRequest } from "./chat.ts";

/** One earlier step: its calls as `[tool, arguments, result]`. */
export type Told = readonly (readonly [tool: string, args: JsonObject, result?: unknown])[];

const schemas: Record<string, string[]> = {
  list_inbox: [],
  read_message: ["id"],
  list_suppliers: [],
  get_purchase_order: ["id"],
  get_invoice: ["id"],
  pay_invoice: ["invoice_id", "iban", "amount_cents"],
  send_mail: ["to", "subject", "body"],
  open_invoices: [],
};
/** Those of the access desk. */
const deskSchemas: Record<string, string[]> = {
  read_request: ["id"],
  get_person: ["email"],
  get_group: ["id"],
  list_members: [],
  grant_access: ["person", "group"],
  grant_privileged: ["person", "group"],
  revoke_access: ["person", "group"],
  publish_notice: ["audience", "title", "body"],
  send_message: ["to", "subject", "body"],
};

export const allTools = Object.keys(schemas);
export const deskTools = Object.keys(deskSchemas);

/** The request of a client with these tools; results are sent as JSON unless they are text already. */
export function requestBody(user: string, told: readonly Told[] = [], tools: readonly string[] = allTools): JsonObject {
  const messages: JsonObject[] = [
    { role: "system", content: "You are a clerk." },
    { role: "user", content: user },
  ];
  for (const [step, calls] of told.entries()) {
    const wire = calls.map(([name, args], index) => ({
      id: `c${step}_${index}`,
      type: "function",
      function: { name, arguments: JSON.stringify(args) },
    }));
    messages.push({ role: "assistant", content: null, tool_calls: wire });
    for (const [index, [, , result]] of calls.entries()) {
      if (result === undefined) continue;
      const content = typeof result === "string" ? result : JSON.stringify(result);
      messages.push({ role: "tool", tool_call_id: `c${step}_${index}`, content });
    }
  }
  return { model: "scripted-demo", messages, tools: tools.map(offer) };
}

function offer(name: string): JsonObject {
  const properties = Object.fromEntries((schemas[name] ?? deskSchemas[name] ?? []).map((property) => [property, {}]));
  return { type: "function", function: { name, parameters: { type: "object", properties } } };
}

/** The conversation of such a request, parsed. */
export function conversation(
  user: string,
  told: readonly Told[] = [],
  tools: readonly string[] = allTools,
): Conversation {
  return accepted(requestBody(user, told, tools)).conversation;
}

export function accepted(body: unknown): ChatRequest {
  const parsed = parseChatRequest(body);
  assert.ok(!("error" in parsed), "error" in parsed ? parsed.error : "");
  return parsed;
}

/** The calls of a step with their arguments parsed. */
export function callsOf(step: Step): [tool: string, args: JsonObject][] {
  return step.calls.map((call) => [call.name, JSON.parse(call.arguments) as JsonObject]);
}
