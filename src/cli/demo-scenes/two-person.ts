// A payment that two people must want. Whoever asked for it would like to be one of them, and one person would like to be
// two: by deciding twice, or under a second spelling of the name.
import { amy, describeEdits } from "../demo-clerk.ts";
import { euros, World } from "../demo-erp.ts";
import {
  afterDecision,
  approver,
  conclude,
  decide,
  heldCall,
  orderPayment,
  payment,
  type Scene,
} from "../demo-scene.ts";

const second = "controller@acme.example";
const cents = 8110;
const edits = [
  { after: "approvers:", find: second, replace: `${second}, ${amy}` },
  { after: "pay_invoice:", find: "count: 1", replace: "count: 2" },
];

export const twoPerson: Scene = {
  name: "two-person",
  title: "Two people must approve, and one tries to be both",
  gist: "one person never counts twice, nor who asked: paid after the second one's yes",
  play: async (stage, say) => {
    const clerk = await stage.deploy("clerk-of-two", edits);
    const world = new World(stage.erpFile);
    const turn = await clerk.client.say(orderPayment(cents));
    const call = await heldCall(clerk, turn);
    const approve = (by: string) => decide(clerk, call, "approve", { by });
    const own = await approve(amy);
    say(
      `${clerk.name} has a file of its own: ${describeEdits(edits)}. Amy asks for ${euros(cents)} and approves it herself: ${own}.`,
    );
    const first = await approve(approver);
    const again = await approve(approver);
    const spelled = await approve(approver.toUpperCase());
    const stranger = await approve("eve@acme.example");
    const before = world.paid();
    say(`${approver} approves: still ${first}. Once more: ${again}; as ${approver.toUpperCase()}: ${spelled}.`);
    const last = await approve(second);
    await afterDecision(clerk, turn);
    say(`A colleague who is no approver: ${stranger}. ${second} approves: ${last}, and it is paid.`);
    return conclude(
      [
        ["approved by who asked", "refused (requester_cannot_approve)", own],
        ["by one person", "held", first],
        ["by the same person again", "refused (already_decided)", again],
        ["under another spelling", "refused (already_decided)", spelled],
        ["by somebody without the role", "refused (not_an_approver)", stranger],
        ["by a second person", "approved", last],
      ],
      [
        ["paid before the second approval", "nothing", before],
        ["paid", payment(cents), world.paid()],
      ],
    );
  },
};
