// The checker of histories is right: what one order explains is accepted, and each way a cluster may go wrong is found.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkLinearizable, type Operation } from "../conformance/history/linearizable.ts";
import { type Input, type Output, packageModel, type State } from "../conformance/history/package-model.ts";

type Op = Operation<Input, Output>;

const LOST = Number.POSITIVE_INFINITY;
const V = "1.0.0";

const op = (sent: number, answered: number, input: Input, output?: Output): Op => ({
  sent,
  answered,
  input,
  output,
});
const publish = (digest: string, version = V): Input => ({ call: "publish", version, digest });
const document: Input = { call: "document" };
const remove: Input = { call: "delete", version: V };
const holds = (...operations: Op[]): boolean => checkLinearizable(packageModel, operations).linearizable;

describe("one after another", () => {
  test("a package's life is accepted", () => {
    expect(
      holds(
        op(1, 2, document, "absent"),
        op(3, 4, publish("a"), "done"),
        op(5, 6, { call: "describe" }, "ALLOW/BLOCK"),
        op(7, 8, publish("b"), "conflict"),
        op(9, 10, publish("a"), "done"),
        op(11, 12, { call: "set status", version: V, status: "Archived" }, "done"),
        op(13, 14, { call: "download", version: V }, "absent"),
        op(15, 16, { call: "list" }, "1.0.0=Archived"),
        op(17, 18, { call: "set origin", publish: "BLOCK", upstream: "ALLOW" }, "done"),
        op(19, 20, publish("c", "2.0.0"), "refused"),
        op(21, 22, remove, "done"),
        op(23, 24, { call: "list" }, ""),
        op(25, 26, { call: "delete package" }, "done"),
        op(27, 28, { call: "list" }, "absent"),
        op(29, 30, publish("c"), "done"),
        op(31, 32, document, "1.0.0=c"),
      ),
    ).toBe(true);
  });

  test.each<[string, Op[]]>([
    ["a stale read after a publish", [op(1, 2, publish("a"), "done"), op(3, 4, document, "absent")]],
    [
      "a stale read after a deletion",
      [op(1, 2, publish("a"), "done"), op(3, 4, remove, "done"), op(5, 6, document, "1.0.0=a")],
    ],
    [
      "an acknowledged publish that is lost",
      [
        op(1, 2, publish("a"), "done"),
        op(3, 4, publish("b", "2.0.0"), "done"),
        op(5, 6, document, "2.0.0=b"),
      ],
    ],
    ["other bytes than were published", [op(1, 2, publish("a"), "done"), op(3, 4, document, "1.0.0=b")]],
    [
      "a setting that came back",
      [
        op(1, 2, { call: "set origin", publish: "BLOCK", upstream: "BLOCK" }, "done"),
        op(3, 4, publish("a"), "done"),
      ],
    ],
  ])("%s is found", (_, operations) => {
    expect(holds(...operations)).toBe(false);
  });
});

