// Files of JSON lines, gzip'd: written so that they survive a power cut, read so that a large one needs little memory.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";

const CHUNK_CHARACTERS = 256 * 1024;

/** Writes a new file, readable by its owner alone; resolves with the file's SHA-256 when it is on the disk. */
export async function writeLines(path: string, lines: AsyncIterable<string>): Promise<string> {
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(
    Readable.from(gather(lines), { objectMode: false }),
    createGzip({ level: 6 }),
    hashing,
    createWriteStream(path, { flags: "wx", mode: 0o600, flush: true }),
  );
  return hash.digest("hex");
}

async function* gather(lines: AsyncIterable<string>): AsyncIterable<string> {
  let gathered: string[] = [];
  let length = 0;
  for await (const line of lines) {
    gathered.push(line);
    length += line.length;
    if (length < CHUNK_CHARACTERS) continue;
    yield gathered.join("");
    gathered = [];
    length = 0;
  }
  if (length > 0) yield gathered.join("");
}

/** The lines without their line feeds. Not `node:readline`, which also breaks at U+2028, a character like any other in JSON. */
export async function* readLines(path: string): AsyncIterable<string> {
  const text = createReadStream(path).pipe(createGunzip()).setEncoding("utf8");
  let pieces: string[] = [];
  for await (const chunk of text as AsyncIterable<string>) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", start)) {
      pieces.push(chunk.slice(start, end));
      yield pieces.join("");
      pieces = [];
      start = end + 1;
    }
    if (start < chunk.length) pieces.push(chunk.slice(start));
  }
  if (pieces.length > 0) throw new Error(`${path} ends within a line`);
}

/** SHA-256 of a file, lower-case hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}
