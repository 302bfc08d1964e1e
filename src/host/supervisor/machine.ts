// Control `runtime`: what this machine must have before anything starts. A wall that cannot be built is an error with the
// command that mends it, never a gate without that wall.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { buildLaunchArgv, buildSandboxArgv } from "./sandbox.ts";
import { StartRefused } from "./start-refused.ts";

const tools = {
  "/usr/bin/bwrap": "bubblewrap",
  "/usr/bin/setpriv": "util-linux",
  "/usr/bin/prlimit": "util-linux",
} as const;

/** Throws unless the programs that build the walls are here. */
export function requireTools(): void {
  if (process.platform !== "linux") throw new StartRefused(`gates need Linux namespaces, this is ${process.platform}`);
  for (const [path, name] of Object.entries(tools)) {
    if (!existsSync(path)) throw new StartRefused(`${path} is missing: install it with apt-get install ${name}`);
  }
}

/** Builds the walls once around `workerd --version`. Throws with bubblewrap's own words when that does not work. */
export function requireSandbox(uid: number | null, workerd: string, libraries: readonly string[]): void {
  const readOnly = [...libraries, workerd].map((path) => ({ from: path, to: path }));
  const argv = buildSandboxArgv({ hostname: "check", readOnly, writable: [], argv: [workerd, "--version"] });
  const limits = { uid, cgroups: [], openFiles: 256, processes: null };
  const caller = { callerUid: process.getuid?.() ?? -1, callerPid: process.pid };
  const [command = "", ...args] = buildLaunchArgv({ ...caller, ...limits, argv });
  const done = spawnSync(command, args, { cwd: "/", env: {}, encoding: "utf8", timeout: 10_000 });
  if (done.status === 0) return;
  const said = done.stderr.trim().split("\n").at(-1) || done.error?.message || `status ${done.status}`;
  throw new StartRefused(
    `the sandbox for gates cannot be built here (${said}): allow unprivileged user namespaces ` +
      `(sysctl kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0)`,
  );
}
