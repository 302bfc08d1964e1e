// Control `schemas`: whatever reaches a lifecycle or channel door is parsed by a schema that refuses unknown keys and
// names the field; a deployment file with a slip is refused with its line and a guess. Asked over real sockets.
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { hashRelease } from "../src/controls/manifest/hash.ts";
import { node, root } from "../src/cli/child.ts";
import { askControl } from "../src/cli/ask-host.ts";
import { mint } from "../src/admin/fixtures/stand.ts";
import { freshState } from "./fresh-state.ts";
import { fuzzAdmin } from "./fuzz-admin.ts";
import { setNotesStage } from "./notes-stage.ts";
import type { SmallStage } from "./small-stage.ts";

const state = freshState();
let small: SmallStage;

before(async () => {
  small = await setNotesStage(state.folder);
});

after(async () => {
  await small?.stage.stop();
  state.remove();
});

const good = { user: "amy", text: "hello" };

test("works at all: a well-formed message is accepted", async () => {
  assert.equal((await send(JSON.stringify(good))).status, 202);
});

/** Each is one step away from the message that is accepted. */
const refused: readonly [name: string, body: string, status: number, field: string | undefined][] = [
  ["an unknown key", JSON.stringify({ ...good, texts: "x" }), 422, "texts"],
  ["a missing text", JSON.stringify({ user: "amy" }), 422, "text"],
  ["a number as text", JSON.stringify({ ...good, text: 1 }), 422, "text"],
  ["an empty text", JSON.stringify({ ...good, text: "" }), 422, "text"],
  ["a thread that is a path", JSON.stringify({ ...good, thread: "../x" }), 422, "thread"],
  ["a list", "[]", 422, "(body)"],
  ["a user that answers for its length", JSON.stringify({ ...good, user: { length: { toString: 1 } } }), 422, "(body)"],
  ["a message over the limit", JSON.stringify({ ...good, text: "x".repeat(100_001) }), 422, "text"],
  ["a body that is no JSON", "{", 400, undefined],
  ["a body over a megabyte", JSON.stringify({ ...good, text: "x".repeat(1_100_000) }), 413, undefined],
];

for (const [name, body, status, field] of refused) {
  test(`${name} is refused and named`, async () => {
    const answer = await send(body);
    assert.equal(answer.status, status);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    if (field !== undefined) assert.equal(((await answer.json()) as { field: string }).field, field);
  });
}

test("a message of another content type is refused", async () => {
  assert.equal((await send(JSON.stringify(good), "text/plain")).status, 415);
});

test("a decision with an unknown key is refused and named", async () => {
  const body = { decision: "approve", actionHash: "0".repeat(64), by: "amy", always: true };
  const answer = await askControl(state.folder, "POST", "/v1/deployments/notes/gate/control/approvals/call_00000000", {
    body,
  });
  assert.equal(answer.status, 422);
  assert.equal((answer.body as { field: string }).field, "always");
});

test("a deploy with an unknown key is refused and named, and the deployment goes on", async () => {
  const body = { release: small.release, force: true };
  const answer = await askControl(state.folder, "PUT", "/v1/deployments/notes", { body });
  assert.equal(answer.status, 422);
  assert.equal((answer.body as { field: string }).field, "force");
  assert.equal((await send(JSON.stringify(good))).status, 202);
});

test("a release whose manifest has an unknown key is refused, even with the right hash", async () => {
  const { release: _hash, ...parts } = small.release;
  const widened = { ...parts, manifest: { ...parts.manifest, trust_everything: true } };
  const body = { release: { ...widened, release: hashRelease(widened) } };
  const answer = await askControl(state.folder, "PUT", "/v1/deployments/notes", { body });
  assert.equal(answer.status, 422);
  assert.match((answer.body as { field: string }).field, /trust_everything/);
});

test("an act over the API with an unknown key, or one that is the token's to say, is refused and named", async () => {
  const freeze = async (body: object) => {
    const headers = { authorization: `Bearer ${await mint(state.folder, "operator", "amy")}` };
    const answer = await fetch(`${small.stage.host.admin}/v1/deployments/notes/freeze`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as { field?: string; frozen?: { by: string } } };
  };
  for (const field of ["for", "by"]) {
    const got = await freeze({ reason: "a look", [field]: "eve" });
    assert.deepEqual([got.status, got.body.field], [422, field]);
  }
  assert.equal((await send(JSON.stringify(good))).status, 202);
  const done = await freeze({ reason: "a look" });
  assert.deepEqual([done.status, done.body.frozen?.by], [200, "amy"]);
  await askControl(state.folder, "POST", "/v1/deployments/notes/thaw", { body: { by: "amy" } });
});

test("three hundred requests made of the API's own document, most of them wrong: no fault, no silence", async () => {
  const { statuses, faults } = await fuzzAdmin(300, 1, false);
  assert.deepEqual(faults, []);
  assert.ok((statuses["422"] ?? 0) > 10 && (statuses["200"] ?? 0) > 10, JSON.stringify(statuses));
});

test("a deployment file with a slip is refused with line, column and a guess", () => {
  const folder = mkdtempSync(join(tmpdir(), "ambit-slip-"));
  try {
    const file = join(folder, "agent.yaml");
    writeFileSync(file, "version: 1\nname: notes\npurpos: Keep notes.\n");
    const ran = spawnSync(node, [`${root}src/cli/main.ts`, "check", file], { encoding: "utf8" });
    assert.equal(ran.status, 1);
    assert.match(ran.stderr, /agent\.yaml:3:1: purpos: unknown key "purpos"; did you mean "purpose"\?/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function send(body: string, type = "application/json"): Promise<Response> {
  const { url, token } = small.stage;
  const headers = { authorization: `Bearer ${token}`, "content-type": type };
  return fetch(`${url}/d/notes/v1/messages`, { method: "POST", headers, body });
}
