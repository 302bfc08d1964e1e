// What became of a call that was cut off: the broker knows whether it forwarded it and what came back. Asking burns a
// key that was never used, so that an old request still on its way can no longer run.
import { doorHosts, outcomeAnswer, type OutcomeAnswer } from "../../controls/wire/door.ts";
import { DoorError, fetchThroughDoor } from "../door.ts";

const attempts = 30;
const pauseMs = 500;

/** Asks until the broker answers, for a good while: it may be restarting. Throws DoorError when it never does. */
export async function askOutcome(callKey: string): Promise<OutcomeAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetchThroughDoor(`http://${doorHosts.outcome}/${callKey}`, { method: "GET" });
      return outcomeAnswer.parse(await response.json());
    } catch (thrown) {
      if (!(thrown instanceof DoorError) || thrown.word !== "door_closed" || attempt === attempts) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
