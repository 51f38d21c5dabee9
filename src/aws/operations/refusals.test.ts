// Every documented error of every operation, through the official client; titles start with status, operation and error.
import type { Codeartifact } from "@aws-sdk/client-codeartifact";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApi, type TestApi } from "../../../test/api.ts";
import { AT_THE_DOOR, GENERIC, INPUTS, NEVER, POLICY, REFUSALS } from "../../../test/api-refusals.ts";
import { onEveryDatabase } from "../../../test/databases.ts";
import { openDatabase } from "../../store/database.ts";
import { loadModel, structureOf } from "../model/model.ts";

const model = loadModel();
const statusOf = (error: string): number => structureOf(model, error).error?.httpStatusCode ?? 0;

onEveryDatabase("a refusal", (open) => {
  let api: TestApi;
  let nobody: Codeartifact;
  beforeAll(async () => {
    api = await openApi(await open());
    nobody = await api.clientFor("nobody", []);
    await setScene(api);
  });
  afterAll(async () => {
    expect(api.errors).toEqual([]);
    await api.close();
  });

  for (const { operation, error, when, change } of REFUSALS) {
    test(`${statusOf(error)} ${operation} ${error}: ${when}`, async () => {
      const client = error === "AccessDeniedException" ? nobody : api.client;
      await expect(call(client, operation, { ...INPUTS[operation], ...change })).rejects.toMatchObject({
        name: error,
        message: expect.stringMatching(/\S+ \S+/),
        $metadata: { httpStatusCode: statusOf(error), requestId: expect.any(String) },
        ...(error === "ValidationException"
          ? { reason: expect.stringMatching(/^(FIELD_VALIDATION_FAILED|OTHER)$/) }
          : {}),
      });
    });
  }
});

describe("the input that refusals change", () => {
  test.each(Object.entries(INPUTS))(
    "200 %s: it is good, and the answer is within the model",
    async (operation, input) => {
      const api = await openApi(await openDatabase(":memory:"));
      await setScene(api);
      await expect(call(api.client, operation, input)).resolves.toMatchObject({
        $metadata: { httpStatusCode: 200 },
      });
      expect(api.errors).toEqual([]);
      await api.close();
    },
  );
});

/** Domain d1 with r1, which holds left-pad (no readme) and told (with one) and is connected, an empty r2, a group, policies and a tag; and a bare domain. */
async function setScene({ client, publish }: TestApi): Promise<void> {
  for (const domain of ["d1", "bare"]) await client.createDomain({ domain });
  for (const repository of ["r1", "r2"]) await client.createRepository({ domain: "d1", repository });
  const r1 = { domain: "d1", repository: "r1" };
  await client.createPackageGroup({ domain: "d1", packageGroup: "/npm/*" });
  await client.putDomainPermissionsPolicy({ domain: "d1", policyDocument: POLICY });
  await client.putRepositoryPermissionsPolicy({ ...r1, policyDocument: POLICY });
  const resourceArn = "arn:aws:codeartifact:us-east-1:000000000000:domain/d1";
  await client.tagResource({ resourceArn, tags: [{ key: "k", value: "v" }] });
  await publish("r1", { format: "npm", namespace: "", name: "left-pad" }, "1.0.0", "bytes");
  const told = { format: "npm", namespace: "", name: "told" } as const;
  await publish("r1", told, "1.0.0", "bytes", [], '{"readme":"read me"}');
  await client.publishPackageVersion(GENERIC);
  // Last: before npm packages are published into a connected repository, the outside is asked.
  await client.associateExternalConnection({ ...r1, externalConnection: "public:npmjs" });
}

function call(client: Codeartifact, operation: string, input: object): Promise<unknown> {
  const method = `${operation.charAt(0).toLowerCase()}${operation.slice(1)}`;
  const methods = client as unknown as Record<string, (input: object) => Promise<unknown>>;
  return methods[method]?.(input) ?? Promise.reject(new Error(`the client has no ${method}`));
}

describe("what the model documents", () => {
  const shown = new Set(REFUSALS.map(({ operation, error }) => `${operation} ${error}`));
  const documented = Object.values(model.operations).flatMap(({ name, errors }) =>
    errors.map(({ shape }) => ({ pair: `${name} ${shape}`, error: shape })),
  );

  test("each operation's documented errors are shown by a case, or there is a reason why they are never given", () => {
    const left = documented.filter(
      ({ pair, error }) => !shown.has(pair) && !(pair in NEVER) && !(error in AT_THE_DOOR),
    );
    expect(left.map(({ pair }) => pair)).toEqual([]);
  });

  test("no case shows an error that the operation does not document, and no reason is left over", () => {
    const pairs = new Set(documented.map(({ pair }) => pair));
    expect([...shown, ...Object.keys(NEVER)].filter((pair) => !pairs.has(pair))).toEqual([]);
    expect(Object.keys(NEVER).filter((pair) => shown.has(pair))).toEqual([]);
  });
});
