/**
 * Touch as a pointer, sans-IO: fingers in, pointer acts out. Times are arguments.
 *
 * Tap = click. A finger that moves, or rests for 300 ms, presses the left button and drags. Two fingers: tap = right click,
 * moving together = wheel.
 */

const SLOP_PX = 8;
export const HOLD_MS = 300;
const TWO_FINGER_TAP_MS = 350;
/** Fingers' way on the glass for one notch of the wheel. */
const PX_PER_NOTCH = 40;

export type TouchAct =
  | { type: "move"; x: number; y: number }
  | { type: "press"; button: number }
  | { type: "release"; button: number }
  | { type: "wheel"; dx: number; dy: number };

type Phase = "none" | "touching" | "dragging" | "two" | "over";

interface Finger {
  x: number;
  y: number;
  startX: number;
  startY: number;
}

export class TouchGesture {
  private readonly fingers = new Map<number, Finger>();
  private phase: Phase = "none";
  private startedAtMs = 0;
  private hasScrolled = false;

  down(id: number, x: number, y: number, nowMs: number): TouchAct[] {
    this.fingers.set(id, { x, y, startX: x, startY: y });
    if (this.fingers.size === 1) {
      this.phase = "touching";
      this.startedAtMs = nowMs;
      return [{ type: "move", x, y }];
    }
    if (this.fingers.size === 2 && this.phase === "touching") {
      this.phase = "two";
      this.startedAtMs = nowMs;
      this.hasScrolled = false;
    }
    return [];
  }

  move(id: number, x: number, y: number): TouchAct[] {
    const finger = this.fingers.get(id);
    if (!finger) return [];
    const dx = x - finger.x;
    const dy = y - finger.y;
    const isFar = Math.hypot(x - finger.startX, y - finger.startY) > SLOP_PX;
    if (this.phase === "touching" && !isFar) return [];
    if (this.phase === "two" && !isFar && !this.hasScrolled) return [];
    finger.x = x;
    finger.y = y;
    if (this.phase === "touching") {
      this.phase = "dragging";
      return [
        { type: "press", button: 1 },
        { type: "move", x, y },
      ];
    }
    if (this.phase === "dragging") return [{ type: "move", x, y }];
    if (this.phase !== "two") return [];
    this.hasScrolled = true;
    // Each of the two fingers brings half of the way; content follows the fingers, so the wheel turns against them.
    const scale = -120 / PX_PER_NOTCH / 2;
    return [{ type: "wheel", dx: dx * scale, dy: dy * scale }];
  }

  /** Called when a finger has rested for `HOLD_MS`. */
  hold(nowMs: number): TouchAct[] {
    if (this.phase !== "touching" || nowMs - this.startedAtMs < HOLD_MS) return [];
    this.phase = "dragging";
    return [{ type: "press", button: 1 }];
  }

  up(id: number, nowMs: number): TouchAct[] {
    if (!this.fingers.delete(id)) return [];
    const phase = this.phase;
    const isLast = this.fingers.size === 0;
    if (phase === "two" && !isLast) {
      this.phase = "over";
      const isTap = !this.hasScrolled && nowMs - this.startedAtMs < TWO_FINGER_TAP_MS;
      return isTap ? click(3) : [];
    }
    if (isLast) this.phase = "none";
    if (phase === "touching") return click(1);
    if (phase === "dragging" && isLast) return [{ type: "release", button: 1 }];
    return [];
  }

  cancel(): TouchAct[] {
    const wasDragging = this.phase === "dragging";
    this.fingers.clear();
    this.phase = "none";
    return wasDragging ? [{ type: "release", button: 1 }] : [];
  }
}

function click(button: number): TouchAct[] {
  return [
    { type: "press", button },
    { type: "release", button },
  ];
}
