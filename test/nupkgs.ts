// NuGet packages for tests, as NuGet packs them: a zip with a .nuspec at its root, and the form that a push is.
import { strToU8, type Zippable, zipSync } from "fflate";

export interface NupkgParts {
  readonly id: string;
  readonly version: string;
  /** Further elements of <metadata>. */
  readonly metadata?: string;
  /** Replaces the whole .nuspec. */
  readonly nuspec?: string;
  /** By their path; `undefined` leaves one out. */
  readonly files?: Readonly<Record<string, string | Uint8Array | undefined>>;
}

/** The same parts are the same bytes, whenever it is packed. */
export function makeNupkg(parts: NupkgParts): Buffer {
  const members: Zippable = {};
  const files = {
    "_rels/.rels": "<Relationships/>",
    [`${parts.id}.nuspec`]: parts.nuspec ?? nuspecOf(parts),
    "[Content_Types].xml": "<Types/>",
    ...parts.files,
  };
  for (const [path, content] of Object.entries(files))
    if (content !== undefined) members[path] = typeof content === "string" ? strToU8(content) : content;
  return Buffer.from(zipSync(members, { mtime: new Date(2000, 0, 1) }));
}

export function nuspecOf({ id, version, metadata = "" }: NupkgParts): string {
  return `\uFEFF<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
    <id>${id}</id>
    <version>${version}</version>
    <authors>Somebody</authors>
    <description>What ${id} is</description>
    ${metadata}
  </metadata>
</package>
`;
}

/** The body of a push, and its headers. */
export function pushForm(nupkg: Uint8Array): { readonly method: "PUT"; readonly body: FormData } {
  const body = new FormData();
  body.append(
    "package",
    new Blob([new Uint8Array(nupkg)], { type: "application/octet-stream" }),
    "package.nupkg",
  );
  return { method: "PUT", body };
}
