/**
 * The two places where a picture can be: the worker's canvas and the WebRTC video element, one above the other in the host. The old one
 * stays until the new one has a picture, so that a change of transport does not flash. Main thread.
 */

import { hasLargePixels, letterbox, type Rect, type Size } from "./letterbox";
import type { VideoConfig } from "./signal";

export type Surface = "canvas" | "video";

export interface VideoFrameShown {
  atMs: number;
  rtpTimestamp: number | null;
  processingMs: number | null;
}

export class Surfaces {
  readonly canvas = document.createElement("canvas");
  readonly video = document.createElement("video");
  shown: Surface | null = null;
  private canvasSize: Size | null = null;
  /** Of the frame that is shown; the element's own `videoWidth` may be a frame behind. */
  private videoSize: Size | null = null;
  /** What pictures of the seat are pictures of, where that is larger than they are. */
  private scaled: { coded: Size; desktop: Size } | null = null;
  private callback: number | null = null;
  private readonly hostSize = new ResizeObserver(() => this.sharpen());

  constructor(
    private readonly host: HTMLElement,
    private readonly onVideoFrame: (frame: VideoFrameShown) => void,
    private readonly onPicture: () => void,
  ) {
    this.canvas.className = "dillinger-surface";
    this.video.className = "dillinger-surface";
    this.video.muted = true;
    this.video.autoplay = true;
    this.video.playsInline = true;
    this.video.disablePictureInPicture = true;
    this.video.hidden = true;
    this.canvas.hidden = true;
    host.append(this.canvas, this.video);
    this.hostSize.observe(host);
  }

  /** The size of what the picture shows: the desktop's. */
  get picture(): Size | null {
    if (this.shown === "canvas") return this.canvasSize;
    if (this.shown !== "video") return null;
    const isScaled = this.videoSize !== null && this.videoSize.width === this.scaled?.coded.width;
    return isScaled ? (this.scaled?.desktop ?? null) : this.videoSize;
  }

  configured(config: VideoConfig): void {
    const { desktop_width_px: width, desktop_height_px: height } = config;
    const coded = { width: config.width_px, height: config.height_px };
    this.scaled = width && height ? { coded, desktop: { width, height } } : null;
  }

  /** Where the picture lies on the page, without the bars beside it. */
  get rect(): Rect | null {
    const picture = this.picture;
    if (!picture) return null;
    const { left, top, width, height } = this.host.getBoundingClientRect();
    return letterbox({ left, top, width, height }, picture);
  }

  canvasDrawn(size: Size): void {
    this.canvasSize = size;
    this.show("canvas");
  }

  /** Plays a stream, below the canvas until its first frame: a hidden element would tell of no frames. */
  play(stream: MediaStream): void {
    this.video.srcObject = stream;
    this.video.hidden = false;
    this.video.play().catch(() => undefined); // a muted element may always play; a newer stream interrupts an older
    this.await();
  }

  show(surface: Surface): void {
    const hasChanged = this.shown !== surface;
    this.shown = surface;
    if (surface === "canvas") this.canvas.hidden = false;
    this.host.dataset.surface = surface;
    if (hasChanged || surface === "canvas") this.changed();
  }

  /** The frame that the video element shows now; whoever takes it closes it. */
  videoFrame(): VideoFrame | null {
    if (this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
    const frame = new VideoFrame(this.video);
    this.resized(frame.displayWidth, frame.displayHeight);
    return frame;
  }

  close(): void {
    if (this.callback !== null) this.video.cancelVideoFrameCallback(this.callback);
    this.hostSize.disconnect();
    this.video.srcObject = null;
    this.canvas.remove();
    this.video.remove();
  }

  private resized(width: number, height: number): void {
    if (this.videoSize?.width === width && this.videoSize.height === height) return;
    this.videoSize = { width, height };
    if (this.shown === "video") this.changed();
  }

  private changed(): void {
    this.sharpen();
    this.onPicture();
  }

  private sharpen(): void {
    const { picture, rect } = this;
    const isLarge = picture !== null && rect !== null && hasLargePixels(picture, rect, devicePixelRatio);
    this.host.dataset.pixels = isLarge ? "large" : "small";
  }

  private await(): void {
    if (this.callback !== null) this.video.cancelVideoFrameCallback(this.callback);
    this.callback = this.video.requestVideoFrameCallback((now, metadata) => {
      this.callback = null;
      this.resized(metadata.width, metadata.height);
      this.onVideoFrame({
        atMs: now,
        rtpTimestamp: metadata.rtpTimestamp ?? null,
        processingMs: metadata.processingDuration === undefined ? null : metadata.processingDuration * 1000,
      });
      this.await();
    });
  }
}
