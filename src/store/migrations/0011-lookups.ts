// Indexes of the columns that other rows are found and deleted by: without them, deleting one row reads a whole table.
import type { Kysely } from "kysely";
import { buildIndex } from "../build-index.ts";
import type { Engine } from "../database.ts";

const INDEXES = {
  access_key_principal: "access_key (principal_id)",
  authorization_token_principal: "authorization_token (principal_id)",
  authorization_token_domain: "authorization_token (domain_id)",
  authorization_token_expires: "authorization_token (expires_at)",
  authorization_token_session: "authorization_token (session_id)",
  repository_upstream_target: "repository_upstream (upstream_id)",
  package_group_allowed_repository: "package_group_allowed (repository_id)",
  principal_member_member: "principal_member (member_id)",
  session_principal: "session (principal_id)",
  session_expires: "session (expires_at)",
};

export async function up(db: Kysely<unknown>, engine: Engine): Promise<void> {
  for (const [name, on] of Object.entries(INDEXES)) await buildIndex(db, engine, name, on);
}
