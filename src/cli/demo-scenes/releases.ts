// A release is one version of the file; what was held under another one is over. Whoever got a wide release deployed for a
// moment would like its held calls to be approved after it was taken back.
import { describeEdits } from "../demo-clerk.ts";
import { euros, World } from "../demo-erp.ts";
import {
  afterDecision,
  conclude,
  decide,
  heldCall,
  orderPayment,
  refusalIn,
  viewCall,
  type Scene,
} from "../demo-scene.ts";

const cents = 900_008;

export const rolledBack: Scene = {
  name: "rolled-back",
  title: "A release with a wider limit is taken back",
  gist: "what was held under it is over: nothing is paid",
  play: async (stage, say) => {
    const name = "clerk-rolled-back";
    const world = new World(stage.erpFile);
    const first = await stage.deploy(name, []);
    const under = await first.client.say(orderPayment(cents));
    const wider = [{ after: "pay_invoice:", find: "amount_cents: 500000", replace: "amount_cents: 1000000" }];
    const clerk = await stage.deploy(name, wider, first);
    const turn = await clerk.client.say(orderPayment(cents));
    const call = await heldCall(clerk, turn);
    say(`${name} gets a release that says ${describeEdits(wider)}. A payment of ${euros(cents)} is held under it.`);
    say("The older file is deployed again, as one takes a release back.");
    await stage.deploy(name, [], clerk);
    const ended = await afterDecision(clerk, turn);
    const late = await decide(clerk, call, "approve");
    const after = await clerk.client.say(orderPayment(cents));
    say(
      `The held call is over: ${refusalIn(ended.reply)}; approving it: ${late}. Asked for again: ${refusalIn(after.reply)}.`,
    );
    return conclude(
      [
        ["before the wider release", "refused (limit_reached)", refusalIn(under.reply)],
        ["the held call", "voided", (await viewCall(clerk, call.callId)).state],
        ["its approval", "refused (wrong_state)", late],
        ["asked for again", "refused (limit_reached)", refusalIn(after.reply)],
      ],
      [["paid", "nothing", world.paid()]],
    );
  },
};
