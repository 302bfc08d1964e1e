// Control `audit`: is this export whole, and is it what was signed? Whoever made or kept the file is the attacker: he flips a
// byte, leaves lines out, moves, adds or cuts some, takes another deployment's chain, or signs with a key of his own. What
// must stay true: a file is good only when every byte of it is covered by the broker's seal, every entry follows from the
// one before, and every chain passes through the head that the broker signed last. The first thing wrong is named.
// docs/audit.md says these steps in words; docs/verify-audit.mjs takes them with none of this code.
import { createHash } from "node:crypto";
import type { Seal } from "../wire/audit.ts";
import { chainId, genesis, headText, writers, type Standing, type Writer } from "./chain.ts";
import { ChainWalk } from "./chain-walk.ts";
import { readLine } from "./export-line.ts";
import { Fault, type FaultKind, type Place } from "./fault.ts";
import { sealText, type Checkpoint, type ExportLine, type Header } from "./seal.ts";

export interface VerifyOptions {
  /** The broker's public key, known from elsewhere; without it the file's own is taken and said to be so. */
  readonly key?: string | undefined;
  /** The deployment that it must be of. */
  readonly deployment?: string | undefined;
  /** Ed25519: key and signature in base64. False for whatever is not a good signature. */
  readonly isSigned: (key: string, text: string, signature: string) => boolean;
}

export interface ChainReport {
  /** Entries of this export. */
  readonly from: number;
  readonly to: number;
  /** The last entry whose head the broker has signed; what is after it could be cut unseen. */
  readonly signed: number;
}

export interface Report {
  readonly deployment: string;
  readonly exported: string;
  readonly key: string;
  readonly chains: Readonly<Record<Writer, ChainReport>>;
}

export type Verdict = { readonly ok: true; readonly report: Report } | { readonly ok: false; readonly fault: Fault };

