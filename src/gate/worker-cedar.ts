// The Worker of a deployment that names a policy file: the same Worker with Cedar in it. Its own program, because Cedar takes
// 4 MB of code and more of memory, which no other gate should carry.
import {
  initSync,
  policyToJson,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
  validate,
} from "@cedar-policy/cedar-wasm/web";
// A module of the engine's: it is embedded beside this program and compiled with it.
import cedarWasm from "./cedar.wasm";
import { openReader } from "./ledger/cedar-reader.ts";
import { useReader } from "./ledger/policy-overlay.ts";

export { default, Ledger, Thread } from "./worker.ts";

initSync({ module: cedarWasm });
useReader(openReader({ validate, policyToJson, preparsePolicySet, preparseSchema, statefulIsAuthorized }));
