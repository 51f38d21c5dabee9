// The registry specification's dialect: problem details, API versions, and the headers of every answer (3.3, 3.5).
import { Fault } from "../../core/faults.ts";
import { printable } from "../answers.ts";
import type { RenderedFault } from "../format.ts";

export const VERSION_HEADERS = ["content-version", "1"] as const;

export function renderFault(fault: Fault): RenderedFault {
  const { status, message } = fault;
  return {
    contentType: "application/problem+json",
    body: `${JSON.stringify({ status, detail: printable(message) })}\n`,
    headers: { "content-version": "1", "content-language": "en" },
  };
}

/**
 * 400 for a version that is none, 415 for one that is not served here; what asks for no version of this API gets the
 * one there is, as do clients that accept anything (3.5).
 */
export function checkAccept(accept: string | undefined): void {
  for (const part of accept?.split(",") ?? []) {
    const asked = /^\s*application\/vnd\.swift\.registry(?:\.v([^+;\s]*))?(?:\+([^;\s]*))?/i.exec(part);
    if (asked === null) continue;
    const [, version = "1", media = "json"] = asked;
    if (!/^\d+$/.test(version)) throw new Fault("ValidationException", "invalid API version");
    if (version !== "1")
      throw new Fault("UnsupportedMediaType", "unsupported API version; version 1 is served here");
    if (!["json", "zip", "swift"].includes(media.toLowerCase()))
      throw new Fault("ValidationException", `'${media.slice(0, 50)}' is no media type of this API`);
  }
}
