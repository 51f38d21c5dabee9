// Page tokens of every paginated operation: opaque, bound to their question, refused when tampered with (spec 7.6).
import type { Codeartifact } from "@aws-sdk/client-codeartifact";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ACCOUNT, openApi, type TestApi } from "../../../test/api.ts";
import { GENERIC } from "../../../test/api-refusals.ts";
import { onEveryDatabase } from "../../../test/databases.ts";
import { openDatabase } from "../../store/database.ts";
import { loadSnapshot } from "../../store/domains.ts";
import { loadModel, structureOf } from "../model/model.ts";
import type { OperationName } from "../model/types.gen.ts";

const D1 = { domain: "d1" } as const;
const R1 = { ...D1, repository: "r1" } as const;
const GROUP = { ...D1, packageGroup: "/npm/*" } as const;

/** A question of three or more answers, and the same question with another filter. */
interface Question {
  readonly ask: object;
  readonly other: object;
}

const QUESTIONS: Readonly<Partial<Record<OperationName, Question>>> = {
  ListAllowedRepositoriesForGroup: {
    ask: { ...GROUP, originRestrictionType: "PUBLISH" },
    other: { ...GROUP, originRestrictionType: "EXTERNAL_UPSTREAM" },
  },
  ListAssociatedPackages: { ask: GROUP, other: { ...GROUP, preview: true } },
  ListDomains: { ask: {}, other: {} },
  ListPackageGroups: { ask: D1, other: { ...D1, prefix: "/npm" } },
  ListPackageVersionAssets: {
    ask: { ...R1, format: "generic", namespace: "tools", package: "tool", packageVersion: "1.0.0" },
    other: { ...R1, format: "generic", namespace: "tools", package: "tool", packageVersion: "2.0.0" },
  },
  ListPackageVersions: {
    ask: { ...R1, format: "npm", package: "a" },
    other: { ...R1, format: "npm", package: "a", sortBy: "PUBLISHED_TIME" },
  },
  ListPackages: { ask: R1, other: { ...R1, format: "npm" } },
  ListRepositories: { ask: {}, other: { repositoryPrefix: "r1" } },
  ListRepositoriesInDomain: { ask: D1, other: { ...D1, repositoryPrefix: "r1" } },
  ListSubPackageGroups: { ask: GROUP, other: { ...GROUP, packageGroup: "/*" } },
};

/** It has a token and no size of a page, so it has a test of its own (5.8.4). */
const WITHOUT_SIZE: readonly OperationName[] = ["ListPackageVersionDependencies"];

const model = loadModel();
const paginated = Object.values(model.operations)
  .filter(({ input }) => "nextToken" in structureOf(model, input.shape).members)
  .map(({ name }) => name as OperationName);

test("every operation of the model that takes a nextToken is here", () => {
  expect([...Object.keys(QUESTIONS), ...WITHOUT_SIZE].sort()).toEqual([...paginated].sort());
});

onEveryDatabase("paging", (open) => {
  let api: TestApi;
  let stranger: Codeartifact;
  beforeAll(async () => {
    api = await openApi(await open());
    const everything = [{ Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] }] as const;
    stranger = await api.clientFor("stranger", everything, "111111111111");
    await setScene(api);
  });
  afterAll(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  for (const [name, { ask, other }] of Object.entries(QUESTIONS) as [OperationName, Question][]) {
    test(`200 ${name}: pages of one are the whole list, each item once, and the last has no token`, async () => {
      const whole = itemsOf(await list(api.client, name, { ...ask, maxResults: 1000 }));
      expect(whole.length).toBeGreaterThanOrEqual(3);
      const found: unknown[] = [];
      let nextToken: string | undefined;
      do {
        const page = await list(api.client, name, { ...ask, maxResults: 1, nextToken });
        expect(itemsOf(page)).toHaveLength(1);
        found.push(...itemsOf(page));
        nextToken = page.nextToken;
      } while (nextToken !== undefined);
      expect(found).toEqual(whole);
    });

    test(`400 ${name}: a token that was changed, cut, made up, or given to another question`, async () => {
      const { nextToken: token = "" } = await list(api.client, name, { ...ask, maxResults: 1 });
      expect(token).toMatch(/^\S{1,2000}$/);
      const middle = Math.floor(token.length / 2);
      for (const nextToken of [
        ...[0, middle, token.length - 1].map((i) => replaceAt(token, i)),
        token.slice(0, -1),
        token.slice(1),
        token.slice(0, token.lastIndexOf(".")),
        `${token}x`,
        "made-up",
        ".",
        Buffer.from('["a"]').toString("base64"),
      ])
        await refused(list(api.client, name, { ...ask, nextToken }));
      if (name !== "ListDomains") await refused(list(api.client, name, { ...other, nextToken: token }));
      await refused(
        list(api.client, name === "ListDomains" ? "ListRepositories" : "ListDomains", { nextToken: token }),
      );
    });

    test(`200 ${name}: the token is good again, and with another size of page`, async () => {
      const { nextToken } = await list(api.client, name, { ...ask, maxResults: 1 });
      const twice = [2, 2, 1000].map((maxResults) =>
        list(api.client, name, { ...ask, maxResults, nextToken }),
      );
      const [first, second, rest] = (await Promise.all(twice)).map(itemsOf);
      expect(second).toEqual(first);
      expect(rest?.slice(0, 2)).toEqual(first);
    });
  }

  test("200 ListPackageVersionDependencies: pages of its own size, the whole list; 400 another version's token", async () => {
    const of = { ...R1, format: "npm", package: "needy" } as const;
    const names: (string | undefined)[] = [];
    let nextToken: string | undefined;
    let token = "";
    do {
      const page = await api.client.listPackageVersionDependencies({
        ...of,
        packageVersion: "1.0.0",
        nextToken,
      });
      names.push(...(page.dependencies ?? []).map((dependency) => dependency.package));
      nextToken = page.nextToken;
      token = nextToken ?? token;
    } while (nextToken !== undefined);
    expect(names).toEqual(NEEDED);
    const name = "ListPackageVersionDependencies";
    for (const changed of [replaceAt(token, 0), replaceAt(token, token.length - 1), "made-up"])
      await refused(list(api.client, name, { ...of, packageVersion: "1.0.0", nextToken: changed }));
    await refused(list(api.client, name, { ...of, packageVersion: "1.1.0", nextToken: token }));
  });

  test("400 ListDomains, ListRepositories: another account's token, whose list it would go on with", async () => {
    for (const name of ["ListDomains", "ListRepositories"] as const) {
      const { nextToken } = await list(api.client, name, { maxResults: 1 });
      await refused(list(stranger, name, { nextToken }));
    }
  });
});

