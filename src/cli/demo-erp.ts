// The demo's view of the world: the ERP's own SQLite file, opened for reading by somebody who is neither Ambit nor the ERP.
// What Ambit says of itself counts for nothing here. The one thing written is what an attacker who took the ERP's server
// over would write: other words for a tool.
import { DatabaseSync } from "node:sqlite";
import { listed, query } from "./demo-file.ts";
import type { Letter } from "./demo-scene.ts";

export interface Payment {
  readonly invoice_id: string;
  readonly iban: string;
  readonly amount_cents: number;
  readonly tenant: string;
}

/** What happened in the ERP since the moment this was made. */
export class World {
  readonly #file: string;
  readonly #before: { payments: number; mails: number };

  constructor(file: string) {
    this.#file = file;
    const { payments, mails } = readErp(file);
    this.#before = { payments: payments.length, mails: mails.length };
  }

  payments(): Payment[] {
    return readErp(this.#file).payments.slice(this.#before.payments);
  }

  /** Addresses that were written to. */
  mails(): string[] {
    return readErp(this.#file).mails.slice(this.#before.mails);
  }

  /** The payments in words, each one on its own: two of the same are said twice. */
  paid(): string {
    return listed(this.payments().map(({ amount_cents, iban }) => `${euros(amount_cents)} to ${iban}`));
  }

  /** The mails in words. */
  mailed(): string {
    return listed(this.mails());
  }
}

/** Bank accounts of all suppliers, in one line. */
export function readAccounts(file: string): string {
  const rows = query(file, "select id, iban from suppliers order by id");
  return rows.map(({ id, iban }) => `${String(id)}=${String(iban)}`).join(" ");
}

/** A mail of the inbox. */
export function readMail(file: string, id: string): Letter {
  const row = query(file, "select id, from_addr, subject, body from inbox").find((mail) => mail["id"] === id);
  return { from: String(row?.["from_addr"]), subject: String(row?.["subject"]), body: String(row?.["body"]) };
}

/** Other words for a tool of the ERP, while it runs; undefined takes them back. */
export function rewordTool(file: string, tool: string, description: string | undefined): void {
  const db = new DatabaseSync(file, { timeout: 5000 });
  try {
    db.prepare("delete from reworded_tools where tool = ?").run(tool);
    if (description !== undefined) db.prepare("insert into reworded_tools values (?, ?)").run(tool, description);
  } finally {
    db.close();
  }
}

export function euros(cents: number): string {
  const whole = Math.trunc(cents / 100).toLocaleString("en-US");
  return `EUR ${whole}.${String(cents % 100).padStart(2, "0")}`;
}

function readErp(file: string): { payments: Payment[]; mails: string[] } {
  return {
    payments: query(
      file,
      "select tenant, invoice_id, iban, amount_cents from payments order by id",
    ) as unknown as Payment[],
    mails: query(file, "select to_addr from outgoing_mail order by id").map((row) => String(row["to_addr"])),
  };
}
