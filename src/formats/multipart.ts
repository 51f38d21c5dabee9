// multipart/form-data as it arrives, for the formats whose clients upload forms: bounded fields, and files streamed to whoever takes them.
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { Fault, invalid } from "../core/faults.ts";

/** Form fields by name, each with all its values in the order they came. */
export type Fields = ReadonlyMap<string, readonly string[]>;

/** A part that is a file (see FormLimits.isFile). */
export interface FilePart {
  readonly field: string;
  readonly fileName: string;
  /** Content-Transfer-Encoding in lower case: `7bit` where none is named. The bytes are as they came. */
  readonly encoding: string;
  /** The fields that came before it. */
  readonly fields: Fields;
  readonly bytes: Readable;
}

export interface FormLimits {
  /** Of the whole body, bytes. */
  readonly bodyBytesMax: number;
  readonly fieldBytesMax: number;
  /** Of all fields together, bytes. */
  readonly fieldsBytesMax: number;
  readonly fieldsMax: number;
  readonly filesMax: number;
  /** Which parts are files by their field's name; left out: those that have a file name, or are application/octet-stream. */
  readonly isFile?: (field: string) => boolean;
}

/**
 * Reads a form. Each file is given to `take` as it comes and must be read to its end by it; the next part waits.
 * Rejects with what `take` rejects with, at once, or with a 4xx for a form that cannot be read. Never closes the
 * connection, so that a refusal reaches the client. `expected` says what is expected instead of another content type.
 */
export async function receiveForm(
  req: IncomingMessage,
  limits: FormLimits,
  expected: string,
  take: (file: FilePart) => Promise<void>,
): Promise<Fields> {
  if (Number(req.headers["content-length"] ?? 0) > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax);
  const form = openForm(req, limits, expected);
  const fields = new Map<string, string[]>();
  const taking: Promise<void>[] = [];
  let fieldBytes = 0;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined); // whoever waits for it is told; nobody need be waiting
  form.on("error", () =>
    fail(invalid("The upload is not a multipart form that can be read.", "CANNOT_PARSE")),
  );
  for (const limit of ["fieldsLimit", "filesLimit", "partsLimit"] as const)
    form.on(limit, () => fail(invalid("The upload form has too many parts.")));
  form.on("field", (name, value, nameCut, valueCut) => {
    fieldBytes += name.length + value.length;
    if (nameCut || valueCut || fieldBytes > limits.fieldsBytesMax)
      return fail(invalid(`The field '${name.slice(0, 100)}' of the upload form is too large.`));
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  });
  form.on("file", (field, bytes: Readable, fileName, encoding) => {
    const part = {
      field,
      fileName: fileName ?? "",
      encoding: (encoding ?? "7bit").toLowerCase(),
      fields,
      bytes,
    };
    const taken = take(part);
    taken.catch(fail);
    taking.push(taken);
  });
  await feed(req, form, failed, limits.bodyBytesMax);
  await Promise.race([Promise.all(taking), failed]);
  return fields;
}

function openForm(req: IncomingMessage, limits: FormLimits, expected: string): BusboyInstance {
  const type = req.headers["content-type"] ?? "";
  if (!/^multipart\/form-data\s*;/i.test(type)) throw new Fault("UnsupportedMediaType", expected);
  const { isFile } = limits;
  try {
    return new Busboy({
      ...(isFile === undefined ? {} : { isPartAFile: (field) => isFile(field ?? "") }),
      headers: { ...req.headers, "content-type": type },
      preservePath: true, // a path in a file's name is refused by who reads it, not cut off here
      limits: {
        fieldNameSize: 200,
        fieldSize: limits.fieldBytesMax,
        fields: limits.fieldsMax,
        files: limits.filesMax,
      },
    });
  } catch {
    throw invalid("The multipart form names no boundary.", "CANNOT_PARSE");
  }
}

async function feed(
  req: IncomingMessage,
  form: BusboyInstance,
  failed: Promise<never>,
  bytesMax: number,
): Promise<void> {
  const finished = once(form, "finish");
  finished.catch(() => undefined); // `failed` tells it
  let bytes = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    if (!form.write(chunk)) await Promise.race([once(form, "drain"), failed, finished]);
    else await Promise.race([failed, undefined]);
  }
  form.end();
  await Promise.race([finished, failed]);
}

function tooLarge(bytesMax: number): Fault {
  return new Fault(
    "PayloadTooLarge",
    `The upload is larger than ${bytesMax} bytes, the most that is taken here.`,
  );
}
