// Each conversation belongs to the channel that its name begins with, and is listed there or nowhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { isStillListed } from "./still-listed.ts";

const agent = {
  instructions: "./i.md",
  model: { provider: "anthropic", base_url: "https://api.example/v1", name: "m" },
};
const api = { users: ["amy", "both"] };
const webhook = { users: ["bob", "both", "group:staff"], secret: "hooks" };
const groups = { staff: ["gil"] };

/** Channels of the release, the conversation, its user, and whether it may go on. */
const rows = [
  [{ api, webhook }, "api:amy:t", "amy", true],
  [{ api, webhook }, "webhook:amy:t", "amy", false],
  [{ api, webhook }, "webhook:bob:t", "bob", true],
  [{ api, webhook }, "api:bob:t", "bob", false],
  [{ api, webhook }, "webhook:gil:t", "gil", true],
  [{ api, webhook }, "webhook:both:t", "both", true],
  [{ api }, "webhook:both:t", "both", false],
  [{ webhook }, "api:both:t", "both", false],
  [{ api, webhook }, "both", "both", false],
  [{ api, webhook }, ":both:t", "both", false],
  [{ api, webhook }, "constructor:both:t", "both", false],
] as const;

for (const [channels, thread, user, expected] of rows) {
  test(`${user} in ${thread}, with channels ${Object.keys(channels)}: ${expected ? "goes on" : "ends"}`, () => {
    const manifest = manifestSchema.parse({ ...{ version: 1, name: "ab", purpose: "x", agent }, groups, channels });
    const release = {
      v: 1 as const,
      release: "0".repeat(64),
      manifest,
      instructions: "",
      policy: null,
      recordFiles: {},
    };
    assert.equal(isStillListed(release, thread, user), expected);
  });
}
