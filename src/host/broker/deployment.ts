// Control `data`, `runtime`: everything the broker holds for one deployment, and nothing that two of them share but the
// process. Must stay true: connections, load, record threads and rules belong to one deployment; a new release changes the
// rules at once and takes the old connections away.
import { planEgress, type Destination, type EgressPlan } from "../../controls/egress/destination.ts";
import { durationMs } from "../../controls/manifest/shapes.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { ChainTable } from "../chain-table.ts";
import type { RefusalTally } from "../refusal-tally.ts";
import type { Calls } from "./calls.ts";
import type { Resolve } from "./dial.ts";
import { usualLimits, type Limits } from "./exchange.ts";
import { Load } from "./load.ts";
import { limitLog, type Log } from "./log.ts";
import { Pool } from "./pool.ts";
import type { QueryLine } from "./query-thread.ts";
import { Records } from "./records.ts";
import type { SecretsFile } from "./secrets-file.ts";
import type { Signer } from "./sign.ts";

/** What all deployments are served with. */
export interface Services {
  readonly log: Log;
  readonly calls: Calls;
  /** The broker's audit chain of each deployment. */
  readonly chain: ChainTable;
  /** For refusals that a gate can cause at will. */
  readonly tally: RefusalTally;
  readonly signer: Signer;
  readonly secrets: SecretsFile;
  readonly resolve: Resolve;
  readonly threadFile: string;
  /** Record views of all deployments that are quick. */
  readonly sharedRecords: QueryLine;
  /** Time one query of a record view has, milliseconds. */
  readonly queryMs: number;
}

/** A tool may take this much longer than its contract says before the broker gives up on it. */
const graceMs = 5000;

export class Deployment {
  readonly name: string;
  readonly services: Services;
  readonly load = new Load();
  readonly records: Records;
  /** For what a gate can cause at will. */
  readonly refusalLog: Log;
  /** For requests that left: where to and how they ended is told of each destination, whatever else is sent beside it. */
  readonly egressLog: Log;
  /** True once the deployment was removed: connections that are still open are answered with a refusal. */
  isRemoved = false;
  /** True while nothing may leave: asked again right before the first byte does. */
  isFrozen = false;
  #release: Release;
  #plan: EgressPlan;
  #pool: Pool;

  constructor(name: string, release: Release, services: Services) {
    this.name = name;
    this.services = services;
    this.records = new Records(services.threadFile, services.sharedRecords, services.queryMs);
    this.refusalLog = limitLog(services.log);
    this.egressLog = limitLog(services.log, ({ host, reason = "" }) => `${host} ${reason}`);
    this.#release = release;
    this.#plan = planEgress(release.manifest);
    this.#pool = new Pool(services.resolve);
  }

  get release(): Release {
    return this.#release;
  }

  get plan(): EgressPlan {
    return this.#plan;
  }

  get pool(): Pool {
    return this.#pool;
  }

  /** What is under way goes on as it began; everything after it follows the new rules. */
  update(release: Release): void {
    this.close();
    this.#release = release;
    this.#plan = planEgress(release.manifest);
    this.#pool = new Pool(this.services.resolve);
  }

  close(): void {
    this.#pool.close();
    this.records.close();
  }

  /** How long this destination may take: a server as long as the slowest of its tools. */
  limitsFor(destination: Destination): Limits {
    if (destination.rule !== "server") return usualLimits;
    const tools = Object.values(this.#release.manifest.servers[destination.entry]?.tools ?? {});
    const totalMs = Math.max(30_000, ...tools.map((tool) => durationMs(tool.timeout))) + graceMs;
    return { headersMs: totalMs, idleMs: totalMs, totalMs };
  }
}
