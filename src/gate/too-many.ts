// Control `rate-limits`, `schemas`: why a conversation does not take a message: a key that was used for another one, or too
// many that wait in it already.
import type { Refusal } from "../boundary.ts";

/** Messages of one conversation that may wait. */
export const maxQueued = 10;

export const keyReused: Refusal = {
  control: "schemas",
  reason: "idempotency_key_reused",
  field: "Idempotency-Key",
  message: "this key was used for another message; use a new key",
};

export const tooManyQueued: Refusal = {
  control: "rate-limits",
  reason: "too_many_messages",
  message: `${maxQueued} messages of this conversation wait already; wait for an answer first`,
};
