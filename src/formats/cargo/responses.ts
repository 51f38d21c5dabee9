// Cargo's dialect of errors.
import type { Fault } from "../../core/faults.ts";
import { printable } from "../answers.ts";

/** Cargo prints every `detail`, of whatever status (since 1.34); for reads of the index it shows the body as it is. */
export function renderFault(fault: Fault): { readonly contentType: string; readonly body: string } {
  return {
    contentType: "application/json",
    body: `${JSON.stringify({ errors: [{ detail: printable(fault.message) }] })}\n`,
  };
}
