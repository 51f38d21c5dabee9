// Runs once around the whole suite: one PostgreSQL for every test that wants one.
import { startPostgres } from "./postgres.ts";

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const postgres = await startPostgres();
  if (postgres === undefined) return undefined;
  process.env.PORTCULLIS_TEST_POSTGRES = postgres.url;
  return () => postgres.stop();
}
