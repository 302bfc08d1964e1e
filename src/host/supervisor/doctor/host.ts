// Control `runtime`: what a running host says of itself, in the words of `./ambit status`; without one, whether a start
// would find its usual addresses free.
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { printable } from "../../../controls/manifest/printable.ts";
import type { DeploymentList, HostStatus } from "../../../controls/wire/control.ts";
import { fail, ok, weak, type Finding, type Patient } from "./finding.ts";

/** Where `./ambit up` listens when it is told nothing. */
const usual = [
  { port: 7400, flag: "--listen" },
  { port: 7401, flag: "--admin" },
] as const;

export async function lookAtHost({ places, running }: Patient): Promise<Finding[]> {
  if (typeof running === "string") {
    const why = printable(running, 400);
    const silent = existsSync(places.control) && !why.startsWith("no Ambit runs");
    const host = silent
      ? fail("host", why, "its state could not be asked for", "see its log")
      : weak("host", why, "nothing is served", "./ambit up");
    return [host, ...(await Promise.all(usual.map(lookAtPort)))];
  }
  const { status, deployments } = running;
  const weaker = status.weaker.map((sentence) =>
    weak(
      "host",
      printable(sentence, 400),
      "it is weaker than it should be",
      "as said, or see docs/design.md, section 7",
    ),
  );
  const said = `Ambit ${status.version} (pid ${status.pid}) at ${status.url}, admin at ${status.admin}`;
  return [
    ok("host", printable(said, 400)),
    ...lookAtParts(status),
    ...weaker,
    ...deployments.flatMap(lookAtDeployment),
  ];
}

function lookAtParts({ processes }: HostStatus): Finding[] {
  return processes.map(({ name, state, restarts }) => {
    const check = printable(name, 60);
    if (state !== "ready") return fail(check, state, "it serves nothing now", "its lines in the log say why");
    if (restarts > 0)
      return weak(
        check,
        `ready, after ${restarts} restarts`,
        "it ended by itself or was killed",
        "its lines in the log say why",
      );
    return ok(check, "ready");
  });
}

function lookAtDeployment({ name, release, state, mode, frozen }: DeploymentList["deployments"][number]): Finding[] {
  return [
    ...(release === "" ? [fail(name, state, "its release cannot be read", `./ambit deploy FILE of ${name}`)] : []),
    ...(frozen
      ? [
          weak(
            name,
            printable(`frozen by ${frozen.by} since ${frozen.at}`, 400),
            "nothing is let in or out",
            `./ambit thaw ${name}`,
          ),
        ]
      : []),
    ...(mode === "observe"
      ? [
          weak(
            name,
            "observe mode",
            "what policy would refuse happens all the same: never for production",
            "mode: enforce in its file",
          ),
        ]
      : []),
  ];
}

/** Listens for a moment, and never answers. */
function lookAtPort({ port, flag }: (typeof usual)[number]): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) =>
      resolve(
        weak(
          `port ${port}`,
          `127.0.0.1:${port} cannot be had (${error.code})`,
          `./ambit up needs another one`,
          `./ambit up ${flag} 127.0.0.1:PORT`,
        ),
      ),
    );
    server.listen(port, "127.0.0.1", () =>
      server.close(() => resolve(ok(`port ${port}`, `127.0.0.1:${port} is free`))),
    );
  });
}
