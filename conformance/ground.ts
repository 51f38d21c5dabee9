// What clusters stand on: one PostgreSQL and one S3-compatible store for the whole run, and a place of its own in both for each cluster.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { type Postgres, startPostgres } from "../test/postgres.ts";

import { type Rgw, startRgw } from "../test/rgw.ts";
import { Skip } from "./checks.ts";
import type { Credentials } from "./server.ts";

export interface Ground {
  readonly postgres: Postgres;
  readonly store: Rgw;
  stop(): Promise<void>;
}

/** Where one cluster keeps everything. */
export interface Site {
  /** `postgres://…/name` */
  readonly database: string;
  /** `s3://bucket` */
  readonly blobs: string;
  /** The administrator's. */
  readonly credentials: Credentials;
}

/** Starts both. Throws Skip, with what is missing, on a machine that lacks one of the parts. */
export async function startGround(): Promise<Ground> {
  if (!installed("nginx", "-v")) throw new Skip("nginx is not installed");
  const postgres = await startPostgres();
  if (postgres === undefined) throw new Skip("PostgreSQL is not installed");
  const store = await startRgw().catch(async (error: unknown) => {
    await postgres.stop();
    throw error;
  });
  if (store === undefined) {
    await postgres.stop();
    throw new Skip("radosgw (Ceph) is not installed");
  }
  return {
    postgres,
    store,
    async stop() {
      await Promise.allSettled([postgres.stop(), store.stop()]);
    },
  };
}

/** A fresh database and an empty bucket. */
export async function prepareSite({ postgres, store }: Ground): Promise<Site> {
  const name = `cluster_${randomBytes(6).toString("hex")}`;
  const client = new pg.Client({ connectionString: `${postgres.url}/postgres` });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return {
    database: `${postgres.url}/${name}`,
    blobs: await store.bucket(),
    credentials: {
      accessKeyId: `AKIA${randomBytes(8).toString("hex").toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString("base64url"),
    },
  };
}

export function installed(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
