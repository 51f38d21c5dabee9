// What each status shows (spec 5.1) and what retention keeps (4.3), on every route, here and downstream; and that lists and files never disagree.
import fc from "fast-check";
import { expect, test } from "vitest";
import { DOMAIN } from "../../../test/server.ts";
import type { FormatDriver } from "../format.suite.ts";
import type { Scene, World } from "./world.suite.ts";

const OUTSIDE = { content: "from outside" };

export function visibilityTests<U>(driver: FormatDriver<U>, world: () => World<U>): void {
  const [v1 = "", v2 = "", v3 = "", v4 = ""] = driver.versions;
  const withPublic = test.skipIf(driver.publicFiles === undefined);
  const travels = driver.staysHere !== true;
  const withUpstreams = test.skipIf(!travels);

  test.each([
    ["Published", true, 200],
    ["Unlisted", false, 200],
    ["Archived", false, 404],
    ["Disposed", false, 404],
    ["Deleted", false, 404],
  ] as const)(
    "5.1 %s: listed %s, files %i, on every route and through a downstream repository",
    async (status, listed, files) => {
      const scene = await world().scene();
      const { publish, versions, install, U, R } = scene;
      for (const version of [v1, v2]) await publish(version, { repository: U });
      await become(scene, v1, status, U);
      for (const repository of travels ? [U, R] : [U]) {
        expect(await versions(repository), repository).toEqual(listed ? [v1, v2].sort() : [v2]);
        const fetched = await install(v1, { repository });
        expect(fetched.status, repository).toBe(files);
        if (status === "Archived" || status === "Disposed")
          expect(fetched.reason).toBe(`version status ${status}`);
        for (const { path, when, answered } of await documentsOf(scene, v1, repository))
          expect(answered, `${path} in ${repository}`).toBe(when === "listed" ? (listed ? 200 : 404) : files);
      }
    },
  );

  test("5.1.1, 5.5: an archived or disposed version keeps its number; deleting it frees the number and keeps the settings", async () => {
    const scene = await world().scene();
    const { publish, put, settings, install, R } = scene;
    await publish(v1);
    await put("ALLOW", "ALLOW");
    await become(scene, v1, "Archived", R);
    expect((await publish(v1)).status).toBe(409);
    await become(scene, v1, "Disposed", R);
    expect((await publish(v1)).status).toBe(409);
    await become(scene, v1, "Deleted", R);
    expect((await publish(v1, { content: "new" })).ok).toBe(true);
    expect(await settings()).toBe("ALLOW/ALLOW");
    expect((await install(v1, { content: "new" })).status).toBe(200);
  });

  withUpstreams(
    "4.3.9: what is archived here does not fall through to the upstream's copy; deleted here, it does",
    async () => {
      const scene = await world().scene();
      const { publish, versions, install, U, R } = scene;
      await publish(v1, { repository: U });
      expect((await install(v1)).status).toBe(200);
      await become(scene, v1, "Archived", R);
      expect([await versions(), (await install(v1)).status]).toEqual([[], 404]);
      await become(scene, v1, "Deleted", R);
      expect([await versions(), (await install(v1)).status]).toEqual([[v1], 200]);
    },
  );

  withPublic(
    "4.3.9: what is archived here or where the connection is does not fall through to the public registry; deleted, it does",
    async () => {
      const scene = await world().scene();
      const { publicly, versions, install, U, R } = scene;
      await publicly(v1);
      await publicly(v2);
      expect((await install(v1, OUTSIDE)).status).toBe(200);
      await become(scene, v1, "Archived", R);
      expect([await versions(), (await install(v1, OUTSIDE)).status]).toEqual([[v2], 404]);
      expect(await versions(U)).toEqual([v1, v2].sort());
      await become(scene, v1, "Deleted", R);
      await become(scene, v1, "Archived", U);
      for (const repository of [R, U]) {
        expect(await versions(repository)).toEqual([v2]);
        expect((await install(v1, { ...OUTSIDE, repository })).status).toBe(404);
      }
      await become(scene, v1, "Deleted", U);
      expect([await versions(), (await install(v1, OUTSIDE)).status]).toEqual([[v1, v2].sort(), 200]);
    },
  );

  withUpstreams(
    "4.3.1, 4.3.4: a fetched version is kept in R, not in between, and outlives what its upstream does to it",
    async () => {
      const scene = await world().scene();
      const { publish, repository, install, versions, held, U, R } = scene;
      const middle = `${R}-middle`;
      const last = `${R}-last`;
      await repository(middle, [U]);
      await repository(last, [middle]);
      await publish(v1, { repository: U });
      await publish(v2, { repository: U });
      expect(await versions(last)).toEqual([v1, v2].sort());
      expect((await install(v1, { repository: last })).status).toBe(200);
      expect([await held(last), await held(middle)]).toEqual([{ [v1]: "Published" }, {}]);
      await become(scene, v1, "Deleted", U);
      await become(scene, v2, "Deleted", U);
      expect(await versions(last)).toEqual([v1]);
      expect((await install(v1, { repository: last })).status).toBe(200);
      await world().server.client.updateRepository({ domain: DOMAIN, repository: last, upstreams: [] });
      expect((await install(v1, { repository: last })).status).toBe(200);
      expect((await world().journal(scene.key)).filter(({ event }) => event === "retained")).toEqual([
        { event: "retained", repository: last, version: v1 },
      ]);
    },
  );

  withPublic(
    "4.3.2: a public version is kept in R and where the connection is, not in between, with its origin",
    async () => {
      const { publicly, repository, install, held, api, key, U, R } = await world().scene();
      const last = `${R}-last`;
      await repository(last, [R]);
      await publicly(v1);
      expect((await install(v1, { ...OUTSIDE, repository: last })).status).toBe(200);
      expect([await held(last), await held(R), await held(U)]).toEqual([
        { [v1]: "Published" },
        {},
        { [v1]: "Published" },
      ]);
      for (const at of [last, U]) {
        const { packageVersion } = await world().server.client.describePackageVersion({
          ...api(at),
          packageVersion: v1,
        });
        expect(packageVersion?.origin).toEqual({
          originType: "EXTERNAL",
          domainEntryPoint: { externalConnectionName: driver.format.connections[0] },
        });
      }
      const events = (await world().journal(key)).map(({ event, repository: where }) => `${event} ${where}`);
      expect(events.filter((event) => /^(ingested|retained) /.test(event)).sort()).toEqual(
        [`ingested ${U}`, `retained ${last}`].sort(),
      );
    },
  );

  withPublic(
    "threats C: public bytes that are not the index's are never sent whole, never kept, and taken in once they are right",
    async () => {
      const { publicly, versions, install, held, client, build, U, R } = await world().scene();
      await publicly(v1);
      const before = await world().blobs();
      const at = await client();
      world().P.tamper(true);
      for (const { path, asset } of driver.files(await build(v1, "from outside"))) {
        const answer = await at.send(path);
        const bytes = await answer.arrayBuffer().catch(() => undefined);
        expect(answer.ok && bytes !== undefined, `${asset} was sent whole: ${answer.status}`).toBe(false);
      }
      world().P.tamper(false);
      expect([await held(R), await held(U), await world().blobs()]).toEqual([{}, {}, before]);
      expect(await versions()).toEqual([v1]);
      expect((await install(v1, OUTSIDE)).status).toBe(200);
    },
  );

  test("2.3.4, threats 2: whatever is listed downloads, whatever is hidden is 404 on every route, whatever the settings", async () => {
    await fc.assert(
      fc.asyncProperty(worldState(driver.publicFiles !== undefined), async (state) => {
        const scene = await world().scene();
        await arrange(scene, state);
        for (const repository of [scene.R, scene.U]) await checkAgreement(scene, repository);
      }),
      { numRuns: 12, endOnFailure: true, seed: Number(process.env["PORTCULLIS_TEST_SEED"] ?? Date.now()) },
    );
  });

  async function become(scene: Scene<U>, version: string, status: Status, repository: string): Promise<void> {
    if (status === "Published") return;
    const { client } = world().server;
    const call = { ...scene.api(repository), versions: [version] };
    const answer =
      status === "Disposed"
        ? await client.disposePackageVersions(call)
        : status === "Deleted"
          ? await client.deletePackageVersions(call)
          : await client.updatePackageVersionsStatus({ ...call, targetStatus: status });
    expect(answer.failedVersions ?? {}).toEqual({});
  }

  async function documentsOf(scene: Scene<U>, version: string, repository: string) {
    const at = await scene.client(repository);
    return Promise.all(
      (driver.documents?.(await scene.build(version)) ?? []).map(async ({ path, when }) => ({
        path,
        when,
        answered: (await at.send(path)).status,
      })),
    );
  }

  /** Publishes v1 and v2 to R and U as told, puts v3 outside, changes statuses, and only then closes what is to be closed. */
  async function arrange(scene: Scene<U>, state: State): Promise<void> {
    const { publish, put, group, publicly, install, U, R } = scene;
    if (driver.publicFiles !== undefined) await publicly(v3);
    await put("ALLOW", "ALLOW");
    await put("ALLOW", "ALLOW", U);
    if (state.inR) expect((await publish(v1)).ok).toBe(true);
    if (state.inU) expect((await publish(v2, { repository: U })).ok).toBe(true);
    if (state.inU && state.retained && travels) await install(v2);
    if (state.inR) await become(scene, v1, state.statusInR, R);
    if (state.inU) await become(scene, v2, state.statusInU, U);
    await put("ALLOW", state.upstreamOfR);
    await put("ALLOW", state.upstreamOfU, U);
    await group({ EXTERNAL_UPSTREAM: state.external, INTERNAL_UPSTREAM: state.internal });
  }

  /** Downloads may keep versions; what is listed must be the same before and after. */
  async function checkAgreement(scene: Scene<U>, repository: string): Promise<void> {
    const listed = await scene.versions(repository);
    for (const version of [v1, v2, v3, v4]) {
      const content = version === v3 ? OUTSIDE : {};
      const fetched = await scene.install(version, { ...content, repository });
      const documents = await documentsOf(scene, version, repository);
      for (const { path, when, answered } of documents)
        expect(answered, path).toBe(
          when === "readable" ? fetched.status : listed.includes(version) ? 200 : 404,
        );
      if (listed.includes(version)) expect(fetched.status, `${version} is listed in ${repository}`).toBe(200);
      else if (fetched.status !== 404) {
        const statuses = [(await scene.held(scene.R))[version], (await scene.held(scene.U))[version]];
        expect([fetched.status, statuses], `${version} is not listed in ${repository}`).toEqual([
          200,
          expect.arrayContaining(["Unlisted"]),
        ]);
      }
    }
    expect(await scene.versions(repository), "downloading changed the lists").toEqual(listed);
  }
}

