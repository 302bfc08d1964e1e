// An agent loop as it is written everywhere: model and tools, and nothing in between. Not part of Ambit and protected by
// none of it. It is here to compare with: whatever the model asks for is done, so what an attacker wants from the model
// he gets from the tools. What must stay true: same model, same tools, same bound arguments as in `agent.yaml`.
import type { Client } from "@modelcontextprotocol/client";

type JsonObject = Record<string, unknown>;

interface ToolCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

interface Answer {
  readonly choices: readonly [
    { readonly message: { readonly content: string | null; readonly tool_calls?: ToolCall[] } },
  ];
}

export interface BareLoop {
  /** Base URL of an OpenAI-compatible model, ending in `/v1`, its name and its key. */
  readonly model: { readonly url: string; readonly name: string; readonly key: string };
  /** A connected MCP client. */
  readonly client: Client;
  /** Arguments hidden from the model and added to every call of a tool that has them. */
  readonly bind: JsonObject;
  readonly instructions: string;
  readonly text: string;
  readonly maxSteps: number;
}

export interface BareRun {
  readonly text: string;
  /** Calls by step: two in one entry were asked for at once. */
  readonly steps: readonly { readonly name: string; readonly arguments: JsonObject }[][];
}

/** Runs one message to its end: asks the model, does what it says, until it answers with text alone. */
export async function runBareLoop(loop: BareLoop): Promise<BareRun> {
  const { tools } = await loop.client.listTools();
  const offered = tools.map((tool) => ({
    type: "function",
    function: { name: tool.name, description: tool.description, parameters: without(tool.inputSchema, loop.bind) },
  }));
  const bound = new Map(tools.map((tool) => [tool.name, boundFor(tool.inputSchema, loop.bind)]));
  const messages: JsonObject[] = [
    { role: "system", content: loop.instructions },
    { role: "user", content: loop.text },
  ];
  const steps: { name: string; arguments: JsonObject }[][] = [];
  for (let step = 0; step < loop.maxSteps; step += 1) {
    const { content, tool_calls: calls = [] } = await askModel(loop, messages, offered);
    if (calls.length === 0) return { text: content ?? "", steps };
    messages.push({ role: "assistant", content, tool_calls: calls });
    steps.push(calls.map((call) => ({ name: call.function.name, arguments: JSON.parse(call.function.arguments) })));
    for (const call of calls) {
      const args = { ...JSON.parse(call.function.arguments), ...bound.get(call.function.name) };
      const result = await loop.client.callTool({ name: call.function.name, arguments: args });
      messages.push({ role: "tool", tool_call_id: call.id, content: JSON.stringify(result.content) });
    }
  }
  return { text: `stopped after ${loop.maxSteps} steps`, steps };
}

async function askModel(loop: BareLoop, messages: JsonObject[], tools: JsonObject[]) {
  const response = await fetch(`${loop.model.url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${loop.model.key}` },
    body: JSON.stringify({ model: loop.model.name, messages, tools }),
  });
  if (!response.ok) throw new Error(`model answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as Answer).choices[0].message;
}

function without(schema: JsonObject, bind: JsonObject): JsonObject {
  const { properties = {}, required = [] } = schema as { properties?: JsonObject; required?: string[] };
  const kept = Object.entries(properties).filter(([name]) => !Object.hasOwn(bind, name));
  const needed = required.filter((name) => !Object.hasOwn(bind, name));
  return { ...schema, properties: Object.fromEntries(kept), required: needed };
}

function boundFor(schema: JsonObject, bind: JsonObject): JsonObject {
  const { properties = {} } = schema as { properties?: JsonObject };
  return Object.fromEntries(Object.entries(bind).filter(([name]) => Object.hasOwn(properties, name)));
}
