// Control `audit`: the admin chain of each deployment: what the operator did, over the command line or over admin. It
// is written here and not by the admin process, which could leave an act out. A gate that was taken over cannot unsay here
// that it was frozen, or who decided a call. It lies in the registry's database, so that a deploy and its entry are one
// commit. Beside it the signatures that the broker gave for the chains whose heads the supervisor carries.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Writer } from "../../controls/audit/chain.ts";
import type { Signature } from "../../controls/wire/audit.ts";
import { chainTable, ChainTable } from "../chain-table.ts";

/** Chains whose heads the supervisor has signed; a gate has its own signed through its door. */
export const carried = ["admin", "broker", "front"] as const satisfies readonly Writer[];
export type Carried = (typeof carried)[number];

export const adminTables = `
  ${chainTable}
  create table if not exists signatures (
    deployment text not null, writer text not null, seq integer not null,
    head text not null, signature text not null, key text not null,
    primary key (deployment, writer, seq)
  ) strict, without rowid;
`;

export class AdminChain extends ChainTable {
  readonly #insertSignature: StatementSync;
  readonly #lastSigned: StatementSync;
  readonly #signatures: StatementSync;

  /** The tables must be there. */
  constructor(database: DatabaseSync) {
    super(database, "admin");
    this.#insertSignature = database.prepare("insert or ignore into signatures values (?, ?, ?, ?, ?, ?)");
    this.#lastSigned = database.prepare("select max(seq) as seq from signatures where deployment = ? and writer = ?");
    this.#signatures = database.prepare(
      "select seq, head, signature, key from signatures where deployment = ? and writer = ? and seq > ? and seq <= ? order by seq",
    );
  }

  keepSignature(deployment: string, writer: Carried, { sequence, head, signature, key }: Signature): void {
    this.#insertSignature.run(deployment, writer, sequence, head, signature, key);
  }

  /** Number of the last entry of a carried chain whose head was signed. */
  lastSigned(deployment: string, writer: Carried): number {
    return Number(this.#lastSigned.get(deployment, writer)?.["seq"] ?? 0);
  }

  /** Signatures over heads after entry `after` up to entry `last`. */
  signatures(deployment: string, writer: Carried, after: number, last: number): Signature[] {
    return this.#signatures.all(deployment, writer, after, last).map((row) => ({
      sequence: Number(row["seq"]),
      head: String(row["head"]),
      signature: String(row["signature"]),
      key: String(row["key"]),
    }));
  }
}
