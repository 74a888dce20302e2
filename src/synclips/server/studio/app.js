// The Studio: projects on the left, the video in the middle, the line on the right.
import { html, render, useCallback, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { call, ended, get, key, local, onConnection, poll, post, upload } from "./api.js";
import { Recorder } from "./capture.js";
import { Composer } from "./composer.js";
import { Transcript } from "./transcript.js";
import { Viewer } from "./viewer.js";
import { Working } from "./working.js";
import { clock, size } from "./words.js";

const idOf = () => location.hash.replace(/^#\/?/, "");

function Studio() {
  const [session, setSession] = useState(null);
  const [online, setOnline] = useState(true);
  const [projects, setProjects] = useState(null);
  const [chosen, setChosen] = useState(idOf());
  const [voices, setVoices] = useState([{ id: "auto", name: "auto" }]);
  const [fault, setFault] = useState(null);
  const [uploading, setUploading] = useState(null);
  const [recording, setRecording] = useState(false);
  const [dragged, setDragged] = useState(false);

  const readVoices = useCallback(() => get("/v2/voices").then(setVoices).catch(() => {}), []);
  const enter = useCallback(async () => {
    try {
      const told = await get("/v2/session");
      setSession(told);
      if (!told.ok) return;
      setProjects((await get("/v2/assets?types=VIDEO,IMAGE&limit=100")).items);
      readVoices();
    } catch (error) { setTimeout(enter, 1500); }
  }, []);

  useEffect(() => {
    onConnection(setOnline);
    enter();
    const moved = () => setChosen(idOf());
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);

  const open = (id) => { location.hash = id ? `/${id}` : "/"; setChosen(id); setRecording(false); };

  const add = async (file) => {
    if (!file || uploading) return;
    setFault(null);
    setRecording(false);
    if (session && file.size > session.limits.bytes) { setFault({ message: `${file.name} has ${size(file.size)}, and ${size(session.limits.bytes)} are taken.` }); return; }
    setUploading({ name: file.name, share: 0 });
    try {
      const asset = await upload(file, (share) => setUploading({ name: file.name, share }));
      if (asset.type === "AUDIO") throw new Error(`${asset.name} is a recording. Drop a video or a photograph first, then the recording.`);
      setProjects((before) => [asset, ...(before || []).filter((one) => one.id !== asset.id)]);
      open(asset.id);
    } catch (error) { setFault(error); }
    setUploading(null);
  };

  const rename = async (asset, name) => {
    try { const told = await call("PATCH", `/v2/assets/${asset.id}`, { name }); setProjects((all) => all.map((one) => (one.id === told.id ? told : one))); }
    catch (error) { setFault(error); }
  };
  const remove = async (asset) => {
    try {
      await call("DELETE", `/v2/assets/${asset.id}`);
      ["draft", "edits", "transcript"].forEach((what) => localStorage.removeItem(`synclips.${what}.${asset.id}`));
      setProjects((all) => all.filter((one) => one.id !== asset.id));
      open("");
    } catch (error) { setFault(error); }
  };

  if (!session) return html`<main class="wait" role="status"><p>${online ? "Opening the Studio…" : "The server does not answer. The page goes on as soon as it does."}</p></main>`;
  if (!session.ok) return html`<${KeyForm} onDone=${enter} />`;
  const asset = (projects || []).find((one) => one.id === chosen);

  return html`<div class="shell ${asset ? "working" : "empty"}" onDragOver=${(event) => { event.preventDefault(); setDragged(true); }}
      onDragLeave=${(event) => event.relatedTarget === null && setDragged(false)}
      onDrop=${(event) => { event.preventDefault(); setDragged(false); add(event.dataTransfer.files[0]); }}>
    <header>
      <a class="brand" href="#/"><img src="/studio/icon.svg" alt="" width="24" height="24" /><b>SyncLips</b> <span>Studio</span></a>
      <span class="fill"></span>
      ${!online && html`<span class="offline" role="alert">The server does not answer — trying again</span>`}
      <${Theme} />
    </header>
    <nav class="projects" aria-label="Projects">
      <div class="navhead"><h2>Projects</h2>${(projects || []).length > 0 && html`<button class="plain new" onClick=${() => open("")} aria-label="New project">+</button>`}</div>
      ${projects && projects.length === 0 && html`<p class="hint">Videos that you drop stay here, with everything made of them.</p>`}
      <ul>${(projects || []).map((one) => html`<li key=${one.id}><a href=${`#/${one.id}`} aria-current=${one.id === chosen ? "page" : null}>
        <${Thumb} asset=${one} /><span><b>${one.name}</b><small>${one.type === "IMAGE" ? "Photograph" : clock(one.durationSeconds)} · ${one.width} × ${one.height}</small></span></a></li>`)}</ul>
    </nav>
    <main>
      ${fault && html`<div class="fault banner" role="alert"><p><b>${fault.message}</b> ${fault.suggestion || ""}</p><button class="plain" onClick=${() => setFault(null)} aria-label="Close">×</button></div>`}
      ${asset ? html`<${Project} key=${asset.id} asset=${asset} voices=${voices} onVoices=${readVoices} onFault=${setFault} onRename=${(name) => rename(asset, name)} onRemove=${() => remove(asset)} />`
        : recording ? html`<div class="start"><h1>Record yourself</h1><${Recorder} kind="video" onDone=${add} onCancel=${() => setRecording(false)} /></div>`
        : html`<${Start} uploading=${uploading} limits=${session.limits} dragged=${dragged} onFile=${add} onRecord=${() => { setFault(null); setRecording(true); }} />`}
    </main>
  </div>`;
}

function Start({ uploading, limits, dragged, onFile, onRecord }) {
  return html`<div class="start">
    <h1>Type a line, and the person in your video says it.</h1>
    <p class="lead">In their own voice, with matching lips, on this computer.</p>
    <div class="drop ${dragged ? "over" : ""}">
      ${uploading ? html`<div role="status"><p><b>${uploading.name}</b></p><progress value=${uploading.share} max="1" aria-label="Upload"></progress>
          <p class="hint">${uploading.share < 1 ? `${Math.round(uploading.share * 100)} % sent` : "Looking at the file…"}</p></div>`
        : html`<svg viewBox="0 0 48 48" aria-hidden="true"><rect x="5" y="10" width="38" height="28" rx="5"/><path d="M17 25c2.500-3.400 4.600-4 5.600-4 .7 0 .9.4 1.400.4s.7-.4 1.400-.4c1 0 3.100.6 5.600 4-2.200 3.300-4.500 4.400-7 4.400s-4.800-1.100-7-4.400ZM19 25h10"/></svg>
          <p><b>Drop a video or a photograph</b></p>
          <div class="row"><label class="button primary">Choose a file<input class="hidden" type="file" accept="video/*,image/*" onChange=${(event) => onFile(event.target.files[0])} /></label>
          <button onClick=${onRecord}>Record with the camera</button></div>
          <p class="hint">One face seen from the front, ten seconds or more, with sound. Up to ${size(limits.bytes)} and ${Math.round(limits.seconds / 60)} minutes.</p>`}
    </div>
  </div>`;
}

function Project({ asset, voices, onVoices, onFault, onRename, onRemove }) {
  const [takes, setTakes] = useState(null);
  const [chosen, setChosen] = useState(null);
  const alive = useRef(true);
  const put = (take) => setTakes((all) => ((all || []).some((one) => one.id === take.id) ? all.map((one) => (one.id === take.id ? take : one)) : [take, ...(all || [])]));
  const watch = (id) => poll(() => get(`/v2/generate/${id}`), ended, put, () => alive.current).catch((error) => { if (error.status !== 404) onFault(error); });

  useEffect(() => {
    alive.current = true;
    poll(() => get(`/v2/generations?asset=${asset.id}&limit=100`), () => true, (found) => {
      setTakes(found);
      setChosen(found[0]?.id || null);
      found.filter((take) => !ended(take)).forEach((take) => watch(take.id));
    }, () => alive.current).catch(onFault);
    return () => { alive.current = false; };
  }, [asset.id]);

  const made = (take) => { put(take); setChosen(take.id); watch(take.id); };
  const change = async (work) => { try { await work(); } catch (error) { onFault(error); } };
  const take = (takes || []).find((one) => one.id === chosen) || null;

  return html`<div class="project">
    <div class="middle">
      <div class="title"><${Name} value=${asset.name} label="Project" onChange=${onRename} />
        <${Confirm} label="Delete project" question=${`Delete “${asset.name}” and everything made of it?`} onYes=${onRemove} /></div>
      <${Viewer} asset=${asset} take=${take} />
      ${take && !ended(take) && html`<${Working} take=${take} onCancel=${() => change(async () => put(await post(`/v2/generate/${take.id}/cancel`)))} />`}
      ${take && take.status === "FAILED" && html`<div class="fault banner" role="alert"><p><b>This take failed.</b> ${take.error}</p></div>`}
      ${asset.type === "VIDEO" && asset.hasAudio && html`<${Transcript} asset=${asset} onMade=${made} onFault=${onFault} />`}
      <section class="takes" aria-label="Takes"><h2>Takes</h2>
        ${takes && takes.length === 0 && html`<p class="hint">Nothing made yet. Type a line and press “Dub it”; further lines on this video start at once.</p>`}
        <ol>${(takes || []).map((one) => html`<${Take} key=${one.id} take=${one} current=${one.id === chosen} onChoose=${() => setChosen(one.id)}
          onRename=${(name) => change(async () => put(await call("PATCH", `/v2/generate/${one.id}`, { name })))}
          onRemove=${() => change(async () => { await call("DELETE", `/v2/generate/${one.id}`); setTakes((all) => all.filter((other) => other.id !== one.id)); if (chosen === one.id) setChosen(null); })} />`)}</ol>
      </section>
    </div>
    <${Composer} asset=${asset} voices=${voices} onVoices=${onVoices} onMade=${made} onFault=${onFault} />
  </div>`;
}

const editOf = (take) => take.dialogueEdit?.edits?.map((edit) => (edit.text ? `“${edit.text}”` : "words taken away")).join(", ");
const lineOf = (take) => take.name || (take.dialogueEdit && `Edited: ${editOf(take)}`) || take.input.filter((item) => item.type === "text").map((item) => item.provider.script).join(" ") || "A recording";
const STATES = { PENDING: "Waiting", PROCESSING: "Working", COMPLETED: "", FAILED: "Failed", REJECTED: "Cancelled" };

function Take({ take, current, onChoose, onRename, onRemove }) {
  const state = take.status === "PROCESSING" ? `${Math.round(take.progress * 100)} %` : STATES[take.status];
  return html`<li class=${current ? "current" : ""}>
    <button class="pick" onClick=${onChoose} aria-current=${current ? "true" : null}><b>${lineOf(take)}</b>
      <small class=${take.status.toLowerCase()}>${[state, take.outputDuration ? `${take.outputDuration.toFixed(1)} s` : "", new Date(take.createdAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })].filter(Boolean).join(" · ")}</small></button>
    <${Name} value=${lineOf(take)} label="Take" quiet onChange=${onRename} />
    ${take.status === "COMPLETED" && html`<a class="button" href=${`${local(take.outputUrl)}&download=true`} download>Download</a>`}
    ${ended(take) && html`<${Confirm} label="Delete take" question="Delete this take?" onYes=${onRemove} />`}
  </li>`;
}

function Name({ value, label, quiet, onChange }) {
  const [editing, setEditing] = useState(false);
  const done = (event) => { event.preventDefault(); const name = new FormData(event.target).get("name").trim(); setEditing(false); if (name && name !== value) onChange(name); };
  if (editing) return html`<form class="naming" onSubmit=${done}><input name="name" aria-label=${`${label}: new name`} value=${value} maxlength="200" required
    ref=${(input) => input && document.activeElement !== input && input.focus()} onKeyDown=${(event) => event.key === "Escape" && setEditing(false)} /><button>Save</button></form>`;
  return html`${!quiet && html`<h1>${value}</h1>`}<button class="plain" onClick=${() => setEditing(true)} aria-label=${`Rename ${label.toLowerCase()}`} title="Rename">
    <svg viewBox="0 0 16 16" aria-hidden="true"><path d="m10.500 2.500 3 3L5.500 13.500l-3.500.5.500-3.500z"/></svg></button>`;
}

function Confirm({ label, question, onYes }) {
  const box = useRef(null);
  return html`<button class="plain" onClick=${() => box.current.showModal()} aria-label=${label} title=${label}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.5 9h6l.500-9"/></svg></button>
    <dialog ref=${box} aria-label=${label}><p>${question}</p><form method="dialog" class="row" onSubmit=${(event) => { if (event.submitter.value === "yes") onYes(); }}>
      <button value="yes" class="primary">Delete</button><button value="no">Keep</button></form></dialog>`;
}

function Thumb({ asset }) {
  const url = local(asset.url);
  return asset.type === "IMAGE" ? html`<img class="thumb" src=${url} alt="" loading="lazy" />` : html`<video class="thumb" src=${`${url}#t=0.1`} preload="metadata" muted tabindex="-1" aria-hidden="true"></video>`;
}

function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("synclips.theme") || "");
  const dark = theme === "dark" || (!theme && matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => { if (theme) { document.documentElement.dataset.theme = theme; localStorage.setItem("synclips.theme", theme); } }, [theme]);
  return html`<button class="plain" onClick=${() => setTheme(dark ? "light" : "dark")} aria-label=${dark ? "Light colours" : "Dark colours"} title=${dark ? "Light colours" : "Dark colours"}>
    <svg viewBox="0 0 16 16" aria-hidden="true">${dark ? html`<circle cx="8" cy="8" r="3"/><path d="M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.400 1.400M11.600 11.600 13 13M13 3l-1.400 1.400M4.400 11.600 3 13"/>` : html`<path d="M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7Z"/>`}</svg></button>`;
}

function KeyForm({ onDone }) {
  const enter = (event) => { event.preventDefault(); key.set(new FormData(event.target).get("key").trim()); onDone(); };
  return html`<main class="wait"><form class="keyform" onSubmit=${enter}><h1>SyncLips Studio</h1>
    <label class="field">API key<input name="key" type="password" autocomplete="off" required placeholder="slk_…" /></label>
    ${key.get() && html`<p class="fault" role="alert">This key is not valid here.</p>`}
    <button class="primary">Open</button><p class="hint">Whoever runs this server makes keys with “synclips keys --create NAME”.</p></form></main>`;
}

render(html`<${Studio} />`, document.getElementById("app"));
