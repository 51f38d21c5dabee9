// NuGet's dialect of errors.
import type { Fault } from "../../core/faults.ts";
import { printable } from "../answers.ts";
import type { RenderedFault } from "../format.ts";

/** Clients print the reason phrase; those since 6.10 can read problem details. */
export function renderFault(fault: Fault): RenderedFault {
  const detail = printable(fault.message);
  return {
    contentType: "application/problem+json",
    body: `${JSON.stringify({ title: detail, status: fault.status, detail })}\n`,
    reasonPhrase: detail,
  };
}
