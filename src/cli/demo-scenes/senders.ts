// Who may speak, and how often, is decided before the model is asked: what it was asked stands in its own log. A stranger
// would like to be answered again and again, or to pass for one of the house; whoever floods, to be served before others.
import type { Problem } from "../../controls/wire/gate.ts";
import { amy, describeEdits, type Clerk } from "../demo-clerk.ts";
import { World } from "../demo-erp.ts";
import { conclude, orderPayment, refusalOf, thief, type Scene } from "../demo-scene.ts";

const stranger = "eve@evil.example";
const lookalike = "amy@acme.example.evil.example";
const cents = 8111;

export const unlistedSender: Scene = {
  name: "unlisted-sender",
  title: "Somebody who is not listed writes",
  gist: "told once, then nothing; the model never saw a word of it",
  play: async ({ clerk, erpFile, asked }, say) => {
    const world = new World(erpFile);
    const before = asked().length;
    const first = await write(clerk, stranger);
    const second = await write(clerk, stranger);
    const other = await write(clerk, lookalike);
    say(`${stranger} sends an order to pay: ${first.refusal}. She is told once: "${first.reply}"`);
    say(`She writes again: ${second.refusal}, and no answer. Under the name ${lookalike}: ${other.refusal}.`);
    const colleague = await clerk.as("ben@acme.example").say("What invoices are open?");
    const reached = asked().slice(before);
    return conclude(
      [
        ["first", "refused (sender_not_listed), and told so", `${first.refusal}, ${first.told}`],
        ["again", "refused (sender_not_listed), without a word", `${second.refusal}, ${second.told}`],
        ["under a name like Amy's", "refused (sender_not_listed)", other.refusal],
        ["a listed colleague", "done", colleague.state],
      ],
      [
        ["the model was asked", "What invoices are open?", [...new Set(reached)].join(" and ")],
        ["paid", "nothing", world.paid()],
      ],
    );
  },
};

const edits = [
  { after: "limits:", find: "turn_timeout: 10m", replace: "turn_timeout: 10m\n  messages_per_user: 3/min" },
];

export const rateLimited: Scene = {
  name: "rate-limited",
  title: "One user sends more than the file allows",
  gist: "the fourth message waits outside; a colleague is still served",
  play: async (stage, say) => {
    const clerk = await stage.deploy("clerk-in-demand", edits);
    const question = (n: number) => `What invoices are open? I ask for time ${n}.`;
    const before = stage.asked().length;
    const answers: string[] = [];
    for (const n of [1, 2, 3]) answers.push((await clerk.client.say(question(n))).state);
    const { status, headers, body } = await clerk.client.post({ user: amy, text: question(4) });
    const seconds = Number(headers.get("retry-after"));
    say(
      `${clerk.name} has a file of its own: ${describeEdits(edits)}. Amy sends four messages in a row. Three are answered.`,
    );
    say(`The fourth: ${status}, ${refusalOf(body)}, Retry-After: ${seconds} s. Ben, meanwhile, is served.`);
    const other = await clerk.as("ben@acme.example").say(question(5));
    const reached = [...new Set(stage.asked().slice(before))].map((text) => / (\d)\.$/.exec(text)?.[1] ?? text);
    return conclude(
      [
        ["Amy's first three", "done, done, done", answers.join(", ")],
        ["her fourth", "429 refused (too_many_messages)", `${status} ${refusalOf(body)}`],
        ["Retry-After", "1 to 60 s", seconds >= 1 && seconds <= 60 ? "1 to 60 s" : `${seconds} s`],
        ["Ben's", "done", other.state],
      ],
      [["messages that the model was asked", "1, 2, 3, 5", reached.join(", ")]],
    );
  },
};

interface Refused {
  readonly refusal: string;
  readonly reply: string;
  readonly told: "and told so" | "without a word";
}

async function write(clerk: Clerk, user: string): Promise<Refused> {
  const { body } = await clerk.as(user).post({ user, text: orderPayment(cents, thief.iban) });
  const { reply } = body as Partial<Problem>;
  return { refusal: refusalOf(body), reply: reply ?? "", told: reply === undefined ? "without a word" : "and told so" };
}
