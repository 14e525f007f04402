/**
 * Keeps the pointer's and the head's moves from queueing up behind a slow network: while the channel still holds bytes, only the latest
 * of each is kept. Everything else passes at once, after what was kept, so that a click lands where the pointer is. Pure.
 */

export class MotionGate<T> {
  private readonly kept = new Map<number, T>();

  /** The messages to send now, for a move of this kind that came while the channel held `bufferedBytes`. */
  move(kind: number, message: T, bufferedBytes: number): T[] {
    if (bufferedBytes > 0) {
      this.kept.set(kind, message);
      return [];
    }
    this.kept.delete(kind);
    return [message];
  }

  /** The messages to send now, for anything that must not be lost. */
  pass(message: T): T[] {
    return [...this.flush(), message];
  }

  /** What was kept, now that the channel is free. */
  flush(): T[] {
    const kept = [...this.kept.values()];
    this.kept.clear();
    return kept;
  }

  isHolding(): boolean {
    return this.kept.size > 0;
  }

  clear(): void {
    this.kept.clear();
  }
}
