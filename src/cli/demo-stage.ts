// The stage of the demo: a real ERP on its own SQLite file, the scripted model (or a real one), Ambit, the payables clerk
// deployed between them, and the access desk once a scene plays there (demo-desk.ts). Everything is a process of its own and dies with this one.
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "./arguments.ts";
import type { ChannelClient } from "./channel-client.ts";
import { endChild, spawnTied, waitReady } from "./child.ts";
import { deployClerk, type Clerk, type ClerkOffice, type Edit } from "./demo-clerk.ts";
import { openDesk, type Desk, type StartProgram } from "./demo-desk.ts";
import { startHost, type RunningHost } from "./host-process.ts";

export interface RealModel {
  readonly baseUrl: string;
  readonly name: string;
  readonly key: string;
}

export interface StageOptions {
  /** State folder of Ambit; programs in it are kept between starts. */
  readonly state: string;
  readonly listen: string;
  /** Undefined: the scripted model, which says so. */
  readonly model: RealModel | undefined;
  readonly log: (text: string) => void;
  /** Ends what is started, also while it starts. */
  readonly signal?: AbortSignal;
}

export interface Stage {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  /** True when the model is the scripted one, which obeys any order it reads; a real one may know better. */
  readonly obeys: boolean;
  /** The ERP's own SQLite file: what really happened. */
  readonly erpFile: string;
  readonly host: RunningHost;
  readonly client: ChannelClient;
  /** A request to the deployment's gate as the operator. Throws CommandError with the gate's own words. */
  ask<T>(method: string, path: string, body?: unknown): Promise<T>;
  stop(): Promise<void>;
}

export interface DemoStage extends Stage {
  /** The clerk as the example has it. */
  readonly clerk: Clerk;
  /** Another clerk beside it, from the example's file with some words changed; or a new release of `known`. */
  deploy(name: string, edits: readonly Edit[], known?: Clerk): Promise<Clerk>;
  /** The access desk and the directory that it keeps, started when they are first asked for. */
  desk(): Promise<Desk>;
  /** What the scripted model was asked so far, by its own account: the last message of the user at each request. */
  asked(): string[];
}

const readyMs = 30_000;

/** Sets the stage; when something cannot be started, everything that was is ended again. */
export async function setStage(options: StageOptions): Promise<DemoStage> {
  const { signal } = options;
  const folder = mkdtempSync(join(tmpdir(), "ambit-demo-"));
  // The broker reads the record views' file under its own user id.
  chmodSync(folder, 0o755);
  const erpFile = join(folder, "erp.sqlite");
  const modelLog = join(folder, "model.log");
  writeFileSync(modelLog, "");
  const ended: (() => Promise<void>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ended.reverse()) await end();
  };
  try {
    const erpToken = randomBytes(24).toString("hex");
    const modelKey = options.model?.key ?? randomBytes(24).toString("hex");
    const start: StartProgram = (file, args, env) => {
      const child = spawnTied(file, args, { PATH: process.env["PATH"], ...env }, "inherit");
      ended.push(() => endChild(child, 3000));
      return child;
    };
    const erp = start("examples/payables-clerk/erp/server.ts", ["--file", erpFile, "--port", "0"], {
      ERP_TOKEN: erpToken,
    });
    const scripted = options.model
      ? undefined
      : start("examples/scripted-demo/server.ts", ["--port", "0", "--log", modelLog], { SCRIPTED_DEMO_KEY: modelKey });
    const starting = startHost(
      { state: options.state, listen: options.listen, ...(signal ? { signal } : {}) },
      options.log,
    );
    ended.push(async () => (await starting.catch(() => undefined))?.stop());
    const [host, erpReady, modelReady] = await Promise.all([
      starting,
      waitReady(erp, "the demo's ERP", readyMs),
      scripted ? waitReady(scripted, "the scripted model", readyMs) : undefined,
    ]);
    const office: ClerkOffice = {
      ...{ example: "payables-clerk", folder, state: options.state, url: host.url },
      secrets: { erp: erpToken, model: modelKey },
      addressed: (text) => withAddresses(text, erpReady.url, modelReady?.url ?? "", options.model),
    };
    const clerk = await orStopped(deployClerk(office), signal);
    const { name, token, client, ask } = clerk;
    let desk: Promise<Desk> | undefined;
    return {
      ...{ name, url: host.url, token, erpFile, host, stop, obeys: options.model === undefined, client, ask, clerk },
      deploy: (other, edits, known) => deployClerk(office, other, edits, known),
      desk: () => (desk ??= openDesk(office, start, readyMs)),
      asked: () => readLog(modelLog),
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function orStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  work.catch(() => undefined);
  signal?.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  signal?.addEventListener("abort", () => reject(new CommandError("stopped")), { once: true });
  promise.catch(() => undefined);
  return Promise.race([work, promise]);
}

/** The example's own deployment file with the addresses of this run. */
function withAddresses(text: string, erpUrl: string, modelUrl: string, model: RealModel | undefined): string {
  const wanted = model ? new URL(model.baseUrl) : new URL(modelUrl);
  const port = wanted.port || (wanted.protocol === "https:" ? "443" : "80");
  return text
    .replaceAll("127.0.0.1:7411", new URL(erpUrl).host)
    .replace("http://127.0.0.1:7412/v1", (model?.baseUrl ?? modelUrl).replace(/\/$/, ""))
    .replaceAll("127.0.0.1:7412", `${wanted.hostname}:${port}`)
    .replace(/name: scripted-demo.*/, `name: ${JSON.stringify(model?.name ?? "scripted-demo")}`);
}

function readLog(file: string): string[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => String((JSON.parse(line) as { asked: unknown }).asked));
}
