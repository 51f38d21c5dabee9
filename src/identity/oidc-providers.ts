// Which OpenID Connect issuers are trusted: what may be registered, and taking it back.
import { X509Certificate } from "node:crypto";
import { ACCOUNT_ID } from "../core/coordinates.ts";
import { providerArn } from "../core/web-identity.ts";
import type { Queries } from "../store/database.ts";
import { deleteProvider, findProvider, putProvider } from "../store/oidc-providers.ts";
import { ManageError } from "./manage.ts";
import { recordIdentity } from "./record.ts";

export interface GivenProvider {
  readonly account: string;
  readonly url: string;
  readonly audiences: readonly string[];
  readonly authorities: string | undefined;
  readonly allowHttp: boolean;
}

const AUDIENCES_MAX = 100;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Throws ManageError, with what would do. */
export function checkProvider({ account, url, audiences, authorities, allowHttp }: GivenProvider): void {
  if (!ACCOUNT_ID.test(account)) throw new ManageError(`'${account}' is no account: twelve digits`);
  if (!URL.canParse(url) || !/^https?:\/\/[^\s?#@*]+$/.test(url) || url.length > 255)
    throw new ManageError(
      `'${url}' is no issuer: give its URL exactly as its tokens have it in iss, without query or user name`,
    );
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !LOOPBACK.test(hostname) && !allowHttp)
    throw new ManageError(
      `'${url}' is not https: whoever is between could forge its keys. Give an https address, or allow it (--allow-http; in a file, allowHttp: true)`,
    );
  if (audiences.length === 0 || audiences.length > AUDIENCES_MAX || audiences.some((one) => one === ""))
    throw new ManageError(
      "an issuer needs 1 to 100 audiences: a token for somebody else must not open anything here. Give --audience, such as sts.amazonaws.com for GitHub's action",
    );
  if (authorities !== undefined) checkAuthorities(authorities);
}

function checkAuthorities(text: string): void {
  try {
    void new X509Certificate(text);
  } catch {
    throw new ManageError("the file of authorities holds no certificate in PEM form (BEGIN CERTIFICATE)");
  }
}

/** Its ARN. Throws ManageError when it is trusted already. */
export async function createProvider(tx: Queries, actor: string, given: GivenProvider): Promise<string> {
  checkProvider(given);
  const { account, url, audiences, authorities } = given;
  const arn = providerArn(account, url);
  if ((await findProvider(tx, arn)) !== undefined)
    throw new ManageError(
      `${arn} is there already; to change it, delete it and create it again (portcullis oidc delete ${url})`,
    );
  await putProvider(tx, { arn, account, url, audiences, authorities }, Date.now());
  await recordIdentity(tx, actor, "oidc-provider-created", { arn, audiences });
  return arn;
}

/** By its URL or ARN; its ARN is returned. */
export async function deleteProviderOf(
  tx: Queries,
  actor: string,
  account: string,
  url: string,
): Promise<string> {
  const arn = url.startsWith("arn:") ? url : providerArn(account, url);
  if (!(await deleteProvider(tx, arn)))
    throw new ManageError(`there is no ${arn}; 'portcullis oidc list' shows which there are`);
  await recordIdentity(tx, actor, "oidc-provider-deleted", { arn });
  return arn;
}
