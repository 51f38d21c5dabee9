// One page of metrics for all workers: what counts is added up and never falls; what is about one process says whose it is.
import { AggregatorRegistry } from "prom-client";
import type { Snapshot } from "../http/metrics.ts";

type Metric = Snapshot[number];
type Value = Metric["values"][number] & { readonly metricName?: string };

export interface Totals {
  /** The numbers of a worker as they are now. */
  heard(index: number, metrics: Snapshot): void;
  /** That worker has ended: what it counted stays in the sums, as it was last heard. */
  ended(index: number): void;
  /** Prometheus text, with further metrics of the primary's own. */
  page(own: Snapshot): Promise<string>;
}

/**
 * Counters and histograms are sums over all workers that are and were: every number that was ever shown passed through
 * here, so a worker's end cannot make a sum fall. At most what it counted since it was last heard is missing. Gauges
 * that tell of a process (memory, event loop, file handles) carry the label `worker`; other gauges are sums over the
 * workers that are.
 */
export function createTotals(): Totals {
  const current = new Map<number, Snapshot>();
  let ended: Snapshot = [];
  return {
    heard: (index, metrics) => void current.set(index, metrics),
    ended(index) {
      const last = current.get(index) ?? [];
      current.delete(index);
      ended = addUp([ended, last.filter(({ type }) => !isGauge(type))]);
    },
    async page(own) {
      const labelled = [...current].map(([index, metrics]) => withWorker(metrics, String(index)));
      const sums = addUp([ended, ...labelled, own]);
      return AggregatorRegistry.aggregate([sums as object[]]).metrics();
    },
  };
}

/** prom-client names types by words and, in its typings, by numbers. */
function isGauge(type: unknown): boolean {
  return type === "gauge";
}

function withWorker(metrics: Snapshot, worker: string): Snapshot {
  return metrics.map((metric) => {
    if (!isGauge(metric.type) || !/^(process|nodejs)_/.test(metric.name)) return metric;
    const values = metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker } }));
    return { ...metric, values };
  });
}

function addUp(snapshots: readonly Snapshot[]): Snapshot {
  const sums = new Map<string, { readonly metric: Metric; readonly values: Map<string, Value> }>();
  for (const metric of snapshots.flat()) {
    const sum = sums.get(metric.name) ?? { metric, values: new Map<string, Value>() };
    sums.set(metric.name, sum);
    for (const value of metric.values as readonly Value[]) {
      const labels = Object.entries(value.labels).map(([name, text]) => `${name}=${JSON.stringify(text)}`);
      const key = [value.metricName, ...labels.toSorted()].join(" ");
      const known = sum.values.get(key);
      sum.values.set(key, known === undefined ? value : { ...known, value: known.value + value.value });
    }
  }
  return [...sums.values()].map(({ metric, values }) => ({
    ...metric,
    aggregator: "sum", // there is one of each by now: nothing is left out or averaged
    values: [...values.values()],
  }));
}
