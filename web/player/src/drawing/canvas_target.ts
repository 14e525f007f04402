/** Draws what changed of each frame on the page's canvas, by the way that is quickest here: for browsers whose tracks can't be written to. */

import { type Box, evenBox, scaledBox } from "../media";
import type { Pixels } from "../pixels";
import { type CanvasWayName, type Context2d, contextOf, type DrawingWay } from "./base";
import { measureWays, quickest, wayOf } from "./choose";
import type { Picture, Target } from "./target";

export class CanvasTarget implements Target {
  private way: DrawingWay | null = null;
  private context: Context2d | null = null;
  private codedWidth = 0;

  constructor(private readonly canvas: OffscreenCanvas) {}

  get name(): CanvasWayName | null {
    return this.way?.name ?? null;
  }

  async show({ frame, desktop, coded, box }: Picture): Promise<void> {
    const way = this.way ?? (await this.prepare(frame));
    const { canvas } = this;
    const isResized = canvas.width !== desktop.width || canvas.height !== desktop.height;
    if (isResized) {
      canvas.width = desktop.width;
      canvas.height = desktop.height;
    }
    const isWhole = isResized || coded.width !== this.codedWidth;
    this.codedWidth = coded.width;
    const drawn = isWhole ? { x: 0, y: 0, ...coded } : evenBox(box, coded.width, coded.height);
    if (drawn.width < 1 || drawn.height < 1) return;
    if (coded.width === desktop.width && coded.height === desktop.height) await way.draw(frame, drawn);
    else await way.drawScaled(frame, ...scaledBox(drawn, coded, desktop));
  }

  /** A canvas keeps what was drawn. */
  async again(): Promise<void> {}

  async read(box: Box): Promise<Pixels | null> {
    if (!this.context || box.width < 1 || box.height < 1) return null;
    if (this.name === "copy_to") return this.context.getImageData(box.x, box.y, box.width, box.height).data;
    // Reading from a canvas on the GPU would make the browser move it off the GPU: read from a copy.
    const copy = new OffscreenCanvas(box.width, box.height).getContext("2d", { willReadFrequently: true });
    if (!copy) return null;
    copy.drawImage(this.canvas, box.x, box.y, box.width, box.height, 0, 0, box.width, box.height);
    return copy.getImageData(0, 0, box.width, box.height).data;
  }

  private async prepare(frame: VideoFrame): Promise<DrawingWay> {
    const name = quickest(await measureWays(frame));
    this.context = contextOf(this.canvas, name);
    this.way = wayOf(name, this.context);
    return this.way;
  }
}
