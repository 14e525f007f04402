/**
 * Packets of sound in the order of their making, as WebRTC's network brings them: what comes twice or too late is left out, what never
 * came is told. Pure. RTP's 16 bits of sequence and 32 bits of time at 48 kHz wrap (RFC 3550 section 5.1).
 */

/** 10 ms: the seat's packets (`stream/sound/pipeline.py`). */
export const PACKET_FRAMES = 480;
/** A longer hole is not worth making sound up for. */
const MOST_LOST_FRAMES = 12 * PACKET_FRAMES;
/** Farther from what was there before, it is another stream. */
const FAR_FRAMES = 48_000;
/** So many packets wait for one that is missing, on a path that was seen to change their order. */
const HELD = 2;
/** For so many packets such a path is remembered: ten seconds. */
const PATIENCE = 1000;

export interface Numbered {
  /** Null where the browser does not tell. */
  sequence: number | null;
  /** Sample frames at 48 kHz. */
  timestamp: number;
  data: Uint8Array<ArrayBuffer>;
}

export interface InOrder {
  /** Sample frames before this packet that never came. */
  lostFrames: number;
  data: Uint8Array<ArrayBuffer>;
}

export class SoundOrder {
  private last: { sequence: number | null; timestamp: number } | null = null;
  private held: Numbered[] = [];
  private patience = 0;

  /** What can be played now that `packet` is here. */
  push(packet: Numbered): InOrder[] {
    this.patience = Math.max(0, this.patience - 1);
    const aheadFrames = this.ahead(packet);
    if (aheadFrames === null || Math.abs(aheadFrames) > FAR_FRAMES) {
      this.held = [];
      return [this.play(packet, 0)];
    }
    if (aheadFrames < 0) {
      if (packet.timestamp !== this.last?.timestamp) this.patience = PATIENCE;
      else this.last.sequence = packet.sequence; // a copy of what was just played
      return [];
    }
    if (aheadFrames === 0) return [this.play(packet, 0), ...this.release(false)];
    if (this.held.some((one) => one.timestamp === packet.timestamp)) return [];
    this.held.push(packet);
    this.held.sort((one, other) => signed32(one.timestamp - other.timestamp));
    return this.release(this.patience === 0 || this.held.length > HELD || this.isAfterSilence(packet));
  }

  /** Sample frames between the end of what was played and `packet`; null while nothing was. */
  private ahead(packet: Numbered): number | null {
    if (this.last === null) return null;
    return signed32(packet.timestamp - this.last.timestamp) - PACKET_FRAMES;
  }

  /** Plays what is held and follows; `isGivenUp`: what is missing before it, too. */
  private release(isGivenUp: boolean): InOrder[] {
    const out: InOrder[] = [];
    let mayJump = isGivenUp;
    for (;;) {
      const next = this.held[0];
      const aheadFrames = next ? this.ahead(next) : null;
      if (!next || aheadFrames === null || (aheadFrames > 0 && !mayJump)) return out;
      this.held.shift();
      if (aheadFrames < 0) continue;
      out.push(this.play(next, this.lost(next, aheadFrames)));
      mayJump = mayJump && this.patience === 0;
    }
  }

  private lost(packet: Numbered, aheadFrames: number): number {
    return this.isAfterSilence(packet) || aheadFrames > MOST_LOST_FRAMES ? 0 : aheadFrames;
  }

  /** A hole in time without one in the numbers is silence that was not sent. */
  private isAfterSilence(packet: Numbered): boolean {
    const before = this.last?.sequence ?? null;
    return before !== null && packet.sequence === ((before + 1) & 0xffff);
  }

  private play({ sequence, timestamp, data }: Numbered, lostFrames: number): InOrder {
    this.last = { sequence, timestamp };
    return { lostFrames, data };
  }
}

function signed32(difference: number): number {
  return difference | 0;
}
