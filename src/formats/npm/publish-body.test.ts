// The publish scanner against JSON.parse: whatever the key order, the white space, the escapes and the chunks.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPublishBodyScanner, type PublishBodyLimits } from "./publish-body.ts";

const LIMITS: PublishBodyLimits = { restBytesMax: 1024 * 1024, bodyBytesMax: 8 * 1024 * 1024 };

function scan(text: string | Buffer, cuts: readonly number[] = [], limits = LIMITS) {
  const body = Buffer.from(text);
  const scanner = createPublishBodyScanner(limits);
  const out: Buffer[] = [];
  let at = 0;
  for (const cut of [...new Set([...cuts.map((c) => c % (body.length + 1)), body.length])].sort(
    (a, b) => a - b,
  )) {
    out.push(...scanner.push(body.subarray(at, cut)));
    at = cut;
  }
  const { rest, attachment } = scanner.end();
  return { json: JSON.parse(rest.toString("utf8")) as unknown, attachment, data: Buffer.concat(out) };
}

/** JSON text with random white space and, at random, every character of a string escaped. */
function write(value: unknown, random: () => number): string {
  const gap = (): string => ["", "", " ", "\n\t", "\r\n"][Math.floor(random() * 5)] as string;
  if (typeof value === "string") {
    const plain = JSON.stringify(value);
    if (random() < 0.7 || value.length > 40) return plain;
    return `"${[...Array(value.length).keys()].map((i) => `\\u${value.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")}"`;
  }
  if (Array.isArray(value)) return `[${value.map((v) => gap() + write(v, random) + gap()).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(
      ([k, v]) => `${gap()}${write(k, random)}${gap()}:${gap()}${write(v, random)}${gap()}`,
    );
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}

describe("publish body", () => {
  test("8.1.4 equals JSON.parse for any document, key order, spacing, escapes and chunking", () => {
    const tricky = fc.constantFrom(
      "_attachments",
      "data",
      "__proto__",
      'a"b',
      "\\",
      '{"data":"QUJD"}',
      "é💡",
      "]}",
    );
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        tricky,
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        tie("list"),
        tie("map"),
      ),
      list: fc.array(tie("value"), { maxLength: 4 }),
      map: fc
        .array(fc.tuple(fc.oneof(tricky, fc.string()), tie("value")), { maxLength: 4 })
        .map((m) => Object.fromEntries(m)),
    })).value;
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.oneof(
              tricky.filter((k) => k !== "_attachments"),
              fc.string(),
            ),
            json,
          ),
          { maxLength: 6 },
        ),
        fc.uint8Array({ maxLength: 300 }),
        fc.string(),
        fc.boolean(),
        fc.nat(),
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (members, bytes, file, publishes, place, cuts, noise) => {
          const data = Buffer.from(bytes).toString("base64");
          const entries: [string, unknown][] = members.filter(([k]) => k !== "_attachments");
          const attached = { [file]: { content_type: "x", data, length: bytes.length } };
          if (publishes) entries.splice(place % (entries.length + 1), 0, ["_attachments", attached]);
          const document = Object.fromEntries(entries);
          const text = write(document, () => noise.next().value ?? 0).replace(
            JSON.stringify(data),
            `"${data}"`,
          );
          const expected = JSON.parse(text) as Record<string, Record<string, Record<string, unknown>>>;
          const attachment = expected["_attachments"]?.[file];
          if (publishes && attachment !== undefined) attachment["data"] = "";
          // Escaped base64 is refused (only `\/` is known), so such a rendering is no case of this rule.
          fc.pre(!publishes || text.includes(`"${data}"`));
          const result = scan(text, cuts);
          expect(result.json).toEqual(expected);
          expect(result.attachment).toEqual(publishes ? { name: file, bytes: bytes.length } : undefined);
          if (publishes) expect(result.data.equals(Buffer.from(bytes))).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("every single cut of a body gives the same result", () => {
    const text = `{"a":"x\\"_attachments","_attachments":{"f-1.tgz":{"length":5,"data":"aGVsbG8=","content_type":"t"}},"z":[{"data":"no"}]}`;
    for (let cut = 0; cut <= text.length; cut++) {
      const { data, attachment, json } = scan(text, [cut]);
      expect(data.toString()).toBe("hello");
      expect(attachment).toEqual({ name: "f-1.tgz", bytes: 5 });
      expect(json).toMatchObject({ z: [{ data: "no" }], _attachments: { "f-1.tgz": { data: "" } } });
    }
  });

  test("an escaped slash in base64 is a slash, wherever the body is cut", () => {
    const text = `{"_attachments":{"f":{"data":"\\/\\/\\/\\/"}}}`;
    for (let cut = 0; cut <= text.length; cut++)
      expect(scan(text, [cut]).data.toString("hex")).toBe("ffffff");
  });

  test("data elsewhere than in _attachments is just a value", () => {
    expect(
      scan(`{"x":{"_attachments":{"f":{"data":"QUJD"}}},"_attachments":[{"f":{"data":"QUJD"}}]}`).attachment,
    ).toBeUndefined();
  });

  test.each([
    ["two attachments", `{"_attachments":{"a":{"data":"QUJD"},"b":{"data":"QUJD"}}}`, /exactly one/],
    ["_attachments twice", `{"_attachments":{"a":{"data":"QUJD"}},"_attachm\\u0065nts":{}}`, /twice/],
    ["characters outside base64", `{"_attachments":{"a":{"data":"QU*D"}}}`, /base64/],
    ["the URL-safe alphabet", `{"_attachments":{"a":{"data":"QU-_"}}}`, /base64/],
    ["missing padding", `{"_attachments":{"a":{"data":"QUI"}}}`, /base64/],
    ["padding inside", `{"_attachments":{"a":{"data":"QQ==QUJD"}}}`, /base64/],
    ["an end inside the data", `{"_attachments":{"a":{"data":"QUJD`, /cut short/],
    ["deep nesting", `{"x":${"[".repeat(200)}`, /nested/],
  ])("refuses %s", (_what, text, message) => {
    expect(() => scan(text)).toThrow(message);
  });

  test("padding in the middle is found across chunks too", () => {
    const text = `{"_attachments":{"a":{"data":"QQ==QUJD"}}}`;
    for (let cut = 0; cut <= text.length; cut++) expect(() => scan(text, [cut])).toThrow(/base64/);
  });

  test("413 when the metadata or the body is too large", () => {
    expect(() => scan(`{"a":"${"x".repeat(200)}"}`, [], { ...LIMITS, restBytesMax: 100 })).toThrow(
      /metadata is larger/,
    );
    const body = `{"_attachments":{"a":{"data":"${"QUJD".repeat(100)}"}}}`;
    expect(() => scan(body, [50], { ...LIMITS, bodyBytesMax: 200 })).toThrow(/larger than 200/);
  });
});
