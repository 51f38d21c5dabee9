// The simple index, pure: negotiation, public pages in both forms, what a page shows of held and public files.
import { describe, expect, test } from "vitest";
import { createBlake2b256 } from "./blake2b.ts";
import { HTML_TYPE, JSON_TYPE, wantsForm } from "./negotiation.ts";
import { assembleProject, changedNotes, type HeldVersion, type ProjectFacts } from "./project.ts";
import { type PublicProject, readPublicIndex } from "./public-index.ts";
import { renderHtml, renderJson } from "./simple-text.ts";

const PAGE = "https://registry.example/simple/demo/";
const hex = (digit: string, length = 64): string => digit.repeat(length);

describe("8.2.3 negotiation", () => {
  test.each([
    [undefined, "html"],
    ["*/*", "html"],
    ["text/html", "html"],
    ["text/*;q=0.5", "html"],
    [JSON_TYPE, "json"],
    ["application/vnd.pypi.simple.latest+json", "json"],
    [HTML_TYPE, "v1-html"],
    ["application/vnd.pypi.simple.latest+html", "v1-html"],
    [`${JSON_TYPE}, ${HTML_TYPE}; q=0.1, text/html; q=0.01`, "json"],
    [`${JSON_TYPE};q=0.2, text/html;q=0.9`, "html"],
    [`${HTML_TYPE}, ${JSON_TYPE}`, "json"],
    [`text/html;q=0, */*`, "json"],
    ["application/vnd.pypi.simple.v2+json, */*;q=0.1", "html"],
    ["application/json", undefined],
    ["application/vnd.pypi.simple.v2+json", undefined],
    [`${JSON_TYPE};q=0`, undefined],
  ])("Accept: %s gets %s", (accept, form) => expect(wantsForm(accept)).toBe(form));
});

describe("public pages", () => {
  const json = (files: unknown[], extra: object = {}): PublicProject =>
    readPublicIndex(
      JSON.stringify({ meta: { "api-version": "1.1" }, name: "demo", files, ...extra }),
      "demo",
      PAGE,
    );

  test("JSON: versions from file names, addresses made absolute, flags and sizes carried", () => {
    const { files, listed } = json([
      {
        filename: "demo-1.0-py3-none-any.whl",
        url: "../../f/demo-1.0-py3-none-any.whl#x",
        hashes: { sha256: hex("A"), blake2b: "x" },
        size: 7,
        "upload-time": "2024-01-02T03:04:05Z",
        "requires-python": ">=3",
        yanked: "bad",
        "core-metadata": { sha256: hex("b") },
        provenance: "https://registry.example/p",
      },
    ]);
    expect([...listed]).toEqual(["1.0"]);
    expect(files).toEqual([
      {
        filename: "demo-1.0-py3-none-any.whl",
        version: "1.0",
        url: "https://registry.example/f/demo-1.0-py3-none-any.whl",
        digests: { sha256: hex("a") },
        size: 7,
        uploadTime: "2024-01-02T03:04:05Z",
        requiresPython: ">=3",
        yanked: "bad",
        metadata: hex("b"),
        provenance: "https://registry.example/p",
      },
    ]);
  });

  test("a file without a usable digest is not taken in, but its number is taken (2.5.1)", () => {
    const { files, listed } = json([
      { filename: "demo-1.0.tar.gz", url: "x", hashes: {} },
      { filename: "demo-1.1.tar.gz", url: "x", hashes: { sha256: "short" } },
    ]);
    expect(files).toEqual([]);
    expect([...listed]).toEqual(["1.0", "1.1"]);
  });

  test("files of other projects, other kinds and other protocols are left out", () => {
    const { files } = json([
      { filename: "other-1.0.tar.gz", url: "x", hashes: { sha256: hex("a") } },
      { filename: "demo-1.0.exe", url: "x", hashes: { sha256: hex("a") } },
      { filename: "demo-1.0.tar.gz", url: "ftp://registry.example/x", hashes: { sha256: hex("a") } },
      { filename: "demo-1.0.zip", url: "javascript:x", hashes: { sha256: hex("a") } },
      null,
      "text",
    ]);
    expect(files).toEqual([]);
  });

  test("one spelling for one version: that of PEP 700's list, else of the first file", () => {
    const a = { url: "x", hashes: { sha256: hex("a") } };
    const files = [
      { filename: "demo-1.0b1-py3-none-any.whl", ...a },
      { filename: "demo-1.0-beta1.tar.gz", ...a },
    ];
    expect(json(files, { versions: ["1.0.0-beta1"] }).files.map(({ version }) => version)).toEqual([
      "1.0.0-beta1",
      "1.0.0-beta1",
    ]);
    expect(json(files).files.map(({ version }) => version)).toEqual(["1.0b1", "1.0b1"]);
  });

  test("HTML of a plain static mirror: relative addresses, quotes of all kinds, comments", () => {
    const page = `<!DOCTYPE html><!-- <a href="demo-9.tar.gz#sha256=${hex("9")}">demo-9.tar.gz</a> -->
      <meta name="pypi:tracks" content="https://registry.example/a/"><A HREF='../../f/demo-1.0.tar.gz#sha256=${hex("a")}'
      data-requires-python="&gt;=3.8" data-yanked>demo-1.0.tar.gz</a>
      <a href=demo-1.1.tar.gz#md5=${hex("b", 32)} data-yanked="a &quot;b&quot;">link</a><a href="demo-1.2.tar.gz">no digest</a>`;
    const { files, tracks, listed } = readPublicIndex(page, "demo", PAGE);
    expect(files).toMatchObject([
      {
        filename: "demo-1.0.tar.gz",
        url: "https://registry.example/f/demo-1.0.tar.gz",
        requiresPython: ">=3.8",
        yanked: true,
        digests: { sha256: hex("a") },
      },
      {
        filename: "demo-1.1.tar.gz",
        url: `${PAGE}demo-1.1.tar.gz`,
        yanked: 'a "b"',
        digests: { md5: hex("b", 32) },
      },
    ]);
    expect([...listed]).toEqual(["1.0", "1.1", "1.2"]);
    expect(tracks).toEqual(["https://registry.example/a/"]);
  });

  test("a page that is neither is refused; a hostile one is read in one pass", () => {
    expect(() => readPublicIndex('{"nothing":1}', "demo", PAGE)).toThrow();
    expect(() => readPublicIndex('{"meta":{"api-version":"2.0"},"files":[]}', "demo", PAGE)).toThrow();
    expect(readPublicIndex(`<a ${"a".repeat(200_000)}`.repeat(5), "demo", PAGE).files).toEqual([]);
    expect(readPublicIndex("<a ".repeat(200_000), "demo", PAGE).files).toEqual([]);
  });

  test("escape sequences in what installers print do not pass (threats D)", () => {
    const { files } = json([
      { filename: "demo-1.0.tar.gz", url: "x", hashes: { sha256: hex("a") }, yanked: "a\u001b[31mb" },
    ]);
    expect(files[0]?.yanked).toBe("a[31mb");
  });
});

