// Control `workflow`: what is used of the Cedar package, and nothing else of it. It is handed in, so that the same code
// decides in a gate, where the wasm is a module of the engine, and in Node, where `check` and the tests run it.
import type { JsonObject } from "../../boundary.ts";

export interface CedarFault {
  readonly message: string;
  readonly help: string | null;
  /** Offsets in UTF-8 bytes. */
  readonly sourceLocations?: readonly { readonly label: string | null; readonly start: number }[];
}

export type CedarSchema = Readonly<Record<string, object>>;

interface PolicySet {
  /** Text of each policy by its id. */
  readonly staticPolicies: Readonly<Record<string, string>>;
}

interface PolicyFault {
  readonly policyId: string;
  readonly error: CedarFault;
}

interface Failure {
  readonly type: "failure";
  readonly errors: readonly CedarFault[];
}

interface EntityId {
  readonly type: string;
  readonly id: string;
}

export interface CedarApi {
  validate(call: { readonly schema: CedarSchema; readonly policies: PolicySet }):
    | Failure
    | {
        readonly type: "success";
        readonly validationErrors: readonly PolicyFault[];
        readonly validationWarnings: readonly PolicyFault[];
      };
  policyToJson(text: string): Failure | { readonly type: "success"; readonly json: JsonObject };
  /** Kept for good under its id: nothing frees it, the same id replaces it. */
  preparsePolicySet(id: string, policies: PolicySet): Failure | { readonly type: "success" };
  preparseSchema(id: string, schema: CedarSchema): Failure | { readonly type: "success" };
  statefulIsAuthorized(call: {
    readonly principal: EntityId;
    readonly action: EntityId;
    readonly resource: EntityId;
    readonly context: JsonObject;
    readonly preparsedSchemaName: string;
    readonly preparsedPolicySetId: string;
    readonly validateRequest: true;
    readonly entities: readonly {
      readonly uid: EntityId;
      readonly attrs: Record<string, never>;
      readonly parents: readonly EntityId[];
    }[];
  }):
    | Failure
    | {
        readonly type: "success";
        readonly response: {
          readonly decision: "allow" | "deny";
          readonly diagnostics: { readonly reason: readonly string[]; readonly errors: readonly PolicyFault[] };
        };
      };
}
