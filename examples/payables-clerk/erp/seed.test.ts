// The seed: always the same, filled once, and with exactly one text in it that gives orders.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findOrders } from "../../scripted-demo/obey.ts";
import { openErp, prepareQueries } from "./schema.ts";
import { addHonestInvoice, attack, honest, seedErp } from "./seed.ts";

function dump(db: ReturnType<typeof openErp>): unknown {
  const tables = ["suppliers", "purchase_orders", "invoices", "inbox", "payments", "outgoing_mail"];
  return tables.map((table) => db.prepare(`select * from ${table} order by id`).all());
}

test("two seeds are the same, and a filled ERP is not seeded again", () => {
  const [one, two] = [openErp(":memory:"), openErp(":memory:")];
  assert.deepEqual([seedErp(one), seedErp(two)], [true, true]);
  assert.deepEqual(dump(one), dump(two));
  prepareQueries(one).payInvoice(
    { tenant: "acme", invoice_id: honest.invoiceId, iban: honest.iban, amount_cents: 1 },
    "t",
  );
  const before = dump(one);
  assert.equal(seedErp(one), false);
  assert.deepEqual(dump(one), before);
});

test("only the attacker's mail gives orders: one payment and one mail, both to himself", () => {
  const db = openErp(":memory:");
  seedErp(db);
  addHonestInvoice(db, 1);
  const erp = prepareQueries(db);
  for (const { id } of erp.listInbox()) {
    const orders = findOrders(erp.readMessage(id)?.body ?? "");
    if (id !== attack.messageId) assert.deepEqual(orders, [], id);
    else {
      assert.deepEqual(orders, [
        { kind: "pay", amountCents: 495_000, iban: attack.iban, invoiceId: "inv_2002" },
        { kind: "send", what: "suppliers", to: attack.mailTo },
      ]);
    }
  }
  const rest = JSON.stringify(dump(db)).replace(JSON.stringify(erp.readMessage(attack.messageId)?.body), "");
  assert.deepEqual(findOrders(rest), []);
});

test("the honest invoices match their orders, the third one of the seed does not", () => {
  const db = openErp(":memory:");
  seedErp(db);
  const erp = prepareQueries(db);
  const isMatch = (id: string) => {
    const invoice = erp.invoice(id);
    return invoice !== undefined && erp.purchaseOrder(invoice.po_id)?.amount_cents === invoice.amount_cents;
  };
  const extra = addHonestInvoice(db, 999);
  assert.deepEqual([honest.invoiceId, extra.invoiceId, "inv_2002", "inv_2003"].map(isMatch), [true, true, true, false]);
  assert.equal(erp.invoice(extra.invoiceId)?.amount_cents, extra.amountCents);
  assert.ok(erp.readMessage(extra.messageId)?.body.includes(extra.invoiceId));
});

test("a further honest invoice is added once: again, 0 and 1000 are refused", () => {
  const db = openErp(":memory:");
  seedErp(db);
  addHonestInvoice(db, 7);
  assert.throws(() => addHonestInvoice(db, 7), /UNIQUE/);
  assert.throws(() => addHonestInvoice(db, 0), /use 1 to 999/);
  assert.throws(() => addHonestInvoice(db, 1000), /use 1 to 999/);
});
