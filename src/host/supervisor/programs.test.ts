import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, test } from "node:test";
import { bundle, projectRoot } from "./bundle.ts";
import { findOutput, hashText, indexFile, makeRow } from "./bundle-index.ts";
import { findLibraries, parseLibraries } from "./libraries.ts";
import { testParts } from "./fixtures/parts.ts";
import { bringCedar, bringPrograms, placeBinary, placeText } from "./programs.ts";
import { StartRefused } from "./start-refused.ts";

const scratch = mkdtempSync("/tmp/ambit-programs-");
after(() => rmSync(scratch, { recursive: true }));
let number = 0;
function fresh(): string {
  const folder = join(scratch, String(number++));
  mkdirSync(folder);
  return folder;
}

test("the same sources in another folder give the same bytes, changed ones do not", async () => {
  const copy = fresh();
  cpSync(join(projectRoot, "src/controls"), join(copy, "src/controls"), { recursive: true });
  symlinkSync(join(projectRoot, "node_modules"), join(copy, "node_modules"));
  const entry = "src/controls/wire/gate.ts";
  for (const kind of ["worker", "node"] as const) {
    const { text, inputs } = await bundle(entry, kind);
    assert.ok(!text.includes(projectRoot), "no path of this machine");
    assert.ok(inputs.includes(entry) && inputs.every((path) => !path.startsWith("/") && !path.startsWith("..")));
    assert.ok((await bundle(entry, kind, copy)).text === text, kind);
  }
  writeFileSync(join(copy, entry), `${readFileSync(join(copy, entry), "utf8")}\nexport const added = 1;\n`);
  assert.ok((await bundle(entry, "node", copy)).text !== (await bundle(entry, "node")).text);
});

test("a bundle is found again while no source has changed, and not after one byte has", () => {
  const root = fresh();
  for (const path of ["package-lock.json", "src/host/supervisor/bundle.ts", "src/a.ts", "src/b.ts"]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path);
  }
  const index = { key: makeRow(root, ["src/a.ts", "src/b.ts"], "bundle") };
  assert.equal(findOutput(index, "key", root), hashText("bundle"));
  assert.equal(findOutput(index, "other", root), undefined);
  for (const path of ["package-lock.json", "src/host/supervisor/bundle.ts", "src/b.ts"]) {
    writeFileSync(join(root, path), `${path}.`);
    assert.equal(findOutput(index, "key", root), undefined, path);
    writeFileSync(join(root, path), path);
  }
  assert.equal(findOutput(index, "key", root), hashText("bundle"));
  rmSync(join(root, "src/a.ts"));
  assert.equal(findOutput(index, "key", root), undefined);
});

test("a remembered bundle that was changed where it stands is made again", async () => {
  const folder = fresh();
  const { gate } = await bringPrograms(folder, testParts);
  const text = readFileSync(gate, "utf8");
  writeFileSync(gate, `${text}// more`);
  assert.equal((await bringPrograms(folder, testParts)).gate, gate);
  assert.ok(readFileSync(gate, "utf8") === text);
});

test("the plain gate has no Cedar in it; the other one comes when asked for, of the same sources, and stays", async () => {
  const folder = fresh();
  const { gate } = await bringPrograms(folder);
  assert.doesNotMatch(readFileSync(gate, "utf8"), /preparsePolicySet|cedar-|cedar_wasm|cedar\.wasm/);
  const cedar = await bringCedar(folder, gate);
  assert.ok(/from ?"\.\/cedar\.wasm"/.test(readFileSync(cedar.gate, "utf8")));
  assert.equal(readFileSync(cedar.wasm).subarray(0, 4).toString("latin1"), "\0asm");
  for (const path of Object.values(cedar)) assert.equal(statSync(path).mode & 0o026, 0o004, path);
  await bringPrograms(folder);
  assert.ok(existsSync(cedar.gate));
  assert.deepEqual(await bringCedar(folder, gate), cedar);
  await assert.rejects(bringCedar(folder, `${gate}x`), /sources of Ambit have changed/);
});

