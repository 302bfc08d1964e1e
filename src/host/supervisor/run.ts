// Control `runtime`: one run of a host, from its start to its orderly end. A signal or the operator's word ends it; a
// start that is refused ends what had been started already. Nothing is left behind but the state folder.
import { serveControl } from "./control.ts";
import type { Host } from "./host.ts";
import { forgetStarter } from "./inherited.ts";
import { openHost, type HostOptions } from "./open-host.ts";

/** Signals that mean: end in order. */
const endSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

async function end(host: Host, why: string): Promise<void> {
  host.log.event("stopping", { why });
  await host.stop();
  host.log.event("stopped");
}

/** Runs a host until it is told to end. Throws `StartRefused` when it cannot start. */
export async function runHost(options: HostOptions): Promise<void> {
  const began = performance.now();
  forgetStarter();
  const told = Promise.withResolvers<string>();
  for (const signal of endSignals) process.on(signal, () => told.resolve(signal));
  const host = await openHost(options);
  try {
    const started = host.start();
    // A start that takes long can be ended as well.
    await Promise.race([started, told.promise]);
    started.catch(() => undefined);
  } catch (error) {
    await end(host, "a part could not start");
    throw error;
  }
  const servers = await serveControl(host, () => told.resolve("asked over the control socket"));
  const { state, control } = host.places;
  host.log.event("ready", { state, control, url: options.listen.url, after_ms: Math.round(performance.now() - began) });
  const why = await told.promise;
  for (const server of servers) {
    server.close();
    server.closeIdleConnections();
  }
  await end(host, why);
  for (const server of servers) server.closeAllConnections();
}
