/**
 * The two places where a picture can be: what shows the worker's frames, and the WebRTC video element, one above the other in the host. The
 * old one stays until the new one has a picture, so that a change of transport does not flash. Main thread.
 *
 * The worker's frames are shown by a video element too, out of a track that the worker writes to (Chromium); elsewhere by a canvas that it
 * draws on.
 */

import { hasLargePixels, letterbox, type Rect, type Size } from "./letterbox";
import type { VideoConfig } from "./signal";

export type Surface = "frames" | "rtc";

export interface VideoFrameShown {
  atMs: number;
  rtpTimestamp: number | null;
  processingMs: number | null;
}

/** https://www.w3.org/TR/mediacapture-transform/ in the form that Chromium has. */
interface TrackGenerator extends MediaStreamTrack {
  readonly writable: WritableStream<VideoFrame>;
}

declare global {
  var MediaStreamTrackGenerator: (new (init: { kind: "video" }) => TrackGenerator) | undefined;
}

const AGAIN_MS = 50;

function videoElement(): HTMLVideoElement {
  const video = document.createElement("video");
  video.className = "dillinger-surface";
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  return video;
}

function play(video: HTMLVideoElement, stream: MediaStream): void {
  video.srcObject = stream;
  video.hidden = false;
  video.play().catch(() => undefined); // a muted element may always play; a newer stream interrupts an older
}

/** Its tracks end too: what still comes is thrown away instead of waiting for an element. */
function forget(video: HTMLVideoElement): void {
  if (video.srcObject instanceof MediaStream) for (const track of video.srcObject.getTracks()) track.stop();
  video.srcObject = null;
}

export interface SurfaceEvents {
  /** WebRTC's element has shown a frame. */
  onVideoFrame(frame: VideoFrameShown): void;
  onPicture(): void;
  /** The worker's last frame has not been seen yet. */
  onMissed(): void;
}

export class Surfaces {
  private readonly frames = globalThis.MediaStreamTrackGenerator ? videoElement() : document.createElement("canvas");
  private readonly rtc = videoElement();
  shown: Surface | null = null;
  private framesSize: Size | null = null;
  /** Of the frame that is shown; the element's own `videoWidth` may be a frame behind. */
  private rtcSize: Size | null = null;
  /** What pictures of the seat are pictures of, where that is larger than they are. */
  private scaled: { coded: Size; desktop: Size } | null = null;
  private callback: number | null = null;
  private missedTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly hostSize = new ResizeObserver(() => this.sharpen());
  private readonly ends = new AbortController();

  constructor(
    private readonly host: HTMLElement,
    private readonly events: SurfaceEvents,
  ) {
    this.frames.className = "dillinger-surface";
    this.rtc.hidden = true;
    this.frames.hidden = true;
    host.append(this.frames, this.rtc);
    this.hostSize.observe(host);
    const { signal } = this.ends;
    // A page in the background may show nothing, and a picture that stands still brings no other frame.
    document.addEventListener("visibilitychange", () => document.hidden || this.events.onMissed(), { signal });
  }

  /** What the worker shows its frames on; to be asked for once. */
  transfer(): OffscreenCanvas | WritableStream<VideoFrame> {
    const { frames } = this;
    const Generator = globalThis.MediaStreamTrackGenerator;
    if (frames instanceof HTMLCanvasElement || !Generator) {
      return (frames as HTMLCanvasElement).transferControlToOffscreen();
    }
    const track = new Generator({ kind: "video" });
    play(frames, new MediaStream([track]));
    frames.addEventListener("pause", () => void frames.play().catch(() => undefined), { signal: this.ends.signal });
    return track.writable;
  }

  /** How many of the worker's frames its element has shown; null where it is not a video. */
  get framesPresented(): number | null {
    if (!(this.frames instanceof HTMLVideoElement)) return null;
    const { totalVideoFrames, droppedVideoFrames } = this.frames.getVideoPlaybackQuality();
    return totalVideoFrames - droppedVideoFrames;
  }

  /** The size of what the picture shows: the desktop's. */
  get picture(): Size | null {
    if (this.shown === "frames") return this.framesSize;
    if (this.shown !== "rtc") return null;
    const isScaled = this.rtcSize !== null && this.rtcSize.width === this.scaled?.coded.width;
    return isScaled ? (this.scaled?.desktop ?? null) : this.rtcSize;
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

  /** The worker has shown a frame of this size on its surface. */
  framesDrawn(size: Size): void {
    this.framesSize = size;
    this.show("frames");
    this.ensureSeen();
  }

  /** Plays a stream, below the frames until its first picture: a hidden element would tell of no frames. */
  play(stream: MediaStream): void {
    play(this.rtc, stream);
    this.await();
  }

  show(surface: Surface): void {
    const hasChanged = this.shown !== surface;
    this.shown = surface;
    const [on, off] = surface === "frames" ? [this.frames, this.rtc] : [this.rtc, this.frames];
    on.hidden = false;
    on.dataset.shown = "";
    delete off.dataset.shown;
    if (hasChanged || surface === "frames") this.changed();
  }

  /** The frame that WebRTC's element shows now; whoever takes it closes it. */
  videoFrame(): VideoFrame | null {
    if (this.rtc.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
    const frame = new VideoFrame(this.rtc);
    this.resized(frame.displayWidth, frame.displayHeight);
    return frame;
  }

  close(): void {
    this.ends.abort();
    clearTimeout(this.missedTimer);
    if (this.callback !== null) this.rtc.cancelVideoFrameCallback(this.callback);
    this.hostSize.disconnect();
    for (const element of [this.frames, this.rtc]) {
      if (element instanceof HTMLVideoElement) forget(element);
      element.remove();
    }
  }

  /** A frame that came before the element was ready is lost to it. */
  private ensureSeen(): void {
    clearTimeout(this.missedTimer);
    const { frames } = this;
    if (!(frames instanceof HTMLVideoElement) || frames.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.missedTimer = setTimeout(() => {
      this.events.onMissed();
      this.ensureSeen();
    }, AGAIN_MS);
  }

  private resized(width: number, height: number): void {
    if (this.rtcSize?.width === width && this.rtcSize.height === height) return;
    this.rtcSize = { width, height };
    if (this.shown === "rtc") this.changed();
  }

  private changed(): void {
    this.sharpen();
    this.events.onPicture();
  }

  private sharpen(): void {
    const { picture, rect } = this;
    const isLarge = picture !== null && rect !== null && hasLargePixels(picture, rect, devicePixelRatio);
    this.host.dataset.pixels = isLarge ? "large" : "small";
  }

  private await(): void {
    if (this.callback !== null) this.rtc.cancelVideoFrameCallback(this.callback);
    this.callback = this.rtc.requestVideoFrameCallback((now, metadata) => {
      this.callback = null;
      this.resized(metadata.width, metadata.height);
      this.events.onVideoFrame({
        atMs: now,
        rtpTimestamp: metadata.rtpTimestamp ?? null,
        processingMs: metadata.processingDuration === undefined ? null : metadata.processingDuration * 1000,
      });
      this.await();
    });
  }
}
