// Requests made of admin's own OpenAPI document, most of them wrong in some way, sent to a running Ambit as raw bytes: nothing
// answers 500, every refusal is a problem document, every operation is also answered well, and the process holds no more
// memory afterwards.
// Usage: node claims/fuzz-admin.ts --requests 100000 [--seed 1]
import { parseArgs } from "node:util";
import { sendRaw, statusesOf } from "../src/admin/fixtures/raw.ts";
import { AdminStand, mint } from "../src/admin/fixtures/stand.ts";
import type { OpenApi } from "../src/admin/openapi.ts";
import { tokenList, type Role } from "../src/controls/wire/admin.ts";
import { FuzzRequests, type Known } from "./fuzz-requests.ts";
import { HeapProbe } from "./heap-of.ts";
import { seededRandom } from "./seeded-random.ts";

const lanes = 12;
/** Requests after which everybody signs in anew: one token may ask 600 times a minute. */
const perToken = 500;
/** Requests before memory is measured for the first time: by then everything is loaded and warm. */
const warmUp = 2000;
/** Operations whose right answer needs a state that these requests do not bring about, or would end the run. */
const outOfReach = ["getProposal", "decideProposal", "removeDeployment", "getApproval", "approveCall", "denyCall"];
/** A stream that was opened goes on; its head is its answer. */
const streamHead = /\r\ncontent-type: text\/event-stream[^]*\r\n\r\n/i;
/** What a process may hold more than before, bytes: caches of the engine, not requests. */
const maxGrowth = 8_000_000;

export interface FuzzResult {
  readonly requests: number;
  /** How often each status came; 0: closed without an answer. */
  readonly statuses: Record<string, number>;
  readonly heapBefore: number | null;
  readonly heapAfter: number | null;
  readonly restarts: number;
  readonly faults: string[];
}

