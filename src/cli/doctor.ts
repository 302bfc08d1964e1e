// `./ambit doctor`: looks at this machine, the state folder and what runs, and says of each thing what was found, what it
// means and how to mend it. Works with a host and without one. Exit code 1 when something fails.
import { printable } from "../controls/manifest/printable.ts";
import { examine } from "../host/supervisor/doctor.ts";
import { findPlaces } from "../host/supervisor/places.ts";
import { readLine } from "./arguments.ts";
import { red } from "./paint.ts";

export async function runDoctor(args: string[]): Promise<number> {
  const line = readLine(args, "doctor [--state DIR] [--json]", {}, [0, 0]);
  const findings = await examine(findPlaces(line.text("state"), process.getuid?.() ?? -1, process.env));
  const count = (level: string): number => findings.filter((finding) => finding.level === level).length;
  const [failed, weak] = [count("fail"), count("weak")];
  if (line.has("json")) console.log(JSON.stringify({ ok: failed === 0, findings }));
  else {
    for (const { check, level, found, means, fix } of findings) {
      const text = `${level.padEnd(4)}  ${check.padEnd(14)} ${printable(found, 1000)}`;
      console.log(level === "fail" ? red(text) : text);
      if (means !== null) console.log(`${" ".repeat(21)}${means}; to mend it: ${fix}`);
    }
    console.log(`${findings.length} looked at, ${failed} failed, ${weak} weak`);
  }
  return failed === 0 ? 0 : 1;
}
