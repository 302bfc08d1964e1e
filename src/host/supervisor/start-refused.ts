// Control `runtime`: broken configuration or a machine that lacks something. It ends a start with one line that says
// what, where and how to fix it; anything else that is thrown is a bug and keeps its stack.

/** Thrown while starting; `message` is shown to the operator as it is. */
export class StartRefused extends Error {
  override readonly name = "StartRefused";
}
