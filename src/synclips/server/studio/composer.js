// What is said, by whom and how: everything that goes into one generation.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { call, ended, get, local, poll, post, upload } from "./api.js";
import { Recorder } from "./capture.js";
import { MODES, clock, readScript, scriptFault } from "./words.js";

const WAYS = [["text", "Text"], ["audio", "Recording"], ["script", "Script"]];
const EMPTY = { way: "text", text: "", script: "", face: null, mode: "", voice: "auto", strength: 1, speed: 1, audio: null };

export const draftOf = (id) => { try { return { ...EMPTY, ...JSON.parse(localStorage.getItem(`synclips.draft.${id}`)) }; } catch { return EMPTY; } };

export function Composer({ asset, voices, onVoices, onMade, onFault }) {
  const [draft, setDraft] = useState(draftOf(asset.id));
  const [faces, setFaces] = useState(null);
  const [busy, setBusy] = useState(false);
  const change = (values) => setDraft((before) => {
    const after = { ...before, ...values };
    localStorage.setItem(`synclips.draft.${asset.id}`, JSON.stringify(after));
    return after;
  });

  useEffect(() => {
    let alive = true;
    setFaces(null);
    setDraft(draftOf(asset.id));
    (async () => {
      try {
        await post(`/v2/assets/${asset.id}/faces`);
        await poll(() => get(`/v2/assets/${asset.id}/faces`), ended, (found) => setFaces(found), () => alive, 700);
      } catch (error) { if (alive) setFaces({ status: "FAILED", error: error.message, faces: [] }); }
    })();
    return () => { alive = false; };
  }, [asset.id]);

  const lines = draft.way === "script" ? readScript(draft.script) : [];
  const fault = draft.way === "script" && lines.length ? scriptFault(lines, asset.type === "VIDEO" ? asset.durationSeconds : 0) : "";
  const ready = draft.way === "text" ? draft.text.trim() : draft.way === "audio" ? draft.audio : lines.length && !fault;

  const make = async () => {
    if (!ready || busy) return;
    setBusy(true);
    try { onMade(await post("/v2/generate", bodyOf(asset, draft, lines))); }
    catch (error) { onFault(error); }
    setBusy(false);
  };

  return html`<section class="composer" aria-label="The line">
    <${Faces} found=${faces} chosen=${draft.face} onChoose=${(face) => change({ face })} />
    <div class="field">
      <div class="fieldhead"><h2 id="say">What is said</h2>
      <fieldset class="segmented small"><legend class="hidden">How the line is given</legend>
        ${WAYS.map(([name, label]) => html`<label><input type="radio" name="way" checked=${draft.way === name} onChange=${() => change({ way: name })} /><span>${label}</span></label>`)}
      </fieldset></div>
      ${draft.way === "text" && html`<textarea aria-labelledby="say" rows="4" maxlength="5000" placeholder="Type the line…" value=${draft.text}
        onInput=${(event) => change({ text: event.target.value })}
        onKeyDown=${(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && make()}></textarea>`}
      ${draft.way === "script" && html`<textarea class="script" aria-labelledby="say" rows="7" placeholder=${"0:00 - 0:02 Hello there.\n0:03 - 0:05 Good to see you."} value=${draft.script}
        onInput=${(event) => change({ script: event.target.value })}
        onDrop=${async (event) => { const [file] = event.dataTransfer.files; if (file && file.size < 1e6) { event.preventDefault(); event.stopPropagation(); change({ script: await file.text() }); } }}></textarea>
        <p class=${fault ? "fault" : "hint"} role=${fault ? "alert" : null}>${fault || (lines.length ? `${lines.length} line${lines.length > 1 ? "s" : ""}, until ${clock(lines.at(-1).end)}.` : "One line a row with its times, or paste subtitles (.srt, .vtt).")}</p>`}
      ${draft.way === "audio" && html`<${Speech} audio=${draft.audio} onChange=${(audio) => change({ audio })} onFault=${onFault} />`}
      ${draft.way === "text" && html`<${Listen} asset=${asset} draft=${draft} onFault=${onFault} />`}
    </div>
    ${draft.way !== "script" && asset.type === "VIDEO" && html`<label class="field"><h2>If the lengths differ</h2>
      <select value=${draft.mode} onChange=${(event) => change({ mode: event.target.value })}>
        ${MODES.map(([name, label]) => html`<option value=${name}>${label}</option>`)}</select>
      <p class="hint">${MODES.find(([name]) => name === draft.mode)[2]}</p></label>`}
    ${draft.way !== "audio" && html`<details class="more"><summary>Voice</summary>
      <${Voices} asset=${asset} voices=${voices} chosen=${draft.voice} onChoose=${(voice) => change({ voice })} onVoices=${onVoices} onFault=${onFault} />
      ${asset.hasAudio && html`<${Slider} label="Likeness to the video's voice" min="0" max="1" step="0.05" value=${draft.strength} shown=${`${Math.round(draft.strength * 100)} %`} onChange=${(strength) => change({ strength })} />`}
      <${Slider} label="Pace" min="0.6" max="1.6" step="0.05" value=${draft.speed} shown=${`${draft.speed.toFixed(2)} ×`} onChange=${(speed) => change({ speed })} />
    </details>`}
    <button class="primary make" disabled=${!ready || busy} onClick=${make}>${busy ? "Sending…" : "Dub it"}</button>
    <p class="hint consent">Dub only people who agree to it. Every result says that it is synthetic.</p>
  </section>`;
}

function Voices({ asset, voices, chosen, onChoose, onVoices, onFault }) {
  const [busy, setBusy] = useState(false);
  const shown = voices.filter((voice) => !voice.problem);
  const kept = shown.filter((voice) => voice.cloned), current = kept.find((voice) => voice.id === chosen);
  const option = (voice) => html`<option value=${voice.id}>${voice.id === "auto" ? "The best voice here" : voice.name}</option>`;
  const work = async (task) => {
    setBusy(true);
    try { onChoose(await task()); await onVoices(); } catch (error) { onFault(error); }
    setBusy(false);
  };
  return html`<label class="field"><h3>Spoken by</h3>
      <select value=${chosen} onChange=${(event) => onChoose(event.target.value)}>
        ${kept.length ? html`<optgroup label="Kept voices">${kept.map(option)}</optgroup><optgroup label="Turned into the video's voice">${shown.filter((voice) => !voice.cloned).map(option)}</optgroup>` : shown.map(option)}
      </select></label>
    <p class="hint">
      ${current ? html`<button class="link" disabled=${busy} onClick=${() => work(async () => { await call("DELETE", `/v2/voices/${current.id}`); return "auto"; })}>Delete this voice</button>`
        : asset.hasAudio && html`<button class="link" disabled=${busy} onClick=${() => work(async () => (await post("/v2/voices", { name: asset.name.replace(/\.[^.]+$/, "").slice(0, 80) || "Voice", assetId: asset.id })).id)}>${busy ? "Keeping the voice…" : "Keep this video's voice"}</button>, to speak with it in other videos.`}
    </p>`;
}

function bodyOf(asset, draft, lines) {
  const place = asset.type === "IMAGE" ? "image" : "video";
  const input = [{ type: place, assetId: asset.id }];
  const options = { synclips: {} };
  const segments = lines.map((line, index) => ({ startTime: line.start, endTime: line.end, audioInput: { refId: `line${index}` } }));
  const provider = (script) => ({ name: "synclips", voiceId: draft.voice, script });
  if (draft.way === "text") input.push({ type: "text", provider: provider(draft.text.trim()) });
  if (draft.way === "audio") input.push({ type: "audio", assetId: draft.audio.id });
  if (draft.way === "script") lines.forEach((line, index) => input.push({ type: "text", refId: `line${index}`, provider: provider(line.text) }));
  if (draft.way !== "audio") Object.assign(options.synclips, { strength: draft.strength, speed: draft.speed });
  if (draft.mode && draft.way !== "script") options.sync_mode = draft.mode;
  if (draft.face) options.active_speaker_detection = { face: draft.face };
  return { model: "synclips-base", input, options, ...(segments.length ? { segments } : {}) };
}

function Faces({ found, chosen, onChoose }) {
  if (!found || !ended(found)) return html`<div class="field"><h2>Who speaks</h2>
    <div class="faces" role="status"><span class="face waiting" aria-hidden="true"></span><p class="hint">Looking for faces${found?.progress ? ` · ${Math.round(found.progress * 100)} %` : "…"}</p></div></div>`;
  if (found.status !== "COMPLETED") return html`<div class="field"><h2>Who speaks</h2><p class="fault" role="alert">${found.error}</p></div>`;
  const several = found.faces.length > 1;
  return html`<fieldset class="field"><legend><h2>Who speaks</h2></legend>
    <div class="faces">
      ${found.faces.map((face) => html`<label class="face" title=${`Face ${face.number}: ${clock(face.first)} to ${clock(face.last)}`}>
        <input type="radio" name="face" checked=${chosen === face.number || (!chosen && (face.number === found.speaker || !several))}
          onChange=${() => onChoose(several ? face.number : null)} aria-label=${`Face ${face.number}${face.number === found.speaker ? ", who speaks" : ""}`} />
        ${face.picture ? html`<img src=${local(face.picture)} alt="" />` : html`<span>${face.number}</span>`}
        ${several && face.number === found.speaker && html`<small>speaks</small>`}</label>`)}
    </div>
    ${found.notes?.map((note) => html`<p class="hint">${note}</p>`)}
  </fieldset>`;
}

function Slider({ label, value, shown, onChange, ...range }) {
  return html`<label class="field slider"><span>${label}<output>${shown}</output></span>
    <input type="range" ...${range} value=${value} onInput=${(event) => onChange(Number(event.target.value))} /></label>`;
}

function Speech({ audio, onChange, onFault }) {
  const [recording, setRecording] = useState(false);
  const [share, setShare] = useState(null);
  const send = async (file) => {
    setRecording(false);
    setShare(0);
    try {
      const asset = await upload(file, setShare);
      if (!asset.hasAudio) throw new Error(`${asset.name} holds no sound.`);
      onChange({ id: asset.id, name: asset.name, seconds: asset.durationSeconds, url: local(asset.url) });
    } catch (error) { onFault(error); }
    setShare(null);
  };
  if (recording) return html`<${Recorder} kind="audio" onDone=${send} onCancel=${() => setRecording(false)} />`;
  if (share !== null) return html`<div class="drop small"><progress value=${share} max="1" aria-label="Upload"></progress></div>`;
  if (audio) return html`<div class="chosen"><span>${audio.name}</span><small>${audio.seconds ? clock(audio.seconds) : ""}</small><button class="plain" onClick=${() => onChange(null)} aria-label="Take another recording">×</button></div>`;
  return html`<div class="drop small" onDragOver=${(event) => event.preventDefault()}
    onDrop=${(event) => { event.preventDefault(); event.stopPropagation(); if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]); }}>
    <p>Drop a recording, <label class="link">choose a file<input class="hidden" type="file" accept="audio/*,video/*" onChange=${(event) => event.target.files[0] && send(event.target.files[0])} /></label> or <button class="link" onClick=${() => setRecording(true)}>record it</button>.</p></div>`;
}

function Listen({ asset, draft, onFault }) {
  const [state, setState] = useState(null);
  const sound = useRef(null), alive = useRef(true);
  useEffect(() => { alive.current = true; return () => { alive.current = false; }; }, []);
  useEffect(() => setState(null), [draft.text, draft.voice, draft.strength, draft.speed, asset.id]);
  const hear = async () => {
    if (state?.url) { sound.current.currentTime = 0; sound.current.play(); return; }
    setState({ waiting: true });
    try {
      const job = await post("/v2/tts/jobs", { script: draft.text.trim(), voiceId: draft.voice, assetId: asset.id, options: { strength: draft.strength, speed: draft.speed } });
      const told = await poll(() => get(`/v2/tts/jobs/${job.id}`), ended, () => {}, () => alive.current, 500);
      if (!told) return;
      if (told.status !== "COMPLETED") throw new Error(told.error);
      setState({ url: local(told.url), duration: told.duration });
      setTimeout(() => sound.current?.play().catch(() => {}), 50);
    } catch (error) { setState(null); onFault(error); }
  };
  return html`<div class="listen">
    <button onClick=${hear} disabled=${!draft.text.trim() || state?.waiting}>${state?.waiting ? "Speaking…" : state?.url ? "Hear it again" : "Hear the voice"}</button>
    ${state?.url && html`<audio ref=${sound} src=${state.url}></audio><span class="hint">${state.duration.toFixed(1)} s${asset.durationSeconds ? ` · video ${asset.durationSeconds.toFixed(1)} s` : ""}</span>`}
    <span class="fill"></span><span class="hint">${draft.text.length ? `${draft.text.length} / 5000` : ""}</span>
  </div>`;
}
