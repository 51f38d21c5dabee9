// What a zip archive must be before anything of it is believed (threats D).
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { ARCHIVE_LIMITS } from "./archive.ts";
import { readZip } from "./zip.ts";

const TEXT = Buffer.from("hello hello hello");

function readBytes(bytes: Uint8Array, want: (path: string) => boolean = () => true) {
  const source = {
    size: bytes.length,
    readAt: (position: number, length: number) =>
      position + length > bytes.length
        ? Promise.reject(new Error("A blob was read past its end."))
        : Promise.resolve(bytes.subarray(position, position + length)),
  };
  return readZip(source, ARCHIVE_LIMITS, "The wheel", ({ path }) => want(path));
}

test("lists every member and reads the chosen ones", async () => {
  const zip = zipSync({ "a/b.txt": TEXT, "c.txt": [TEXT, { level: 0 }] });
  const { entries, files } = await readBytes(zip, (path) => path === "c.txt");
  expect(entries.map(({ path, size }) => [path, size])).toEqual([
    ["a/b.txt", TEXT.length],
    ["c.txt", TEXT.length],
  ]);
  expect([...files]).toEqual([["c.txt", TEXT]]);
});

test.each([
  ["no zip at all", Buffer.from("PK not really a zip file at all"), "does not end as a zip"],
  ["nothing", Buffer.alloc(0), "not a zip archive"],
  ["cut short", zipSync({ a: TEXT }).subarray(0, 40), "does not end as a zip"],
  [
    "bytes after the end",
    Buffer.concat([zipSync({ a: TEXT }), Buffer.from("more")]),
    "does not end as a zip",
  ],
  ["a path upwards", zipSync({ "../evil": TEXT }), "refused"],
  ["an absolute path", zipSync({ "/etc/evil": TEXT }), "refused"],
  ["a backslash", zipSync({ "a\\b": TEXT }), "refused"],
  ["a link", zipSync({ link: [TEXT, { os: 3, attrs: (0o120777 << 16) >>> 0 }] }), "is a link or a device"],
])("%s is refused with a 400", async (_, bytes, message) => {
  await expect(readBytes(bytes)).rejects.toMatchObject({
    code: "ValidationException",
    message: expect.stringContaining(message),
  });
});

test("a member that its own header names otherwise is refused: installers differ in whom they believe", async () => {
  const zip = Buffer.from(zipSync({ "good.py": [TEXT, { level: 0 }] }));
  zip.write("evil.py", zip.indexOf("good.py"));
  await expect(readBytes(zip)).rejects.toThrow("named otherwise in its own header");
});

test("the same path twice is refused", async () => {
  const zip = Buffer.from(zipSync({ "aa.py": [TEXT, { level: 0 }], "ab.py": [TEXT, { level: 0 }] }));
  for (let at = zip.indexOf("ab.py"); at >= 0; at = zip.indexOf("ab.py", at)) zip.write("aa.py", at);
  await expect(readBytes(zip)).rejects.toThrow("is there twice");
});

test("bytes before the first member are refused", async () => {
  const zip = Buffer.concat([Buffer.from("#!/bin/sh\n"), zipSync({ a: TEXT })]);
  await expect(readBytes(zip)).rejects.toMatchObject({ code: "ValidationException" });
});

test("a bomb is refused by the sizes it declares, before anything is unpacked", async () => {
  const zip = zipSync({ bomb: new Uint8Array(80 * 1024 * 1024) });
  await expect(readBytes(zip, () => false)).rejects.toThrow("times its size");
});

test("a member that unpacks to another size than it declares is refused", async () => {
  const zip = Buffer.from(zipSync({ "a.txt": TEXT }));
  const directory = zip.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  zip.writeUInt32LE(TEXT.length - 3, directory + 24);
  await expect(readBytes(zip)).rejects.toMatchObject({ code: "ValidationException" });
});
