import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, readdirSync, statSync } from "node:fs";
import { after, before, test } from "node:test";
import { endAll, isRoot, makeState, Stand } from "./fixtures/stand.ts";
import { findGatePlaces } from "./places.ts";

let stand: Stand;
before(async () => {
  stand = await Stand.start(makeState());
  await stand.deploy("alpha");
  await stand.deploy("beta");
});
after(endAll);

const asked = async (path: string, value = ""): Promise<Record<string, unknown>> =>
  JSON.parse((await stand.ask("alpha", path, value)).body) as Record<string, unknown>;

test("a gate serves its release and keeps its rows, word for word what was deployed", async () => {
  assert.deepEqual(await asked("/v1/count"), { count: 1 });
  assert.deepEqual(await asked("/v1/count"), { count: 2 });
  const { names, process } = await asked("/v1/env");
  assert.deepEqual(names, ["RELEASE", "TOKENS", "THREAD", "LEDGER"]);
  assert.deepEqual(process, {}, "nothing of it is in the environment that libraries read");
});

test("every fetch of a gate ends at its own door, loopback and metadata addresses included", async () => {
  for (const url of [
    "https://example.com/a?b=c",
    "http://127.0.0.1:22/",
    "http://169.254.169.254/latest",
    "http://[::1]:81/",
  ]) {
    const { body } = await asked("/v1/fetch", url);
    assert.equal(body, `door of alpha: ${url}`);
  }
});

test("a gate reads no file of the host", async () => {
  for (const path of ["/etc/passwd", "/proc/self/environ", "/gate/tokens.json", "/data"]) {
    assert.match(String((await asked("/v1/read", path))["error"]), /Error/, path);
  }
});

test("a gate's process has a loopback of its own, no environment, no privilege and no file of the host but its own", async () => {
  const pid = await stand.serving("alpha");
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
  assert.match(read("cmdline"), /^\/gate\/workerd\0serve/);
  assert.deepEqual(
    read("net/dev")
      .match(/^\s*[a-z0-9]+:/gm)
      ?.map((name) => name.trim()),
    ["lo:"],
  );
  assert.equal(read("net/route").trim().split("\n").length, 1, "no route");
  assert.match(read("environ"), /^(PWD=\/\0)?$/);
  assert.match(read("status"), /^CapEff:\s0+$/m);
  assert.match(read("status"), /^CapBnd:\s0+$/m);
  assert.match(read("status"), /^NoNewPrivs:\s1$/m);
  for (const line of read("mountinfo").trim().split("\n")) {
    const [, , , source = "", target = "", options = ""] = line.split(" ");
    const known = /^\/(lib|lib64|usr|gate|run\/door|data|dev|proc)(\/|$)|^\/$/.test(target);
    assert.ok(known, `${source} stands at ${target}`);
    const writable = options.split(",").includes("rw");
    assert.equal(writable && !/^\/(data$|proc$|dev\/)/.test(target), false, `${target} can be written`);
  }
  for (const namespace of ["net", "pid", "mnt", "ipc", "uts", "user", "cgroup"]) {
    const outside = statSync(`/proc/self/ns/${namespace}`).ino;
    assert.notEqual(statSync(`/proc/${pid}/ns/${namespace}`).ino, outside, namespace);
  }
});

test("every part has a user id of its own, and none is root", { skip: isRoot ? false : "needs root" }, async () => {
  const { processes, weaker } = await stand.status();
  const ids = processes.map(({ uid }) => uid);
  assert.equal(new Set(ids).size, 5);
  assert.ok(ids.every((uid) => uid >= 66_000));
  for (const { pid, uid } of processes)
    assert.match(
      readFileSync(`/proc/${pid}/status`, "utf8"),
      new RegExp(`^Uid:\\s${uid}\\s${uid}\\s${uid}\\s${uid}$`, "m"),
    );
  assert.ok(!weaker.some((sentence) => sentence.includes("share")), weaker.join(" "));
});

