// Room 8 of the walk: an admitted call runs once. Every way it can end is one of three: it ran and here is the answer,
// it did not run and here is why, or nobody knows. The last is said and never tried again. A fresh answer and one that the
// broker kept over a kill are read by the same code, so a kill cannot make one into the other.
import type { JsonObject, LabelledValue } from "../../boundary.ts";
import type { Contract } from "../../controls/manifest/schema.ts";
import { durationMs } from "../../controls/manifest/shapes.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { labelResult } from "../../controls/provenance/label.ts";
import { DoorError } from "../door.ts";
import { isTooManyValues } from "../json-size.ts";
import { recordServer } from "./catalog.ts";
import { ToolServerFault } from "./fault.ts";
import type { CallAnswer, ToolServer } from "./mcp.ts";
import { askOutcome } from "./outcome.ts";
import { readRecords } from "./records.ts";
import { parseKeptAnswer, reduceResult, type ToolResult } from "./result.ts";

/** After the contract's timeout the broker is asked for this long whether an answer came after all, milliseconds. */
const graceMs = 3000;
/** The broker forgets a key after seven days; from then on it could not tell a call that ran from one that did not. */
const memoryMs = 6 * 86_400_000;
/** Longer answers get no labels, and labels with longer paths are left out: a value without a label is untrusted. */
const maxLabelledChars = 262_144;
const maxPathChars = 500;

export interface AdmittedCall {
  readonly callId: string;
  readonly attempt: number;
  readonly server: string;
  readonly tool: string;
  readonly arguments: JsonObject;
  /** `turn/step`, where the labels say the values came from. */
  readonly place: string;
  /** When this attempt began, milliseconds since the epoch. */
  readonly started: number;
}

export type Outcome =
  | { readonly ended: "done" | "failed" | "unknown"; readonly text: string; readonly labels: LabelledValue[] }
  /** Provably did not run, and why: it may be tried again under the next attempt. */
  | { readonly ended: "not_forwarded"; readonly why: string };

export class ToolRunner {
  readonly #release: Release;
  readonly #server: (name: string) => ToolServer;

  constructor(release: Release, server: (name: string) => ToolServer) {
    this.#release = release;
    this.#server = server;
  }

  /** Runs a call for the first time under this attempt; its server was opened and compared before. */
  async run(call: AdmittedCall): Promise<Outcome> {
    if (call.server === recordServer) return this.#runRecord(call);
    const contract = this.#contractOf(call);
    if (!contract) return failed(`there is no tool ${call.tool} in this release`);
    const server = this.#server(call.server);
    try {
      const answer = await server.call(call.tool, call.arguments, keyOf(call), durationMs(contract.timeout));
      // MCP, Streamable HTTP, session management: 404 means that the session is over and nothing was looked at.
      const isForgotten = answer.status === 404 && server.hasSession && call.attempt === 1;
      if (answer.status >= 300) server.reset();
      return isForgotten ? { ended: "not_forwarded", why: "session_expired" } : this.#conclude(call, answer);
    } catch (thrown) {
      server.reset();
      return this.#afterFailure(call, thrown);
    }
  }

  /** Finds out what became of a call that was executing when something died. */
  async recover(call: AdmittedCall): Promise<Outcome> {
    if (call.server === recordServer) return this.#runRecord(call);
    const contract = this.#contractOf(call);
    return this.#ask(call, (contract ? durationMs(contract.timeout) : 0) + graceMs);
  }

  async #ask(call: AdmittedCall, waitMs: number): Promise<Outcome> {
    // Also of a call that began a moment ago: a clock that was set ahead in between made the broker forget it.
    if (Date.now() - call.started > memoryMs) return unknown(call);
    const outcome = await askOutcome(keyOf(call), waitMs);
    if (outcome.state === "not_forwarded") return { ended: "not_forwarded", why: "not_forwarded" };
    return outcome.state === "unknown" ? unknown(call) : this.#conclude(call, outcome);
  }

  async #runRecord(call: AdmittedCall): Promise<Outcome> {
    const record = this.#release.manifest.records[call.tool];
    if (!record) return failed(`there is no record view ${call.tool} in this release`);
    const params = Object.fromEntries(
      Object.entries(call.arguments).filter(([name]) => !Object.hasOwn(record.bind, name)),
    );
    try {
      const result = await readRecords(call.tool, params);
      return this.#done(call, result, result.text.length);
    } catch (thrown) {
      return failed(`the record view could not be read: ${said(thrown)}`);
    }
  }

  /** No answer came. The word of the broker, or its memory, says whether the call can have run. */
  async #afterFailure(call: AdmittedCall, thrown: unknown): Promise<Outcome> {
    if (thrown instanceof ToolServerFault) {
      return failed(`the call did not run: the tool server ${call.server} could not be used: ${thrown.message}`);
    }
    // A key that was used before says nothing about now: its outcome does.
    if (!(thrown instanceof DoorError) || thrown.reason === "call_already_forwarded") return this.#ask(call, graceMs);
    const { word } = thrown;
    if (word === "refused" || word === "unreachable" || word === "overloaded")
      return failed(`the call did not run: ${said(thrown)}`);
    if (word === "too_large")
      return failed("the tool ran, but its answer was too large to pass on; do not repeat the call");
    return this.#ask(call, graceMs);
  }

  #conclude(call: AdmittedCall, { status, contentType, body }: CallAnswer): Outcome {
    if (status >= 300)
      return failed(`the tool server answered ${status}${status < 400 ? ", a redirect, which is not followed" : ""}`);
    const kept = isTooManyValues(body) ? undefined : parseKeptAnswer(contentType, body);
    if (kept === undefined) return failed("the tool ran, but its answer could not be read; do not repeat the call");
    if ("error" in kept) return failed(`the tool server refused the call: ${kept.error}`);
    return this.#done(call, reduceResult(kept), body.length);
  }

  #done(call: AdmittedCall, result: ToolResult, chars: number): Outcome {
    const isRecord = call.server === recordServer;
    const returns = isRecord ? this.#release.manifest.records[call.tool]?.returns : this.#contractOf(call)?.returns;
    const source = `${call.place}/${call.callId}`;
    const isLong = chars > maxLabelledChars;
    const all = isLong ? [] : labelResult(result.value, returns ?? {}, isRecord ? "record" : "untrusted", source);
    const labels = all.filter(({ path }) => path.length <= maxPathChars);
    return { ended: result.isError ? "failed" : "done", text: result.text, labels };
  }

  #contractOf({ server, tool }: AdmittedCall): Contract | undefined {
    return this.#release.manifest.servers[server]?.tools[tool];
  }
}

function keyOf(call: AdmittedCall): string {
  return `${call.callId}.${call.attempt}`;
}

function failed(text: string): Outcome {
  return { ended: "failed", text: `[ambit] ${text}`, labels: [] };
}

function unknown(call: AdmittedCall): Outcome {
  const text = `[ambit] It is not known whether ${call.tool} ran: the connection broke in between. A person has to look. Do not repeat it.`;
  return { ended: "unknown", text, labels: [] };
}

function said(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message.slice(0, 300) : "unknown error";
}
