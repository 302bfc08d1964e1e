// Control `review`: how many calls may wait for people at once. Whoever steers an agent would like to bury one bad call
// under a hundred harmless ones, until somebody approves without reading.
import type { Refusal } from "../../boundary.ts";

/** Most held calls of one turn, and of one user in all conversations. */
export const mostHeld = { turn: 5, user: 20 } as const;

/** How many calls wait already. */
export interface Waiting {
  readonly ofTurn: number;
  readonly ofUser: number;
}

/** Why one more call may not be held, if it may not. */
export function decideHold({ ofTurn, ofUser }: Waiting): Refusal | undefined {
  if (ofTurn >= mostHeld.turn) return tooMany(`${ofTurn} calls of this turn`);
  if (ofUser >= mostHeld.user) return tooMany(`${ofUser} calls of this user`);
  return undefined;
}

function tooMany(what: string): Refusal {
  const message = `${what} wait for a person already; it did not run: wait until they are decided, and do not repeat it`;
  return { control: "review", reason: "too_many_held", message };
}
