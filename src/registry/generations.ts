// What has changed since a cached answer was made, as integers that a hot path can compare.
import type { PackageKey } from "../core/coordinates.ts";
import { packagePath } from "../core/coordinates.ts";
import type { Change } from "../store/notices.ts";

const PACKAGES_MAX = 100_000;

/** Remembers, per domain and per package name in a domain, the moment of the last change that this process knows of. */
export class Generations {
  #clock = 1;
  /** Everything cached before this moment is void. */
  #floor = 0;
  readonly #domains = new Map<number, number>();
  readonly #packages = new Map<string, number>();

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

  /** Takes in what the database tells. */
  apply(change: Change): void {
    if (change.of === "everything") this.#floor = ++this.#clock;
    else if (change.of === "domain") this.touchDomain(change.domainId);
    else if (change.of === "package") this.touchPackage(change.domainId, change.key);
  }

  /** Now. Take it before reading; what was read holds while nothing relevant changed later than this. */
  get moment(): number {
    return this.#clock;
  }
}
