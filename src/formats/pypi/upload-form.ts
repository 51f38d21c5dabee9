// The upload form (`:action=file_upload`, multipart) as it arrives: bounded fields, and the one file streamed to whoever takes it.
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { Fault, invalid } from "../../core/faults.ts";
import { bodyChunks } from "../body.ts";

/** Form fields by name, each with all its values in the order they came. */
export type Fields = ReadonlyMap<string, readonly string[]>;

const FIELD_BYTES_MAX = 8 * 1024 * 1024;
const FIELDS_BYTES_MAX = 16 * 1024 * 1024;
const FIELDS_MAX = 10_000;
const FILES_MAX = 4;

/** The parts that may come as files; the signature is not kept, as the public index does not keep it either. */
const CONTENT = "content";
const SIGNATURE = "gpg_signature";

/**
 * Reads the form. `take` is given the file `content` as it arrives, with the fields that came before it; the bytes wait
 * for it. Rejects with what `take` rejects with, at once, or with a 4xx for a form that cannot be read. Never closes the
 * connection, so that a refusal reaches the client.
 */
export async function receiveForm<T>(
  req: IncomingMessage,
  bytesMax: number,
  take: (file: { readonly name: string; readonly fields: Fields; readonly bytes: Readable }) => Promise<T>,
): Promise<{ readonly fields: Fields; readonly taken: T }> {
  const busboy = openForm(req);
  const fields = new Map<string, string[]>();
  let fieldBytes = 0;
  let taking: Promise<T> | undefined;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined); // whoever waits for it is told; nobody need be waiting
  busboy.on("error", () =>
    fail(invalid("The upload is not a multipart form that can be read.", "CANNOT_PARSE")),
  );
  for (const limit of ["fieldsLimit", "filesLimit", "partsLimit"] as const)
    busboy.on(limit, () => fail(invalid("The upload form has too many fields.")));
  busboy.on("field", (name, value, nameCut, valueCut) => {
    fieldBytes += name.length + value.length;
    if (nameCut || valueCut || fieldBytes > FIELDS_BYTES_MAX)
      return fail(invalid(`The field '${name.slice(0, 100)}' of the upload form is too large.`));
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  });
  busboy.on("file", (field, bytes: Readable, name) => {
    if (field === SIGNATURE) return void bytes.resume();
    if (field !== CONTENT || taking !== undefined) {
      bytes.resume();
      return fail(
        invalid(`The upload form takes one file, '${CONTENT}'; '${field.slice(0, 100)}' is one more.`),
      );
    }
    taking = take({ name: name ?? "", fields, bytes });
    taking.catch(fail);
  });
  await feed(bodyChunks(req, bytesMax + FIELDS_BYTES_MAX), busboy, failed);
  if (taking === undefined) throw invalid(`The upload form has no file '${CONTENT}'.`);
  return { fields, taken: await Promise.race([taking, failed]) };
}

function openForm(req: IncomingMessage): BusboyInstance {
  const type = req.headers["content-type"] ?? "";
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new Fault(
      "UnsupportedMediaType",
      "Uploads are multipart/form-data, as twine, uv, poetry, flit and hatch send them.",
    );
  }
  try {
    return new Busboy({
      headers: { ...req.headers, "content-type": type },
      preservePath: true, // a path in a file's name is refused, not cut off
      limits: { fieldSize: FIELD_BYTES_MAX, fields: FIELDS_MAX, files: FILES_MAX, fieldNameSize: 200 },
    });
  } catch {
    throw invalid("The multipart form names no boundary.", "CANNOT_PARSE");
  }
}

async function feed(
  chunks: AsyncIterable<Buffer>,
  busboy: BusboyInstance,
  failed: Promise<never>,
): Promise<void> {
  const finished = once(busboy, "finish");
  finished.catch(() => undefined); // `failed` tells it
  for await (const chunk of chunks) {
    const full = !busboy.write(chunk);
    await Promise.race(full ? [once(busboy, "drain"), failed, finished] : [failed, undefined]);
  }
  busboy.end();
  await Promise.race([finished, failed]);
}

export function tooLarge(bytesMax: number): Fault {
  return new Fault(
    "PayloadTooLarge",
    `The file is larger than ${bytesMax} bytes, the most that is taken here.`,
  );
}
