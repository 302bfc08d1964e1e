// Control `review`: the calls of a turn that wait for a person, as whoever asked is shown them: which tool, why and until
// when, and no argument, for those may hold what only an approver sees.
import type { TurnAnswer } from "../controls/wire/gate.ts";
import type { Journal } from "./journal.ts";

export type ShownCall = TurnAnswer["held"][number];

export function shownCalls(journal: Journal, turn: number): ShownCall[] {
  const held = journal.openCalls(turn).filter((call) => call.state === "held");
  return held.map(({ callId, name, reason, expires }) => ({
    ...{ callId, tool: name, reason: reason ?? "", expires: expires ?? "" },
  }));
}
