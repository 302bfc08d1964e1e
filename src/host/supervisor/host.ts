// Control `runtime`: one machine's Ambit: the broker, the front and a gate per deployment, started and ended in order.
// Nothing here outlives the supervisor: every part is tied to its life by the kernel, and to be sure by the reaper.
import { availableParallelism } from "node:os";
import type { HostStatus } from "../../controls/wire/control.ts";
import type { AdminChain } from "./admin-chain.ts";
import { BrokerLink } from "./broker-link.ts";
import { readVersion } from "./bundle.ts";
import { ChainLinks } from "./chain-links.ts";
import type { CedarProgram } from "./cedar-program.ts";
import type { GroupParents } from "./cgroups.ts";
import { finishWhatWasCutOff } from "./cut-off.ts";
import { drainGates, letGo, type Order } from "./ending.ts";
import { makeGateFolders, markOpen, markSwitching, removeRunFolder } from "./folders.ts";
import { Freezer } from "./freeze.ts";
import { Gate, type GateHost } from "./gate.ts";
import type { Listen } from "./listen.ts";
import type { Log } from "./log.ts";
import { Part } from "./part.ts";
import type { Places } from "./places.ts";
import { adminPart, brokerPart, frontPart } from "./plain-parts.ts";
import type { Programs } from "./programs.ts";
import { Reaper } from "./reaper.ts";
import type { Registry } from "./registry.ts";
import { Slots } from "./slots.ts";
import { StartRefused } from "./start-refused.ts";
import type { HostIds } from "./user-ids.ts";
import { Witness } from "./witness.ts";

/** What must be there before a host can be: see `openHost`. */
export interface Opened {
  readonly places: Places;
  readonly ids: HostIds;
  readonly registry: Registry;
  readonly groups: GroupParents;
  readonly programs: Programs;
  readonly cedar: CedarProgram;
  /** Shared libraries of workerd. */
  readonly libraries: readonly string[];
  readonly listen: Listen;
  readonly admin: Listen;
  /** As `--trusted-proxies` of the front and `--otlp` of admin take them. */
  readonly trustedProxies?: string | undefined;
  readonly otlp?: string | undefined;
  readonly log: Log;
}

export class Host {
  readonly places: Places;
  readonly ids: HostIds;
  readonly registry: Registry;
  /** The admin chain: every act of the operator on a deployment goes in here. */
  readonly audit: AdminChain;
  readonly listen: Listen;
  readonly admin: Listen;
  readonly log: Log;
  readonly link: BrokerLink;
  readonly chains: ChainLinks;
  readonly gateHost: GateHost;
  readonly freezer: Freezer;
  /** The gate each deployment should have now, accepted or not. */
  readonly gates = new Map<string, Gate>();
  /** Deployments of which a deploy, or the undoing of one, is under way. */
  readonly busy = new Set<string>();
  readonly #broker: Part;
  readonly #front: Part;
  readonly #admin: Part;
  readonly #reaper: Reaper;
  readonly #witness: Witness;
  /** Sentence by what it is about: itself for the machine, a name for a deployment. */
  readonly #weaker = new Map<string, string>();
  readonly #version = readVersion();
  #stopping = false;

