// One switch stops a deployment in three places, each of them enough alone. So the scene also plays a gate that was taken
// over and lets go of its own freeze: it approves, takes its lease and sends the call, and the broker passes nothing on.
import { setTimeout as pause } from "node:timers/promises";
import type { ApprovalView } from "../../controls/wire/gate.ts";
import { amy, type Clerk } from "../demo-clerk.ts";
import { euros, World } from "../demo-erp.ts";
import {
  afterDecision,
  approver,
  conclude,
  decide,
  heldCall,
  orderPayment,
  payment,
  refusalOf,
  viewCall,
  type Scene,
} from "../demo-scene.ts";

const [cents, later] = [8112, 8113];
const operator = "operator@acme.example";
const endedMs = 20_000;

export const frozen: Scene = {
  name: "frozen",
  title: "The operator freezes a clerk, and its gate does not care",
  gist: "the broker passes nothing on all the same: nothing is paid while frozen",
  play: async (stage, say) => {
    const clerk = await stage.deploy("clerk-to-freeze", []);
    const world = new World(stage.erpFile);
    const turn = await clerk.client.say(orderPayment(cents));
    const call = await heldCall(clerk, turn);
    await clerk.host("POST", "freeze", { by: operator, reason: "somebody called" });
    const before = stage.asked().length;
    const message = await clerk.client.post({ user: amy, text: "What invoices are open?" });
    const approval = await decide(clerk, call, "approve");
    say(
      `A payment of ${euros(cents)} is held when it is frozen. A message: ${refusalOf(message.body)}. An approval: ${approval}.`,
    );
    await clerk.ask("POST", "control/thaw", { by: operator });
    const approved = await decide(clerk, call, "approve");
    const ended = await endOf(clerk, call);
    const asked = stage.asked().length - before;
    const paid = world.paid();
    say(
      `Now its Ledger alone is thawed, as a gate that was taken over would do by itself. An approval there: ${approved}.`,
    );
    say(`The call runs into the broker's door and ends as ${ended}: ${paid} is paid.`);
    await clerk.host("POST", "thaw", { by: operator });
    const next = await clerk.client.say(orderPayment(later));
    await decide(clerk, await heldCall(clerk, next), "approve", { by: approver });
    await afterDecision(clerk, next);
    say(`Thawed by the operator, it works again: ${euros(later)} is held, approved and paid.`);
    return conclude(
      [
        ["a message", "503 refused (frozen)", `${message.status} ${refusalOf(message.body)}`],
        ["an approval", "refused (frozen)", approval],
        ["an approval in the gate that ignores it", "approved", approved],
        ["its call", "failed", ended],
      ],
      [
        ["requests that the model got while frozen", "0", String(asked)],
        ["paid while frozen", "nothing", paid],
        ["paid", payment(later), world.paid()],
      ],
    );
  },
};

/** The state of a call that is no longer on its way. The front is shut, so this is the operator's view. */
async function endOf(clerk: Clerk, { callId }: ApprovalView): Promise<string> {
  for (const until = Date.now() + endedMs; Date.now() < until; await pause(20)) {
    const { state } = await viewCall(clerk, callId);
    if (state !== "approved" && state !== "executing") return state;
  }
  return "still on its way";
}
