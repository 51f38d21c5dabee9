// What each status shows of a version to npm, here and downstream (spec 5.1, 4.3.8, 4.3.9).
import { afterAll, beforeAll, expect, test } from "vitest";
import { DOMAIN, startServer, type TestServer } from "./server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.repository("up");
  await server.repository("down", ["up"]);
});
afterAll(() => server.close());

test.each([
  ["Published", true, 200],
  ["Unlisted", false, 200],
  ["Archived", false, 404],
  ["Disposed", false, 404],
] as const)(
  "%s: listed %s, tarball %i, the same through a downstream repository",
  async (status, listed, tarball) => {
    const name = `pkg-${status.toLowerCase()}`;
    for (const version of ["1.0.0", "2.0.0"]) await server.publish("up", { name, version });
    const call = {
      domain: DOMAIN,
      repository: "up",
      format: "npm" as const,
      package: name,
      versions: ["1.0.0"],
    };
    if (status === "Disposed") await server.client.disposePackageVersions(call);
    else await server.client.updatePackageVersionsStatus({ ...call, targetStatus: status });
    for (const repository of ["up", "down"]) {
      expect((await server.versions(repository, name)).includes("1.0.0"), repository).toBe(listed);
      expect((await server.tarball(repository, name, "1.0.0")).status, repository).toBe(tarball);
    }
  },
);

test("4.3.9: what is archived here does not fall through to the upstream's copy; deleted here, it does", async () => {
  await server.publish("up", { name: "kept", version: "1.0.0" });
  await (await server.tarball("down", "kept", "1.0.0")).arrayBuffer();
  const call = {
    domain: DOMAIN,
    repository: "down",
    format: "npm" as const,
    package: "kept",
    versions: ["1.0.0"],
  };
  await server.client.updatePackageVersionsStatus({ ...call, targetStatus: "Archived" });
  expect(await server.versions("down", "kept")).toEqual([]);
  expect((await server.tarball("down", "kept", "1.0.0")).status).toBe(404);
  await server.client.deletePackageVersions(call);
  expect(await server.versions("down", "kept")).toEqual(["1.0.0"]);
});
