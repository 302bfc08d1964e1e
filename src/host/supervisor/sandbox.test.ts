import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { isRoot } from "./fixtures/stand.ts";
import { findLibraries } from "./libraries.ts";
import { buildLaunchArgv, buildSandboxArgv, type LaunchSpec, type Mount } from "./sandbox.ts";

const scratch = mkdtempSync("/tmp/ambit-sandbox-");
after(() => rmSync(scratch, { recursive: true }));
chmodSync(scratch, 0o755);
const uid = 65_990;
const caller = { callerUid: process.getuid?.() ?? -1, callerPid: process.pid };
const usual = { ...caller, uid: isRoot ? uid : null, cgroups: [], openFiles: 256, processes: null };

function run(spec: LaunchSpec): Promise<{ code: number | null; out: string; err: string }> {
  const [command = "", ...args] = buildLaunchArgv(spec);
  const child = spawn(command, args, { env: { LEAKED: "secret" }, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

/** Runs the hostile program inside the walls of a gate. */
async function probeInside(change: (argv: string[]) => string[] = (argv) => argv): Promise<Record<string, unknown>> {
  const [data, door, node, program] = ["data", "door", "node", "inside.ts"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const folder of [data, door]) mkdirSync(folder, { recursive: true });
  if (isRoot) chownSync(data, uid, uid);
  copyFileSync(process.execPath, node);
  copyFileSync(join(import.meta.dirname, "fixtures/inside.ts"), program);
  chmodSync(program, 0o644);
  const listener = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  const abstract = createServer((socket) => socket.end()).listen(`\0ambit-${process.pid}`);
  await Promise.all([listener, abstract].map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const same = (path: string): Mount => ({ from: path, to: path });
  const sandbox = buildSandboxArgv({
    hostname: "gate",
    readOnly: [
      ...findLibraries(node).map(same),
      { from: node, to: "/gate/node" },
      { from: program, to: "/gate/inside.ts" },
      { from: door, to: "/run/door" },
    ],
    writable: [{ from: data, to: "/data" }],
    argv: ["/gate/node", "/gate/inside.ts", String((listener.address() as AddressInfo).port), `ambit-${process.pid}`],
  });
  const { out, err } = await run({ ...usual, openFiles: 4096, argv: change(sandbox) });
  listener.close();
  abstract.close();
  assert.notEqual(out, "", err);
  return JSON.parse(out) as Record<string, unknown>;
}

test("native code inside the walls finds no network, no host file, no environment, no privilege; its data it may write", async () => {
  const { root, environment, devices, processes, ...rest } = await probeInside();
  assert.deepEqual(devices, ["lo"]);
  assert.deepEqual(
    (root as string[]).filter((name) => !["data", "dev", "gate", "lib", "lib64", "proc", "run", "usr"].includes(name)),
    [],
  );
  assert.deepEqual(
    (environment as string[]).filter((name) => name !== "PWD"),
    [],
  );
  assert.ok((processes as number) <= 3, `sees ${String(processes)} processes`);
  assert.deepEqual(rest, {
    interfaces: ["lo"],
    loopback: "ECONNREFUSED",
    abstract: "ECONNREFUSED",
    uid: 10_001,
    capabilities: Array.from({ length: 4 }, () => "0000000000000000"),
    noNewPrivileges: "1",
    passwd: "ENOENT",
    corePattern: "EACCES",
    sysrq: "ENOENT",
    rootFile: "EROFS",
    deviceFile: "EROFS",
    doorFile: "EROFS",
    dataFile: "done",
    shell: "ENOENT",
    hostname: "gate",
  });
});

const drop =
  (flag: string, words = 1) =>
  (argv: string[]) => {
    const at = argv.indexOf(flag);
    assert.ok(at > 0, `${flag} is no argument`);
    return argv.toSpliced(at, words);
  };

test("the probe is not blind: with one wall taken away it reports that wall", async () => {
  const rows = [
    { change: drop("--unshare-net"), field: "loopback", open: "connected" },
    { change: drop("--clearenv"), field: "environment", open: ["LEAKED", "PWD"] },
    { change: drop("--remount-ro", 2), field: "deviceFile", open: "done" },
  ];
  for (const { change, field, open } of rows) assert.deepEqual((await probeInside(change))[field], open, field);
});

test("root starts nothing as root and nothing without a user id", () => {
  const asRoot = { ...usual, callerUid: 0, argv: ["true"] };
  assert.throws(() => buildLaunchArgv({ ...asRoot, uid: 0 }), /user id 0/);
  assert.throws(() => buildLaunchArgv({ ...asRoot, uid: null }), /must name the user id/);
  assert.ok(buildLaunchArgv({ ...asRoot, uid: 66_010 }).includes("--reuid=66010"));
  assert.ok(!buildLaunchArgv({ ...asRoot, callerUid: 1000, uid: null }).some((word) => word.startsWith("--reuid")));
});

test("a child whose parent is another than it was told ends at once, with the right parent it runs", async () => {
  const argv = ["/bin/sh", "-c", "echo ran"];
  assert.deepEqual(await run({ ...usual, argv }), { code: 0, out: "ran\n", err: "" });
  assert.deepEqual(await run({ ...usual, callerPid: process.pid + 1, argv }), { code: 98, out: "", err: "" });
});

test("a group that cannot be joined ends the start", async () => {
  const { code, out } = await run({
    ...usual,
    cgroups: ["/nonexistent/cgroup.procs"],
    argv: ["/bin/sh", "-c", "echo ran"],
  });
  assert.deepEqual([code, out], [97, ""]);
});

test("limits and the lost privileges are in force for what is started", async () => {
  const argv = [
    "/bin/sh",
    "-c",
    "ulimit -c; ulimit -n; grep -E '^(NoNewPrivs|CapEff|CapInh|CapBnd)' /proc/self/status; id -u",
  ];
  const { out } = await run({ ...usual, openFiles: 123, argv });
  const [core, files, ...rest] = out.trim().split("\n");
  assert.deepEqual([core, files], ["0", "123"]);
  assert.equal(rest.at(-1), String(isRoot ? uid : caller.callerUid));
  assert.match(rest.join(" "), /CapInh:\s0+ CapEff:\s0+ CapBnd:\s[0-9a-f]+ NoNewPrivs:\s1/);
  if (isRoot) assert.match(rest.join(" "), /CapBnd:\s0+ /);
});
