// A blob's bytes as they come from a store that may have lost some: hashed on the way, the last withheld until they are right.
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { CorruptBlob } from "./range.ts";

/**
 * The whole blob's stream. Fails with CorruptBlob, short of its last bytes, when they do not hash to `sha256`: a reader
 * never has a whole wrong body. Costs less than half a millisecond per MiB where the processor knows SHA-256.
 */
export function checkBytes(stream: Readable, sha256: string): Readable {
  const checked = Readable.from(check(stream, sha256), { objectMode: false });
  // One that is given up before it was read never comes to its own end.
  checked.once("close", () => stream.destroy());
  return checked;
}

async function* check(stream: Readable, sha256: string): AsyncGenerator<Buffer, void> {
  const hash = createHash("sha256");
  let withheld: Buffer | undefined;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (withheld !== undefined) yield withheld;
    withheld = chunk;
  }
  if (hash.digest("hex") !== sha256) throw new CorruptBlob(sha256);
  if (withheld !== undefined) yield withheld;
}
