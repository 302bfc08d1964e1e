// Limits that could not mean what they say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lintManifest } from "./lint.ts";
import { manifestSchema } from "./schema.ts";
import { summarizeAuthority } from "./summary.ts";

function parse(limits: object, price?: object) {
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m", ...(price ? { price } : {}) };
  return manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model }, limits },
  });
}

const usd = { usd_per_day: 5 };
const rows: readonly [string, object, object | undefined, string[]][] = [
  ["dollars a day without a price", usd, undefined, ["error agent.model.price"]],
  ["dollars a day with a price", usd, { input: 1, output: 2 }, []],
  ["dollars a day of a model that costs nothing", usd, { input: 0, output: 0 }, ["warning limits.usd_per_day"]],
  ["dollars a day of a model that only reads for nothing", usd, { input: 0, output: 2 }, []],
  ["a price without dollars a day", {}, { input: 1, output: 2 }, []],
  ["tokens a day without a price", { tokens_per_day: 1000 }, undefined, []],
];
for (const [name, limits, price, expected] of rows) {
  test(`${name}: ${expected.join() || "nothing to say"}`, () => {
    const found = lintManifest(parse(limits, price));
    assert.deepEqual(
      found.map(({ level, field }) => `${level} ${field}`),
      expected,
    );
  });
}

test("the summary says every limit that the file sets", () => {
  const limits = {
    ...{ messages_per_user: "20/min", messages_per_channel: "1/s", messages_per_deployment: "100/min" },
    ...{ calls_per_user: "5/h", calls_per_deployment: "50/day", tokens_per_day: 1000, usd_per_day: 0.5 },
  };
  const lines = summarizeAuthority(parse(limits, { input: 1, output: 1 })).limits;
  for (const value of Object.values(limits)) {
    assert.ok(
      lines.some((line) => line.startsWith(`${value} `)),
      `${value} in ${lines.join(", ")}`,
    );
  }
});
