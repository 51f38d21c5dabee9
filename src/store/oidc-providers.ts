// Rows of OpenID Connect issuers whose tokens may be exchanged for a role's credentials.
import type { Selectable } from "kysely";
import type { Queries } from "./database.ts";
import type { Schema } from "./schema.ts";

export interface OidcProvider {
  readonly arn: string;
  readonly account: string;
  /** As tokens have it in `iss`. */
  readonly url: string;
  readonly audiences: readonly string[];
  /** PEM of certificate authorities to trust for it besides the usual ones. */
  readonly authorities: string | undefined;
}

export interface OidcProviderRow extends OidcProvider {
  readonly createdAt: number;
  /** When a file of identities made it; undefined: made by hand. */
  readonly appliedAt: number | undefined;
}

/** In place of the one of that ARN, whose dates stay. */
export async function putProvider(
  db: Queries,
  provider: OidcProvider,
  at: number,
  appliedAt?: number,
): Promise<void> {
  const { arn, account, url } = provider;
  const told = {
    url,
    audiences: JSON.stringify(provider.audiences),
    authorities: provider.authorities ?? null,
  };
  await db
    .insertInto("oidc_provider")
    .values({ arn, account, ...told, created_at: at, applied_at: appliedAt ?? null })
    .onConflict((c) => c.column("arn").doUpdateSet(told))
    .execute();
}

export async function findProvider(db: Queries, arn: string): Promise<OidcProviderRow | undefined> {
  const row = await db.selectFrom("oidc_provider").selectAll().where("arn", "=", arn).executeTakeFirst();
  return row && providerOf(row);
}

export async function listProviders(db: Queries): Promise<readonly OidcProviderRow[]> {
  return (await db.selectFrom("oidc_provider").selectAll().orderBy("arn").execute()).map(providerOf);
}

/** False when there is none. */
export async function deleteProvider(db: Queries, arn: string): Promise<boolean> {
  const gone = await db
    .deleteFrom("oidc_provider")
    .where("arn", "=", arn)
    .returning("arn")
    .executeTakeFirst();
  return gone !== undefined;
}

function providerOf(row: Selectable<Schema["oidc_provider"]>): OidcProviderRow {
  return {
    arn: row.arn,
    account: row.account,
    url: row.url,
    audiences: JSON.parse(row.audiences) as string[],
    authorities: row.authorities ?? undefined,
    createdAt: row.created_at,
    appliedAt: row.applied_at ?? undefined,
  };
}
