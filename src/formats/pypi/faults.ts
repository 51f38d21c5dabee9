// Python clients' dialect of errors.
import type { Fault } from "../../core/faults.ts";
import { printable } from "../answers.ts";
import type { RenderedFault } from "../format.ts";

export function renderFault(fault: Fault): RenderedFault {
  return {
    contentType: "text/plain; charset=utf-8",
    body: `${printable(fault.message)}\n`,
    // twine shows nothing else, pip little more.
    reasonPhrase: printable(fault.message),
  };
}
