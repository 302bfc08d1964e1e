// A model server that does what a test says: raw HTTP, so that it can answer what no model server would. The last message
// of the user chooses the answer, so that many ways to misbehave can run at once; the requests are kept, because what a
// model was told, and how often it was asked, is what a claim has to know.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ModelRequest {
  readonly messages: readonly { readonly role: string; readonly content?: unknown }[];
  readonly max_tokens?: number;
}

export type ModelAnswer = (response: ServerResponse, request: ModelRequest) => void;

export interface WishedCall {
  readonly name: string;
  /** JSON text, or anything else. */
  readonly arguments: string;
}

export class HostileModel {
  /** Base URL for an OpenAI-compatible client. */
  readonly url: string;
  readonly #server: ReturnType<typeof createServer>;
  readonly #answers = new Map<string, ModelAnswer>();
  readonly #requests: ModelRequest[] = [];

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  }

  static async start(): Promise<HostileModel> {
    const server = createServer((request, response) => void hostile.#serve(request, response));
    server.keepAliveTimeout = 65_000;
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const hostile = new HostileModel(server);
    return hostile;
  }

  /** How a turn is answered whose message is `text`. */
  when(text: string, answer: ModelAnswer): void {
    this.#answers.set(text, answer);
  }

  /** The requests of turns whose message is `text`. */
  requestsOf(text: string): ModelRequest[] {
    return this.#requests.filter((request) => askedIn(request) === text);
  }

  async end(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    const asked = await readRequest(request);
    this.#requests.push(asked);
    const answer = this.#answers.get(askedIn(asked)) ?? sayWords("Hello.");
    answer(response, asked);
  }
}

/** An answer of text. */
export function sayWords(text: string): ModelAnswer {
  return (response) => sayJson(response, wholeAnswer({ role: "assistant", content: text }));
}

/** Asks for these calls on the first step of a turn, and then repeats what it was told became of them. */
export function wishOnce(calls: readonly WishedCall[]): ModelAnswer {
  return (response, request) => {
    const results = request.messages.slice(request.messages.findLastIndex(({ role }) => role === "user") + 1);
    const told = results.filter(({ role }) => role === "tool").map(({ content }) => String(content));
    if (told.length > 0) return sayWords(told.join("\n").slice(0, 2000))(response, request);
    sayJson(response, wholeAnswer({ role: "assistant", content: null, tool_calls: calls.map(asWireCall) }));
  };
}

/** The body around one message, as the protocol has it. */
export function wholeAnswer(message: object, more: object = {}): object {
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const choices = [{ index: 0, message, finish_reason: "stop" }];
  return { id: "x", object: "chat.completion", created: 0, model: "hostile", choices, usage, ...more };
}

export function sayJson(
  response: ServerResponse,
  body: object,
  status = 200,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  response.writeHead(status, { "content-type": "application/json", "content-length": length, ...headers }).end(text);
}

function asWireCall(call: WishedCall, index: number): object {
  return { id: `wish_${index}`, type: "function", function: call };
}

function askedIn({ messages }: ModelRequest): string {
  return String(messages.findLast(({ role }) => role === "user")?.content);
}

async function readRequest(request: IncomingMessage): Promise<ModelRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as ModelRequest;
}
