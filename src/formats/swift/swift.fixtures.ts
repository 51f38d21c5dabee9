// Swift packages for tests: source archives as `swift package archive-source` makes them, and the forms that carry them.
import { zipSync } from "fflate";

export const MANIFEST = `// swift-tools-version:5.0
import PackageDescription
let package = Package(
  name: "LinkedList",
  dependencies: [
    .package(id: "Other.Kit", from: "2.1.0"),
    // .package(id: "not.Me", from: "1.0.0"),
    .package(id: "mona.HashMap", .upToNextMajor(from: "1.0.0")),
    .package(url: "https://git.example/x/y.git", from: "1.0.0"),
  ]
)
`;

const EPOCH = new Date("2020-01-01T00:00:00Z");

/** Files below one folder; the same files are the same bytes. */
export function sourceArchive(
  files: Readonly<Record<string, string>> = { "Package.swift": MANIFEST },
  folder = "LinkedList",
): Buffer {
  const entries = Object.entries(files).map(([name, text]) => [`${folder}/${name}`, Buffer.from(text)]);
  return Buffer.from(zipSync(Object.fromEntries(entries), { mtime: EPOCH }));
}

export interface ReleaseParts {
  readonly archive?: Buffer;
  readonly metadata?: string;
  readonly signature?: Buffer;
}

/** As SwiftPM sends it: parts as they are, with their own content types. */
export function releaseForm(parts: ReleaseParts): { readonly type: string; readonly body: Buffer } {
  const boundary = "0f1e2d3c";
  const pieces: Buffer[] = [];
  const add = (name: string, type: string, bytes: Buffer): void => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: binary\r\n\r\n`;
    pieces.push(Buffer.from(head), bytes, Buffer.from("\r\n"));
  };
  if (parts.archive !== undefined) add("source-archive", "application/zip", parts.archive);
  if (parts.signature !== undefined)
    add("source-archive-signature", "application/octet-stream", parts.signature);
  if (parts.metadata !== undefined) add("metadata", "application/json", Buffer.from(parts.metadata));
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return { type: `multipart/form-data;boundary="${boundary}"`, body: Buffer.concat(pieces) };
}
