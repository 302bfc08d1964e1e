import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

const scratch = mkdtempSync("/tmp/ambit-inherited-");
after(() => rmSync(scratch, { recursive: true }));

/** Runs a program that was given a secret file as descriptors 7 and 151 under an open umask; returns what it prints. */
function runGiven(program: string): string {
  const secret = join(scratch, "secret");
  writeFileSync(secret, "of whoever started it");
  const script = 'umask 0; exec 7<"$1" 151<"$1"; shift; exec "$@"';
  const argv = ["-c", script, "bash", secret, process.execPath, "--input-type=module", "-e", program, scratch];
  const done = spawnSync("/bin/bash", argv, { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

const child = `
  import { spawnSync } from "node:child_process";
  import { writeFileSync } from "node:fs";
  writeFileSync(process.argv[1] + "/made", "");
  console.log(spawnSync("/bin/ls", ["-l", "/proc/self/fd"], { encoding: "utf8" }).stdout);`;
const forgetting = `
  import { forgetStarter } from "${new URL("./inherited.ts", import.meta.url).href}";
  forgetStarter();${child}`;

test("a descriptor that the starter left open reaches no child, and files made are nobody else's", () => {
  assert.doesNotMatch(runGiven(forgetting), /secret/);
  assert.equal(statSync(join(scratch, "made")).mode & 0o777, 0o600);
});

test("the test is not blind: without it the child has the file", () => {
  rmSync(join(scratch, "made"), { force: true });
  assert.match(runGiven(child), /151 -> .*secret/);
  assert.equal(statSync(join(scratch, "made")).mode & 0o777, 0o666);
});
