// Which form of the simple index a client wants (PEP 691, spec 8.2.3); pure.
import { parseQualities, remembered } from "../headers.ts";

export const JSON_TYPE = "application/vnd.pypi.simple.v1+json";
export const HTML_TYPE = "application/vnd.pypi.simple.v1+html";

export type Form = "json" | "v1-html" | "html";

/** In order of preference among types that a client names and likes alike. */
const NAMED: readonly (readonly [string, Form])[] = [
  [JSON_TYPE, "json"],
  ["application/vnd.pypi.simple.latest+json", "json"],
  [HTML_TYPE, "v1-html"],
  ["application/vnd.pypi.simple.latest+html", "v1-html"],
  ["text/html", "html"],
];

/** Whoever takes anything is a browser or an old installer. */
const WILD: readonly (readonly [string, Form])[] = [
  ["text/*", "html"],
  ["*/*", "html"],
  ["*/*", "json"],
  ["application/*", "json"],
];

/** The best liked form; what is named goes before what a `*` covers (RFC 9110, 12.5.1). Undefined: nothing here is acceptable. */
const choose = remembered((accept: string): Form | "none" => {
  const qualities = parseQualities(accept);
  let best: { readonly form: Form; readonly quality: number } | undefined;
  for (const [type, form] of [...NAMED, ...WILD]) {
    const quality = qualities.get(type) ?? 0;
    if (quality > (best?.quality ?? 0) && !refuses(qualities, form)) best = { form, quality };
  }
  return best?.form ?? "none";
});

/** A type named with q=0 is not wanted, whatever a `*` beside it covers. */
function refuses(qualities: ReadonlyMap<string, number>, form: Form): boolean {
  const named = NAMED.filter(([, named]) => named === form).flatMap(([type]) => qualities.get(type) ?? []);
  return named.length > 0 && named.every((quality) => quality === 0);
}

export function wantsForm(accept: string | undefined): Form | undefined {
  if (accept === undefined || accept.trim() === "") return "html";
  const form = choose(accept);
  return form === "none" ? undefined : form;
}
