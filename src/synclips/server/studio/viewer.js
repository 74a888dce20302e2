// Source and result: one over the other, side by side or with a wipe, in step; below them the waveform with its words.
import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import WaveSurfer from "./vendor/wavesurfer.js";
import { local } from "./api.js";
import { beforeEdit, clock, fine, sourceTime } from "./words.js";

const VIEWS = [["result", "Result"], ["source", "Source"], ["both", "Side by side"], ["wipe", "Wipe"]];
const nonce = document.querySelector("meta[name=csp-nonce]").content;

export function Viewer({ asset, take }) {
  const done = take?.status === "COMPLETED";
  const [view, setView] = useState("result");
  const [wipe, setWipe] = useState(50);
  const [time, setTime] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [report, setReport] = useState(null);
  const [peaks, setPeaks] = useState(null);
  const result = useRef(null), source = useRef(null);
  const still = asset.type === "IMAGE";
  const fps = report?.fps || asset.fps || 25;
  const shown = done ? view : "source";
  const resultUrl = useMemo(() => (done ? local(take.outputUrl) : ""), [done, take?.id]);
  const sourceUrl = useMemo(() => local(asset.url), [asset.id]);
  const length = done ? take.outputDuration : asset.durationSeconds || 0;

  useEffect(() => {
    setReport(null); setPeaks(null); setTime(0); setPlaying(false);
    if (!done) return undefined;
    let over = false;
    const load = (url, set) => fetch(local(url)).then((a) => a.json()).then((value) => { if (!over) set(value); }).catch(() => {});
    load(take.reportUrl, setReport);
    load(take.peaksUrl, setPeaks);
    return () => { over = true; };
  }, [take?.id, done]);

  const main = () => (done ? result.current : source.current);

  // The source follows the result: at the moment that lies under it.
  const follow = (hard) => {
    const lead = result.current, other = source.current;
    if (!done || !lead || !other || still) return;
    const wanted = take.dialogueEdit ? beforeEdit(lead.currentTime, report?.spans || []) : sourceTime(lead.currentTime, asset.durationSeconds, take.options?.sync_mode || "", take.outputDuration);
    const backwards = wanted + 1e-3 < asset.durationSeconds && lead.currentTime > asset.durationSeconds;
    if (hard || backwards || Math.abs(other.currentTime - wanted) > 0.08) other.currentTime = wanted;
  };

  useEffect(() => {
    if (!playing) return undefined;
    let frame = 0;
    const step = () => {
      const lead = main();
      if (lead) setTime(lead.currentTime);
      follow(false);
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [playing, take?.id]);

  const toggle = () => {
    const lead = main();
    if (!lead) return;
    if (lead.paused) {
      if (lead.duration && lead.currentTime > lead.duration - 0.02) lead.currentTime = 0;
      lead.play().catch(() => {});
      if (done && !still) source.current?.play().catch(() => {});
    } else { lead.pause(); source.current?.pause?.(); }
  };

  const seek = (to) => {
    const lead = main();
    if (!lead) return;
    lead.currentTime = Math.min(Math.max(to, 0), Math.max(length - 0.001, 0));
    setTime(lead.currentTime);
    follow(true);
  };

  const stepBy = (frames) => {
    main()?.pause(); source.current?.pause?.();
    seek((Math.round((main()?.currentTime || 0) * fps) + frames) / fps + 0.0005);
  };

  useEffect(() => {
    const press = (event) => {
      if (event.target.closest("input, textarea, select, button, dialog, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === " ") { event.preventDefault(); toggle(); }
      if (event.key === "," || event.key === "ArrowLeft") stepBy(event.shiftKey ? -10 : -1);
      if (event.key === "." || event.key === "ArrowRight") stepBy(event.shiftKey ? 10 : 1);
      if (event.key === "Home") seek(0);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });

  const events = { onPlay: () => setPlaying(true), onPause: () => setPlaying(false), onEnded: () => { setPlaying(false); source.current?.pause?.(); } };
  const ratio = asset.width && asset.height ? `${asset.width} / ${asset.height}` : "16 / 9";
  const picture = still ? html`<img ref=${source} class="clip source" src=${sourceUrl} alt="The photograph" />`
    : html`<video ref=${source} class="clip source" src=${sourceUrl} preload="auto" playsinline muted=${done}
        onTimeUpdate=${() => !done && setTime(source.current.currentTime)} ...${done ? {} : events} aria-label="Source video"></video>`;

  return html`<section class="viewer" aria-label="Viewer">
    <div class="stage view-${shown}" style=${`--ratio:${ratio}; --wipe:${wipe}%`}>
      ${picture}
      ${done && html`<video key=${take.id} ref=${result} class="clip result" src=${resultUrl} preload="auto" playsinline
        onTimeUpdate=${() => { setTime(result.current.currentTime); if (result.current.paused) follow(true); }} ...${events} aria-label="Dubbed video"></video>`}
      ${shown === "wipe" && html`<div class="seam" aria-hidden="true"></div>
        <input class="wiper" type="range" min="0" max="100" value=${wipe} aria-label="Where source and result meet"
          onInput=${(event) => setWipe(Number(event.target.value))} />
        <span class="tag left" aria-hidden="true">Source</span><span class="tag right" aria-hidden="true">Result</span>`}
      ${shown === "both" && html`<span class="tag left" aria-hidden="true">Source</span><span class="tag center" aria-hidden="true">Result</span>`}
    </div>
    <div class="transport">
      <button class="round" onClick=${toggle} disabled=${still && !done} aria-label=${playing ? "Pause" : "Play"} title="Space">
        <svg viewBox="0 0 16 16" aria-hidden="true">${playing ? html`<path d="M4 2.500h3v11H4zM9 2.500h3v11H9z"/>` : html`<path d="M4.500 2.200v11.600L13.500 8z"/>`}</svg></button>
      <button class="plain" onClick=${() => stepBy(-1)} disabled=${still && !done} aria-label="One frame back" title=", or ←">‹</button>
      <button class="plain" onClick=${() => stepBy(1)} disabled=${still && !done} aria-label="One frame on" title=". or →">›</button>
      <output class="time" aria-label="Time">${fine(time)} <span>/ ${clock(length)}</span></output>
      <span class="fill"></span>
      ${done && html`<fieldset class="segmented"><legend class="hidden">What is shown</legend>
        ${VIEWS.map(([name, label]) => html`<label><input type="radio" name="view" value=${name} checked=${view === name}
          onChange=${() => setView(name)} /><span>${label}</span></label>`)}</fieldset>`}
    </div>
    ${done && peaks && html`<${Wave} key=${take.id} peaks=${peaks} length=${length} time=${time} onSeek=${seek} words=${wordsOf(report)} spans=${report?.spans || []} sync=${report?.sync} />`}
    ${done && report && html`<${Report} report=${report} />`}
  </section>`;
}

const wordsOf = (report) => {
  if (!report?.speech) return [];
  return report.speech.words?.length ? report.speech.words : (report.speech.lines || []).flatMap((line) => line.words || []);
};

function Wave({ peaks, length, time, onSeek, words, spans, sync }) {
  const place = useRef(null), wave = useRef(null);
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    wave.current = WaveSurfer.create({
      container: place.current, height: 64, peaks: [peaks], duration: length, cspNonce: nonce, interact: true,
      waveColor: style.getPropertyValue("--wave").trim(), progressColor: style.getPropertyValue("--accent").trim(),
      cursorColor: style.getPropertyValue("--ink").trim(), cursorWidth: 1, barWidth: 2, barGap: 1, barRadius: 1, normalize: true,
    });
    wave.current.on("interaction", (to) => onSeek(to));
    return () => wave.current.destroy();
  }, [peaks]);
  useEffect(() => { wave.current?.setTime(time); }, [time]);
  return html`<div class="wave">
    <div class="sound" ref=${place} role="img" aria-label="Waveform of the result"></div>
    ${spans.map((span) => html`<button class="span" style=${`left:${(100 * span.result_start) / length}%; width:${(100 * (span.result_end - span.result_start)) / length}%`}
      onClick=${() => onSeek(Math.max(0, span.result_start - 0.5))} aria-label=${`Changed: ${span.new || "words taken away"}`} title=${`“${span.said}” became “${span.new}”`}></button>`)}
    ${words.length > 0 && html`<div class="words" aria-label="Words and their times">
      ${words.map(([word, start, end]) => html`<button style=${`left:${(100 * start) / length}%; width:${(100 * (end - start)) / length}%`}
        class=${time >= start && time < end ? "now" : ""} onClick=${() => onSeek(start)} title=${`${fine(start)} – ${fine(end)}`}><span>${word}</span></button>`)}</div>`}
    ${sync && html`<${SyncCurve} sync=${sync} length=${length} time=${time} />`}
  </div>`;
}

// How well lips and sound go together along the take: a line where they do, broken where nothing is said.
const TOP = 0.6;
function SyncCurve({ sync, length, time }) {
  const at = (index) => (100 * index * sync.step) / Math.max(length, 0.01);
  const up = (score) => 30 - (28 * Math.min(Math.max(score, 0), TOP)) / TOP;
  const runs = [];
  sync.scores.forEach((score, index) => {
    if (score === null) return;
    if (!index || sync.scores[index - 1] === null) runs.push([]);
    runs.at(-1).push([Math.min(at(index), 100), up(score)]);
  });
  const said = sync.scores.filter((score) => score !== null);
  const share = Math.round((100 * said.filter((score) => score >= sync.sure).length) / said.length);
  const now = sync.scores[Math.round(time / sync.step)];
  const word = now === undefined || now === null ? "–" : now.toFixed(2);
  return html`<div class="sync">
    <svg viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label=${`Sync of lips and sound: ${sync.mean.toFixed(2)} in the mean; sure for ${share} % of the speech`}>
      <line class="sure" x1="0" x2="100" y1=${up(sync.sure)} y2=${up(sync.sure)} />
      ${runs.map((run) => html`<g><polygon points=${`${run[0][0]},30 ${run.map((point) => point.join(",")).join(" ")} ${run.at(-1)[0]},30`} />
        <polyline points=${(run.length > 1 ? run : [run[0], [run[0][0] + 0.5, run[0][1]]]).map((point) => point.join(",")).join(" ")} /></g>`)}
    </svg>
    <p class="synclabel" title=${`How much likelier the sound goes with these lips than with others: 0 is chance; from ${sync.sure} (the dashed line) on they surely go together.`}>
      <b>Sync</b> ${word} <span>mean ${sync.mean.toFixed(2)} · sure for ${share} % of the speech</span></p>
  </div>`;
}

function Report({ report }) {
  const { speech } = report;
  const rows = [
    ["Result", `${report.width} × ${report.height}, ${Number(report.fps).toFixed(2).replace(/\.?0+$/, "")} frames/s, ${report.duration} s, made in ${Math.round(report.seconds)} s`],
    report.spans && ["Edited", report.spans.map((span) => `“${span.said}” → “${span.new}”`).join("; ")],
    report.frames_copied > 0 && ["Copied as bits", `${report.frames_copied} of ${report.frames} frames`],
    speech?.synthesizer && ["Voice", speech.synthesizer + (speech.converter ? `, turned into the voice of the video` : "")],
    speech?.similarity_after && ["Likeness of the voice", `${speech.similarity_before?.toFixed(2)} before, ${speech.similarity_after.toFixed(2)} after (1 is the same)`],
    report.face?.of && ["Face", `number ${report.face.number} of ${report.face.of}`],
    report.frames_without_face?.length && ["Frames without a face", `${report.frames_without_face.length}, left as they were`],
    ["Provenance", report.provenance],
    ["Program", `SyncLips ${report.version}, ${report.device}, ${report.precision}`],
  ].filter(Boolean);
  return html`<details class="report"><summary>Report and provenance${report.notes?.length ? html` <span class="count">${report.notes.length} note${report.notes.length > 1 ? "s" : ""}</span>` : ""}</summary>
    <dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    ${report.notes?.length > 0 && html`<ul>${report.notes.map((note) => html`<li>${note}</li>`)}</ul>`}
  </details>`;
}
