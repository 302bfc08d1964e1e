import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

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
  import { spawn, spawnSync } from "node:child_process";
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

test("a file that a thread of Node's is reading is not closed under its hands, nor what has its number afterwards", async () => {
  const certificates = join(scratch, "certificates");
  assert.equal(spawnSync("mkfifo", [certificates]).status, 0);
  const program = `
    import "node:tls";
    import { openSync, fstatSync, readdirSync, readlinkSync } from "node:fs";
    import { setTimeout as delay } from "node:timers/promises";
    import { forgetStarter } from "${new URL("./inherited.ts", import.meta.url).href}";
    const open = () => readdirSync("/proc/self/fd").map((fd) => { try { return readlinkSync("/proc/self/fd/" + fd); } catch {} });
    while (!open().includes(process.argv[1])) await delay(5);
    console.log("it reads");
    forgetStarter();
    const files = [1, 2, 3, 4].map(() => openSync("/dev/null"));
    await delay(300);
    console.log(files.map((file) => fstatSync(file).rdev > 0).join());`;
  const argv = ["--input-type=module", "-e", program, certificates];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificates };
  // Open for both, so that it has no end until this one is closed.
  const slow = openSync(certificates, "r+");
  const limits = { timeout: 20_000, killSignal: "SIGKILL" } as const;
  const reader = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "inherit"], ...limits });
  const lines: string[] = [];
  for await (const line of createInterface({ input: reader.stdout })) {
    lines.push(line);
    if (lines.length > 1) continue;
    await delay(100);
    closeSync(slow);
  }
  assert.deepEqual(lines, ["it reads", "true,true,true,true"]);
});
