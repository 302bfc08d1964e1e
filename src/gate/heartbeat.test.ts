// Threads whose alarm the engine forgot: whoever keeps many conversations unfinished must not keep the others from going on.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Env } from "./env.ts";
import { goOn, noteWork } from "./heartbeat.ts";

test("a hundred conversations that never end do not keep later ones from being looked after", async () => {
  const resumed: string[] = [];
  const getByName = (name: string) => ({ resume: async () => void resumed.push(name) });
  const env = { THREAD: { getByName } } as unknown as Env;
  for (let n = 0; n < 150; n++) noteWork(`api:amy:${n}`, true);
  noteWork("api:bob:t", true);
  await goOn(env);
  assert.equal(resumed.length, 100);
  await goOn(env);
  assert.equal(new Set(resumed).size, 151);
  noteWork("api:bob:t", false);
  const before = resumed.length;
  await goOn(env);
  assert.ok(!resumed.slice(before).includes("api:bob:t"));
});
