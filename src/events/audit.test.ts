// Audit records: what they say, what they never say, and that they are written in batches, kept so long and no longer.
import { expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import { Fault } from "../core/faults.ts";
import { withoutSecrets } from "../core/secrets.ts";
import { emptyNote, noteCaller, noteQuestion, noteVersion, withNote } from "../registry/request-note.ts";
import { findAuditBatches, insertAuditBatch } from "../store/audit.ts";
import type { Database } from "../store/database.ts";
import type { AuditedRequest, AuditRecord } from "./audit-record.ts";
import { auditLine } from "./audit-record.ts";
import type { AuditRecorderOptions } from "./audit-recorder.ts";
import { deleteOld, readAuditBatch, startAuditRecorder } from "./audit-recorder.ts";
import { cloudTrailEvent } from "./cloudtrail.ts";
import { readHistory } from "./history.ts";

const CALLER = {
  account: "111111111111",
  arn: "arn:aws:iam::111111111111:user/anna",
  name: "anna",
  credential: "AKIAEXAMPLE",
  policies: [],
};
const PLACE = { domain: "acme", owner: "111111111111", repository: "repo", format: "npm" };
const KEY = { format: "npm", namespace: "acme", name: "ui" } as const;

function request(
  change: Partial<AuditedRequest> = {},
  note: Partial<AuditedRequest["note"]> = {},
): AuditedRequest {
  return {
    at: 1_700_000_000_000,
    requestId: "r-1",
    method: "GET",
    target: "/npm/d/acme-111111111111/repo/@acme%2fui",
    status: 200,
    address: "192.0.2.7",
    agent: 'npm/10 "quoted"\n',
    note: { ...emptyNote(), caller: CALLER, action: "ReadFromRepository", place: PLACE, key: KEY, ...note },
    ...change,
  };
}

const recordOf = (one: AuditedRequest): AuditRecord => JSON.parse(auditLine(one)) as AuditRecord;

test("10.5: a package manager's request", () => {
  expect(recordOf(request({}, { version: "1.0.0" }))).toEqual({
    at: 1_700_000_000_000,
    requestId: "r-1",
    service: "codeartifact",
    action: "ReadFromRepository",
    method: "GET",
    uri: "/npm/d/acme-111111111111/repo/@acme%2fui",
    status: 200,
    address: "192.0.2.7",
    agent: 'npm/10 "quoted"\n',
    caller: { account: "111111111111", arn: CALLER.arn, name: "anna", credential: "AKIAEXAMPLE" },
    domain: "acme",
    owner: "111111111111",
    repository: "repo",
    format: "npm",
    namespace: "acme",
    package: "ui",
    version: "1.0.0",
  });
});

test("10.5: an API request, its input and its error, without bytes", () => {
  const operation = { service: "codeartifact", name: "PublishPackageVersion" } as const;
  const parameters = {
    domain: "acme",
    repository: "repo",
    format: "generic",
    package: "tool",
    packageVersion: "1",
    assetContent: Buffer.from("bytes"),
  };
  const fault = new Fault("ConflictException", "There is one at /-/user/token/SECRET already.");
  const record = recordOf(request({ status: 409 }, { operation, parameters, fault, key: undefined }));
  expect(record).toMatchObject({
    action: "PublishPackageVersion",
    domain: "acme",
    owner: "111111111111",
    package: "tool",
    version: "1",
    errorCode: "ConflictException",
    errorMessage: "There is one at /-/user/token/… already.",
  });
  expect(record.parameters).toEqual({
    domain: "acme",
    repository: "repo",
    format: "generic",
    package: "tool",
    packageVersion: "1",
  });
});

test("long input is cut: a record stays small", () => {
  const operation = { service: "codeartifact", name: "PutDomainPermissionsPolicy" } as const;
  const parameters = {
    domain: "acme",
    policyDocument: "x".repeat(1_000_000),
    more: Array(100_000).fill("y"),
  };
  expect(
    auditLine(request({ target: `/${"z".repeat(30_000)}` }, { operation, parameters })).length,
  ).toBeLessThan(4_000);
});

test("10.5: CloudTrail's identities: a session by its role, a token by its id, a stranger as unknown", () => {
  const identity = (caller: AuditedRequest["note"]["caller"]) =>
    cloudTrailEvent(recordOf(request({}, { caller })), "us-east-1").userIdentity;
  expect(identity(CALLER)).toMatchObject({ type: "IAMUser", userName: "anna", accessKeyId: "AKIAEXAMPLE" });
  const arn = "arn:aws:sts::111111111111:assumed-role/ci/build";
  const roleArn = "arn:aws:iam::111111111111:role/ci";
  expect(identity({ ...CALLER, arn, roleArn, name: "build", credential: "ASIAEXAMPLE" })).toEqual({
    type: "AssumedRole",
    principalId: "build",
    arn,
    accountId: "111111111111",
    accessKeyId: "ASIAEXAMPLE",
    sessionContext: {
      sessionIssuer: { type: "Role", arn: roleArn, accountId: "111111111111", userName: "ci" },
    },
  });
  const token = recordOf(request({}, { caller: { ...CALLER, credential: "t0k3n1d" } }));
  expect(cloudTrailEvent(token, "us-east-1")).toMatchObject({ additionalEventData: { tokenId: "t0k3n1d" } });
  expect(identity(undefined)).toEqual({ type: "Unknown" });
});

test("a request that was refused before any permission was asked for goes by its method", () => {
  const action = (method: string) => recordOf(request({ method, status: 401 }, { action: undefined })).action;
  expect(["GET", "HEAD", "PUT", "POST", "DELETE"].map(action)).toEqual([
    "ReadFromRepository",
    "ReadFromRepository",
    "PublishPackageVersion",
    "PublishPackageVersion",
    "DeletePackageVersions",
  ]);
});

test.each([
  ["/x?X-Amz-Signature=abc&X-Amz-Credential=AKIA%2F1&a=b", "/x?X-Amz-Signature=…&X-Amz-Credential=…&a=b"],
  ["/x?a=b&X-Amz-Security-Token=abc", "/x?a=b&X-Amz-Security-Token=…"],
  ["/npm/d/a-1/r/-/user/token/abc", "/npm/d/a-1/r/-/user/token/…"],
  ["/npm/d/a-1/r/-/npm/v1/tokens/token/abc?x=1", "/npm/d/a-1/r/-/npm/v1/tokens/token/…?x=1"],
  ["see http://user:pass@host/x", "see http://…@host/x"],
  [
    "/x?access_token=abc&_authToken=d&password=e&api_key=f&text=token",
    "/x?access_token=…&_authToken=…&password=…&api_key=…&text=token",
  ],
  ["/@acme/ui/-/ui-1.0.0.tgz?write=true", "/@acme/ui/-/ui-1.0.0.tgz?write=true"],
])("no secret of %s is written down", (text, told) => {
  expect(withoutSecrets(text)).toBe(told);
});

test("a request to change something is not told as the read that belongs to it, nor by another's note", async () => {
  const [first, second] = [emptyNote(), emptyNote()];
  const repository = { id: 1 } as never;
  await Promise.all([
    withNote(first, async () => {
      noteQuestion("ReadFromRepository", repository, KEY);
      await Promise.resolve();
      noteQuestion("PublishPackageVersion", repository, KEY);
      noteVersion("1.0.0");
      await Promise.resolve();
      noteQuestion("ReadFromRepository", repository, { ...KEY, name: "dependency" });
    }),
    withNote(second, async () => {
      await Promise.resolve();
      noteQuestion("ReadFromRepository", repository, { ...KEY, name: "other" });
    }),
  ]);
  noteCaller(CALLER); // nobody's
  expect(first).toMatchObject({
    action: "PublishPackageVersion",
    key: KEY,
    version: "1.0.0",
    caller: undefined,
  });
  expect(second).toMatchObject({ action: "ReadFromRepository", key: { name: "other" }, version: undefined });
});

onEveryDatabase("the audit", (open) => {
  const warnings: string[] = [];
  const warn = (fields: object, message: string): void =>
    void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const log = { debug: warn, info: warn, warn, error: warn };

  async function withRecorder(
    options: Partial<AuditRecorderOptions>,
    work: (recorder: ReturnType<typeof startAuditRecorder>, database: Database) => Promise<void>,
  ): Promise<void> {
    const database = await open();
    warnings.length = 0;
    const recorder = startAuditRecorder({
      database,
      log,
      now: () => 1_700_000_000_000,
      which: "all",
      keepMs: 1_000_000,
      flushMs: 600_000,
      ...options,
    });
    try {
      await work(recorder, database);
    } finally {
      await database.close();
    }
  }

  async function all(database: Database): Promise<readonly AuditRecord[]> {
    const batches = await findAuditBatches(database.read, { since: 0, before: undefined, limit: 1_000 });
    return (await Promise.all(batches.toReversed().map(({ content }) => readAuditBatch(content)))).flat();
  }

  test("every record is there after the end, in few rows", () =>
    withRecorder({}, async (recorder, database) => {
      for (let i = 0; i < 5_000; i++)
        recorder.record(request({ requestId: `r-${i}`, at: 1_700_000_000_000 + i }));
      await recorder.close();
      const ids = (await all(database)).map(({ requestId }) => requestId);
      expect(ids).toEqual(Array.from({ length: 5_000 }, (_, i) => `r-${i}`));
      const batches = await findAuditBatches(database.read, { since: 0, before: undefined, limit: 1_000 });
      expect(batches.length).toBeLessThan(20);
      expect(recorder.counts()).toEqual({ written: 5_000, dropped: 0 });
    }));

  test("`changes` leaves out reads that were let, and nothing else", () =>
    withRecorder({ which: "changes" }, async (recorder, database) => {
      recorder.record(request({ requestId: "read" }));
      recorder.record(request({ requestId: "absent", status: 404 }));
      recorder.record(request({ requestId: "refused", status: 403 }));
      recorder.record(
        request({ requestId: "unknown", status: 401 }, { action: undefined, caller: undefined }),
      );
      recorder.record(request({ requestId: "publish", method: "PUT" }, { action: "PublishPackageVersion" }));
      await recorder.close();
      expect((await all(database)).map(({ requestId }) => requestId)).toEqual([
        "refused",
        "unknown",
        "publish",
      ]);
    }));

  test("memory is bounded: what does not fit is dropped, counted and told", () =>
    withRecorder({ bytesMax: 512 * 1024 }, async (recorder, database) => {
      for (let i = 0; i < 3_000; i++) recorder.record(request({ requestId: `r-${i}` }));
      await recorder.close();
      const { written, dropped } = recorder.counts();
      expect(dropped).toBeGreaterThan(0);
      expect(written + dropped).toBe(3_000);
      expect(await all(database)).toHaveLength(written);
      expect(warnings.join()).toContain(`{"dropped":${dropped}}`);
    }));

  test("a database that fails for a while loses nothing", () =>
    withRecorder({ flushMs: 5 }, async (recorder, database) => {
      await database.read.schema.alterTable("audit_batch").renameTo("away").execute();
      recorder.record(request());
      for (let i = 0; i < 500 && warnings.length === 0; i++) await new Promise((done) => setTimeout(done, 5));
      expect(warnings.join()).toContain("the audit was not written");
      await database.read.schema.alterTable("away").renameTo("audit_batch").execute();
      await recorder.close();
      expect(await all(database)).toHaveLength(1);
    }));

  test("what is older than asked for is deleted, the rest stays", () =>
    withRecorder({ keepMs: 1_700_000_000_000 }, async (recorder, database) => {
      const content = new Uint8Array();
      for (let i = 1; i <= 250; i++)
        await insertAuditBatch(database.read, { firstAt: i, lastAt: i, records: 1, content });
      await deleteOld(database, 241);
      const left = await findAuditBatches(database.read, { since: 0, before: undefined, limit: 1_000 });
      expect(left.map(({ lastAt }) => lastAt)).toEqual([250, 249, 248, 247, 246, 245, 244, 243, 242, 241]);
      await recorder.close();
    }));

  test("the newest that fit are found, whichever process wrote them, oldest first", () =>
    withRecorder({}, async (recorder, database) => {
      const other = startAuditRecorder({
        database,
        log,
        now: () => 0,
        which: "all",
        keepMs: 1,
        flushMs: 600_000,
      });
      for (let i = 0; i < 100; i++) {
        const writer = i % 3 === 0 ? other : recorder;
        const note = { key: { ...KEY, name: i % 2 === 0 ? "even" : "odd" } };
        writer.record(request({ requestId: `r-${i}`, at: 1_000 + i }, note));
      }
      await other.close();
      await recorder.close();
      const ids = async (question: object) =>
        (
          await readHistory(database.read, { journal: true, audit: true, since: 0, limit: 5, ...question })
        ).map(({ record }) => record.requestId);
      expect(await ids({})).toEqual(["r-95", "r-96", "r-97", "r-98", "r-99"]);
      expect(await ids({ key: { ...KEY, name: "even" } })).toEqual(["r-90", "r-92", "r-94", "r-96", "r-98"]);
      expect(await ids({ since: 1_098 })).toEqual(["r-98", "r-99"]);
      expect(await ids({ events: ["PublishPackageVersion"] })).toEqual([]);
      expect(await ids({ domain: { name: "other", ids: [] } })).toEqual([]);
    }));
});
