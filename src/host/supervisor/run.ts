// Control `runtime`: one run of a host, from its start to its orderly end. A signal or the operator's word ends it; a
// start that is refused ends what had been started already. Nothing is left behind but the state folder.
import { serveControl } from "./control.ts";
import { Ending } from "./ending.ts";
import type { Host } from "./host.ts";
import { forgetStarter } from "./inherited.ts";
import { openHost, type HostOptions } from "./open-host.ts";

async function end(host: Host, why: string, drainMs: number, atOnce: AbortSignal): Promise<void> {
  host.log.event("stopping", { why, drain_ms: drainMs });
  await host.stop({ drainMs, atOnce });
  host.log.event("stopped");
}

/** Runs a host until it is told to end. Throws `StartRefused` when it cannot start. */
export async function runHost(options: HostOptions): Promise<void> {
  const began = performance.now();
  forgetStarter();
  const ending = new Ending(options.drainMs);
  const host = await openHost(options);
  try {
    const started = host.start();
    // A start that takes long can be ended as well.
    await Promise.race([started, ending.word]);
    started.catch(() => undefined);
  } catch (error) {
    await end(host, "a part could not start", 0, ending.atOnce);
    throw error;
  }
  const servers = await serveControl(host, (drainMs) => ending.tell("asked over the control socket", drainMs));
  const { state, control } = host.places;
  host.log.event("ready", { state, control, url: options.listen.url, after_ms: Math.round(performance.now() - began) });
  const { why, drainMs } = await ending.word;
  for (const server of servers) {
    server.close();
    server.closeIdleConnections();
  }
  await end(host, why, drainMs, ending.atOnce);
  for (const server of servers) server.closeAllConnections();
}
