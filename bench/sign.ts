// Signs requests to the API as the administrator of a place; a signature holds for some minutes and may be sent again.
import { createHash } from "node:crypto";
import aws4 from "aws4";
import { credentialsOf } from "./portcullis.ts";
import type { Place } from "./servers.ts";

const keys = new WeakMap<Place, ReturnType<typeof credentialsOf>>();

/** Lower-case headers, so that they take the place of the server's own for reads. */
export function sign(place: Place, method: string, path: string, body = ""): Record<string, string> {
  const credentials = keys.get(place) ?? credentialsOf(place);
  keys.set(place, credentials);
  const signed = aws4.sign(
    {
      method,
      host: `127.0.0.1:${place.port}`,
      path,
      service: "codeartifact",
      region: "us-east-1",
      body,
      headers: path.includes("/publish?")
        ? {
            "Content-Type": "application/octet-stream",
            "X-Amz-Content-Sha256": createHash("sha256").update(body).digest("hex"),
          }
        : { "Content-Type": "application/json" },
    },
    credentials,
  );
  const headers = Object.entries(signed.headers ?? {}).map(([name, value]) => [
    name.toLowerCase(),
    String(value),
  ]);
  return Object.fromEntries(headers.filter(([name]) => name !== "content-length" && name !== "host"));
}
