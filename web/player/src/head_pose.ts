/**
 * How a device is turned, from where its person looks straight ahead: three angles out of what DeviceOrientation says. Pure.
 *
 * A device's picture is looked at from the front, so its back looks where the person does. "Ahead" is chosen by the person (`centre`)
 * and is a heading and a way to hold the device: who turns on a chair with a tablet leant back only turns, and does not tilt. Angles of
 * W3C's Device Orientation: alpha, beta, gamma turn about z, x, y of the device, in this order; x is east, y north, z up.
 */

/** Degrees: right, up, and tilted right are positive. */
export interface Pose {
  yaw: number;
  pitch: number;
  roll: number;
}

export const AHEAD: Pose = { yaw: 0, pitch: 0, roll: 0 };

/** The part of `DeviceOrientationEvent` that says how the device is turned; null where there is no sensor. */
export interface Reading {
  alpha: number | null;
  beta: number | null;
  gamma: number | null;
}

/** Three rows of three. */
type Matrix = readonly [number, number, number, number, number, number, number, number, number];

const DEGREE = Math.PI / 180;

function product(...factors: Matrix[]): Matrix {
  return factors.reduce((a, b) => {
    const cell = (row: number, column: number): number =>
      [0, 1, 2].reduce((sum, at) => sum + (a[3 * row + at] as number) * (b[3 * at + column] as number), 0);
    return [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => cell(row, column))) as unknown as Matrix;
  });
}

function aboutX(degrees: number): Matrix {
  const [sin, cos] = [Math.sin(degrees * DEGREE), Math.cos(degrees * DEGREE)];
  return [1, 0, 0, 0, cos, -sin, 0, sin, cos];
}

function aboutY(degrees: number): Matrix {
  const [sin, cos] = [Math.sin(degrees * DEGREE), Math.cos(degrees * DEGREE)];
  return [cos, 0, sin, 0, 1, 0, -sin, 0, cos];
}

function aboutZ(degrees: number): Matrix {
  const [sin, cos] = [Math.sin(degrees * DEGREE), Math.cos(degrees * DEGREE)];
  return [cos, -sin, 0, sin, cos, 0, 0, 0, 1];
}

/** The three turns, about y, then x, then z, that `matrix` is; straight up and down all of it is about y. */
function turns(matrix: Matrix): Pose {
  const [, , m02, m10, m11, m12, , , m22] = matrix;
  const pitch = Math.asin(Math.min(1, Math.max(-1, -m12))) / DEGREE;
  if (Math.abs(m12) > 0.99999) return { yaw: -Math.atan2(-matrix[6], matrix[0]) / DEGREE, pitch, roll: 0 };
  return { yaw: -Math.atan2(m02, m22) / DEGREE, pitch, roll: -Math.atan2(m10, m11) / DEGREE };
}

/** Where the back of the device looks; `screenDegrees` is how far its picture is turned. null where the reading is none. */
function view(reading: Reading, screenDegrees: number): Matrix | null {
  const { alpha, beta, gamma } = reading;
  if (alpha === null || beta === null || gamma === null) return null;
  if (![alpha, beta, gamma, screenDegrees].every(Number.isFinite)) return null;
  return product(aboutX(-90), aboutZ(alpha), aboutX(beta), aboutY(gamma), aboutZ(-screenDegrees));
}

export class HeadPose {
  private ahead: Pose | null = null;

  /** What comes next is straight ahead. */
  centre(): void {
    this.ahead = null;
  }

  /** How the device is turned, or null where the reading says nothing. */
  pose(reading: Reading, screenDegrees: number): Pose | null {
    const now = view(reading, screenDegrees);
    if (now === null) return null;
    this.ahead ??= turns(now);
    const { yaw, pitch, roll } = this.ahead;
    return turns(product(aboutY(yaw), now, aboutZ(roll), aboutX(-pitch)));
  }
}
