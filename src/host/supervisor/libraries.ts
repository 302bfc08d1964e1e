// Control `runtime`: which files of the host a program cannot run without. Everything else of the host stays outside its
// sandbox: no shell, no interpreter, no tool that somebody who broke out of the isolate could use.
import { execFileSync } from "node:child_process";
import { StartRefused } from "./start-refused.ts";

/** Paths in the words of ldd(1): `name => /path (address)`, or the loader itself as `/path (address)`. */
export function parseLibraries(text: string): string[] {
  const missing = /^\s*(\S+) => not found$/m.exec(text)?.[1];
  if (missing !== undefined)
    throw new StartRefused(`the library ${missing} is missing: install it (workerd needs glibc)`);
  return text
    .split("\n")
    .map((line) => /^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1])
    .filter((path) => path !== undefined);
}

/** Shared libraries and loader of a program that we trust (ldd may run it). */
export function findLibraries(program: string): string[] {
  try {
    const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
    const found = parseLibraries(execFileSync("ldd", [program], { encoding: "utf8", env, timeout: 10_000 }));
    if (found.length > 0) return found;
  } catch (error) {
    if (error instanceof StartRefused) throw error;
  }
  throw new StartRefused(
    `ldd cannot tell which libraries ${program} needs: this machine needs glibc and ldd (package libc-bin)`,
  );
}
