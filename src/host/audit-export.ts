// Control `audit`: the four chains of a deployment as one stream of lines, sealed by the broker. It is read page by page from
// their writers and never held as a whole. What the writers say is passed on as it is: to find fault is the verifier's
// business, and an exporter that repaired something would hide it. A writer that hands out nothing, such as a gate that was
// taken over, must not keep the others' chains from being taken out: its own ends there, and the broker's seal tells that.
import { createHash } from "node:crypto";
import { canonicalJson } from "../controls/manifest/hash.ts";
import { chainId, genesis, writers, type Standing, type Writer } from "../controls/audit/chain.ts";
import type { ExportLine } from "../controls/audit/seal.ts";
import {
  chainPage,
  sealAnswer,
  witnessKey,
  type ChainPage,
  type Seal,
  type Standings,
} from "../controls/wire/audit.ts";

/** A chain cannot be read as it should be; the message is for the operator. */
export class ExportFault extends Error {
  override readonly name = "ExportFault";
}

/** Asks the supervisor; throws when it does not answer with what was asked for. */
export type AskHost = (method: string, path: string, body?: unknown) => Promise<unknown>;

/** Where an export begins: an entry of the gate's chain, or a time (ISO 8601, UTC). */
export type Since = { readonly entry: number } | { readonly time: string };

/** How often lines are added because the broker signed more meanwhile. */
const maxSeals = 5;

interface Step {
  readonly entry: ChainPage["entries"][number]["entry"];
  readonly head: string;
  readonly signatures: ChainPage["signatures"];
}

/** The broker's public key, as the supervisor says; asking also has signed what is new. */
export async function readKey(ask: AskHost, name: string): Promise<string> {
  return witnessKey.parse(await ask("GET", `/v1/deployments/${name}/audit`)).key;
}

/**
 * The lines of an export, without line ends.
 * @param onLost told once of each chain that could not be read to its end, and why; what it throws ends the export
 */
export async function* exportLines(
  ask: AskHost,
  name: string,
  key: string,
  since: Since | undefined,
  exported: string,
  onLost: (writer: Writer, why: string) => void,
): AsyncGenerator<string> {
  const readers = writers.map((writer) => new ChainReader(ask, name, writer, onLost));
  if (since !== undefined) await skipTo(readers, since);
  const hash = createHash("sha256");
  let count = 0;
  const text = (line: object): string => {
    const written = canonicalJson({ ...line, line: ++count });
    hash.update(`${written}\n`);
    return written;
  };
  yield text({ v: 1, kind: "header", deployment: name, exported, key, chains: standingsOf(readers) });
  for (let seals = 1; ; seals++) {
    for await (const line of mergeEntries(readers)) yield text(line);
    const request = { exported, hash: hash.copy().digest("hex"), line: count + 1, chains: standingsOf(readers) };
    const seal = sealAnswer.parse(await ask("POST", `/v1/deployments/${name}/audit/seal`, request));
    if (seals === maxSeals || !(await hasMore(readers, seal))) return yield canonicalJson(seal);
  }
}

/** The broker signed entries meanwhile that are not here yet, and the chain does have them. */
async function hasMore(readers: readonly ChainReader[], { witness }: Seal): Promise<boolean> {
  const behind = readers.filter(({ writer, standing }) => witness[writer].sequence > standing.sequence);
  const found = await Promise.all(behind.map((reader) => reader.peek()));
  return found.some((step) => step !== undefined);
}

/** By time; within a chain by number, whatever its times say. */
async function* mergeEntries(readers: readonly ChainReader[]): AsyncGenerator<DistributiveOmit<ExportLine, "line">> {
  for (;;) {
    let next: { reader: ChainReader; at: string } | undefined;
    for (const reader of readers) {
      const at = (await reader.peek())?.entry.at;
      if (at !== undefined && (next === undefined || at < next.at)) next = { reader, at };
    }
    if (next === undefined) return;
    const { writer } = next.reader;
    const { entry, head, signatures } = await next.reader.take();
    yield { kind: "entry", chain: writer, entry, head };
    for (const signature of signatures) yield { kind: "checkpoint", chain: writer, ...signature };
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

async function skipTo(readers: readonly ChainReader[], since: Since): Promise<void> {
  const gate = readers.find(({ writer }) => writer === "gate");
  let time = "time" in since ? since.time : undefined;
  if ("entry" in since) {
    await gate?.skip(({ seq }) => seq < since.entry);
    time = (await gate?.peek())?.entry.at;
    if (time === undefined) throw new ExportFault(`the gate's chain ends before entry ${since.entry}`);
  }
  for (const reader of readers) {
    if (reader !== gate || "time" in since) await reader.skip(({ at }) => at < (time ?? ""));
  }
}

function standingsOf(readers: readonly ChainReader[]): Standings {
  return Object.fromEntries(readers.map(({ writer, standing }) => [writer, standing])) as Standings;
}

/** One chain, a page at a time. */
class ChainReader {
  readonly writer: Writer;
  readonly #read: (after: number) => Promise<ChainPage>;
  readonly #onLost: (writer: Writer, why: string) => void;
  #page: Step[] = [];
  #isLost = false;
  #standing: Standing;

  constructor(ask: AskHost, name: string, writer: Writer, onLost: (writer: Writer, why: string) => void) {
    this.writer = writer;
    this.#onLost = onLost;
    const path = `/v1/deployments/${name}/${writer === "gate" ? "gate/control/audit" : `audit/${writer}`}`;
    this.#read = async (after) => parsePage(writer, await ask("GET", `${path}?after=${after}`));
    this.#standing = genesis(chainId(name, writer));
  }

  /** Where the chain stands after what was taken. */
  get standing(): Standing {
    return this.#standing;
  }

  /** The next entry, or undefined when there is none now. */
  async peek(): Promise<Step | undefined> {
    if (this.#page.length === 0 && !this.#isLost) {
      const { entries, signatures } = await this.#tryRead();
      const at = (seq: number) => signatures.filter(({ sequence }) => sequence === seq);
      this.#page = entries.map(({ entry, head }) => ({ entry, head, signatures: at(entry.seq) }));
    }
    return this.#page[0];
  }

  async #tryRead(): Promise<ChainPage> {
    try {
      const page = await this.#read(this.#standing.sequence);
      const last = page.entries.at(-1)?.entry.seq;
      if (last === undefined || last > this.#standing.sequence) return page;
      throw new ExportFault(`the ${this.writer}'s chain gives entry ${last} again and again`);
    } catch (error) {
      this.#isLost = true;
      this.#onLost(this.writer, error instanceof Error ? error.message : String(error));
      return { entries: [], signatures: [] };
    }
  }

  async take(): Promise<Step> {
    const step = await this.peek();
    if (step === undefined) throw new Error(`the ${this.writer}'s chain has no entry to take`);
    this.#page.shift();
    this.#standing = { sequence: step.entry.seq, head: step.head };
    return step;
  }

  async skip(isBefore: (entry: Step["entry"]) => boolean): Promise<void> {
    for (let step = await this.peek(); step !== undefined && isBefore(step.entry); step = await this.peek())
      await this.take();
  }
}

function parsePage(writer: Writer, answer: unknown): ChainPage {
  const parsed = chainPage.safeParse(answer);
  if (parsed.success) return answer as ChainPage;
  const where = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new ExportFault(`the ${writer}'s chain cannot be read: ${where} is not as it must be`);
}
