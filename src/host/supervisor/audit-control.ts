// Control `audit`: what the operator may read of the audit over the control socket: pages of the chains of admin, broker and
// front, the broker's key, and a seal for an export. The gate's own chain is read from the gate. Nothing here changes one.
import { parseSafely } from "../../controls/wire/parse.ts";
import type { IncomingMessage } from "node:http";
import { sealRequest, type HostChains } from "../../controls/wire/audit.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import { carried } from "./admin-chain.ts";
import type { Host } from "./host.ts";
import { makeProblem } from "./problem.ts";

type Outcome = { readonly problem: Problem } | { readonly status: number; readonly value?: unknown };

/** `GET /v1/audit`: what has grown, for whoever follows the chains; a part that is starting again keeps nobody waiting. */
export async function getChains({ chains, audit, registry }: Host): Promise<Outcome> {
  const [broker, front] = await Promise.all([
    chains.broker().catch(() => undefined),
    chains.lengths("front").catch(() => undefined),
  ]);
  const known = new Set(registry.names());
  const admin = audit.lengths();
  const lengthOf = (lengths: Readonly<Record<string, number>> | undefined, name: string): number | null =>
    lengths === undefined ? null : (lengths[name] ?? 0);
  // Every deployment that ever was has an entry of its deploy.
  const deployments: HostChains["deployments"] = [...new Set([...known, ...Object.keys(admin)])].map((name) => ({
    name,
    isThere: known.has(name),
    lengths: {
      admin: admin[name] ?? 0,
      broker: lengthOf(broker?.lengths, name),
      front: lengthOf(front, name),
      gate: lengthOf(broker?.gates, name),
    },
  }));
  return { status: 200, value: { deployments } };
}

/** `GET /v1/deployments/<name>/audit`: asked before an export, so what is new is signed first. */
export function getKey(
  host: Host,
  _request: IncomingMessage,
  [name = ""]: readonly string[],
): Outcome | Promise<Outcome> {
  if (host.registry.find(name) === undefined)
    return { problem: makeProblem(404, "no_such_deployment", `there is no deployment ${name}: see ambit ls`) };
  return answer(async () => {
    await host.witnessNow();
    return { key: await host.chains.key() };
  });
}

/** `GET /v1/deployments/<name>/audit/<writer>?after=N` */
export function getPage(
  host: Host,
  _request: IncomingMessage,
  [name = "", given = "", after = "0"]: readonly string[],
): Outcome | Promise<Outcome> {
  const writer = carried.find((one) => one === given);
  if (writer === undefined) {
    const detail = `${given}: the chains here are ${carried.join(", ")}; the gate's is at its own path`;
    return { problem: makeProblem(404, "no_such_chain", detail) };
  }
  return answer(() => host.chains.page(name, writer, Number(after)));
}

/** `POST /v1/deployments/<name>/audit/seal`; `text` is its body. */
export function postSeal(host: Host, name: string, text: string): Outcome | Promise<Outcome> {
  const parsed = parseSafely(sealRequest, parse(text));
  if (!parsed.success) return { problem: makeProblem(422, "not_understood", parsed.error.issues[0]?.message ?? "") };
  return answer(() => host.chains.seal(name, parsed.data));
}

async function answer(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { status: 200, value: await work() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      problem: makeProblem(503, "chain_not_read", `it cannot be read now (${why}): try again, or see ambit status`),
    };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
