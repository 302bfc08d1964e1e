// Control `rate-limits`, `schemas`: why a conversation does not take a message: a key that was used for another one, too many
// that wait already, in it or for its user.
import type { Refusal } from "../boundary.ts";
import { maxWaiting } from "./walking.ts";

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

export const tooManyWaiting: Refusal = {
  control: "rate-limits",
  reason: "too_many_messages",
  message: `${maxWaiting} conversations of this user wait already; wait for an answer first`,
};
