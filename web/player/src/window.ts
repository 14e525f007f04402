/** Sliding figures over the last second or so: rates and medians. Pure; times are arguments in milliseconds. */

/** Counts amounts a second over a sliding window; null until something was ever counted. */
export class Rate {
  private readonly entries: { at: number; amount: number }[] = [];
  private hasCounted = false;

  constructor(private readonly windowMs = 1000) {}

  add(nowMs: number, amount = 1): void {
    this.hasCounted = true;
    this.entries.push({ at: nowMs, amount });
    this.trim(nowMs);
  }

  perSecond(nowMs: number): number | null {
    this.trim(nowMs);
    if (!this.hasCounted) return null;
    const sum = this.entries.reduce((total, entry) => total + entry.amount, 0);
    return (sum * 1000) / this.windowMs;
  }

  private trim(nowMs: number): void {
    while (this.entries.length > 0 && nowMs - (this.entries[0]?.at ?? nowMs) >= this.windowMs) this.entries.shift();
  }
}

/** The median of the last few measurements; null while there are none. */
export class Median {
  private readonly values: number[] = [];

  constructor(private readonly size = 61) {}

  add(value: number): void {
    this.values.push(value);
    if (this.values.length > this.size) this.values.shift();
  }

  value(): number | null {
    if (this.values.length === 0) return null;
    const sorted = [...this.values].sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? null;
  }

  clear(): void {
    this.values.length = 0;
  }
}
