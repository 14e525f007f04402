/** The pointer's arithmetic: buttons, wheel units, and sums of small steps. Pure. */

/** DOM `MouseEvent.button` → X11 button number. */
const BUTTONS: Readonly<Record<number, number>> = { 0: 1, 1: 2, 2: 3, 3: 8, 4: 9 };

export function buttonNumber(domButton: number): number | null {
  return BUTTONS[domButton] ?? null;
}

export interface WheelTurn {
  deltaX: number;
  deltaY: number;
  deltaMode: number;
  wheelDeltaX?: number;
  wheelDeltaY?: number;
}

const UNITS_PER_LINE = 40;
const UNITS_PER_PAGE = 120;
const UNITS_PER_PIXEL = 1.2;

/**
 * One axis of a wheel event in units of 120 a notch, positive down and right. Browsers report a notch as 53, 100 or 120 pixels, or 3
 * lines; the old `wheelDelta` says 120 a notch wherever a wheel with notches turned.
 */
function wheelUnits(delta: number, mode: number, legacy: number | undefined): number {
  if (delta === 0) return 0;
  if (legacy !== undefined && legacy !== 0 && legacy % 120 === 0) return Math.abs(legacy) * Math.sign(delta);
  if (mode === 1) return delta * UNITS_PER_LINE;
  if (mode === 2) return delta * UNITS_PER_PAGE;
  return delta * UNITS_PER_PIXEL;
}

/** Collects fractions until there are whole units to send. */
export class WholeSteps {
  private restX = 0;
  private restY = 0;

  add(dx: number, dy: number): { dx: number; dy: number } | null {
    const x = this.restX + dx;
    const y = this.restY + dy;
    const whole = { dx: Math.trunc(x), dy: Math.trunc(y) };
    this.restX = x - whole.dx;
    this.restY = y - whole.dy;
    return whole.dx === 0 && whole.dy === 0 ? null : whole;
  }

  clear(): void {
    this.restX = 0;
    this.restY = 0;
  }
}

export function wheelTurn(event: WheelTurn): { dx: number; dy: number } {
  return {
    dx: wheelUnits(event.deltaX, event.deltaMode, event.wheelDeltaX),
    dy: wheelUnits(event.deltaY, event.deltaMode, event.wheelDeltaY),
  };
}
