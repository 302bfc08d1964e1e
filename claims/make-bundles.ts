// Bundles once for all hosts of a test run what a host brings, but for the two large binaries: the programs of Ambit, with
// Cedar and without, and those that stand in for them in the tests of the supervisor.
// usage: node claims/make-bundles.ts FOLDER
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { bringCedar, bringPrograms } from "../src/host/supervisor/programs.ts";
import { testParts } from "../src/host/supervisor/fixtures/parts.ts";

const [, , folder = ""] = process.argv;
await bringPrograms(folder, testParts);
const { node, workerd, gate } = await bringPrograms(folder);
const { wasm } = await bringCedar(folder, gate);
for (const binary of [node, workerd, wasm]) rmSync(dirname(binary), { recursive: true });
