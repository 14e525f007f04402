/**
 * When sound is played, waited for, or skipped: the adaptive jitter buffer's judgement, pure. Counts are sample frames at 48 kHz.
 *
 * It waits until `target` is there, then plays. Running dry raises the target (the network needs more); ten good seconds
 * lower it again. Sound comes and is fetched in lumps, so what lies there swings: what was never needed in two seconds,
 * but for a margin, is skipped. Sound that came late would stay late for ever.
 */

const RATE = 48_000;
export const MIN_TARGET = RATE * 0.03;
export const MAX_TARGET = RATE * 0.12;
const STEP_UP = RATE * 0.01;
const STEP_DOWN = RATE * 0.005;
const CALM = RATE * 10;
const SURPLUS_SPAN = RATE * 2;
const SLACK = RATE * 0.004;
/** So much of the target is for the swing; the rest is the margin that stays when least lies there. */
const SWING = RATE * 0.025;
/** More than this is never worth keeping: the page was asleep, or the context was suspended. */
const HOPELESS = RATE * 0.25;
/** A gap longer than this is silence that the seat did not send, not a late network. */
const PAUSE = RATE * 0.2;

export interface Verdict {
  /** Sample frames to throw away first. */
  skip: number;
  /** Sample frames to play; the rest of the quantum is silence. */
  play: number;
}

export class JitterBuffer {
  target = RATE * 0.04;
  private isFilling = true;
  private dryFor = 0;
  private hasRunDry = false;
  private calmFor = 0;
  private surplusFor = 0;
  private leastLeft = Number.POSITIVE_INFINITY;

  /** What to do with `available` sample frames when `wanted` are to be played now. */
  next(available: number, wanted: number): Verdict {
    if (this.isFilling) return this.fill(available, wanted);
    if (available < wanted) {
      this.isFilling = true;
      this.hasRunDry = true;
      this.dryFor = 0;
      this.restartSurplus();
      return { skip: 0, play: available };
    }
    this.calm(wanted);
    const skip = this.surplus(available, wanted);
    return { skip, play: wanted };
  }

  private fill(available: number, wanted: number): Verdict {
    if (available < this.target) {
      this.dryFor += wanted;
      return { skip: 0, play: 0 };
    }
    if (this.hasRunDry && this.dryFor < PAUSE) this.target = Math.min(MAX_TARGET, this.target + STEP_UP);
    this.hasRunDry = false;
    this.isFilling = false;
    this.calmFor = 0;
    const skip = available > HOPELESS ? Math.floor(available - this.target) : 0;
    return { skip, play: Math.min(wanted, available - skip) };
  }

  private calm(wanted: number): void {
    this.calmFor += wanted;
    if (this.calmFor < CALM) return;
    this.calmFor = 0;
    this.target = Math.max(MIN_TARGET, this.target - STEP_DOWN);
  }

  private surplus(available: number, wanted: number): number {
    if (available > HOPELESS) {
      this.restartSurplus();
      return Math.floor(available - this.target);
    }
    this.leastLeft = Math.min(this.leastLeft, available - wanted);
    this.surplusFor += wanted;
    if (this.surplusFor < SURPLUS_SPAN) return 0;
    const surplus = Math.floor(this.leastLeft - (this.target - SWING));
    this.restartSurplus();
    return surplus > SLACK ? surplus : 0;
  }

  private restartSurplus(): void {
    this.surplusFor = 0;
    this.leastLeft = Number.POSITIVE_INFINITY;
  }
}
