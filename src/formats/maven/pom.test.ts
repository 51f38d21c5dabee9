// What is read of a POM, and what is refused to be read.
import { describe, expect, test } from "vitest";
import { pomOf } from "./fake-registry.ts";
import { checkCoordinates, parsePom } from "./pom.ts";

const parse = (text: string | Buffer) => parsePom(Buffer.from(text));
const key = { format: "maven", namespace: "com.acme", name: "x" } as const;

describe("XML from strangers", () => {
  test.each([
    ["an internal entity", '<!DOCTYPE p [<!ENTITY x "y">]><project><artifactId>&x;</artifactId></project>'],
    ["a billion laughs", '<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><project>&b;</project>'],
    ["an external entity", '<!DOCTYPE p SYSTEM "file:///etc/passwd"><project/>'],
    ["a DOCTYPE in small letters", "<!doctype p><project/>"],
    ["two roots", "<project/><project/>"],
    ["no root", "text"],
    ["an open element", "<project><artifactId>"],
    ["another root", "<metadata/>"],
    ["bytes that are not UTF-8", Buffer.from([0x3c, 0x70, 0xff, 0xfe, 0x3e])],
    ["depth", `<project>${"<a>".repeat(100_000)}${"</a>".repeat(100_000)}</project>`],
    ["an encoding nobody knows", '<?xml version="1.0" encoding="x-none"?><project/>'],
  ])("%s is a ValidationException", (_, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "ValidationException" }));
  });

  test("an entity in UTF-16 does not get past the check", () => {
    const text = Buffer.from(`\ufeff<!DOCTYPE p [<!ENTITY x "y">]><project/>`, "utf16le");
    expect(() => parse(text)).toThrow(/DOCTYPE/);
  });

  test("XML's own entities and numbers are text; others stay as written", () => {
    const { metadata } = parse("<project><name>a &lt;b&gt; &amp;amp; &#65;&#x42; &copy;</name></project>");
    expect(metadata.displayName).toBe("a <b> &amp; AB &copy;");
  });

  test("ISO-8859-1 where the declaration says so; CDATA and comments", () => {
    const text =
      '<?xml version="1.0" encoding="ISO-8859-1"?><project><!-- <name>no</name> --><name><![CDATA[Caf\u00e9 <x>]]></name></project>';
    expect(parse(Buffer.from(text, "latin1")).metadata.displayName).toBe("Caf\u00e9 <x>");
  });

  test.each(["__proto__", "constructor"])(
    "threats D: an element called %s is refused and changes nothing",
    (name) => {
      const text = `<project><${name}><artifactId>no</artifactId></${name}></project>`;
      expect(() => parse(text)).toThrow(expect.objectContaining({ code: "ValidationException" }));
      expect(({} as Record<string, unknown>)["artifactId"]).toBeUndefined();
    },
  );
});

test("group and version may come from the parent", () => {
  const pom = parse(
    "<project><parent><groupId>com.acme</groupId><artifactId>base</artifactId><version>1.0</version></parent><artifactId>x</artifactId></project>",
  );
  expect(() => checkCoordinates(pom, key, "1.0")).not.toThrow();
  expect(() => checkCoordinates(pom, key, "2.0")).toThrow(/version '1.0'.*'2.0'/);
});

test("threats D: links of other kinds than web and source links are not kept", () => {
  const { metadata } = parse(
    "<project><url>javascript:alert(1)</url><licenses><license><url>data:text/html,x</url></license></licenses></project>",
  );
  expect(metadata).toEqual({});
});

test("a POM without a name of its own is not its path's", () => {
  expect(() => checkCoordinates(parse("<project/>"), key, "1.0")).toThrow(/no groupId/);
  expect(() => checkCoordinates(parse(pomOf("com.acme", "x", "1.0")), key, "1.0")).not.toThrow();
});
