import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { projectRoot } from "./bundle.ts";
import { buildGateConfig, compatibilityDate, quote } from "./workerd-config.ts";

const scratch = mkdtempSync("/tmp/ambit-config-");
after(() => rmSync(scratch, { recursive: true }));
const cpu = process.arch === "x64" ? "64" : process.arch;
const workerd = join(projectRoot, `node_modules/@cloudflare/workerd-linux-${cpu}/bin/workerd`);

/** What workerd makes of a configuration, in its binary form. */
function compile(config: string): Buffer {
  writeFileSync(join(scratch, "gate.capnp"), config);
  for (const file of ["gate.js", "cedar.wasm", "release.json", "tokens.json"])
    writeFileSync(join(scratch, file), `content of ${file}`);
  return execFileSync(workerd, ["compile", "--config-only", "gate.capnp"], {
    cwd: scratch,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

test("workerd reads the configuration with all three files in it", () => {
  const binary = compile(buildGateConfig("payables-clerk", false));
  for (const word of [
    "payables-clerk-Thread",
    "payables-clerk-Ledger",
    "content of gate.js",
    "content of release.json",
    "content of tokens.json",
  ]) {
    assert.ok(binary.includes(word), word);
  }
});

test("only a gate with Cedar has the wasm in its configuration", () => {
  assert.ok(!compile(buildGateConfig("payables-clerk", false)).includes("cedar"));
  assert.ok(compile(buildGateConfig("payables-clerk", true)).includes("content of cedar.wasm"));
});

test("a name cannot leave its quotes, whatever is in it", () => {
  const evil = `x", enableSql = true), (className = "Evil", uniqueKey = "y`;
  const binary = compile(buildGateConfig(evil, true));
  assert.ok(binary.includes(`${evil}-Thread`));
  assert.ok(!binary.includes(Buffer.concat([Buffer.from("Evil"), Buffer.from([0])])));
});

test("any text that is quoted has no quote, backslash or control character of its own left", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const inner = quote(text).slice(1, -1);
      const back = inner.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
      // oxlint-disable-next-line no-control-regex -- control characters are what must not pass
      return back === text && !/["\x00-\x1f\x7f]/.test(inner) && !/\\(?!x[0-9a-f]{2})/.test(inner);
    }),
  );
});

test("the date of the configuration is not after the binary's own", () => {
  const version = execFileSync(workerd, ["--version"], { encoding: "utf8" });
  const date = /(\d{4}-\d{2}-\d{2})/.exec(version)?.[1] ?? "";
  assert.ok(date !== "" && compatibilityDate <= date, `${compatibilityDate} against ${version}`);
});
