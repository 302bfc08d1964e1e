// Ways to switch control `runtime` off: each takes one thing away that its claim must miss. See mutation.ts for what
// makes a good one. A test that is named here and does not go red shows that the claim claims more than it looks at.
import type { Mutation } from "./mutation.ts";

const of = { control: "runtime", claim: "claims/runtime.claim.test.ts" } as const;

export const runtime: readonly Mutation[] = [
  {
    ...of,
    name: "a gate that does not answer is ended",
    red: "a gate that spins for ever is ended and started again, while its neighbour serves",
    file: "src/host/supervisor/part-times.ts",
    find: "  probeMs: 3000,",
    replace: "  probeMs: 3_000_000,",
  },
  {
    ...of,
    name: "a network of its own",
    red: "a gate has no network but loopback, which leads nowhere",
    file: "src/host/supervisor/sandbox.ts",
    find: `"--unshare-net", `,
    replace: "",
  },
  {
    ...of,
    name: "an empty environment",
    red: "a gate has no capability, cannot gain one, and has no environment",
    file: "src/host/supervisor/sandbox.ts",
    find: `"--clearenv", `,
    replace: `"--setenv", "TOKEN", "x", `,
  },
];
