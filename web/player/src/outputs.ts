/** Which loudspeakers a browser tells of. Pure. */

/** Whether this loudspeaker is there; null where the browser does not tell the page of any by name. */
export function isAmong(deviceId: string, devices: Pick<MediaDeviceInfo, "kind" | "deviceId">[]): boolean | null {
  const known = devices.filter((device) => device.kind === "audiooutput" && device.deviceId !== "");
  return known.length === 0 ? null : known.some((device) => device.deviceId === deviceId);
}
