// Words, times and scripts as people write them.

export const clock = (seconds) => {
  if (!Number.isFinite(seconds)) return "0:00";
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

export const fine = (seconds) => `${clock(seconds)}.${String(Math.floor((seconds % 1) * 100)).padStart(2, "0")}`;

export const left = (seconds) => {
  if (seconds === undefined || seconds === null) return "";
  if (seconds < 8) return "a few seconds left";
  if (seconds < 90) return `about ${Math.round(seconds / 5) * 5} s left`;
  return `about ${Math.round(seconds / 60)} min left`;
};

export const size = (bytes) => (bytes > 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes > 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);

export const STAGES = {
  "": "Waiting for a worker", "fetch": "Fetching the files", "find the face": "Finding the face",
  "find who speaks": "Finding who speaks", "speak": "Speaking the line", "speak the script": "Speaking the lines",
  "listen": "Listening", "learn the voice": "Learning the voice", "speak the new words": "Speaking the new words", "convert the voice": "Matching the voice", "render": "Moving the lips", "measure": "Measuring",
};

export const MODES = [
  ["", "End with the speech", "The video ends when the line does; if the line is longer, the video runs back and forth."],
  ["cut_off", "Stop at the shorter", "Whichever ends first ends the result."],
  ["silence", "Keep the whole video", "The rest of the video stays, in silence."],
  ["loop", "Start the video over", "If the line is longer, the video begins again."],
  ["bounce", "Run back and forth", "If the line is longer, the video runs backwards, then forwards."],
  ["remap", "Stretch the video", "The video is made slower or faster to fit the line."],
];

// Which moment of the source is under a moment of the result, for a source of `length` seconds.
export function sourceTime(time, length, mode, total) {
  if (!length) return 0;
  if (mode === "remap") return Math.min(time * (length / Math.max(total, 0.01)), length);
  if (time < length) return time;
  if (mode === "loop") return time % length;
  const turn = time % (2 * length);
  return turn < length ? turn : 2 * length - turn;
}

// Which moment of the source is under a moment of a video whose words were edited.
export function beforeEdit(time, spans) {
  let shift = 0;
  for (const span of spans) {
    if (time < span.result_start) break;
    if (time < span.result_end) return span.start + ((time - span.result_start) * (span.end - span.start)) / Math.max(span.result_end - span.result_start, 0.01);
    shift = span.end - span.result_end;
  }
  return time + shift;
}

const TIME = String.raw`(?:\d+:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?|\d+(?:[.,]\d{1,3})?`;
const RANGE = new RegExp(String.raw`^\s*(${TIME})\s*(?:-->|[-–—])\s*(${TIME})\s*(.*)$`);

const seconds = (text) => text.replace(",", ".").split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

// SubRip, WebVTT, or lines such as `0:01 - 0:03 Hello there.`; what has no times is joined to the line before.
export function readScript(text) {
  const lines = [];
  for (const row of text.split(/\r?\n/)) {
    const found = RANGE.exec(row);
    if (found) lines.push({ start: seconds(found[1]), end: seconds(found[2]), text: found[3].replace(/^(?:[a-z]+:\S+\s*)+/, "") });
    else if (!row.trim() || /^\d+$/.test(row.trim()) || /^(WEBVTT|NOTE|STYLE)/.test(row)) continue;
    else if (lines.length) lines.at(-1).text = `${lines.at(-1).text} ${row.trim()}`.trim();
  }
  return lines.map((line) => ({ ...line, text: line.text.replace(/<[^>]*>/g, "").trim() })).filter((line) => line.text);
}

export function scriptFault(lines, duration) {
  for (const [index, line] of lines.entries()) {
    const name = `Line ${index + 1} (${fine(line.start)})`;
    if (line.end - line.start < 0.2) return `${name} ends before it can be said.`;
    if (duration && line.start > duration - 0.2) return `${name} begins after the video, which ends at ${fine(duration)}.`;
    if (index && line.start < lines[index - 1].end) return `${name} begins before line ${index} ends.`;
  }
  return "";
}
