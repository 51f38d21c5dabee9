// A public registry on this machine that serves what a driver says it should, counts who asks, and can fall over.

import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { BuiltVersion, FormatDriver, PublicFile } from "../format.suite.ts";

export interface PublicSide<U> {
  readonly url: string;
  add(version: BuiltVersion<U>): Promise<void>;
  /** Requests seen so far, down or up. */
  readonly requests: () => readonly string[];
  /** Bytes of files (not of documents) come with one of them changed, until it is called with false. */
  tamper(on: boolean): void;
  /** From now on it cuts every connection. */
  fall(): void;
  close(): Promise<void>;
}

export async function openPublicSide<U>(driver: FormatDriver<U>): Promise<PublicSide<U>> {
  const versions: BuiltVersion<U>[] = [];
  const requests: string[] = [];
  let files: ReadonlyMap<string, PublicFile> = new Map();
  let down = false;
  let tampering = false;
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url}`);
    if (down) return void req.socket.destroy();
    const file = files.get((req.url ?? "").split("?")[0] ?? "");
    if (file === undefined)
      return void res.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    const body = Buffer.from(file.body);
    const last = body.length - 1;
    if (tampering && isAsset(versions, body)) body[last] = (body[last] ?? 0) ^ 1;
    const etag = `"${createHash("sha1").update(body).digest("hex")}"`;
    if (req.headers["if-none-match"] === etag) return void res.writeHead(304, { etag }).end();
    res.writeHead(200, { ...file.headers, "content-type": file.type, "content-length": body.length, etag });
    res.end(req.method === "HEAD" ? undefined : body);
  });
  const url = await listen(server);
  files = (await driver.publicFiles?.(url, versions)) ?? files; // also without packages it is a registry
  return {
    url,
    async add(version) {
      versions.push(version);
      files = (await driver.publicFiles?.(url, versions)) ?? new Map();
    },
    requests: () => requests,
    tamper: (on) => void (tampering = on),
    fall: () => void (down = true),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function isAsset(versions: readonly BuiltVersion[], body: Buffer): boolean {
  return versions.some(({ built }) => [...built.assets.values()].some((bytes) => bytes.equals(body)));
}

function listen(server: Server): Promise<string> {
  return new Promise((done) =>
    server.listen(0, "127.0.0.1", () => done(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)),
  );
}
