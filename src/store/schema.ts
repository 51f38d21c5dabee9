// ROWS: every table as a type, for both databases. Times are epoch milliseconds; JSON is text; names say the unit.
import type { Generated } from "kysely";
import type { GroupMode, Restriction, RestrictionType } from "../core/origin.ts";

export interface Schema {
  server_setting: { key: string; value: string };

  principal: {
    id: Generated<number>;
    account: string;
    name: string;
    arn: string;
    /** JSON array of IAM policy documents. */
    policies: string;
    created_at: number;
    kind: Generated<"user" | "group" | "role">;
    /** AWS's unique id: AIDA…, AGPA…, AROA…; "" for the first administrator. */
    unique_id: Generated<string>;
    /** JSON object. */
    tags: Generated<string>;
    /** JSON array of names: ready policies, or identity_policy rows of the account. */
    attached: Generated<string>;
    /** Roles: the policy that says who may take it on. */
    trust: string | null;
    /** Roles: how long a session of it may last. */
    session_seconds_max: Generated<number>;
    /** When a file of identities made it; null: made by hand. */
    applied_at: number | null;
  };
  /** Which groups a user is in. */
  principal_member: { group_id: number; member_id: number };
  identity_policy: {
    account: string;
    name: string;
    document: string;
    updated_at: number;
    applied_at: number | null;
  };
  /** OpenID Connect issuers whose tokens may be exchanged for a role's credentials. */
  oidc_provider: {
    /** arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH */
    arn: string;
    account: string;
    url: string;
    /** JSON array. */
    audiences: string;
    /** PEM. */
    authorities: string | null;
    created_at: number;
    applied_at: number | null;
  };
  /** Temporary credentials: a role that somebody has taken on. */
  session: {
    /** ASIA… */
    id: string;
    /** The role. */
    principal_id: number;
    name: string;
    secret: string;
    /** SHA-256 of the session token. */
    token_hash: string;
    /** JSON array: what the session was narrowed to; empty: nothing less than the role. */
    policies: string;
    created_at: number;
    expires_at: number;
    revoked_at: number | null;
    /** The ARN of the caller, or the issuer and subject of a web identity. */
    taken_by: Generated<string>;
  };
  access_key: {
    id: string;
    principal_id: number;
    /** SigV4 needs the secret itself; the data folder is mode 0700 for it. */
    secret: string;
    created_at: number;
    disabled_at: number | null;
  };
  authorization_token: {
    id: string;
    /** SHA-256 of the secret half: 256 random bits need no slow hash. */
    secret_hash: string;
    domain_id: number;
    principal_id: number;
    created_at: number;
    expires_at: number;
    revoked_at: number | null;
    /** What it is for, in its maker's words. */
    label: Generated<string>;
    /** JSON of a TokenScope; null: all that its principal may do. */
    scope: string | null;
    /** The session that asked for it, if one did. */
    session_id: string | null;
    last_used_at: number | null;
  };

  domain: {
    id: Generated<number>;
    owner: string;
    name: string;
    encryption_key: string;
    /** Grows with every change to the domain's repositories, upstreams, connections or groups. */
    revision: number;
    created_at: number;
  };
  repository: {
    id: Generated<number>;
    domain_id: number;
    name: string;
    administrator_account: string;
    description: string | null;
    created_at: number;
  };
  repository_upstream: { repository_id: number; position: number; upstream_id: number };
  repository_connection: { repository_id: number; connection: string };
  resource_tag: { resource_arn: string; key: string; value: string };
  /** IAM JSON as it was given; the revision is opaque and new with every put (spec 6.2.2). */
  domain_policy: { domain_id: number; document: string; revision: string; updated_at: number };
  repository_policy: { repository_id: number; document: string; revision: string; updated_at: number };

