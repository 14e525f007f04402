/**
 * Who has the mouse, as the game wants it: a game that has taken the pointer turns its view with the mouse, so a click into the
 * picture gives it the mouse; once it lets go, it gives back what a click gave. Pure.
 */

export class PointerGrab {
  /** Whether the game has hidden and grabbed its pointer; null until the seat tells. */
  private isTaken: boolean | null = null;
  /** The lock came by a click, not by the person's own button or shortcut: only such a one is given back. */
  private isByClick = false;
  private hasTold = false;

  /** A click into the picture gives the mouse to the game. */
  get takesClick(): boolean {
    return this.isTaken === true;
  }

  /** The mouse is held for a game that has no more use for it. */
  get isToRelease(): boolean {
    return this.isByClick && this.isTaken === false;
  }

  /** Another conversation began: what the last one told may have changed. */
  restarted(): void {
    this.isTaken = null;
  }

  told(isTaken: boolean): void {
    this.isTaken = isTaken;
  }

  clicked(): void {
    this.isByClick = true;
  }

  chosen(): void {
    this.isByClick = false;
  }

  /** The lock came or went; whether the person should be told now how to get out of it. */
  changed(isLocked: boolean): boolean {
    if (!isLocked) {
      this.isByClick = false;
      return false;
    }
    const isFirst = this.isByClick && !this.hasTold;
    this.hasTold ||= isFirst;
    return isFirst;
  }
}
