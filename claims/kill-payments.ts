// `killed-after-approval`: a payment is approved, and at a random moment around its execution the gate, the broker or the
// whole host is ended by SIGKILL. Afterwards the ERP's own file says how often it was paid.
// Usage: node claims/kill-payments.ts --kills 50 [--seed N]
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { addHonestInvoice } from "../examples/payables-clerk/erp/seed.ts";
import type { ApprovalView, TurnAnswer } from "../src/controls/wire/gate.ts";
import { setStage } from "../src/cli/demo-stage.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { KillStage, type Victim } from "./kill-stage.ts";
import { seededRandom } from "./seeded-random.ts";

const victims: readonly Victim[] = ["gate", "broker", "host"];
/** Kills fall into this many milliseconds after the approval is sent: before, during and after the payment. */
const windowMs = 90;

export interface PaymentKill {
  readonly victim: Victim;
  readonly afterMs: number;
  /** State of the call in the end, as the gate tells it. */
  readonly state: string;
  /** Rows in the ERP's payments table. */
  readonly paid: number;
  /** Whether the kill came before the Ledger let the call through. */
  readonly beforeExecuting: boolean;
  readonly ok: boolean;
}

/** Plays `count` approved payments and kills something in each. */
export async function killPayments(count: number, seed: number, log: (text: string) => void): Promise<PaymentKill[]> {
  const random = seededRandom(seed);
  const stage = await KillStage.open(async (state) =>
    setStage({ state, listen: await findFreeAddress(), model: undefined, log: () => undefined }),
  );
  const results: PaymentKill[] = [];
  try {
    for (let n = 1; n <= count; n++) {
      const result = await playOne(stage, n, victims[n % victims.length] ?? "gate", random() * windowMs);
      results.push(result);
      log(JSON.stringify({ n, ...result }));
    }
  } finally {
    await stage.close();
  }
  return results;
}

async function playOne(kill: KillStage, n: number, victim: Victim, afterMs: number): Promise<PaymentKill> {
  const { stage } = kill;
  const erp = new DatabaseSync(stage.erpFile, { timeout: 5000 });
  const invoice = addHonestInvoice(erp, n);
  const turn = await stage.client.say(`Please process message ${invoice.messageId}`);
  const held = turn.held.find((call) => call.tool === "pay_invoice");
  if (!held) throw new Error(`payment ${n} was not held: ${turn.state} ${turn.reply}`);
  const path = `control/approvals/${held.callId}`;
  const shown = await stage.ask<ApprovalView>("GET", path);
  const pids = await kill.pids();
  const decision = { decision: "approve", actionHash: shown.actionHash, by: "finance@acme.example" };
  const approving = stage.ask<ApprovalView>("POST", path, decision).catch(() => undefined);
  await pause(afterMs);
  const killedAt = Date.now();
  await kill.kill(victim, pids);
  await kill.recover(victim);
  await approving;
  await ensureApproved(stage, path, decision);
  await settle(stage, turn, held.callId);
  const view = await retry(() => stage.ask<ApprovalView>("GET", path));
  const admitted = await admittedAt(stage, held.callId);
  const row = erp.prepare("select count(*) as n from payments where invoice_id = ?").get(invoice.invoiceId);
  erp.close();
  const paid = Number(row?.["n"]);
  const beforeExecuting = admitted > killedAt;
  const ok = view.state === "done" ? paid === 1 : view.state === "unknown" && paid <= 1 && !beforeExecuting;
  return { victim, afterMs: Math.round(afterMs), state: view.state, paid, beforeExecuting, ok };
}

type KilledStage = KillStage["stage"];

/** A person whose click met a dead gate looks again and clicks again. */
async function ensureApproved(stage: KilledStage, path: string, decision: object): Promise<void> {
  const view = await retry(() => stage.ask<ApprovalView>("GET", path));
  if (view.state === "held") await retry(() => stage.ask("POST", path, decision));
}

/** Waits until the payment has an end; the mail that follows is denied, so that the turn ends too. */
async function settle(stage: KilledStage, turn: TurnAnswer, callId: string): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const now = await stage.client.follow(turn.thread, turn.turn);
    if (now.state === "done" || now.state === "failed") return;
    for (const call of now.held.filter((other) => other.callId !== callId)) {
      const path = `control/approvals/${call.callId}`;
      const view = await retry(() => stage.ask<ApprovalView>("GET", path));
      const decision = { decision: "deny", actionHash: view.actionHash, by: "finance@acme.example" };
      if (view.state === "held") await retry(() => stage.ask("POST", path, decision));
    }
    if (Date.now() > until) throw new Error(`the turn of ${callId} never ended: ${JSON.stringify(now)}`);
    await pause(20);
  }
}

/** When the Ledger let the call through, milliseconds since the epoch. */
async function admittedAt(stage: KilledStage, callId: string): Promise<number> {
  type Page = { entries: { entry: { seq: number; at: string; event: string; callId?: string } }[] };
  for (let after = 0; ;) {
    const page = await retry(() => stage.ask<Page>("GET", `control/audit?after=${after}`));
    const found = page.entries.find(({ entry }) => entry.event === "call_admitted" && entry.callId === callId);
    if (found) return Date.parse(found.entry.at);
    const last = page.entries.at(-1);
    if (!last) return Number.POSITIVE_INFINITY;
    after = last.entry.seq;
  }
}

async function retry<T>(work: () => Promise<T>): Promise<T> {
  const until = Date.now() + 30_000;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (Date.now() > until) throw thrown;
      await pause(50);
    }
  }
}

/** What the runs have to show; empty when they do. */
export function findFaults(results: readonly PaymentKill[]): string[] {
  const unknown = results.filter((result) => result.state === "unknown").length;
  const faults = results.filter((result) => !result.ok).map((result) => `not ok: ${JSON.stringify(result)}`);
  // Of a few kills a fifth says nothing: of six, two were in that moment once in ten runs.
  const most = Math.max(3, results.length / 5);
  if (unknown > most) faults.push(`${unknown} of ${results.length} are unknown; at most ${most} may be`);
  return faults;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { kills: { type: "string", default: "50" }, seed: { type: "string", default: "1" } },
  });
  const results = await killPayments(Number(values.kills), Number(values.seed), console.log);
  const faults = findFaults(results);
  const count = (pick: (result: PaymentKill) => boolean) => results.filter(pick).length;
  console.log(
    JSON.stringify({
      kills: results.length,
      paidOnce: count((result) => result.paid === 1),
      unknown: count((result) => result.state === "unknown"),
      beforeExecuting: count((result) => result.beforeExecuting),
      faults,
    }),
  );
  console.log(`${results.length - faults.length} passed, ${faults.length} failed`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