describe("a project's page", () => {
  const held = (version: string, files: readonly string[], more: Partial<HeldVersion> = {}): HeldVersion => ({
    version,
    time: 0,
    follows: undefined,
    files: files.map((filename) => ({
      filename,
      size: 1,
      sha256: hex("a"),
      md5: hex("b", 32),
      note: { uploadTime: "2020-01-01T00:00:00Z" },
    })),
    ...more,
  });
  const facts = (versions: readonly HeldVersion[], withheld: readonly string[] = []): ProjectFacts => ({
    project: "demo",
    held: versions,
    withheld,
  });
  const source = (files: readonly object[], connection = "public:pypi") => ({
    connection,
    project: readPublicIndex(
      JSON.stringify({
        meta: {},
        files: files.map((file) => ({ url: "u", hashes: { sha256: hex("a") }, ...file })),
      }),
      "demo",
      PAGE,
    ),
  });
  const names = (f: ProjectFacts, ...sources: ReturnType<typeof source>[]) =>
    assembleProject(f, sources)?.files.map(({ filename }) => filename);

  test("4.2.1 a version that an earlier source has is that source's, under any spelling", () => {
    const outside = source([{ filename: "demo-1.0.0.tar.gz" }, { filename: "demo-2.0.tar.gz" }]);
    expect(names(facts([held("1.0", ["demo-1.0-py3-none-any.whl"])]), outside)).toEqual([
      "demo-1.0-py3-none-any.whl",
      "demo-2.0.tar.gz",
    ]);
  });

  test("4.3.6 a held version that follows its index gains its files; one that does not gains none", () => {
    const outside = source([{ filename: "demo-1.0.tar.gz" }, { filename: "demo-1.0-py3-none-any.whl" }]);
    const files = ["demo-1.0-py3-none-any.whl"];
    expect(names(facts([held("1.0", files, { follows: "public:pypi" })]), outside)).toHaveLength(2);
    expect(names(facts([held("1.0", files)]), outside)).toHaveLength(1);
    expect(names(facts([held("1.0", files, { follows: "public:other" })]), outside)).toHaveLength(1);
  });

  test("4.3.9 a number that is held without being listed is not shown from outside", () => {
    expect(names(facts([], ["1.0.0"]), source([{ filename: "demo-1.0.tar.gz" }]))).toEqual([]);
    expect(names(facts([held("1.0", ["demo-1.0.tar.gz"])], ["1.0.0"]))).toEqual([]);
    const twice = facts([held("1.0", ["demo-1.0.tar.gz"]), held("1.0.0", ["demo-1.0.0.tar.gz"])]);
    expect(names(twice)).toEqual(["demo-1.0.tar.gz"]);
  });

  test("8.2.7 flags of a followed version are the index's, those of others what was kept", () => {
    const outside = source([{ filename: "demo-1.0.tar.gz", yanked: "broken", "requires-python": ">=3.9" }]);
    const followed = assembleProject(facts([held("1.0", ["demo-1.0.tar.gz"], { follows: "public:pypi" })]), [
      outside,
    ]);
    expect(followed?.files[0]).toMatchObject({ yanked: "broken", requiresPython: ">=3.9", from: "held" });
    const own = assembleProject(facts([held("1.0", ["demo-1.0.tar.gz"])]), [outside]);
    expect(own?.files[0]?.yanked).toBe(false);
  });

  test("flags of other bytes under the same name are not the held file's", () => {
    const outside = source([{ filename: "demo-1.0.tar.gz", yanked: true, hashes: { sha256: hex("c") } }]);
    const f = facts([held("1.0", ["demo-1.0.tar.gz"], { follows: "public:pypi" })]);
    expect(assembleProject(f, [outside])?.files[0]?.yanked).toBe(false);
    expect(changedNotes(f, [outside])).toEqual([]);
  });

  test("what changed outside is written down once", () => {
    const outside = source([
      { filename: "demo-1.0.tar.gz", yanked: true, "upload-time": "2020-01-01T00:00:00Z" },
    ]);
    const f = facts([held("1.0", ["demo-1.0.tar.gz"], { follows: "public:pypi" })]);
    const [change] = changedNotes(f, [outside]);
    expect(change).toMatchObject({ version: "1.0", asset: "demo-1.0.tar.gz" });
    const file = { ...f.held[0]?.files[0], note: JSON.parse(change?.document ?? "") as object };
    const after = facts([{ ...(f.held[0] as HeldVersion), files: [file as never] }]);
    expect(changedNotes(after, [outside])).toEqual([]);
  });

  test("HTML escapes everything; JSON and HTML list the same files", () => {
    const outside = source([
      {
        filename: "demo-1.0.tar.gz",
        yanked: '"><script>x</script>',
        "requires-python": ">=3,<4",
        provenance: "https://p.example/?a=1&b=2",
      },
    ]);
    const project = assembleProject(facts([]), [outside]);
    if (project === undefined) throw new Error("nothing");
    const html = renderHtml(project, "http://127.0.0.1/");
    expect(html).not.toContain("<script>");
    expect(html).toContain('data-requires-python="&gt;=3,&lt;4"');
    expect(html).toContain(`href="http://127.0.0.1/simple/demo/1.0/demo-1.0.tar.gz#sha256=${hex("a")}"`);
    expect(html).toContain('data-provenance="https://p.example/?a=1&amp;b=2"');
    const again = readPublicIndex(html, "demo", PAGE);
    const json = readPublicIndex(renderJson(project, "http://127.0.0.1/"), "demo", PAGE);
    expect(again.files).toEqual(json.files.map((file) => ({ ...file, size: undefined })));
    expect(again.files[0]?.yanked).toBe('"><script>x</script>');
  });
});

test("BLAKE2b of 32 bytes: RFC 7693's algorithm, whatever the chunks (hashes of 'abc' and of nothing)", () => {
  const abc = createBlake2b256();
  for (const letter of "abc") abc.update(Buffer.from(letter));
  expect(abc.hex()).toBe("bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  expect(createBlake2b256().hex()).toBe("0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  const bytes = Buffer.alloc(1_000, 7);
  const whole = createBlake2b256();
  whole.update(bytes);
  const pieces = createBlake2b256();
  for (let at = 0; at < bytes.length; at += 77) pieces.update(bytes.subarray(at, at + 77));
  expect(pieces.hex()).toBe(whole.hex());
});