/** Takes an export line by line; holds no more of it than the heads since each chain's last signature. */
export class ExportVerifier {
  readonly #options: VerifyOptions;
  readonly #hash = createHash("sha256");
  readonly #chains = new Map<Writer, ChainWalk>();
  #line = 0;
  #header: Header | undefined;
  #seal: Seal | undefined;
  #fault: Fault | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  /** One line, without its line end. */
  push(bytes: Uint8Array): void {
    this.#line += 1;
    try {
      const value = readLine(bytes, this.#line);
      if (this.#fault === undefined) this.#try(value);
      this.#fault?.lookAt(value, this.#standings());
    } catch (thrown) {
      this.#keep(thrown);
    }
    if (this.#fault === undefined && this.#seal === undefined) this.#hash.update(bytes).update("\n");
  }

  #try(value: ExportLine): void {
    try {
      this.#take(value);
    } catch (thrown) {
      this.#keep(thrown);
    }
  }

  #keep(thrown: unknown): void {
    if (!(thrown instanceof Fault)) throw thrown;
    this.#fault ??= thrown;
  }

  /** @param rest bytes after the last line end */
  end(rest: Uint8Array): Verdict {
    const fault = this.#fault ?? this.#faultAtEnd(rest);
    if (fault !== undefined || this.#header === undefined || this.#seal === undefined)
      return { ok: false, fault: fault ?? new Fault("seal_missing", { line: 1 }, "there is no line at all") };
    const { deployment, exported, key, chains: start } = this.#header;
    const { chains: end, witness } = this.#seal;
    const report = (writer: Writer): [Writer, ChainReport] => {
      const [from, to] = [start[writer].sequence + 1, end[writer].sequence];
      return [writer, { from, to, signed: Math.min(to, witness[writer].sequence) }];
    };
    const chains = Object.fromEntries(writers.map(report)) as Record<Writer, ChainReport>;
    return { ok: true, report: { deployment, exported, key, chains } };
  }

  #faultAtEnd(rest: Uint8Array): Fault | undefined {
    const at = { line: this.#line + 1 };
    if (rest.length > 0) return new Fault("cut", at, "the file ends in the middle of this line");
    if (this.#seal === undefined)
      return new Fault("seal_missing", at, "the file ends without its seal: its end was cut, or the export broke off");
    return undefined;
  }

  #take(value: ExportLine): void {
    if (this.#seal !== undefined) throw this.#wrong("inserted", "it stands after the seal");
    if (value.line !== this.#line) {
      const isLater = value.line > this.#line;
      const message = isLater
        ? `line ${value.line} stands where it should be`
        : `it says that it is line ${value.line}`;
      throw isLater
        ? new Fault("missing", { line: this.#line }, message)
        : this.#wrong("inserted", message, placeOf(value));
    }
    if ((value.kind === "header") !== (this.#line === 1))
      throw this.#wrong(
        value.kind === "header" ? "inserted" : "missing",
        "the header is the first line, and only that",
      );
    if (value.kind === "header") this.#takeHeader(value);
    else if (value.kind === "entry") this.#walk(value.chain).entry(value, this.#line);
    else if (value.kind === "checkpoint") this.#takeCheckpoint(value);
    else this.#takeSeal(value);
  }

  #takeHeader(header: Header): void {
    const { key, deployment } = this.#options;
    if (key !== undefined && header.key !== key)
      throw this.#wrong("unknown_key", `it was sealed with the key ${header.key}, not with ${key}`);
    if (deployment !== undefined && header.deployment !== deployment)
      throw this.#wrong("other_chain", `it is an export of ${header.deployment}, not of ${deployment}`);
    for (const writer of writers) {
      const start = header.chains[writer];
      const first = genesis(chainId(header.deployment, writer));
      if (start.sequence === 0 && start.head !== first.head)
        throw this.#wrong("other_chain", `it does not begin as ${header.deployment}/${writer} does`, { chain: writer });
      this.#chains.set(writer, new ChainWalk(writer, start));
    }
    this.#header = header;
  }

  #takeCheckpoint(checkpoint: Checkpoint): void {
    const { chain, sequence, key, signature } = checkpoint;
    const place = { chain, seq: sequence };
    const walk = this.#walk(chain);
    if (walk.standing.sequence !== sequence || walk.standing.head !== checkpoint.head)
      throw this.#wrong("changed", "this signature is not over the entry before it", place);
    this.#requireKey(key, place);
    const text = headText(chainId(this.#header?.deployment ?? "", chain), walk.standing);
    if (!this.#options.isSigned(key, text, signature))
      throw this.#wrong("bad_signature", "the broker's signature over this head is not good", place);
    walk.checkpoint();
  }

  #takeSeal(seal: Seal): void {
    const { signature, ...signed } = seal;
    this.#requireKey(seal.key, {});
    for (const walk of this.#chains.values()) walk.seal(seal, this.#line);
    if (!this.#options.isSigned(seal.key, sealText(signed), signature))
      throw this.#wrong("bad_signature", "the broker's signature of the seal is not good");
    if (seal.deployment !== this.#header?.deployment || seal.exported !== this.#header.exported)
      throw new Fault("other_chain", { line: 1 }, `it was sealed as ${seal.deployment}, exported ${seal.exported}`);
    if (seal.hash !== this.#hash.digest("hex"))
      throw this.#wrong("changed", "a line before the seal is not the one that was sealed");
    this.#seal = seal;
  }

  #requireKey(key: string, place: Omit<Place, "line">): void {
    if (key !== this.#header?.key) throw this.#wrong("unknown_key", `signed with another key, ${key}`, place);
  }

  #walk(writer: Writer): ChainWalk {
    const walk = this.#chains.get(writer);
    if (walk === undefined) throw this.#wrong("missing", "the header is not there");
    return walk;
  }

  #standings(): ReadonlyMap<Writer, Standing> {
    return new Map([...this.#chains].map(([writer, { standing }]) => [writer, standing]));
  }

  #wrong(kind: FaultKind, message: string, place: Omit<Place, "line"> = {}): Fault {
    return new Fault(kind, { line: this.#line, ...place }, message);
  }
}

function placeOf(value: ExportLine): Omit<Place, "line"> {
  if (value.kind === "entry") return { chain: value.chain, seq: value.entry.seq };
  return value.kind === "checkpoint" ? { chain: value.chain, seq: value.sequence } : {};
}