/** Sends `count` requests. `withHeap`: memory is measured, too. */
export async function fuzzAdmin(count: number, seed: number, withHeap: boolean): Promise<FuzzResult> {
  let lines = "";
  const stand = await AdminStand.start((line) => (lines = (lines + line).slice(-200_000)));
  try {
    for (const purpose of ["be tested before", "be tested"]) await stand.deploy("alpha", purpose);
    const document = (await stand.call("GET", "/openapi.json")).body as unknown as OpenApi;
    const requests = new FuzzRequests(document, seededRandom(seed));
    const run = new Run(stand, requests);
    const findUrl = (): string | undefined => /ws:\/\/127\.0\.0\.1:[0-9]+\/[0-9a-f-]+/.exec(lines)?.[0];
    const probe = withHeap ? await HeapProbe.open(await adminPid(stand), findUrl) : null;
    await run.send(Math.min(warmUp, count));
    const heapBefore = (await probe?.used()) ?? null;
    await run.send(Math.max(0, count - warmUp));
    const heapAfter = (await probe?.used()) ?? null;
    probe?.close();
    const faults = [...run.faults];
    if (heapBefore !== null && heapAfter !== null && heapAfter - heapBefore > maxGrowth) {
      faults.push(`the heap grew from ${heapBefore} to ${heapAfter} bytes`);
    }
    if (/"event\\?":\\?"broken/.test(lines)) faults.push("the log tells of a bug");
    const restarts = await adminRestarts(stand);
    if (restarts > 0) faults.push(`admin ended ${restarts} times`);
    const missing = requests.kinds.filter((kind) => !run.answeredWell.has(kind) && !outOfReach.includes(kind));
    if (count >= 5000 && missing.length > 0) faults.push(`never answered well: ${missing.join(", ")}`);
    const statuses = Object.fromEntries([...run.statuses].toSorted());
    return { requests: count, statuses, heapBefore, heapAfter, restarts, faults };
  } finally {
    await stand.stop();
  }
}

class Run {
  readonly statuses = new Map<string, number>();
  readonly answeredWell = new Set<string>();
  readonly faults: string[] = [];
  readonly #stand: AdminStand;
  readonly #requests: FuzzRequests;
  readonly #port: number;
  #known: Known = { tokens: [], etag: "", endable: [] };
  #sent = 0;

  constructor(stand: AdminStand, requests: FuzzRequests) {
    this.#stand = stand;
    this.#requests = requests;
    this.#port = Number(new URL(stand.host.admin).port);
  }

  async send(count: number): Promise<void> {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await this.#one();
    };
    while (left > 0) {
      const rest = Math.max(0, left - perToken);
      left -= rest;
      await this.#signIn();
      await Promise.all(Array.from({ length: lanes }, lane));
      left = rest;
    }
  }

  /** Some of each role; all before are ended, or there would be too many: some requests make one. */
  async #signIn(): Promise<void> {
    const { state } = this.#stand;
    const { body } = await this.#stand.operator("GET", "/v1/admin/tokens");
    for (const { id } of tokenList.parse(body).tokens) await this.#stand.operator("DELETE", `/v1/admin/tokens/${id}`);
    const make = (role: Role): Promise<string> => mint(state, role, `${role}@example.com`);
    const tokens = await Promise.all((["operator", "approver", "viewer", "operator"] as const).map(make));
    const endable = (await Promise.all([make("viewer"), make("viewer"), make("viewer")])).map(idOf);
    const [token = ""] = tokens;
    const { headers } = await this.#stand.call("GET", "/v1/deployments/alpha", { token });
    this.#known = { tokens, endable, etag: headers.get("etag") ?? "" };
  }

  async #one(): Promise<void> {
    const { kind, bytes } = this.#requests.next(this.#known);
    // Half a request is answered when the time for one is over, and that is not what is looked at here.
    const halfClose = kind === "broken";
    const answer = await sendRaw(this.#port, [bytes], { limitMs: 30_000, halfClose, until: streamHead });
    this.#sent++;
    const [status = 0] = statusesOf(answer).filter((one) => one !== 100);
    this.statuses.set(String(status), (this.statuses.get(String(status)) ?? 0) + 1);
    if (status >= 200 && status < 300) this.answeredWell.add(kind);
    const isHead = bytes.subarray(0, 5).toString() === "HEAD ";
    // Not being ready is what was asked for, and no refusal.
    const isReadiness = kind === "getReadiness" && status === 503;
    const isProblem = isHead || isReadiness || /content-type: application\/problem\+json/i.test(answer);
    if (status === 500 || status === 502 || (status >= 400 && !isProblem) || (status === 0 && kind !== "broken")) {
      const shown = JSON.stringify(bytes.toString("latin1").slice(0, 600));
      if (this.faults.length < 20)
        this.faults.push(`request ${this.#sent} (${kind}): ${shown} got ${answer.slice(0, 500)}`);
    }
  }
}

function idOf(token: string): string {
  return token.split("_")[2] ?? "";
}

async function adminProcess(stand: AdminStand): Promise<{ pid: number; restarts: number }> {
  const { body } = await stand.operator("GET", "/v1/status");
  const { processes } = body as { processes: { name: string; pid: number; restarts: number }[] };
  const found = processes.find(({ name }) => name === "admin");
  if (found === undefined) throw new Error("there is no admin process");
  return found;
}

async function adminPid(stand: AdminStand): Promise<number> {
  return (await adminProcess(stand)).pid;
}

async function adminRestarts(stand: AdminStand): Promise<number> {
  return (await adminProcess(stand)).restarts;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { requests: { type: "string", default: "100000" }, seed: { type: "string", default: "1" } },
  });
  const began = performance.now();
  const result = await fuzzAdmin(Number(values.requests), Number(values.seed), true);
  console.log(
    JSON.stringify({ ...result, seed: Number(values.seed), seconds: Math.round((performance.now() - began) / 1000) }),
  );
  for (const fault of result.faults) console.log(fault);
  console.log(result.faults.length === 0 ? "passed" : `${result.faults.length} failed`);
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
