// Control `redeploys`, `data`: which deployments this broker serves, in memory and on disk, so that it comes back alone
// after a crash with the same doors and the same rules. Must stay true: a deployment is on disk before its rules count, one
// that cannot be read again is left closed and named, and none of that touches the others. Control `workflow`: one that was
// frozen stays frozen over crashes and releases until it is thawed.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Refusal } from "../../boundary.ts";
import { decidePlan } from "../../controls/egress/destination.ts";
import { maxManifestBytes } from "../../controls/manifest/schema.ts";
import { namePattern } from "../../controls/manifest/shapes.ts";
import { releaseSchema, type Release } from "../../controls/manifest/release.ts";
import { Deployment, type Services } from "./deployment.ts";
import { openDoor, type Door } from "./door.ts";
import { readPrivateFile, removePrivateFile, writePrivateFile } from "./private-file.ts";
import { decideView } from "./record-parameters.ts";
import { serveDoor } from "./route.ts";

/** A release as JSON: manifest, instructions and file names, with room for escapes. */
export const maxReleaseBytes = 4 * maxManifestBytes;
/** Its file says its version too. */
const maxFileBytes = maxReleaseBytes + 1024;

/** 2: says whether it is frozen. An older broker would not know, and must leave the door closed. */
const fileSchema = z.discriminatedUnion("v", [
  z.strictObject({ v: z.literal(1), release: releaseSchema }).transform(({ release }) => ({ release, frozen: false })),
  z.strictObject({ v: z.literal(2), release: releaseSchema, frozen: z.boolean() }),
]);

interface Served {
  readonly deployment: Deployment;
  door: Door | null;
}

export class Deployments {
  readonly #folder: string;
  readonly #doors: string;
  readonly #services: Services;
  readonly #served = new Map<string, Served>();
  #changes: Promise<unknown> = Promise.resolve();

  /**
   * @param folder holds one file per deployment
   * @param doors holds one folder per deployment, made by the supervisor
   */
  constructor(folder: string, doors: string, services: Services) {
    this.#folder = folder;
    this.#doors = doors;
    this.#services = services;
  }

