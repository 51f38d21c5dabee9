// Gem clients' dialect of errors: they show the body.
import type { Fault } from "../../core/faults.ts";
import { printable } from "../answers.ts";
import type { RenderedFault } from "../format.ts";

export function renderFault({ message }: Fault): RenderedFault {
  return { contentType: "text/plain; charset=utf-8", body: `${printable(message)}\n` };
}
