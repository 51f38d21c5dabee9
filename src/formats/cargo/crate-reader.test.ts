// What a crate may hold.
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { CrateFacts } from "../../../test/crates.ts";
import { makeCrate } from "../../../test/crates.ts";
import { ARCHIVE_LIMITS } from "../../archives/archive.ts";
import { createCrateReader, MANIFEST_BYTES_MAX } from "./crate-reader.ts";
import { documentWorker } from "./document-worker.ts";

async function read(bytes: Buffer, limits = ARCHIVE_LIMITS) {
  const reader = createCrateReader("foo-1.0.0", limits);
  try {
    for (let at = 0; at < bytes.length; at += 10_000) await reader.write(bytes.subarray(at, at + 10_000));
    return await reader.finish();
  } finally {
    reader.destroy();
  }
}
const crate = (more: Partial<CrateFacts> = {}) => makeCrate({ name: "foo", version: "1.0.0", ...more });

test("a crate's manifest is read", async () => {
  const found = await read(await crate({ toml: 'description = "what it is"\nreadme = false' }));
  expect(found).toMatchObject({
    name: "foo",
    version: "1.0.0",
    about: { description: "what it is", readme: false },
  });
});

test.each<[string, Partial<CrateFacts>, RegExp]>([
  [
    "a symbolic link",
    { members: [{ name: "foo-1.0.0/a", type: "symlink", linkname: "/etc/passwd" }] },
    /link/,
  ],
  [
    "a hard link",
    { members: [{ name: "foo-1.0.0/a", type: "link", linkname: "foo-1.0.0/Cargo.toml" }] },
    /link/,
  ],
  ["a device", { members: [{ name: "foo-1.0.0/a", type: "character-device" }] }, /link or a device/],
  ["an absolute path", { members: [{ name: "/etc/cron.d/a" }] }, /absolute/],
  ["a path that leads out", { members: [{ name: "foo-1.0.0/../../a" }] }, /dotted part/],
  ["a backslash", { members: [{ name: "foo-1.0.0\\a" }] }, /backslash/],
  ["a second folder", { members: [{ name: "bar-1.0.0/a" }] }, /does not lie in the folder foo-1\.0\.0/],
  ["a folder whose name only begins alike", { members: [{ name: "foo-1.0.0-evil/a" }] }, /does not lie/],
  ["a file beside the folder", { members: [{ name: "a" }] }, /does not lie/],
  ["two manifests", { members: [{ name: "foo-1.0.0/Cargo.toml", text: "[package]" }] }, /twice/],
  ["two manifests, by case", { files: { "cargo.toml": "[package]" } }, /manifest named 'cargo\.toml'/],
  ["a file twice", { members: [{ name: "foo-1.0.0/src/lib.rs", text: "evil" }] }, /twice/],
  ["cargo's own mark", { files: { ".cargo-ok": "" } }, /\.cargo-ok/],
  ["a manifest that is too large", { manifest: `#${"x".repeat(MANIFEST_BYTES_MAX)}` }, /too large/],
  ["an empty manifest", { manifest: "" }, /empty/],
  ["a broken manifest", { manifest: "[package" }, /cannot be read/],
  ["another folder altogether", { version: "1.0.1" }, /does not lie/],
])("refused: %s", async (_, facts, words) => {
  await expect(read(await crate(facts))).rejects.toThrow(words);
});

test("a large manifest is read on the document thread, and refused in the same words", async () => {
  const large = `#${"x".repeat(70_000)}\n`;
  const found = await read(await crate({ toml: large }));
  expect(found.version).toBe("1.0.0");
  const broken = read(await crate({ manifest: `${large}[package` }));
  await expect(broken).rejects.toThrow(/^The crate is refused: its Cargo\.toml cannot be read/);
  await documentWorker.close();
});

test("refused: no manifest", async () => {
  const bytes = await makeCrate({ name: "foo", version: "1.0.0", manifest: "x" });
  const reader = createCrateReader("foo-1.0.0/deeper");
  await reader.write(bytes);
  await expect(reader.finish()).rejects.toThrow(/does not lie/);
});

test("refused: what is no gzip, no tar, or cut short", async () => {
  const bytes = await crate();
  await expect(read(Buffer.from("hello"))).rejects.toThrow(/gzip/);
  await expect(read(gzipSync(Buffer.alloc(1024, "x")))).rejects.toThrow(/not a tar/);
  await expect(read(bytes.subarray(0, -20))).rejects.toThrow(/cut short/);
});

test("refused: a bomb, without unpacking it to its end", async () => {
  const bomb = await crate({ files: { zeros: "0".repeat(8 * 1024 * 1024) } });
  await expect(read(bomb, { ...ARCHIVE_LIMITS, ratioFreeBytes: 1024 * 1024 })).rejects.toThrow(
    /times its size/,
  );
});

test("refused: too many files", async () => {
  await expect(
    read(await crate({ files: { a: "", b: "" } }), { ...ARCHIVE_LIMITS, entriesMax: 3 }),
  ).rejects.toThrow(/more than 3 files/);
});

test("a manifest deeper down is an example, not the crate's", async () => {
  const found = await read(
    await crate({ files: { "examples/Cargo.toml": "[package", "vendor/cargo.TOML": "" } }),
  );
  expect(found.name).toBe("foo");
});
