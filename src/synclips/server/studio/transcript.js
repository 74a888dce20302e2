// What was said: the transcript under the video. A word is clicked, typed anew, heard, and the video made with it.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { ended, get, local, poll, post } from "./api.js";
import { clock, left } from "./words.js";

const AROUND = 1.2;
const stored = (id) => { try { return JSON.parse(localStorage.getItem(`synclips.edits.${id}`)) || {}; } catch { return {}; } };

export function Transcript({ asset, onMade, onFault }) {
  const [told, setTold] = useState(null);
  const [edits, setEdits] = useState(stored(asset.id));
  const [open, setOpen] = useState(null);
  const [busy, setBusy] = useState(false);
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    setTold(null); setOpen(null); setEdits(stored(asset.id));
    const known = localStorage.getItem(`synclips.transcript.${asset.id}`);
    if (known) follow(known).catch(() => localStorage.removeItem(`synclips.transcript.${asset.id}`));
    return () => { alive.current = false; };
  }, [asset.id]);

  const follow = (id) => poll(() => get(`/v2/transcriptions/${id}`), ended, setTold, () => alive.current, 700);
  const begin = async () => {
    setTold({ status: "PENDING" });
    try {
      const job = await post("/v2/transcriptions", { assetId: asset.id });
      localStorage.setItem(`synclips.transcript.${asset.id}`, job.id);
      await follow(job.id);
    } catch (error) { setTold(null); onFault(error); }
  };
  const change = (next) => { setEdits(next); localStorage.setItem(`synclips.edits.${asset.id}`, JSON.stringify(next)); };
  const commit = (word, text) => {
    const wanted = text.trim().replace(/\s+/g, " ");
    const { [word.id]: _, ...rest } = edits;
    change(wanted === word.text ? rest : { ...rest, [word.id]: wanted });
    setOpen(null);
  };

  const done = told?.status === "COMPLETED";
  const changed = done && Object.keys(edits).length > 0;
  const body = () => ({ transcript: told.transcript, edits: Object.entries(edits).map(([id, text]) => ({ wordIds: [id], text })) });
  const make = async () => {
    setBusy(true);
    try { onMade(await post("/v2/generate", { model: "synclips-base", input: [{ type: "video", assetId: asset.id }], dialogueEdit: body() })); }
    catch (error) { onFault(error); }
    setBusy(false);
  };

  return html`<section class="transcript" aria-label="What was said">
    <div class="fieldhead"><h2>What was said</h2>${changed && html`<button class="link" onClick=${() => change({})}>Undo all changes</button>`}</div>
    ${!told && html`<div class="row"><button onClick=${begin}>Write down what is said</button><span class="hint">Then click a word to change it: only that place is spoken anew.</span></div>`}
    ${told && !ended(told) && html`<p role="status" class="hint">Listening${told.progress ? ` · ${Math.round(told.progress * 100)} %` : "…"} ${left(told.eta)}</p>`}
    ${told?.status === "FAILED" && html`<p class="fault" role="alert">${told.error}</p><button onClick=${begin}>Try again</button>`}
    ${done && told.notes?.map((note) => html`<p class="hint">${note}</p>`)}
    ${done && told.transcript.segments.map((line) => html`<p class="said" key=${line.id}><small>${clock(line.startMs / 1000)}${line.speaker ? ` · face ${line.speaker}` : ""}</small>
      ${line.words.map((word) => (open === word.id
        ? html`<${WordField} key=${word.id} word=${word} value=${edits[word.id] ?? word.text} onDone=${(text) => commit(word, text)} onCancel=${() => setOpen(null)} />`
        : html`<button key=${word.id} class=${`word ${word.id in edits ? "changed" : ""} ${word.confidence < 0.4 ? "unsure" : ""}`} onClick=${() => setOpen(word.id)}
            title=${`${(word.startMs / 1000).toFixed(2)} s · click to change`}>${word.id in edits ? html`<del>${word.text}</del> <ins>${edits[word.id] || "∅"}</ins>` : word.text}</button>`))}</p>`)}
    ${changed && html`<div class="row"><${Preview} key=${JSON.stringify(edits)} asset=${asset} body=${body} onFault=${onFault} />
      <button class="primary" disabled=${busy} onClick=${make}>${busy ? "Sending…" : "Make the edited video"}</button></div>`}
  </section>`;
}

function WordField({ word, value, onDone, onCancel }) {
  const field = useRef(null);
  useEffect(() => { field.current.focus(); field.current.select(); }, []);
  const press = (event) => {
    if (event.key === "Enter") { event.preventDefault(); onDone(event.target.value); }
    if (event.key === "Escape") onCancel();
  };
  return html`<input ref=${field} class="wordfield" aria-label=${`Instead of “${word.text}”`} defaultValue=${value} maxlength="500"
    size=${Math.max(4, value.length + 2)} onKeyDown=${press} onBlur=${(event) => event.target.isConnected && onDone(event.target.value)} />`;
}

function Preview({ asset, body, onFault }) {
  const [state, setState] = useState(null);
  const sound = useRef(null), alive = useRef(true), place = useRef(0);
  useEffect(() => { alive.current = true; return () => { alive.current = false; }; }, []);
  const play = (slot) => {
    if (!sound.current) return;
    sound.current.currentTime = Math.max(0, slot.startMs / 1000 - AROUND);
    sound.current.play().catch(() => {});
  };
  const hear = async () => {
    if (state?.url) { place.current = (place.current + 1) % state.slots.length; play(state.slots[place.current]); return; }
    setState({ waiting: true });
    try {
      const job = await post("/v2/dialogue-edits", { assetId: asset.id, ...body() });
      const told = await poll(() => get(`/v2/dialogue-edits/${job.id}`), ended, () => {}, () => alive.current, 500);
      if (!told) return;
      if (told.status !== "COMPLETED") throw new Error(told.error);
      setState({ url: local(told.previewAudioUrl), slots: told.resultSlots, notes: told.notes || [] });
      setTimeout(() => play(told.resultSlots[0]), 80);
    } catch (error) { setState(null); onFault(error); }
  };
  const stop = () => {
    const slot = state.slots[place.current];
    if (sound.current.currentTime > slot.endMs / 1000 + AROUND) sound.current.pause();
  };
  return html`<button onClick=${hear} disabled=${state?.waiting}>${state?.waiting ? "Speaking…" : state?.url ? "Hear it again" : "Hear it"}</button>
    ${state?.url && html`<audio ref=${sound} src=${state.url} onTimeUpdate=${stop}></audio>
      <span class="hint">${state.slots.length} place${state.slots.length > 1 ? "s" : ""}, ${(state.slots.reduce((sum, slot) => sum + slot.endMs - slot.startMs, 0) / 1000).toFixed(1)} s spoken anew</span>`}`;
}
