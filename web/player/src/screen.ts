/**
 * Shows each decoded frame at once, one at a time. When frames come faster than they can be shown, the newest wins, and its box grows by
 * what the skipped ones had changed. The worker's.
 */

import type { Target } from "./drawing/target";
import type { Size } from "./letterbox";
import { type Box, union } from "./media";

export interface FrameFacts {
  sequence: number;
  capturedAtUs: number;
  receivedAtMs: number;
  decodedAtMs: number;
  /** Of what is shown. */
  desktop: Size;
  /** Of the picture, which may be smaller. */
  coded: Size;
  /** What changed of the picture since the frame before. */
  box: Box;
  /** The frame before is not this one's predecessor: all of it must be drawn. */
  isWhole: boolean;
}

export interface ShownFrame extends FrameFacts {
  drawMs: number;
  shownAtMs: number;
}

interface Waiting {
  frame: VideoFrame;
  facts: FrameFacts;
}

export class Screen {
  private waiting: Waiting | null = null;
  private isBusy = false;

  constructor(
    private readonly target: Target,
    private readonly onShown: (frame: ShownFrame) => void,
    private readonly onFault: (error: unknown) => void,
  ) {}

  show(frame: VideoFrame, facts: FrameFacts): void {
    if (this.waiting) {
      this.waiting.frame.close();
      const skipped = this.waiting.facts;
      facts = { ...facts, box: union(skipped.box, facts.box), isWhole: facts.isWhole || skipped.isWhole };
    }
    this.waiting = { frame, facts };
    if (!this.isBusy) void this.drain();
  }

  private async drain(): Promise<void> {
    this.isBusy = true;
    try {
      while (this.waiting) {
        const { frame, facts } = this.waiting;
        this.waiting = null;
        try {
          await this.draw(frame, facts);
        } finally {
          frame.close();
        }
      }
    } catch (error) {
      this.onFault(error);
    } finally {
      this.isBusy = false;
    }
  }

  private async draw(frame: VideoFrame, facts: FrameFacts): Promise<void> {
    const { desktop, coded } = facts;
    const box = facts.isWhole ? { x: 0, y: 0, ...coded } : facts.box;
    const start = performance.now();
    await this.target.show({ frame, desktop, coded, box });
    const end = performance.now();
    this.onShown({ ...facts, drawMs: end - start, shownAtMs: end });
  }
}