describe("at once", () => {
  test("of two publishes of one number with different bytes either may win", () => {
    for (const winner of ["a", "b"]) {
      const results = winner === "a" ? ["done", "conflict"] : ["conflict", "done"];
      const race = [op(1, 4, publish("a"), results[0]), op(2, 3, publish("b"), results[1])];
      expect(holds(...race, op(5, 6, document, `1.0.0=${winner}`))).toBe(true);
      expect(holds(...race, op(5, 6, document, `1.0.0=${winner === "a" ? "b" : "a"}`))).toBe(false);
    }
  });

  test("two winners are found", () => {
    expect(holds(op(1, 4, publish("a"), "done"), op(2, 3, publish("b"), "done"))).toBe(false);
  });

  test("two winners with a deletion beside them may be", () => {
    const race = [op(1, 6, publish("a"), "done"), op(2, 5, publish("b"), "done"), op(3, 4, remove, "done")];
    expect(holds(...race, op(7, 8, document, "1.0.0=a"))).toBe(true);
    expect(holds(...race, op(7, 8, document, "1.0.0=a 2.0.0=b"))).toBe(false);
  });

  test("a read may see what is under way or not, but time does not go back", () => {
    const under = op(1, 10, publish("a"), "done");
    expect(holds(under, op(2, 3, document, "absent"), op(4, 5, document, "1.0.0=a"))).toBe(true);
    expect(holds(under, op(2, 3, document, "1.0.0=a"), op(4, 5, document, "absent"))).toBe(false);
  });

  test("a read that began before a change and ended after a second one may have seen the middle", () => {
    const changes = [
      op(2, 3, publish("a"), "done"),
      op(4, 5, remove, "done"),
      op(6, 7, publish("b"), "done"),
    ];
    for (const seen of ["absent", "1.0.0=a", "1.0.0=b"])
      expect(holds(op(1, 8, document, seen), ...changes)).toBe(true);
    expect(holds(op(1, 8, document, "1.0.0=c"), ...changes)).toBe(false);
  });

  test("of two orders that end alike the one is kept that explains what was read in between", () => {
    const two = [op(1, 2, publish("a"), "done"), op(3, 4, publish("b", "2.0.0"), "done")];
    const archive = (version: string): Input => ({ call: "set status", version, status: "Archived" });
    const both = [op(5, 20, archive("1.0.0"), "done"), op(6, 21, archive("2.0.0"), "done")];
    const after = op(8, 9, { call: "list" }, "1.0.0=Archived 2.0.0=Archived");
    for (const seen of ["1.0.0=Archived 2.0.0=Published", "1.0.0=Published 2.0.0=Archived"])
      expect(holds(...two, ...both, op(7, 22, { call: "list" }, seen), after)).toBe(true);
  });

  test("half of a deleted package is found", () => {
    const two = [op(1, 2, publish("a"), "done"), op(3, 4, publish("b", "2.0.0"), "done")];
    const gone = op(5, 8, { call: "delete package" }, "done");
    expect(holds(...two, gone, op(6, 7, document, "2.0.0=b"))).toBe(false);
  });
});

describe("without an answer", () => {
  const lost = op(1, LOST, publish("a"));

  test("it may have happened, or never, or happen later", () => {
    expect(holds(lost, op(2, 3, document, "1.0.0=a"))).toBe(true);
    expect(holds(lost, op(2, 3, document, "absent"))).toBe(true);
    expect(holds(lost, op(2, 3, document, "absent"), op(4, 5, document, "1.0.0=a"))).toBe(true);
  });

  test("but once only: a deleted version does not rise again", () => {
    const seen = [lost, op(2, 3, document, "1.0.0=a"), op(4, 5, remove, "done")];
    expect(holds(...seen, op(6, 7, document, "absent"))).toBe(true);
    expect(holds(...seen, op(6, 7, document, "1.0.0=a"))).toBe(false);
  });

  test("nor before it was sent, nor with other bytes", () => {
    expect(holds(op(1, 2, document, "1.0.0=a"), op(3, LOST, publish("a")))).toBe(false);
    expect(holds(lost, op(2, 3, document, "1.0.0=b"))).toBe(false);
  });

  test("two lost ones may both happen, each once", () => {
    const twice = [lost, op(2, LOST, publish("a")), op(3, 4, document, "1.0.0=a"), op(5, 6, remove, "done")];
    const again = [...twice, op(7, 8, document, "1.0.0=a"), op(9, 10, remove, "done")];
    expect(holds(...again, op(11, 12, document, "absent"))).toBe(true);
    expect(holds(...again, op(11, 12, document, "1.0.0=a"))).toBe(false);
  });
});

