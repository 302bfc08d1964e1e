// Docs: whoever changes the form of a database adds a step to the versions of the state folder, so that a new Ambit takes a
// backup first and an older one refuses what it would not heed. Each form is read from a database as the program makes it.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { openStore } from "../src/admin/store.ts";
import { storageVersion } from "../src/host/broker/storage.ts";
import { registryVersion } from "../src/host/supervisor/registry.ts";
import { stateSteps, versionAfter } from "../src/host/supervisor/state-version.ts";

/** Forms of `host.sqlite`, `broker.sqlite` and `admin.sqlite` in each version of the state folder. */
const forms: Readonly<Record<number, { readonly host: number; readonly broker: number; readonly admin: number }>> = {
  1: { host: 4, broker: 3, admin: 1 },
};

const scratch = mkdtempSync("/tmp/ambit-forms-");
after(() => rmSync(scratch, { recursive: true }));

test("a database of another form is refused without a step in src/host/supervisor/state-version.ts", () => {
  const store = openStore(join(scratch, "admin.sqlite"));
  const admin = Number(store.prepare("pragma user_version").get()?.["user_version"]);
  store.close();
  const now = { host: registryVersion, broker: storageVersion, admin };
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
