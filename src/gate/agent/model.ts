// The built-in agent's model client: one model step at a time, tools without any way to run them. What comes back is
// text and wishes; nothing here acts on a wish. The provider libraries speak the protocol; the key is the broker's.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { JsonObject } from "../../boundary.ts";
import { printable } from "../../controls/manifest/printable.ts";
import type { Manifest } from "../../controls/manifest/schema.ts";
import { doorHosts, maxModelAnswerBytes } from "../../controls/wire/door.ts";
import { DoorError, fetchThroughDoor } from "../door.ts";
import { isTooManyValues } from "../json-size.ts";
import type { Prompt } from "./prompt.ts";

export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonObject;
}

export interface ModelAnswer {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  /** Tokens read and written that this step is charged for. */
  readonly input: number;
  readonly output: number;
}

/** The model did not answer; `retry` says whether asking again can help, `waitMs` what the provider asked for. */
export class ModelError extends Error {
  readonly retry: boolean;
  readonly waitMs: number;
  /** True when the provider provably did nothing for it. */
  readonly isUnused: boolean;
  constructor(message: string, retry: boolean, waitMs = 0, isUnused = false) {
    super(message);
    this.name = "ModelError";
    this.retry = retry;
    this.waitMs = waitMs;
    this.isUnused = isUnused;
  }
}

/** Answers longer than this are not worth journalling, characters. */
const maxTextChars = 200_000;
const maxCallsPerStep = 16;
const maxArgumentChars = 100_000;
export const answerTokens = 8192;
/** A provider that reports no usage, or a false one, is charged at least one token for this many characters. */
const charsPerToken = 8;

/** Asks the model once. `signal` ends the attempt; `budget` is what the turn may still use, in tokens. */
export async function askModel(
  model: Manifest["agent"]["model"],
  prompt: Prompt,
  tools: readonly OfferedTool[],
  budget: number,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  try {
    const result = await client(model).doGenerate({
      prompt,
      tools: tools.map(({ name, description, schema }) => ({
        type: "function",
        name,
        description,
        inputSchema: schema,
      })),
      maxOutputTokens: Math.max(1, Math.min(answerTokens, budget)),
      abortSignal: signal,
    });
    const text = result.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("");
    const calls = result.content.flatMap((part) =>
      part.type === "tool-call" && part.providerExecuted !== true
        ? [{ name: part.toolName.slice(0, 128), arguments: part.input }]
        : [],
    );
    if (calls.length > maxCallsPerStep) {
      throw new ModelError(
        `the model asked for ${calls.length} calls at once; at most ${maxCallsPerStep} are looked at`,
        false,
      );
    }
    const kept = calls.map((call) =>
      call.arguments.length > maxArgumentChars ? { ...call, arguments: "too long" } : call,
    );
    const answered = text.length + calls.reduce((sum, call) => sum + call.arguments.length, 0);
    const input = chargedTokens(result.usage.inputTokens.total, leastTokens(prompt));
    const output = chargedTokens(result.usage.outputTokens.total, Math.ceil(answered / charsPerToken));
    return { text: text.slice(0, maxTextChars), calls: kept, input, output };
  } catch (thrown) {
    throw asModelError(thrown, signal);
  }
}

let made: { readonly from: Manifest["agent"]["model"]; readonly client: ReturnType<typeof makeClient> } | undefined;

/** A release has one model; making its client anew for every step would cost more than the step. */
function client(model: Manifest["agent"]["model"]) {
  if (made?.from !== model) made = { from: model, client: makeClient(model) };
  return made.client;
}

function makeClient(model: Manifest["agent"]["model"]) {
  const baseURL = `http://${doorHosts.model}`;
  if (model.provider === "anthropic") {
    return createAnthropic({ baseURL, apiKey: "added-by-the-broker", fetch: fetchModel }).languageModel(model.name);
  }
  return createOpenAICompatible({ name: "model", baseURL, fetch: fetchModel }).chatModel(model.name);
}

/** The whole answer, read here: the broker has no other way to end one that is too large than to break it off. */
async function fetchModel(url: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetchThroughDoor(String(url), init ?? {});
  const body = await response.text().catch((thrown: unknown) => {
    if (init?.signal?.aborted) throw thrown;
    throw new ModelError(`the model's answer broke off, or is over ${maxModelAnswerBytes} bytes`, true);
  });
  if (isTooManyValues(body)) throw new ModelError("the model's answer holds too many values to be read", false);
  return new Response(body === "" ? null : body, { status: response.status, headers: response.headers });
}

/** What a prompt costs at least, in tokens. */
export function leastTokens(prompt: Prompt): number {
  return Math.ceil(JSON.stringify(prompt).length / charsPerToken);
}

function chargedTokens(reported: number | undefined, least: number): number {
  return reported !== undefined && reported > least ? Math.min(Math.ceil(reported), 1_000_000_000) : least;
}

function asModelError(thrown: unknown, signal: AbortSignal): ModelError {
  const known = findCause(thrown);
  if (known instanceof ModelError) return known;
  if (known) {
    const isUnused = known.word === "refused" || known.word === "unreachable" || known.word === "overloaded";
    // A thaw opens the Ledger a moment before the broker; whether it is frozen for good, the Ledger says before each attempt.
    const isPassing = known.reason === "frozen" || (known.word !== "refused" && known.word !== "too_large");
    return new ModelError(known.message, isPassing, 0, isUnused);
  }
  if (signal.aborted) return new ModelError("the model did not answer in time", true);
  const api = thrown as { statusCode?: number; responseHeaders?: Record<string, string>; message?: string };
  const said = api.message ? `: ${printable(api.message, 200)}` : "";
  if (api.statusCode === undefined || api.statusCode === 200)
    return new ModelError(`the model's answer was not understood${said}`, true);
  if (api.statusCode < 400)
    return new ModelError(`the model's server answered ${api.statusCode}, a redirect, which is not followed`, false);
  const waitMs = Math.min(30_000, Math.max(0, Number(api.responseHeaders?.["retry-after"] ?? 0) * 1000 || 0));
  const retry = api.statusCode === 429 || api.statusCode >= 500;
  // A provider that waited for its own model (408, 499) may have charged for it.
  const isUnused = api.statusCode < 500 && api.statusCode !== 408 && api.statusCode !== 499;
  return new ModelError(`the model's server answered ${api.statusCode}${said}`, retry, waitMs, isUnused);
}

/** The provider libraries wrap what was thrown below them. */
function findCause(thrown: unknown): ModelError | DoorError | undefined {
  for (let at = thrown, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof ModelError || at instanceof DoorError) return at;
  }
  return undefined;
}
