// How one control is switched off, as data. Nothing in the product can switch a control off; instead the claim is run on a
// copy of this tree in which one text is replaced by another. `find` must stand in the file exactly once, and the claim
// must then fail in a test of its own while its test named `works at all: ...` still passes. Choose the smallest edit that
// removes the control and leaves the rest of the program as it was.
import type { ControlId } from "../../src/boundary.ts";

export interface Mutation {
  readonly control: ControlId;
  /** What is missing then, in a few words; one control may have several. */
  readonly name: string;
  /** Path from the root of the tree. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The claim test that must go red: the one of this control in the register. */
  readonly claim: string;
  /** Name of the test in it that must go red; only that one runs, beside those that show that it works at all. */
  readonly red: string;
  /** Which of those, after `works at all: `, where one of several is enough and the others start hosts of their own. */
  readonly works?: string;
}
