// Who sends webhooks to a deployment: signs with the official library of standardwebhooks.com, or just not quite.
import { Webhook } from "standardwebhooks";

export interface Answered {
  readonly status: number;
  readonly body: {
    readonly type?: string;
    readonly field?: string;
    readonly thread?: string;
    readonly turn?: number;
    readonly state?: string;
  };
}

/** What of a right webhook is changed after it was signed; a header of null is left out. */
export interface Change {
  readonly id?: string;
  readonly secret?: string;
  /** Seconds away from now. */
  readonly away?: number;
  readonly body?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** A secret of which every byte is `fill`. */
export function secretOf(fill: number): string {
  return `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
}

/** The body of a webhook with this message. */
export function bodyOf(data: object, more: object = {}): string {
  return JSON.stringify({ type: "message.created", timestamp: "2026-01-31T12:00:00Z", data, ...more });
}

export class WebhookSender {
  readonly #url: string;
  readonly #secret: string;
  #sent = 0;

  /** @param url of the deployment, such as http://127.0.0.1:7411/d/desk */
  constructor(url: string, secret: string) {
    this.#url = url;
    this.#secret = secret;
  }

  /** Signs `body` and sends it, changed. */
  async send(body: string, change: Change = {}): Promise<Answered> {
    const { id = `msg_${(this.#sent += 1)}`, secret = this.#secret, away = 0 } = change;
    const at = new Date(Date.now() + away * 1000);
    const signed = {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(secret).sign(id, at, body),
    };
    const headers = Object.entries({ ...signed, ...change.headers }).filter(([, value]) => value !== null);
    const method = change.method ?? "POST";
    const init = { method, headers: Object.fromEntries(headers) as Record<string, string> };
    const answer = await fetch(`${this.#url}/v1/webhooks`, {
      ...init,
      ...(method === "POST" ? { body: change.body ?? body } : {}),
    });
    return { status: answer.status, body: (await answer.json()) as Answered["body"] };
  }
}