  package_group: {
    id: Generated<number>;
    domain_id: number;
    pattern: string;
    contact_info: string | null;
    description: string | null;
    publish_mode: GroupMode;
    external_mode: GroupMode;
    internal_mode: GroupMode;
    created_at: number;
  };
  package_group_allowed: {
    package_group_id: number;
    restriction_type: RestrictionType;
    repository_id: number;
  };

  package: {
    id: Generated<number>;
    repository_id: number;
    format: string;
    namespace: string;
    name: string;
    publish: Restriction;
    upstream: Restriction;
    /** Grows by one with every change to the package, its versions or its tags: documents and ETags hang on it. */
    revision: number;
    created_at: number;
  };
  package_version: {
    id: Generated<number>;
    package_id: number;
    version: string;
    status: string;
    revision: string;
    origin_type: "INTERNAL" | "EXTERNAL";
    /** Repository name for INTERNAL, connection name for EXTERNAL; travels with the version (spec 1.6.2). */
    entry_point: string;
    /** The API's publishedTime: when it was published or taken in here (spec 1.6.4). */
    published_at: number;
    /** The public registry's own publication time, where it told one. Never mixed with the two below. */
    upstream_published_at: number | null;
    /** When this server first saw the version in any index or publish. */
    first_seen_at: number;
    /** When its bytes were stored here. */
    stored_at: number;
    metadata: string;
    document: string;
    brief: string;
  };
  asset: {
    id: Generated<number>;
    package_version_id: number;
    name: string;
    size: number;
    md5: string;
    sha1: string;
    sha256: string;
    sha512: string;
    /** What the format keeps about this one file. */
    document: Generated<string>;
  };
  /** What publishers said the bytes of an asset hash to, while that is not settled (spec 8.3.4). */
  checksum_claim: {
    repository_id: number;
    format: string;
    namespace: string;
    name: string;
    version: string;
    asset: string;
    algorithm: string;
    value: string;
    claimed_at: number;
  };
  package_tag: { package_id: number; tag: string; version: string };

  /** Blobs that a sweep is deleting or has deleted (store/swept-blobs.ts). Times are the database's. */
  swept_blob: {
    sha256: string;
    /** Which step of which sweep: tells this deletion from a later one. */
    batch: string;
    at: number;
    /** null: it may still be there, and may vanish at any moment. */
    gone_at: number | null;
  };
  /** Who alone may do something now, by the database's clock. */
  lease: { name: string; owner: string; expires_at: number };
  /** Contents that assets point at and that are not readable as they were recorded. */
  damaged_blob: { sha256: string; problem: "corrupt" | "missing"; found_at: number };

  /** Which versions of a public package this server has seen listed, and since when: JSON of version → epoch ms. */
  sighting: { connection: string; format: string; namespace: string; name: string; versions: string };

  journal: {
    seq: Generated<number>;
    at: number;
    event: string;
    domain_id: number;
    repository: string;
    format: string;
    namespace: string;
    package: string;
    version: string;
    actor: string;
    request_id: string;
    /** JSON: the reasons of the decision, and what else the event says. */
    detail: string;
    /** JSON of a VersionEvent; null: no package-version event. */
    change: string | null;
  };
  /** Who is told of package-version events. */
  webhook: {
    id: string;
    url: string;
    /** What deliveries are signed with, which needs the secret itself. */
    secret: string;
    /** null: every domain. */
    domain_id: number | null;
    created_at: number;
  };
  /** What a webhook is still to be told. */
  outbox: {
    webhook_id: string;
    /** The journal entry. */
    seq: number;
    /** The package of a repository: entries of one stream are delivered one after another. */
    stream: string;
    attempts: number;
    /** When it may be tried next; while it is leased: when the lease ends. */
    due_at: number;
    /** Who is delivering it. */
    lease: string | null;
    first_failed_at: number | null;
  };
  /** Audit records of requests, many to a row: gzip of JSON lines. */
  audit_batch: {
    id: Generated<number>;
    first_at: number;
    last_at: number;
    records: number;
    content: Uint8Array;
  };
}
