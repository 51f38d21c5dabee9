// A signed request as it came over the wire: its headers and query read once, the same way for the signature and for the input.
import { Fault, invalid } from "../core/faults.ts";

/** Values by lower-case name, in the order sent. */
export type Headers = ReadonlyMap<string, readonly string[]>;
/** Decoded pairs in the order sent. */
export type Query = readonly (readonly [name: string, value: string])[];

/**
 * A query's pairs, percent-decoded once; `+` is a plus sign, as the signature takes it. The one reading of a query
 * that both the signature and the operation's input are made from. Throws CANNOT_PARSE on bad percent-encoding.
 */
export function queryPairs(target: string): Query {
  const mark = target.indexOf("?");
  if (mark < 0 || mark === target.length - 1) return [];
  return target
    .slice(mark + 1)
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const equals = part.indexOf("=");
      return equals < 0
        ? [decodePart(part), ""]
        : [decodePart(part.slice(0, equals)), decodePart(part.slice(equals + 1))];
    });
}

function decodePart(text: string): string {
  // eslint-disable-next-line no-control-regex -- anything but printable ASCII must be percent-encoded
  if (/[^\u0021-\u007e]/.test(text))
    throw invalid("The query string must be percent-encoded ASCII.", "CANNOT_PARSE");
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(
      `The query string part '${text.slice(0, 100)}' is not valid percent-encoded UTF-8.`,
      "CANNOT_PARSE",
    );
  }
}

/** From Node's `rawHeaders`. */
export function collectHeaders(raw: readonly string[]): Headers {
  const headers = new Map<string, string[]>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const known = headers.get(name);
    if (known === undefined) headers.set(name, [raw[i + 1] as string]);
    else known.push(raw[i + 1] as string);
  }
  return headers;
}

/** A request that was not proven, by AWS's name for what is wrong. */
export function refuse(exception: string, message: string): Fault {
  return new Fault("Unauthenticated", message, { exception });
}

/** The signature is not the one this secret makes: AWS's own words. */
export function mismatch(): Fault {
  return refuse(
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  );
}
