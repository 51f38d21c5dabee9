// The cache of small assets is a help and never in the way, however little it holds.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../../test/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ "asset-cache-bytes": "0" });
  await server.repository("repo");
});
afterAll(() => server.close());

test("assets that crowd each other out while they are read are all served", async () => {
  const names = Array.from({ length: 12 }, (_, i) => `crowd-${i}`);
  for (const name of names) await server.publish("repo", { name, version: "1.0.0" });
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(names.map((name) => server.tarball("repo", name, "1.0.0")));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
    await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  }
});
