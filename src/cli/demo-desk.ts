// The second desk of the demo: a directory on its own SQLite file and the access desk deployed before it, on the same host
// and with the same model as the payables clerk. It is opened by the first scene that plays there.
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ChildProcess } from "node:child_process";
import { waitReady } from "./child.ts";
import { deployClerk, type Clerk, type ClerkOffice } from "./demo-clerk.ts";

export interface Desk {
  readonly clerk: Clerk;
  /** The directory's own SQLite file: what really happened. */
  readonly file: string;
}

/** Starts a program of the examples that ends with the stage. */
export type StartProgram = (file: string, args: string[], env: NodeJS.ProcessEnv) => ChildProcess;

/** Starts the directory and deploys the desk on the host of `office`, the payables clerk's. */
export async function openDesk(office: ClerkOffice, start: StartProgram, limitMs: number): Promise<Desk> {
  const example = "access-desk";
  const folder = join(office.folder, example);
  mkdirSync(folder);
  // The broker reads the record view's file under its own user id.
  chmodSync(folder, 0o755);
  const file = join(folder, "directory.sqlite");
  const token = randomBytes(24).toString("hex");
  const server = `examples/${example}/directory/server.ts`;
  const child = start(server, ["--file", file, "--port", "0"], { DIRECTORY_TOKEN: token });
  const { url } = await waitReady(child, "the demo's directory", limitMs);
  const addressed = (text: string) => office.addressed(text).replaceAll("127.0.0.1:7413", new URL(url).host);
  const secrets = { directory: token, model: office.secrets["model"] ?? "" };
  return { clerk: await deployClerk({ ...office, example, folder, addressed, secrets }), file };
}
