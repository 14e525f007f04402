/**
 * Keeps the pointer's moves from queueing up behind a slow network: while the channel still holds bytes, only the latest place
 * is kept. Everything else passes at once, after the place that was kept, so that a click lands where the pointer is. Pure.
 */

export class MotionGate<T> {
  private kept: T | null = null;

  /** The messages to send now, for a move that came while the channel held `bufferedBytes`. */
  move(message: T, bufferedBytes: number): T[] {
    if (bufferedBytes > 0) {
      this.kept = message;
      return [];
    }
    this.kept = null;
    return [message];
  }

  /** The messages to send now, for anything that must not be lost. */
  pass(message: T): T[] {
    return [...this.flush(), message];
  }

  /** What was kept, now that the channel is free. */
  flush(): T[] {
    const kept = this.kept;
    this.kept = null;
    return kept === null ? [] : [kept];
  }

  isHolding(): boolean {
    return this.kept !== null;
  }

  clear(): void {
    this.kept = null;
  }
}
