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
  /** A token made for less than its principal may do. */
  readonly tokenScope?: TokenScope;
  /** What a session was narrowed to when it was begun; undefined: to nothing less than `policies`. */
  readonly sessionPolicies?: readonly PolicyDocument[];
  /** Of a session: the role it was taken on as. */
  readonly roleArn?: string;
  /** AWS's unique id, for `aws:userid`: `AIDA…`, or `AROA…:session` of a session. */
  readonly userId?: string;
  /** The principal's tags, for `aws:PrincipalTag/…`. */
  readonly tags?: Readonly<Record<string, string>>;
  /** For `aws:PrincipalOrgID`. */
  readonly organization?: string;
  /** Where the request came from, for `aws:SourceIp` and `aws:SecureTransport`; one caller object per origin. */
  readonly origin?: { readonly address: string; readonly secure: boolean };
}

/** What a token may be used for at most; what is undefined is not limited. */
export interface TokenScope {
  readonly repository?: string;
  readonly actions?: readonly ("read" | "publish")[];
  /** Patterns over `format/namespace/name`, e.g. `npm/@acme/*`. */
  readonly packages?: readonly string[];
}

/** An IAM policy as data; core/permissions.ts gives it meaning. */
export interface PolicyDocument {
  readonly Version?: string;
  readonly Id?: string;
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
