// docs/api-coverage.md is what `npm run gen` writes, and it has a section for each operation.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { OPERATION_NAMES } from "../src/aws/model/types.gen.ts";
import { generateCoverage } from "../tools/gen-api-coverage.ts";

const page = readFileSync(new URL("../docs/api-coverage.md", import.meta.url), "utf8");

test("docs/api-coverage.md is current; `npm run gen` writes it anew", () => {
  expect(page).toBe(generateCoverage());
});

test("each of the 48 operations has its section, and each of its answers a test or a reason", () => {
  for (const name of OPERATION_NAMES) expect(page).toContain(`\n## ${name}\n`);
  expect(page.match(/^\|.*\bno test(?! yet).*$/gm) ?? []).toEqual([]); // "yet": it answers 501
});
