// `./ambit audit`: the four chains of a deployment, taken out as one file and verified: live against the broker's memory, or
// a file against the broker's key. What is wrong is named; what is not signed yet is said.
import { createReadStream, createWriteStream, renameSync, rmSync } from "node:fs";
import { once } from "node:events";
import { createPublicKey, verify } from "node:crypto";
import type { Writable } from "node:stream";
import { writers, type Writer } from "../controls/audit/chain.ts";
import type { Fault } from "../controls/audit/fault.ts";
import { ExportVerifier, type Report, type Verdict } from "../controls/audit/verify.ts";
import { printable } from "../controls/manifest/printable.ts";
import { namePattern } from "../controls/manifest/shapes.ts";
import { ExportFault, exportLines, readKey, type AskHost, type Since } from "../host/audit-export.ts";
import { CommandError, readLine, UsageError, type Line } from "./arguments.ts";

import { askHost } from "./ask-host.ts";

const usage = "audit export NAME [--since WHEN|ENTRY] [--out FILE] | verify NAME | verify FILE [--key KEY]";
/** A line may have this many bytes; a longer one is cut here and so found at fault. */
const maxLineBytes = 8_388_608;

const maxMessage = 1000;

export async function runAudit(args: string[]): Promise<number> {
  const line = readLine(args, usage, { since: "text", out: "text", key: "text" }, [2, 2]);
  const [what, of = ""] = line.words;
  if (what === "export") return runExport(line, of);
  if (what === "verify" && namePattern.test(of)) return verifyLive(line, of);
  if (what === "verify") return tell(line, await verifyFile(of, line.text("key")));
  throw new UsageError(`Usage: ./ambit ${usage}`);
}

async function runExport(line: Line, name: string): Promise<number> {
  if (!namePattern.test(name)) throw new UsageError(`${name} is no name of a deployment. Usage: ./ambit ${usage}`);
  const since = readSince(line.text("since"));
  const ask = asker(line);
  const key = await readKey(ask, name);
  const lost = new LostChains();
  const lines = readLines(ask, name, key, since, lost);
  await writeExport(lines, line.text("out"));
  process.stderr.write(`sealed with the key ${key}: keep it apart from the file\n`);
  return lost.any ? 1 : 0;
}

/** Chains that could not be read to their end: said at once, and no success. */
class LostChains {
  any = false;
  readonly add = (writer: Writer, why: string): void => {
    this.any = true;
    const sentence = `the ${writer}'s chain is not here to its end (${why}): the others are; try again, or see ambit status`;
    process.stderr.write(`ambit: ${printable(sentence, maxMessage)}\n`);
  };
}

