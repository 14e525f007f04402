/**
 * The browser's gamepads, read at each refresh while there are any, and their motors. What is decided is in pads; this only looks.
 *
 * A gamepad plays while the page has the focus and nothing of the page wants it; whatever takes it away lets everything on it go. Main
 * thread.
 */

import { encodePad, encodePadGone, MOST_PADS, type Stamp } from "./input.gen";
import { type PadState, PadTeller, padName, padState, REST } from "./pads";
import type { Rumble } from "./signal";
import type { PadLike, TouchPad } from "./touch_pad";

/** A gamepad, as the page shows it. */
export interface PadView {
  /** From 1. */
  number: number;
  name: string;
  /** The browser knows which button is which. */
  isStandard: boolean;
  canRumble: boolean;
}

export interface PadOutlet {
  send(bytes: Uint8Array<ArrayBuffer>): void;
  stamp(): Stamp;
  /** Whether what is pressed goes to a game now. */
  isEnabled(): boolean;
  onPads(pads: PadView[]): void;
  onNotice(message: string): void;
}

type Actuator = Pick<GamepadHapticActuator, "playEffect" | "reset">;

interface Held {
  index: number;
  view: PadView;
  teller: PadTeller;
}

function motorOf(pad: PadLike | undefined): Actuator | null {
  return (pad as { vibrationActuator?: Actuator | null } | undefined)?.vibrationActuator ?? null;
}

export class PadCapture {
  /** While the page shows what the gamepads do, the game does not get it. */
  isPaused = false;
  private readonly held: (Held | null)[] = Array.from({ length: MOST_PADS }, () => null);
  private readonly ends = new AbortController();
  private frame: number | null = null;
  private drawn: TouchPad | null = null;

  constructor(private readonly outlet: PadOutlet) {
    const signal = this.ends.signal;
    const look = (): void => this.look();
    window.addEventListener("gamepadconnected", look, { signal });
    window.addEventListener("gamepaddisconnected", look, { signal });
    // A hidden page has no refreshes.
    for (const name of ["blur", "focus", "pagehide"]) window.addEventListener(name, look, { signal });
    document.addEventListener("visibilitychange", look, { signal });
    this.look();
  }

  /** Whether this browser gives this page gamepads at all: it does so to pages that it trusts. */
  static isSupported(): boolean {
    return typeof navigator.getGamepads === "function";
  }

  /** Those that are there. */
  get list(): PadView[] {
    return this.held.flatMap((held) => (held ? [held.view] : []));
  }

  /** How a gamepad stands, for the page. */
  stateOf(number: number): PadState {
    const held = this.held[number - 1];
    const pad = held && this.gamepads().get(held.index);
    return pad ? padState(pad) : REST;
  }

  /** A gamepad that the page draws; null takes it away. */
  draw(pad: TouchPad | null): void {
    this.drawn = pad;
    this.look();
  }

  /** The seat may not know how they stand: a new link, another way. */
  tellAgain(): void {
    for (const held of this.held) held?.teller.forget();
  }

  rumble({ pad, strong, weak, duration_ms }: Rumble): void {
    const held = this.held[pad];
    if (held) this.shake(held, strong, weak, duration_ms);
  }

  /** A short one, by the page's own wish. */
  tryRumble(number: number): void {
    const held = this.held[number - 1];
    if (held) this.shake(held, 1, 1, 300);
  }

  close(): void {
    this.ends.abort();
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    for (const held of this.held) if (held) this.shake(held, 0, 0, 0);
  }

  /** By the browser's own number. */
  private gamepads(): Map<number, PadLike> {
    const real: (PadLike | null)[] = PadCapture.isSupported() ? [...navigator.getGamepads()] : [];
    const there = [...real, this.drawn].filter((pad) => pad?.connected) as PadLike[];
    return new Map(there.map((pad) => [pad.index, pad]));
  }

  private look(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
    const pads = this.gamepads();
    this.match(pads);
    const isPlaying = this.outlet.isEnabled() && !this.isPaused && document.hasFocus() && !document.hidden;
    const nowMs = performance.now();
    let isAny = false;
    for (const [number, held] of this.held.entries()) {
      const pad = held && pads.get(held.index);
      if (!pad) continue;
      isAny = true;
      if (!this.outlet.isEnabled()) continue;
      const state = held.teller.tell(isPlaying ? padState(pad) : REST, nowMs);
      if (state) this.outlet.send(this.message(number, state));
    }
    if (isAny) this.frame = requestAnimationFrame(() => this.look());
  }

  private message(number: number, state: PadState): Uint8Array<ArrayBuffer> {
    return encodePad(
      this.outlet.stamp(),
      number,
      state.buttons,
      state.leftX,
      state.leftY,
      state.rightX,
      state.rightY,
      state.leftTrigger,
      state.rightTrigger,
    );
  }

  /** Gives each gamepad that is there a number, and takes it back from those that are gone. */
  private match(pads: ReadonlyMap<number, PadLike>): void {
    const before = this.list;
    for (const [number, held] of this.held.entries()) {
      if (!held || pads.has(held.index)) continue;
      this.held[number] = null;
      if (this.outlet.isEnabled()) this.outlet.send(encodePadGone(this.outlet.stamp(), number));
      this.outlet.onNotice(`Gamepad ${number + 1} is unplugged`);
    }
    for (const pad of pads.values()) {
      if (this.held.some((held) => held?.index === pad.index)) continue;
      const number = this.held.indexOf(null);
      if (number < 0) break;
      const view = {
        number: number + 1,
        name: padName(pad.id),
        isStandard: pad.mapping === "standard",
        canRumble: motorOf(pad) !== null,
      };
      this.held[number] = { index: pad.index, view, teller: new PadTeller() };
      this.outlet.onNotice(`Gamepad ${view.number}: ${view.name}`);
    }
    const now = this.list;
    if (now.length !== before.length || now.some((view, place) => view !== before[place])) this.outlet.onPads(now);
  }

  private shake(held: Held, strong: number, weak: number, durationMs: number): void {
    const motor = motorOf(this.gamepads().get(held.index));
    const duration = Math.min(5000, Math.max(0, durationMs));
    const effect = { duration, strongMagnitude: unit(strong), weakMagnitude: unit(weak) };
    const done = duration > 0 ? motor?.playEffect("dual-rumble", effect) : motor?.reset();
    done?.catch(() => undefined); // it is unplugged, or the page is hidden
  }
}

function unit(value: number): number {
  return Math.min(1, Math.max(0, value));
}