  /** Requests under way behind all doors. */
  get underWay(): number {
    return [...this.#served.values()].reduce((sum, { deployment }) => sum + deployment.load.underWay, 0);
  }

  /** Record threads that spin in a query that was given up. */
  get stuck(): number {
    return [...this.#served.values()].reduce((sum, { deployment }) => sum + deployment.records.stuck, 0);
  }

  /** Opens the doors of the last life. What cannot be opened is logged and stays closed until it is put again. */
  async load(): Promise<void> {
    for (const file of readdirSync(this.#folder).filter((name) => name.endsWith(".json"))) {
      const name = file.slice(0, -".json".length);
      try {
        const { release, frozen } = readFile(join(this.#folder, file), name);
        await this.#serve(name, release, frozen);
        this.#services.log("info", "deployment_loaded", { deployment: name, release: release.release });
      } catch (error) {
        this.#services.log("error", "deployment_not_loaded", { deployment: name, error: (error as Error).message });
      }
    }
  }

  /**
   * Starts or replaces a deployment; its door is open when this resolves.
   * @param frozen true freezes it first, false leaves it as it is
   * @returns why the release cannot be served, or null
   * @throws when the door cannot be opened or the release cannot be stored
   */
  async put(name: string, release: Release, frozen = false): Promise<Refusal | null> {
    const refusal = decideRelease(name, release);
    if (refusal !== null) return refusal;
    await this.#inTurn(async () => {
      const before = this.#served.get(name)?.deployment;
      const isNew = before === undefined;
      const isFrozen = frozen || before?.isFrozen === true;
      if (before !== undefined) before.isFrozen = isFrozen;
      this.#write(name, release, isFrozen);
      try {
        await this.#serve(name, release, isFrozen);
      } catch (error) {
        // Whoever put it is told that it failed, so it must not come alive with the next start.
        if (isNew) this.#remove(name);
        throw error;
      }
    });
    return null;
  }

  /** True when this very release is served already. */
  isServed(name: string, release: Release): boolean {
    const served = this.#served.get(name)?.deployment.release;
    return served !== undefined && JSON.stringify(served) === JSON.stringify(release);
  }

  /** Name of the secret that signs the webhooks of a deployment, if it has any. */
  signingSecret(name: string): string | undefined {
    return this.#served.get(name)?.deployment.release.manifest.channels.webhook?.secret;
  }

  /** Undefined when there is none of that name. */
  isFrozen(name: string): boolean | undefined {
    return this.#served.get(name)?.deployment.isFrozen;
  }

  /** Freezes or thaws a deployment, on disk too; false when there is none of that name. */
  setFrozen(name: string, isFrozen: boolean): Promise<boolean> {
    return this.#inTurn(async () => {
      const deployment = this.#served.get(name)?.deployment;
      if (deployment === undefined) return false;
      // Stopping counts at once, going on only when it is on disk.
      if (isFrozen) deployment.isFrozen = true;
      this.#write(name, deployment.release, isFrozen);
      deployment.isFrozen = isFrozen;
      return true;
    });
  }

  /** Closes the door and forgets the rules. Chains, signed heads, outcomes and secrets stay. False when there was none. */
  remove(name: string): Promise<boolean> {
    return this.#inTurn(async () => this.#remove(name));
  }

  #remove(name: string): boolean {
    if (!namePattern.test(name)) return false;
    removePrivateFile(this.#fileOf(name));
    const served = this.#served.get(name);
    if (served === undefined) return false;
    this.#served.delete(name);
    served.deployment.isRemoved = true;
    // Not waited for: what is under way ends by itself, and its outcome is kept.
    void close(served);
    return true;
  }

  /** Stops listening everywhere; resolves when every answer under way has left. */
  async close(): Promise<void> {
    await Promise.all([...this.#served.values()].map(close));
  }

  async #serve(name: string, release: Release, isFrozen: boolean): Promise<void> {
    const served = this.#served.get(name) ?? { deployment: new Deployment(name, release, this.#services), door: null };
    if (this.#served.has(name)) served.deployment.update(release);
    served.deployment.isFrozen = isFrozen;
    this.#served.set(name, served);
    if (served.door?.isInPlace() === true) return;
    // In this order: closing the old listener removes whatever stands under its path.
    const old = served.door;
    served.door = null;
    void old?.close();
    served.door = await openDoor(
      join(this.#doors, name, "door.sock"),
      0o666,
      (request, response) => void serveDoor(served.deployment, request, response),
    );
  }

  /** One change at a time: two at once could open one door twice. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => undefined);
    return result;
  }

  #write(name: string, release: Release, frozen: boolean): void {
    writePrivateFile(this.#fileOf(name), `${JSON.stringify({ v: 2, release, frozen })}\n`);
  }

  #fileOf(name: string): string {
    return join(this.#folder, `${name}.json`);
  }
}

function decideRelease(name: string, release: Release): Refusal | null {
  const { manifest } = release;
  if (manifest.name !== name || !namePattern.test(name)) {
    return {
      control: "schemas",
      reason: "name_differs",
      message: `this release is of ${manifest.name}, not of ${name}`,
      field: "release.manifest.name",
    };
  }
  const plan = decidePlan(manifest);
  if (plan.verdict === "refuse") return plan.refusal;
  for (const [view, record] of Object.entries(manifest.records)) {
    const broken = decideView(view, record);
    if (broken !== null) return broken;
    if (release.recordFiles[view]?.startsWith("/") !== true) {
      const field = `release.recordFiles.${view}`;
      return { control: "schemas", reason: "bad_request", message: `${field} must be an absolute path`, field };
    }
  }
  return null;
}

function readFile(path: string, name: string): { readonly release: Release; readonly frozen: boolean } {
  const text = readPrivateFile(path, maxFileBytes);
  const read = fileSchema.parse(JSON.parse(text ?? "null"));
  const refusal = decideRelease(name, read.release);
  if (refusal !== null) throw new Error(refusal.message);
  return read;
}

async function close({ door, deployment }: Served): Promise<void> {
  deployment.close();
  await door?.close();
}
