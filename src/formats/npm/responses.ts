// npm's dialect of answers and errors.
import type { Fault } from "../../core/faults.ts";
import type { DoorRequest } from "../format.ts";

const COMMON = ["cache-control", "private, no-cache", "x-content-type-options", "nosniff"];

/** A small JSON answer, made on the spot. */
export function sendJson(
  { res, method }: DoorRequest,
  status: number,
  value: unknown,
  headers: readonly string[] = [],
): void {
  sendText(res, method, status, JSON.stringify(value), headers);
}

/** JSON that is text already. */
export function sendText(
  res: DoorRequest["res"],
  method: string,
  status: number,
  text: string,
  headers: readonly string[] = [],
): void {
  const body = Buffer.from(text);
  res.writeHead(status, [
    "content-type",
    "application/json",
    "content-length",
    String(body.length),
    ...COMMON,
    ...headers,
  ]);
  if (method === "HEAD") res.end();
  else res.end(body);
}

/** npm, yarn and bun print the member `error`; pnpm prints the body as it is. */
export function renderFault(fault: Fault): { readonly contentType: string; readonly body: string } {
  return {
    contentType: "application/json",
    body: `${JSON.stringify({ error: printable(fault.message), code: fault.code })}\n`,
  };
}

/**
 * Text that is safe in a terminal: clients print our messages, and messages quote what strangers sent. Control
 * characters (so every escape sequence) and direction overrides go; line breaks become spaces.
 */
export function printable(text: string): string {
  return text
    .replace(/[\n\r\t]+/g, " ")
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]/gu, "");
}