/** What a process of one user id gets when it tries. */
function tryAs(uid: number, words: string): string {
  const script = `
    const { connect } = require("node:net"); const { readdirSync, readFileSync } = require("node:fs");
    const [how, path] = ${JSON.stringify(words)}.split(" ");
    const say = (text) => { console.log(text); process.exit(0); };
    if (how === "connect") connect({ path }).once("connect", () => say("connected")).once("error", (error) => say(error.code));
    else try { how === "list" ? readdirSync(path) : readFileSync(path); say("read"); } catch (error) { say(error.code); }`;
  const programs = readdirSync(stand.places.programs).find((name) => name.startsWith("node-")) ?? "";
  const node = `${stand.places.programs}/${programs}/node`;
  const done = spawnSync(
    "/usr/bin/setpriv",
    [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", node, "-e", script],
    { encoding: "utf8", cwd: "/" },
  );
  return done.stdout.trim() || done.stderr;
}

test(
  "no part reaches what is another's, and each reaches what is its own",
  { skip: isRoot ? false : "needs root" },
  async () => {
    const [alpha, beta] = [findGatePlaces(stand.places, "alpha"), findGatePlaces(stand.places, "beta")];
    const uid = async (part: string): Promise<number> => (await stand.part(part)).uid;
    const [broker, front, a] = [await uid("broker"), await uid("front"), await uid("gate:alpha")];
    const [admin, { host, health }] = [await uid("admin"), stand.places.admin];
    const { control, registry } = stand.places;
    const rows: [who: number, words: string, expected: string][] = [
      [a, `connect ${alpha.door}`, "connected"],
      [a, `connect ${beta.door}`, "EACCES"],
      [front, `connect ${alpha.door}`, "EACCES"],
      [front, `connect ${alpha.socket}`, "connected"],
      [a, `connect ${alpha.socket}`, "EACCES"],
      [a, `connect ${beta.socket}`, "EACCES"],
      [broker, `connect ${alpha.socket}`, "EACCES"],
      [broker, `connect ${stand.places.broker.control}`, "connected"],
      [a, `connect ${stand.places.broker.control}`, "EACCES"],
      [front, `connect ${stand.places.broker.control}`, "EACCES"],
      [front, `connect ${stand.places.front.health}`, "connected"],
      [a, `connect ${stand.places.front.health}`, "EACCES"],
      [admin, `connect ${host}`, "connected"],
      [admin, `connect ${health}`, "connected"],
      [admin, `connect ${control}`, "EACCES"],
      [admin, `connect ${alpha.socket}`, "EACCES"],
      [admin, `connect ${stand.places.broker.control}`, "EACCES"],
      [a, `connect ${host}`, "EACCES"],
      [front, `connect ${host}`, "EACCES"],
      [broker, `connect ${health}`, "EACCES"],
      [a, `connect ${control}`, "EACCES"],
      [front, `connect ${control}`, "EACCES"],
      [broker, `connect ${control}`, "EACCES"],
      [a, `list ${alpha.data}`, "read"],
      [a, `list ${beta.data}`, "EACCES"],
      [broker, `list ${alpha.data}`, "EACCES"],
      [front, `list ${alpha.data}`, "EACCES"],
      [a, `read ${alpha.config}/tokens.json`, "read"],
      [a, `read ${beta.config}/tokens.json`, "EACCES"],
      [front, `read ${alpha.config}/release.json`, "EACCES"],
      [broker, `list ${stand.places.broker.state}`, "read"],
      [a, `list ${stand.places.broker.state}`, "EACCES"],
      [a, `read ${registry}`, "EACCES"],
      [broker, `read ${registry}`, "EACCES"],
    ];
    for (const [who, words, expected] of rows) assert.equal(tryAs(who, words), expected, `${who} ${words}`);
    // A gate owns its data, and may open it as far as it likes.
    chmodSync(alpha.data, 0o777);
    const stranger = 65_990;
    for (const who of [stranger, broker, front, await uid("gate:beta")])
      assert.equal(tryAs(who, `list ${alpha.data}`), "EACCES", String(who));
    chmodSync(alpha.data, 0o700);
  },
);

test("the operator reaches the gate with a token the caller never sees, and what the caller brings is taken off", async () => {
  const { request } = await import("node:http");
  const headers = {
    authorization: "Bearer mine",
    "x-ambit-client": "forged",
    "x-kept": "yes",
    connection: "close, x-named",
    "x-named": "hop",
  };
  const body = await new Promise<string>((resolve, reject) => {
    const path = "/v1/deployments/alpha/gate/control/echo?q=1";
    const sent = request({ socketPath: stand.places.control, path, method: "POST", headers }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString())).on("end", () => resolve(text));
    });
    sent.on("error", reject).end("hello");
  });
  const answer = JSON.parse(body) as { headers: [string, string][]; body: string };
  const seen = Object.fromEntries(answer.headers);
  assert.equal(answer.body, "hello");
  assert.equal(seen["x-kept"], "yes");
  assert.equal(seen["x-ambit-client"], undefined);
  assert.equal(seen["x-named"], undefined);
  assert.match(seen["authorization"] ?? "", /^Bearer ambit_cli_/);
});

test("the control token of one gate is refused by another, and after a restart by its own", async () => {
  const tokenOf = async (name: string): Promise<string> => {
    const { body } = await stand.control("GET", `/v1/deployments/${name}/gate/control/echo`);
    return Object.fromEntries((body as { headers: [string, string][] }).headers)["authorization"] ?? "";
  };
  const { get } = await import("node:http");
  const use = (name: string, authorization: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const { socket } = findGatePlaces(stand.places, name);
      get({ socketPath: socket, path: "/control/echo", headers: { authorization } }, (answer) =>
        resolve(answer.resume().statusCode ?? 0),
      ).on("error", reject);
    });
  const token = await tokenOf("alpha");
  assert.equal(await use("alpha", token), 200);
  assert.equal(await use("beta", token), 401);
  const { pid } = await stand.part("gate:alpha");
  process.kill(pid ?? -1, "SIGKILL");
  const { until } = await import("./fixtures/stand.ts");
  await until("a new life", async () => {
    const part = await stand.part("gate:alpha");
    return part.state === "ready" && part.pid !== pid;
  });
  assert.equal(await use("alpha", token), 401);
  assert.equal(await use("alpha", await tokenOf("alpha")), 200);
});

test("a secret goes to the broker as it is, up to 8 KiB and not a byte more", async () => {
  const put = async (bytes: number, name = "erp"): Promise<number> =>
    (await stand.control("PUT", `/v1/deployments/alpha/secrets/${name}`, Buffer.alloc(bytes, "s"))).status;
  assert.equal(await put(8192), 204);
  assert.equal(await put(8193), 413);
  assert.equal(await put(10, "No-Name"), 422);
});
