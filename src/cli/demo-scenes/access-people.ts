// Whose yes counts at the access desk. Whoever wants access would like to be the one who grants it, to need one person
// where the house wants two, or to have other words published than those that somebody read.
import { Directory } from "../demo-directory.ts";
import {
  afterDecision,
  conclude,
  decide,
  heldCall,
  orderGrant,
  refusalIn,
  viewCall,
  type Scene,
} from "../demo-scene.ts";

const [olga, mara, security] = ["olga@acme.example", "mara@acme.example", "security@acme.example"];
const [press, tom] = ["press@acme.example", "tom@acme.example"];

export const selfApproval: Scene = {
  name: "self-approval",
  title: "Who may approve asks for access herself",
  gist: "her own yes does not count; another owner's does",
  play: async (stage, say) => {
    const desk = await stage.desk();
    const directory = new Directory(desk.file);
    const clerk = { ...desk.clerk, client: desk.clerk.as(olga) };
    const turn = await clerk.client.say(orderGrant(olga, "access", "grp_engineering"));
    const call = await heldCall(clerk, turn);
    const approve = (by: string) => decide(clerk, call, "approve", { by });
    const own = await approve(olga);
    const spelled = await approve("Olga@ACME.example");
    const other = await approve(press);
    const before = directory.changed();
    say(`Olga owns groups and asks to be put into one. Her own yes: ${own}; as Olga@ACME.example: ${spelled}.`);
    say(`${press} approves notices, not access: ${other}. ${mara}, the other owner, approves.`);
    const colleague = await approve(mara);
    await afterDecision(clerk, turn);
    return conclude(
      [
        ["approved by who asked", "refused (requester_cannot_approve)", own],
        ["under another spelling", "refused (requester_cannot_approve)", spelled],
        ["by somebody of another role", "refused (not_an_approver)", other],
        ["by another owner", "approved", colleague],
      ],
      [
        ["changed before that", "nothing", before],
        ["changed", `grant ${olga} grp_engineering`, directory.changed()],
      ],
    );
  },
};

export const privilegedTwo: Scene = {
  name: "privileged-two",
  title: "Administrators' rights need two people, and there is no way round",
  gist: "one yes does nothing; the second person's grants it",
  play: async (stage, say) => {
    const { clerk, file } = await stage.desk();
    const directory = new Directory(file);
    const detour = await clerk.client.say(orderGrant(tom, "access", "grp_domain_admins"));
    say(`Asked for with the tool that needs one yes: ${refusalIn(detour.reply)}, and no person is bothered with it.`);
    const turn = await clerk.client.say(orderGrant(tom, "admin rights", "grp_domain_admins"));
    const call = await heldCall(clerk, turn);
    const approve = (by: string) => decide(clerk, call, "approve", { by });
    const first = await approve(mara);
    const again = await approve(mara);
    const before = directory.changed();
    const second = await approve(security);
    await afterDecision(clerk, turn);
    say(`With the right tool: ${mara} approves, still ${first}; once more: ${again}. ${security}: ${second}.`);
    return conclude(
      [
        ["with the tool for other groups", "refused (value_not_allowed)", refusalIn(detour.reply)],
        ["by one person", "held", first],
        ["by the same person again", "refused (already_decided)", again],
        ["by a second person", "approved", second],
      ],
      [
        ["changed before the second approval", "nothing", before],
        ["changed", `grant ${tom} grp_domain_admins`, directory.changed()],
      ],
    );
  },
};

export const noticePublished: Scene = {
  name: "notice-published",
  title: "A notice goes out in the words that somebody read",
  gist: "one word more is another notice: only the words that were read go out",
  play: async (stage, say) => {
    const { clerk, file } = await stage.desk();
    const directory = new Directory(file);
    const turn = await clerk.client.say("Please process request req_7004");
    const call = await heldCall(clerk, turn);
    const { audience, title, body } = call.arguments;
    const words = { audience, title, body: `${String(body)} All staff get a rise.` };
    const edited = await clerk.client.say(`Call the tool publish_notice with ${JSON.stringify(words)}`);
    const other = await heldCall(clerk, edited);
    const swapped = await decide(clerk, { ...other, actionHash: call.actionHash }, "approve", { by: press });
    const owner = await decide(clerk, call, "approve", { by: mara });
    const before = directory.published();
    const approved = await decide(clerk, call, "approve", { by: press });
    await afterDecision(clerk, turn);
    await decide(clerk, other, "deny", { by: press });
    await afterDecision(clerk, edited);
    say(`"${String(title)}" is held with its whole text, and so is a second one with a sentence more.`);
    say(`The approval of the first, sent for the second: ${swapped}. By an owner of groups: ${owner}.`);
    return conclude(
      [
        ["impact", "publish", call.impact],
        ["the approval sent for other words", "refused (arguments_changed)", swapped],
        ["by somebody of another role", "refused (not_an_approver)", owner],
        ["by the press desk", "approved", approved],
        ["the other words", "denied", (await viewCall(clerk, other.callId)).state],
      ],
      [
        ["published before that", "nothing", before],
        ["published", `${String(audience)}: "${String(title)}", "${String(body)}"`, directory.published()],
      ],
    );
  },
};
