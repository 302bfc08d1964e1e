// Ways to switch control `allowlists` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "allowlists", claim: "claims/allowlists.claim.test.ts" } as const;
const listed = { ...of, works: "whoever is listed is answered: by name, by domain, by group, from each listed room" };
const signed = {
  ...of,
  works: "a signed webhook of a listed user is taken at once, and its answer is read over the API",
};

export const allowlists: readonly Mutation[] = [
  {
    ...listed,
    name: "whoever is taken off the list",
    red: "a message of whoever is taken off the list goes on no further, and one of whoever stays does",
    file: "src/gate/channels/still-listed.ts",
    find: "channel, groups) === undefined",
    replace: "channel, groups) !== null",
  },
  {
    ...listed,
    name: "only listed senders",
    red: "a sender one step away from a listed one is refused, and the model sees nothing of it",
    file: "src/controls/access/allowlist.ts",
    find: "if (isListed(user, list, groups)) return undefined;",
    replace: "if (isListed(user, list, groups) || channel !== user) return undefined;",
  },
  {
    ...listed,
    name: "a domain is that domain",
    red: "a sender one step away from a listed one is refused, and the model sees nothing of it",
    file: "src/controls/access/people.ts",
    find: "rest[0] === domain &&",
    replace: "rest[0]?.endsWith(domain) &&",
  },
  {
    ...listed,
    name: "only the case of A to Z is folded",
    red: "a sender one step away from a listed one is refused, and the model sees nothing of it",
    file: "src/controls/access/people.ts",
    find: "name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())",
    replace: "name.toLowerCase()",
  },
  {
    ...listed,
    name: "only listed rooms",
    red: "a room that is not listed, or none, is refused, and the model sees nothing of it",
    file: "src/controls/access/allowlist.ts",
    find: `decidePlace("room", sender.room, lists.rooms, channel)`,
    replace: "undefined",
  },
  {
    ...listed,
    name: "only listed workspaces",
    red: "a workspace that is not listed, or none, is refused, and the model sees nothing of it",
    file: "src/controls/access/allowlist.ts",
    find: `decidePlace("workspace", sender.workspace, lists.workspaces, channel)`,
    replace: "undefined",
  },
  {
    ...listed,
    name: "a stranger is answered once a day",
    red: "a stranger is answered once a day and written down once, also when the gate was killed in between",
    file: "src/gate/ledger/refused-senders.ts",
    find: ".toArray().length > 0) return false;",
    replace: ".toArray().length > 0) return true;",
  },
  {
    ...signed,
    name: "only signed webhooks",
    red: "a webhook that is not signed, not now or not just so never reaches the model",
    file: "src/controls/access/webhook.ts",
    find: "if (equal.length > 0) return undefined;",
    replace: "if (equal.length >= 0) return undefined;",
  },
  {
    ...signed,
    name: "a signed id stands for one body",
    red: "a webhook that is sent again is the same message, also after a kill; its id takes no other body",
    file: "src/gate/ledger/signed-ids.ts",
    find: `if (body) return body["body"] === bodyHash ? undefined : reused;`,
    replace: `if (body) return body["body"] === bodyHash ? undefined : undefined;`,
  },
  {
    ...listed,
    name: "only listed senders read",
    red: "whoever is not listed cannot read a turn, not even with its name",
    file: "src/gate/channels/way-in.ts",
    find: "=> decideSender(user, users, channel, groups));",
    replace: `=> decideSender("amy", users, channel, groups));`,
  },
];
