// Reads a small request body whole, within a limit.
import type { IncomingMessage } from "node:http";
import { Fault } from "../core/faults.ts";

/** Throws PayloadTooLarge as soon as the declared or the real size passes `bytesMax`; the rest stays unread. */
export async function readBody(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const declared = Number(req.headers["content-length"] ?? 0);
  if (declared > bytesMax) throw tooLarge(bytesMax);
  checkEncoding(req);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}

/** Throws UnsupportedMediaType for a body that is not sent as it is. */
export function checkEncoding(req: IncomingMessage): void {
  const encoding = req.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  throw new Fault(
    "UnsupportedMediaType",
    `The content encoding '${encoding.slice(0, 50)}' is not supported; send the body as it is.`,
  );
}

function tooLarge(bytesMax: number): Fault {
  return new Fault("PayloadTooLarge", `The request body is larger than ${bytesMax} bytes.`);
}
