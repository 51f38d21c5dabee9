// Publishes whose body is wrong: cut, oversized, contradictory, or not what it says it is.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type PackageSpec, publishBody } from "../packages.ts";
import type { Answer } from "../wire.ts";
import { each, json, refusedTo, type Scene } from "./refusal-scene.ts";

interface Limits {
  readonly requestBytesMax: number;
  readonly assetBytesMax: number;
}

interface Attachment {
  data: unknown;
  length: number;
}

/** The body of a publish, with room for everything that is wrong. */
interface Document {
  name: unknown;
  _id: unknown;
  versions: unknown;
  "dist-tags": unknown;
  _attachments?: Record<string, Attachment>;
}

interface Manifest {
  name: unknown;
  version: unknown;
  dependencies?: unknown;
  scripts?: unknown;
  dist?: { integrity: unknown; shasum: unknown };
}

export async function badBodies(scene: Scene, limits: Limits): Promise<void> {
  await notDocuments(scene);
  await contradictions(scene);
  await sizes(scene, limits);
}

async function notDocuments({ check, ask }: Scene): Promise<void> {
  const bodies: Record<string, string | Buffer> = {
    nothing: "",
    "half a document": '{"name":"held","versions":{"2.0.0":',
    "a list": "[]",
    null: "null",
    "a text": '"held"',
    "an empty object": "{}",
    "two documents": "{}{}",
    "bytes that are no UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    "100,000 brackets": "[".repeat(100_000),
    "100,000 objects in each other": `${'{"a":'.repeat(60_000)}1${"}".repeat(60_000)}`,
    binary: randomBytes(1000),
  };
  for (const [title, body] of Object.entries(bodies)) {
    await check(`publish of ${title} → 400`, async () =>
      refusedTo(await ask("held", { method: "PUT", headers: json, body }), 400),
    );
  }
  await check("publish with another content type → 400 or 415", async () => {
    await each(
      [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
      ],
      async (type) =>
        refusedTo(
          await ask("held", { method: "PUT", headers: { "content-type": type }, body: "a=b" }),
          400,
          415,
        ),
    );
    const coded = { ...json, "content-encoding": "br" };
    refusedTo(await ask("held", { method: "PUT", headers: coded, body: "{}" }), 400, 415);
  });
}

/** Each changes a good publish of `held` 2.0.0 in one way. */
const changes: Record<string, (document: Document, version: Manifest) => void> = {
  "another name outside": (document) => (document.name = "other"),
  "another _id": (document) => (document._id = "other"),
  "another name in the manifest": (_, version) => (version.name = "other"),
  "another version in the manifest": (_, version) => (version.version = "2.0.1"),
  "a manifest that is a text": (document) => (document.versions = { "2.0.0": "manifest" }),
  "no versions": (document) => (document.versions = {}),
  "versions that are a list": (document) => (document.versions = []),
  "two versions": (document, version) =>
    (document.versions = { "2.0.0": version, "2.0.1": { ...version, version: "2.0.1" } }),
  "no attachment": (document) => delete document._attachments,
  "two attachments": (document) =>
    (document._attachments = { "held-2.0.0.tgz": attachment(document), "other.tgz": attachment(document) }),
  "an attachment that is no base64": (document) => (attachment(document).data = "*** not base64 ***"),
  "an attachment that is no text": (document) => (attachment(document).data = { length: 3 }),
  "an empty attachment": (document) => (attachment(document).data = ""),
  "a wrong length": (document) => (attachment(document).length += 1),
  "half a tarball": (document) => halve(attachment(document)),
  "a tarball that is none": (document) => replace(attachment(document), randomBytes(500)),
  "a gzip of no tarball": (document) => replace(attachment(document), gzipSync("hello")),
  "another integrity": (_, version) =>
    (dist(version).integrity = `sha512-${randomBytes(64).toString("base64")}`),
  "another shasum": (_, version) => (dist(version).shasum = "0".repeat(40)),
  "a tag for another version": (document) => (document["dist-tags"] = { latest: "1.0.0" }),
  "a tag that is a range": (document) => (document["dist-tags"] = { "^1.0.0": "2.0.0" }),
  "tags that are a text": (document) => (document["dist-tags"] = { latest: 2 }),
  "dependencies that the tarball has not": (_, version) => (version.dependencies = { evil: "1.0.0" }),
  "scripts that the tarball has not": (_, version) => (version.scripts = { postinstall: "echo hello" }),
};

function attachment(document: Document): Attachment {
  const [entry] = Object.values(document._attachments ?? {});
  if (entry === undefined) throw new Error("the body has no attachment");
  return entry;
}

function dist(version: Manifest): NonNullable<Manifest["dist"]> {
  if (version.dist === undefined) throw new Error("the manifest has no dist");
  return version.dist;
}

function halve(entry: Attachment): void {
  replace(entry, Buffer.from(String(entry.data), "base64").subarray(0, 100));
}

function replace(entry: Attachment, bytes: Buffer): void {
  entry.data = bytes.toString("base64");
  entry.length = bytes.length;
}

async function contradictions({ check, ask, registry }: Scene): Promise<void> {
  for (const [title, change] of Object.entries(changes)) {
    await check(`publish with ${title} → 400`, async () => {
      const { body } = await publishBody({ name: "held", version: "2.0.0" }, registry.url);
      const document: Document & { versions: Record<string, Manifest> } = JSON.parse(body.toString());
      const version = document.versions["2.0.0"];
      assert.ok(version);
      // Where the bytes are changed, no digest that would give it away.
      if (/tarball|attachment|length/.test(title)) delete version.dist;
      change(document, version);
      refusedTo(
        await ask("held", { method: "PUT", headers: json, body: JSON.stringify(document) }),
        400,
        404,
      );
    });
  }
  await check("publish to another package's address → 400", async () => {
    const { body } = await publishBody({ name: "held", version: "2.0.0" }, registry.url);
    refusedTo(await ask("other", { method: "PUT", headers: json, body }), 400);
  });
  await check("publish of what is no version → 400", async () => {
    const versions = [
      "1",
      "1.0",
      "v1.0.0",
      "1.0.0.0",
      "latest",
      "__proto__",
      "constructor",
      "01.0.0",
      "1.0.0+build",
      "../1.0.0",
      "",
    ];
    await each(versions, async (version) =>
      refusedTo(await publish({ ask, registry }, { name: "held", version }), 400),
    );
  });
  await check("publish of what is no name → 400 or 404", async () => {
    await each(
      [".hidden", "-dash", "sp ace", "node_modules", "ünïcode", "x".repeat(215), `@a/${"x".repeat(215)}`],
      async (name) => refusedTo(await publish({ ask, registry }, { name, version: "1.0.0" }), 400, 404),
    );
  });
  await check("the same version with other bytes → 409, the same bytes → 200", async () => {
    refusedTo(await publish({ ask, registry }, { name: "held", version: "1.0.0", says: "other" }), 409);
    const again = await publish({ ask, registry }, { name: "held", version: "1.0.0" });
    assert.equal(again.status, 200, again.text);
  });
}

async function publish(
  { ask, registry }: Pick<Scene, "ask" | "registry">,
  spec: PackageSpec,
): Promise<Answer> {
  const { body } = await publishBody(spec, registry.url);
  const path = encodeURIComponent(spec.name).replace("%40", "@");
  return ask(path, { method: "PUT", headers: json, body });
}

async function sizes(
  { check, ask, registry }: Scene,
  { requestBytesMax, assetBytesMax }: Limits,
): Promise<void> {
  const large = async (bytes: number) =>
    publishBody(
      { name: "held", version: "2.0.0", says: randomBytes(bytes).toString("base64url") },
      registry.url,
    );
  const refused = async (body: Buffer, headers: Record<string, string>) => {
    // A server that has heard enough may close the connection, and then not every client reads the answer.
    const answer = await ask("held", { method: "PUT", headers: { ...json, ...headers }, body }).catch(
      (error: Error) => error,
    );
    if (answer instanceof Error) assert.match(answer.message, /ECONNRESET|EPIPE|socket hang up/);
    else refusedTo(answer, 413);
  };
  await check(
    `a request of more than ${requestBytesMax} bytes → 413, with its length told and in chunks`,
    async () => {
      const { body } = await large(requestBytesMax);
      await refused(body, {});
      await refused(body, { "transfer-encoding": "chunked" });
    },
  );
  await check(`a tarball of more than ${assetBytesMax} bytes → 413`, async () => {
    const { body, tarball } = await large(assetBytesMax * 1.1);
    assert.ok(
      tarball.length > assetBytesMax && body.length < requestBytesMax,
      `${tarball.length}, ${body.length}`,
    );
    await refused(body, {});
  });
}
