// Who is asking, once a door has found it out.

/** A proven identity. Built by identity/identify.ts only. */
export interface Caller {
  /** Twelve digits. */
  readonly account: string;
  /** e.g. `arn:aws:iam::000000000000:user/admin`. */
  readonly arn: string;
  /** The last part of the ARN, for messages and whoami. */
  readonly name: string;
  /** Which credential proved it, for logs and the journal: an access key id or a token id, never a secret. */
  readonly credential: string;
  /** Identity policies that speak for this caller, as IAM JSON documents already parsed. */
  readonly policies: readonly PolicyDocument[];
  /** A package-manager token covers one domain (spec 6.1.3); undefined for an access key. */
  readonly tokenDomainId?: number;
}

/** An IAM policy as data; core/permissions.ts gives it meaning. */
export interface PolicyDocument {
  readonly Version?: string;
  readonly Statement: readonly PolicyStatement[];
}

export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
