/**
 * The host's keyboard, pointer and touch, turned into input messages. Everything that decides is in keys, pointing and touch; this
 * only listens. Whatever takes the page away (blur, hiding, leaving) lets go of all that is held. Main thread.
 */

import {
  type Channel,
  encodeButton,
  encodeKey,
  encodeMove,
  encodeMoveBy,
  encodeReleaseAll,
  encodeText,
  encodeWheel,
  KEY_CODES,
  OPS,
  type Stamp,
} from "./input.gen";
import { type Capture, HeldKeys, isPaste, onKeyDown, type Shortcut } from "./keys";
import { type Rect, toPicture } from "./letterbox";
import { buttonNumber, WholeSteps, wheelTurn } from "./pointing";
import { HOLD_MS, type TouchAct, TouchGesture } from "./touch";
import type { Typed } from "./typing";

export interface InputOutlet {
  send(channel: Channel, bytes: Uint8Array<ArrayBuffer>): void;
  /** Where the picture lies now; null while there is none. */
  pictureRect(): Rect | null;
  onShortcut(shortcut: Shortcut): void;
  /** The paste key goes down; whether the browser shall see it too. */
  onPasteKey(): boolean;
  /** A mouse was pressed on the picture while the pointer is free; whether the mouse is asked for the game now. */
  onMousePressed(): boolean;
}

export class InputCapture {
  isEnabled = false;
  private readonly ends = new AbortController();
  private readonly keys = new HeldKeys();
  private readonly buttons = new Set<number>();
  private readonly wheel = new WholeSteps();
  private readonly steps = new WholeSteps();
  private readonly touch = new TouchGesture();
  private holdTimer: ReturnType<typeof setTimeout> | undefined;
  /** Messages that wait; null while none has to. */
  private waiting: Uint8Array<ArrayBuffer>[] | null = null;
  private readonly seq: Record<Channel, number> = { input: 0, motion: 0 };

  constructor(
    private readonly host: HTMLElement,
    private readonly outlet: InputOutlet,
  ) {
    const signal = this.ends.signal;
    host.tabIndex = 0;
    host.addEventListener("keydown", (event) => this.keyDown(event), { signal });
    window.addEventListener("keyup", (event) => this.keyUp(event), { signal, capture: true });
    // pointermove waits for the next refresh; the raw event comes as the hand moves, where the browser has it.
    const moves = "onpointerrawupdate" in host ? "pointerrawupdate" : "pointermove";
    host.addEventListener(moves, (event) => this.moved(event as PointerEvent), { signal });
    host.addEventListener("pointerdown", (event) => this.pressed(event), { signal });
    host.addEventListener("pointerup", (event) => this.lifted(event), { signal });
    // A second button while one is held makes no pointerdown, but always a mousedown.
    host.addEventListener("mousedown", (event) => this.mouseDown(event), { signal });
    host.addEventListener("mouseup", (event) => this.button(buttonNumber(event.button), false), { signal });
    host.addEventListener("pointercancel", (event) => this.cancelled(event), { signal });
    host.addEventListener("wheel", (event) => this.wheeled(event), { signal, passive: false });
    host.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    host.addEventListener("focusout", () => this.releaseAll(), { signal });
    window.addEventListener("blur", () => this.releaseAll(), { signal });
    window.addEventListener("pagehide", () => this.releaseAll(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden && this.releaseAll(), { signal });
    document.addEventListener("pointerlockchange", () => this.releaseAll(), { signal });
  }

  get hasPointerLock(): boolean {
    return document.pointerLockElement === this.host;
  }

  /** Lets go of everything that is held, here and at the seat. */
  releaseAll(): void {
    const hadKeys = this.keys.clear();
    const hadButtons = this.buttons.size > 0;
    this.buttons.clear();
    clearTimeout(this.holdTimer);
    this.touch.cancel();
    this.wheel.clear();
    this.steps.clear();
    if (hadKeys || hadButtons) this.say(encodeReleaseAll(this.stamp("input")));
  }

  /** Keys and buttons wait, in their order. */
  hold(): void {
    this.waiting ??= [];
  }

  /** What waited is sent. */
  release(): void {
    const waiting = this.waiting ?? [];
    this.waiting = null;
    for (const bytes of waiting) this.outlet.send("input", bytes);
  }

  /** Types what did not come from keys: strokes go down and up again. */
  type(typed: readonly Typed[]): void {
    if (!this.isEnabled) return;
    for (const one of typed) {
      if ("codePoint" in one) {
        this.say(encodeText(this.stamp("input"), one.codePoint));
        continue;
      }
      const keys = one.isShifted ? [KEY_CODES.ShiftLeft as number, one.key] : [one.key];
      for (const down of keys) this.say(encodeKey(this.stamp("input"), down, true));
      for (const up of keys.reverse()) this.say(encodeKey(this.stamp("input"), up, false));
    }
  }

  close(): void {
    this.releaseAll();
    this.ends.abort();
  }

  /** What the next message of `channel` starts with. */
  stamp(channel: Channel): Stamp {
    this.seq[channel] = (this.seq[channel] + 1) & 0xffff;
    return { seq: this.seq[channel], clientTimeMs: performance.now() };
  }

  private say(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.waiting === null) this.outlet.send("input", bytes);
    else this.waiting.push(bytes);
  }

