// What a suite is, and what it is given.
import type { Checks } from "./checks.ts";
import type { Cluster, ClusterOptions } from "./cluster.ts";
import type { Server, ServerOptions, Target } from "./server.ts";

export interface Stage {
  readonly checks: Checks;
  /** An empty folder of this suite's own. */
  readonly folder: string;
  /** Whether a balancer stands in front of what is started here. */
  readonly balanced: boolean;
  /** The address given on the command line, or a fresh server. */
  target(): Promise<Target>;
  /**
   * A server of this suite's own, which can be stopped and configured; with `--cluster` it is a cluster. Throws Skip when
   * an address was given.
   * `name` is its folder: the same name again is a restart on the same data.
   */
  server(name: string, options?: ServerOptions): Promise<Server>;
  /** Several nodes behind a balancer, likewise. Throws Skip where PostgreSQL, radosgw or nginx is missing too. */
  cluster(name: string, options?: ClusterOptions): Promise<Cluster>;
}

export type Suite = (stage: Stage) => Promise<void>;