  constructor(opened: Opened) {
    const { places, ids, registry, groups, programs, cedar, libraries, listen, admin, log } = opened;
    this.places = places;
    this.ids = ids;
    this.registry = registry;
    this.audit = registry.audit;
    this.listen = listen;
    this.admin = admin;
    this.log = log;
    this.#reaper = new Reaper(places.run, places.configs);
    this.link = new BrokerLink(places.broker.control);
    this.chains = new ChainLinks(places, this.audit);
    this.#witness = new Witness({
      links: this.chains,
      audit: this.audit,
      log,
      isKnown: (name) => this.gates.has(name),
      onDisputed: (name, writer) =>
        this.sayWeaker(
          `${name}/${writer}`,
          `${name}: its ${writer} chain was cut or rewritten: ./ambit audit verify ${name}`,
        ),
    });
    const onWeaker = (sentence: string): void => this.sayWeaker(sentence, sentence);
    const slots = new Slots(Math.max(2, availableParallelism()));
    this.freezer = new Freezer(this);
    const onGateReady = (name: string): void => {
      this.freezer.onReady(name);
      // One that came back while the host ends.
      if (this.#stopping) void this.gates.get(name)?.quiet();
    };
    this.gateHost = { places, ids, programs, cedar, libraries, groups, log, slots, onWeaker, onGateReady };
    this.#broker = new Part(
      brokerPart(places, ids, programs, () => this.#tellBroker()),
      log,
    );
    this.#front = new Part(frontPart(places, ids, programs, opened), log);
    this.#admin = new Part(adminPart(places, ids, programs, admin, opened.otlp), log);
    if (!ids.own)
      onWeaker(
        `not started as root: broker, front, admin and all gates share user id ${ids.base}, so one that breaks out reaches all`,
      );
  }

  /** Starts everything that the registry names. Throws when broker, front or admin cannot start at all. */
  async start(): Promise<void> {
    this.#reaper.start();
    this.#broker.start();
    this.#front.start();
    this.#admin.start();
    for (const row of this.registry.list()) {
      if (row.release === undefined) {
        this.sayWeaker(
          row.name,
          `${row.name} does not run: its release was written for another version of Ambit, deploy it again`,
        );
        continue;
      }
      const fault = this.gateHost.cedar.faultOf(row.release);
      if (fault === undefined) this.startGate(new Gate(this.gateHost, row, row.release, true));
      else this.sayWeaker(row.name, `${row.name} does not run: ${fault}`);
    }
    this.#tellAll("started");
    try {
      await Promise.all([this.#broker.ready(), this.#front.ready(), this.#admin.ready()]);
    } catch (error) {
      throw new StartRefused(error instanceof Error ? error.message : String(error));
    }
    this.#witness.start();
    await finishWhatWasCutOff(this);
  }

  /** Has signed what is new on the chains of admin, broker and front. */
  witnessNow(): Promise<void> {
    return this.#witness.round();
  }

  /** Has it said, wherever the host is shown, that something is weaker than it should be. */
  sayWeaker(about: string, sentence: string): void {
    this.#weaker.set(about, sentence);
  }

  /** A deploy succeeded: what was said of the release before is over. */
  forgetWeaker(name: string): void {
    this.#weaker.delete(name);
  }

  /** Makes a gate the one its deployment should have, and starts it. Throws when the host is ending. */
  startGate(gate: Gate): void {
    if (this.#stopping) throw new Error("Ambit is stopping");
    // The broker opens its door here, perhaps before the gate's first start.
    makeGateFolders(this.places, this.ids, gate.name, gate.part.spec.uid);
    markOpen(this.places, gate.name, !this.freezer.isFrozen(gate.name));
    if (gate.isPublished) {
      markSwitching(this.places, gate.name, false);
      gate.serveHosts();
    }
    this.gates.set(gate.name, gate);
    if (isObserving(gate)) this.log.event("observes_only_not_for_production", { deployment: gate.name });
    gate.part.start();
  }

  /** Opens the broker's door of a gate; one that is frozen is so from the door's first moment. */
  openDoor({ name, release }: Gate): Promise<void> {
    return this.link.open(name, release, this.freezer.isFrozen(name));
  }

  /** Has a gate pin its tools; null for one that is frozen: of that nothing leaves, so it is left for the thaw. */
  async pin(gate: Gate): Promise<number | null> {
    if (!this.freezer.isFrozen(gate.name)) return gate.pin();
    this.registry.setPinDue(gate.name);
    return null;
  }

  status(): HostStatus {
    const parts = [this.#broker, this.#front, this.#admin, ...[...this.gates.values()].map((gate) => gate.part)];
    return {
      version: this.#version,
      pid: process.pid,
      state: this.places.state,
      url: this.listen.url,
      admin: this.admin.url,
      weaker: [...this.#weaker.values()],
      observing: [...this.gates.values()].filter(isObserving).map(({ name }) => name),
      processes: parts.map((part) => ({
        name: part.spec.name,
        pid: part.pid,
        state: part.state,
        restarts: part.restarts,
        uid: part.spec.uid,
        pss: part.readPss(),
      })),
    };
  }

  /** Ends everything in order: turns that walk, new requests, then the gates, then the broker that they still ask. */
  async stop(order: Order): Promise<void> {
    this.#stopping = true;
    this.freezer.stop();
    const { atOnce } = order;
    const drained = await drainGates([...this.gates.values()], order);
    await this.#witness.end(atOnce);
    await Promise.all([this.#front.stop(atOnce), this.#admin.stop(atOnce), letGo(drained, order)]);
    await Promise.all([...this.gates.values()].map((gate) => gate.part.stop(atOnce)));
    this.#tellAll("stopped");
    await this.#witness.end(atOnce);
    await this.#broker.stop(atOnce);
    this.#reaper.stop();
    removeRunFolder(this.places);
    this.registry.close();
  }

  /** One entry on every admin chain. A full disk must keep no host from starting or from ending. */
  #tellAll(event: "started" | "stopped"): void {
    const names = [...this.gates.keys()];
    try {
      this.audit.together(() => names.forEach((name) => this.audit.append(name, event, { version: this.#version })));
    } catch (error) {
      this.log.event("audit_failed", { event, why: String(error) });
    }
  }

  #tellBroker(): void {
    for (const gate of this.gates.values()) {
      const { name } = gate;
      const opened = this.freezer.inTurn(name, () => this.openDoor(gate));
      opened.catch((error: unknown) => this.log.event("door_not_opened", { deployment: name, why: String(error) }));
      this.freezer.onReady(name);
    }
  }
}

/** What policy would refuse or hold happens all the same in such a deployment. */
function isObserving({ release }: Gate): boolean {
  return release.manifest.mode === "observe";
}
