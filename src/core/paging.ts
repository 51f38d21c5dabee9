// Page tokens: the key of the last row a client was given, bound to the question it was given for (spec 7.6).
import { invalid } from "./faults.ts";

/** A keyed hash of a text, as URL-safe characters. Given by the caller: core knows no secrets. */
export type Sign = (text: string) => string;

/** Where a page ended: the values of the columns the list is ordered by. */
export type Position = readonly (string | number)[];

/** What a token is good for: the same operation by the same account with the same filters. Page size may change. */
export interface PageScope {
  readonly operation: string;
  readonly account: string;
  readonly filters: unknown;
}

/** Opaque to clients: the position and its signature. White space never occurs in it (the model's `\S+`). */
export function makePageToken(sign: Sign, scope: PageScope, position: Position): string {
  const text = escapeText(JSON.stringify(position));
  return `${text}.${sign(signedText(scope, text))}`;
}

/** Throws ValidationException for a token that was changed, made up, or given for another question. */
export function readPageToken(sign: Sign, scope: PageScope, token: string): Position {
  const dot = token.lastIndexOf(".");
  const text = token.slice(0, Math.max(dot, 0));
  if (dot < 0 || !sameText(token.slice(dot + 1), sign(signedText(scope, text)))) {
    throw invalid(
      "The nextToken does not belong to this request: give it back unchanged, with the same operation and the same filters, or leave it out to start over.",
    );
  }
  return JSON.parse(decodeURIComponent(text)) as Position;
}

function signedText({ operation, account, filters }: PageScope, text: string): string {
  return JSON.stringify([operation, account, filters, text]);
}

/**
 * Percent-encodes what a shell or a URL would trip over and leaves letters of any script as they are: the longest names
 * fit the API's 2,000 characters so, and would not as base64 of their bytes.
 */
function escapeText(json: string): string {
  return json.replace(/[^\p{L}\p{N}_.~-]/gu, (c) =>
    encodeURIComponent(c).replace(/[!'()*]/g, (d) => `%${d.charCodeAt(0).toString(16)}`),
  );
}

/** Takes as long for a near miss as for a wild guess. */
function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
