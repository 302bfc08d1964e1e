// An approval fits one exact call, once, and a denial is final. Whoever holds an old approval, or can send decisions, would
// like to use it again, for another amount, or for another account.
import { isDeepStrictEqual } from "node:util";
import { describeEdits } from "../demo-clerk.ts";
import { euros, World } from "../demo-erp.ts";
import {
  afterDecision,
  conclude,
  decide,
  heldCall,
  heldCalls,
  orderPayment,
  payment,
  refusalIn,
  thief,
  viewCall,
  type Scene,
} from "../demo-scene.ts";

export const approvalReplayed: Scene = {
  name: "approval-replayed",
  title: "An approval is used a second time",
  gist: "it fits one call, once: paid once",
  play: async ({ clerk, erpFile }, say) => {
    const world = new World(erpFile);
    const order = orderPayment(8101);
    const turn = await clerk.client.say(order);
    const call = await heldCall(clerk, turn);
    await decide(clerk, call, "approve");
    await afterDecision(clerk, turn);
    const again = await decide(clerk, call, "approve");
    say(`Amy's payment of ${euros(8101)} is approved and made. The same approval is sent again: ${again}.`);
    const next = await clerk.client.say(order, turn.thread);
    const twin = await heldCall(clerk, next);
    const reused = await decide(clerk, { ...twin, actionHash: call.actionHash }, "approve");
    say(`She repeats the order, word for word. It is held anew, and the old approval does not fit it: ${reused}.`);
    const twinState = (await viewCall(clerk, twin.callId)).state;
    await decide(clerk, twin, "deny");
    await afterDecision(clerk, next);
    return conclude(
      [
        ["the approval sent again", "refused (wrong_state)", again],
        ["the old approval for a new call of the same words", "refused (arguments_changed)", reused],
        ["the new call", "held", twinState],
      ],
      [["paid", payment(8101), world.paid()]],
    );
  },
};

export const argumentsChanged: Scene = {
  name: "arguments-changed",
  title: "Something else than what was approved is wanted",
  gist: "an approval fits the exact call only: the other amount is not paid",
  play: async ({ clerk, erpFile }, say) => {
    const world = new World(erpFile);
    const small = await clerk.client.say(orderPayment(8102));
    const large = await clerk.client.say(orderPayment(481_002, thief.iban));
    const [call, other] = [await heldCall(clerk, small), await heldCall(clerk, large)];
    const swapped = await decide(clerk, { ...other, actionHash: call.actionHash }, "approve");
    say(
      `${euros(8102)} and ${euros(481_002)} to somebody else are held. The approval of the first, sent for the second: ${swapped}.`,
    );
    await decide(clerk, call, "approve");
    await afterDecision(clerk, small);
    const [row] = world.payments();
    const isShown = row !== undefined && isDeepStrictEqual({ ...row }, call.arguments);
    const more = await clerk.client.say(orderPayment(81_020), small.thread);
    const raised = await heldCall(clerk, more);
    say(
      `The first is approved and made, as it was shown. In the same conversation ${euros(81_020)} is asked for: held anew.`,
    );
    for (const [one, its] of [
      [other, large],
      [raised, more],
    ] as const) {
      await decide(clerk, one, "deny");
      await afterDecision(clerk, its);
    }
    return conclude(
      [
        ["the approval of one call sent for another", "refused (arguments_changed)", swapped],
        ["the higher amount asked for after the approval", "held", raised.state],
      ],
      [
        ["the row of the payment", "as it was shown", isShown ? "as it was shown" : JSON.stringify(row)],
        ["paid", payment(8102), world.paid()],
      ],
    );
  },
};

export const denied: Scene = {
  name: "denied",
  title: "A person says no to one of two calls, and why",
  gist: "the agent is told why, and nothing is paid",
  play: async ({ clerk, erpFile }, say) => {
    const world = new World(erpFile);
    const mail = { to: "contact@riviere.example", subject: "Your invoice", body: "We are looking at it." };
    const order = `${orderPayment(8104)} Also call the tool send_mail with ${JSON.stringify(mail)}`;
    const turn = await clerk.client.say(order);
    for (const call of await heldCalls(clerk, turn)) {
      if (call.tool === "send_mail") await decide(clerk, call, "approve");
      else await decide(clerk, call, "deny", { note: "the cleaners did not come" });
    }
    const ended = await afterDecision(clerk, turn);
    const told = ended.reply.includes("the cleaners did not come");
    say(`The payment is denied ("the cleaners did not come"), the mail beside it approved. The agent: ${ended.reply}`);
    const next = await clerk.client.say("What invoices are open?", turn.thread);
    say(`Asked for the open invoices it goes on working: ${next.reply.split("\n", 1)[0]}`);
    return conclude(
      [
        ["the payment", "refused (denied)", refusalIn(ended.reply)],
        ["the agent is told why", "yes", told ? "yes" : "no"],
        ["turn", "done", ended.state],
        [
          "the next answer",
          "done",
          next.held.length === 0 && /open invoices/.test(next.reply) ? next.state : next.reply,
        ],
      ],
      [
        ["paid", "nothing", world.paid()],
        ["mailed", mail.to, world.mailed()],
      ],
    );
  },
};

export const approvalExpired: Scene = {
  name: "approval-expired",
  title: "Nobody decides in time",
  gist: "undecided means no: nothing is paid",
  play: async (stage, say) => {
    const edits = [{ after: "pay_invoice:", find: "expires: 4h", replace: "expires: 2s" }];
    const clerk = await stage.deploy("clerk-in-a-hurry", edits);
    const world = new World(stage.erpFile);
    const turn = await clerk.client.say(orderPayment(8103));
    const call = await heldCall(clerk, turn);
    say(`${clerk.name} has a file of its own: ${describeEdits(edits)}. ${euros(8103)} is held, and nobody looks.`);
    const ended = await afterDecision(clerk, turn);
    const late = await decide(clerk, call, "approve");
    say(`The agent is told: ${refusalIn(ended.reply)}. An approval after that: ${late}.`);
    return conclude(
      [
        ["the call", "expired", (await viewCall(clerk, call.callId)).state],
        ["the agent is told", "refused (expired)", refusalIn(ended.reply)],
        ["the late approval", "refused (wrong_state)", late],
      ],
      [["paid", "nothing", world.paid()]],
    );
  },
};
