// Recording from camera and microphone.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { clock } from "./words.js";

const KINDS = { video: ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"], audio: ["audio/webm;codecs=opus", "audio/webm", "audio/mp4"] };

export function Recorder({ kind, onDone, onCancel }) {
  const [state, setState] = useState("asking");
  const [since, setSince] = useState(0);
  const [problem, setProblem] = useState("");
  const view = useRef(null), stream = useRef(null), recorder = useRef(null);

  useEffect(() => {
    let over = false;
    const wanted = kind === "video" ? { video: { width: 1280, height: 720, facingMode: "user" }, audio: true } : { audio: true };
    if (!navigator.mediaDevices) {
      setProblem("This browser gives no access to camera and microphone on this address; use https or localhost.");
      return undefined;
    }
    navigator.mediaDevices.getUserMedia(wanted).then((found) => {
      if (over) { found.getTracks().forEach((track) => track.stop()); return; }
      stream.current = found;
      if (view.current) view.current.srcObject = found;
      setState("ready");
    }).catch((error) => setProblem(
      error.name === "NotAllowedError" ? "The browser was not allowed to use the camera or microphone; allow it in its address bar."
        : "No camera or microphone was found."));
    return () => { over = true; stream.current?.getTracks().forEach((track) => track.stop()); };
  }, [kind]);

  useEffect(() => {
    if (state !== "recording") return undefined;
    const begun = Date.now();
    const timer = setInterval(() => setSince((Date.now() - begun) / 1000), 200);
    return () => clearInterval(timer);
  }, [state]);

  const start = () => {
    const type = KINDS[kind].find((name) => MediaRecorder.isTypeSupported(name));
    const parts = [];
    recorder.current = new MediaRecorder(stream.current, { mimeType: type, videoBitsPerSecond: 8e6 });
    recorder.current.ondataavailable = (event) => parts.push(event.data);
    recorder.current.onstop = () => {
      const ending = type.includes("mp4") ? (kind === "video" ? "mp4" : "m4a") : kind === "video" ? "webm" : "weba";
      const stamp = new Date().toISOString().slice(0, 16).replace("T", " ").replace(":", ".");
      onDone(new File(parts, `Recording ${stamp}.${ending}`, { type }));
    };
    recorder.current.start(250);
    setState("recording");
  };

  return html`<div class="recorder ${kind}">
    ${kind === "video" && html`<video ref=${view} autoplay muted playsinline aria-label="Camera"></video>`}
    ${problem ? html`<p class="fault" role="alert">${problem}</p>` : html`<p class="meter" role="status">
      ${state === "asking" ? "Waiting for the browser's permission…" : state === "ready" ? (kind === "video" ? "Face the camera and speak: about ten seconds are enough." : "Speak the line.")
        : html`<span class="dot"></span>${clock(since)}`}</p>`}
    <div class="row">
      ${state === "ready" && html`<button class="primary" onClick=${start}>Start recording</button>`}
      ${state === "recording" && html`<button class="primary" onClick=${() => recorder.current.stop()}>Stop and use it</button>`}
      <button onClick=${onCancel}>Cancel</button>
    </div>
  </div>`;
}
