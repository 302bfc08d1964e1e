// Control `redeploys`: a turn that another release began to walk. Nobody is answered by two releases: what its calls came to
// is found out, as after a kill, and then the turn ends and says why. A hostile moment for a deploy is right between a
// call's sending and its answer: that call is asked after, never sent again, and what nobody knows is said.
import { endCall, endTurn, recover, type Rooms } from "./turn.ts";

/** Ends such a turn. The release of this process must have been opened, so that whatever was held is void. */
export async function endReplaced(rooms: Rooms, number: number): Promise<void> {
  const { journal } = rooms;
  const lines: string[] = [];
  for (const call of journal.openCalls(number)) {
    if (call.state === "executing") await recover(rooms, call);
    const now = journal.call(call.callId);
    if (now?.state === "held") {
      const words = `[ambit] refused (voided): a new release took over while ${call.name} waited for a person; it did not run`;
      // The Ledger wrote its own entry for it.
      rooms.commit(() => journal.end(call.callId, "refused", words, []));
      lines.push(`${words} (call ${call.callId}).`);
    } else if (now?.state !== "ended") {
      endCall(rooms, call, "failed", "[ambit] the call did not run: a new release took over");
    }
  }
  const turn = journal.turn(number);
  if (!turn) return;
  const reply = ["I stopped: a new release replaced the one that I worked under. Please ask again.", ...lines];
  endTurn(rooms, turn, "failed", reply.join("\n"), "replaced");
}
