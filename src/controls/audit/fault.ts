// Control `audit`: what is wrong with an export, and where. An attacker who could not hide a change would like it to be
// misread: so the first entry at fault is named, and a line that is missing is looked for further on before it is called
// missing.
import type { Standing, Writer } from "./chain.ts";
import type { ExportLine } from "./seal.ts";

export type FaultKind =
  | "changed"
  | "missing"
  | "reordered"
  | "inserted"
  | "cut"
  | "other_chain"
  | "bad_signature"
  | "unknown_key"
  | "seal_missing";

export interface Place {
  /** 1-based line of the file where it was found. */
  readonly line: number;
  readonly chain?: Writer;
  /** Entry of that chain. */
  readonly seq?: number;
}

export class Fault extends Error {
  override readonly name = "Fault";
  #kind: FaultKind;
  #place: Place;
  /** Last entry of each chain that was seen since. */
  #last: Map<Writer, number> | undefined;

  constructor(kind: FaultKind, place: Place, message: string) {
    super(message);
    this.#kind = kind;
    this.#place = place;
  }

  get kind(): FaultKind {
    return this.#kind;
  }

  get place(): Place {
    return this.#place;
  }

  /** Something was missing: is this later line what was missed, or does it say what that was? */
  lookAt(value: ExportLine, standings: ReadonlyMap<Writer, Standing>): void {
    if (this.#kind !== "missing") return;
    const { line, chain, seq } = this.#place;
    if (value.kind === "entry" && (value.line === line || (value.chain === chain && value.entry.seq === seq))) {
      this.#kind = "reordered";
      this.#place = { line, chain: value.chain, seq: value.entry.seq };
    } else if (value.line === line) this.#kind = "reordered";
    else if (chain === undefined) this.#nameGap(value, standings);
  }

  /** The line that is missing was the entry before the first gap in a chain. */
  #nameGap(value: ExportLine, standings: ReadonlyMap<Writer, Standing>): void {
    this.#last ??= new Map([...standings].map(([writer, { sequence }]) => [writer, sequence]));
    if (value.kind === "entry") {
      const next = (this.#last.get(value.chain) ?? 0) + 1;
      if (value.entry.seq > next) this.#nameAs(value.chain, next);
      this.#last.set(value.chain, value.entry.seq);
    } else if (value.kind === "seal") {
      const short = [...this.#last].find(([writer, sequence]) => value.chains[writer].sequence > sequence);
      if (short !== undefined) this.#nameAs(short[0], short[1] + 1);
    }
  }

  #nameAs(chain: Writer, seq: number): void {
    this.#place = { ...this.#place, chain, seq };
  }
}
