// The command line: one verb, one file. Prints one clear line for whatever goes wrong and exits with the code that the
// verb's failure means: 0 done, 1 failed, 2 usage, 3 refused by policy, 4 waiting for a person.
import { printable } from "../controls/manifest/printable.ts";
import { CommandError, HelpAsked, UsageError } from "./arguments.ts";

interface Verb {
  readonly help: string;
  readonly run: (args: string[]) => Promise<number>;
}

const verbs: Readonly<Record<string, Verb>> = {
  demo: {
    help: "run the example desks with everything they need",
    run: async (args) => (await import("./demo.ts")).runDemo(args),
  },
  init: {
    help: "write a deployment of your own: five questions, or flags",
    run: async (args) => (await import("./init.ts")).runInit(args),
  },
  up: { help: "start Ambit on this machine", run: async (args) => (await import("./up.ts")).runUp(args) },
  down: {
    help: "stop Ambit: turns end or are parked",
    run: async (args) => (await import("./down.ts")).runDown(args),
  },
  doctor: {
    help: "look at this machine, the state and what runs",
    run: async (args) => (await import("./doctor.ts")).runDoctor(args),
  },
  check: {
    help: "check a deployment file: what can it read, change, expose",
    run: async (args) => (await import("./check.ts")).runCheck(args),
  },
  deploy: { help: "deploy a file", run: async (args) => (await import("./deploy.ts")).runDeploy(args) },
  diff: {
    help: "say what a file would change in what a deployment may do",
    run: async (args) => (await import("./deploy.ts")).runDiff(args),
  },
  deploys: {
    help: "see what ran, decide what waits for a second person",
    run: async (args) => (await import("./deploys.ts")).runDeploys(args),
  },
  rollback: {
    help: "go back to the release that ran before",
    run: async (args) => (await import("./deploys.ts")).runRollback(args),
  },
  rm: { help: "remove a deployment for good", run: async (args) => (await import("./deploys.ts")).runRemove(args) },
  ls: { help: "list deployments", run: async (args) => (await import("./status.ts")).runList(args) },
  status: {
    help: "show processes, or one deployment",
    run: async (args) => (await import("./status.ts")).runStatus(args),
  },
  logs: {
    help: "show what the host, or one deployment, did; -f goes on",
    run: async (args) => (await import("./logs.ts")).runLogs(args),
  },
  chat: { help: "talk to a deployment", run: async (args) => (await import("./chat.ts")).runChat(args) },
  approvals: {
    help: "see and decide what waits for a person",
    run: async (args) => (await import("./approvals.ts")).runApprovals(args),
  },
  policy: {
    help: "say what would become of a call, and which rule decides",
    run: async (args) => (await import("./policy.ts")).runPolicy(args),
  },
  freeze: {
    help: "stop a deployment at once, in three places",
    run: async (args) => (await import("./freeze.ts")).runFreeze(args),
  },
  thaw: {
    help: "let a frozen deployment go on",
    run: async (args) => (await import("./freeze.ts")).runThaw(args),
  },
  tools: {
    help: "see pinned tools, accept a changed one",
    run: async (args) => (await import("./tools.ts")).runTools(args),
  },
  admin: {
    help: "make, list and end tokens for the admin API",
    run: async (args) => (await import("./admin.ts")).runAdmin(args),
  },
  audit: {
    help: "take out the audit chains, or verify them",
    run: async (args) => (await import("./audit.ts")).runAudit(args),
  },
  secrets: {
    help: "give the broker a credential",
    run: async (args) => (await import("./secrets.ts")).runSecrets(args),
  },
  test: {
    help: "run all tests and the table of claims",
    run: async (args) => (await import("./test.ts")).runTest(args),
  },
  bench: { help: "run the measurements", run: async (args) => (await import("./bench.ts")).runBench(args) },
};

function help(): string {
  const lines = Object.entries(verbs).map(([name, verb]) => `  ${name.padEnd(10)} ${verb.help}`);
  return `Usage: ./ambit VERB ...   (every verb takes --json)\n${lines.join("\n")}`;
}

async function main(): Promise<number> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(help());
    return name === undefined ? 2 : 0;
  }
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) {
    console.error(`ambit: there is no verb "${name}".\n${help()}`);
    return 2;
  }
  try {
    return await verb.run(args);
  } catch (thrown) {
    if (thrown instanceof HelpAsked) {
      console.log(`${verb.help}\n${thrown.message}`);
      return 0;
    }
    if (!(thrown instanceof UsageError) && !(thrown instanceof CommandError)) throw thrown;
    // A gate that was taken over chooses some of these words.
    for (const text of thrown.message.split("\n")) console.error(`ambit: ${printable(text, 10_000)}`);
    return thrown instanceof CommandError ? thrown.code : 2;
  }
}

process.exitCode = await main();
