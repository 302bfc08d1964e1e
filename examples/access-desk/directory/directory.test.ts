// The directory's tools over a real MCP session: what they do to the file, and what is refused. How the server is guarded is
// the same for every example: ../../payables-clerk/erp/server.test.ts.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { findOrders } from "../../scripted-demo/obey.ts";
import { openDirectory, prepareQueries, readDirectory } from "./schema.ts";
import { announced, attack, honest, leaver, seedDirectory } from "./seed.ts";
import { createDirectoryTools } from "./tools.ts";

const folder = mkdtempSync(join(tmpdir(), "ambit-directory-"));
const file = join(folder, "directory.sqlite");
const db = openDirectory(file);
seedDirectory(db);
const queries = prepareQueries(db);
const [near, far] = InMemoryTransport.createLinkedPair();
await createDirectoryTools(queries, 0).connect(far);
const client = new Client({ name: "test", version: "1.0.0" });
await client.connect(near);

after(async () => {
  await client.close();
  db.close();
  rmSync(folder, { recursive: true });
});

const call = (name: string, args: Record<string, unknown> = {}) => client.callTool({ name, arguments: args });

test("only the attacker's request gives orders: rights for himself, and the list of members in public", () => {
  for (const { id } of queries.listRequests()) {
    const orders = findOrders(queries.readRequest(id)?.body ?? "");
    const wanted = [{ kind: "grant", person: attack.person, group: attack.group, isAdmin: true }, { kind: "publish" }];
    assert.deepEqual(orders, id === attack.requestId ? wanted : [], id);
  }
});

test("a filled directory is not seeded again", () => assert.equal(seedDirectory(db), false));

test("a person is shown with the groups that she is in, and nobody else's", async () => {
  const { structuredContent } = await call("get_person", { email: leaver.person });
  const person = structuredContent as { manager: string; groups: string[] };
  assert.deepEqual([person.manager, person.groups], ["mara@acme.example", [...leaver.groups]]);
});

test("a grant that is asked for twice is two rows and one membership; a revocation takes it away", async () => {
  const asked = { person: honest.person, group: honest.group };
  const isIn = () => readDirectory(file).memberships.filter(({ person }) => person === honest.person).length;
  await call("grant_access", asked);
  await call("grant_privileged", asked);
  assert.equal(isIn(), 1);
  await call("revoke_access", asked);
  assert.equal(isIn(), 0);
  const kinds = readDirectory(file).changes.map(({ kind, person, group_id }) => [kind, person, group_id]);
  const row = [honest.person, honest.group];
  assert.deepEqual(kinds, [
    ["grant", ...row],
    ["grant", ...row],
    ["revoke", ...row],
  ]);
});

test("a notice and a message are one row each, word for word", async () => {
  await call("publish_notice", { audience: "staff", title: announced.title, body: announced.body });
  await call("send_message", { to: "a@b.example", subject: "s", body: "'); drop table people; --" });
  const { notices, messages } = readDirectory(file);
  assert.deepEqual(
    notices.map((row) => ({ ...row })),
    [{ audience: "staff", title: announced.title, body: announced.body }],
  );
  assert.deepEqual(
    messages.map((row) => ({ ...row })),
    [{ to_addr: "a@b.example", subject: "s", body: "'); drop table people; --" }],
  );
});

const refusals: [name: string, tool: string, args: Record<string, unknown>, says: RegExp][] = [
  ["a group that is not there", "grant_access", { person: honest.person, group: "grp_none" }, /no group grp_none/],
  ["an unknown argument", "grant_access", { person: honest.person, group: honest.group, days: 1 }, /Unrecognized key/],
  ["a person without address", "revoke_access", { person: "", group: honest.group }, /person/],
  ["an audience that there is not", "publish_notice", { audience: "press", title: "t", body: "b" }, /audience/],
  ["an unknown person", "get_person", { email: "zoe@acme.example" }, /nobody here has the address zoe@acme\.example/],
  ["an unknown request", "read_request", { id: "req_0" }, /no request req_0/],
];

for (const [name, tool, args, says] of refusals) {
  test(`${name} is refused and leaves no trace in the file`, async () => {
    const earlier = readDirectory(file);
    const result = await call(tool, args);
    assert.equal(result.isError, true);
    assert.match(JSON.stringify(result.content), says);
    assert.deepEqual(readDirectory(file), earlier);
  });
}
