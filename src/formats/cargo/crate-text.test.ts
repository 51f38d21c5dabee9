// Documents made of what is held and what public indexes list.
import { expect, test } from "vitest";
import type { CrateFacts, Form, HeldRow } from "./crate-text.ts";
import { renderCrate } from "./crate-text.ts";
import { readPublicCrate } from "./public-index.ts";

const lineOf = (vers: string, more: object = {}) =>
  JSON.stringify({ name: "foo", vers, deps: [], cksum: "ab".repeat(32), features: {}, ...more });
const row = (version: string, more: Partial<HeldRow> = {}): HeldRow => ({
  version,
  line: lineOf(version, { cksum: "11".repeat(32) }),
  about: '{"description":"what it is","license":"MIT"}',
  yanked: false,
  publishedAt: 1_700_000_000_000,
  follows: [],
  ...more,
});
const facts = (
  rows: readonly HeldRow[],
  form: Form = "index",
  withheld: readonly string[] = [],
): CrateFacts => ({
  name: "foo",
  form,
  rows,
  withheld,
});
const source = (...lines: string[]) => ({
  connection: "public:x",
  crate: readPublicCrate(lines.join("\n"), "foo"),
});
const shown = (text: string | undefined) =>
  (text ?? "")
    .trim()
    .split("\n")
    .map((one) => JSON.parse(one) as { vers: string; yanked: boolean; cksum: string });

test("4.2.1: what is held comes before what is public, and what is withheld stays away", () => {
  const made = renderCrate(facts([row("1.0.0")], "index", ["2.0.0"]), [
    source(lineOf("1.0.0"), lineOf("2.0.0"), lineOf("1.5.0")),
  ]);
  expect(shown(made?.text).map(({ vers, cksum }) => [vers, cksum.slice(0, 2)])).toEqual([
    ["1.0.0", "11"],
    ["1.5.0", "ab"],
  ]);
});

test("nothing to show is nothing", () => {
  expect(renderCrate(facts([]), [])).toBeUndefined();
  expect(renderCrate(facts([], "index", ["1.0.0"]), [source(lineOf("1.0.0"))])).toBeUndefined();
});

test("a public version's yank follows its registry, both ways, and what must be kept of that is told", () => {
  const rows = [
    row("1.0.0", { follows: ["public:x"] }),
    row("1.1.0", { follows: ["public:x"], yanked: true }),
    row("1.2.0", { yanked: true }),
  ];
  const lines = ["1.0.0", "1.1.0", "1.2.0"].map((vers) => lineOf(vers, { yanked: vers === "1.0.0" }));
  const made = renderCrate(facts(rows), [source(...lines)]);
  expect(shown(made?.text).map(({ yanked }) => yanked)).toEqual([true, false, true]);
  expect(made?.changes).toEqual([
    { version: "1.0.0", yanked: true },
    { version: "1.1.0", yanked: false },
  ]);
});

test("4.5.4: while the registry is away its last word stands", () => {
  const made = renderCrate(facts([row("1.0.0", { follows: ["public:x"], yanked: true })]), []);
  expect(shown(made?.text)[0]?.yanked).toBe(true);
  expect(made?.changes).toEqual([]);
});

test("8.8.3: versions tell created_at, and null where nobody knows it", () => {
  const made = renderCrate(facts([row("1.0.0"), row("1.1.0", { publishedAt: undefined })], "versions"), []);
  expect((JSON.parse(made?.text ?? "") as { versions: object[] }).versions).toMatchObject([
    { num: "1.1.0", created_at: null },
    { num: "1.0.0", created_at: "2023-11-14T22:13:20.000Z", license: "MIT", yanked: false },
  ]);
});

test("a crate is described by its newest stable version that is not yanked", () => {
  const rows = [
    row("1.0.0"),
    row("1.1.0", { yanked: true }),
    row("2.0.0-rc.1", { about: '{"description":"to come"}' }),
  ];
  const { crate } = JSON.parse(renderCrate(facts(rows, "crate"), [])?.text ?? "") as { crate: object };
  expect(crate).toMatchObject({
    name: "foo",
    max_version: "1.0.0",
    newest_version: "2.0.0-rc.1",
    description: "what it is",
  });
});
