// Requirements in the index's one form.
import { expect, test } from "vitest";
import { normalRequirement } from "./requirement.ts";

test.each([
  ["1.0", "^1.0"],
  ["1", "^1"],
  ["^1.2.3", "^1.2.3"],
  [" ~ 1.2 ", "~1.2"],
  [">= 1.0,<2", ">=1.0, <2"],
  ["=1.2.3-alpha.1+build", "=1.2.3-alpha.1"],
  ["*", "*"],
  ["1.*", "1.*"],
  ["1.x", "1.*"],
  ["1.2.*", "1.2.*"],
  ["1.*.*", "1.*"],
])("%s is %s", (text, normal) => {
  expect(normalRequirement(text)).toBe(normal);
});

test.each([
  "",
  "latest",
  "1..2",
  "01.2",
  "1.2.3.4",
  ">=*",
  "1.0 2.0",
  "1,",
  "^^1",
  "https://registry.example/a",
])("'%s' is none", (text) => {
  expect(normalRequirement(text)).toBeUndefined();
});
