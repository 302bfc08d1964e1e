// Control `redeploys`, `data`, `audit`: the end of a deployment. Whoever has something to hide wants its audit gone with it,
// or a later deployment of the same name to be taken for it. Must stay true: the four chains are taken out and sealed
// before anything goes; conversations, secrets and outcomes go; a kill in the middle is finished by the next start; and
// what is deployed under the name later shares nothing with it but the name.
import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { printable } from "../../controls/manifest/printable.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import type { removeAnswer, removeRequest } from "../../controls/wire/releases.ts";
import { exportLines, readKey, type AskHost } from "../audit-export.ts";
import { controlRequest } from "../control-client.ts";
import { finishRemoval } from "./cut-off.ts";
import { onlyOne } from "./deploy.ts";
import { markOpen } from "./folders.ts";
import type { Host } from "./host.ts";
import { findGatePlaces } from "./places.ts";
import { makeProblem, noSuchDeployment } from "./problem.ts";

type Removed = { readonly answer: z.infer<typeof removeAnswer> } | { readonly problem: Problem };

/** Removes a deployment for good. */
export function remove(host: Host, name: string, asked: z.infer<typeof removeRequest>): Promise<Removed> {
  return onlyOne<Removed>(host, name, async () => {
    const row = host.registry.find(name);
    if (row === undefined) return { problem: noSuchDeployment(name) };
    if (asked.confirm !== name) {
      const detail = `removing takes away all conversations and secrets of ${name}: say its name once more to confirm`;
      return { problem: makeProblem(422, "not_confirmed", detail, "confirm") };
    }
    markOpen(host.places, name, false);
    await host.gates.get(name)?.quiet();
    const kept = await keepChains(host, name);
    host.registry.beginRemoval(row, printable(asked.by, 254), kept.kept);
    try {
      await finishRemoval(host, name);
    } catch (error) {
      const detail = `${name} is out of use but not all of it could be removed (${String(error)}): the next start goes on`;
      return { problem: makeProblem(503, "removal_incomplete", detail) };
    }
    host.log.event("removed", { deployment: name });
    return { answer: { name, ...kept } };
  });
}

type Kept = Pick<z.infer<typeof removeAnswer>, "kept" | "notSealed">;

/** A file that ends before one of its chains does is not what is kept of a deployment. */
function failLost(writer: string, why: string): never {
  throw new Error(`the ${writer}'s chain cannot be read to its end: ${why}`);
}

/** The chains as one sealed file; where the gate does not answer, at least the file in which it keeps its own. */
async function keepChains(host: Host, name: string): Promise<Kept> {
  const { removed } = host.places;
  mkdirSync(removed, { recursive: true, mode: 0o700 });
  const stamp = new Date().toISOString().replace(/[:.]/g, "-");
  const path = join(removed, `${name}-${stamp}.jsonl`);
  try {
    await writeExport(host, name, path);
    return { kept: path, notSealed: null };
  } catch (error) {
    rmSync(path, { force: true });
    const folder = join(removed, `${name}-${stamp}`);
    await host.gates.get(name)?.part.stop();
    const ledger = join(findGatePlaces(host.places, name).data, `${name}-Ledger`);
    const isThere = existsSync(ledger);
    if (isThere) renameSync(ledger, folder);
    return { kept: isThere ? folder : null, notSealed: error instanceof Error ? error.message : String(error) };
  }
}

async function writeExport(host: Host, name: string, path: string): Promise<void> {
  // Asked as the operator would, so that both are one export.
  const ask: AskHost = async (method, target, body) => {
    const { control: socket, state } = host.places;
    const answer = await controlRequest({ socket, state, method, path: target, body });
    if (answer.status >= 400)
      throw new Error(`its audit could not be read: ${JSON.stringify(answer.body).slice(0, 300)}`);
    return answer.body;
  };
  const key = await readKey(ask, name);
  const file = createWriteStream(path, { mode: 0o600, flags: "wx" });
  await once(file, "open");
  for await (const line of exportLines(ask, name, key, undefined, new Date().toISOString(), failLost)) {
    if (!file.write(`${line}\n`)) await once(file, "drain");
  }
  file.end();
  await once(file, "close");
}
