// A take that is being made: how far it is, its newest frame, and what is done so far, to be played.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { local } from "./api.js";
import { STAGES, left } from "./words.js";

export function Working({ take, onCancel }) {
  const [picture, setPicture] = useState("");
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!take.liveUrl) return undefined;
    const timer = setInterval(() => setPicture(`${local(take.liveUrl)}&at=${Date.now()}`), 1000);
    return () => clearInterval(timer);
  }, [take.id, Boolean(take.liveUrl)]);
  const percent = Math.round(take.progress * 100);
  return html`<section class="working-on" aria-label="Progress">
    ${picture && !playing && html`<img src=${picture} alt="The newest frame" onError=${(event) => { event.target.hidden = true; }} onLoad=${(event) => { event.target.hidden = false; }} />`}
    <div><p role="status"><b>${STAGES[take.status === "PENDING" ? "" : take.stage] || take.stage}</b> <span>${[percent ? `${percent} %` : "", left(take.eta)].filter(Boolean).join(" · ")}</span></p>
      <progress value=${take.progress || null} max="1" aria-label="Progress of the dub"></progress></div>
    ${take.previewUrl && html`<button onClick=${() => setPlaying(!playing)} aria-expanded=${playing}>${playing ? "Hide" : "Play what is done"}</button>`}
    <button onClick=${onCancel}>Cancel</button>
    ${playing && take.previewUrl && html`<${SoFar} key=${take.id} url=${local(take.previewUrl)} />`}
  </section>`;
}

// The pieces that are done, joined. When they have been played and there are more, playing goes on with them.
function SoFar({ url }) {
  const video = useRef(null), pieces = useRef([]), count = useRef(0), shown = useRef(0);
  const [fault, setFault] = useState("");
  const [, redraw] = useState(0);

  const fetchMore = async () => {
    const answer = await fetch(`${url}&from=${count.current}`).catch(() => null);
    if (!answer?.ok) return;
    const more = await answer.blob();
    if (Number(answer.headers.get("x-pieces")) <= count.current || !more.size) return;
    pieces.current.push(more);
    count.current = Number(answer.headers.get("x-pieces"));
    redraw(count.current);
  };
  const show = (at) => {
    const player = video.current;
    if (!player || !count.current || shown.current === count.current) return;
    shown.current = count.current;
    if (player.src) URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(new Blob(pieces.current, { type: "video/mp4" }));
    player.currentTime = at;
    player.play().catch(() => {});
  };
  useEffect(() => {
    let over = false;
    const step = async () => {
      await fetchMore();
      if (over) return;
      const player = video.current;
      if (player && (!player.src || player.ended)) show(player.src ? player.currentTime : 0);
      setTimeout(step, 1000);
    };
    step();
    return () => { over = true; if (video.current?.src) URL.revokeObjectURL(video.current.src); };
  }, [url]);

  return html`<div class="sofar">
    <video ref=${video} controls playsinline aria-label="What is done so far" onError=${() => setFault("This browser cannot play it.")}></video>
    <small role="status">${fault || (count.current ? `About ${count.current} s are done; more is added while it plays.` : "Nothing to be played yet.")}</small>
  </div>`;
}
