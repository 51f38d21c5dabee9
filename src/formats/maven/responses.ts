// Maven's dialect of errors: plain text, and the same behind the status code, since mvn shows nothing else of an answer.
import type { Fault } from "../../core/faults.ts";
import { printable } from "../answers.ts";
import type { RenderedFault } from "../format.ts";

export function renderFault(fault: Fault): RenderedFault {
  const text = printable(fault.message);
  return { contentType: "text/plain; charset=utf-8", body: `${text}\n`, reasonPhrase: text };
}
