// Output and errors by the model, byte for byte.
import { describe, expect, test } from "vitest";
import { Fault } from "../core/faults.ts";
import { checkOutput } from "./check-output.ts";
import { loadModel } from "./model/model.ts";
import { compileOutput, serializeBug, serializeFault } from "./serialize.ts";

const model = loadModel();

function serialize(operation: string, output: object) {
  const answer = compileOutput(model, model.operations[operation]?.output.shape as string, new Map())(output);
  return {
    ...answer,
    body: answer.body instanceof Uint8Array ? Buffer.from(answer.body).toString() : answer.body,
  };
}

describe("output", () => {
  test("0.6 timestamps are epoch seconds with fractions; only modelled members leave the house", () => {
    const domain = {
      name: "d1",
      createdTime: new Date(1_583_075_193_861),
      assetSizeBytes: 0,
      secret: "no",
      encryptionKey: undefined,
    };
    expect(serialize("DescribeDomain", { domain, more: 1 })).toEqual({
      status: 200,
      headers: { "content-type": "application/json" },
      body: '{"domain":{"name":"d1","createdTime":1583075193.861,"assetSizeBytes":0}}',
    });
  });

  test("lists, maps and prototype keys", () => {
    const successfulVersions = JSON.parse('{"__proto__":{"status":"Deleted"}}') as object;
    expect(serialize("DeletePackageVersions", { successfulVersions }).body).toBe(
      '{"successfulVersions":{"__proto__":{"status":"Deleted"}}}',
    );
    expect(serialize("ListDomains", { domains: [] }).body).toBe('{"domains":[]}');
    expect(serialize("TagResource", {}).body).toBe("{}");
  });

  test("0.5g a raw payload with headers, never to be opened as a page of this host", () => {
    const answer = serialize("GetPackageVersionAsset", {
      asset: Buffer.from("<script>"),
      assetName: "é.html",
      packageVersion: "1",
    });
    expect(answer.body).toBe("<script>");
    expect(answer.headers).toMatchObject({
      "X-AssetName": Buffer.from("é.html").toString("latin1"),
      "X-PackageVersion": "1",
      "content-type": "application/octet-stream",
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
    });
    expect(answer.headers).not.toHaveProperty("X-PackageVersionRevision");
  });
});

describe("errors", () => {
  const wire = (fault: Fault) => {
    const { status, headers, body } = serializeFault(fault);
    return { status, headers, body: JSON.parse(Buffer.from(body as Uint8Array).toString()) as unknown };
  };
  test("7.2 the name is in the header and in the body, with the model's members", () => {
    expect(
      wire(new Fault("ResourceNotFoundException", "gone", { resourceId: "d/r", resourceType: "repository" })),
    ).toEqual({
      status: 404,
      headers: { "content-type": "application/json", "x-amzn-errortype": "ResourceNotFoundException" },
      body: {
        __type: "ResourceNotFoundException",
        message: "gone",
        resourceId: "d/r",
        resourceType: "repository",
      },
    });
    expect(wire(new Fault("ServiceQuotaExceededException", "full"))).toMatchObject({ status: 402 });
    expect(wire(new Fault("ValidationException", "bad", { reason: "OTHER" }))).toMatchObject({
      status: 400,
      body: { reason: "OTHER" },
    });
  });

  test("Retry-After of a throttled call, the rule of a refusal, Allow of a wrong method", () => {
    expect(wire(new Fault("ThrottlingException", "slow", { retryAfterSeconds: 3 }))).toMatchObject({
      status: 429,
      headers: { "retry-after": "3" },
    });
    expect(
      wire(new Fault("AccessDeniedException", "no", { rule: "package setting publish=BLOCK" })),
    ).toMatchObject({ status: 403, headers: { "x-portcullis-reason": "package setting publish=BLOCK" } });
    expect(wire(new Fault("MethodNotAllowed", "no", { allow: ["GET", "PUT"] }))).toMatchObject({
      status: 405,
      headers: { allow: "GET, PUT" },
    });
  });

  test("7 the control plane answers 403 to an unproven request", () => {
    expect(wire(new Fault("Unauthenticated", "m", { exception: "InvalidSignatureException" }))).toMatchObject(
      { status: 403, headers: { "x-amzn-errortype": "InvalidSignatureException" } },
    );
    expect(wire(new Fault("Unauthenticated", "m"))).toMatchObject({
      status: 403,
      body: { __type: "UnrecognizedClientException" },
    });
  });

  test("a bug says nothing but the request id", () => {
    const { status, body } = serializeBug("req-1");
    expect(status).toBe(500);
    expect(Buffer.from(body as Uint8Array).toString()).toContain("req-1");
  });
});

describe("checkOutput finds", () => {
  test.each([
    ["a missing required member", "ListPackageVersionAssets", { assets: [{ size: 1 }] }, "name is required"],
    [
      "a member that is not modelled",
      "DescribeDomain",
      { domain: { nmae: "d1" } },
      "nmae is not in the model",
    ],
    [
      "a wrong type",
      "DescribeDomain",
      { domain: { repositoryCount: "1" } },
      "repositoryCount must be a integer",
    ],
    [
      "a time that is no Date",
      "DescribeDomain",
      { domain: { createdTime: 5 } },
      "createdTime must be a timestamp",
    ],
    [
      "a value outside its enum",
      "DescribeDomain",
      { domain: { status: "active" } },
      "status is none of Active, Deleted",
    ],
    ["a broken pattern", "DescribeDomain", { domain: { owner: "12" } }, "owner does not match"],
    [
      "a bad map key",
      "ListPackageVersionAssets",
      { assets: [{ name: "a", hashes: { SHA1: "a".repeat(40) } }] },
      "key is none of",
    ],
  ])("%s", (_what, operation, output, problem) => {
    expect(checkOutput(model, model.operations[operation]?.output.shape as string, output).join()).toContain(
      problem,
    );
  });

  test("nothing wrong with what is right", () => {
    const repository = {
      name: "r1",
      externalConnections: [
        { externalConnectionName: "public:npmjs", packageFormat: "npm", status: "AVAILABLE" },
      ],
      description: undefined,
      createdTime: new Date(),
    };
    expect(checkOutput(model, "DescribeRepositoryResult", { repository })).toEqual([]);
  });
});
