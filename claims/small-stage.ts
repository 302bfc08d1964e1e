// A small deployment for claims and measurements: the scripted model, one real MCP server and the tools a test names.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { z } from "zod";
import type { deployAnswer } from "../src/controls/wire/control.ts";
import type { Release } from "../src/controls/manifest/release.ts";
import { CommandError } from "../src/cli/arguments.ts";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { endChild, spawnTied, waitReady } from "../src/cli/child.ts";
import { askControl } from "../src/cli/ask-host.ts";
import type { Stage } from "../src/cli/demo-stage.ts";
import { findFreeAddress } from "../src/cli/free-port.ts";
import { startHost, type RunningHost } from "../src/cli/host-process.ts";
import { loadRelease } from "../src/cli/load-release.ts";

export interface SmallStage {
  readonly stage: Stage;
  readonly release: Release;
  /** Base URL of the scripted model and URL of the tool server, to ask them without Ambit. */
  readonly model: string;
  readonly tools: string;
  /** What the model was asked so far: the last words of the user in each request that reached it. */
  asked(): string[];
}

export interface ToolServerUnderTest {
  readonly url: string;
  end(): Promise<void>;
}

export interface SmallStageOptions {
  readonly state: string;
  readonly name: string;
  /** Starts the tool server; `folder` is for its files. */
  readonly server: (folder: string) => Promise<ToolServerUnderTest>;
  /** YAML flow mapping of the named tools. */
  readonly tools: string;
  /** YAML flow mapping of the channels. */
  readonly channels?: string;
  /** Further top-level lines of the deployment file. */
  readonly more?: string;
  /** A host that runs already on this state folder. */
  readonly host?: RunningHost;
}

/** Sets the stage; its `erpFile` is the folder given to the tool server. */
export async function setSmallStage(options: SmallStageOptions): Promise<SmallStage> {
  const { state, name } = options;
  const folder = mkdtempSync(join(tmpdir(), "ambit-small-"));
  chmodSync(folder, 0o755);
  const log = join(folder, "model.log");
  const model = spawnTied(
    "examples/scripted-demo/server.ts",
    ["--port", "0", "--log", log],
    { PATH: process.env["PATH"] },
    "inherit",
  );
  const [server, answers, host] = await Promise.all([
    options.server(folder),
    waitReady(model, "the scripted model", 30_000),
    options.host ?? findFreeAddress().then((listen) => startHost({ state, listen }, () => undefined)),
  ]);
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await askControl(state, method, path, { body });
    if (answer.status >= 400) throw new CommandError(JSON.stringify(answer.body));
    return answer.body as T;
  };
  const stop = async () => {
    if (!options.host) await host.stop();
    await Promise.all([server.end(), endChild(model, 2000)]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    writeFileSync(join(folder, "instructions.md"), "Do what you are told.");
    writeFileSync(join(folder, "agent.yaml"), deploymentText(options, server.url, answers.url));
    const { release } = loadRelease(join(folder, "agent.yaml"));
    const { token } = await ask<z.infer<typeof deployAnswer>>("PUT", `/v1/deployments/${name}`, { release });
    const stage: Stage = {
      ...{ name, url: host.url, token: token ?? "", erpFile: folder, host, stop, obeys: true },
      client: new ChannelClient(host.url, name, token ?? "", "amy"),
      ask: (method, path, body) => ask(method, `/v1/deployments/${name}/gate/${path}`, body),
    };
    return { stage, release, model: answers.url, tools: server.url, asked: () => readAsked(log) };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

function readAsked(log: string): string[] {
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
  return lines.filter((line) => line !== "").map((line) => (JSON.parse(line) as { asked: string }).asked);
}

function deploymentText(
  { name, tools, channels = "{ api: { users: [amy, bob] } }", more = "" }: SmallStageOptions,
  toolsUrl: string,
  modelUrl: string,
): string {
  const hosts = [new URL(toolsUrl).host, new URL(modelUrl).host];
  return `version: 1
name: ${name}
purpose: Shows one thing.
agent:
  instructions: ./instructions.md
  model: { provider: openai-compatible, base_url: "${modelUrl}", name: scripted-demo }
channels: ${channels}
servers: { under-test: { url: "${toolsUrl}", tools: ${tools} } }
egress: { allow_internal: ${JSON.stringify(hosts)} }
${more}`;
}
