// What may be installed: no package that the committed list does not show, no code that runs while installing, no
// version that floats, no direct dependency without a reason. Each check is also shown a lock that breaks it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { test } from "node:test";
import {
  describeCount,
  describeDirect,
  listDirect,
  listLocked,
  readList,
  readLock,
  readPackageFile,
  readReadme,
  readReasons,
} from "./dependencies.ts";
import { countSentence, renderList, shortSentence, type Lock, type PackageFile } from "./dependencies.ts";

const regenerate = `run: ${relative(process.cwd(), process.execPath)} docs/dependencies.ts, and say in the commit why`;

/** esbuild's script only swaps its launcher for the binary; it is not run (.npmrc) and not needed. */
const mayHaveScript = new Set(["node_modules/esbuild"]);

function findScripts(lock: Lock): string[] {
  const scripted = listLocked(lock).filter(
    ([path, { hasInstallScript }]) => hasInstallScript && !mayHaveScript.has(path),
  );
  return scripted.map(([path]) => path);
}

function findUnhashed(lock: Lock): string[] {
  const unhashed = listLocked(lock).filter(([, { integrity }]) => !integrity?.startsWith("sha512-"));
  return unhashed.map(([path]) => path);
}

function findFloating(file: PackageFile): string[] {
  return listDirect(file)
    .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.-]+)?$/.test(version))
    .map(([name, version]) => `${name} ${version}`);
}

/** Names of the rows of DEPENDENCIES.md that give a reason of at least a few words. */
function listReasons(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)]
    .filter(([, , reason = ""]) => reason.trim().split(/\s+/).length >= 3)
    .map(([, name = ""]) => name);
}

test("a package that the committed list does not show is refused", () => {
  const lock = readLock();
  assert.ok(listLocked(lock).length > 0, "package-lock.json holds no packages");
  assert.equal(readList(), renderList(lock), `docs/dependencies.txt is not what package-lock.json says; ${regenerate}`);
  const grown: Lock = { packages: { ...lock.packages, "node_modules/left-pad": { version: "1.3.0" } } };
  assert.notEqual(readList(), renderList(grown));
});

test("a package that changes its version or gains an install script shows in the list", () => {
  const before = renderList({ packages: { "node_modules/a": { version: "1.0.0", license: "MIT" } } });
  assert.match(before, /^a\t1\.0\.0\truntime\tMIT$/m);
  const after = { version: "1.0.1", license: "MIT", dev: true, optional: true, hasInstallScript: true };
  assert.match(
    renderList({ packages: { "node_modules/b/node_modules/a": after } }),
    /^b > a\t1\.0\.1\tdevelopment, optional, install script\tMIT$/m,
  );
});

test("a package with an install script is refused", () => {
  assert.deepEqual(findScripts(readLock()), [], "these run code while installing: find another package");
  const scripted = { version: "1.0.0", hasInstallScript: true };
  assert.deepEqual(findScripts({ packages: { "node_modules/a": scripted, "node_modules/esbuild": scripted } }), [
    "node_modules/a",
  ]);
});

test("a package without a hash is refused, and so is one with a weak hash", () => {
  assert.deepEqual(findUnhashed(readLock()), [], "npm would install whatever it is given for these");
  const weak = { version: "1.0.0", integrity: "sha1-x" };
  const strong = { version: "1.0.0", integrity: "sha512-x" };
  const packages = { "node_modules/a": weak, "node_modules/b": { version: "1.0.0" }, "node_modules/c": strong };
  assert.deepEqual(findUnhashed({ packages }), ["node_modules/a", "node_modules/b"]);
});

test("npm is told to run no install script", () => {
  assert.match(readFileSync(new URL("../.npmrc", import.meta.url), "utf8"), /^ignore-scripts=true$/m);
});

test("a version that floats is refused", () => {
  assert.deepEqual(findFloating(readPackageFile()), [], "pin these exactly in package.json");
  const floating = ["^1.0.0", "~1.0.0", "1.x", "*", "latest", "npm:other@1.0.0", "1.0"];
  for (const version of floating) assert.deepEqual(findFloating({ devDependencies: { a: version } }), [`a ${version}`]);
  assert.deepEqual(findFloating({ dependencies: { a: "1.0.0" }, optionalDependencies: { b: "1.0.0-rc.1" } }), []);
});

test("a direct dependency without a reason is refused, and so is a reason without its dependency", () => {
  const direct = listDirect(readPackageFile()).map(([name]) => name);
  assert.ok(direct.length > 0, "package.json names no dependency");
  const missing = "DEPENDENCIES.md must have one row with a reason for each direct dependency, and no other row";
  assert.deepEqual(listReasons(readReasons()).toSorted(), direct.toSorted(), missing);
  assert.deepEqual(listReasons("| `a` | parses YAML with positions |\n| `b` | |\n| `c` | handy |\n"), ["a"]);
});

test("the count of packages that DEPENDENCIES.md gives is the lock's", () => {
  const [sentence] = countSentence.exec(readReasons()) ?? [];
  assert.equal(sentence, describeCount(readLock()), regenerate);
  const packages = { "": { version: "0" }, "node_modules/a": { version: "1.0.0" } };
  const elsewhere = { version: "1.0.0", os: ["darwin"] };
  assert.match(describeCount({ packages: { ...packages, "node_modules/b": elsewhere } }), /^2 packages are locked, 1 /);
});

test("README.md counts what is asked for at run time", () => {
  assert.equal(shortSentence.exec(readReadme())?.[0], describeDirect(readPackageFile()), regenerate);
});
