// Control `rate-limits`: whether a message may come in, decided before its thread takes it and before any model is asked.
// A message that is sent again under the same key of the same thread is charged once, also when the gate was killed
// between the charge and the thread. A refusal charges nothing and is written down once a minute for each who is refused:
// whoever floods must not make the audit grow with it.
import type { Refusal } from "../../boundary.ts";
import { sha256Hex } from "../../controls/audit/digest.ts";
import { rateHeaders, retryHeaders } from "../../controls/limits/headers.ts";
import type { Budget } from "./budget.ts";
import type { ChainStore } from "./chain-store.ts";
import type { Rates } from "./rates.ts";
import { SignedIds } from "./signed-ids.ts";

export const messageTables = `
  create table if not exists charged (n integer primary key autoincrement, id text not null unique, at integer not null);
  create index if not exists charged_at on charged (at);
`;

/** A key is remembered this long, and at most this many are. */
const rememberMs = 86_400_000;
const maxRemembered = 100_000;
/** Refusals that are written down in a minute, of all who are refused together. */
const maxToldPerMinute = 100;
const minuteMs = 60_000;

export interface MessageRequest {
  readonly thread: string;
  readonly channel: string;
  readonly user: string;
  readonly idempotency: string | null;
  /** SHA-256 of the body that was signed; null of a message that was not. */
  readonly bodyHash: string | null;
}

export interface MessageAnswer {
  /** Null: the thread may take it. */
  readonly refusal: Refusal | null;
  /** Response headers that say where the limits stand. */
  readonly headers: Record<string, string>;
}

export class Messages {
  readonly #sql: SqlStorage;
  readonly #chain: ChainStore;
  readonly #rates: Rates;
  readonly #budget: Budget;
  readonly #frozen: () => Refusal | undefined;
  readonly #signedIds: SignedIds;
  /** Who was told in this minute. In memory only: after a restart one more entry is no harm. */
  #told = { minute: 0, keys: new Set<string>() };

  constructor(sql: SqlStorage, chain: ChainStore, rates: Rates, budget: Budget, frozen: () => Refusal | undefined) {
    sql.exec(messageTables);
    this.#sql = sql;
    this.#chain = chain;
    this.#rates = rates;
    this.#budget = budget;
    this.#frozen = frozen;
    this.#signedIds = new SignedIds(sql);
  }

  admit(request: MessageRequest, now: number): MessageAnswer {
    const known = this.#signedIds.refuse(request, now);
    if (known) {
      this.#record(request, known, now);
      return { refusal: known, headers: {} };
    }
    const answer = this.#admit(request, now);
    if (answer.refusal === null) this.#signedIds.note(request, now);
    return answer;
  }

  #admit(request: MessageRequest, now: number): MessageAnswer {
    const frozen = this.#frozen();
    if (frozen) {
      this.#record(request, frozen, now);
      return { refusal: frozen, headers: {} };
    }
    const id = request.idempotency === null ? undefined : sha256Hex(`${request.thread}\n${request.idempotency}`);
    if (id !== undefined && this.#wasCharged(id)) return { refusal: null, headers: {} };
    const broke = this.#budget.refuseMessage(now);
    if (broke) {
      this.#record(request, broke.refusal, now);
      return { refusal: broke.refusal, headers: retryHeaders(broke.afterMs) };
    }
    const decision = this.#rates.takeMessage(request.channel, request.user, now);
    if (!decision.allowed) {
      this.#record(request, decision.refusal, now);
      const { refused } = decision;
      return { refusal: decision.refusal, headers: { ...rateHeaders(refused), ...retryHeaders(refused.afterMs) } };
    }
    // Without a limit there is nothing to remember, and no commit.
    if (id !== undefined && (decision.charges.length > 0 || this.#budget.isSet)) this.#remember(id, now);
    return { refusal: null, headers: rateHeaders(decision.tightest) };
  }

  #wasCharged(id: string): boolean {
    return this.#sql.exec("select at from charged where id = ?", id).toArray().length > 0;
  }

  /** Whoever is forgotten is at worst charged again. */
  #remember(id: string, now: number): void {
    const { n } = this.#sql.exec("insert into charged (id, at) values (?, ?) returning n", id, now).one();
    this.#sql.exec("delete from charged where n <= ? or at < ?", Number(n) - maxRemembered, now - rememberMs);
  }

  #record({ thread, channel, user }: MessageRequest, refusal: Refusal, now: number): void {
    const minute = Math.floor(now / minuteMs);
    if (this.#told.minute !== minute) this.#told = { minute, keys: new Set() };
    const key = `${refusal.reason}\n${refusal.field ?? ""}\n${channel}\n${user}`;
    if (this.#told.keys.has(key) || this.#told.keys.size >= maxToldPerMinute) return;
    this.#told.keys.add(key);
    const { control, reason, field } = refusal;
    const detail = { channel, user, control, reason, field: field ?? null };
    this.#chain.append({ v: 1, at: new Date(now).toISOString(), event: "message_refused", thread, detail });
  }
}
