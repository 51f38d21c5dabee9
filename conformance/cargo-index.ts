// A public cargo registry for the suites: static files of a sparse index, written by hand from what cargo itself packaged.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

export interface CargoIndex {
  /** Ends in `/`. */
  readonly url: string;
  add(name: string, version: string, crate: Buffer): void;
  yank(name: string, version: string, yanked: boolean): void;
  /** From now on it cuts every connection. */
  fall(): void;
  /** Paths asked for so far. */
  readonly asked: readonly string[];
  close(): void;
}

interface Line {
  readonly name: string;
  readonly vers: string;
  readonly yanked: boolean;
  readonly [member: string]: unknown;
}

export async function startCargoIndex(): Promise<CargoIndex> {
  const lines = new Map<string, Line[]>();
  const crates = new Map<string, Buffer>();
  const asked: string[] = [];
  let down = false;
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    if (down) return void request.socket.destroy();
    const body = answer(path);
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = `http://127.0.0.1:${address.port}/`;
  const answer = (path: string): Buffer | string | undefined => {
    if (path === "/config.json") return JSON.stringify({ dl: `${url}files/{crate}/{version}.crate` });
    const found = lines.get(path);
    return found === undefined ? crates.get(path) : found.map((line) => `${JSON.stringify(line)}\n`).join("");
  };
  return {
    url,
    asked,
    add(name, version, crate) {
      const cksum = createHash("sha256").update(crate).digest("hex");
      const line = { name, vers: version, deps: [], cksum, features: {}, yanked: false };
      lines.set(placeOf(name), [...(lines.get(placeOf(name)) ?? []), line]);
      crates.set(`/files/${name}/${version}.crate`, crate);
    },
    yank(name, version, yanked) {
      const found = lines.get(placeOf(name)) ?? [];
      lines.set(
        placeOf(name),
        found.map((line) => (line.vers === version ? { ...line, yanked } : line)),
      );
    },
    fall: () => void (down = true),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** For names of four characters and more. */
function placeOf(name: string): string {
  const lower = name.toLowerCase();
  return `/${lower.slice(0, 2)}/${lower.slice(2, 4)}/${lower}`;
}
