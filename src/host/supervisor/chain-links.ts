// Control `audit`: the supervisor's way to the chains of admin, broker and front, and to the broker as their witness. Front
// and broker are asked over sockets that nobody else can open; what the front says is bounded and parsed all the same,
// because strangers talk to it.
import type { z } from "zod";
import { entryDigest, type ChainEntry } from "../../controls/audit/entry.ts";
import type { HeadAnswer, HeadRequest, SignedStep } from "../../controls/audit/sign-onward.ts";
import {
  brokerChains,
  chainLengths,
  chainPage,
  sealAnswer,
  type ChainPage,
  type Seal,
  type SealRequest,
  type Signature,
} from "../../controls/wire/audit.ts";
import { signAnswer, signConflict } from "../../controls/wire/door.ts";
import { frontMeasures, type FrontMeasures } from "../../controls/wire/measures.ts";
import type { AdminChain, Carried } from "./admin-chain.ts";
import type { Places } from "./places.ts";
import { ask, type Answer } from "./probe.ts";
import { describeAnswer } from "./problem.ts";

const timeoutMs = 5000;
const maxBytes = 16_777_216;

export class ChainLinks {
  readonly #audit: AdminChain;
  readonly #sockets: { readonly broker: string; readonly front: string };

  constructor(places: Places, audit: AdminChain) {
    this.#audit = audit;
    this.#sockets = { broker: places.broker.control, front: places.front.health };
  }

  /** A page of a chain with the signatures that were given for it. */
  async page(name: string, writer: Carried, after: number): Promise<ChainPage> {
    const { entries } =
      writer === "admin"
        ? chainPage.parse(this.#audit.page(name, after))
        : await this.#get(writer, `/chains/${name}?after=${after}`, chainPage);
    const last = entries.at(-1)?.entry.seq ?? after;
    return { entries, signatures: this.#audit.signatures(name, writer, after, last) };
  }

  /** The digests of a page, computed from its entries. */
  async digests(name: string, writer: Carried, after: number): Promise<SignedStep[]> {
    const { entries } = await this.page(name, writer, after);
    return entries.map(({ entry, head }) => ({
      digest: entryDigest(entry as ChainEntry),
      standing: { sequence: entry.seq, head },
    }));
  }

  /** How many entries each chain of a writer has, by deployment. */
  async lengths(writer: "admin" | "front"): Promise<Record<string, number>> {
    if (writer === "admin") return this.#audit.lengths();
    return (await this.#get("front", "/chains", chainLengths)).lengths;
  }

  /** What the front counted; null when it does not answer now. */
  measures(): Promise<FrontMeasures | null> {
    return this.#get("front", "/measures", frontMeasures).catch(() => null);
  }

  /** The same of the broker's, with its public key and what it signs no further. */
  broker(): Promise<z.infer<typeof brokerChains>> {
    return this.#get("broker", "/chains", brokerChains);
  }

  /** The broker's public key. */
  async key(): Promise<string> {
    return (await this.broker()).key;
  }

  /** Asks for a signature over a chain that is not the broker's own. */
  async sign(name: string, writer: "admin" | "front", request: HeadRequest): Promise<HeadAnswer> {
    const answer = await this.#ask("broker", "POST", `/chains/${name}/sign/${writer}`, request);
    if (answer.status === 200) return { signed: signAnswer.parse(JSON.parse(answer.body)) };
    if (answer.status !== 409) throw new Error(describeAnswer(answer));
    const { sequence, head } = signConflict.parse(JSON.parse(answer.body));
    return { stands: { sequence, head } };
  }

  /** Has the broker sign its own chain. Undefined when the broker finds that it does not follow from what it signed. */
  async signOwn(name: string): Promise<Signature | undefined> {
    const answer = await this.#ask("broker", "POST", `/chains/${name}/sign/broker`, {});
    if (answer.status === 409) return undefined;
    if (answer.status !== 200) throw new Error(describeAnswer(answer));
    return signAnswer.parse(JSON.parse(answer.body));
  }

  async seal(name: string, request: SealRequest): Promise<Seal> {
    const answer = await this.#ask("broker", "POST", `/chains/${name}/seal`, request);
    if (answer.status !== 200) throw new Error(describeAnswer(answer));
    return sealAnswer.parse(JSON.parse(answer.body));
  }

  async #get<T>(writer: "broker" | "front", path: string, schema: z.ZodType<T>): Promise<T> {
    const answer = await this.#ask(writer, "GET", path);
    if (answer.status !== 200) throw new Error(`the ${writer} answered ${describeAnswer(answer)}`);
    return schema.parse(JSON.parse(answer.body));
  }

  #ask(writer: "broker" | "front", method: string, path: string, value?: object): Promise<Answer> {
    const body = value === undefined ? undefined : JSON.stringify(value);
    const headers: Record<string, string> =
      body === undefined
        ? { host: writer }
        : { host: writer, "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
    const what = { method, path, headers, timeoutMs, maxBytes, ...(body === undefined ? {} : { body }) };
    return ask({ socketPath: this.#sockets[writer] }, what);
  }
}
