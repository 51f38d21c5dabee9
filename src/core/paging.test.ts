// 7.6: page tokens are opaque, bound to their question, and refused when anything about them changed.
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { makePageToken, type PageScope, readPageToken } from "./paging.ts";

const sign = (text: string): string => createHmac("sha256", "key").update(text).digest("base64url");
const scope: PageScope = {
  operation: "ListPackages",
  account: "000000000000",
  filters: { domain: "d1", format: "npm" },
};
const position = ["npm", "acme", "ui"];

test("a token gives back its position", () => {
  expect(readPageToken(sign, scope, makePageToken(sign, scope, position))).toEqual(position);
});

test.each<[string, PageScope]>([
  ["operation", { ...scope, operation: "ListPackageVersions" }],
  ["account", { ...scope, account: "111111111111" }],
  ["filters", { ...scope, filters: { domain: "d1", format: "pypi" } }],
])("another %s refuses it", (_what, other) => {
  expect(() => readPageToken(sign, other, makePageToken(sign, scope, position))).toThrow(
    "does not belong to this request",
  );
});

test("property: no changed token is taken", () => {
  const token = makePageToken(sign, scope, position);
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (at, text) => {
      const changed = token.slice(0, at) + text + token.slice(at + 1);
      fc.pre(changed !== token);
      expect(() => readPageToken(sign, scope, changed)).toThrow("does not belong to this request");
    }),
  );
  for (const made of ["", ".", "x", "[].", "W10", "%zz.x"])
    expect(() => readPageToken(sign, scope, made)).toThrow("does not belong");
});

test("property: any names make a token the API's own pattern takes back, the longest ones too", () => {
  const name = fc
    .string({ unit: "binary", minLength: 1, maxLength: 40 })
    .filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(name, name, fc.maxSafeInteger(), (namespace, text, id) => {
      const token = makePageToken(sign, scope, [namespace, text, id]);
      expect(token).toMatch(/^\S+$/);
      expect(readPageToken(sign, scope, token)).toEqual([namespace, text, id]);
    }),
  );
  const longest = makePageToken(sign, scope, ["generic", "語".repeat(255), "😀".repeat(100)]);
  expect(Array.from(longest).length).toBeLessThanOrEqual(2000);
});
