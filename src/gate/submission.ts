// Room 3 to 4: a message as the way in hands it to its conversation, and what becomes of it. It crosses from one object to
// another, so it is plain data; who may say it was decided before.
import type { TurnAnswer } from "../controls/wire/gate.ts";

export interface Submission {
  readonly key: string;
  readonly user: string;
  readonly channel: string;
  readonly text: string;
  readonly idempotency: string | null;
  /** Where it was said, as the channel tells; for the audit. */
  readonly place: Readonly<Partial<Record<"room" | "workspace" | "signedBy" | "traceparent", string>>>;
}

export interface Submitted {
  readonly turn: number;
  /** Where the turn stands, when that was waited for. */
  readonly answer: Omit<TurnAnswer, "thread"> | null;
}
