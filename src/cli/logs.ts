// `./ambit logs [NAME] [-f]`: what the host said, or what it said of one deployment, from the files that the supervisor keeps
// (also when it does not run). Who may read the files is who may read the log. A gate chooses words of its lines, so a line
// belongs to a deployment by who wrote it down, never by what a gate says; and what is shown is printable.
import { printable } from "../controls/manifest/printable.ts";
import { findPlaces } from "../host/supervisor/places.ts";
import { readLine, UsageError, CommandError } from "./arguments.ts";
import { followLogs, readLogs } from "./log-lines.ts";

/** Lines that are shown of what was said before, unless `--since` says otherwise. */
const usualLines = 200;
const usage = "logs [NAME] [-f] [--since 10m|TIME] [--json]";

type Fields = Readonly<Record<string, unknown>>;

export async function runLogs(args: string[]): Promise<number> {
  const long = args.map((word) => (word === "-f" ? "--follow" : word));
  const line = readLine(long, usage, { follow: "switch", since: "text" }, [0, 1]);
  const [name] = line.words;
  const from = since(line.text("since"), Date.now());
  const folder = findPlaces(line.text("state"), process.getuid?.() ?? 0, process.env).logs;
  const isWanted = (text: string): boolean => {
    const fields = parse(text);
    if (from !== undefined && Date.parse(String(fields["time"])) < from) return false;
    return name === undefined || isAbout(name, fields);
  };
  const show = (text: string): void => console.log(line.has("json") ? text : describe(parse(text), name));
  const { lines, mark } = await readLogs(folder, isWanted, from === undefined ? usualLines : Infinity);
  if (mark === undefined && !line.has("follow")) {
    throw new CommandError(
      `there is no log in ${folder}: start Ambit there with ./ambit up, or say where with --state`,
    );
  }
  lines.forEach(show);
  if (lines.length === 0 && !line.has("follow")) console.error(`ambit: nothing in ${folder} is about that`);
  if (!line.has("follow")) return 0;
  const told = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => told.abort());
  // Whoever reads has enough, as `head` does.
  process.stdout.once("error", () => told.abort());
  await followLogs(folder, mark, (text) => isWanted(text) && show(text), told.signal);
  return 0;
}

/** Whether a line is of this deployment. Only the words of front, broker and supervisor are believed. */
export function isAbout(name: string, fields: Fields): boolean {
  const { process, deployment, part, line } = fields;
  if (process === `gate:${name}`) return true;
  if (process === "supervisor") return deployment === name || part === `gate:${name}`;
  if (process !== "front" && process !== "broker") return false;
  return typeof line === "string" && parse(line)["deployment"] === name;
}

/** One line for a person: when, who, what, and the rest as `key=value`. */
export function describe(fields: Fields, name?: string): string {
  const { time, process, line, ...own } = fields;
  const said = typeof line === "string" ? parse(line) : {};
  const isJson = Object.keys(said).length > 0;
  const { ts: _ts, process: _same, deployment, event, level: _level, ...more } = isJson ? { ...said } : own;
  const of = deployment === undefined || deployment === null || deployment === name ? {} : { deployment };
  const words = Object.entries({ ...of, ...more }).filter(([, value]) => value !== null);
  const text = words.map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const plain = typeof line === "string" && !isJson ? line : `${String(event ?? "")} ${text.join(" ")}`.trim();
  return printable(`${String(time ?? "").replace("T", " ")} ${String(process ?? "")}: ${plain}`, 10_000);
}

/** When `--since` begins, milliseconds since the epoch: a time, or how long ago. */
export function since(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit] = /^([0-9]{1,6})([smhd])$/.exec(text) ?? [];
  const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  if (unit !== undefined) return now - Number(count) * (units[unit] ?? 0);
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new UsageError(`--since ${text}: write 30s, 10m, 2h, 1d, or a time. Usage: ./ambit ${usage}`);
  return time;
}

function parse(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}
