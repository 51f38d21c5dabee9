// npm's dialect of errors.
import type { Fault } from "../../core/faults.ts";
import { printable } from "../answers.ts";

/** npm, yarn and bun print the member `error`; pnpm prints the body as it is. */
export function renderFault(fault: Fault): { readonly contentType: string; readonly body: string } {
  return {
    contentType: "application/json",
    body: `${JSON.stringify({ error: printable(fault.message), code: fault.code })}\n`,
  };
}
