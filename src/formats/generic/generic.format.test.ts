// The generic format, held to what every format must do.
import { createHash } from "node:crypto";
import { formatSuite } from "../format.suite.ts";
import { generic } from "./index.ts";

const pathOf = (...parts: readonly string[]) => parts.map(encodeURIComponent).join("/");

const DIGESTS: Readonly<Record<string, (bytes: Buffer) => string>> = {
  "x-amz-content-sha256": (bytes) => createHash("sha256").update(bytes).digest("hex"),
  "x-checksum-sha256": (bytes) => createHash("sha256").update(bytes).digest("hex"),
  "content-md5": (bytes) => createHash("md5").update(bytes).digest("base64"),
  digest: (bytes) => `SHA-256=${createHash("sha256").update(bytes).digest("base64")}`,
  "repr-digest": (bytes) => `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`,
};

formatSuite({
  format: generic,
  key: (word) => ({ format: "generic", namespace: "acme", name: word }),
  versions: ["1", "1.5", "2", "2024-01", "10", "nightly"],
  build: ({ name }, version, content) => ({
    assets: new Map([
      ["tool.bin", Buffer.from(`${name} ${version} ${content}`)],
      ["read me.txt", Buffer.from(`about ${name} ${version} ${content}`)],
    ]),
    upload: undefined,
  }),
  /** The first files with `?unfinished`, the last one without. */
  async publish(client, { key, version, built }, { wrong, unfinished = false } = {}) {
    let answer: Response | undefined;
    const files = [...built.assets];
    for (const [i, [asset, bytes]] of files.entries()) {
      const digest = wrong === undefined ? {} : { [wrong]: DIGESTS[wrong]?.(Buffer.from("others")) ?? "" };
      const open = unfinished || i < files.length - 1;
      answer = await client.send(
        `${pathOf(key.namespace, key.name, version, asset)}${open ? "?unfinished" : ""}`,
        {
          method: "PUT",
          body: new Uint8Array(bytes),
          headers: digest,
        },
      );
      if (!answer.ok) break;
    }
    return answer ?? Response.error();
  },
  digests: Object.keys(DIGESTS),
  unfinished: true,
  staysHere: true,
  listings: ({ namespace, name }) => [
    {
      what: "versions as JSON",
      path: pathOf(namespace, name),
      read: (body) =>
        (JSON.parse(body) as { versions: { version: string }[] }).versions.map(({ version }) => version),
    },
    {
      what: "versions as text",
      path: `${pathOf(namespace, name)}/`,
      headers: { accept: "text/plain" },
      read: (body) => body.trimEnd().split("\n"),
    },
  ],
  files: ({ key, version, built }) =>
    [...built.assets.keys()].map((asset) => ({
      asset,
      path: pathOf(key.namespace, key.name, version, asset),
    })),
  documents: ({ key, version }) => [{ path: pathOf(key.namespace, key.name, version), when: "readable" }],
});
