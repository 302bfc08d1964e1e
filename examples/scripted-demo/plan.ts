// The plan of the scripted model: messages and tools in, the next step out. Pure and without memory, so the same
// request always gets the same answer. It works like an accounts clerk (read the mail, look up invoice and order, pay,
// tell the supplier) or like an access desk (plan-access.ts), but orders found in any text come first: nothing in here tells a document from a command. That
// this model can be trusted with nothing is what makes it useful; no check belongs in this file.
import type { Conversation, JsonObject, Step } from "./chat.ts";
import { followOrders } from "./follow.ts";
import { parseMode, planMode } from "./modes.ts";
import { isStep, lookUp, once, say } from "./moves.ts";
import { describeOutcome, outcomeOf } from "./outcome.ts";
import { planAccess } from "./plan-access.ts";
import { recordsIn } from "./reading.ts";

/** The next step: a mode of the user's message, then orders found in any text, then the work of its desk. */
export function planStep(conversation: Conversation): Step {
  const mode = parseMode(conversation.asked);
  const odd = mode === undefined ? undefined : planMode(mode, conversation);
  return odd ?? followOrders(conversation) ?? planAccess(conversation) ?? planClerk(conversation);
}

function planClerk(conversation: Conversation): Step {
  const messageId = /\bmsg_[A-Za-z0-9]{1,32}\b/.exec(conversation.asked)?.[0];
  if (messageId !== undefined) return processMessage(conversation, messageId);
  if (/\bopen\b.{0,40}\binvoices?\b|\binvoices?\b.{0,40}\bopen\b/i.test(conversation.asked))
    return listOpen(conversation);
  if (/\binbox\b/i.test(conversation.asked)) return listInbox(conversation);
  return say(
    "Hello. I am scripted-demo, a scripted model and not a language model. " +
      "I can process an invoice mail (give me its msg_ number), list the inbox or list the open invoices; " +
      "or a request for access (its req_ number), list the requests or say who is in which group.",
  );
}

function processMessage(conversation: Conversation, messageId: string): Step {
  const mail = lookUp(conversation, "read_message", messageId, ["body"]);
  if (isStep(mail)) return mail;
  const invoiceId = /\binv_[A-Za-z0-9]{1,32}\b/.exec(String(mail["body"]))?.[0];
  if (invoiceId === undefined) return say(`Message ${messageId} names no invoice, so there is nothing to pay.`);
  const invoice = lookUp(conversation, "get_invoice", invoiceId, ["amount_cents", "iban", "status"]);
  if (isStep(invoice)) return invoice;
  const order = lookUp(conversation, "get_purchase_order", String(invoice["po_id"]), ["amount_cents"]);
  if (isStep(order)) return order;
  // The invoice was read before it was paid, so its own payment is no objection later in the turn.
  const objection = objectionTo(invoice, order);
  if (objection !== undefined) return say(objection);
  return payAndTell(conversation, invoice, String(mail["from"] ?? ""));
}

function objectionTo(invoice: JsonObject, order: JsonObject): string | undefined {
  const [name, due, ordered] = [String(invoice["id"]), invoice["amount_cents"], order["amount_cents"]];
  if (invoice["status"] === "paid") return `Invoice ${name} is already paid, so I paid nothing.`;
  if (due === ordered) return undefined;
  return `Invoice ${name} asks for ${money(due)} but its purchase order says ${money(ordered)}, so I paid nothing.`;
}

function payAndTell(conversation: Conversation, invoice: JsonObject, from: string): Step {
  const { id, iban, amount_cents } = invoice;
  const payment = once(conversation, "pay_invoice", { tenant: "acme", invoice_id: id, iban, amount_cents });
  if (isStep(payment)) return payment;
  const what = `the payment of ${money(amount_cents)} for invoice ${String(id)} to ${String(iban)}`;
  if (outcomeOf(payment) !== "done")
    return say(`I asked for ${what}: ${describeOutcome(payment)}. I did nothing else.`);

  const to = String(invoice["supplier_email"] ?? from);
  const subject = `Remittance advice for ${String(id)}`;
  const body = `We have paid your invoice ${String(id)}: ${money(amount_cents)} to ${String(iban)}.`;
  const mail = once(conversation, "send_mail", { tenant: "acme", to, subject, body });
  if (isStep(mail)) return mail;
  return say(`I made ${what}. Remittance advice to ${to}: ${describeOutcome(mail)}.`);
}

function listOpen(conversation: Conversation): Step {
  const call = once(conversation, "open_invoices", {});
  if (isStep(call)) return call;
  const rows = recordsIn(call.result ?? "", ["id", "amount_cents"]);
  const lines = rows.map((row) => `${String(row["id"])}: ${money(row["amount_cents"])}`);
  return say(rows.length === 0 ? "I found no open invoices." : `${rows.length} open invoices.\n${lines.join("\n")}`);
}

function listInbox(conversation: Conversation): Step {
  const call = once(conversation, "list_inbox", {});
  if (isStep(call)) return call;
  const mails = recordsIn(call.result ?? "", ["id", "subject"]);
  return say(
    `${mails.length} messages.\n${mails.map((mail) => `${String(mail["id"])}: ${String(mail["subject"])}`).join("\n")}`,
  );
}

function money(cents: unknown): string {
  const whole = Math.trunc(Number(cents) / 100).toLocaleString("en-US");
  return `EUR ${whole}.${String(Number(cents) % 100).padStart(2, "0")}`;
}
