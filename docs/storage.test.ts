// Docs: whoever changes the form of a database adds a step to the versions of the state folder, so that a new Ambit takes a
// backup first and an older one refuses what it would not heed. Each form is read from a database as the program makes it.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { openStore } from "../src/admin/store.ts";
import { openStorage } from "../src/host/broker/storage.ts";
import { FrontChain } from "../src/host/front/chain.ts";
import { openRegistry } from "../src/host/supervisor/registry.ts";
import { stateSteps, versionAfter } from "../src/host/supervisor/state-version.ts";

/** Forms of the databases in each version of the state folder; `events.sqlite` is thrown away and made again. */
const forms: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  1: { host: 4, broker: 3, front: 1, admin: 1 },
};

const scratch = mkdtempSync("/tmp/ambit-forms-");
after(() => rmSync(scratch, { recursive: true }));

function formOf(name: string): number {
  const db = new DatabaseSync(join(scratch, `${name}.sqlite`));
  const form = Number(db.prepare("pragma user_version").get()?.["user_version"]);
  db.close();
  return form;
}

test("a database of another form is refused without a step in src/host/supervisor/state-version.ts", () => {
  const file = (name: string): string => join(scratch, `${name}.sqlite`);
  openRegistry(file("host"), () => "").close();
  openStorage(file("broker")).close();
  new FrontChain(scratch, () => undefined).close();
  openStore(file("admin")).close();
  const now = Object.fromEntries(["host", "broker", "front", "admin"].map((name) => [name, formOf(name)]));
  const version = versionAfter(stateSteps);
  assert.deepEqual(now, forms[version], `add a step to version ${version + 1}, and its forms here`);
});

test("steps lead from version 1 on, one at a time", () => {
  assert.deepEqual(
    stateSteps.map(({ to }) => to),
    stateSteps.map((_, index) => index + 2),
  );
});

test("docs/storage.md names the version", () => {
  const page = readFileSync(new URL("storage.md", import.meta.url), "utf8");
  assert.match(page, new RegExp(`version is ${versionAfter(stateSteps)}\\b`));
});
