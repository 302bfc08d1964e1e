// The small stage with one harmless tool that counts its calls.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endChild, spawnTied, waitReady } from "../src/cli/child.ts";
import type { RunningHost } from "../src/cli/host-process.ts";
import { setSmallStage, type SmallStage, type ToolServerUnderTest } from "./small-stage.ts";

/** Sets the stage under a name; `tools` says what `note` may do, `more` are further lines of the deployment file. */
export function setNotesStage(
  state: string,
  name = "notes",
  host?: RunningHost,
  tools = "{ note: { effect: local, payload: [text] } }",
  more = "",
): Promise<SmallStage> {
  return setSmallStage({ state, name, tools, more, ...(host ? { host } : {}), server: setNotesServer });
}

/** Starts the server; its notes go into a file in `folder`. */
export async function setNotesServer(folder: string): Promise<ToolServerUnderTest> {
  const file = join(folder, "notes.txt");
  writeFileSync(file, "");
  const child = spawnTied("claims/notes-server.ts", ["--file", file], { PATH: process.env["PATH"] }, "inherit");
  const { url } = await waitReady(child, "the notes server", 30_000);
  return { url, end: () => endChild(child, 2000) };
}

/** One line a call, in the order the server saw them. */
export function readNotes(stage: SmallStage["stage"]): string[] {
  return readFileSync(join(stage.erpFile, "notes.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "");
}
