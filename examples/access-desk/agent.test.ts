// The access desk's file and the directory that it names belong together; who may be let into what is decided in the file,
// for the directory itself takes any group with either tool.
import assert from "node:assert/strict";
import { test } from "node:test";
import { testAgentFile } from "../tool-server/fixtures/agent-file.ts";
import { openDirectory, prepareQueries } from "./directory/schema.ts";
import { seedDirectory } from "./directory/seed.ts";
import { createDirectoryTools } from "./directory/tools.ts";

const db = openDirectory(":memory:");
seedDirectory(db);
const directory = createDirectoryTools(prepareQueries(db), 0);
const { manifest, contracts, untrusted } = await testAgentFile(
  new URL("agent.yaml", import.meta.url),
  "directory",
  directory,
  [],
);

test("what a stranger writes is untrusted, what the house writes is a record", () => {
  assert.deepEqual(untrusted("read_request"), ["body", "from", "subject"]);
  assert.deepEqual(untrusted("list_requests"), ["from", "subject"]);
  for (const tool of ["get_person", "get_group", "list_members", "grant_access"]) assert.deepEqual(untrusted(tool), []);
});

test("each group of the directory can be granted by one tool, privileged ones by the one that needs two people", () => {
  const of = (privileged: 0 | 1) =>
    db
      .prepare("select id from groups where privileged = ? order by id")
      .all(privileged)
      .map(({ id }) => id);
  assert.deepEqual(contracts["grant_access"]?.only["group"], of(0));
  assert.deepEqual(contracts["grant_privileged"]?.only["group"], of(1));
  assert.equal(contracts["grant_privileged"]?.review?.count, 2);
});

test("the record view shows who is in which group and leaves out whoever has left", () => {
  const view = manifest.records["group_members"];
  const rows = () => db.prepare(view?.sql ?? "").all({ status: String(view?.bind["status"]) });
  assert.deepEqual(Object.keys(rows()[0] ?? {}).toSorted(), Object.keys(view?.returns ?? {}).toSorted());
  const isLena = ({ email }: Record<string, unknown>) => email === "lena@acme.example";
  assert.equal(rows().filter(isLena).length, 3);
  db.exec("update people set status = 'left' where email = 'lena@acme.example'");
  assert.equal(rows().filter(isLena).length, 0);
});
