// What the engine makes of a module of WebAssembly.
declare module "*.wasm" {
  const compiled: unknown;
  export default compiled;
}
