// Control `runtime`: one deployment's gate: its configuration, its walls, its socket and its tokens. A gate that was taken
// over holds its own release and digests of tokens and nothing else. A gate that was not accepted yet listens where
// front does not look. The control token is new for every start and never leaves this process's memory.
import { randomBytes } from "node:crypto";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { mintToken, tokenRandomBytes } from "../../controls/access/token.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { drainAnswer, pinAnswer } from "../../controls/wire/gate.ts";
import type { CedarProgram } from "./cedar-program.ts";
import { makeGroup, type Group, type GroupParents } from "./cgroups.ts";
import { makeGateFolders, markSwitching, writeGroupFile } from "./folders.ts";
import { serveHostNames } from "./host-names.ts";
import { launchWithListener } from "./launch.ts";
import type { Log } from "./log.ts";
import { Part } from "./part.ts";
import { findGatePlaces, type GatePlaces, type Places } from "./places.ts";
import { ask, probeHealth, type Answer } from "./probe.ts";
import { describeAnswer } from "./problem.ts";
import { findServing } from "./process-tree.ts";
import { configFile, reapGate } from "./reaper.ts";
import type { Programs } from "./programs.ts";
import { buildSandboxArgv, type Mount } from "./sandbox.ts";
import type { Slots } from "./slots.ts";
import type { HostIds } from "./user-ids.ts";
import { buildGateConfig, inside, type TokenRow } from "./workerd-config.ts";

/** What all gates of a host share. */
export interface GateHost {
  readonly places: Places;
  readonly ids: HostIds;
  readonly programs: Pick<Programs, "workerd" | "gate">;
  readonly cedar: CedarProgram;
  /** Shared libraries of workerd. */
  readonly libraries: readonly string[];
  readonly groups: GroupParents;
  readonly log: Log;
  readonly slots: Slots;
  /** Told what is weaker on this machine. */
  onWeaker(sentence: string): void;
  /** Told each time a gate became ready. */
  onGateReady(name: string): void;
}

export interface GateRow {
  readonly name: string;
  readonly uid: number;
  readonly tokenDigest: string;
  readonly tokenId: string;
}

/** Five hundred conversations at once (0.45 to 0.65 MB each) and a heap of 128 MB. */
const memoryLimit = 512 * 1024 * 1024;
/** What Cedar takes on top: 51 MB were measured. */
const cedarMemory = 64 * 1024 * 1024;
const processLimit = 128;
const openFiles = 4096;
const graceMs = 5000;
/** Listing the tools of every server may take that long. */
const pinMs = 60_000;
/** How much later than its limit a gate may say that it has drained. */
const drainGraceMs = 2000;

/** The gate answered, so it is known that it pinned nothing. */
export class PinRefused extends Error {
  override readonly name = "PinRefused";
}

/** A gate of one release. A new release is a new Gate, started after the old one stopped: they share the data. */
export class Gate {
  readonly name: string;
  readonly release: Release;
  readonly part: Part;
  readonly places: GatePlaces;
  readonly #host: GateHost;
  readonly #row: GateRow;
  #group: Group | undefined;
  #controlToken = "";
  #published: boolean;

  /** `published` false keeps it where front does not look until `publish`. */
  constructor(host: GateHost, row: GateRow, release: Release, published: boolean) {
    this.name = row.name;
    this.release = release;
    this.places = findGatePlaces(host.places, row.name);
    this.#host = host;
    this.#row = row;
    this.#published = published;
    const spec = {
      name: `gate:${row.name}`,
      uid: row.uid,
      graceMs,
      start: () => this.#launch(),
      probe: (timeoutMs: number, signal: AbortSignal) => this.#probe(timeoutMs, signal),
      terminate: (pid: number) => this.#terminate(pid),
      clear: () => this.#clear(),
      onReady: () => host.onGateReady(row.name),
      // Decided per start: a group that could not be made is polled.
      polledMemory: () => (this.#group?.boundsMemory === true ? null : this.#memory),
    };
    this.part = new Part(spec, host.log, host.slots);
  }

  /** The socket on which this gate listens now. */
  get socket(): string {
    return this.#published ? this.places.socket : this.places.staged;
  }

  /** False while a deploy still tries it. */
  get isPublished(): boolean {
    return this.#published;
  }

  /** The token of scope `control` of the process that runs now. */
  get controlToken(): string {
    return this.#controlToken;
  }

  get #memory(): number {
    return this.release.policy === null ? memoryLimit : memoryLimit + cedarMemory;
  }

