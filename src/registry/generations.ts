// What has changed since a cached answer was made, as integers that a hot path can compare.
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";

const PACKAGES_MAX = 100_000;

/** Remembers, per domain and per package name in a domain, the moment of the last change in this process. */
export class Generations {
  #clock = 1;
  /** Everything cached before this moment is void. */
  #floor = 0;
  readonly #domains = new Map<number, number>();
  readonly #packages = new Map<string, number>();
  #foreign: number | undefined;

  /** Identifies a package name in a domain; compute once, compare often. */
  static packageName(domainId: number, key: PackageKey): string {
    return `${domainId}${packagePath(key)}`;
  }

  /** The moment of the last change that an answer about this package may depend on. */
  of(domainId: number, packageName: string): number {
    return Math.max(this.#floor, this.#domains.get(domainId) ?? 0, this.#packages.get(packageName) ?? 0);
  }

  ofDomain(domainId: number): number {
    return Math.max(this.#floor, this.#domains.get(domainId) ?? 0);
  }

  touchDomain(domainId: number): void {
    this.#domains.set(domainId, ++this.#clock);
  }

  touchPackage(domainId: number, key: PackageKey): void {
    if (this.#packages.size >= PACKAGES_MAX) {
      this.#packages.clear();
      this.#floor = ++this.#clock;
    }
    this.#packages.set(Generations.packageName(domainId, key), ++this.#clock);
  }

  /** `mark` is Database.foreignChanges(). True when another process changed the database: nothing cached holds any more. */
  observeForeign(mark: number): boolean {
    const changed = this.#foreign !== undefined && this.#foreign !== mark;
    if (changed) this.#floor = ++this.#clock;
    this.#foreign = mark;
    return changed;
  }

  /** Now. Take it before reading; what was read holds while nothing relevant changed later than this. */
  get moment(): number {
    return this.#clock;
  }
}
