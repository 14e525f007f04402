/** Which loudspeaker plays the games: the system's own choice, or one of those that the browser tells of. */

import { useEffect, useState } from "react";
import { setPreferences, usePreferences } from "../preferences";
import { Field } from "../ui/field";

interface Output {
  deviceId: string;
  label: string;
}

/** Browsers name devices only to pages that may hear the person. */
async function outputs(): Promise<Output[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(
    ({ kind, deviceId, label }) => kind === "audiooutput" && deviceId !== "default" && label !== "",
  );
}

export function isOutputSelectable(): boolean {
  return "setSinkId" in AudioContext.prototype && navigator.mediaDevices !== undefined;
}

export function SoundOutput() {
  const { soundOutput } = usePreferences();
  const [found, setFound] = useState<Output[]>([]);
  const [fault, setFault] = useState<string>();
  useEffect(() => {
    const look = (): void => void outputs().then(setFound);
    look();
    navigator.mediaDevices.addEventListener("devicechange", look);
    return () => navigator.mediaDevices.removeEventListener("devicechange", look);
  }, []);
  const ask = async (): Promise<void> => {
    try {
      const heard = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of heard.getTracks()) track.stop();
      setFound(await outputs());
      setFault(undefined);
    } catch {
      setFault("The browser tells of no other devices without that permission.");
    }
  };
  const isGone = soundOutput !== "" && !found.some(({ deviceId }) => deviceId === soundOutput);
  return (
    <>
      <Field label="Play sound through" fault={fault}>
        {(attributes) => (
          <select
            {...attributes}
            value={soundOutput}
            onChange={(event) => setPreferences({ soundOutput: event.target.value })}
            data-testid="sound-output"
          >
            <option value="">The system’s own choice</option>
            {isGone && <option value={soundOutput}>The chosen device, which is not there now</option>}
            {found.map(({ deviceId, label }) => (
              <option key={deviceId} value={deviceId}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      {found.length === 0 && (
        <>
          <p className="panel-note">
            Browsers name loudspeakers only to pages that may use the microphone. It is asked for once, and not listened
            to.
          </p>
          <button className="button" type="button" onClick={() => void ask()} data-testid="sound-output-ask">
            Show my devices
          </button>
        </>
      )}
    </>
  );
}
