// Tarballs as they are packed, and as an attacker would pack them.
import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { createTarballReader, TARBALL_LIMITS } from "./tarball.ts";

type Entry = readonly [header: Partial<Header> & { name: string }, body?: string | Buffer];

const MANIFEST = JSON.stringify({ name: "a", version: "1.0.0" });

async function tar(...entries: Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const [header, body] of entries) archive.entry(header, body ?? "");
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function read(tarball: Buffer, chunkSize = 1000, limits = TARBALL_LIMITS) {
  const reader = createTarballReader(limits);
  try {
    for (let at = 0; at < tarball.length; at += chunkSize)
      await reader.write(tarball.subarray(at, at + chunkSize));
    return await reader.finish();
  } finally {
    reader.destroy();
  }
}

async function readEntries(...entries: Entry[]) {
  return read(gzipSync(await tar(...entries)));
}

/** A header block with its checksum, for what no library will write. */
function block(path: string, type: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  header.write(path, 0);
  header.write("0000644\0", 100);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((a, b) => a + b, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

function member(path: string, type: string, body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    block(path, type, bytes.length),
    bytes,
    Buffer.alloc((512 - (bytes.length % 512)) % 512),
  ]);
}

const END = Buffer.alloc(1024);

describe("tarball", () => {
  test("the manifest, the files beside it and the sizes are found, whatever the chunks", async () => {
    const tarball = gzipSync(
      await tar(
        [{ name: "package", type: "directory" }],
        [{ name: "package/lib/package.json" }, "not this one"],
        [{ name: "package/binding.gyp" }, "{}"],
        [{ name: "package/package.json" }, MANIFEST],
      ),
    );
    for (const size of [1, 7, 512, 100_000]) {
      const packed = await read(tarball, size);
      expect(packed.manifest).toEqual({ name: "a", version: "1.0.0" });
      expect(packed).toMatchObject({ fileCount: 3, beside: new Set(["binding.gyp"]) });
    }
  });

  test("the first folder may have any name, and paths may be long (pax and GNU)", async () => {
    const long = `left-pad/${"d/".repeat(140)}x.js`;
    expect(
      (await readEntries([{ name: long }, "x"], [{ name: "left-pad/package.json" }, MANIFEST])).fileCount,
    ).toBe(2);
    const gnu = Buffer.concat([
      member("././@LongLink", "L", `${long}\0`),
      member("cut", "0", "x"),
      member("p/package.json", "0", MANIFEST),
      END,
    ]);
    expect((await read(gzipSync(gnu))).fileCount).toBe(2);
  });

  test.each<[string, Entry[], RegExp]>([
    [
      "two manifests",
      [
        [{ name: "package/package.json" }, MANIFEST],
        [{ name: "package/package.json" }, "{}"],
      ],
      /more than one package.json/,
    ],
    [
      "two manifests in two folders",
      [
        [{ name: "package/package.json" }, MANIFEST],
        [{ name: "x/package.json" }, "{}"],
      ],
      /more than one/,
    ],
    [
      "two manifests that differ in case",
      [
        [{ name: "package/package.json" }, MANIFEST],
        [{ name: "package/PACKAGE.json" }, "{}"],
      ],
      /more than one/,
    ],
    ["no manifest", [[{ name: "package/lib/package.json" }, MANIFEST]], /no package.json/],
    ["a dotted path", [[{ name: "package/../../etc/passwd" }, "x"]], /dotted/],
    ["a dotted manifest", [[{ name: "package/./package.json" }, MANIFEST]], /dotted/],
    ["an absolute path", [[{ name: "/package/package.json" }, MANIFEST]], /absolute/],
    ["a drive letter", [[{ name: "C:/package.json" }, MANIFEST]], /absolute/],
    ["a backslash", [[{ name: "package\\package.json" }, MANIFEST]], /backslash/],
    ["a control character", [[{ name: "package/\u001b[31m" }, "x"]], /control/],
    ["an empty part", [[{ name: "package//package.json" }, MANIFEST]], /empty/],
    ["a symbolic link", [[{ name: "package/package.json", type: "symlink", linkname: "x" }]], /link/],
    ["a hard link", [[{ name: "package/x", type: "link", linkname: "/etc/passwd" }]], /link/],
    ["a device", [[{ name: "package/x", type: "character-device" }]], /device/],
    ["a manifest that is no JSON", [[{ name: "package/package.json" }, "{"]], /not valid JSON/],
    ["a manifest that is no object", [[{ name: "package/package.json" }, "[]"]], /not a JSON object/],
  ])("refuses %s", async (_what, entries, message) => {
    await expect(readEntries(...entries)).rejects.toThrow(message);
  });

  test.each<[string, Buffer[], RegExp]>([
    [
      "a path told by GNU and by pax",
      [
        member("x", "x", "25 path=package/decoy.js\n"),
        member("././@LongLink", "L", "package/package.json\0"),
        member("y", "0", MANIFEST),
      ],
      /told twice/,
    ],
    [
      "a path in a global header",
      [member("x", "g", "29 path=package/package.json\n"), member("y", "0", MANIFEST)],
      /told twice/,
    ],
    [
      "two sizes",
      [member("x", "x", "10 size=3\n"), member("package/package.json", "0", MANIFEST)],
      /size is told twice/,
    ],
    [
      "members after the end",
      [member("p/package.json", "0", MANIFEST), END, member("p/package.json", "0", "{}")],
      /after the end/,
    ],
    [
      "a wrong checksum",
      [Buffer.concat([member("p/package.json", "0", MANIFEST)]).fill(0x41, 0, 1)],
      /checksum/,
    ],
    ["a cut archive", [member("p/package.json", "0", MANIFEST).subarray(0, 520)], /cut short/],
    ["no archive at all", [randomBytes(2048)], /not a tar/],
    ["an enormous path", [block("x", "x", 100_000_000)], /too large/],
  ])("refuses %s", async (_what, parts, message) => {
    await expect(read(gzipSync(Buffer.concat([...parts, END])))).rejects.toThrow(message);
  });

  test("a pax size that repeats the header's, as npm writes beside long paths, is agreement", async () => {
    const size = `${MANIFEST.length}`;
    const archive = Buffer.concat([
      member(
        "x",
        "x",
        `${8 + size.length + 1} size=${size}\n`.replace(/^\d+/, String(`00 size=${size}\n`.length)),
      ),
      member("p/package.json", "0", MANIFEST),
      END,
    ]);
    expect((await read(gzipSync(archive))).manifest["name"]).toBe("a");
  });

  test("refuses what is no gzip, and a gzip that is cut short", async () => {
    await expect(read(Buffer.from("hello"))).rejects.toThrow(/not a valid gzip/);
    const whole = gzipSync(await tar([{ name: "p/package.json" }, MANIFEST]));
    await expect(read(whole.subarray(0, whole.length - 10))).rejects.toThrow(/cut short/);
    await expect(read(Buffer.alloc(0))).rejects.toThrow(/refused/);
  });

  test("refuses bombs: by ratio, by number of files, by size of the manifest", async () => {
    const limits = { ...TARBALL_LIMITS, ratioFreeBytes: 1024 * 1024, entriesMax: 3, manifestBytesMax: 1000 };
    const zeros = gzipSync(await tar([{ name: "p/x" }, Buffer.alloc(3 * 1024 * 1024)]));
    await expect(read(zeros, 100, limits)).rejects.toThrow(/times its size/);
    const many = gzipSync(await tar(...[1, 2, 3, 4].map((n): Entry => [{ name: `p/${n}` }, "x"])));
    await expect(read(many, 1000, limits)).rejects.toThrow(/more than 3 files/);
    const large = gzipSync(
      await tar([{ name: "p/package.json" }, JSON.stringify({ x: randomBytes(900).toString("hex") })]),
    );
    await expect(read(large, 1000, limits)).rejects.toThrow(/too large/);
    const deep = gzipSync(
      await tar([{ name: "p/package.json" }, `{"name":${"[".repeat(500_000)}${"]".repeat(500_000)}}`]),
    );
    await expect(read(deep)).rejects.toThrow(/nested too deeply/);
  });

  test("bytes that do not compress pass whole, and the reader does not change what it is given", async () => {
    const noise = randomBytes(300_000);
    const before = createHash("sha1").update(noise).digest("hex");
    const packed = await readEntries([{ name: "p/noise" }, noise], [{ name: "p/package.json" }, MANIFEST]);
    expect(packed.fileCount).toBe(2);
    expect(createHash("sha1").update(noise).digest("hex")).toBe(before);
  });
});
