// The two entries of the Cedar package that are used, with no more of them than `cedar-api.ts` says. The package's own types
// name things of a browser that neither Node nor the engine's types have.
// oxlint-disable-next-line typescript/consistent-type-imports -- an import would make this a module, and the rest no declarations
type Api = import("./cedar-api.ts").CedarApi;

declare module "@cedar-policy/cedar-wasm/web" {
  export const validate: Api["validate"];
  export const policyToJson: Api["policyToJson"];
  export const preparsePolicySet: Api["preparsePolicySet"];
  export const preparseSchema: Api["preparseSchema"];
  export const statefulIsAuthorized: Api["statefulIsAuthorized"];
  export function initSync(given: { readonly module: unknown }): unknown;
}

declare module "@cedar-policy/cedar-wasm/nodejs" {
  export const validate: Api["validate"];
  export const policyToJson: Api["policyToJson"];
  export const preparsePolicySet: Api["preparsePolicySet"];
  export const preparseSchema: Api["preparseSchema"];
  export const statefulIsAuthorized: Api["statefulIsAuthorized"];
}