test("no part asks for node:http in the form that loads an HTTP client and TLS with it", async () => {
  const { broker, front, admin } = await bringPrograms(fresh());
  for (const program of [broker, front, admin]) {
    const text = readFileSync(program, "utf8");
    assert.match(text, /require\("node:http"\)/);
    assert.doesNotMatch(text, /from "node:http"|import\("node:http"\)/);
  }
});

test("every user may read the programs and nobody but the owner may write them", async () => {
  const folder = fresh();
  const programs = await bringPrograms(folder, testParts);
  for (const path of Object.values(programs)) {
    assert.equal(statSync(path).mode & 0o022, 0, path);
    assert.equal(statSync(path).mode & 0o004, 0o004, path);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o755, path);
  }
  assert.equal(statSync(programs.workerd).mode & 0o111, 0o111);
});

test("a second start brings nothing again, and removes what is no longer used", async () => {
  const folder = fresh();
  const first = await bringPrograms(folder, testParts);
  const before = statSync(first.node).ino;
  mkdirSync(join(folder, "workerd-1.0-old"));
  mkdirSync(join(folder, "halfwritten.tmp-123"));
  assert.deepEqual(await bringPrograms(folder, testParts), first);
  assert.equal(statSync(first.node).ino, before);
  const used = Object.values(first).map((path) => basename(dirname(path)));
  assert.deepEqual(readdirSync(folder).sort(), [indexFile, ...used].sort());
});

test("a text that was cut after it was placed is replaced, a whole one stays", () => {
  const folder = fresh();
  const path = placeText(folder, "gate.js", "whole");
  const inode = statSync(path).ino;
  assert.equal(statSync(placeText(folder, "gate.js", "whole")).ino, inode);
  writeFileSync(path, "who");
  assert.equal(readFileSync(placeText(folder, "gate.js", "whole"), "utf8"), "whole");
});

function fakeRoot(mode: number): string {
  const root = fresh();
  mkdirSync(join(root, "node_modules/tool/bin"), { recursive: true });
  writeFileSync(join(root, "node_modules/tool/bin/tool"), "binary");
  chmodSync(join(root, "node_modules/tool/bin/tool"), mode);
  const lock = {
    packages: { "node_modules/tool": { version: "1.2.3", integrity: "sha512-abc" }, "node_modules/gone": {} },
  };
  writeFileSync(join(root, "package-lock.json"), JSON.stringify(lock));
  return root;
}

test("a binary that all may run is linked, a private one is copied and opened", () => {
  for (const [mode, linked] of [
    [0o755, true],
    [0o700, false],
  ] as const) {
    const root = fakeRoot(mode);
    const path = placeBinary(fresh(), "tool", "bin/tool", root);
    assert.match(path, /\/tool-1\.2\.3-[0-9a-f]{16}\/tool$/);
    assert.equal(statSync(path).mode & 0o777, 0o755);
    assert.equal(statSync(path).ino === statSync(join(root, "node_modules/tool/bin/tool")).ino, linked);
  }
});

test("a binary that is not installed is refused with the command that brings it", () => {
  const folder = fresh();
  assert.throws(
    () => placeBinary(folder, "gone", "bin/gone", fakeRoot(0o755)),
    /gone is missing: run npm ci --include=optional/,
  );
  assert.deepEqual(readdirSync(folder), []);
});

test("a source that cannot be bundled is refused with its name", async () => {
  const missing = bringPrograms(fresh(), { ...testParts, gate: `src/host/supervisor/fixtures/no-such-gate.ts` });
  await assert.rejects(missing, (error) => error instanceof StartRefused && error.message.includes("no-such-gate.ts"));
});

test("the libraries of a program are found, a missing one is refused by name", () => {
  const found = findLibraries(process.execPath);
  assert.ok(found.length >= 2 && found.every((path) => existsSync(path)), found.join(" "));
  const text = "\tlinux-vdso.so.1 (0x01)\n\tlibm.so.6 => /lib/libm.so.6 (0x02)\n\t/lib64/ld.so (0x03)\n";
  assert.deepEqual(parseLibraries(text), ["/lib/libm.so.6", "/lib64/ld.so"]);
  assert.throws(() => parseLibraries(`${text}\tlibx.so.1 => not found\n`), /libx\.so\.1 is missing/);
});
