// Who may speak: each listed sender beside one that looks, folds or parses like it and is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideMessage, decideSender } from "./allowlist.ts";
import { personKey } from "./people.ts";

const isListed = (user: string, list: readonly string[]): boolean => decideSender(user, list, "api") === undefined;

/** Entry of the list, a sender that it names, and one a step away that it does not. */
const rows: readonly (readonly [name: string, entry: string, listed: string, refused: string])[] = [
  ["another letter", "amy@acme.example", "amy@acme.example", "any@acme.example"],
  ["a case that is folded beside one that is not", "kim@acme.example", "KIM@Acme.Example", "\u212aim@acme.example"],
  ["a long s", "sam@acme.example", "SAM@acme.example", "\u017fam@acme.example"],
  ["a dotted capital i", "ida@acme.example", "IDA@acme.example", "\u0130da@acme.example"],
  ["a dotless i", "ida@acme.example", "ida@ACME.example", "\u0131da@acme.example"],
  ["a Cyrillic letter", "amy@acme.example", "amy@acme.example", "\u0430my@acme.example"],
  ["a full-width letter", "amy@acme.example", "Amy@acme.example", "\uff41my@acme.example"],
  ["another normal form", "zo\u00eb@acme.example", "zo\u00eb@acme.example", "zoe\u0308@acme.example"],
  ["an umlaut in another case", "\u00e4@acme.example", "\u00e4@acme.example", "\u00c4@acme.example"],
  ["an invisible character", "amy@acme.example", "amy@acme.example", "amy\u200b@acme.example"],
  ["a blank at the end", "amy@acme.example", "amy@acme.example", "amy@acme.example "],
  ["a line break at the end", "amy@acme.example", "amy@acme.example", "amy@acme.example\n"],
  ["a dot at the end", "amy@acme.example", "amy@acme.example", "amy@acme.example."],
  ["a name of no mail address", "ops-bot", "Ops-Bot", "ops-bot@acme.example"],
  ["a name that only begins so", "ops-bot", "ops-bot", "ops-bot2"],
  ["another domain", "*@acme.example", "amy@acme.example", "amy@acme.exampel"],
  ["a domain below it", "*@acme.example", "amy@acme.example", "amy@mail.acme.example"],
  ["a domain that ends so", "*@acme.example", "amy@acme.example", "amy@evil-acme.example"],
  ["a domain that begins so", "*@acme.example", "amy@acme.example", "amy@acme.example.evil.example"],
  ["the domain with a dot at the end", "*@acme.example", "amy@acme.example", "amy@acme.example."],
  ["the domain in another alphabet", "*@acme.example", "amy@ACME.EXAMPLE", "amy@\u0430cme.example"],
  ["a Kelvin sign in the domain", "*@kim.example", "amy@KIM.example", "amy@\u212aim.example"],
  ["two @", "*@acme.example", "amy@acme.example", "evil@evil.example@acme.example"],
  ["the domain twice", "*@acme.example", "amy@acme.example", "amy@acme.example@evil.example"],
  ["a quoted @", "*@acme.example", "amy@acme.example", `"evil@evil.example"@acme.example`],
  ["the entry itself", "*@acme.example", "a@acme.example", "*@acme.example"],
  ["no local part", "*@acme.example", "a@acme.example", "@acme.example"],
  ["a blank as local part", "*@acme.example", "a@acme.example", " @acme.example"],
  ["two addresses in one", "*@acme.example", "amy@acme.example", "evil, amy@acme.example"],
  ["a line break in the local part", "*@acme.example", "amy@acme.example", "evil\namy@acme.example"],
  ["a zero in the local part", "*@acme.example", "amy@acme.example", "evil\0@acme.example"],
  ["an invisible local part", "*@acme.example", "amy@acme.example", "\u200b@acme.example"],
  ["a full-width @", "*@acme.example", "amy@acme.example", "amy\uff20acme.example"],
  ["the domain alone", "*@acme.example", "amy@acme.example", "acme.example"],
  ["nothing", "*@acme.example", "amy@acme.example", ""],
];

for (const [name, entry, listed, refused] of rows) {
  test(`${name} is not on the list: ${JSON.stringify(refused)}`, () => {
    assert.equal(isListed(listed, [entry]), true);
    const refusal = decideSender(refused, [entry], "api");
    assert.deepEqual(
      [refusal?.control, refusal?.reason, refusal?.field],
      ["allowlists", "sender_not_listed", "channels.api.users"],
    );
  });
}

test("a star is a wildcard at the beginning of a domain and nowhere else", () => {
  for (const entry of [
    "*",
    "*@",
    "a*@acme.example",
    "*@*",
    "*@*.example",
    "*acme.example",
    "**@acme.example",
    "@acme.example",
  ]) {
    for (const user of ["amy@acme.example", "amy@", "@", "ab@acme.example", ""]) {
      assert.equal(isListed(user, [entry]), false, `${entry} lets in ${JSON.stringify(user)}`);
    }
  }
});

