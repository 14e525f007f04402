/**
 * Looking around by moving the device: its orientation sensors, on their way to a game that follows heads. Main thread.
 *
 * Nothing is listened to unless the game wants it, and nothing is sent until the person asks for it; what is decided is in head_pose. The
 * newest goes out, 60 times a second at most, and what stays is said again each second, since the game may listen later.
 */

import { AHEAD, HeadPose, type Pose, type Reading } from "./head_pose";
import { encodeLook, type Stamp } from "./input.gen";

/** `absent`: the game wants none, or the device has no such sensors (as far as is known). */
export type HeadState = "absent" | "off" | "on";

export interface HeadOutlet {
  send(bytes: Uint8Array<ArrayBuffer>): void;
  stamp(): Stamp;
  /** Whether what is done goes to a game now. */
  isEnabled(): boolean;
  onState(state: HeadState): void;
  onNotice(message: string): void;
}

const SPACING_MS = 1000 / 60;
const AGAIN_MS = 1000;

/** Safari on phones and tablets says nothing of its sensors until its person was asked; others say at once that there are none. */
interface Asking {
  requestPermission?: () => Promise<PermissionState>;
}

export class HeadCapture {
  state: HeadState = "absent";
  private readonly head = new HeadPose();
  private listening: AbortController | null = null;
  private last: Reading | null = null;
  private pose: Pose = AHEAD;
  private sentAtMs = Number.NEGATIVE_INFINITY;
  private later: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly outlet: HeadOutlet) {}

  /** Whether the game follows heads; only then the sensors are looked for. */
  want(isWanted: boolean): void {
    if (!isWanted) return this.leave("absent");
    if (this.state !== "absent" || typeof DeviceOrientationEvent === "undefined") return;
    const hasToAsk = (DeviceOrientationEvent as Asking).requestPermission && navigator.maxTouchPoints > 0;
    if (hasToAsk) return this.become("off");
    this.listen((reading) => {
      if (reading.alpha === null) return;
      this.deafen();
      this.become("off");
    });
  }

  /** The game follows the device from now on, or no longer; only within a click or touch of the person. */
  toggle(): void {
    if (this.state === "on") this.leave("off");
    else if (this.state === "off") void this.start();
  }

  /** However the device is held now is straight ahead. */
  recentre(): void {
    this.head.centre();
    if (this.last) this.turned(this.last);
  }

  close(): void {
    this.leave("absent");
  }

  private async start(): Promise<void> {
    const answer = await (DeviceOrientationEvent as Asking).requestPermission?.().catch(() => "denied");
    if (this.state !== "off") return; // meanwhile
    if (answer === "denied") return this.outlet.onNotice("This device keeps its sensors to itself.");
    this.head.centre();
    this.become("on");
    this.listen((reading) => this.turned(reading));
    this.send();
  }

  /** The game looks straight ahead again, and hears no more. */
  private leave(state: HeadState): void {
    this.deafen();
    if (this.state === "on") {
      this.pose = AHEAD;
      this.last = null;
      this.send();
      clearTimeout(this.later);
    }
    this.become(state);
  }

  private become(state: HeadState): void {
    if (state === this.state) return;
    this.state = state;
    this.outlet.onState(state);
  }

  private listen(heard: (reading: Reading) => void): void {
    this.deafen();
    this.listening = new AbortController();
    const { signal } = this.listening;
    window.addEventListener("deviceorientation", heard, { signal });
  }

  private deafen(): void {
    this.listening?.abort();
    this.listening = null;
  }

  private turned(reading: Reading): void {
    const pose = this.head.pose(reading, screen.orientation?.angle ?? 0);
    if (pose === null) return this.missed();
    this.last = reading;
    this.pose = pose;
    this.sendAfter(this.sentAtMs + SPACING_MS - performance.now());
  }

  /** A reading that says nothing; the first of all means that no other will come. */
  private missed(): void {
    if (this.last) return;
    this.outlet.onNotice("This device has no sensors that tell how it is turned.");
    this.leave("absent");
  }

  private sendAfter(waitMs: number): void {
    clearTimeout(this.later);
    if (waitMs > 0) this.later = setTimeout(() => this.send(), waitMs);
    else this.send();
  }

  private send(): void {
    this.sentAtMs = performance.now();
    const { yaw, pitch, roll } = this.pose;
    if (this.outlet.isEnabled()) this.outlet.send(encodeLook(this.outlet.stamp(), yaw * 100, pitch * 100, roll * 100));
    this.sendAfter(AGAIN_MS);
  }
}
