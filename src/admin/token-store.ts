// Control `admin-access`: the tokens that people sign in with. Who reads this file wants to sign in with it: it holds
// digests alone. A guess wants to learn from answers or timing which ids exist: an unknown id, a wrong secret and a token that
// is over cost the same work and get the same words.
import { randomBytes } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { z } from "zod";
import { matchToken, mintToken, tokenRandomBytes } from "../controls/access/token.ts";
import { role, type Role, type TokenView } from "../controls/wire/admin.ts";

/** More people than this is a program that makes tokens. */
export const maxTokens = 1000;
const dayMs = 86_400_000;

const rowSchema = z.object({
  id: z.string(),
  digest: z.string(),
  by: z.string(),
  role,
  created: z.int(),
  expires: z.int(),
});
type TokenRow = z.infer<typeof rowSchema>;

/** Who signed in. */
export interface Person {
  readonly by: string;
  readonly role: Role;
  /** Public part of the token. */
  readonly token: string;
}

export class TokenStore {
  readonly #insert: StatementSync;
  readonly #one: StatementSync;
  readonly #all: StatementSync;
  readonly #remove: StatementSync;
  readonly #sweep: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare("insert into tokens (id, digest, by, role, created, expires) values (?, ?, ?, ?, ?, ?)");
    this.#one = db.prepare("select * from tokens where id = ?");
    this.#all = db.prepare("select * from tokens order by created, id");
    this.#remove = db.prepare("delete from tokens where id = ?");
    this.#sweep = db.prepare("delete from tokens where expires <= ?");
  }

  /** Makes a token; it is shown this once. Undefined when there are too many. */
  make(by: string, as: Role, days: number, now: number): (TokenView & { readonly token: string }) | undefined {
    this.#sweep.run(now);
    if (this.list(now).length >= maxTokens) return undefined;
    const { token, id, digest } = mintToken("cli", randomBytes(tokenRandomBytes));
    const expires = now + days * dayMs;
    this.#insert.run(id, digest, by, as, now, expires);
    return { ...viewOf({ id, digest, by, role: as, created: now, expires }), token };
  }

  list(now: number): TokenView[] {
    return this.#all
      .all()
      .map((row) => rowSchema.parse(row))
      .filter(({ expires }) => expires > now)
      .map(viewOf);
  }

  /** False when there is no such token. */
  remove(id: string): boolean {
    return this.#remove.run(id).changes === 1;
  }

  /** Whether a token, by its public part, still lets its person in. */
  isLive(id: string, now: number): boolean {
    const row = this.#one.get(id);
    return row !== undefined && rowSchema.parse(row).expires > now;
  }

  /** Whose token this is; undefined when it is nobody's any more. */
  find(token: string, now: number): Person | undefined {
    const id = token.split("_")[2] ?? "";
    const row = this.#one.get(id);
    const known = row === undefined ? [] : [{ ...rowSchema.parse(row), scope: "admin" }];
    const found = matchToken(token, known);
    if ("reason" in found || found.expires <= now) return undefined;
    return { by: found.by, role: found.role, token: found.id };
  }
}

function viewOf({ id, by, role: as, created, expires }: TokenRow): TokenView {
  return { id, by, role: as, created: new Date(created).toISOString(), expires: new Date(expires).toISOString() };
}
