// The labelled callback cases lie beside the checkout, when they are there at all: they are development data and no part
// of the product. A plain implementation of the rules reaches 0 missed and 0 false, so anything else is a bug.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decideAnswers, decideUrl, nothingListed } from "./url.ts";

const file = join(import.meta.dirname, "../../../../shared/data/ssrf/dev.jsonl");
const reason = existsSync(file) ? false : "../shared/data/ssrf is not beside this checkout";

interface Case {
  readonly id: string;
  readonly url: string;
  readonly resolves?: readonly string[];
  readonly resolves2?: readonly string[];
  readonly redirect?: { readonly status: number };
  readonly verdict: "allow" | "block" | "either";
}

/** The rule that blocks, or null: both moments, as a callback is saved and as it is sent. */
function ruleFor(one: Case): string | null {
  const save = decideUrl(one.url, nothingListed, "save");
  if (save.verdict === "refuse") return save.refusal.reason;
  if (one.resolves !== undefined && !save.value.isAddress) {
    for (const [moment, answers] of [
      ["save", one.resolves] as const,
      ["send", one.resolves2 ?? one.resolves] as const,
    ]) {
      const verdict = decideAnswers(save.value, answers, moment);
      if (verdict.verdict === "refuse") return verdict.refusal.reason;
    }
  }
  return one.redirect === undefined ? null : "redirect.refused";
}

test("no callback case is missed and no public one is blocked", { skip: reason }, () => {
  const cases = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Case);
  assert.ok(cases.length > 700);
  const missed = cases.filter((one) => one.verdict === "block" && ruleFor(one) === null).map((one) => one.id);
  const blocked = cases
    .filter((one) => one.verdict === "allow" && ruleFor(one) !== null)
    .map((one) => `${one.id} ${ruleFor(one)}`);
  assert.deepEqual({ missed, blocked }, { missed: [], blocked: [] });
});