  private get capture(): Capture {
    if (!this.host.contains(document.activeElement)) return "none";
    if (!this.isEnabled) return "shortcuts";
    const isFull = this.hasPointerLock || document.fullscreenElement?.contains(this.host);
    return isFull ? "full" : "focus";
  }

  /** One types and points in turn: what takes text keeps the focus. */
  private get isTyping(): boolean {
    return document.activeElement !== this.host && this.host.contains(document.activeElement);
  }

  private mouseDown(event: MouseEvent): void {
    if (this.isTyping) event.preventDefault();
    this.button(buttonNumber(event.button), true);
  }

  private keyDown(event: KeyboardEvent): void {
    const verdict = onKeyDown(event, this.capture);
    const isForBrowserToo = verdict.send !== null && isPaste(event) && this.outlet.onPasteKey();
    if (verdict.isPrevented && !isForBrowserToo) event.preventDefault();
    if (verdict.shortcut) this.outlet.onShortcut(verdict.shortcut);
    if (verdict.send === null || !this.keys.press(event.code, verdict.send)) return;
    // Windows presses a Ctrl of its own just before AltGr, which the game's keyboard knows nothing of.
    if (event.key === "AltGraph") this.letGo("ControlLeft");
    this.say(encodeKey(this.stamp("input"), verdict.send, true));
  }

  private keyUp(event: KeyboardEvent): void {
    if (!this.letGo(event.code)) return;
    event.preventDefault();
    // While Meta is held, macOS sends no keyup for other keys.
    if (event.code.startsWith("Meta")) this.releaseAll();
  }

  /** Whether it was held. */
  private letGo(code: string): boolean {
    const number = this.keys.release(code);
    if (number !== null) this.say(encodeKey(this.stamp("input"), number, false));
    return number !== null;
  }

  private moved(event: PointerEvent): void {
    if (!this.isEnabled) return;
    if (event.pointerType === "touch") {
      this.act(this.touch.move(event.pointerId, event.clientX, event.clientY));
    } else if (this.hasPointerLock) {
      const whole = this.steps.add(event.movementX, event.movementY);
      if (whole) this.say(encodeMoveBy(this.stamp("input"), whole.dx, whole.dy));
    } else {
      this.point(event.clientX, event.clientY);
    }
  }

  private point(clientX: number, clientY: number): void {
    const rect = this.outlet.pictureRect();
    const place = rect && toPicture(rect, clientX, clientY);
    if (place) this.outlet.send(OPS.move.channel, encodeMove(this.stamp("motion"), place.x, place.y));
  }

  private pressed(event: PointerEvent): void {
    if (!this.isTyping) this.host.focus({ preventScroll: true });
    if (!this.isEnabled) return;
    if (event.pointerType === "touch") {
      event.preventDefault(); // no mouse events out of touches: the gesture says what they mean
      this.act(this.touch.down(event.pointerId, event.clientX, event.clientY, event.timeStamp));
      clearTimeout(this.holdTimer);
      this.holdTimer = setTimeout(() => this.act(this.touch.hold(performance.now())), HOLD_MS + 5);
    } else if (!this.hasPointerLock) {
      // The click itself goes to the game all the same: where the browser refuses the lock, none is lost.
      const isAsked = event.pointerType === "mouse" && this.outlet.onMousePressed();
      if (!isAsked) this.host.setPointerCapture(event.pointerId);
      this.point(event.clientX, event.clientY);
    }
  }

  private lifted(event: PointerEvent): void {
    if (event.pointerType === "touch") this.act(this.touch.up(event.pointerId, event.timeStamp));
  }

  private cancelled(event: PointerEvent): void {
    if (event.pointerType === "touch") this.act(this.touch.cancel());
    else this.releaseAll();
  }

  private button(number: number | null, isDown: boolean): void {
    if (number === null || !this.isEnabled) return;
    if (isDown) this.buttons.add(number);
    else if (!this.buttons.delete(number)) return;
    this.say(encodeButton(this.stamp("input"), number, isDown));
  }

  private wheeled(event: WheelEvent): void {
    if (!this.isEnabled) return;
    event.preventDefault();
    const turn = wheelTurn(event);
    this.turn(turn.dx, turn.dy);
  }

  private turn(dx: number, dy: number): void {
    const whole = this.wheel.add(dx, dy);
    if (whole) this.say(encodeWheel(this.stamp("input"), whole.dx, whole.dy));
  }

  private act(acts: TouchAct[]): void {
    for (const act of acts) {
      if (act.type === "move") this.point(act.x, act.y);
      else if (act.type === "wheel") this.turn(act.dx, act.dy);
      else this.button(act.button, act.type === "press");
    }
  }
}
