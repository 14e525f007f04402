/**
 * Shows the desktop's pointer, as `cursor` decides it: as the mouse's own pointer over the picture, and as an image above it. What
 * comes from the seat ends in a canvas, never in markup. Main thread.
 */

import {
  bytesOf,
  type CursorMessage,
  type CursorShape,
  cursorSize,
  type Hand,
  LED_AFTER_MS,
  Lead,
  overlayRect,
  type Place,
  whoDraws,
} from "./cursor";
import { type Rect, type Size, toPicture } from "./letterbox";

export interface CursorOutlet {
  /** Where the picture lies now; null while there is none. */
  pictureRect(): Rect | null;
  /** The desktop's size. */
  picture(): Size | null;
  isPlayer(): boolean;
}

interface Held {
  shape: CursorShape;
  bitmap: ImageBitmap | null;
  /** The mouse's pointer made of it, and for what it was made. */
  style: string;
  styleFor: string;
}

export class CursorView {
  private readonly overlay = document.createElement("canvas");
  private readonly slots = new Map<number, Held>();
  private readonly lead = new Lead();
  private readonly hostSize = new ResizeObserver(() => this.refresh());
  private drawn: CursorMessage["drawn"] = "picture";
  private current: Held | null = null;
  private painted: Held | null = null;
  private place: Place | null = null;
  private hand: Hand = "away";
  private ledTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: HTMLElement,
    private readonly outlet: CursorOutlet,
    signal: AbortSignal,
  ) {
    this.overlay.className = "dillinger-cursor";
    this.overlay.hidden = true;
    host.append(this.overlay);
    host.addEventListener("pointermove", (event) => this.moved(event), { signal });
    host.addEventListener("pointerdown", (event) => this.moved(event), { signal });
    host.addEventListener("pointerleave", () => this.left(), { signal });
    document.addEventListener("pointerlockchange", () => this.refresh(), { signal });
    this.hostSize.observe(host);
  }

  /** Another conversation with a seat: nothing of the last one holds. */
  restarted(): void {
    for (const held of this.slots.values()) held.bitmap?.close();
    this.slots.clear();
    [this.drawn, this.current, this.place] = ["picture", null, null];
    this.refresh();
  }

  told(message: CursorMessage): void {
    const { drawn, slot, shape } = message;
    if (typeof slot === "number" && shape) this.hold(slot, shape);
    this.drawn = drawn;
    this.current = typeof slot === "number" ? (this.slots.get(slot) ?? null) : null;
    this.refresh();
  }

  toldPlace(place: Place): void {
    this.place = place;
    this.lead.toldOf(place);
    this.refresh();
  }

  /** Who plays, or where the picture lies, has changed. */
  refresh(): void {
    const { host, current } = this;
    const { isOwn, isOverlay } = whoDraws({
      drawn: current ? this.drawn : "nothing",
      isPlayer: this.outlet.isPlayer(),
      isLocked: document.pointerLockElement === host,
      hand: this.hand,
      isLed: this.lead.isLed(performance.now()),
    });
    const style = (isOwn && current && this.style(current)) || "";
    if (style !== host.style.cursor) host.style.cursor = style;
    this.showOverlay(isOverlay ? current : null);
  }

  close(): void {
    clearTimeout(this.ledTimer);
    this.hostSize.disconnect();
    this.restarted();
    this.overlay.remove();
  }

  private hold(slot: number, shape: CursorShape): void {
    this.slots.get(slot)?.bitmap?.close();
    const held: Held = { shape, bitmap: null, style: "", styleFor: "" };
    this.slots.set(slot, held);
    const bytes = bytesOf(shape.png);
    if (bytes) void this.decode(held, new Blob([bytes], { type: "image/png" }));
  }

  private async decode(held: Held, png: Blob): Promise<void> {
    const bitmap = await createImageBitmap(png).catch(() => null);
    if (![...this.slots.values()].includes(held)) return bitmap?.close();
    held.bitmap = bitmap;
    if (held === this.current) this.refresh();
  }

  private moved(event: PointerEvent): void {
    this.hand = event.pointerType === "mouse" ? "mouse" : "other";
    const { rect, picture } = this.seen();
    const at = rect && toPicture(rect, event.clientX, event.clientY);
    if (this.hand === "mouse" && at && picture) {
      const place = { x: (at.x / 65_535) * (picture.width - 1), y: (at.y / 65_535) * (picture.height - 1) };
      this.lead.moved(place, performance.now());
      clearTimeout(this.ledTimer);
      this.ledTimer = setTimeout(() => this.refresh(), LED_AFTER_MS + 10);
    } else {
      this.lead.clear();
    }
    this.refresh();
  }

  private left(): void {
    if (this.hand !== "mouse") return; // a finger that was lifted leaves the pointer where it was
    this.hand = "away";
    this.lead.clear();
    this.refresh();
  }

  private seen(): { rect: Rect | null; picture: Size | null } {
    return { rect: this.outlet.pictureRect(), picture: this.outlet.picture() };
  }

  /** The mouse's pointer in the size that the picture has now; empty while there is no image of it. */
  private style(held: Held): string {
    const { rect, picture } = this.seen();
    const { bitmap, shape } = held;
    if (!bitmap || !rect || !picture || rect.width <= 0) return "";
    const isSquare = this.host.dataset.pixels === "large";
    const scale = rect.width / picture.width;
    const styleFor = `${scale} ${devicePixelRatio} ${isSquare}`;
    if (styleFor === held.styleFor) return held.style;
    const { width, height, hotX, hotY, ratio } = cursorSize(shape, scale, devicePixelRatio);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    if (!context) return "";
    context.imageSmoothingEnabled = !isSquare;
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    const url = `url("${canvas.toDataURL("image/png")}")`;
    const image = ratio === 1 ? url : `image-set(${url} ${ratio}x)`;
    held.styleFor = styleFor;
    // As the browser writes it, so that it can be compared.
    canvas.style.cursor = `${image} ${hotX} ${hotY}, default`;
    held.style = canvas.style.cursor;
    return held.style;
  }

  private showOverlay(held: Held | null): void {
    const { overlay, place } = this;
    const { rect, picture } = this.seen();
    overlay.hidden = !held?.bitmap || !place || !rect || !picture;
    if (!held?.bitmap || !place || !rect || !picture) return;
    if (this.painted !== held) this.paint(held, held.bitmap);
    const corner = this.host.getBoundingClientRect();
    const at = overlayRect(held.shape, place, rect, picture, { x: corner.left, y: corner.top });
    overlay.style.transform = `translate(${at.left}px, ${at.top}px)`;
    overlay.style.width = `${at.width}px`;
    overlay.style.height = `${at.height}px`;
  }

  private paint(held: Held, bitmap: ImageBitmap): void {
    const { overlay } = this;
    [overlay.width, overlay.height] = [held.shape.width_px, held.shape.height_px];
    overlay.getContext("2d")?.drawImage(bitmap, 0, 0);
    this.painted = held;
  }
}
