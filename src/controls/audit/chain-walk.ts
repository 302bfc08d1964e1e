// Control `audit`: one chain of an export, entry by entry. An attacker wants an entry that does not follow from the one
// before, or an end that is not the one the broker knows; both are found here, with the number of the entry.
import type { Seal } from "../wire/audit.ts";
import { nextHead, type Standing, type Writer } from "./chain.ts";
import { entryDigest, type ChainEntry } from "./entry.ts";
import { Fault, type FaultKind } from "./fault.ts";
import type { EntryLine } from "./seal.ts";

export class ChainWalk {
  readonly #writer: Writer;
  /** Number of the entry before the first one here. */
  readonly #from: number;
  /** Heads since the last signature, to find the one that the broker remembers. */
  readonly #heads = new Map<number, string>();
  #hasSignature = false;
  #standing: Standing;

  constructor(writer: Writer, start: Standing) {
    this.#writer = writer;
    this.#from = start.sequence;
    this.#standing = start;
    this.#heads.set(start.sequence, start.head);
  }

  get standing(): Standing {
    return this.#standing;
  }

  entry({ entry, head }: EntryLine, line: number): void {
    const { seq } = entry;
    const next = this.#standing.sequence + 1;
    const wrong = (kind: FaultKind, message: string, at = seq): Fault =>
      new Fault(kind, { line, chain: this.#writer, seq: at }, message);
    if (seq > next) throw wrong("missing", `entry ${seq} follows entry ${next - 1}`, next);
    if (seq < next) throw wrong("inserted", `entry ${seq} stands after entry ${next - 1}`);
    if (nextHead(this.#standing.head, entryDigest(entry as ChainEntry)) !== head)
      throw wrong("changed", "its head does not follow from it and the entry before: changed, or of another chain");
    this.#standing = { sequence: seq, head };
    this.#heads.set(seq, head);
  }

  /** The head where it stands was signed: what is before it need not be remembered. */
  checkpoint(): void {
    this.#hasSignature = true;
    this.#heads.clear();
    this.#heads.set(this.#standing.sequence, this.#standing.head);
  }

  /** Its end is the sealed one, and it passes through the head that the broker signed last. */
  seal({ chains, witness }: Pick<Seal, "chains" | "witness">, line: number): void {
    const [end, signed] = [chains[this.#writer], witness[this.#writer]];
    const { sequence } = this.#standing;
    const wrong = (kind: FaultKind, seq: number, message: string): Fault =>
      new Fault(kind, { line, chain: this.#writer, seq }, message);
    if (end.sequence > sequence) throw wrong("cut", sequence + 1, `it was sealed with ${end.sequence} entries`);
    if (end.sequence < sequence || end.head !== this.#standing.head)
      throw wrong("changed", sequence, "its end is not the one that was sealed");
    if (signed.sequence > sequence)
      throw wrong("cut", sequence + 1, `the broker signed it up to entry ${signed.sequence}: its end was cut`);
    // Whoever can ask for a seal could write all of it himself.
    if (signed.sequence < this.#from)
      throw wrong("missing", signed.sequence + 1, `it begins after entry ${signed.sequence}, the last that was signed`);
    const [oldest = 0] = this.#heads.keys();
    const own = this.#heads.get(signed.sequence);
    if (own === undefined && oldest > signed.sequence && this.#hasSignature)
      throw wrong("changed", oldest, `the broker remembers only entry ${signed.sequence}: its memory was set back`);
    if (own !== undefined && own !== signed.head)
      throw wrong(
        "changed",
        signed.sequence,
        "the broker signed another head here: this or an entry before was rewritten",
      );
  }
}
