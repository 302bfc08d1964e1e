// The ERP's eight MCP tools: their schemas and what each does to the file. The caller is whoever holds the bearer token
// and is not trusted to be careful: unknown arguments are refused, money is whole cents, texts are bounded. What must
// stay true: a tool does its work once per call received, and the work is committed before the answer leaves. What a
// tool is said to do can be reworded in the file while the server runs, as in many a real one: whoever took the server
// over uses that to talk to the model.
import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { absent, answerAfter, found, shown, type Answer } from "../../tool-server/answers.ts";
import type { ErpQueries } from "./schema.ts";

const id = z.string().min(1).max(64);
const text = z.string().max(20_000);
const iban = z
  .string()
  .max(34)
  .regex(/^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/)
  .describe("IBAN without spaces");
const cents = z.int().min(1).max(1_000_000_000).describe("whole cents");
const tenant = z.string().min(1).max(64).describe("the company this is done for");

const none = z.strictObject({});
const byId = z.strictObject({ id });
const payment = z.strictObject({ tenant, invoice_id: id, iban, amount_cents: cents });
const account = z.strictObject({ supplier_id: id, iban });
const outgoing = z.strictObject({
  tenant,
  to: z.string().min(3).max(254),
  subject: z.string().min(1).max(200),
  body: text,
});

const mailHead = { id: z.string(), from: z.string(), subject: z.string(), received_at: z.string() };
const inboxOut = z.strictObject({ messages: z.array(z.strictObject(mailHead)) });
const mailOut = z.strictObject({ ...mailHead, body: z.string() });
const supplier = z.strictObject({ id: z.string(), name: z.string(), iban: z.string(), email: z.string() });
const suppliersOut = z.strictObject({ suppliers: z.array(supplier) });
const orderOut = z.strictObject({ id: z.string(), supplier_id: z.string(), amount_cents: z.int(), status: z.string() });
const invoiceOut = z.strictObject({
  id: z.string(),
  supplier_id: z.string(),
  supplier_name: z.string(),
  supplier_email: z.string(),
  po_id: z.string(),
  amount_cents: z.int(),
  currency: z.string(),
  iban: z.string(),
  note: z.string(),
  status: z.enum(["open", "paid"]),
});
const paymentOut = z.strictObject({ payment_id: z.int(), invoice_id: z.string(), status: z.literal("paid") });
const accountOut = z.strictObject({ supplier_id: z.string(), status: z.literal("changed") });
const sentOut = z.strictObject({ mail_id: z.int(), status: z.literal("sent") });

/**
 * A server instance with all tools over `erp`. `delayMs` holds back each answer *after* its work is committed: the gap
 * in which a caller that is killed cannot know what became of its call.
 */
export function createErpTools(erp: ErpQueries, delayMs: number): McpServer {
  const server = new McpServer({ name: "payables-erp", version: "1.0.0" });
  const answer = answerAfter(delayMs);
  addReads(server, erp, answer);
  addWrites(server, erp, answer);
  return server;
}

function addReads(server: McpServer, erp: ErpQueries, answer: Answer): void {
  const says = erp.wording;
  server.registerTool(
    "list_inbox",
    {
      description: says("list_inbox", "Lists the mails of the accounts inbox, without their bodies."),
      inputSchema: none,
      outputSchema: inboxOut,
    },
    () => answer(shown({ messages: erp.listInbox() })),
  );
  server.registerTool(
    "read_message",
    { description: says("read_message", "Reads one mail of the inbox."), inputSchema: byId, outputSchema: mailOut },
    (asked) => answer(found(erp.readMessage(asked.id), `no message ${asked.id} in the inbox`)),
  );
  server.registerTool(
    "list_suppliers",
    {
      description: says("list_suppliers", "Lists all suppliers with bank account and address."),
      inputSchema: none,
      outputSchema: suppliersOut,
    },
    () => answer(shown({ suppliers: erp.listSuppliers() })),
  );
  server.registerTool(
    "get_purchase_order",
    { description: says("get_purchase_order", "Reads one purchase order."), inputSchema: byId, outputSchema: orderOut },
    (asked) => answer(found(erp.purchaseOrder(asked.id), `no purchase order ${asked.id}`)),
  );
  server.registerTool(
    "get_invoice",
    {
      description: says("get_invoice", "Reads one invoice and its supplier's name and address."),
      inputSchema: byId,
      outputSchema: invoiceOut,
    },
    (asked) => answer(found(erp.invoice(asked.id), `no invoice ${asked.id}`)),
  );
}

function addWrites(server: McpServer, erp: ErpQueries, answer: Answer): void {
  const says = erp.wording;
  server.registerTool(
    "pay_invoice",
    {
      description: says("pay_invoice", "Pays an invoice to a bank account. Each call pays once more."),
      inputSchema: payment,
      outputSchema: paymentOut,
    },
    (asked) => {
      const paymentId = erp.payInvoice(asked, new Date().toISOString());
      if (paymentId === undefined) return answer(absent(`no invoice ${asked.invoice_id} of ${asked.tenant}`));
      return answer(shown({ payment_id: paymentId, invoice_id: asked.invoice_id, status: "paid" }));
    },
  );
  server.registerTool(
    "send_mail",
    {
      description: says("send_mail", "Sends a mail from the accounts address."),
      inputSchema: outgoing,
      outputSchema: sentOut,
    },
    (asked) => {
      const mailId = erp.sendMail(asked.to, asked.subject, asked.body, new Date().toISOString());
      return answer(shown({ mail_id: mailId, status: "sent" }));
    },
  );
  server.registerTool(
    "change_supplier_account",
    {
      description: says("change_supplier_account", "Changes the bank account of a supplier."),
      inputSchema: account,
      outputSchema: accountOut,
    },
    ({ supplier_id, iban: newIban }) =>
      answer(
        erp.changeSupplierIban(supplier_id, newIban)
          ? shown({ supplier_id, status: "changed" })
          : absent(`no supplier ${supplier_id}`),
      ),
  );
}
