import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, until } from "./fixtures/stand.ts";
import { configFile, reapEarlier, reapGate } from "./reaper.ts";

// A dot and a bracket, because the path becomes part of a pattern.
const configs = join(mkdtempSync("/tmp/ambit-reaper-"), "con.figs[1]");
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(join(configs, ".."), { recursive: true });
});

/** A process with these words in its command line, as a sandbox has them. */
function run(...words: string[]): number {
  const child = spawn("/bin/sh", ["-c", "read -r line", ...words], { stdio: ["pipe", "ignore", "ignore"] });
  started.push(child);
  return child.pid ?? -1;
}

function config(name: string, supervisor: number): string {
  mkdirSync(join(configs, name), { recursive: true });
  writeFileSync(join(configs, name, configFile(supervisor)), "");
  return join(configs, name, configFile(supervisor));
}

const bwrap = "/usr/bin/bwrap";

test("what earlier supervisors left is ended; readers, strangers and look-alikes are not", async () => {
  const doomed = [run(bwrap, config("alpha", 11)), run(config("beta-2", 4_000_000), bwrap, "--more")];
  const spared = [
    run("/usr/bin/less", config("alpha", 11)),
    run(bwrap, join(configs, "alpha", "release.json")),
    run(bwrap, `${config("alpha", 11)}.bak`),
    run(bwrap, config("alpha", 11).replace("con.figs", "conXfigs")),
    run(bwrap, `--x=${config("alpha", 11)}`),
  ];
  await reapEarlier(configs);
  await until("the left ones end", () => !doomed.some(isAlive));
  await delay(100);
  assert.deepEqual(
    spared.map(isAlive),
    spared.map(() => true),
  );
});

test("what is left of one gate of ours is ended, another gate of ours and a gate of another supervisor are not", async () => {
  const doomed = run(bwrap, config("alpha", process.pid));
  const spared = [run(bwrap, config("beta", process.pid)), run(bwrap, config("alpha", process.pid + 1))];
  await reapGate(configs, "alpha");
  await until("it ends", () => !isAlive(doomed));
  await delay(100);
  assert.deepEqual(spared.map(isAlive), [true, true]);
});

test("a killed supervisor's gates end even when nothing else ends them, and its sockets go; while it lives they stay", async () => {
  const folder = join(configs, "..");
  mkdirSync(join(folder, "gates", "alpha"), { recursive: true });
  writeFileSync(join(folder, "control.sock"), "");
  const program = `
    const { Reaper } = await import(${JSON.stringify(join(import.meta.dirname, "reaper.ts"))});
    new Reaper(${JSON.stringify(folder)}, ${JSON.stringify(configs)}).start();
    console.log("started");
    setInterval(() => {}, 1000);`;
  const supervisor = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(supervisor);
  await new Promise((resolve) => supervisor.stdout.once("data", resolve));
  const orphan = run(bwrap, config("alpha", supervisor.pid ?? -1));
  await delay(300);
  assert.equal(isAlive(orphan), true);
  assert.ok(existsSync(join(folder, "control.sock")));
  supervisor.kill("SIGKILL");
  await until("it ends", () => !isAlive(orphan), 3000);
  await until(
    "its sockets go",
    () => !existsSync(join(folder, "control.sock")) && !existsSync(join(folder, "gates")),
    3000,
  );
});
