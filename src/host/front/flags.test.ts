// Control `admin-access`: the front listens on this machine only, and a mistyped flag stops the start.
import assert from "node:assert/strict";
import { test } from "node:test";
import { noProxies } from "../trusted-proxies.ts";
import { parseFlags } from "./flags.ts";

const read = (listen: string) => parseFlags(["--run", "/run/ambit/a", "--state", "/b", "--listen", listen]);

test("loopback literals are listened on, 127.0.0.1:7400 when nothing is said", () => {
  const folders = { run: "/run/ambit/a", state: "/b", trusted: noProxies };
  const usual = parseFlags(["--run", "/run/ambit/a", "--state", "/b"]);
  assert.deepEqual(usual, { ...folders, host: "127.0.0.1", port: 7400 });
  assert.deepEqual(read("127.0.0.1:0"), { ...folders, host: "127.0.0.1", port: 0 });
  assert.deepEqual(read("127.8.8.8:65535"), { ...folders, host: "127.8.8.8", port: 65_535 });
  assert.deepEqual(read("[::1]:7400"), { ...folders, host: "::1", port: 7400 });
});

for (const listen of [
  "0.0.0.0:7400",
  "[::]:7400",
  "192.168.1.5:7400",
  "localhost:7400",
  "[::ffff:127.0.0.1]:7400",
  "128.0.0.1:1",
]) {
  test(`--listen ${listen} is refused: loopback only, and why`, () => {
    const refusal = read(listen);
    assert.ok(typeof refusal === "string" && refusal.includes(listen) && refusal.includes("loopback only"));
    assert.match(refusal as string, /no identity provider/);
  });
}

for (const listen of [
  "7400",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:65536",
  "127.0.0.1:-1",
  ":7400",
  "::1:7400",
  "127.0.0.1:7400x",
]) {
  test(`--listen ${listen} is refused as no address`, () => {
    assert.match(read(listen) as string, /write HOST:PORT/);
  });
}

test("a missing folder, an unknown flag and a stray word are refused with the usage", () => {
  const both = ["--run", "/a", "--state", "/b"];
  for (const args of [[], ["--run", ""], ["--run"], both.slice(0, 2), [...both, "--insecure"], [...both, "more"]]) {
    assert.match(parseFlags(args) as string, /usage: front --run DIR/);
  }
});

test("proxies are trusted when they are named, and a mistyped one stops the start", () => {
  const both = ["--run", "/a", "--state", "/b"];
  const parsed = parseFlags([...both, "--trusted-proxies", "127.0.0.1,::1"]);
  assert.ok(typeof parsed !== "string" && parsed.trusted.check("127.0.0.1") && !parsed.trusted.check("127.0.0.2"));
  assert.match(parseFlags([...both, "--trusted-proxies", "127.0.0.1;"]) as string, /^--trusted-proxies 127\.0\.0\.1;:/);
});
