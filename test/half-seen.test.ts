// A package that is being deleted is there or gone to whoever asks meanwhile, never half of each.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Nodes, startNodes } from "./nodes.ts";
import { DOMAIN, type TestServer } from "./server.ts";

const POSTGRES = process.env.PORTCULLIS_TEST_POSTGRES;
const ROUNDS = 40;

describe.skipIf(POSTGRES === undefined)("two nodes over one PostgreSQL (skipped without one)", () => {
  let service: Nodes;
  let [here, there]: TestServer[] = [];
  beforeAll(async () => {
    service = await startNodes(POSTGRES as string, 2);
    [here, there] = service.nodes as [TestServer, TestServer];
    await here.repository("repo");
  });
  afterAll(() => service.close());

  const place = (name: string) =>
    ({ domain: DOMAIN, repository: "repo", format: "npm", package: name }) as const;
  /** Publishes, and asks on one node again and again while the other deletes the package. */
  async function during<T>(name: string, ask: () => Promise<T>): Promise<(T | undefined)[]> {
    await here?.publish("repo", { name, version: "1.0.0" });
    const answers = Array.from({ length: 8 }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, i));
      return ask().catch(() => undefined);
    });
    await there?.client.deletePackage(place(name));
    return Promise.all(answers);
  }

  test("ListPackageVersions shows its version or knows no such package", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `listed-${round}`;
      const lists = await during(
        name,
        async () => (await here?.client.listPackageVersions(place(name)))?.versions,
      );
      for (const list of lists) expect([1, undefined]).toContain(list?.length);
    }
  });

  test("ListPackageVersionAssets shows the tarball or knows no such version", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `assets-${round}`;
      const input = { ...place(name), packageVersion: "1.0.0" };
      const lists = await during(
        name,
        async () => (await here?.client.listPackageVersionAssets(input))?.assets,
      );
      for (const list of lists) expect([1, undefined]).toContain(list?.length);
    }
  });

  test("the same bytes once more are welcome before and after: never a conflict", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `again-${round}`;
      const statuses = await during(
        name,
        async () => (await here?.publish("repo", { name, version: "1.0.0" }))?.status,
      );
      for (const status of statuses) expect([200, 201]).toContain(status);
    }
  });
});
