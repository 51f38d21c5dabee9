// Answers that every format gives alike: small texts made on the spot, and why there is nothing to show.
import { Fault } from "../core/faults.ts";
import { explain, ruleText } from "../core/origin.ts";
import type { PackageView } from "../registry/registry.ts";
import type { DoorRequest } from "./format.ts";

const COMMON = ["cache-control", "private, no-cache", "x-content-type-options", "nosniff"];

/** A small JSON answer, made on the spot. `headers` is flat: name, value, name, value. */
export function sendJson(
  request: DoorRequest,
  status: number,
  value: unknown,
  headers: readonly string[] = [],
): void {
  sendText(request, status, "application/json", JSON.stringify(value), headers);
}

/** A small text that is at hand; to HEAD, its headers only. */
export function sendText(
  { res, method }: DoorRequest,
  status: number,
  contentType: string,
  text: string,
  headers: readonly string[] = [],
): void {
  const body = Buffer.from(text);
  res.writeHead(status, [
    "content-type",
    contentType,
    "content-length",
    String(body.length),
    ...COMMON,
    ...headers,
  ]);
  if (method === "HEAD") res.end();
  else res.end(body);
}

/**
 * Why nothing of the package may be seen: trouble outside first, then the rules that hide it, then plain absence.
 * `name` is the package as its clients write it.
 */
export function absence(view: PackageView, name: string): Fault {
  if (view.trouble !== undefined) return view.trouble;
  const what = `${name} is not in repository '${view.repository.name}', nor anywhere upstream that it may be taken from.`;
  const detail = { resourceType: "package", resourceId: name } as const;
  if (view.hidden.length === 0) return new Fault("ResourceNotFoundException", what, detail);
  return new Fault("ResourceNotFoundException", [what, ...view.hidden.map(explain)].join(" "), {
    ...detail,
    rule: view.hidden.map(ruleText).join(", "),
  });
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
