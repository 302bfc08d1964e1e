// Room 8 of the walk: an admitted call runs once. Every way it can end is one of three: it ran and here is the answer,
// it did not run and here is why, or nobody knows. The last is said and never tried again.
import type { JsonObject, LabelledValue } from "../../boundary.ts";
import { durationMs } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { labelResult } from "../../controls/provenance/label.ts";
import { DoorError } from "../door.ts";
import { recordServer } from "./catalog.ts";
import type { ToolServer } from "./mcp.ts";
import { askOutcome } from "./outcome.ts";
import { readRecords } from "./records.ts";
import { parseKeptAnswer, reduceResult, type ToolResult } from "./result.ts";

export interface AdmittedCall {
  readonly callId: string;
  readonly attempt: number;
  readonly server: string;
  readonly tool: string;
  readonly arguments: JsonObject;
  /** `turn/step`, where the labels say the values came from. */
  readonly place: string;
}

export type Outcome =
  | { readonly ended: "done" | "failed"; readonly text: string; readonly labels: LabelledValue[] }
  | { readonly ended: "unknown"; readonly text: string; readonly labels: LabelledValue[] }
  /** Provably not forwarded: it may be tried again under the next attempt. */
  | { readonly ended: "not_forwarded" };

export class ToolRunner {
  readonly #release: Release;
  readonly #server: (name: string) => ToolServer;

  constructor(release: Release, server: (name: string) => ToolServer) {
    this.#release = release;
    this.#server = server;
  }

  /** Runs a call for the first time under this attempt. */
  async run(call: AdmittedCall): Promise<Outcome> {
    if (call.server === recordServer) return this.#runRecord(call);
    const contract = this.#release.manifest.servers[call.server]?.tools[call.tool];
    if (!contract) return failed(`there is no tool ${call.tool} in this release`);
    try {
      const timeout = durationMs(contract.timeout);
      return this.#done(call, await this.#server(call.server).call(call.tool, call.arguments, keyOf(call), timeout));
    } catch (thrown) {
      return this.#afterFailure(call, thrown);
    }
  }

  /** Finds out what became of a call that was executing when something died. */
  async recover(call: AdmittedCall): Promise<Outcome> {
    if (call.server === recordServer) return this.#runRecord(call);
    const outcome = await askOutcome(keyOf(call));
    if (outcome.state === "not_forwarded") return { ended: "not_forwarded" };
    if (outcome.state === "unknown") return unknown(call);
    if (outcome.status === 404 || outcome.status === 400) this.#server(call.server).reset();
    if (outcome.status >= 400) return failed(`the tool server answered ${outcome.status}`);
    const kept = parseKeptAnswer(outcome.contentType, outcome.body);
    if (kept === undefined) return failed("the tool ran, but its answer could not be read; do not repeat the call");
    if ("error" in kept) return failed(`the tool server refused the call: ${kept.error}`);
    return this.#done(call, reduceResult(kept));
  }

  async #runRecord(call: AdmittedCall): Promise<Outcome> {
    const record = this.#release.manifest.records[call.tool];
    if (!record) return failed(`there is no record view ${call.tool} in this release`);
    const params = Object.fromEntries(Object.entries(call.arguments).filter(([name]) => !Object.hasOwn(record.bind, name)));
    try {
      return this.#done(call, await readRecords(call.tool, params));
    } catch (thrown) {
      return failed(`the record view could not be read: ${said(thrown)}`);
    }
  }

  /** No answer came. The word of the broker, or its memory, says whether the call can have run. */
  async #afterFailure(call: AdmittedCall, thrown: unknown): Promise<Outcome> {
    const word = thrown instanceof DoorError ? thrown.word : causeWord(thrown);
    this.#server(call.server).reset();
    if (word === "refused" || word === "unreachable" || word === "overloaded") return failed(`the call did not run: ${said(thrown)}`);
    if (word === "too_large") return failed("the tool ran, but its answer was too large to pass on; do not repeat the call");
    return this.recover(call);
  }

  #done(call: AdmittedCall, result: ToolResult): Outcome {
    const isRecord = call.server === recordServer;
    const returns = isRecord
      ? this.#release.manifest.records[call.tool]?.returns
      : this.#release.manifest.servers[call.server]?.tools[call.tool]?.returns;
    const source = `${call.place}/${call.callId}`;
    const labels = labelResult(result.value, returns ?? {}, isRecord ? "record" : "untrusted", source);
    return { ended: result.isError ? "failed" : "done", text: result.text, labels };
  }
}

function keyOf(call: AdmittedCall): string {
  return `${call.callId}.${call.attempt}`;
}

function causeWord(thrown: unknown): string | undefined {
  const cause = (thrown as { cause?: unknown } | null)?.cause;
  return cause instanceof DoorError ? cause.word : undefined;
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
