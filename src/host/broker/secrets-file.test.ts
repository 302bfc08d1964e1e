import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import { readPrivateFile } from "./private-file.ts";
import { SecretsFile } from "./secrets-file.ts";

const value = "sk-0123456789abcdef";

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "ab-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a value that was set is there after a restart, in a file nobody else can read", (t) => {
  const path = join(makeFolder(t), "secrets.json");
  assert.equal(new SecretsFile(path).set("clerk", "erp", value), null);
  assert.equal(new SecretsFile(path).set("clerk", "model", "other"), null);
  const secrets = new SecretsFile(path);
  assert.deepEqual([secrets.open("clerk", "erp"), secrets.open("clerk", "model")], [value, "other"]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), {
    v: 1,
    deployments: { clerk: { erp: value, model: "other" } },
  });
});

test("of a deployment that is forgotten no value is left, on disk neither, and the others keep theirs", (t) => {
  const path = join(makeFolder(t), "secrets.json");
  const secrets = new SecretsFile(path);
  secrets.set("clerk", "erp", value);
  secrets.set("other", "erp", "theirs");
  secrets.forget("clerk");
  secrets.forget("clerk");
  assert.deepEqual([secrets.open("clerk", "erp"), secrets.open("other", "erp")], [null, "theirs"]);
  assert.equal(readFileSync(path, "utf8").includes(value), false);
  assert.equal(new SecretsFile(path).open("clerk", "erp"), null);
});

test("a text that repeats a value is shown without it, and a short value is left in other words", (t) => {
  const secrets = new SecretsFile(join(makeFolder(t), "secrets.json"));
  secrets.set("clerk", "erp", "correct horse");
  secrets.set("clerk", "longer", "correct horse battery");
  secrets.set("clerk", "short", "horse");
  assert.equal(secrets.hide("a correct horse battery, correct horse"), "a [secret], [secret]");
  assert.equal(secrets.hide("a horse"), "a horse");
});

test("a secret of another deployment, another name, or an inherited property is not given", (t) => {
  const secrets = new SecretsFile(join(makeFolder(t), "secrets.json"));
  secrets.set("clerk", "erp", value);
  for (const [deployment, secret] of [
    ["other", "erp"],
    ["clerk", "erq"],
    ["clerk", "constructor"],
    ["__proto__", "toString"],
  ] as const) {
    assert.equal(secrets.open(deployment, secret), null);
  }
});

test("a file that others may read, that is a link, or that is no file is refused with the fix", (t) => {
  const folder = makeFolder(t);
  const path = join(folder, "secrets.json");
  new SecretsFile(path).set("clerk", "erp", value);
  for (const mode of [0o640, 0o604, 0o660, 0o601]) {
    chmodSync(path, mode);
    assert.throws(() => new SecretsFile(path), /chmod 600/, mode.toString(8));
  }
  chmodSync(path, 0o600);
  assert.equal(new SecretsFile(path).open("clerk", "erp"), value);
  symlinkSync(path, join(folder, "link.json"));
  assert.throws(() => new SecretsFile(join(folder, "link.json")), /a link/);
  assert.throws(() => new SecretsFile(folder), /not a regular file/);
  assert.throws(() => readPrivateFile(path, 10), /at most 10/);
});

test("a file that became readable for others is refused at the next change as well", (t) => {
  const path = join(makeFolder(t), "secrets.json");
  const secrets = new SecretsFile(path);
  secrets.set("clerk", "erp", value);
  chmodSync(path, 0o644);
  assert.throws(() => secrets.set("clerk", "model", value), /chmod 600/);
});

test("a damaged file is refused without a word of its content", (t) => {
  const path = join(makeFolder(t), "secrets.json");
  for (const text of [
    `{"v":1,"deployments":{"clerk":{"erp":"${value}"}}`,
    `{"v":2,"deployments":{"clerk":{"erp":"${value}"}}}`,
    `{"v":1,"deployments":{"clerk":{"erp":"${value}\\n"}}}`,
    `{"v":1,"deployments":{"clerk":{"${value}!":1}}}`,
    `"${value}"`,
  ]) {
    writeFileSync(path, text, { mode: 0o600 });
    assert.throws(
      () => new SecretsFile(path),
      (error: Error) =>
        !error.message.includes(value.slice(0, 6)) &&
        !(error.stack ?? "").includes(value.slice(0, 6)) &&
        error.cause === undefined,
      text,
    );
  }
});

test("a value that no header can carry is refused and not repeated", (t) => {
  const secrets = new SecretsFile(join(makeFolder(t), "secrets.json"));
  for (const bad of ["", "two\nlines", "two\r\nlines", " spaced", "ümlaut-secret", "x".repeat(8193), "nul\0"]) {
    const reason = secrets.set("clerk", "erp", bad);
    assert.ok(reason !== null && (bad === "" || !reason.includes(bad)), JSON.stringify(bad));
  }
  assert.equal(secrets.set("clerk", "erp", "inner space ok"), null);
  assert.equal(secrets.set("clerk", "erp", "x".repeat(8192)), null);
  assert.notEqual(secrets.set("../clerk", "erp", value), null);
  assert.notEqual(secrets.set("clerk", "__proto__", value), null);
});

test("the object that holds the values shows none of them", (t) => {
  const secrets = new SecretsFile(join(makeFolder(t), "secrets.json"));
  secrets.set("clerk", "erp", value);
  for (const shown of [inspect(secrets, { depth: 10, showHidden: true }), JSON.stringify(secrets), String(secrets)])
    assert.ok(!shown.includes(value));
});

test("a secret that would make the file too large to be read again is refused, and the file is still good", (t) => {
  const path = join(makeFolder(t), "secrets.json");
  const many = Object.fromEntries(Array.from({ length: 2043 }, (_, index) => [`s${index}`, "x".repeat(8192)]));
  writeFileSync(path, JSON.stringify({ v: 1, deployments: { clerk: many } }), { mode: 0o600 });
  const secrets = new SecretsFile(path);
  const reasons = ["a", "b", "c"].map((name) => secrets.set("clerk", name, "y".repeat(8192)));
  assert.equal(reasons[0], null);
  assert.match(reasons[2] ?? "", /all secrets together may take 16777216 bytes/);
  assert.equal(new SecretsFile(path).open("clerk", "a"), "y".repeat(8192));
});
