// A public Python index in this process: simple pages in JSON or plain static HTML, files, metadata beside them, and trouble on demand.
import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { PythonFile } from "./python.ts";

export interface PublicEntry extends PythonFile {
  readonly yanked?: boolean | string;
  readonly requiresPython?: string;
  readonly uploadTime?: string;
  /** Instead of the bytes' own. */
  readonly sha256?: string;
  readonly provenance?: string;
  /** Instead of the metadata's own. */
  readonly metadataSha256?: string;
}

export interface PublicIndex {
  /** The connection's URL: ends in `/simple/`. */
  readonly url: string;
  /** Projects by normalised name; tests change them as they go. */
  readonly projects: Map<string, PublicEntry[]>;
  /** Targets that were asked for. */
  readonly requests: string[];
  form: "json" | "html";
  /** Members beside `files` in JSON. */
  extra: Record<string, unknown>;
  down: boolean;
  close(): Promise<void>;
}

export async function startPublicIndex(): Promise<PublicIndex> {
  const index = {
    url: "",
    projects: new Map<string, PublicEntry[]>(),
    requests: [] as string[],
    form: "json" as "json" | "html",
    extra: {} as Record<string, unknown>,
    down: false,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((req, res) => {
    const target = req.url ?? "";
    index.requests.push(target);
    if (index.down) return void res.writeHead(503).end();
    const [, kind, project = "", file = ""] = target.split("/");
    const entries = index.projects.get(project);
    if (entries === undefined) return void res.writeHead(404).end();
    if (kind === "simple") return page(res, index.form, project, entries, index.extra);
    const name = decodeURIComponent(file);
    const entry = entries.find(({ filename }) => name === filename || name === `${filename}.metadata`);
    if (entry === undefined) return void res.writeHead(404).end();
    res.writeHead(200).end(name.endsWith(".metadata") ? entry.metadata : entry.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  index.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`;
  return index;
}

const hash = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");

/** Addresses are relative, as static mirrors write them. */
function page(
  res: ServerResponse,
  form: "json" | "html",
  project: string,
  entries: readonly PublicEntry[],
  extra: Record<string, unknown>,
): void {
  const url = (entry: PublicEntry): string => `../../files/${project}/${encodeURIComponent(entry.filename)}`;
  if (form === "html") {
    const links = entries.map(
      (entry) =>
        `<a href="${url(entry)}#sha256=${entry.sha256 ?? hash(entry.bytes)}"${entry.yanked ? ` data-yanked="${entry.yanked === true ? "" : entry.yanked}"` : ""}${entry.requiresPython ? ` data-requires-python="${entry.requiresPython.replace(">", "&gt;")}"` : ""}>${entry.filename}</a>`,
    );
    res.writeHead(200, { "content-type": "text/html" }).end(`<html><body>${links.join("\n")}</body></html>`);
    return;
  }
  const files = entries.map((entry) => ({
    filename: entry.filename,
    url: url(entry),
    hashes: { sha256: entry.sha256 ?? hash(entry.bytes) },
    size: entry.bytes.length,
    "upload-time": entry.uploadTime ?? "2024-05-01T12:00:00.000000Z",
    "requires-python": entry.requiresPython ?? null,
    yanked: entry.yanked ?? false,
    "core-metadata": entry.filename.endsWith(".whl")
      ? { sha256: entry.metadataSha256 ?? hash(entry.metadata) }
      : false,
    ...(entry.provenance === undefined ? {} : { provenance: entry.provenance }),
  }));
  res
    .writeHead(200, { "content-type": "application/vnd.pypi.simple.v1+json" })
    .end(JSON.stringify({ meta: { "api-version": "1.1" }, name: project, files, ...extra }));
}
