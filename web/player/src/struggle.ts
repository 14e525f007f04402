/** Whether a loudspeaker's buffer is too short for this machine: it has run dry in most of the last seconds. Pure. */

/** What a browser tells of what was played since the beginning. */
export interface Playback {
  readonly underrunEvents: number;
}

const SECONDS = 8;
const MOST_BAD_SECONDS = 3;

export class Struggle {
  private before: number | null = null;
  private readonly isBad: boolean[] = [];

  /** A second later; whether it struggles. */
  read({ underrunEvents }: Playback): boolean {
    if (this.before !== null) this.isBad.push(underrunEvents > this.before);
    this.before = underrunEvents;
    if (this.isBad.length > SECONDS) this.isBad.shift();
    return this.isBad.filter(Boolean).length > MOST_BAD_SECONDS;
  }
}
