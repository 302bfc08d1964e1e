import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags } from "./flags.ts";

const folders = ["--run", "/r", "--state", "/s"];

test("addresses of this machine are taken, all others are refused with the way round", () => {
  for (const [listen, host, port] of [
    ["127.0.0.1:7401", "127.0.0.1", 7401],
    ["127.9.9.9:0", "127.9.9.9", 0],
    ["[::1]:80", "::1", 80],
  ] as const) {
    assert.deepEqual(parseFlags([...folders, "--listen", listen]), {
      run: "/r",
      state: "/s",
      host,
      port,
      collector: null,
    });
  }
  for (const listen of ["0.0.0.0:7401", "192.168.1.1:7401", "[::]:7401", "localhost:7401", "[::ffff:127.0.0.1]:1"]) {
    assert.match(String(parseFlags([...folders, "--listen", listen])), /listens on loopback only/, listen);
  }
  for (const listen of ["127.0.0.1", ":7401", "127.0.0.1:70000", "127.0.0.1:x", "[127.0.0.1:1"]) {
    assert.match(String(parseFlags([...folders, "--listen", listen])), /loopback only|write HOST:PORT/, listen);
  }
});

test("a flag too few or one too many stops the start", () => {
  assert.match(String(parseFlags(folders)), /--listen is missing/);
  assert.match(String(parseFlags([...folders, "--listen", "127.0.0.1:1", "--open"])), /--open/);
});

test("traces go to a collector on this machine, and to no other place", () => {
  const parse = (otlp: string) => parseFlags([...folders, "--listen", "127.0.0.1:1", "--otlp", otlp]);
  for (const [given, posted] of [
    ["http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"],
    ["http://[::1]:4318/otlp/v1/traces", "http://[::1]:4318/otlp/v1/traces"],
  ] as const) {
    const flags = parse(given);
    assert.equal(typeof flags === "string" ? flags : flags.collector?.href, posted);
  }
  for (const wrong of [
    "http://10.0.0.1:4318",
    "http://localhost:4318",
    "http://127.0.0.1.evil.example",
    "http://[::]:1",
  ])
    assert.match(String(parse(wrong)), /--otlp .*on this machine/, wrong);
  for (const wrong of [
    "https://127.0.0.1:4318",
    "127.0.0.1:4318",
    "http://a:b@127.0.0.1:1",
    "http://:b@127.0.0.1:1",
    "http://127.0.0.1/?x",
    "",
  ])
    assert.match(String(parse(wrong)), /--otlp .*write http:\/\/HOST:PORT/, wrong);
});
