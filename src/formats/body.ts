// Reading request bodies: bounded, gzip undone, and never closing the connection, so that a refusal reaches the client.
import type { IncomingMessage } from "node:http";
import { createGunzip, type Gunzip } from "node:zlib";
import { Fault, invalid } from "../core/faults.ts";
import { nestsTooDeeply } from "./nesting.ts";

/** Compressed manifests stay far below; base64 of a tarball does not compress at all. */
const RATIO_MAX = 100;
const RATIO_FREE_BYTES = 4 * 1024 * 1024;

/**
 * The body's bytes in chunks, decompressed. Throws 413 above `bytesMax` (counted after decompression) or for what only
 * a bomb inflates like, 415 for a content coding other than gzip, 400 for broken gzip.
 */
export async function* bodyChunks(req: IncomingMessage, bytesMax: number): AsyncGenerator<Buffer> {
  if (Number(req.headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const coding = req.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (coding !== "identity" && coding !== "gzip") {
    throw new Fault(
      "UnsupportedMediaType",
      `The content encoding '${coding.slice(0, 50)}' is not understood; send gzip or none.`,
    );
  }
  let bytes = 0;
  const source =
    coding === "gzip" ? gunzipped(req) : (req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>);
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    yield chunk;
  }
}

async function* gunzipped(req: IncomingMessage): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  let packedBytes = 0;
  let bytes = 0;
  const count = (chunk: Buffer): void => void (packedBytes += chunk.length);
  const cut = (error: Error): void => void gunzip.destroy(error);
  req.on("data", count);
  req.once("error", cut);
  req.pipe(gunzip);
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer> & Gunzip) {
      bytes += chunk.length;
      if (bytes > RATIO_FREE_BYTES && bytes > packedBytes * RATIO_MAX)
        throw tooLarge(packedBytes * RATIO_MAX);
      yield chunk;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith("Z_") !== true) throw error;
    throw invalid("The request body is not valid gzip, or it is cut short.", "CANNOT_PARSE");
  } finally {
    req.off("data", count);
    req.unpipe(gunzip);
    gunzip.destroy();
  }
}

/** The whole of a small body. */
export async function readBody(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyChunks(req, bytesMax)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The whole of a small JSON body, whatever its media type says. */
export async function readJson(req: IncomingMessage, bytesMax: number): Promise<unknown> {
  const bytes = await readBody(req, bytesMax);
  if (nestsTooDeeply(bytes)) throw invalid("The JSON body is nested too deeply.", "CANNOT_PARSE");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw invalid("The request body is not valid JSON.", "CANNOT_PARSE");
  }
}

/** 415 unless the body says it is JSON. */
export function requireJson(req: IncomingMessage): void {
  const type = req.headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "application/json" || type.endsWith("+json")) return;
  throw new Fault(
    "UnsupportedMediaType",
    `The body must be application/json; this one is ${type === "" ? "of no named type" : `'${type.slice(0, 100)}'`}.`,
  );
}

function tooLarge(bytesMax: number): Fault {
  return new Fault("PayloadTooLarge", `The request body is larger than ${bytesMax} bytes.`);
}
