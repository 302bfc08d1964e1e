// Control `admin-access`: the operator's way to the tokens that people sign in to admin with. The admin process makes and
// keeps them; the operator asks for one over the control socket, which the admin process itself cannot. A token passes
// through here once and is neither kept nor written down; that it was made or ended is, on every admin chain.
import { parseSafely } from "../../controls/wire/parse.ts";
import { tokenRequest } from "../../controls/wire/admin.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import { noteEverywhere } from "./actor.ts";
import type { Host } from "./host.ts";
import { ask } from "./probe.ts";
import { describeAnswer, makeProblem } from "./problem.ts";

type Outcome = { readonly problem: Problem } | { readonly status: number; readonly value?: unknown };

const limits = { timeoutMs: 10_000, maxBytes: 1_048_576 };

/** Passes `method /v1/admin/tokens...` on to the admin process; `body` is JSON text or empty. */
export async function passToAdmin(host: Host, method: string, url: string, body: string): Promise<Outcome> {
  const path = url.slice("/v1/admin".length);
  const headers = { "content-type": "application/json" };
  note(host, method, path, body);
  try {
    const answer = await ask({ socketPath: host.places.admin.health }, { method, path, headers, body, ...limits });
    if (answer.status >= 400) {
      return { problem: makeProblem(answer.status, "admin_refused", describeAnswer(answer)) };
    }
    return { status: answer.status, value: answer.body === "" ? undefined : JSON.parse(answer.body) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { problem: makeProblem(503, "admin_not_ready", `admin gave no answer (${why}): see ambit status`) };
  }
}

/** First the entry: what cannot be written down is not passed on. What admin would refuse needs none. */
function note(host: Host, method: string, path: string, body: string): void {
  if (method === "DELETE") return noteEverywhere(host, "admin_token_ended", { id: path.slice("/tokens/".length) });
  const asked = method === "POST" ? parseSafely(tokenRequest, parse(body)).data : undefined;
  if (asked === undefined) return;
  noteEverywhere(host, "admin_token_made", { for: asked.by, as: asked.role, days: asked.days });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
