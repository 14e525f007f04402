/**
 * Hands each frame to a track whose video element shows it. The browser's compositor takes it from there as it is: nothing is
 * converted or drawn by the page. Beside the canvas, without a GPU and at 720p60, two thirds of the browser's work.
 */

import type { Box } from "../media";
import { framePixels, type Pixels } from "../pixels";
import type { Picture, Target } from "./target";

export class TrackTarget implements Target {
  readonly name = "track";
  private readonly writer: WritableStreamDefaultWriter<VideoFrame>;
  private last: VideoFrame | null = null;
  private widthPx = 0;

  constructor(frames: WritableStream<VideoFrame>) {
    this.writer = frames.getWriter();
  }

  async show({ frame, desktop }: Picture): Promise<void> {
    this.last?.close();
    this.last = frame.clone();
    this.widthPx = desktop.width;
    await this.again();
  }

  async again(): Promise<void> {
    const frame = this.last?.clone();
    if (!frame) return;
    try {
      await this.writer.write(frame); // whoever takes it out of the track closes it
    } catch (error) {
      frame.close(); // the track has ended
      throw error;
    }
  }

  async read(box: Box): Promise<Pixels | null> {
    const frame = this.last?.clone();
    if (!frame || box.width < 1 || box.height < 1) return null;
    return framePixels(frame, box, this.widthPx).finally(() => frame.close());
  }
}