type Status = "Published" | "Unlisted" | "Archived" | "Disposed" | "Deleted";

interface State {
  readonly inR: boolean;
  readonly inU: boolean;
  readonly retained: boolean;
  readonly statusInR: Status;
  readonly statusInU: Status;
  readonly upstreamOfR: "ALLOW" | "BLOCK";
  readonly upstreamOfU: "ALLOW" | "BLOCK";
  readonly external: "ALLOW" | "BLOCK" | "ALLOW_SPECIFIC_REPOSITORIES";
  readonly internal: "ALLOW" | "BLOCK" | "ALLOW_SPECIFIC_REPOSITORIES";
}

function worldState(hasPublic: boolean): fc.Arbitrary<State> {
  const status = fc.constantFrom<Status>(
    "Published",
    "Published",
    "Unlisted",
    "Archived",
    "Disposed",
    "Deleted",
  );
  const setting = fc.constantFrom("ALLOW" as const, "ALLOW" as const, "BLOCK" as const);
  const mode = fc.constantFrom(
    "ALLOW" as const,
    "ALLOW" as const,
    "BLOCK" as const,
    "ALLOW_SPECIFIC_REPOSITORIES" as const,
  );
  return fc.record({
    inR: fc.boolean(),
    inU: fc.boolean(),
    retained: fc.boolean(),
    statusInR: status,
    statusInU: status,
    upstreamOfR: setting,
    upstreamOfU: setting,
    external: hasPublic ? mode : fc.constant("ALLOW" as const),
    internal: mode,
  });
}