/** Into a file that has its name only when it is whole, or to standard output. */
async function writeExport(lines: AsyncIterable<string>, out: string | undefined): Promise<void> {
  const part = `${out}.part`;
  const to = out === undefined ? process.stdout : createWriteStream(part, { mode: 0o600 });
  try {
    await writeLines(lines, to);
    if (out === undefined) return;
    to.end();
    await once(to, "close");
    renameSync(part, out);
  } catch (error) {
    if (out !== undefined) rmSync(part, { force: true });
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${out ?? "standard output"}: cannot be written: ${(error as Error).message}`);
  }
}

async function* readLines(
  ask: AskHost,
  name: string,
  key: string,
  since: Since | undefined,
  lost: LostChains,
): AsyncGenerator<string> {
  try {
    yield* exportLines(ask, name, key, since, new Date().toISOString(), lost.add);
  } catch (thrown) {
    throw thrown instanceof ExportFault ? new CommandError(thrown.message) : thrown;
  }
}

async function writeLines(lines: AsyncIterable<string>, to: Writable): Promise<void> {
  const failed = new Promise<never>((_resolve, reject) => to.on("error", reject));
  failed.catch(() => undefined);
  for await (const text of lines) {
    if (!to.write(`${text}\n`)) await Promise.race([once(to, "drain"), failed]);
  }
  await Promise.race([new Promise((resolve) => to.write("", resolve)), failed]);
}

/** The same lines as an export, straight into the verifier, with the key that the running broker has. */
async function verifyLive(line: Line, name: string): Promise<number> {
  if (line.text("key") !== undefined) throw new UsageError("--key is for a FILE; the running broker has its own");
  const ask = asker(line);
  const key = await readKey(ask, name);
  const verifier = new ExportVerifier({ key, deployment: name, isSigned });
  const lost = new LostChains();
  for await (const text of readLines(ask, name, key, undefined, lost)) verifier.push(Buffer.from(text, "utf8"));
  const code = tell(line, verifier.end(Buffer.alloc(0)));
  return lost.any ? 1 : code;
}

/** Verifies an export without asking anybody. */
async function verifyFile(path: string, key: string | undefined): Promise<Verdict> {
  try {
    return await verifyChunks(createReadStream(path) as AsyncIterable<Buffer>, key);
  } catch (error) {
    throw new CommandError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

/** The same of a file that comes in pieces; `key` is the broker's, when it is known. */
export async function verifyChunks(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  key: string | undefined,
): Promise<Verdict> {
  const verifier = new ExportVerifier({ key, isSigned });
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
      verifier.push(held.subarray(0, end));
      held = held.subarray(end + 1);
    }
    if (held.length > maxLineBytes) break;
  }
  return verifier.end(held);
}

/** Ed25519 over UTF-8 text. Only the one way of writing a key or a signature in base64 counts. */
export function isSigned(key: string, text: string, signature: string): boolean {
  const [raw, bytes] = [Buffer.from(key, "base64"), Buffer.from(signature, "base64")];
  if (raw.length !== 32 || raw.toString("base64") !== key || bytes.toString("base64") !== signature) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  return verify(null, Buffer.from(text, "utf8"), createPublicKey({ format: "jwk", key: jwk }), bytes);
}

function readSince(text: string | undefined): Since | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{0,14}$/.test(text)) return { entry: Number(text) };
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new UsageError(`--since ${text}: write a time such as 2026-05-03T10:00:00Z, or the number of a gate's entry`);
  return { time: new Date(time).toISOString() };
}

function asker(line: Line): AskHost {
  return (method, path, body) => askHost<unknown>(line, method, path, body);
}

function tell(line: Line, verdict: Verdict): number {
  if (line.has("json"))
    console.log(JSON.stringify(verdict.ok ? verdict : { ok: false, fault: faultView(verdict.fault) }));
  else if (verdict.ok) console.log(describe(verdict.report, line.text("key") !== undefined || isLive(line)));
  else console.error(`ambit: ${describeFault(verdict.fault)}`);
  return verdict.ok ? 0 : 1;
}

function isLive(line: Line): boolean {
  return namePattern.test(line.words[1] ?? "");
}

function faultView({ kind, place, message }: Fault): object {
  return { kind, ...place, message };
}

function describeFault({ kind, place, message }: Fault): string {
  const entry = place.chain === undefined ? "" : `${place.chain} entry ${place.seq ?? "?"}, `;
  // Parts of the message are words of whoever made the file.
  return printable(`not whole: ${entry}line ${place.line}: ${kind.replaceAll("_", " ")}: ${message}`, maxMessage);
}

function describe({ deployment, exported, key, chains }: Report, isKeyKnown: boolean): string {
  const rows = writers.map((writer) => {
    const { from, to, signed } = chains[writer];
    const count = to < from ? "no entries" : `entries ${from} to ${to}`;
    const open = to - Math.max(signed, from - 1);
    const tail = open > 0 ? `; ${open} at the end not signed yet: they could be cut unseen` : "";
    return `  ${writer.padEnd(7)} ${count}${tail}`;
  });
  const known = isKeyKnown
    ? `  key     ${key}`
    : `  key     ${key}: the file's own word, compare it with the one you know (--key)`;
  return [`${deployment} is whole as of ${exported}:`, ...rows, known].join("\n");
}
