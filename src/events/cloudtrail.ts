// An audit record in CloudTrail's shape (spec 10.5).
import { createHash } from "node:crypto";
import { isRead } from "../core/actions.ts";
import type { AuditedCaller, AuditRecord } from "./audit-record.ts";

/** What GetAuthorizationToken answers, as CloudTrail shows it. */
const HIDDEN_TOKEN = { sessionToken: "HIDDEN_DUE_TO_SECURITY_REASONS" };

export function cloudTrailEvent(record: AuditRecord, region: string) {
  const { action, caller, owner, errorCode, errorMessage } = record;
  const recipient = owner ?? caller?.account;
  return {
    eventVersion: "1.08",
    userIdentity: identityOf(caller),
    eventTime: `${new Date(record.at).toISOString().slice(0, 19)}Z`,
    eventSource: `${record.service}.amazonaws.com`,
    eventName: action,
    awsRegion: region,
    sourceIPAddress: record.address ?? "",
    userAgent: record.agent ?? "",
    ...(errorCode === undefined ? {} : { errorCode }),
    ...(errorMessage === undefined ? {} : { errorMessage }),
    requestParameters: record.parameters ?? requestParameters(record),
    responseElements: action === "GetAuthorizationToken" && errorCode === undefined ? HIDDEN_TOKEN : null,
    additionalEventData: {
      httpMethod: record.method,
      requestUri: record.uri,
      httpStatus: record.status,
      ...(caller === undefined || isAccessKey(caller.credential) ? {} : { tokenId: caller.credential }),
    },
    requestID: record.requestId,
    eventID: eventId(record),
    readOnly: isRead(action),
    eventType: "AwsApiCall",
    managementEvent: true,
    ...(recipient === undefined ? {} : { recipientAccountId: recipient }),
    eventCategory: "Management",
  };
}

function requestParameters(record: AuditRecord): object | null {
  if (record.domain === undefined) return null;
  const { domain, owner, repository, format, namespace, version } = record;
  return {
    domainName: domain,
    domainOwner: owner,
    repositoryName: repository,
    packageFormat: format,
    ...(namespace === undefined ? {} : { packageNamespace: namespace }),
    ...(record.package === undefined ? {} : { packageName: record.package }),
    ...(version === undefined ? {} : { packageVersion: version }),
  };
}

function identityOf(caller: AuditedCaller | undefined): object {
  if (caller === undefined) return { type: "Unknown" };
  const { arn, account, name, userId, roleArn, credential } = caller;
  const common = {
    principalId: userId ?? name,
    arn,
    accountId: account,
    ...(isAccessKey(credential) ? { accessKeyId: credential } : {}),
  };
  if (roleArn === undefined) return { type: "IAMUser", ...common, userName: name };
  const issuer = { type: "Role", arn: roleArn, accountId: account, userName: roleArn.split("/").at(-1) };
  return { type: "AssumedRole", ...common, sessionContext: { sessionIssuer: issuer } };
}

function isAccessKey(credential: string): boolean {
  return /^A[SK]IA/.test(credential);
}

/** The same each time a record is shown. */
function eventId({ requestId, at }: AuditRecord): string {
  const hex = createHash("sha256").update(`${requestId} ${at}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
