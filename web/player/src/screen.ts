/**
 * The worker's canvas: shows each decoded frame at once, one at a time. When frames come faster than they can be drawn, the newest
 * wins, and its box grows by what the skipped ones had changed.
 */

import { contextOf, type DrawingWay, type WayName } from "./drawing/base";
import { measureWays, quickest, wayOf } from "./drawing/choose";
import type { Size } from "./letterbox";
import { type Box, evenBox, scaledBox, union } from "./media";

export interface FrameFacts {
  sequence: number;
  capturedAtUs: number;
  receivedAtMs: number;
  decodedAtMs: number;
  /** Of what is shown: the desktop. */
  widthPx: number;
  heightPx: number;
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
  private way: DrawingWay | null = null;
  private context: OffscreenCanvasRenderingContext2D | null = null;
  private waiting: Waiting | null = null;
  private isBusy = false;
  private codedWidth = 0;

  constructor(
    private readonly canvas: OffscreenCanvas,
    private readonly onShown: (frame: ShownFrame) => void,
    private readonly onFault: (error: unknown) => void,
  ) {}

  get wayName(): WayName | null {
    return this.way?.name ?? null;
  }

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
    const way = this.way ?? (await this.prepare(frame));
    const { widthPx, heightPx, coded } = facts;
    let isWhole = facts.isWhole || coded.width !== this.codedWidth;
    this.codedWidth = coded.width;
    if (this.canvas.width !== widthPx || this.canvas.height !== heightPx) {
      this.canvas.width = widthPx;
      this.canvas.height = heightPx;
      isWhole = true;
    }
    const all = { x: 0, y: 0, ...coded };
    const box = isWhole ? all : evenBox(facts.box, coded.width, coded.height);
    const start = performance.now();
    if (box.width > 0 && box.height > 0) {
      if (coded.width === widthPx && coded.height === heightPx) await way.draw(frame, box);
      else await way.drawScaled(frame, ...scaledBox(box, coded, { width: widthPx, height: heightPx }));
    }
    const end = performance.now();
    this.onShown({ ...facts, drawMs: end - start, shownAtMs: end });
  }

  private async prepare(frame: VideoFrame): Promise<DrawingWay> {
    const name = quickest(await measureWays(frame));
    this.context = contextOf(this.canvas, name);
    this.way = wayOf(name, this.context);
    return this.way;
  }

  /** RGBA of a box of the picture that is shown now; outside of it transparent black. */
  read(box: Box): ImageData | null {
    if (!this.context || box.width < 1 || box.height < 1) return null;
    if (this.way?.name === "copy_to") return this.context.getImageData(box.x, box.y, box.width, box.height);
    // Reading from a canvas on the GPU would make the browser move it off the GPU: read from a copy.
    const copy = new OffscreenCanvas(box.width, box.height).getContext("2d", { willReadFrequently: true });
    if (!copy) return null;
    copy.drawImage(this.canvas, box.x, box.y, box.width, box.height, 0, 0, box.width, box.height);
    return copy.getImageData(0, 0, box.width, box.height);
  }
}