  /** Opens it for front. */
  publish(): void {
    if (this.#published) return;
    this.#published = true;
    renameSync(this.places.staged, this.places.socket);
    this.serveHosts();
    markSwitching(this.#host.places, this.name, false);
  }

  /** Has front serve it at the host names of its release. */
  serveHosts(): void {
    serveHostNames(this.#host, this.name, this.release.manifest.hosts);
  }

  /**
   * Ends it for good, in its own time: no turn starts any more, those that walk have `drainMs`, what comes meanwhile is
   * kept on disk for the next release. Then callers wait for the next socket. A gate that does not answer just ends.
   */
  async end(drainMs: number): Promise<void> {
    const answers = this.part.state === "ready" && (await this.drain(drainMs, false));
    this.#hide();
    // Only now: whoever is let go asks again at once, and must find the next gate.
    if (answers) await this.drain(0, true);
    await this.part.stop();
  }

  /** Has it start no turn any more, and waits for none. */
  async quiet(): Promise<void> {
    await this.drain(0, false);
  }

  /**
   * Has it start no turn any more, waits up to `limitMs` for those that walk, and with `letGo` lets go whoever waits for
   * one. False when it does not answer, or not before `atOnce`.
   */
  async drain(limitMs: number, letGo: boolean, atOnce?: AbortSignal): Promise<boolean> {
    const { log } = this.#host;
    try {
      const answer = await this.#control("/control/drain", { limitMs, letGo }, limitMs + drainGraceMs, atOnce);
      const { walking } = drainAnswer.parse(JSON.parse(answer.body));
      if (!letGo) log.event("gate_drained", { deployment: this.name, walking });
      return true;
    } catch (error) {
      log.event("gate_not_drained", { deployment: this.name, why: error instanceof Error ? error.message : "" });
      return false;
    }
  }

  /** Takes it out of front's sight; what has connected is still served. */
  #hide(): void {
    if (!this.#published) return;
    this.#published = false;
    markSwitching(this.#host.places, this.name, true);
    if (existsSync(this.places.socket)) renameSync(this.places.socket, this.places.staged);
  }

  /**
   * Has the gate list and pin the tools of its release, and says how many held calls that voided. Rejects with
   * `PinRefused` when it answered that it will not.
   */
  async pin(): Promise<number> {
    const answer = await this.#control("/control/pin", {}, pinMs);
    if (answer.status !== 200) throw new PinRefused(describeAnswer(answer));
    return pinAnswer.parse(JSON.parse(answer.body)).voided;
  }

  /** Tells the gate one thing. Rejects unless it answered 200 in time. */
  async tell(path: string, body: object, timeoutMs: number): Promise<void> {
    const answer = await this.#control(path, body, timeoutMs);
    if (answer.status !== 200) throw new Error(`its gate refused: ${describeAnswer(answer)}`);
  }

  #control(path: string, body: object, timeoutMs: number, signal?: AbortSignal): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${this.#controlToken}`,
      "content-type": "application/json",
      host: this.name,
    };
    const what = { method: "POST", path, headers, body: JSON.stringify(body), timeoutMs, maxBytes: 1_048_576 };
    return ask({ socketPath: this.socket }, signal === undefined ? what : { ...what, signal });
  }

  async #probe(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const body: unknown = JSON.parse(await probeHealth({ socketPath: this.socket }, timeoutMs, signal));
    const release = typeof body === "object" && body !== null && "release" in body ? body.release : undefined;
    if (release !== this.release.release) throw new Error("/healthz names another release");
  }

  #terminate(pid: number): void {
    try {
      // bubblewrap does not pass signals on, and its own end would be the sudden end of the gate.
      process.kill(findServing(pid), "SIGTERM");
    } catch {
      // It has ended.
    }
  }

  async #clear(): Promise<void> {
    if (this.#group === undefined) return;
    if (this.#group.procs.length === 0) await reapGate(this.#host.places.configs, this.name);
    await this.#group.remove();
  }

  #launch() {
    const { places, ids, groups, onWeaker } = this.#host;
    const { name, uid } = this.#row;
    makeGateFolders(places, ids, name, uid);
    this.#writeConfig();
    this.#group = makeGroup(groups, `ambit-${places.id}-${name}`, { memory: this.#memory, pids: processLimit });
    for (const sentence of this.#group.weaker) onWeaker(sentence);
    const launch = {
      uid: ids.own ? uid : null,
      cgroups: this.#group.procs,
      openFiles,
      processes: ids.own ? processLimit : null,
      argv: this.#sandbox(),
    };
    const group = ids.own ? ids.front : null;
    return launchWithListener(launch, { temporary: this.places.unnamed, path: this.socket, group });
  }

  #sandbox(): string[] {
    const { programs, libraries } = this.#host;
    const cedar = this.#host.cedar.find(this.release);
    const same = (path: string): Mount => ({ from: path, to: path });
    const config = (file: string, to: string): Mount => ({ from: join(this.places.config, file), to });
    return buildSandboxArgv({
      hostname: "gate",
      readOnly: [
        ...libraries.map(same),
        { from: programs.workerd, to: inside.workerd },
        { from: cedar?.gate ?? programs.gate, to: inside.program },
        ...(cedar ? [{ from: cedar.wasm, to: inside.cedar }] : []),
        config(configFile(process.pid), inside.config),
        config("release.json", inside.release),
        config("tokens.json", inside.tokens),
        // The folder and not the socket: a broker that starts again makes a new socket in it.
        { from: this.places.doorFolder, to: inside.door },
      ],
      writable: [{ from: this.places.data, to: inside.data }],
      argv: [inside.workerd, "serve", inside.config, "--socket-fd", "in=3"],
    });
  }

  #writeConfig(): void {
    const control = mintToken("cli", randomBytes(tokenRandomBytes));
    this.#controlToken = control.token;
    const tokens: TokenRow[] = [
      { digest: this.#row.tokenDigest, scope: "chat", id: this.#row.tokenId },
      { digest: control.digest, scope: "control", id: control.id },
    ];
    const write = (file: string, text: string): void =>
      writeGroupFile(join(this.places.config, file), text, this.#host.ids, this.#row.uid);
    write(configFile(process.pid), buildGateConfig(this.name, this.release.policy !== null));
    write("release.json", JSON.stringify(this.release));
    write("tokens.json", JSON.stringify(tokens));
  }
}
