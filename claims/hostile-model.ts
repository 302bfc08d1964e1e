// A model server that does what a test says: raw HTTP, so that it can answer what no model server would. Each request is
// answered by one function, and the requests are kept, because what a model was sent and how often is what a claim asks.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ModelRequest {
  readonly messages: readonly { readonly role: string; readonly content?: unknown; readonly tool_calls?: readonly unknown[] }[];
  readonly tools?: readonly unknown[];
  readonly max_tokens?: number;
}

export type ModelAnswer = (response: ServerResponse, request: ModelRequest) => void;

export interface HostileModel {
  /** Base URL for an OpenAI-compatible client. */
  readonly url: string;
  /** Every request that came. */
  readonly requests: ModelRequest[];
  /** From now on. */
  behave(answer: ModelAnswer): void;
  end(): Promise<void>;
}

/** Starts it; it says `ok` until it is told otherwise. */
export async function startHostileModel(): Promise<HostileModel> {
  const requests: ModelRequest[] = [];
  let answer: ModelAnswer = sayWords("ok");
  const server = createServer(async (request, response) => {
    response.on("error", () => undefined);
    const asked = await readRequest(request);
    requests.push(asked);
    answer(response, asked);
  });
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    behave: (next) => (answer = next),
    async end() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

export interface WishedCall {
  readonly name: string;
  /** JSON text, or anything else. */
  readonly arguments: string;
}

/** An answer of text. */
export function sayWords(text: string): ModelAnswer {
  return (response) => sayJson(response, wholeAnswer({ role: "assistant", content: text }));
}

/** Asks for these calls on the first step of a turn and says `done` on the next. */
export function wishOnce(calls: readonly WishedCall[]): ModelAnswer {
  return (response, request) => {
    if (request.messages.at(-1)?.role === "tool") return sayWords("done")(response, request);
    sayJson(response, wholeAnswer({ role: "assistant", content: null, tool_calls: calls.map(asWireCall) }));
  };
}

function asWireCall(call: WishedCall, index: number) {
  return { id: `wish_${index}`, type: "function", function: call };
}

/** The body around one message, as the protocol has it. */
export function wholeAnswer(message: object, usage: object = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }) {
  const choices = [{ index: 0, message, finish_reason: "stop" }];
  return { id: "x", object: "chat.completion", created: 0, model: "hostile", choices, usage };
}

export function sayJson(response: ServerResponse, body: object, status = 200): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

async function readRequest(request: IncomingMessage): Promise<ModelRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as ModelRequest;
}
