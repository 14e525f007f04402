/**
 * The WebRTC path: the seat offers, this answers. Picture and sound come in streams of their own, so that lip sync does not make the
 * picture late; input goes over the seat's data channels. Main thread, since workers have no RTCPeerConnection.
 */

import type { Channel } from "./input.gen";
import type { FromBrowser, IceServer } from "./signal";

export interface RtcFigures {
  rttMs: number | null;
  lossRatio: number | null;
  bitrateBps: number | null;
  decodeMs: number | null;
}

export interface RtcEvents {
  send(message: FromBrowser): void;
  onPicture(stream: MediaStream): void;
  onSound(stream: MediaStream): void;
  /** Takes the sound out before this browser plays it; false where it can't be. */
  takeSound(receiver: RTCRtpReceiver): boolean;
  onFault(message: string): void;
  /** The path that carried leads nowhere any more. */
  onNetworkChanged(): void;
}

interface Counters {
  atMs: number;
  bytes: number;
  lost: number;
  received: number;
  decodeS: number;
  decoded: number;
}

/** Chromium's receivers hold frames back for smoothness unless told not to. */
type LowLatencyReceiver = RTCRtpReceiver & { playoutDelayHint?: number | null };

const UNKNOWN: RtcFigures = { rttMs: null, lossRatio: null, bitrateBps: null, decodeMs: null };

/** So many packets, and none of them came through for so long: the browser has the interface for taking sound out, but not the deed. */
const UNSEEN_PACKETS = 200;
const UNSEEN_MS = 4000;

export class RtcPath {
  private connection: RTCPeerConnection | null = null;
  /** Sound that should be taken out, until the first of it was seen; since when enough packets of it are there. */
  private unseen: { sinceMs: number | null } | null = null;
  private isTakeable = true;
  private readonly channels = new Map<string, RTCDataChannel>();
  private before: Counters | null = null;

  constructor(private readonly events: RtcEvents) {}

  static isSupported(): boolean {
    return typeof RTCPeerConnection !== "undefined";
  }

  /** Answers an offer; a new offer replaces what was before. */
  async answer(sdp: string, iceServers: IceServer[] = []): Promise<void> {
    this.close();
    let connection: RTCPeerConnection | null = null;
    try {
      connection = this.open(iceServers);
      await connection.setRemoteDescription({ type: "offer", sdp });
      const answer = await connection.createAnswer();
      await connection.setLocalDescription(answer);
      if (connection !== this.connection) return;
      this.events.send({ type: "description", kind: "answer", sdp: answer.sdp ?? "" });
    } catch (error) {
      // Also of servers that the browser takes for none.
      if (connection === this.connection) this.events.onFault(`WebRTC could not be set up: ${String(error)}`);
    }
  }

  private open(iceServers: IceServer[]): RTCPeerConnection {
    const connection = new RTCPeerConnection({ iceServers });
    this.connection = connection;
    connection.ontrack = (event) => this.track(event);
    connection.ondatachannel = ({ channel }) => {
      channel.binaryType = "arraybuffer";
      this.channels.set(channel.label, channel);
    };
    connection.oniceconnectionstatechange = () => {
      const isCut = connection.iceConnectionState === "disconnected" || connection.iceConnectionState === "failed";
      if (isCut && connection === this.connection) this.events.onNetworkChanged();
    };
    connection.onicecandidate = ({ candidate }) => {
      this.events.send({
        type: "candidate",
        candidate: candidate?.candidate ?? "",
        sdp_mid: candidate?.sdpMid ?? null,
        sdp_m_line_index: candidate?.sdpMLineIndex ?? null,
      });
    };
    return connection;
  }

  /** Sends over the data channel, if it is open. */
  write(channel: Channel, bytes: Uint8Array<ArrayBuffer>): boolean {
    const open = this.channels.get(channel);
    if (open?.readyState !== "open") return false;
    open.send(bytes);
    return true;
  }

  bufferedBytes(channel: Channel): number {
    return this.channels.get(channel)?.bufferedAmount ?? 0;
  }

  /** What the last second was like; null is unknown. */
  async figures(): Promise<RtcFigures> {
    const connection = this.connection;
    if (connection?.connectionState !== "connected") return UNKNOWN;
    const report = await connection.getStats();
    return this.read(report);
  }

  /** Sound was seen where it is taken to. */
  soundTaken(): void {
    this.unseen = null;
  }

  close(): void {
    this.channels.clear();
    this.unseen = null;
    this.before = null;
    this.connection?.close();
    this.connection = null;
  }

  private track({ track, receiver, streams }: RTCTrackEvent): void {
    const lowLatency = receiver as LowLatencyReceiver;
    lowLatency.jitterBufferTarget = 0;
    lowLatency.playoutDelayHint = 0;
    const stream = streams[0] ?? new MediaStream([track]);
    if (track.kind === "video") return this.events.onPicture(stream);
    if (this.isTakeable && this.events.takeSound(receiver)) this.unseen = { sinceMs: null };
    else this.events.onSound(stream);
  }

  /**
   * Sound that comes, and is not seen where it is taken to, goes the browser's own way: over another connection, since Chromium gives nothing
   * of one back. The seat notices the end of this one; the WebSocket carries until the next.
   */
  private doubtTaking(packets: number): void {
    if (!this.unseen || packets < UNSEEN_PACKETS) return;
    this.unseen.sinceMs ??= performance.now();
    if (performance.now() - this.unseen.sinceMs < UNSEEN_MS) return;
    this.isTakeable = false;
    this.close();
  }

  private read(report: RTCStatsReport): RtcFigures {
    let rttMs: number | null = null;
    let now: Counters | null = null;
    for (const stats of report.values()) {
      if (stats.type === "candidate-pair" && stats.nominated && stats.currentRoundTripTime !== undefined) {
        rttMs = stats.currentRoundTripTime * 1000;
      }
      if (stats.type === "inbound-rtp" && stats.kind === "audio") this.doubtTaking(stats.packetsReceived ?? 0);
      if (stats.type === "inbound-rtp" && stats.kind === "video") {
        now = {
          atMs: stats.timestamp,
          bytes: stats.bytesReceived ?? 0,
          lost: stats.packetsLost ?? 0,
          received: stats.packetsReceived ?? 0,
          decodeS: stats.totalDecodeTime ?? 0,
          decoded: stats.framesDecoded ?? 0,
        };
      }
    }
    const before = this.before;
    this.before = now;
    if (!now || !before || now.atMs <= before.atMs) return { ...UNKNOWN, rttMs };
    return { rttMs, ...rates(before, now) };
  }
}

/** What happened between two readings of the counters. */
export function rates(before: Counters, now: Counters): Omit<RtcFigures, "rttMs"> {
  const lost = Math.max(0, now.lost - before.lost);
  const sent = lost + now.received - before.received;
  const decoded = now.decoded - before.decoded;
  return {
    lossRatio: sent > 0 ? lost / sent : null,
    bitrateBps: ((now.bytes - before.bytes) * 8 * 1000) / (now.atMs - before.atMs),
    decodeMs: decoded > 0 ? ((now.decodeS - before.decodeS) * 1000) / decoded : null,
  };
}