/** What a correct cluster could have answered: each operation takes effect at a moment of its own between its two ends. */
function played(choices: readonly (readonly [Input, number, number, boolean])[]): Op[] {
  let state: State = packageModel.initial;
  const answers = ["done", "absent", "refused", "conflict"];
  return choices.map(([input, before, after, lost], i) => {
    const reads = [...answers, ...readable(state)];
    const output = reads.find((one) => packageModel.step(state, input, one) !== undefined);
    const next = packageModel.step(state, input, undefined);
    if (next !== undefined) state = next;
    const at = 10 * (i + 1) + i / 100; // no two events at one time
    return op(at - before, lost ? LOST : at + after + 0.001, input, lost ? undefined : output);
  });
}

function readable(state: State): Output[] {
  const held = [...(state?.versions ?? [])];
  const shown = held.filter(([, { status }]) => status === "Published");
  const text = (entries: [string, string][]): string =>
    entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([number, what]) => `${number}=${what}`)
      .join(" ");
  return [
    text(held.map(([number, { status }]) => [number, status])),
    text(shown.map(([number, { digest }]) => [number, digest])),
    ...held.map(([, { digest }]) => digest),
    `${state?.publish}/${state?.upstream}`,
  ];
}

const number = fc.constantFrom("1.0.0", "2.0.0");
const setting = fc.constantFrom("ALLOW" as const, "BLOCK" as const);
const inputs: fc.Arbitrary<Input> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constant("publish" as const),
      version: number,
      digest: fc.constantFrom("a", "b"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant("delete" as const), version: number }) },
  fc.record({
    call: fc.constant("set status" as const),
    version: number,
    status: fc.constantFrom("Published" as const, "Unlisted" as const, "Archived" as const),
  }),
  fc.record({ call: fc.constant("set origin" as const), publish: setting, upstream: setting }),
  fc.constant<Input>({ call: "delete package" }),
  {
    weight: 3,
    arbitrary: fc.constantFrom<Input>({ call: "document" }, { call: "list" }, { call: "describe" }),
  },
  fc.record({ call: fc.constant("download" as const), version: number }),
);
const plays = fc.array(
  fc.tuple(
    inputs,
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
  ),
  { minLength: 1, maxLength: 60 },
);

describe("of histories that were played", () => {
  test("each is accepted", () => {
    fc.assert(
      fc.property(plays, (choices) => holds(...played(choices))),
      { numRuns: 200 },
    );
  });

  test("each with one wrong listing at its end is found", () => {
    fc.assert(
      fc.property(plays, (choices) => {
        const answered = choices.map(([input, before, after]) => [input, before, after, false] as const);
        const end = 10 * (choices.length + 10);
        return !holds(
          ...played(answered),
          op(end, end + 1, { call: "list" }, "1.0.0=Published 3.0.0=Published"),
        );
      }),
      { numRuns: 50 },
    );
  });

  test("the same verdict as trying every order", () => {
    const short = fc.array(
      fc.tuple(inputs, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), fc.boolean()),
      { minLength: 2, maxLength: 5 },
    );
    const answers = fc.constantFrom(
      "done",
      "absent",
      "conflict",
      "refused",
      "1.0.0=a",
      "2.0.0=b",
      "a",
      "",
      "ALLOW/BLOCK",
    );
    let wrong = 0;
    fc.assert(
      fc.property(short, fc.nat(4), answers, (choices, at, answer) => {
        const operations = played(choices).map((one, i) =>
          i === at && one.output !== undefined ? { ...one, output: answer } : one,
        );
        const expected = bruteForce(packageModel.initial, operations);
        if (!expected) wrong++;
        return holds(...operations) === expected;
      }),
      { numRuns: 1000 },
    );
    expect(wrong).toBeGreaterThan(50);
  });
});

/** Any order in which nothing comes before what had ended when it was sent; the lost may be left out. */
function bruteForce(state: State, left: readonly Op[]): boolean {
  if (left.every(({ output }) => output === undefined)) return true;
  return left.some((one) => {
    if (left.some((other) => other.answered < one.sent)) return false;
    const after = packageModel.step(state, one.input, one.output);
    return (
      after !== undefined &&
      bruteForce(
        after,
        left.filter((other) => other !== one),
      )
    );
  });
}
