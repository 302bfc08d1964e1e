// Control `schemas`: answers kept for a day, so that a request that is sent again with its Idempotency-Key is done once and
// answered the same. An attacker wants a second effect by a retry, somebody else's answer by their key, or a disk full of
// keys. Who reads the file must not learn what was answered, perhaps a token: an answer is sealed with a key that follows
// from the caller's own token, which is stored nowhere. A key belongs to one token; what was begun and has no answer is
// never done again by itself.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { z } from "zod";
import type { Reply } from "./problem.ts";

export const keepMs = 86_400_000;
/** Live keys of one token: one more is refused, so that nobody pushes out the keys of others or their own. */
export const maxKeys = 10_000;

export interface KeyedRequest {
  /** Public part of the caller's token. */
  readonly token: string;
  /** The whole token: what is kept can be opened with it alone. */
  readonly bearer: string;
  /** The Idempotency-Key. */
  readonly key: string;
  /** Hash of all that was asked. */
  readonly request: string;
}

export type Begun =
  | { readonly state: "new" | "other" | "open" | "full" }
  | { readonly state: "same"; readonly reply: Reply };

const rowSchema = z.object({
  request: z.string(),
  salt: z.instanceof(Uint8Array),
  kept: z.instanceof(Uint8Array).nullable(),
});
const replySchema = z.object({ status: z.int(), headers: z.record(z.string(), z.string()), body: z.string() });

export class AnswerStore {
  readonly #find: StatementSync;
  readonly #count: StatementSync;
  readonly #insert: StatementSync;
  readonly #keep: StatementSync;
  readonly #remove: StatementSync;
  readonly #sweep: StatementSync;

  constructor(db: DatabaseSync) {
    this.#find = db.prepare("select request, salt, kept from answers where token = ? and key = ?");
    this.#count = db.prepare("select count(*) as n from answers where token = ?");
    this.#insert = db.prepare("insert into answers (token, key, request, salt, kept, at) values (?, ?, ?, ?, null, ?)");
    this.#keep = db.prepare("update answers set kept = ? where token = ? and key = ?");
    this.#remove = db.prepare("delete from answers where token = ? and key = ?");
    this.#sweep = db.prepare("delete from answers where at <= ?");
  }

  /** Takes the key for this request, or says what it was used for. `now`: ms since the epoch. */
  begin(asked: KeyedRequest, now: number): Begun {
    this.#sweep.run(now - keepMs);
    const { token, request } = asked;
    const key = hash(asked.key);
    const found = this.#find.get(token, key);
    if (found === undefined) {
      if (Number(this.#count.get(token)?.["n"]) >= maxKeys) return { state: "full" };
      this.#insert.run(token, key, request, randomBytes(16), now);
      return { state: "new" };
    }
    const row = rowSchema.parse(found);
    if (row.request !== request) return { state: "other" };
    return row.kept === null ? { state: "open" } : { state: "same", reply: openReply(row.kept, asked, row.salt) };
  }

  /** Keeps the answer to a request whose key was taken. */
  finish(asked: KeyedRequest, reply: Reply): void {
    const key = hash(asked.key);
    const row = rowSchema.parse(this.#find.get(asked.token, key));
    this.#keep.run(sealReply(reply, asked, row.salt), asked.token, key);
  }

  /** Nothing was done: the key may be used again. */
  forget({ token, key }: KeyedRequest): void {
    this.#remove.run(token, hash(key));
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function sealingKey({ bearer, key }: KeyedRequest, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", bearer, salt, `ambit-answer-v1\n${key}`, 32));
}

/** AES-256-GCM; the key is used once, so the nonce may be fixed. */
function sealReply(reply: Reply, asked: KeyedRequest, salt: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", sealingKey(asked, salt), Buffer.alloc(12));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(reply), "utf8"), cipher.final()]);
  return Buffer.concat([cipher.getAuthTag(), sealed]);
}

function openReply(kept: Uint8Array, asked: KeyedRequest, salt: Uint8Array): Reply {
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(asked, salt), Buffer.alloc(12));
  decipher.setAuthTag(kept.subarray(0, 16));
  const text = Buffer.concat([decipher.update(kept.subarray(16)), decipher.final()]).toString("utf8");
  return replySchema.parse(JSON.parse(text));
}
