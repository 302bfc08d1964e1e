// Many requests at one moment: between the question whether there is a place and the conversation that takes it, others ask.
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import type { Env } from "../env.ts";
import { maxResidents, maxResidentsOfUser } from "../residents.ts";
import { answerChannel } from "./api.ts";

const manifest = manifestSchema.parse({
  ...{ version: 1, name: "ab", purpose: "x", channels: { api: { users: ["amy", "bob"] } } },
  agent: { instructions: "./i.md", model: { provider: "anthropic", base_url: "https://api.example/v1", name: "m" } },
});
const release = { v: 1, release: "0".repeat(64), manifest, instructions: "", policy: null, recordFiles: {} };

/** A gate whose Ledger lets every message in a moment later; `opened` are the conversations that were looked at. */
function openGate() {
  const opened = new Set<string>();
  const later = <T>(value: T) => new Promise<T>((resolve) => setImmediate(() => resolve(value)));
  const ledger = { admitMessage: () => later({ refusal: null, headers: {} }), hasThread: () => later(true) };
  const thread = (name: string) => {
    opened.add(name);
    return { submit: () => later({ turn: 1 }), answer: () => later(null) };
  };
  const env = {
    ...{ RELEASE: JSON.stringify(release), TOKENS: "[]" },
    ...{ LEDGER: { getByName: () => ledger }, THREAD: { getByName: thread } },
  } as unknown as Env;
  const ask = async (path: string, init: RequestInit = {}) => {
    const url = new URL(path, "http://gate");
    return (await answerChannel(new Request(url, init), url, env)).status;
  };
  const post = (user: string, name: string) => {
    const headers = { "content-type": "application/json" };
    return ask("/v1/messages", { method: "POST", headers, body: JSON.stringify({ user, thread: name, text: "x" }) });
  };
  return { opened, ask, post };
}

test("requests that come at once do not take more places than there are", async () => {
  const { opened, ask, post } = openGate();
  const names = Array.from({ length: 2 * maxResidentsOfUser }, (_, n) => `t${n}`);
  const posted = await Promise.all(names.slice(0, maxResidentsOfUser).map((name) => post("amy", name)));
  assert.ok(posted.every((status) => status === 202));
  const asked = await Promise.all(
    names.slice(maxResidentsOfUser).map((name) => ask(`/v1/threads/${name}/turns/1?user=amy`)),
  );
  const more = await Promise.all(names.slice(maxResidentsOfUser).map((name) => post("amy", name)));
  assert.ok([...asked, ...more].every((status) => status === 429));
  assert.equal(opened.size, maxResidentsOfUser);
  const others = await Promise.all(names.map((name) => ask(`/v1/threads/${name}/turns/1?user=bob`)));
  assert.equal(others.filter((status) => status === 404).length, maxResidents - maxResidentsOfUser);
  assert.equal(opened.size, maxResidents);
});