test("200 ListAssociatedPackages: one of 45,000 is found in pages of bounded work, which may be empty", async () => {
  const api = await openApi(await openDatabase(":memory:"));
  await api.client.createDomain(D1);
  await api.client.createRepository(R1);
  const sparse = { ...D1, packageGroup: "/npm//n44999$" };
  await api.client.createPackageGroup(sparse);
  const { id } = (await findDomain(api))?.byName.get("r1") ?? { id: 0 };
  for (let from = 0; from < 45_000; from += 1_000)
    await api.database.write((tx) =>
      tx
        .insertInto("package")
        .values(Array.from({ length: 1_000 }, (_, i) => packageRow(id, `n${from + i}`)))
        .execute(),
    );
  const pages: string[][] = [];
  let nextToken: string | undefined;
  do {
    const page = await api.client.listAssociatedPackages({ ...sparse, nextToken });
    pages.push((page.packages ?? []).map((found) => String(found.package)));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  expect(pages.flat()).toEqual(["n44999"]);
  expect(pages.length).toBe(3);
  await api.close();
});

const findDomain = ({ database }: TestApi) => loadSnapshot(database.read, ACCOUNT, "d1");

function packageRow(repositoryId: number, name: string) {
  const settings = { publish: "ALLOW", upstream: "BLOCK", revision: 0, created_at: 1 } as const;
  return { repository_id: repositoryId, format: "npm", namespace: "", name, ...settings };
}

type Page = { readonly nextToken?: string };

function list(client: Codeartifact, operation: OperationName, input: object): Promise<Page> {
  const method = `${operation.charAt(0).toLowerCase()}${operation.slice(1)}`;
  const call = (client as unknown as Record<string, (input: object) => Promise<Page>>)[method];
  return call?.call(client, input) ?? Promise.reject(new Error(`the client has no ${method}`));
}

/** The one member of an answer that is a list. */
function itemsOf(page: object): unknown[] {
  return Object.values(page).find(Array.isArray) ?? [];
}

async function refused(answer: Promise<unknown>): Promise<void> {
  await expect(answer).rejects.toMatchObject({
    name: "ValidationException",
    reason: "FIELD_VALIDATION_FAILED",
    message: expect.stringContaining("nextToken"),
  });
}

function replaceAt(text: string, index: number): string {
  return `${text.slice(0, index)}${text[index] === "A" ? "B" : "A"}${text.slice(index + 1)}`;
}

const NEEDED = Array.from({ length: 1_201 }, (_, i) => `d${i}`);

/** Three of everything that can be listed. */
async function setScene({ client, publish }: TestApi): Promise<void> {
  for (const domain of ["d1", "d2", "d3"]) await client.createDomain({ domain });
  const names = ["r1", "r2", "r3"];
  for (const repository of names) await client.createRepository({ ...D1, repository });
  for (const packageGroup of ["/npm/*", "/npm/x/*", "/npm/y/*", "/npm/z/*"])
    await client.createPackageGroup({ ...D1, packageGroup });
  await client.updatePackageGroupOriginConfiguration({
    ...GROUP,
    restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
    addAllowedRepositories: names.map((repositoryName) => ({
      repositoryName,
      originRestrictionType: "PUBLISH",
    })),
  });
  for (const name of ["a", "b", "c"])
    for (const version of ["1.0.0", "1.1.0", "2.0.0"])
      await publish("r1", { format: "npm", namespace: "", name }, version, `${name} ${version}`);
  const document = JSON.stringify({ dependencies: Object.fromEntries(NEEDED.map((name) => [name, "*"])) });
  for (const version of ["1.0.0", "1.1.0"])
    await publish("r1", { format: "npm", namespace: "", name: "needy" }, version, version, [], document);
  for (const assetName of ["a", "b", "c"])
    await client.publishPackageVersion({ ...GENERIC, assetName, unfinished: true });
  await client.publishPackageVersion({ ...GENERIC, packageVersion: "2.0.0" });
}
