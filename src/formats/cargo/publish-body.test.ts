// Cargo's publish body, cut anywhere.
import fc from "fast-check";
import { expect, test } from "vitest";
import { frame } from "../../../test/crates.ts";
import { createPublishBodyReader } from "./publish-body.ts";

const LIMITS = { metadataBytesMax: 1_000, crateBytesMax: 1_000 };

function read(body: Buffer, cuts: readonly number[] = []) {
  const reader = createPublishBodyReader(LIMITS);
  const crate: Buffer[] = [];
  let at = 0;
  for (const cut of [...cuts, body.length].sort((a, b) => a - b)) {
    crate.push(...reader.push(body.subarray(at, cut)));
    at = Math.max(at, cut);
  }
  reader.end();
  return { metadata: reader.metadata(), crate: Buffer.concat(crate) };
}

test("however it is cut, the same comes out", () => {
  const body = frame({ name: "foo", vers: "1.0.0" }, Buffer.from("crate bytes"));
  fc.assert(
    fc.property(fc.array(fc.nat(body.length)), (cuts) => {
      const { metadata, crate } = read(body, cuts);
      expect(metadata).toEqual({ sent: { name: "foo", vers: "1.0.0" }, crateBytes: 11 });
      expect(crate.toString()).toBe("crate bytes");
    }),
  );
});

test("the metadata is known before the crate's first byte is given out", () => {
  const reader = createPublishBodyReader(LIMITS);
  const body = frame({ name: "foo" }, Buffer.from("xyz"));
  expect(reader.push(body.subarray(0, body.length - 3))).toEqual([]);
  expect(reader.metadata()?.crateBytes).toBe(3);
});

test.each([
  ["nothing", Buffer.alloc(0), /cut short in its metadata length/],
  ["half a length", Buffer.alloc(2), /cut short/],
  ["no metadata", frame("", Buffer.from("x")), /no metadata/],
  ["no crate", frame({}, Buffer.alloc(0)), /no crate/],
  ["half a crate", frame({}, Buffer.from("xyz")).subarray(0, -1), /cut short in its crate/],
  [
    "something behind the crate",
    Buffer.concat([frame({}, Buffer.from("x")), Buffer.from("y")]),
    /goes on behind/,
  ],
  ["no JSON", frame("{", Buffer.from("x")), /does not begin with a length and JSON/],
  ["no object", frame([], Buffer.from("x")), /must be a JSON object/],
  ["JSON that is nested too deeply", frame("[".repeat(500), Buffer.from("x")), /nested too deeply/],
  ["metadata that is too large", frame({ a: "x".repeat(1_000) }, Buffer.from("x")), /larger than 1000 bytes/],
  ["a crate that is too large", frame({}, Buffer.alloc(1_001)), /larger than 1000 bytes/],
  ["a form post", Buffer.from("name=foo&vers=1.0.0"), /larger than 1000 bytes/],
])("refused: %s", (_, body, words) => {
  expect(() => read(body)).toThrow(words);
});
