// Control `audit`: signatures over the heads of chains. A gate that was taken over wants its old entries cut off or
// rewritten under a good signature. Must stay true: the broker signs only what it computed itself from the head it signed
// last, remembers a head before it signs it, and the key never leaves this process. Its own chain it signs as well: against
// whoever holds this key there is no witness but an export that lies elsewhere.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { z } from "zod";
import { chainId, genesis, headText, nextHead, writers, type Standing } from "../../controls/audit/chain.ts";
import { sealText } from "../../controls/audit/seal.ts";
import { standings, type Seal, type SealRequest, type Standings } from "../../controls/wire/audit.ts";
import type { signAnswer, signConflict, signRequest } from "../../controls/wire/door.ts";
import { PrivateFileError, readPrivateFile, writePrivateFile } from "./private-file.ts";

export type SignRequest = z.infer<typeof signRequest>;
export type Signed =
  | { readonly isSigned: true; readonly answer: z.infer<typeof signAnswer> }
  | { readonly isSigned: false; readonly conflict: z.infer<typeof signConflict> };

export class Signer {
  readonly #key: KeyObject;
  /** Public key, base64 of the raw 32 bytes. */
  readonly key: string;
  readonly #find: StatementSync;
  readonly #all: StatementSync;
  readonly #store: StatementSync;
  readonly #end: StatementSync;
  /** How often in a row a chain did not follow from what was signed. */
  readonly #refused = new Map<string, number>();

  /** Makes the key on the first start. @throws {PrivateFileError} when the key's file is not as it must be */
  constructor(database: DatabaseSync, keyFile: string) {
    this.#key = openKey(keyFile);
    this.key = Buffer.from(String(createPublicKey(this.#key).export({ format: "jwk" }).x), "base64url").toString(
      "base64",
    );
    this.#find = database.prepare("SELECT sequence, head FROM signed_heads WHERE chain = ?");
    this.#all = database.prepare("SELECT chain, sequence FROM signed_heads");
    this.#end = database.prepare("DELETE FROM signed_heads WHERE chain = ?");
    this.#store = database.prepare(
      "INSERT INTO signed_heads (chain, sequence, head) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sequence = excluded.sequence, head = excluded.head",
    );
  }

  /**
   * Signs an extension of the head it signed last; the same head again (no digests) gives the same signature.
   * @param chain as `chainId` makes it
   * @throws when the new head could not be stored: then nothing is signed
   */
  sign(chain: string, request: SignRequest): Signed {
    const last = this.standing(chain);
    const conflict = (message: string): Signed => {
      this.#refused.set(chain, (this.#refused.get(chain) ?? 0) + 1);
      return { isSigned: false, conflict: { ...last, message } };
    };
    if (request.sequence !== last.sequence + request.digests.length) {
      return conflict(
        `signed up to ${last.sequence}; send exactly the digests from ${last.sequence + 1} to ${request.sequence}, at most 2000 at once`,
      );
    }
    if (request.digests.reduce(nextHead, last.head) !== request.head) {
      return conflict(
        `the digests from ${last.sequence + 1} do not lead from the head signed last to this one: the chain was cut or rewritten`,
      );
    }
    const { sequence, head } = request;
    if (request.digests.length > 0) this.#store.run(chain, sequence, head);
    this.#refused.delete(chain);
    return {
      isSigned: true,
      answer: { sequence, head, signature: this.#signText(headText(chain, request)), key: this.key },
    };
  }

  /** How far each gate's chain is signed, by deployment. */
  gates(): Record<string, number> {
    const ending = chainId("", "gate");
    const rows = this.#all.all().map((row) => ({ chain: String(row["chain"]), sequence: Number(row["sequence"]) }));
    const gates = rows.filter(({ chain }) => chain.endsWith(ending));
    return Object.fromEntries(gates.map(({ chain, sequence }) => [chain.slice(0, -ending.length), sequence]));
  }

  /** Chains that do not follow from what was signed. Refused once is a writer that was killed before it kept a signature. */
  disputed(): string[] {
    return [...this.#refused].filter(([, times]) => times > 1).map(([chain]) => chain);
  }

  /** Seals an export of a deployment: what it says of itself, beside the heads that were signed here last. */
  seal(deployment: string, request: SealRequest): Seal {
    const signedLast = writers.map((writer) => [writer, this.standing(chainId(deployment, writer))]);
    const witness: Standings = standings.parse(Object.fromEntries(signedLast));
    const unsigned = { ...request, v: 1 as const, kind: "seal" as const, deployment, witness, key: this.key };
    return { ...unsigned, signature: this.#signText(sealText(unsigned)) };
  }

  /** A chain that goes on no further; the next one of its name begins anew. Returns the head that was signed last. */
  endChain(chain: string): Standing {
    const last = this.standing(chain);
    this.#end.run(chain);
    return last;
  }

  #signText(text: string): string {
    return sign(null, Buffer.from(text, "utf8"), this.#key).toString("base64");
  }

  /** The head that was signed last. */
  standing(chain: string): Standing {
    const row = this.#find.get(chain);
    if (row === undefined) return genesis(chain);
    return { sequence: Number(row["sequence"]), head: String(row["head"]) };
  }
}

function openKey(path: string): KeyObject {
  const text = readPrivateFile(path, 4096);
  if (text === null) {
    const { privateKey } = generateKeyPairSync("ed25519");
    writePrivateFile(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    return privateKey;
  }
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // Said below; the parser's own message could quote the key.
  }
  throw new PrivateFileError(`${path}: not an Ed25519 private key in PEM; restore it from a backup`);
}
