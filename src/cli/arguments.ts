// One way to read a command line: unknown flags and missing arguments are said with the usage line and exit code 2.
import { parseArgs } from "node:util";

/** The command line is wrong; printed as one line with the usage. Exit code 2. */
export class UsageError extends Error {}

/** Somebody asked how a verb is used; the message says it. Exit code 0. */
export class HelpAsked extends Error {}

/** Something failed in a way the person can act on; printed as one line. */
export class CommandError extends Error {
  readonly code: 1 | 3 | 4;
  constructor(message: string, code: 1 | 3 | 4 = 1) {
    super(message);
    this.code = code;
  }
}

export interface Line {
  readonly words: string[];
  readonly text: (flag: string) => string | undefined;
  readonly has: (flag: string) => boolean;
}

/**
 * Reads the arguments of a verb. `flags` maps a flag to whether it takes a value; `words` is how many plain words there
 * must be, `[least, most]`. Every verb also takes `--json` and `--state DIR`.
 */
export function readLine(
  args: string[],
  usage: string,
  flags: Record<string, "text" | "switch">,
  words: [number, number],
): Line {
  const options = Object.fromEntries(
    Object.entries({ json: "switch", state: "text", ...flags }).map(([name, kind]) => [
      name,
      { type: kind === "text" ? ("string" as const) : ("boolean" as const) },
    ]),
  );
  if (asksForHelp(args)) throw new HelpAsked(`Usage: ./ambit ${usage}`);
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (thrown) {
    const why = thrown instanceof Error ? (thrown.message.split(". ")[0] ?? "") : "";
    throw new UsageError(`${why}. Usage: ./ambit ${usage}`);
  }
  const count = parsed.positionals.length;
  if (count < words[0] || count > words[1]) throw new UsageError(`Usage: ./ambit ${usage}`);
  return {
    words: parsed.positionals,
    text: (flag) => parsed.values[flag] as string | undefined,
    has: (flag) => parsed.values[flag] === true,
  };
}

/** True when `--help` or `-h` stands before any `--`. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? undefined : end).some((word) => word === "--help" || word === "-h");
}
