// The digests that uploads may be sent with.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { readClaims } from "./digest-headers.ts";

const BODY = Buffer.from("hello\n");
const of = (algorithm: string, encoding: "hex" | "base64") =>
  createHash(algorithm).update(BODY).digest(encoding);

test.each([
  ["x-amz-content-sha256", of("sha256", "hex"), "sha256"],
  ["x-checksum-sha256", of("sha256", "hex").toUpperCase(), "sha256"],
  ["x-checksum-sha512", of("sha512", "hex"), "sha512"],
  ["x-checksum-sha1", of("sha1", "hex"), "sha1"],
  ["x-checksum-md5", of("md5", "hex"), "md5"],
  ["content-md5", of("md5", "base64"), "md5"],
  ["digest", `SHA-256=${of("sha256", "base64")}`, "sha256"],
  ["digest", `unixsum=1, sha=${of("sha1", "base64")}`, "sha1"],
  ["repr-digest", `sha-256=:${of("sha256", "base64")}:`, "sha256"],
  ["content-digest", `crc32c=:AAAAAA==:, sha-512=:${of("sha512", "base64")}:`, "sha512"],
] as const)("%s: %s", (where, text, algorithm) => {
  expect(readClaims({ [where]: text })).toEqual([{ where, algorithm, hex: of(algorithm, "hex") }]);
});

test("several headers are several claims, none is none", () => {
  expect(
    readClaims({
      "content-md5": of("md5", "base64"),
      digest: `sha-256=${of("sha256", "base64")},md5=${of("md5", "base64")}`,
    }),
  ).toHaveLength(3);
  expect(readClaims({})).toEqual([]);
});

test.each([
  ["x-amz-content-sha256", "UNSIGNED-PAYLOAD"],
  ["x-checksum-sha256", of("md5", "hex")],
  ["content-md5", of("md5", "hex")],
  ["content-md5", ""],
  ["content-md5", of("md5", "base64").slice(0, -2)],
  ["digest", "sha-256"],
  ["digest", "unixsum=30637"],
  ["digest", `sha-256=:${of("sha256", "base64")}:`],
  ["repr-digest", `sha-256=${of("sha256", "base64")}`],
  ["repr-digest", ""],
])("400 %s: '%s' cannot be checked, and a check that is asked for is not forgotten", (where, text) => {
  expect(() => readClaims({ [where]: text })).toThrow(new RegExp(`header ${where}`));
});
