// What became of a call that was cut off: the broker knows whether it forwarded it and what came back. Asking burns a
// key that was never used, so that an old request still on its way can no longer run. A tool server that never answers
// would keep us asking for as long as the broker waits: after our own limit the honest word is `unknown`.
import { doorHosts, outcomeAnswer, type OutcomeAnswer } from "../../controls/wire/door.ts";
import { DoorError, fetchThroughDoor } from "../door.ts";
import { withLimit } from "../time-limit.ts";

/** A broker that restarts is back in this time, milliseconds, and asked for this often. */
export const restartMs = 15_000;
export const restartPauseMs = 500;

/**
 * Asks the broker; `unknown` when the call is still under way after `waitMs`. While the broker is not there it is asked
 * again for a good while. Throws DoorError when it does not come back.
 */
export async function askOutcome(callKey: string, waitMs: number): Promise<OutcomeAnswer> {
  const until = Date.now() + restartMs;
  for (;;) {
    try {
      return await withLimit(waitMs, async (signal) => {
        const response = await fetchThroughDoor(`http://${doorHosts.outcome}/${callKey}`, { method: "GET", signal });
        return outcomeAnswer.parse(await response.json());
      });
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === "TimeoutError") return { state: "unknown" };
      if (!(thrown instanceof DoorError) || thrown.word !== "door_closed" || Date.now() > until) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, restartPauseMs));
    }
  }
}
