// Control `audit`: a line of an export, read strictly. Spaces, another order of members, a number written otherwise: an
// attacker could use what says the same in other bytes, so each line must be the canonical form of itself.
import { canonicalJson } from "../manifest/hash.ts";
import { writers } from "./chain.ts";
import { Fault, type Place } from "./fault.ts";
import { exportLine, type ExportLine } from "./seal.ts";

/** Parses a line that must be, byte for byte, the canonical form of what it says. */
export function readLine(bytes: Uint8Array, line: number): ExportLine {
  const text = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(bytes);
  const wrong = (message: string): Fault => new Fault("changed", { line, ...guessPlace(text) }, message);
  let value: unknown;
  let isFit: boolean;
  try {
    value = JSON.parse(text);
    isFit = canonicalJson(value) === text && isUtf8(bytes, text);
  } catch {
    throw wrong("it is not JSON");
  }
  if (!isFit) throw wrong("it is not in its canonical form");
  const parsed = exportLine.safeParse(value);
  if (!parsed.success) throw wrong(`it is no line of an export: ${parsed.error.issues[0]?.path.join(".") ?? ""}`);
  // Not the parser's copy: what is hashed is what stands here.
  return value as ExportLine;
}

/** A broken byte is read as U+FFFD, which may also stand there rightly. */
function isUtf8(bytes: Uint8Array, text: string): boolean {
  if (!text.includes("\ufffd")) return true;
  const again = new TextEncoder().encode(text);
  return again.length === bytes.length && again.every((byte, at) => byte === bytes[at]);
}

/** Which entry a line that cannot be read was, as far as it still says so. */
function guessPlace(text: string): Omit<Place, "line"> {
  const chain = writers.find((writer) => text.includes(`"chain":"${writer}"`));
  const seq = /"seq(?:uence)?":(\d{1,15})[,}]/.exec(text)?.[1];
  return { ...(chain === undefined ? {} : { chain }), ...(seq === undefined ? {} : { seq: Number(seq) }) };
}
