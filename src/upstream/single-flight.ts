// One run of a piece of work however many ask for it meanwhile.

/** Runs `work` unless a run under the same key has not ended yet; everyone gets that run's outcome. */
export interface SingleFlight<T> {
  run(key: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when no run is under way. */
  settled(): Promise<void>;
}

export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>();
  return {
    run(key, work) {
      const running = flights.get(key);
      if (running !== undefined) return running;
      const flight = work().finally(() => flights.delete(key));
      flights.set(key, flight);
      return flight;
    },
    async settled() {
      await Promise.allSettled(flights.values());
    },
  };
}
