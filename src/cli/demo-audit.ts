// What the audit says at the end of the clerk's day: its four chains are read from their writers and verified as
// `./ambit audit verify` does it, against the broker's key.
import { ExportVerifier } from "../controls/audit/verify.ts";
import { exportLines, readKey } from "../host/audit-export.ts";
import { CommandError } from "./arguments.ts";
import { isSigned } from "./audit.ts";
import { askControl } from "./ask-host.ts";

export interface Audited {
  readonly entries: number;
  /** Over everything that the gate wrote down. */
  readonly head: string;
}

/** Throws CommandError when the chains are not whole. */
export async function auditClerk(state: string, name: string): Promise<Audited> {
  const ask = async (method: string, path: string, body?: unknown) =>
    (await askControl(state, method, path, { body })).body;
  const key = await readKey(ask, name);
  const verifier = new ExportVerifier({ key, deployment: name, isSigned });
  const lost = (writer: string, why: string) => {
    throw new CommandError(`the ${writer}'s audit chain cannot be read: ${why}`);
  };
  let head = "";
  for await (const text of exportLines(ask, name, key, undefined, new Date().toISOString(), lost)) {
    verifier.push(Buffer.from(text, "utf8"));
    const line = JSON.parse(text) as { kind: string; chain?: string; head?: string };
    if (line.kind === "entry" && line.chain === "gate") head = line.head ?? "";
  }
  const verdict = verifier.end(Buffer.alloc(0));
  if (!verdict.ok) throw new CommandError(`the audit is not whole: ${verdict.fault.message}`);
  const entries = Object.values(verdict.report.chains).reduce((sum, { from, to }) => sum + to - from + 1, 0);
  return { entries, head };
}
