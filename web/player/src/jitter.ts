/**
 * When sound is played, waited for, skipped or stretched: the adaptive jitter buffer's judgement, pure. Counts are sample frames at 48 kHz.
 *
 * Sound comes and is fetched in lumps, so what lies there swings. What counts is the least that lies there: `margin` of it is kept
 * against what comes late. Running dry raises the margin (the network needs more). What was not touched of it for a good while is given
 * up again, a longer while each time that this was too early. Of two seconds' least, what is more than the margin is skipped: sound that
 * came late would stay late for ever. What is less is stretched a little before it runs dry: the two clocks never agree.
 */

const RATE = 48_000;
export const LEAST_MARGIN = RATE * 0.004;
export const MOST_MARGIN = RATE * 0.095;
const FIRST_MARGIN = RATE * 0.012;
const STEP_UP = RATE * 0.005;
const MOST_STEP_UP = RATE * 0.03;
/** Of what was not needed, so much is given up at once. */
const SHARE_DOWN = 0.75;
const FIRST_CALM = RATE * 4;
const MOST_CALM = RATE * 60;
const SPAN = RATE * 2;
const SLACK = RATE * 0.002;
/** Sound comes in packets of this length. */
const PACKET = RATE * 0.01;
/** What is played once more where less than half of the margin was left. */
const STRETCH = RATE * 0.003;
const STRETCH_AGAIN = RATE * 0.1;
/** More than this is never worth keeping: the page was asleep, or the context was suspended. */
const HOPELESS = RATE * 0.25;
/** A gap longer than this is silence that the seat did not send, not a late network. */
const PAUSE = RATE * 0.2;

export interface Verdict {
  /** Sample frames to throw away first; below zero, to play once more. */
  skip: number;
  /** Sample frames to play; the rest of the quantum is silence. */
  play: number;
}

export class JitterBuffer {
  margin = FIRST_MARGIN;
  /** How often it ran dry while sound was on its way. */
  gaps = 0;
  private isFilling = true;
  private dryFor = 0;
  private emptyFor = 0;
  private hasRunDry = false;
  private calmFor = 0;
  private calmNeeded = FIRST_CALM;
  private calmLeast = Number.POSITIVE_INFINITY;
  private hasLowered = false;
  private spanFor = 0;
  private sinceStretch = 0;
  private leastLeft = Number.POSITIVE_INFINITY;

  /** `lump` is fetched at once. */
  constructor(private readonly lump = RATE * 0.01) {}

  /** So much lies there when playing begins: what swings, and the margin. */
  get target(): number {
    return this.margin + this.lump + PACKET;
  }

  /** What to do with `available` sample frames when `wanted` are to be played now. */
  next(available: number, wanted: number): Verdict {
    if (this.isFilling) return this.fill(available, wanted);
    if (available < wanted) {
      this.isFilling = true;
      this.hasRunDry = true;
      this.dryFor = 0;
      this.emptyFor = 0;
      this.restartSpan();
      return { skip: 0, play: available };
    }
    this.calm(available - wanted, wanted);
    return { skip: this.correction(available, wanted), play: wanted };
  }

  private fill(available: number, wanted: number): Verdict {
    if (available < this.target) {
      this.dryFor += wanted;
      if (available < wanted) this.emptyFor += wanted;
      return { skip: 0, play: 0 };
    }
    if (this.hasRunDry && this.dryFor < PAUSE) this.ranDry();
    this.hasRunDry = false;
    this.isFilling = false;
    this.calmFor = 0;
    this.calmLeast = Number.POSITIVE_INFINITY;
    const skip = available > HOPELESS ? Math.floor(available - this.target) : 0;
    return { skip, play: Math.min(wanted, available - skip) };
  }

  private ranDry(): void {
    this.gaps += 1;
    const missing = Math.min(MOST_STEP_UP, Math.max(STEP_UP, this.emptyFor));
    this.margin = Math.min(MOST_MARGIN, this.margin + missing);
    if (this.hasLowered) this.calmNeeded = Math.min(MOST_CALM, this.calmNeeded * 2);
    this.hasLowered = false;
  }

  private calm(left: number, wanted: number): void {
    this.calmFor += wanted;
    this.calmLeast = Math.min(this.calmLeast, left);
    if (this.calmFor < this.calmNeeded) return;
    const unneeded = Math.min(this.calmLeast, this.margin) - LEAST_MARGIN;
    this.calmFor = 0;
    this.calmLeast = Number.POSITIVE_INFINITY;
    if (unneeded <= 0) return;
    this.hasLowered = true;
    this.margin -= unneeded * SHARE_DOWN;
  }

  private correction(available: number, wanted: number): number {
    if (available > HOPELESS) {
      this.restartSpan();
      return Math.floor(available - this.target);
    }
    const left = available - wanted;
    this.leastLeft = Math.min(this.leastLeft, left);
    this.spanFor += wanted;
    this.sinceStretch += wanted;
    if (left < this.margin / 2 && this.sinceStretch >= STRETCH_AGAIN) {
      this.sinceStretch = 0;
      this.restartSpan();
      return -STRETCH;
    }
    if (this.spanFor < SPAN) return 0;
    const surplus = Math.floor(this.leastLeft - this.margin);
    this.restartSpan();
    return surplus > SLACK ? surplus : 0;
  }

  private restartSpan(): void {
    this.spanFor = 0;
    this.leastLeft = Number.POSITIVE_INFINITY;
  }
}
