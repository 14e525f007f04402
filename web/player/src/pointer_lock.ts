/** The mouse given to the game and back, as `pointer_grab` decides it: asks the browser. Main thread. */

import { PointerGrab } from "./pointer_grab";

export interface PointerLockOutlet {
  hasLock(): boolean;
  /** Whether the mouse is the game's at all now. */
  isEnabled(): boolean;
  /** The first time that a game takes it. */
  onFirstTaken(): void;
}

export class PointerLock {
  private readonly grab = new PointerGrab();

  constructor(
    private readonly host: HTMLElement,
    private readonly outlet: PointerLockOutlet,
    signal: AbortSignal,
  ) {
    document.addEventListener("pointerlockchange", () => this.changed(), { signal });
  }

  /** Relative moves, no visible edge. Rejects where the browser or its user refuses. */
  choose(): Promise<void> {
    this.grab.chosen();
    return this.request();
  }

  /** Whether this press was for the lock, and not for the game. */
  mousePressed(): boolean {
    if (!this.outlet.isEnabled() || !this.grab.takesClick) return false;
    this.grab.clicked();
    this.request().catch(() => undefined); // refused just after Esc, or by the user: the next click asks again
    return true;
  }

  /** Whether the game has taken the pointer. */
  told(isTaken: boolean): void {
    this.grab.told(isTaken);
    if (this.grab.isToRelease) this.release();
  }

  /** A new conversation with the seat. */
  restarted(): void {
    this.grab.restarted();
  }

  release(): void {
    if (this.outlet.hasLock()) document.exitPointerLock();
  }

  private changed(): void {
    const isFirst = this.grab.changed(this.outlet.hasLock());
    if (this.grab.isToRelease) this.release();
    if (isFirst) this.outlet.onFirstTaken();
  }

  private async request(): Promise<void> {
    this.host.focus({ preventScroll: true });
    try {
      await this.host.requestPointerLock({ unadjustedMovement: true });
    } catch (error) {
      if ((error as DOMException).name !== "NotSupportedError") throw error;
      await this.host.requestPointerLock();
    }
  }
}