test("an empty list lets nobody in, and the list is read to its end", () => {
  assert.equal(isListed("amy@acme.example", []), false);
  assert.equal(isListed("", []), false);
  assert.equal(isListed("amy@acme.example", ["bob@acme.example", "*@other.example", "amy@acme.example"]), true);
  assert.equal(isListed("amy@acme.example", ["bob@acme.example", "*@other.example", "amy@acme.examples"]), false);
});

test("the refusal does not repeat who asked, nor who is listed", () => {
  const message = decideSender("evil@evil.example", ["amy@acme.example"], "api")?.message ?? "";
  assert.ok(message !== "" && !message.includes("evil") && !message.includes("amy"));
});

test("whoever a domain lets in has exactly one @ and exactly that domain", () => {
  const names = fc.string({
    unit: fc.constantFrom("a", "@", ".", "acme.example", "*", " ", "A", "\u212a", "\n"),
    maxLength: 8,
  });
  fc.assert(
    fc.property(names, (user) => {
      assert.equal(isListed(user, ["*@acme.example"]), /^[^*@\s]+@[aA]cme\.example$/.test(user));
    }),
    { numRuns: 3000, examples: [["aacme.example@acme.example"], ["a@Acme.example"]] },
  );
});

const groups = { staff: ["amy@acme.example", "*@acme.example"], nested: ["group:staff", "bob"] };

/** Entry of the list, a sender that it names through a group, and one that it does not. */
const grouped: readonly (readonly [name: string, entry: string, listed: string, refused: string])[] = [
  ["somebody outside the group", "group:staff", "AMY@acme.example", "amy@other.example"],
  ["somebody of another domain", "group:staff", "bob@acme.example", "bob@mail.acme.example"],
  ["a group inside a group", "group:nested", "bob", "amy@acme.example"],
  ["whoever is called like a group", "group:staff", "amy@acme.example", "group:staff"],
  ["whoever is called like a group in a group", "group:nested", "bob", "group:staff"],
  ["a group in another case", "group:staff", "amy@acme.example", "Group:staff"],
];

for (const [name, entry, listed, refused] of grouped) {
  test(`${name} is not in the group: ${JSON.stringify(refused)}`, () => {
    assert.equal(decideSender(listed, [entry], "api", groups), undefined);
    assert.equal(decideSender(refused, [entry], "api", groups)?.reason, "sender_not_listed");
  });
}

test("a group that is not there names nobody", () => {
  for (const entry of ["group:other", "group:constructor", "group:__proto__", "group:"]) {
    for (const user of ["amy@acme.example", entry, "constructor", ""]) {
      assert.equal(decideSender(user, [entry], "api", groups)?.reason, "sender_not_listed");
    }
  }
});

const lists = { users: ["amy"], rooms: ["C01", "ops"], workspaces: ["T01"] };
const from = (more: object) => decideMessage({ user: "amy", room: "C01", workspace: "T01", ...more }, lists, "api", {});

/** Beside a message of a listed user from a listed room of a listed workspace. */
const places: readonly (readonly [name: string, change: object, reason: string])[] = [
  ["another user", { user: "bob" }, "sender_not_listed"],
  ["another room", { room: "C02" }, "room_not_listed"],
  ["a room in another case", { room: "c01" }, "room_not_listed"],
  ["a room with a blank", { room: "C01 " }, "room_not_listed"],
  ["no room", { room: undefined }, "room_not_listed"],
  ["an empty room", { room: "" }, "room_not_listed"],
  ["the workspace's id as room", { room: "T01" }, "room_not_listed"],
  ["another workspace", { workspace: "T02" }, "workspace_not_listed"],
  ["a workspace in another case", { workspace: "t01" }, "workspace_not_listed"],
  ["no workspace", { workspace: undefined }, "workspace_not_listed"],
];

for (const [name, change, reason] of places) {
  test(`a message is refused for ${name}`, () => {
    assert.equal(from({}), undefined);
    assert.equal(from({ room: "ops" }), undefined);
    const refusal = from(change);
    assert.deepEqual([refusal?.control, refusal?.reason], ["allowlists", reason]);
    assert.match(refusal?.field ?? "", /^channels\.api\.(users|rooms|workspaces)$/);
  });
}

test("a channel that lists no places takes its users from any", () => {
  const open = { users: ["amy"] };
  assert.equal(decideMessage({ user: "amy" }, open, "api", {}), undefined);
  assert.equal(decideMessage({ user: "amy", room: "anywhere", workspace: "T9" }, open, "api", {}), undefined);
  assert.equal(
    decideMessage({ user: "amy", room: "C01" }, { ...open, rooms: [] }, "api", {})?.reason,
    "room_not_listed",
  );
});

test("one person written in two ways is one person, and two are two", () => {
  const same = [
    "Fay@acme.example",
    "fay@ACME.example",
    " fay@acme.example",
    "fa\u200dy@acme.example",
    "\uff46ay@acme.example",
  ];
  for (const name of same) assert.equal(personKey(name), "fay@acme.example", JSON.stringify(name));
  assert.equal(personKey("zo\u00eb"), personKey("ZOE\u0308"));
  assert.equal(personKey("\u212aim"), "kim");
  assert.notEqual(personKey("fay@acme.example"), personKey("gay@acme.example"));
});
